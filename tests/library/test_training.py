"""Training: it learns, it is the same every time, and it may be asked for anything."""

import copy
from itertools import islice

import pytest
import torch
import torch.nn.functional as F

from course_lib import judge, training
from course_lib.errors import CourseError
from course_lib.models import Denoiser
from course_lib.noise import noise_like
from course_lib.optimizers import OPTIMIZERS, optimizers_of
from course_lib.sampling import guess_picture
from course_lib.training import DenoisingLoss, best_device, schedule, train

PHOTO = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def small(predicts="picture", seed=0) -> Denoiser:
    torch.manual_seed(seed)
    return Denoiser(predicts=predicts, fold=2, widths=(16, 16))


def run(model, *, steps=12, seed=0, **settings):
    for _ in train(model, DenoisingLoss(PHOTO, batch=4), steps=steps, seed=seed, **settings):
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
    losses = [step.loss for step in train(small(predicts), DenoisingLoss(PHOTO), steps=60, seed=0)]
    assert len(losses) == 60
    assert sum(losses[-10:]) < 0.9 * sum(losses[:10])


def test_an_untrained_model_that_says_nothing_has_the_loss_that_theory_gives():
    """It outputs 0, so its error is the mean square of the target: 1 for the noise, 1 + E[x^2] for the velocity."""
    power = float((PHOTO**2).mean())
    for predicts, expected in (("picture", power), ("noise", 1.0), ("velocity", 1 + power)):
        first = next(train(small(predicts), DenoisingLoss(PHOTO, batch=64), steps=1, seed=0))
        assert first.loss == pytest.approx(expected, rel=0.05)


def test_the_same_seed_gives_the_same_weights_to_the_bit_and_another_seed_others():
    assert same(run(small()), run(small()))
    assert not same(run(small()), run(small(), seed=1))


def test_what_is_asked_at_a_step_is_the_callers_to_choose():
    """Say the error of one amount alone, weighed: the generator that the loss is given makes each step its own."""
    drawn = []

    def loss(model, generator):
        noise = torch.randn(PHOTO.shape, generator=generator)
        drawn.append(noise)
        return 3 * F.mse_loss(model(0.5 * PHOTO + 0.5 * noise, torch.tensor([0.5])), PHOTO)

    one, other = small(), small()
    losses = [step.loss for step in train(one, loss, steps=30, seed=0)]
    assert losses[0] == pytest.approx(3 * float((PHOTO**2).mean()))  # a new model gives zeros
    assert losses[-1] < 0.9 * losses[0]
    assert not torch.equal(drawn[0], drawn[1])
    assert [step.loss for step in train(other, loss, steps=30, seed=0)] == losses
    assert same(one, other)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_training_goes_on_after_the_steps_that_are_done(optimizer):
    """With what it kept, the weights and the optimizers' memory, step k is the same step, whoever asks for it."""
    straight, parted = small(), small()
    ema, parted_ema = small(), small()
    run(straight, optimizer=optimizer, ema_model=ema)
    movers = optimizers_of(parted, optimizer, 2e-3)
    loss = DenoisingLoss(PHOTO, batch=4)
    how = {"steps": 12, "seed": 0, "optimizer": movers, "ema_model": parted_ema}
    list(islice(train(parted, loss, **how), 5))
    assert [step.number for step in train(parted, loss, done=5, **how)] == list(range(6, 13))
    assert same(parted, straight)
    assert same(parted_ema, ema)


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
        for _ in train(model, DenoisingLoss(small_two, 3 * KEYS, 16, drop_key), steps=150, seed=0):
            pass
        guess = guess_picture(model, noise_like(small_two, seed=5), 1.0, key=3 * KEYS)
        wrong.append((guess - small_two).abs().mean())
    assert wrong[0] < 0.1
    assert wrong[1] > 0.4


def test_pictures_go_round_the_keys_and_each_key_is_dropped_as_often_as_asked():
    model, pictures = Spy(), Numbered(torch.zeros(10, 3, 2, 2))
    keys = torch.tensor([[1.0], [2.0], [3.0], [4.0]])  # picture 9 has the key 9 % 4
    DenoisingLoss(pictures, keys, 8000, drop_key=0.1)(model, torch.Generator().manual_seed(0))
    dropped = model.key[:, 0] == 0
    assert torch.equal(model.key[~dropped, 0], (pictures.asked % 4 + 1.0)[~dropped])
    assert abs(int(dropped.sum()) - 800) < 4 * (8000 * 0.1 * 0.9) ** 0.5
    for drop, expected in ((0.0, 0), (1.0, 8000)):
        DenoisingLoss(pictures, keys, 8000, drop_key=drop)(model, torch.Generator().manual_seed(0))
        assert (model.key == 0).sum() == expected


def test_each_way_to_say_a_key_is_taken_equally_often():
    model, pictures = Spy(), Numbered(torch.zeros(10, 3, 2, 2))
    ways = torch.tensor([[[1.0], [10.0]], [[2.0], [20.0]]])  # 2 captions, 2 ways, keys of one number
    DenoisingLoss(pictures, ways, 8000, drop_key=0.0)(model, torch.Generator().manual_seed(0))
    key, own = model.key[:, 0], pictures.asked % 2 + 1.0
    long = key >= 10
    assert torch.equal(torch.where(long, key / 10, key), own)
    assert abs(int(long.sum()) - 4000) < 4 * (8000 * 0.25) ** 0.5


def test_amounts_are_uniform_or_logit_normal():
    model = Spy()
    for amounts in ("uniform", "logit-normal"):
        DenoisingLoss(PHOTO, batch=8000, amounts=amounts)(model, torch.Generator().manual_seed(0))
        # Both uniform now.
        values = model.amount if amounts == "uniform" else torch.special.ndtr(model.amount.logit())
        counts = torch.histc(values, 10, 0, 1)
        assert (counts - 800).abs().max() < 4 * (8000 * 0.1 * 0.9) ** 0.5


def test_pictures_made_when_asked_for_train_as_those_that_are_held(tmp_path):
    held, made = keyed(), keyed()
    for model, pictures in ((held, TWO), (made, Numbered(TWO))):
        for _ in train(model, DenoisingLoss(pictures, KEYS), steps=5, seed=0):
            pass
    assert same(held, made)


def test_the_ema_model_is_the_moving_average_of_the_weights():
    from torch.optim.swa_utils import AveragedModel

    model, ema_model = keyed(), keyed(seed=7)  # what the averaged one was before does not matter

    def mean(old, new, number):
        keep = min(0.5, (1 + float(number)) / (10 + float(number)))
        return keep * old + (1 - keep) * new

    theirs = AveragedModel(model, avg_fn=mean)
    theirs.update_parameters(model)  # theirs starts as a copy, too
    for _ in train(model, DenoisingLoss(TWO, KEYS), steps=15, seed=0, ema_model=ema_model, ema_decay=0.5):
        theirs.update_parameters(model)
    for ours, expected in zip(ema_model.parameters(), theirs.module.parameters(), strict=True):
        assert torch.allclose(ours, expected, atol=1e-6)
    assert not same(ema_model, model)


def test_settings_of_a_training_that_make_no_sense_are_refused_in_one_sentence():
    for asked, settings, sentence in (
        ({"amounts": "odd"}, {}, "drawn 'uniform' or 'logit-normal', not 'odd'"),
        ({}, {"optimizer": "sgd"}, "'adam' or 'muon', not 'sgd'"),
        ({}, {"ema_model": small()}, "of the same make"),
        ({"keys": torch.ones(2, 3)}, {}, "a key of 5 numbers"),
        ({"keys": torch.ones(2)}, {}, "a key of 5 numbers"),
    ):
        with pytest.raises(CourseError, match=sentence):
            next(train(keyed(), DenoisingLoss(TWO, **asked), steps=2, seed=0, **settings))


def test_an_ema_model_may_be_made_by_deepcopy():
    model = keyed()
    assert len(list(train(model, DenoisingLoss(TWO, KEYS), steps=2, seed=0, ema_model=copy.deepcopy(model)))) == 2


def test_the_learning_rate_climbs_then_fades_to_nothing():
    rates = [schedule(number, 300) for number in range(1, 301)]
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert 0.9 < max(rates) <= 1
    assert 0 < rates[-1] < 0.001


@pytest.mark.parametrize(("limit", "threads"), [(training.SMALL_STEP, 1), (4 * 8 * 8 * 16 - 1, 2), (4 * 8 * 8 * 16, 1)])
def test_a_small_step_takes_one_thread_and_the_caller_has_all_of_them_back(monkeypatch, limit, threads):
    seen, real = [], training.denoising_error

    def watched(*arguments, **settings):
        seen.append(torch.get_num_threads())
        return real(*arguments, **settings)

    monkeypatch.setattr(training, "denoising_error", watched)
    monkeypatch.setattr(training, "SMALL_STEP", limit)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        for _ in train(
            small(), DenoisingLoss(PHOTO, batch=4), steps=2, seed=0
        ):  # 4 pictures folded to 8 x 8, in 16 channels
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert seen == [threads] * 2


def test_the_gpu_is_taken_when_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert best_device().type == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert best_device().type == "cpu"


def test_shifted_amounts_are_the_old_ones_moved_towards_noise():
    plain, shifted = (DenoisingLoss(PHOTO, batch=500, amounts="logit-normal", shift=shift) for shift in (1.0, 3.0))
    before, after = (loss.sample(torch.Generator().manual_seed(0)) for loss in (plain, shifted))
    # In t / (1 - t), how much noise there is for the picture, the shift is a factor.
    torch.testing.assert_close(
        after.amounts / (1 - after.amounts), 3 * before.amounts / (1 - before.amounts), rtol=1e-3, atol=0
    )
    assert torch.equal(before.noise, after.noise)


def test_measured_as_velocity_a_models_two_ways_to_answer_have_the_same_loss():
    """The picture's error over the amount is the velocity's: both say the same, so both losses are one number."""

    class Answers(Denoiser):
        def forward(self, noisy, amount, key=None):
            picture = 0.3 * noisy  # some guess
            share = amount[:, None, None, None]
            return picture if self.predicts == "picture" else (noisy - picture) / share

    picture, velocity = (Answers(predicts=predicts, fold=2, widths=(16, 16)) for predicts in ("picture", "velocity"))
    as_velocity = DenoisingLoss(PHOTO, batch=64, shift=4.0, velocity_from=1e-6)
    asked = DenoisingLoss(PHOTO, batch=64, shift=4.0)
    by_picture = as_velocity(picture, torch.Generator().manual_seed(1))
    by_velocity = asked(velocity, torch.Generator().manual_seed(1))
    assert by_picture.item() == pytest.approx(by_velocity.item(), rel=1e-4)
    assert asked(picture, torch.Generator().manual_seed(1)).item() < 0.9 * by_picture.item()


def test_no_small_amount_counts_more_than_the_least():
    model = small()  # untrained it says 0, so each picture's error is its power
    loss = DenoisingLoss(PHOTO, batch=400, velocity_from=0.5)
    amounts = loss.sample(torch.Generator().manual_seed(2)).amounts
    expected = float((PHOTO**2).mean()) * float((1 / amounts.clamp(min=0.5) ** 2).mean())
    assert loss(model, torch.Generator().manual_seed(2)).item() == pytest.approx(expected, rel=1e-4)
