"""The walk back, against what is known in closed form."""

import pytest
import torch
from torch import nn

from course_lib.errors import CourseError
from course_lib.noise import blend, noise_like
from course_lib.sampling import guess_picture, walk


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


def test_a_guess_beyond_what_a_picture_can_hold_is_kept_in_range(photo):
    assert guess_picture(Oracle(3 * photo), noise_like(photo, seed=0), 0.5).abs().max() == 1


def test_the_walk_decides_between_two_photos_and_each_is_drawn_half_of_the_time():
    """With several photos the walk must not end in their mean: it samples them, each as often as it is likely."""
    torch.manual_seed(0)
    photos = torch.stack([torch.full((3, 8, 8), -0.5), torch.full((3, 8, 8), 0.5)])
    noise = torch.randn(400, 3, 8, 8)
    *_, (_, ends) = walk(TwoPhotos(photos), noise, steps=50)
    means = ends.mean(dim=(1, 2, 3))
    assert ((means.abs() - 0.5).abs() < 0.01).float().mean() > 0.97
    assert abs((means > 0).float().mean() - 0.5) < 4 * 0.5 / 400**0.5


def test_the_same_noise_gives_the_same_picture_to_the_bit(photo):
    noise = noise_like(photo, seed=1)
    (*_, (_, one)), (*_, (_, other)) = (walk(Oracle(photo, "velocity"), noise, steps=7) for _ in range(2))
    assert torch.equal(one, other)


@pytest.mark.parametrize(("steps", "start"), [(0, 1.0), (5, 0.0), (5, 1.5)])
def test_an_impossible_walk_is_refused_in_one_sentence(photo, steps, start):
    with pytest.raises(CourseError, match="at least 1 step"):
        next(walk(Oracle(photo), photo, steps=steps, start=start))
