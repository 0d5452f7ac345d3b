"""Training: it learns, it is the same every time, and nothing that kills it can hurt it."""

import copy
import json
import random
import signal
import subprocess
import sys
import time
from itertools import islice

import pytest
import torch
from safetensors.torch import load_file, save_file

from course_lib import judge, training
from course_lib.errors import CourseError
from course_lib.models import Denoiser
from course_lib.noise import noise_like
from course_lib.optimizers import OPTIMIZERS
from course_lib.sampling import guess_picture
from course_lib.training import best_device, load, loss_at, save, schedule, train

PHOTO = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def small(predicts="picture", seed=0) -> Denoiser:
    torch.manual_seed(seed)
    return Denoiser(predicts=predicts, fold=2, widths=(16, 16))


def run(model, *, steps=12, **settings):
    for _ in train(model, PHOTO, steps=steps, seed=0, batch=4, **settings):
        pass
    return model


def same(one, other) -> bool:
    return all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())


def test_a_model_of_one_photo_learns_to_give_it_back_from_pure_noise():
    """For a single photo the ideal denoiser is known: that photo, whatever it is given."""
    model = run(small(), steps=300)
    noise = noise_like(PHOTO.expand(4, -1, -1, -1), seed=5)
    assert judge.psnr(guess_picture(model, noise, 1.0), PHOTO) > 30
    assert judge.psnr(guess_picture(small(), noise, 1.0), PHOTO) < 15  # untrained


@pytest.mark.parametrize("predicts", ["picture", "noise", "velocity"])
def test_the_loss_falls_whatever_is_predicted(predicts):
    losses = [step.loss for step in train(small(predicts), PHOTO, steps=60, seed=0, batch=8)]
    assert len(losses) == 60
    assert sum(losses[-10:]) < 0.9 * sum(losses[:10])


def test_an_untrained_model_that_says_nothing_has_the_loss_that_theory_gives():
    """It outputs 0, so its error is the mean square of the target: 1 for the noise, 1 + E[x^2] for the velocity."""
    power = float((PHOTO**2).mean())
    for predicts, expected in (("picture", power), ("noise", 1.0), ("velocity", 1 + power)):
        first = next(train(small(predicts), PHOTO, steps=1, seed=0, batch=64))
        assert first.loss == pytest.approx(expected, rel=0.05)


def test_the_same_seed_gives_the_same_weights_to_the_bit_and_another_seed_others():
    assert same(run(small()), run(small()))
    other = small()
    for _ in train(other, PHOTO, steps=12, seed=1, batch=4):
        pass
    assert not same(run(small()), other)


TWO = torch.stack([torch.full((3, 16, 16), -0.6), torch.full((3, 16, 16), 0.8)])
KEYS = torch.eye(2, 5)


def keyed(seed=0, predicts="velocity") -> Denoiser:
    torch.manual_seed(seed)
    return Denoiser(predicts=predicts, fold=2, widths=(16, 16), key_size=5)


class Spy(torch.nn.Module):
    """Says nothing and remembers what it was asked."""

    predicts = "picture"

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def forward(self, noisy, amount, key=None):
        self.amount, self.key = amount, key
        return self.weight * noisy


class Numbered:
    """Pictures made when asked for, which remembers which were."""

    def __init__(self, pictures, fingerprint="numbered"):
        self.pictures, self.fingerprint = pictures, fingerprint

    def __len__(self):
        return len(self.pictures)

    def __getitem__(self, indices):
        self.asked = indices
        return self.pictures[indices]


def test_a_model_with_keys_gives_the_picture_of_the_key():
    """In pure noise nothing else tells which: so the key decides, unless the model was never shown one."""
    small_two, wrong = TWO[..., :8, :8], []
    for drop_key in (0.1, 1.0):
        model = keyed(predicts="picture")
        for _ in train(model, small_two, keys=3 * KEYS, steps=150, seed=0, batch=16, drop_key=drop_key):
            pass
        guess = guess_picture(model, noise_like(small_two, seed=5), 1.0, key=3 * KEYS)
        wrong.append((guess - small_two).abs().mean())
    assert wrong[0] < 0.1
    assert wrong[1] > 0.4


def test_pictures_go_round_the_keys_and_each_key_is_dropped_as_often_as_asked():
    model, pictures = Spy(), Numbered(torch.zeros(10, 3, 2, 2))
    keys = torch.tensor([[1.0], [2.0], [3.0], [4.0]])  # picture 9 has the key 9 % 4
    loss_at(model, pictures, batch=8000, generator=torch.Generator().manual_seed(0), keys=keys, drop_key=0.1)
    dropped = model.key[:, 0] == 0
    assert torch.equal(model.key[~dropped, 0], (pictures.asked % 4 + 1.0)[~dropped])
    assert abs(int(dropped.sum()) - 800) < 4 * (8000 * 0.1 * 0.9) ** 0.5
    for drop, expected in ((0.0, 0), (1.0, 8000)):
        loss_at(model, pictures, batch=8000, generator=torch.Generator().manual_seed(0), keys=keys, drop_key=drop)
        assert (model.key == 0).sum() == expected


def test_each_way_to_say_a_key_is_taken_equally_often():
    model, pictures = Spy(), Numbered(torch.zeros(10, 3, 2, 2))
    ways = torch.tensor([[[1.0], [10.0]], [[2.0], [20.0]]])  # 2 captions, 2 ways, keys of one number
    loss_at(model, pictures, batch=8000, generator=torch.Generator().manual_seed(0), keys=ways, drop_key=0.0)
    said, own = model.key[:, 0], pictures.asked % 2 + 1.0
    long = said >= 10
    assert torch.equal(torch.where(long, said / 10, said), own)
    assert abs(int(long.sum()) - 4000) < 4 * (8000 * 0.25) ** 0.5


def test_amounts_are_even_or_lie_on_a_bell():
    model = Spy()
    for amounts in ("even", "bell"):
        loss_at(model, PHOTO, batch=8000, generator=torch.Generator().manual_seed(0), amounts=amounts)
        values = model.amount if amounts == "even" else torch.special.ndtr(model.amount.logit())  # both even now
        counts = torch.histc(values, 10, 0, 1)
        assert (counts - 800).abs().max() < 4 * (8000 * 0.1 * 0.9) ** 0.5


def test_pictures_made_when_asked_for_train_as_those_that_are_held(tmp_path):
    held, made = keyed(), keyed()
    for model, pictures in ((held, TWO), (made, Numbered(TWO))):
        for _ in train(model, pictures, keys=KEYS, steps=5, seed=0):
            pass
    assert same(held, made)


def test_the_averaged_model_is_the_running_mean_of_the_weights():
    from torch.optim.swa_utils import AveragedModel

    model, averaged = keyed(), keyed(seed=7)  # what the averaged one was before does not matter

    def mean(old, new, number):
        keep = min(0.5, (1 + float(number)) / (10 + float(number)))
        return keep * old + (1 - keep) * new

    theirs = AveragedModel(model, avg_fn=mean)
    theirs.update_parameters(model)  # theirs starts as a copy, too
    for _ in train(model, TWO, keys=KEYS, steps=15, seed=0, averaged=averaged, average=0.5):
        theirs.update_parameters(model)
    for ours, expected in zip(averaged.parameters(), theirs.module.parameters(), strict=True):
        assert torch.allclose(ours, expected, atol=1e-6)
    assert not same(averaged, model)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("stopped_after", [3, 4, 9])
def test_a_run_with_keys_and_a_mean_that_was_stopped_ends_at_the_same_weights(tmp_path, stopped_after, optimizer):
    def steps(model, averaged, path=None):
        run = {"keys": KEYS, "steps": 12, "seed": 0, "batch": 6, "amounts": "bell", "averaged": averaged}
        return train(model, Numbered(TWO), optimizer=optimizer, checkpoint=path, save_every=4, **run)

    path = tmp_path / "run.safetensors"
    straight, mean = keyed(), keyed()
    list(steps(straight, mean))
    list(islice(steps(keyed(), keyed(), path), stopped_after))
    seed = 0 if stopped_after < 4 else 9  # once there is a checkpoint, all must come from it
    again, again_mean = keyed(seed), keyed(seed)
    left = list(steps(again, again_mean, path))
    assert left[0].number == stopped_after // 4 * 4 + 1
    assert same(again, straight)
    assert same(again_mean, mean)
    assert not same(mean, straight)


@pytest.mark.parametrize(
    "change", [{"keys": -KEYS}, {"keys": None}, {"drop_key": 0.2}, {"amounts": "bell"}, {"averaged": None},
               {"optimizer": "muon"}, {"average": 0.9}, {"pictures": Numbered(TWO, "others")}],
)  # fmt: skip
def test_a_checkpoint_of_a_run_with_other_keys_is_refused(tmp_path, change):
    run = {"pictures": Numbered(TWO), "keys": KEYS, "steps": 2, "seed": 0, "checkpoint": tmp_path / "run.safetensors"}
    list(train(keyed(), averaged=keyed(), **run))
    with pytest.raises(CourseError, match="another run"):
        next(train(keyed(), **({"averaged": keyed()} | run | change)))


def test_settings_of_a_training_that_make_no_sense_are_refused_in_one_sentence():
    for settings, sentence in (
        ({"amounts": "odd"}, "drawn 'even' or 'bell', not 'odd'"),
        ({"optimizer": "sgd"}, "'adam' or 'muon', not 'sgd'"),
        ({"averaged": small()}, "of the same make"),
        ({"keys": torch.ones(2, 3)}, "a key of 5 numbers"),
        ({"keys": torch.ones(2)}, "a key of 5 numbers"),
    ):
        with pytest.raises(CourseError, match=sentence):
            next(train(keyed(), TWO, steps=2, seed=0, **settings))


def test_an_averaged_copy_may_be_made_by_deepcopy():
    model = keyed()
    assert len(list(train(model, TWO, keys=KEYS, steps=2, seed=0, averaged=copy.deepcopy(model)))) == 2


def test_the_learning_rate_climbs_then_fades_to_nothing():
    rates = [schedule(number, 300) for number in range(1, 301)]
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert 0.9 < max(rates) <= 1
    assert 0 < rates[-1] < 0.001


@pytest.mark.parametrize(("limit", "threads"), [(training.SMALL_STEP, 1), (4 * 8 * 8 * 16 - 1, 2), (4 * 8 * 8 * 16, 1)])
def test_a_small_step_takes_one_thread_and_the_caller_has_all_of_them_back(monkeypatch, limit, threads):
    seen, real = [], training.loss_at

    def watched(*arguments, **settings):
        seen.append(torch.get_num_threads())
        return real(*arguments, **settings)

    monkeypatch.setattr(training, "loss_at", watched)
    monkeypatch.setattr(training, "SMALL_STEP", limit)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        for _ in train(small(), PHOTO, steps=2, seed=0, batch=4):  # 4 pictures folded to 8 x 8, in 16 channels
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert seen == [threads] * 2


@pytest.mark.parametrize("stopped_after", [1, 5, 8, 11])
def test_a_run_that_was_stopped_and_goes_on_ends_at_the_same_weights(tmp_path, stopped_after):
    path = tmp_path / "run.safetensors"
    list(islice(train(small(), PHOTO, steps=12, seed=0, batch=4, checkpoint=path, save_every=4), stopped_after))
    again = small(seed=9)  # other weights: all must come from the checkpoint
    if stopped_after < 4:
        assert not path.exists()
        again = small()
    steps = list(train(again, PHOTO, steps=12, seed=0, batch=4, checkpoint=path, save_every=4))
    assert steps[0].number == stopped_after // 4 * 4 + 1
    assert same(again, run(small()))


def test_a_finished_run_has_nothing_left_to_do(tmp_path):
    path = tmp_path / "run.safetensors"
    model = run(small(), checkpoint=path)
    again = small(seed=9)
    assert list(train(again, PHOTO, steps=12, seed=0, batch=4, checkpoint=path)) == []
    assert same(model, again)


def test_a_checkpoint_says_what_made_it_and_loads_as_the_same_model(tmp_path):
    path = tmp_path / "deep" / "run.safetensors"
    model = run(small("velocity"), checkpoint=path)
    loaded, recipe = load(path)
    assert same(model, loaded)
    assert loaded.predicts == "velocity"
    assert {"steps": 12, "seed": 0, "batch": 4, "learning_rate": 2e-3, "step": 12}.items() <= recipe.items()
    assert [file.name for file in path.parent.iterdir()] == ["run.safetensors"]


@pytest.mark.parametrize(
    "change", [{"steps": 13}, {"seed": 1}, {"batch": 5}, {"learning_rate": 1e-3}, {"pictures": -PHOTO}]
)
def test_a_checkpoint_of_another_run_is_refused_and_left_alone(tmp_path, change):
    path = tmp_path / "run.safetensors"
    run(small(), checkpoint=path)
    before = path.read_bytes()
    settings = {"steps": 12, "seed": 0, "batch": 4} | change
    pictures = settings.pop("pictures", PHOTO)
    with pytest.raises(CourseError, match="another run"):
        next(train(small(), pictures, checkpoint=path, **settings))
    assert path.read_bytes() == before


@pytest.mark.parametrize("keep", [0, 5, 200, -1])
def test_a_checkpoint_cut_short_is_refused_in_one_sentence(tmp_path, keep):
    path = tmp_path / "run.safetensors"
    run(small(), checkpoint=path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CourseError, match="not a whole checkpoint"):
        load(path)


def test_a_file_that_is_no_checkpoint_of_ours_is_refused_in_one_sentence(tmp_path):
    path = tmp_path / "other.safetensors"
    for metadata in (None, {"recipe": "not json"}, {"recipe": "{}"}, {"recipe": json.dumps({"model": {"wide": 3}})}):
        save_file({"weight": torch.zeros(3)}, path, metadata=metadata)
        with pytest.raises(CourseError, match=r"checkpoint|version"):
            load(path)
    with pytest.raises(CourseError, match="no checkpoint"):
        load(tmp_path / "missing.safetensors")
    with pytest.raises(CourseError, match="not a whole checkpoint"):
        load(tmp_path)


def test_weights_of_another_shape_are_refused_in_one_sentence(tmp_path):
    path = tmp_path / "run.safetensors"
    save(small(), path, recipe={})
    tensors = load_file(path)
    wrong = {"recipe": json.dumps({"model": Denoiser(fold=2, widths=(24, 24)).config})}
    save_file(tensors, path, metadata=wrong)
    with pytest.raises(CourseError, match="another version"):
        load(path)


FULL_DISK = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from course_lib.errors import CourseError
from tests.library.test_training import small, save
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    save(small(), sys.argv[1], recipe={})
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
        save(small(), tmp_path / "file" / "run.safetensors", recipe={})


def test_the_gpu_is_taken_when_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert best_device().type == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert best_device().type == "cpu"


LONG_RUN = """
import sys, torch
from tests.library.test_training import PHOTO, small, train
for step in train(small(), PHOTO, steps=400, seed=0, batch=4, checkpoint=sys.argv[1], save_every=3):
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
    killed, recipe = load(path)
    assert recipe["step"] == 400
    assert same(killed, load(undisturbed)[0])
    left, right = load_file(path), load_file(undisturbed)  # the optimizer's memory too
    assert left.keys() == right.keys()
    assert all(torch.equal(value, right[name]) for name, value in left.items())
