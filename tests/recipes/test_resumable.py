"""A training that is killed goes on to the same weights, to the bit, be it one that an earlier version began."""

import copy
import lzma
import random
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from course_lib.errors import CourseError
from course_lib.models import Denoiser, load_denoiser
from course_lib.optimizers import OPTIMIZERS
from course_lib.training import DenoisingLoss, train
from course_tools.recipes.run import resumable
from tests.library.test_training import KEYS, PHOTO, TWO, Numbered, keyed, run, same, small

SMALL = DenoisingLoss(PHOTO, batch=4)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("stopped_after", [3, 4, 9])
def test_a_run_with_keys_and_a_mean_that_was_stopped_ends_at_the_same_weights(tmp_path, stopped_after, optimizer):
    loss = DenoisingLoss(Numbered(TWO), KEYS, 6, amounts="logit-normal")
    how = {"steps": 12, "seed": 0, "optimizer": optimizer}
    path = tmp_path / "run.safetensors"

    def steps(model, ema_model):
        return resumable(model, loss, checkpoint=path, save_every=4, ema_model=ema_model, **how)

    straight, mean = keyed(), keyed()
    list(train(straight, loss, ema_model=mean, **how))
    list(islice(steps(keyed(), keyed()), stopped_after))
    seed = 0 if stopped_after < 4 else 9  # once there is a checkpoint, all must come from it
    again, again_mean = keyed(seed), keyed(seed)
    left = list(steps(again, again_mean))
    assert left[0].number == stopped_after // 4 * 4 + 1
    assert same(again, straight)
    assert same(again_mean, mean)
    assert not same(mean, straight)


@pytest.mark.parametrize(
    "change", [{"keys": -KEYS}, {"keys": None}, {"drop_key": 0.2}, {"amounts": "logit-normal"},
               {"ema_model": None}, {"optimizer": "muon"}, {"ema_decay": 0.9}, {"pictures": Numbered(TWO, "others")}],
)  # fmt: skip
def test_a_checkpoint_of_a_run_with_other_keys_is_refused(tmp_path, change):
    def steps(**change):
        asked = {"pictures": Numbered(TWO), "keys": KEYS}
        asked |= {name: change.pop(name) for name in ("pictures", "keys", "drop_key", "amounts") if name in change}
        how = {"steps": 2, "seed": 0, "checkpoint": tmp_path / "run.safetensors", "ema_model": keyed()} | change
        return resumable(keyed(), DenoisingLoss(**asked), **how)

    list(steps())
    with pytest.raises(CourseError, match="another run"):
        next(steps(**change))


@pytest.mark.parametrize("stopped_after", [1, 5, 8, 11])
def test_a_run_that_was_stopped_and_goes_on_ends_at_the_same_weights(tmp_path, stopped_after):
    path = tmp_path / "run.safetensors"
    list(islice(resumable(small(), SMALL, steps=12, seed=0, checkpoint=path, save_every=4), stopped_after))
    again = small(seed=9)  # other weights: all must come from the checkpoint
    if stopped_after < 4:
        assert not path.exists()
        again = small()
    steps = list(resumable(again, SMALL, steps=12, seed=0, checkpoint=path, save_every=4))
    assert steps[0].number == stopped_after // 4 * 4 + 1
    assert same(again, run(small()))


def test_a_finished_run_has_nothing_left_to_do(tmp_path):
    path = tmp_path / "run.safetensors"
    model = small()
    list(resumable(model, SMALL, steps=12, seed=0, checkpoint=path))
    again = small(seed=9)
    assert list(resumable(again, SMALL, steps=12, seed=0, checkpoint=path)) == []
    assert same(model, again)


def test_a_checkpoint_says_what_made_it_and_loads_as_the_same_model(tmp_path):
    path = tmp_path / "deep" / "run.safetensors"
    model = small("velocity")
    list(resumable(model, SMALL, steps=12, seed=0, checkpoint=path))
    loaded, recipe = load_denoiser(path)
    assert same(model, loaded)
    assert loaded.predicts == "velocity"
    assert {"steps": 12, "seed": 0, "batch": 4, "learning_rate": 2e-3, "step": 12}.items() <= recipe.items()
    assert [file.name for file in path.parent.iterdir()] == ["run.safetensors"]


@pytest.mark.parametrize(
    "change", [{"steps": 13}, {"seed": 1}, {"batch": 5}, {"learning_rate": 1e-3}, {"pictures": -PHOTO}]
)
def test_a_checkpoint_of_another_run_is_refused_and_left_alone(tmp_path, change):
    path = tmp_path / "run.safetensors"
    list(resumable(small(), SMALL, steps=12, seed=0, checkpoint=path))
    before = path.read_bytes()
    how = {"steps": 12, "seed": 0, "batch": 4, "pictures": PHOTO} | change
    loss = DenoisingLoss(how.pop("pictures"), batch=how.pop("batch"))
    with pytest.raises(CourseError, match="another run"):
        next(resumable(small(), loss, checkpoint=path, **how))
    assert path.read_bytes() == before


OLD = Path(__file__).parent / "stored_by_0_1_0"  # what that version had stored after the first step


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_run_that_version_0_1_0_began_goes_on_to_the_weights_it_would_have_come_to(tmp_path, optimizer):
    """Its layers, amounts and averages had other names."""
    torch.manual_seed(0)
    model = Denoiser(predicts="velocity", fold=1, widths=(8, 8), key_size=1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.1 * parameter.sign())  # so the file is small
    ema_model, straight, straight_ema = (copy.deepcopy(model) for _ in range(3))
    loss = DenoisingLoss(TWO[..., :4, :4], torch.tensor([[-1.0], [1.0]]), batch=6, amounts="logit-normal")
    how = {"steps": 12, "seed": 0, "learning_rate": 0.05, "ema_decay": 0.9, "optimizer": optimizer}
    list(train(straight, loss, ema_model=straight_ema, **how))
    path = tmp_path / "old.run.safetensors"
    path.write_bytes(lzma.decompress((OLD / f"{optimizer}.run.safetensors.xz").read_bytes()))
    for parameter in (*model.parameters(), *ema_model.parameters()):
        nn.init.zeros_(parameter)  # all must come from the file
    left = list(resumable(model, loss, ema_model=ema_model, checkpoint=path, **how))
    assert left[0].number == 2
    for ours, expected in ((model, straight), (ema_model, straight_ema)):
        for value, right in zip(ours.parameters(), expected.parameters(), strict=True):
            assert torch.allclose(value, right, atol=1e-4)  # on the machine that stored it they are the same


LONG_RUN = """
import sys
from pathlib import Path
from tests.recipes.test_resumable import SMALL, resumable, small
for step in resumable(small(), SMALL, steps=400, seed=0, checkpoint=Path(sys.argv[1]), save_every=3):
    print(step.number, flush=True)
"""


@pytest.mark.unix
@pytest.mark.slow
def test_a_run_killed_at_ten_random_moments_ends_at_the_same_weights(tmp_path):
    """Any moment: in a step, while the checkpoint is written, before the first one."""
    path = tmp_path / "run.safetensors"
    moment = random.Random(0)
    first_steps = []
    for _ in range(10):
        process = subprocess.Popen([sys.executable, "-c", LONG_RUN, path], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        numbers = [int(process.stdout.readline()) for _ in range(moment.randint(1, 30))]
        time.sleep(moment.uniform(0, 0.03))  # about a step: so that it dies anywhere in one
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, "the run ended before it was killed: make it longer"
        first_steps.append(numbers[0])
    assert first_steps == sorted(first_steps)
    assert first_steps[-1] > 50, "the kills came too early to test anything"
    undisturbed = tmp_path / "undisturbed.safetensors"
    for file in (path, undisturbed):
        subprocess.run([sys.executable, "-c", LONG_RUN, file], check=True, stdout=subprocess.DEVNULL)
    killed, recipe = load_denoiser(path)
    assert recipe["step"] == 400
    assert same(killed, load_denoiser(undisturbed)[0])
    left, right = load_file(path), load_file(undisturbed)  # the optimizer's memory too
    assert left.keys() == right.keys()
    assert all(torch.equal(value, right[name]) for name, value in left.items())
