"""Stored tensors: whole or not at all, refused in one sentence, and read whatever version wrote them."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from course_lib import checkpoints
from course_lib.errors import CourseError
from course_lib.models import Denoiser, load_denoiser
from course_lib.pictures import to_pixels
from course_tools.recipes.run import save_model, to_bytes
from tests.library.test_training import small


@pytest.mark.parametrize("keep", [0, 5, 200, -1])
def test_a_checkpoint_cut_short_is_refused_in_one_sentence(tmp_path, keep):
    path = tmp_path / "run.safetensors"
    save_model(small(), path, recipe={})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CourseError, match="not a whole checkpoint"):
        load_denoiser(path)


def test_a_file_that_is_no_checkpoint_of_ours_is_refused_in_one_sentence(tmp_path):
    path = tmp_path / "other.safetensors"
    for metadata in (None, {"recipe": "not json"}, {"recipe": "{}"}, {"recipe": json.dumps({"model": {"wide": 3}})}):
        save_file({"weight": torch.zeros(3)}, path, metadata=metadata)
        with pytest.raises(CourseError, match=r"checkpoint|version"):
            load_denoiser(path)
    with pytest.raises(CourseError, match="no checkpoint"):
        load_denoiser(tmp_path / "missing.safetensors")
    with pytest.raises(CourseError, match="not a whole checkpoint"):
        load_denoiser(tmp_path)


def test_weights_of_another_shape_are_refused_in_one_sentence(tmp_path):
    path = tmp_path / "run.safetensors"
    save_model(small(), path, recipe={})
    tensors = load_file(path)
    wrong = {"recipe": json.dumps({"model": Denoiser(fold=2, widths=(24, 24)).config})}
    save_file(tensors, path, metadata=wrong)
    with pytest.raises(CourseError, match="another version"):
        load_denoiser(path)


FULL_DISK = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from course_lib.errors import CourseError
from tests.library.test_checkpoints import save_model, small
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    save_model(small(), sys.argv[1], recipe={})
except CourseError as error:
    print(error)
"""


@pytest.mark.unix
def test_a_full_disk_is_one_sentence_and_the_checkpoint_that_was_there_stays(tmp_path):
    path = tmp_path / "run.safetensors"
    path.write_bytes(b"the one before")
    done = subprocess.run([sys.executable, "-c", FULL_DISK, path], capture_output=True, text=True, check=True)
    assert "could not be written" in done.stdout
    assert path.read_bytes() == b"the one before"
    assert [file.name for file in tmp_path.iterdir()] == ["run.safetensors"]


def test_a_checkpoint_in_a_folder_that_is_none_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CourseError, match="could not be written"):
        save_model(small(), tmp_path / "file" / "run.safetensors", recipe={})


def test_what_earlier_versions_stored_is_read_in_todays_names(tmp_path):
    path = tmp_path / "old.safetensors"
    restorer = {"predicts": "picture", "fold": 4, "widths": [8, 8], "key_size": 0, "beside": True}
    training = {"part": {"steps": 3, "amounts": "bell", "average": 0.9}, "other": {"amounts": "even"}}
    stored = {"model": restorer, "training": training, "scores": [{"average": 0.5}]}
    names = ("model.enter.weight", "averaged.grow.0.bias", "optimizer.mean.leave.2.weight", "100 with, drawn")
    checkpoints.save({name: torch.zeros(1) for name in names}, path, recipe=stored)
    tensors, recipe = checkpoints.load(path)
    assert set(tensors) == {
        "model.conv_in.weight", "ema.upsample.0.bias", "optimizer.mean.conv_out.2.weight", "100 with, drawn",
    }  # fmt: skip
    assert recipe["model"] == {"predicts": "picture", "fold": 4, "widths": [8, 8]}
    assert recipe["training"] == {
        "part": {"steps": 3, "amounts": "logit-normal", "ema_decay": 0.9}, "other": {"amounts": "uniform"},
    }  # fmt: skip
    assert recipe["scores"] == [{"average": 0.5}]


def test_pictures_take_a_byte_a_colour_and_come_back_within_half_a_level_weights_as_they_were(tmp_path):
    path = tmp_path / "drawn.safetensors"
    pictures = torch.randn(40, 3, 8, 8, generator=torch.Generator().manual_seed(0))  # some beyond -1 and 1
    weights = {"whole": torch.randn(3, 3), "half": torch.randn(2, 3, 4, 4).half(), "steps": torch.tensor([300])}
    checkpoints.save(to_bytes({"drawn": pictures}) | weights, path, recipe={})
    assert load_file(path)["drawn"].dtype == torch.uint8
    tensors, _ = checkpoints.load(path)
    assert tensors.keys() == weights.keys() | {"drawn"}
    for name, value in weights.items():
        assert tensors[name].dtype == value.dtype
        assert torch.equal(tensors[name], value)
    assert tensors["drawn"].dtype == torch.float32
    assert tensors["drawn"].shape == pictures.shape
    assert (tensors["drawn"] - pictures.clamp(-1, 1)).abs().max() < 1 / 255 + 1e-6
    assert np.array_equal(to_pixels(tensors["drawn"]), to_pixels(pictures))  # and so the same on every screen


SHOWN = ("augmentation", "captions", "copies", "library", "order", "sharing", "style", "votes")


@pytest.mark.parametrize("name", SHOWN)
def test_the_pictures_that_come_with_the_course_are_stored_as_bytes(name):
    stored = load_file(checkpoints.SHIPPED / f"{name}.safetensors")
    tensors, _ = checkpoints.load_shipped(name)
    pictures = {one for one, value in stored.items() if value.shape[1:] == (3, 32, 32)}
    assert pictures
    assert {one for one, value in stored.items() if value.dtype == torch.uint8} == pictures
    assert all(-1 <= tensors[one].min() < tensors[one].max() <= 1 for one in pictures)
