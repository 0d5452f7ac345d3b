"""Noise, the ladder, and the measures that tell noise from structure."""

import math

import numpy as np
import pytest
import torch

from course_lib import judge
from course_lib.errors import CourseError
from course_lib.noise import (
    add_noise,
    autocorrelation,
    blend,
    classic_denoisers,
    correlation,
    noise_ladder,
    noise_like,
    signal_to_noise,
)
from course_lib.pictures import example_photo


@pytest.fixture(scope="module")
def cat():
    return example_photo("cat", size=96)


def test_amount_0_leaves_the_picture_and_amount_1_is_the_noise(cat):
    for amount, expected in ((0.0, 0), (1.0, 1)):
        noisy, noise = add_noise(cat, amount, seed=3)
        assert torch.equal(noisy, (cat, noise)[expected])


def test_each_picture_of_a_batch_gets_its_own_amount(cat):
    pair, noise = cat.repeat(2, 1, 1, 1), noise_like(cat, seed=0).repeat(2, 1, 1, 1)
    noisy = blend(pair, noise, torch.tensor([0.25, 0.75]))
    assert torch.allclose(noisy[0], 0.75 * cat[0] + 0.25 * noise[0])
    assert torch.allclose(noisy[1], 0.25 * cat[0] + 0.75 * noise[0])


@pytest.mark.parametrize("amount", [-0.1, 1.01, float("nan")])
def test_an_amount_outside_0_to_1_is_refused_in_one_sentence(cat, amount):
    with pytest.raises(CourseError, match="between 0 and 1"):
        add_noise(cat, amount)


def test_noise_is_gaussian_the_same_for_a_seed_and_other_for_another(cat):
    noise = noise_like(cat, seed=0)
    n = noise.numel()
    assert abs(noise.mean()) < 4 / math.sqrt(n)
    assert abs(noise.std() - 1) < 4 / math.sqrt(2 * n)
    within_one = (noise.abs() < 1).float().mean()  # 68.27 % of a bell curve
    assert abs(within_one - 0.6827) < 4 * math.sqrt(0.6827 * 0.3173 / n)
    assert torch.equal(noise, noise_like(cat, seed=0))
    assert not torch.equal(noise, noise_like(cat, seed=1))
    assert not torch.equal(noise_like(cat), noise_like(cat))
    assert noise_like(cat.double(), seed=0).dtype == torch.float64


def test_the_ladder_goes_from_picture_to_noise_in_even_steps(cat):
    ladder = noise_ladder(cat, steps=4, seed=0)
    noise = noise_like(cat, seed=0)
    assert ladder.shape == (5, 3, 96, 96)
    assert torch.equal(ladder[:1], cat)
    assert torch.equal(ladder[-1:], noise)
    for step in range(4):
        assert torch.allclose(ladder[step + 1] - ladder[step], (noise - cat)[0] / 4, atol=1e-5)
    with pytest.raises(CourseError, match="at least 1 step"):
        noise_ladder(cat, steps=0, seed=0)


def test_more_noise_means_less_signal(cat):
    ratios = [signal_to_noise(cat, amount / 20) for amount in range(21)]
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[0] == math.inf
    assert ratios[-1] == -math.inf


def test_signal_to_noise_of_a_picture_as_strong_as_the_noise_is_0_decibels_half_way():
    checker = torch.tensor([1.0, -1.0]).repeat(48)  # mean 0, variance 1
    assert signal_to_noise(checker.reshape(1, 3, 4, 8), 0.5) == pytest.approx(0)
    # Ten times the amplitude is 20 decibels; brightness is no signal.
    assert signal_to_noise(checker.reshape(1, 3, 4, 8), 1 / 11) == pytest.approx(20, abs=1e-4)
    assert signal_to_noise(3 + checker.reshape(1, 3, 4, 8), 0.5) == pytest.approx(0, abs=1e-4)


def test_correlation_and_autocorrelation_agree_with_numpy(cat):
    image = cat.numpy()
    for far in (1, 5):
        expected = np.corrcoef(image[..., :-far].ravel(), image[..., far:].ravel())[0, 1]
        assert autocorrelation(cat, reach=5)[far] == pytest.approx(expected, abs=1e-4)
    assert correlation(cat, -2 * cat + 1) == pytest.approx(-1, abs=1e-5)


def test_noise_has_no_structure_and_a_photo_has(cat):
    chance = 4 / math.sqrt(cat.numel())
    assert len(autocorrelation(cat, reach=8)) == 9
    assert all(abs(value) < chance for value in autocorrelation(noise_like(cat, seed=0), reach=8)[1:])
    assert all(value > 0.5 for value in autocorrelation(cat, reach=8))


def test_only_added_noise_leaves_a_difference_without_the_picture(cat):
    """What lesson 1 says of the three ways to mess up a picture."""
    noise = noise_like(cat, seed=0)
    chance = 4 / math.sqrt(cat.numel())
    assert abs(correlation((cat + noise) - cat, cat)) < chance
    assert correlation(blend(cat, noise, 0.5) - cat, cat) < -0.25
    assert correlation((cat + noise).clamp(-1, 1) - cat, cat) < -0.1


@pytest.mark.parametrize("name", ["cat", "coffee"])
@pytest.mark.parametrize(("amount", "decibels"), [(0.1, 1), (0.3, 5), (0.6, 7)])
def test_every_classic_denoiser_helps_much_where_there_is_much_noise(name, amount, decibels):
    photo = example_photo(name, size=96)
    noisy, _ = add_noise(photo, amount, seed=1)
    left = judge.psnr((noisy / (1 - amount)).clamp(-1, 1), photo)
    cleaned = classic_denoisers(noisy, amount)
    assert set(cleaned) == {"median", "total variation", "non-local means", "wavelet"}
    for picture in cleaned.values():
        assert picture.shape == photo.shape
        assert picture.abs().max() <= 1
        assert judge.psnr(picture, photo) > left + decibels


def test_on_step_3_of_5_the_noise_is_twenty_times_stronger_as_lesson_1_says(cat):
    assert 10 ** (-signal_to_noise(cat, 3 / 5) / 10) == pytest.approx(20, rel=0.1)
