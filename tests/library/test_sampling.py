"""The walk back, against what is known in closed form."""

import pytest
import torch
from torch import nn

from course_lib.errors import CourseError
from course_lib.noise import blend, noise_like
from course_lib.sampling import draw, guess_picture, walk


class Oracle(nn.Module):
    """Knows the one photo there is; answers the question it is asked without a mistake."""

    def __init__(self, photo, predicts="picture"):
        super().__init__()
        self.photo, self.predicts = photo, predicts

    def forward(self, noisy, amount, key=None):
        amount = amount[:, None, None, None]
        noise = (noisy - (1 - amount) * self.photo) / amount
        return {"picture": self.photo.expand_as(noisy), "noise": noise, "velocity": noise - self.photo}[self.predicts]


class TwoPhotos(nn.Module):
    """The ideal denoiser when two photos are equally likely: the posterior mean."""

    predicts = "picture"

    def __init__(self, photos):
        super().__init__()
        self.photos = photos  # 2 x 3 x H x W

    def forward(self, noisy, amount, key=None):
        amount = amount[:, None, None, None, None]
        apart = ((noisy[:, None] - (1 - amount) * self.photos) ** 2).flatten(2).sum(2)  # B x 2
        weights = (-apart / (2 * amount[:, :, 0, 0, 0] ** 2)).softmax(1)
        return (weights[:, :, None, None, None] * self.photos).sum(1)


class Keyed(nn.Module):
    """Says "the picture is key + 0.1 times what I see", and counts the pictures it was asked about."""

    def __init__(self, predicts="picture"):
        super().__init__()
        self.predicts, self.calls = predicts, []

    def forward(self, noisy, amount, key=None):
        self.calls.append(len(noisy))
        clean = 0.1 * noisy + (0 if key is None else key[:, :, None, None])
        amount = amount[:, None, None, None]
        return clean if self.predicts == "picture" else (noisy - clean) / amount


class Cloud(nn.Module):
    """The ideal denoiser of pictures whose pixels are Gaussian, mean 0: linear, and its walk is known."""

    predicts, spread = "picture", 0.3

    def forward(self, noisy, amount, key=None):
        amount = amount[:, None, None, None]
        return (1 - amount) * self.spread**2 / ((1 - amount) ** 2 * self.spread**2 + amount**2) * noisy


@pytest.fixture
def photo():
    return torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("predicts", ["picture", "velocity"])
def test_with_one_photo_the_walk_is_the_noise_ladder_backwards(photo, predicts):
    noise = noise_like(photo.expand(4, -1, -1, -1), seed=1)
    path = list(walk(Oracle(photo, predicts), noise, steps=10))
    assert [amount for amount, _ in path] == pytest.approx([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0])
    for amount, noisy in path:
        assert torch.allclose(noisy, blend(photo, noise, amount), atol=1e-5)


@pytest.mark.parametrize("predicts", ["picture", "noise", "velocity"])
def test_a_walk_may_start_at_any_amount_whatever_the_model_predicts(photo, predicts):
    start = blend(photo, noise_like(photo, seed=1), 0.6)
    *_, (amount, end) = walk(Oracle(photo, predicts), start, steps=5, start=0.6)
    assert amount == 0
    assert torch.allclose(end, photo, atol=1e-4)


def test_asked_for_the_noise_a_model_may_start_where_nothing_of_the_picture_is_left(photo):
    *_, (_, end) = walk(Oracle(photo, "noise"), noise_like(photo, seed=1), steps=5)
    assert torch.allclose(end, photo, atol=1e-4)


def test_a_guess_beyond_what_a_picture_can_hold_is_kept_in_range(photo):
    model, noise = Oracle(3 * photo), noise_like(photo, seed=0)
    assert guess_picture(model, noise, 0.5).abs().max() == 1
    assert guess_picture(model, noise, 0.5, limit=2.0).abs().max() == 2
    assert torch.equal(guess_picture(model, noise, 0.5, limit=None), 3 * photo)


def test_the_walk_decides_between_two_photos_and_each_is_drawn_half_of_the_time():
    """With several photos the walk must not end in their mean: it samples them, each as often as it is likely."""
    torch.manual_seed(0)
    photos = torch.stack([torch.full((3, 8, 8), -0.5), torch.full((3, 8, 8), 0.5)])
    noise = torch.randn(400, 3, 8, 8)
    ends = draw(TwoPhotos(photos), noise, steps=50)
    means = ends.mean(dim=(1, 2, 3))
    assert ((means.abs() - 0.5).abs() < 0.01).float().mean() > 0.97
    assert abs((means > 0).float().mean() - 0.5) < 4 * 0.5 / 400**0.5


def test_the_same_noise_gives_the_same_picture_to_the_bit(photo):
    noise = noise_like(photo, seed=1)
    one, other = (draw(Oracle(photo, "velocity"), noise, steps=7) for _ in range(2))
    assert torch.equal(one, other)


@pytest.mark.parametrize(("steps", "start"), [(0, 1.0), (5, 0.0), (5, 1.5)])
def test_an_impossible_walk_is_refused_in_one_sentence(photo, steps, start):
    with pytest.raises(CourseError, match="at least 1 step"):
        next(walk(Oracle(photo), photo, steps=steps, start=start))


def test_two_steps_seen_together_halve_the_step_and_quarter_the_error():
    """For Gaussian pictures the way is x(t) = x(1) sqrt((1 - t)^2 s^2 + t^2): it ends at s times the noise."""
    noise = noise_like(torch.zeros(1, 3, 4, 4), seed=0).double()
    errors = {
        (order, steps): (draw(Cloud(), noise, steps=steps, order=order) - Cloud.spread * noise).abs().max()
        for order in (1, 2)
        for steps in (12, 40, 80)
    }
    assert errors[1, 40] / errors[1, 80] == pytest.approx(2, rel=0.1)
    assert errors[2, 40] / errors[2, 80] == pytest.approx(4, rel=0.15)
    assert errors[2, 12] < errors[1, 12] / 2


def test_with_one_photo_the_second_order_changes_nothing(photo):
    """The way is straight, and there is no turn to see."""
    end = draw(Oracle(photo, "velocity"), noise_like(photo, seed=1), steps=5, order=2)
    assert torch.allclose(end, photo, atol=1e-5)


def test_the_last_step_of_the_second_order_ends_on_the_guess():
    (amount, before), (_, end) = list(walk(Cloud(), noise_like(torch.zeros(1, 3, 4, 4), seed=0), steps=4, order=2))[-2:]
    assert torch.equal(end, guess_picture(Cloud(), before, amount))


def test_uneven_steps_of_the_second_order_are_right_where_the_way_is_a_parabola():
    """A velocity that changes evenly is what two steps can see: exact after the first step, whatever their lengths."""

    class Even(nn.Module):
        predicts = "velocity"

        def forward(self, noisy, amount, key=None):
            return amount[:, None, None, None].expand_as(noisy)  # so x(t) = x(a) + (t^2 - a^2) / 2

    noise = torch.zeros(1, 3, 2, 2).double()
    path = list(walk(Even(), noise, amounts=[0.9, 0.8, 0.5, 0.1, 0.0], order=2))
    first = path[0][1]  # Euler's
    assert len(path) == 4
    for amount, noisy in path[1:-1]:
        assert torch.allclose(noisy, first + (amount**2 - 0.8**2) / 2, atol=1e-12)


def test_the_stops_of_a_walk_can_be_given(photo):
    noise = noise_like(photo, seed=1)
    stops = [1.0, 0.75, 0.5, 0.25, 0.0]
    assert torch.equal(draw(Cloud(), noise, amounts=stops), draw(Cloud(), noise, steps=4))
    assert [amount for amount, _ in walk(Cloud(), noise, amounts=[0.9, 0.1, 0])] == [0.1, 0]


@pytest.mark.parametrize(
    "settings",
    [{"amounts": [1.0]}, {"amounts": [1.0, 0.5]}, {"amounts": [0.5, 0.7, 0.0]}, {"amounts": [1.2, 0.0]},
     {"steps": 3, "order": 3}, {}],
)  # fmt: skip
def test_stops_and_orders_that_make_no_sense_are_refused_in_one_sentence(photo, settings):
    with pytest.raises(CourseError, match="walk"):
        next(walk(Cloud(), photo, **settings))


@pytest.mark.parametrize("predicts", ["picture", "velocity"])
@pytest.mark.parametrize("guidance", [0.0, 0.5, 3.0])
def test_guidance_goes_on_from_the_guess_without_through_the_guess_with_the_key(photo, predicts, guidance):
    model, key = Keyed(predicts), torch.tensor([[0.1, -0.1, 0.05]])
    with_key, without = guess_picture(model, photo, 0.5, key=key), guess_picture(model, photo, 0.5)
    guided = guess_picture(model, photo, 0.5, key=key, guidance=guidance)
    assert torch.allclose(guided, without + guidance * (with_key - without), atol=1e-6)


def test_guidance_is_kept_in_range_only_at_the_end(photo):
    """Each of the two guesses may be out of range: cutting them first would bend the direction between them."""
    guided = guess_picture(Keyed(), photo, 0.5, key=torch.full((1, 3), 1.5), guidance=0.5)
    assert torch.allclose(guided, (0.1 * photo + 0.75).clamp(-1, 1), atol=1e-6)


def test_only_guidance_asks_the_network_twice(photo):
    model, four, key = Keyed(), photo.expand(4, -1, -1, -1), torch.zeros(1, 3)
    for settings in ({}, {"key": key}, {"key": key, "guidance": 1.0}, {"guidance": 2.0}, {"key": key, "guidance": 2.0}):
        guess_picture(model, four, 0.5, **settings)
    assert model.calls == [4, 4, 4, 4, 8]
    model.calls.clear()
    list(walk(model, four, steps=10, order=2, key=key, guidance=2.0, guidance_between=(0.25, 0.75)))
    assert model.calls == [4, 4, 4, 8, 8, 8, 8, 8, 4, 4]  # at 1.0, 0.9, 0.8, 0.7, ..., 0.3, 0.2, 0.1
    model.calls.clear()
    list(walk(model, four, steps=4, key=key, guidance=2.0, guidance_between=(0.25, 0.75)))
    assert model.calls == [4, 8, 8, 8]  # at 1.0, 0.75, 0.5, 0.25: both bounds are within


def test_guidance_begins_and_ends_at_the_very_bounds(photo):
    model, key = Keyed(), torch.zeros(1, 3)
    list(walk(model, photo, steps=4, key=key, guidance=2.0, guidance_between=(0.5, 0.75)))
    assert model.calls == [1, 2, 2, 1]  # at 1.0, 0.75, 0.5, 0.25


def test_what_is_drawn_is_the_end_of_the_walk(photo):
    noise, key = noise_like(photo, seed=1), torch.tensor([[0.1, -0.1, 0.05]])
    settings = {"steps": 5, "order": 2, "key": key, "guidance": 2.0}
    *_, (amount, end) = walk(Keyed("velocity"), noise, **settings)
    assert amount == 0
    assert torch.equal(draw(Keyed("velocity"), noise, **settings), end)


def test_one_key_serves_all_pictures_and_may_change_on_the_way(photo):
    two = photo.expand(2, -1, -1, -1)
    early, late = torch.tensor([[0.2, 0.0, 0.0]]), torch.tensor([[0.0, 0.2, 0.0], [0.0, 0.0, 0.2]])
    assert torch.equal(
        guess_picture(Keyed(), two, 0.5, key=early), guess_picture(Keyed(), two, 0.5, key=early.repeat(2, 1))
    )
    asked = []

    def key(amount):
        asked.append(amount)
        return early if amount > 0.5 else late

    path = [noisy for _, noisy in walk(Keyed(), two, steps=4, key=key, guidance=2.0)]
    only_early = [noisy for _, noisy in walk(Keyed(), two, steps=4, key=early, guidance=2.0)]
    assert asked == [1.0, 0.75, 0.5, 0.25]
    assert torch.equal(path[1], only_early[1])
    assert not torch.allclose(path[2], only_early[2])
    assert torch.allclose(path[-1] - 0.1 * path[-2], 2 * late[:, :, None, None].expand_as(two), atol=1e-6)
