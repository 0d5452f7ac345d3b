"""Several processes train one model together, as torchrun starts them: two on this machine, through Gloo."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from course_lib.checkpoints import load
from course_lib.errors import CourseError
from course_lib.models import Denoiser
from course_lib.training import DenoisingLoss, train
from course_tools import cli
from course_tools.recipes import distributed
from course_tools.recipes.run import local_loss, prefixed_state

PICTURES = torch.rand(40, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
KEYS = torch.randn(8, 3, 5, generator=torch.Generator().manual_seed(1))


def small() -> Denoiser:
    torch.manual_seed(0)
    return Denoiser(predicts="velocity", fold=2, widths=(16, 16), key_size=5)


def started(count: int, checkout: Path, *command: object) -> subprocess.CompletedProcess[str]:
    """A Python module in so many processes that torchrun starts, or in one that is alone."""
    several = ["torch.distributed.run", "--standalone", f"--nproc-per-node={count}", "-m"] if count > 1 else []
    return subprocess.run(
        [sys.executable, "-m", *several, *map(str, command)], cwd=checkout, capture_output=True, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(checkout)},
    )  # fmt: skip


def apart(one: Path, other: Path) -> float:
    """The largest difference of any weight."""
    (tensors, _), (others, _) = load(one), load(other)
    assert tensors.keys() == others.keys()
    return max(float((value - others[name]).abs().max()) for name, value in tensors.items())


@pytest.fixture(scope="module")
def alone(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process comes to."""
    out = tmp_path_factory.mktemp("alone") / "alone.safetensors"
    done = started(1, checkout, "tests.support.together", out, out.with_name("kept"))
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def two(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes come to, each with half of every batch."""
    out = tmp_path_factory.mktemp("two") / "two.safetensors"
    done = started(2, checkout, "tests.support.together", out, out.with_name("kept"))
    assert done.returncode == 0, done.stderr
    assert {line.split()[0] for line in done.stdout.splitlines()} == {"0", "1"}
    losses = {process: [line[2:] for line in done.stdout.splitlines() if line[0] == process] for process in "01"}
    assert losses["0"] == losses["1"]  # the mean of both, not each one's own
    return out


@pytest.mark.slow
@pytest.mark.xdist_group("processes")
class TestTwoProcesses:
    def test_they_come_to_the_weights_of_one_with_twice_the_batch(self, alone, two):
        assert apart(alone, two) < 1e-5
        begun = prefixed_state(small(), prefix="model")
        tensors, recipe = load(two)
        assert recipe["wrote"] == 0
        assert max(float((tensors[name] - value).abs().max()) for name, value in begun.items()) > 1e-3

    def test_so_do_those_that_learn_by_muon(self, alone, checkout, tmp_path):
        outs = [tmp_path / f"{count}.safetensors" for count in (1, 2)]
        for count, out in enumerate(outs, start=1):
            done = started(count, checkout, "tests.support.together", out, out.with_name(f"kept{count}"), 0, "muon")
            assert done.returncode == 0, done.stderr
        assert apart(*outs) < 1e-5
        assert apart(alone, outs[0]) > 1e-3  # Adam's are others

    def test_half_the_batch_alone_comes_to_other_weights(self, alone):
        model = small()
        loss = DenoisingLoss(PICTURES, KEYS, batch=8, amounts="logit-normal")
        for _ in train(model, loss, steps=24, seed=0):
            pass
        whole = load(alone)[0]
        state = prefixed_state(model, prefix="model")
        apart = max(float((value - whole[name]).abs().max()) for name, value in state.items())
        assert apart > 1e-3

    def test_killed_they_go_on_to_the_same_weights_and_so_does_one_alone(self, checkout, tmp_path, alone, two):
        kept = tmp_path / "kept"
        done = started(2, checkout, "tests.support.together", tmp_path / "none", kept, 12)
        assert done.returncode != 0
        assert load(kept)[1]["step"] == 10
        stopped = kept.read_bytes()
        done = started(2, checkout, "tests.support.together", tmp_path / "again", kept)
        assert done.returncode == 0, done.stderr
        assert "0 10 " not in done.stdout
        assert apart(tmp_path / "again", two) == 0
        kept.write_bytes(stopped)
        assert started(1, checkout, "tests.support.together", tmp_path / "one", kept).returncode == 0
        assert apart(tmp_path / "one", alone) < 1e-5

    def test_machines_that_do_not_see_the_same_checkpoint_are_told_so(self, checkout, tmp_path, two):
        kept = two.with_name("kept").read_bytes()
        (tmp_path / "kept0").write_bytes(kept)
        done = started(2, checkout, "tests.support.together", tmp_path / "none", tmp_path / "kept{}")
        assert done.returncode != 0
        assert "keep it in a folder that all of them share" in done.stderr

    def test_course_train_says_what_it_made_once(self, checkout, tmp_path):
        done = started(2, checkout, "course_tools.cli", "train", "words", "-o", tmp_path / "words.safetensors")
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("words.safetensors: {") == 1
        assert [path.name for path in tmp_path.iterdir()] == ["words.safetensors"]


def test_the_parts_of_a_batch_have_together_the_loss_and_the_gradient_of_the_whole(monkeypatch):
    model = small()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05)  # a new model says nothing, so that most gradients would be 0

    def asked(rank: int, count: int) -> tuple[float, torch.Tensor]:
        model.zero_grad()
        monkeypatch.setattr(distributed, "rank_and_world_size", lambda: (rank, count))
        monkeypatch.setattr(distributed, "wrap_ddp", lambda model: model)
        whole = DenoisingLoss(PICTURES, KEYS, batch=12, drop_key=0.3, amounts="logit-normal")
        loss = local_loss(model, whole)(model, torch.Generator().manual_seed(3))
        loss.backward()
        return loss.item(), torch.cat([parameter.grad.flatten() for parameter in model.parameters()])

    loss, gradient = asked(0, 1)
    parts = [asked(rank, 3) for rank in range(3)]
    assert len({round(one, 6) for one, _ in parts}) == 3
    assert sum(one for one, _ in parts) / 3 == pytest.approx(loss, rel=1e-5)
    assert torch.allclose(sum(one for _, one in parts) / 3, gradient, rtol=1e-3, atol=1e-5)


def test_a_batch_that_can_not_be_shared_evenly_is_refused(monkeypatch):
    monkeypatch.setattr(distributed, "rank_and_world_size", lambda: (0, 3))
    with pytest.raises(CourseError, match="8 pictures can't be shared evenly by 3 processes"):
        local_loss(small(), DenoisingLoss(PICTURES, batch=8))


def test_more_processes_than_gpus_is_said(monkeypatch):
    monkeypatch.setattr(torch.distributed, "is_torchelastic_launched", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(CourseError, match="has 2 GPUs"), distributed.process_group(torch.device("cuda")):
        pass


def test_alone_there_is_no_group():
    with distributed.process_group(torch.device("cpu")) as device:
        assert device == torch.device("cpu")
        assert distributed.rank_and_world_size() == (0, 1)
        assert distributed.is_main()
        assert distributed.wrap_ddp(model := small()) is model


def test_bfloat16_rounds_and_learns_all_the_same():
    losses, models = {}, {}
    for bf16 in (False, True):
        models[bf16] = small()
        loss = local_loss(models[bf16], DenoisingLoss(PICTURES[:2], KEYS[:2, 0]), bf16=bf16)
        losses[bf16] = [step.loss for step in train(models[bf16], loss, steps=60, seed=0)]
    assert losses[True] != losses[False]
    assert sum(losses[True][-10:]) == pytest.approx(sum(losses[False][-10:]), rel=0.05)
    assert all(parameter.dtype == torch.float32 for parameter in models[True].parameters())


@pytest.mark.slow
def test_a_compiled_step_is_the_same_step(monkeypatch):
    """Compiled for the test to what is computed anyway: a true compilation needs a compiler of C++."""
    compile_, asked = torch.compile, []
    monkeypatch.setattr(torch, "compile", lambda model: asked.append(1) or compile_(model, backend="eager"))
    plain, compiled = (small() for _ in range(2))
    for model in (plain, compiled):
        loss = local_loss(model, DenoisingLoss(PICTURES, KEYS), compile=model is compiled)
        for _ in train(model, loss, steps=3, seed=0):
            pass
    assert asked == [1]
    for name, value in plain.state_dict().items():
        assert torch.allclose(value, compiled.state_dict()[name], atol=1e-6), name


def test_bf16_and_compile_are_for_draw_alone(tmp_path, capsys):
    assert cli.main(["train", "words", "--bf16", "-o", str(tmp_path / "words.safetensors")]) == 1
    assert "--bf16 and --compile are for 'draw', and 'words' takes neither" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
