"""What lesson 2 promises of the denoiser of one photo, on a training of its own."""

import pytest
import torch

from course_lib import judge
from course_lib.models import Denoiser
from course_lib.noise import add_noise, classic_denoisers, noise_like
from course_lib.pictures import example_photo
from course_lib.sampling import draw, guess_picture, walk
from course_lib.training import DenoisingLoss, train

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("one_photo")]  # what all of them look at is made once


@pytest.fixture(scope="module")
def cat():
    return example_photo("cat", size=96)


@pytest.fixture(scope="module")
def model(cat):
    torch.manual_seed(0)
    model = Denoiser(predicts="picture")
    for _ in train(model, DenoisingLoss(cat), steps=250, seed=0):
        pass
    return model


def test_it_walks_from_pure_noise_to_the_photo_ever_nearer(model, cat):
    noise = torch.cat([noise_like(cat, seed=seed) for seed in range(100, 108)])
    path = [pictures for _, pictures in walk(model, noise, steps=50)]
    curve = [judge.psnr(pictures, cat) for pictures in path]
    assert curve[-1] >= 25
    assert curve[25:] == sorted(curve[25:])
    assert torch.equal(draw(model, noise, steps=50), path[-1])


def test_it_beats_every_classic_denoiser_on_its_photo_and_loses_on_another(model, cat):
    for name, photo in (("cat", cat), ("coffee", example_photo("coffee", size=96))):
        noisy, _ = add_noise(photo, 0.6, seed=1)
        ours = judge.psnr(guess_picture(model, noisy, 0.6), photo)
        classics = [judge.psnr(picture, photo) for picture in classic_denoisers(noisy, 0.6).values()]
        assert (ours >= max(classics) + 5) if name == "cat" else (ours < min(classics))


def test_asked_for_the_noise_the_same_training_draws_no_cat(cat):
    """The question decides: lesson 2's comparison on 100 steps."""
    drawn = {}
    for question in ("picture", "noise"):
        torch.manual_seed(0)
        denoiser = Denoiser(predicts=question)
        for _ in train(denoiser, DenoisingLoss(cat), steps=100, seed=0):
            pass
        drawn[question] = judge.psnr(draw(denoiser, noise_like(cat, seed=1), steps=25), cat)
    assert drawn["picture"] > drawn["noise"] + 8
