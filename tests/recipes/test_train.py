"""`course train`: what it makes says what made it, and an interruption loses nothing."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from course_lib import training, words, world
from course_lib.errors import CourseError
from course_lib.models import load_denoiser
from course_lib.pipeline import shipped_pipeline
from course_tools import cli
from course_tools.recipes import draw, train
from course_tools.recipes import words as recipes_words
from course_tools.recipes.run import Renders
from tests.library.test_pipeline import tiny_words


@pytest.fixture
def tiny(monkeypatch) -> None:
    """The recipe of the shipped model, for a model and a training of seconds."""
    monkeypatch.setattr(words, "shipped_words", tiny_words)
    monkeypatch.setattr(draw, "MODEL", {"predicts": "velocity", "fold": 2, "widths": (8, 8)})
    monkeypatch.setattr(draw, "WHOLE", draw.WHOLE | {"steps": 6, "batch": 4})
    monkeypatch.setattr(draw, "WHOLE_UNTIL", 5)
    monkeypatch.setattr(draw, "PARTS", draw.PARTS | {"steps": 4, "batch": 4})
    monkeypatch.setattr(draw, "SETTINGS", replace(draw.SETTINGS, steps=2))
    monkeypatch.setattr(draw, "EXAM", {"each": 1, "many": 20})
    monkeypatch.setattr(draw, "RENDERS", 1)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_made_draws_and_says_what_made_it(tiny, tmp_path, capsys):
    path = tmp_path / "draw.safetensors"
    assert cli.main(["train", "draw", "-o", str(path), "--device", "cpu"]) == 0
    assert str(path) in capsys.readouterr().out
    assert files(tmp_path) == ["draw.safetensors"]
    recipe = load_denoiser(path)[1]
    assert recipe["command"] == "course train draw"
    assert {"seed", "device", "training", "pictures", "draw", "scores"} <= recipe.keys()
    assert [part["steps"] for part in recipe["training"].values()] == [6, 4]
    assert recipe["scores"]["loss"] > 0
    assert recipe["scores"]["real"]["all"] > 0.9
    assert recipe["scores"]["held out"]["all"] < 0.5  # six steps of training teach it nothing
    assert recipe["scores"]["distance"] > recipe["scores"]["distance of real"] > 0
    assert recipe["scores"]["by caption"].keys() == {scene.caption for scene in world.held_out_scenes()}
    assert shipped_pipeline(path).draw("Plane flying over grass", 2).shape == (2, 3, 32, 32)


@pytest.mark.parametrize("steps_before", [4, 6])
def test_an_interrupted_run_goes_on_to_the_same_weights(tiny, tmp_path, interrupted_after, capsys, steps_before):
    straight, path = tmp_path / "straight.safetensors", tmp_path / "draw.safetensors"
    train.train("draw", output=straight)
    with interrupted_after(steps_before):  # of five with whole captions and four with parts
        assert cli.main(["train", "draw", "-o", str(path)]) == 130
    assert "the same command goes on from there" in capsys.readouterr().err
    assert "draw.run.safetensors" in files(tmp_path)
    assert "draw.safetensors" not in files(tmp_path)
    train.train("draw", output=path)
    assert files(tmp_path) == ["draw.safetensors", "straight.safetensors"]
    (one, _), (other, _) = load_denoiser(straight), load_denoiser(path)
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())


def test_a_run_stopped_before_its_last_save_needs_no_step_more(tiny, tmp_path, monkeypatch):
    path = tmp_path / "draw.safetensors"

    def full_disk(model, to, **rest):
        if to == path:
            raise CourseError("The checkpoint could not be written; free some space.")
        real(model, to, **rest)

    real, steps = draw.save_model, []
    monkeypatch.setattr(draw, "save_model", full_disk)
    with pytest.raises(CourseError, match="free some space"):
        train.train("draw", output=path)
    assert path.name not in files(tmp_path)
    monkeypatch.setattr(draw, "save_model", real)
    monkeypatch.setattr(training, "denoising_error", lambda *_, **__: steps.append(1))
    train.train("draw", output=path)
    assert steps == []
    assert files(tmp_path) == ["draw.safetensors"]


def test_what_the_model_learns_from_was_not_held_out(tiny, tmp_path, monkeypatch):
    shown = []
    real = Renders.__getitem__

    def watch(self, indices):
        shown.extend(self.scenes)
        return real(self, indices)

    monkeypatch.setattr(Renders, "__getitem__", watch)
    train.train("draw", output=tmp_path / "draw.safetensors")
    assert shown
    assert not any(scene.held_out for scene in shown)


def test_the_shipped_model_draws_within_10_calls_of_the_network(tiny):
    steps = draw.SETTINGS.steps
    low, high = draw.SETTINGS.guidance_between
    assert steps + sum(low <= (steps - done) / steps <= high for done in range(steps)) <= 10


def test_the_words_are_made_and_stored(tmp_path, monkeypatch):
    monkeypatch.setattr(recipes_words, "train_words", lambda sentences: tiny_words())
    monkeypatch.setattr(recipes_words, "analogy_score", lambda *_: 0.5)
    path = tmp_path / "words.safetensors"
    line = train.train("words", output=path)
    assert '"analogies": 0.5' in line
    assert words.load_words(path)[0].vocabulary == tiny_words().vocabulary


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["unicorn"], "there is no recipe 'unicorn'; there are words"),
        (["draw", "-o", "model.pt"], "end it in .safetensors"),
        (["draw", "--device", "abacus"], "no device 'abacus'"),
    ],
)
def test_what_can_not_be_made_is_said_in_one_sentence(arguments, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", *arguments]) == 1
    printed = capsys.readouterr().err
    assert sentence in printed
    assert printed.count("\n") == 1
    assert files(tmp_path) == []


def test_a_folder_that_can_not_be_written_is_said_in_one_sentence(tiny, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CourseError, match="could not be written"):
        train.train("draw", output=tmp_path / "file" / "draw.safetensors")


def test_the_best_device_is_taken_unless_one_is_named(monkeypatch):
    monkeypatch.setattr(training, "best_device", lambda: torch.device("meta"))
    assert train.chosen_device(None).type == "meta"
    assert train.chosen_device("cpu").type == "cpu"


def test_half_of_the_ways_to_say_a_scene_are_its_caption_and_the_others_keep_their_offsets():
    vectors = words.shipped_words()

    def key(text, offset):
        return words.caption_key(vectors, text, offset=offset)

    *whole, earlier, later, without_subject, without_place = draw.ways_to_say(world.parse("black cat sitting on grass"))
    assert len(whole) == 4
    caption = "Black cat sitting on grass"
    for way, wanted in (
        *((way, key(caption, 1)) for way in whole),
        (earlier, key(caption, 0)),
        (later, key(caption, 2)),
        (without_subject, key("sitting on grass", 3)),
        (without_place, key("black cat sitting on", 1)),
    ):
        assert torch.allclose(way, wanted, atol=1e-5)
