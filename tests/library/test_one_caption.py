"""What lesson 2 promises of the denoiser of 400 pictures of one caption, on a training of its own."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from course_lib import judge, world
from course_lib.models import Denoiser
from course_lib.noise import noise_like
from course_lib.sampling import draw
from course_lib.training import DenoisingLoss, train

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("one_caption")]  # what all of them look at is made once

SCENE = world.parse("Maine coon cat laying on a wooden floor.")


def far(pictures: Tensor, photos: Tensor) -> Tensor:
    """How far the nearest photo is, all blurred alike."""
    soft, softened = soften(pictures).flatten(1), soften(photos).flatten(1)
    return torch.cdist(soft, softened).min(dim=1).values / soft.shape[1] ** 0.5


def soften(pictures: Tensor) -> Tensor:
    return avg_pool2d(pictures, 3, 1, padding=1, count_include_pad=False)


@pytest.fixture(scope="module")
def photos() -> Tensor:
    return world.render([SCENE] * 400, range(400))


@pytest.fixture(scope="module")
def drawn(photos: Tensor) -> Tensor:
    torch.manual_seed(0)
    painter = Denoiser(fold=4, widths=(48, 64)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    loss = DenoisingLoss(photos, amounts="logit-normal")
    for _ in train(painter, loss, steps=1000, seed=0, learning_rate=6e-3):
        pass
    start = torch.cat([noise_like(photos[:1], seed=seed) for seed in range(200, 216)])
    return draw(painter, start, steps=20, order=2)


def test_most_of_what_it_draws_shows_the_caption(drawn: Tensor) -> None:
    assert judge.shipped_judge().score(drawn, [SCENE] * 16)["all"] >= 0.6


def test_what_it_draws_is_as_far_from_its_training_as_new_pictures_are(drawn: Tensor, photos: Tensor) -> None:
    fresh = world.render([SCENE] * 16, range(10_000, 10_016))
    assert far(drawn, photos).mean() > 0.85 * far(fresh, photos).mean()


def test_a_blurred_copy_would_be_found(drawn: Tensor, photos: Tensor) -> None:
    copies = far(soften(photos[:16]), photos)
    assert copies.max() < far(drawn, photos).min()
