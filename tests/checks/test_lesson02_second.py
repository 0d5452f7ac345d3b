"""Checks of lesson 2's second half: right answers pass, each wrong one hears what its mistake is."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from course_lib.checks import lesson02
from course_lib.judge import psnr
from tests.support.exercises import ExercisesOfALesson, Function, exercises_of

pytestmark = pytest.mark.usefixtures("one_thread")


# The nearest photo.


def nearest_photo(picture: Tensor, photos: Tensor) -> tuple[Tensor, Tensor]:
    far = ((picture - photos) ** 2).mean(dim=(1, 2, 3)).sqrt()
    return far.argmin(), far.min()


def nearest_by_loops(picture: Tensor, photos: Tensor) -> tuple[int, float]:
    best, found = math.inf, -1
    for number, photo in enumerate(photos):
        squares = [(a - b) ** 2 for a, b in zip(picture.flatten().tolist(), photo.flatten().tolist(), strict=True)]
        far = math.sqrt(sum(squares) / len(squares))
        if far < best:
            best, found = far, number
    return found, best


def nearest_in_numpy(picture: Tensor, photos: Tensor) -> np.ndarray:
    gaps = photos.double().numpy() - picture.double().numpy()
    far = np.linalg.norm(gaps.reshape(len(photos), -1), axis=1) / math.sqrt(gaps[0].size)
    return np.array([far.argmin(), far.min()])


def nearest_by_cdist(picture: Tensor, photos: Tensor) -> list[Tensor]:
    far = torch.cdist(picture.flatten(1), photos.flatten(1))[0] / picture.numel() ** 0.5
    return [far.argmin(), far.min()]


def nearest_by_psnr(picture: Tensor, photos: Tensor) -> tuple[int, float]:
    scores = [psnr(picture, photo[None]) for photo in photos]
    return int(np.argmax(scores)), 2 * 10 ** (-max(scores) / 20)


def nearest_with(far: Callable[[Tensor], Tensor], *, sign: int = 1) -> Function:
    """The least of far(differences), differences N x 3 x H x W; with sign -1 the largest."""

    def nearest(picture: Tensor, photos: Tensor) -> tuple[Tensor, Tensor]:
        apart = sign * far(picture - photos)
        return apart.argmin(), sign * apart.min()

    return nearest


def parts(function: Function, change: Callable[[Any, Any], Any]) -> Function:
    """A function whose two results are changed."""
    return lambda *inputs: change(*function(*inputs))


ALL = (1, 2, 3)


# The walk of the ideal denoiser.


def ideal_guess(noisy: Tensor, amount: float, photos: Tensor) -> Tensor:
    apart = ((noisy - (1 - amount) * photos) ** 2).sum(ALL)
    return (torch.softmax(-apart / (2 * amount**2), 0).reshape(-1, 1, 1, 1) * photos).sum(0, keepdim=True)


def walk_with(
    guess: Function = ideal_guess,
    kept: Callable[[float, float], float] = lambda amount, after: after / amount,
    told: Callable[[float], float] = lambda amount: amount,
    *,
    fewer: int = 0,
) -> Function:
    """A walk that keeps the share kept(amount, after), tells its guess told(amount), and stops `fewer` steps early."""

    def walk(noise: Tensor, photos: Tensor, steps: int) -> Tensor:
        noisy = noise
        for step in range(steps - fewer):
            amount, after = 1 - step / steps, 1 - (step + 1) / steps
            said = guess(noisy, told(amount), photos)
            noisy = said + kept(amount, after) * (noisy - said)
        return noisy

    return walk


ideal_walk = walk_with()


def walk_by_noise(noise: Tensor, photos: Tensor, steps: int) -> np.ndarray:
    """With the noise that is left, in float64, one photo at a time."""
    noisy, amounts = noise[0].double().numpy(), np.linspace(1, 0, steps + 1)
    known = photos.double().numpy()
    for amount, after in itertools.pairwise(amounts):
        scores = np.array([-((noisy - (1 - amount) * photo) ** 2).sum() / (2 * amount**2) for photo in known])
        weights = np.exp(scores - scores.max())
        guess = sum(weight * photo for weight, photo in zip(weights / weights.sum(), known, strict=True))
        left = (noisy - (1 - amount) * guess) / amount
        noisy = (1 - after) * guess + after * left
    return noisy[None]


def walk_by_velocity(noise: Tensor, photos: Tensor, steps: int) -> Tensor:
    noisy = noise
    for left in range(steps, 0, -1):
        velocity = (noisy - ideal_guess(noisy, left / steps, photos)) / (left / steps)
        noisy = noisy - velocity / steps
    return noisy


def walk_in_place(noise: Tensor, photos: Tensor, steps: int) -> Tensor:
    for left in range(steps, 0, -1):
        noise.lerp_(ideal_guess(noise, left / steps, photos), 1 / left)
    return noise


def path(noise: Tensor, photos: Tensor, steps: int) -> list[Tensor]:
    return [walk_with(fewer=steps - taken)(noise, photos, steps) for taken in range(1, steps + 1)]


def guess_with(score: Callable[[Tensor, float], Tensor], *, faded: bool = True) -> Function:
    def guess(noisy: Tensor, amount: float, photos: Tensor) -> Tensor:
        squares = (noisy - (1 - amount) * photos) ** 2 if faded else (noisy - photos) ** 2
        return torch.einsum("n,nchw->chw", score(squares, amount).softmax(0), photos)[None]

    return guess


def closest(noisy: Tensor, amount: float, photos: Tensor) -> Tensor:
    return photos[((noisy - (1 - amount) * photos) ** 2).sum(ALL).argmin(), None]


# For each exercise the solution and other right answers.
RIGHT: dict[str, dict[str, Function]] = {
    "nearest_photo": {
        "solution": nearest_photo,
        "loops": nearest_by_loops,
        "numpy": nearest_in_numpy,
        "cdist, a list": nearest_by_cdist,
        "by the PSNR": nearest_by_psnr,
        "Python numbers": parts(nearest_photo, lambda number, far: [number.item(), far.item()]),
    },
    "ideal_walk": {
        "solution": ideal_walk,
        "the noise that is left, numpy": walk_by_noise,
        "the velocity": walk_by_velocity,
        "in place": walk_in_place,
        "without its first axis, in a list": lambda *inputs: [ideal_walk(*inputs)[0]],
        "float64": lambda noise, photos, steps: ideal_walk(noise.double(), photos.double(), steps),
    },
}

# For each exercise plausible wrong answers, under a piece of the sentence that names the mistake.
WRONG: dict[str, list[tuple[str, Function]]] = {
    "nearest_photo": [
        ("differs most", nearest_with(lambda gaps: (gaps**2).mean(ALL).sqrt(), sign=-1)),
        ("counted from 0", parts(nearest_photo, lambda number, far: (number + 1, far))),
        ("wrong way round", parts(nearest_photo, lambda number, far: (far, number))),
        ("wrong way round", lambda picture, photos: ((picture - photos) ** 2).mean(ALL).sqrt().min(0)),
        ("up and those down cancel", nearest_with(lambda gaps: gaps.mean(ALL).abs())),
        ("up and those down cancel", nearest_with(lambda gaps: gaps.sum(ALL).abs())),
        ("up and those down cancel", nearest_with(lambda gaps: gaps.mean(ALL))),
        ("root of their mean", nearest_with(lambda gaps: (gaps**2).mean(ALL))),
        ("root of their mean", nearest_with(lambda gaps: (gaps**2).sum(ALL))),
        ("root of their mean", nearest_with(lambda gaps: gaps.flatten(1).norm(dim=1))),
        ("without their sign", nearest_with(lambda gaps: gaps.abs().mean(ALL))),
        ("without their sign", nearest_with(lambda gaps: gaps.abs().amax(ALL))),
        ("Both were asked for", parts(nearest_photo, lambda number, far: number)),
        ("Both were asked for", parts(nearest_photo, lambda number, far: far)),
        ("How far each photo is", lambda picture, photos: ((picture - photos) ** 2).mean(ALL).sqrt()),
        ("This is the photo", lambda picture, photos: photos[nearest_photo(picture, photos)[0]]),
        ("This is the photo", lambda picture, photos: photos[nearest_photo(picture, photos)[0], None]),
    ],
    "ideal_walk": [
        ("mean of all", lambda noise, photos, steps: ideal_guess(noise, 1.0, photos)),
        ("mean of all", walk_with(told=lambda amount: 1.0)),
        ("mean of all", lambda noise, photos, steps: photos.mean(0, keepdim=True)),
        ("one of the photos", walk_with(closest)),
        ("one of the photos", lambda noise, photos, steps: closest(ideal_walk(noise, photos, steps), 0.0, photos)),
        ("one of the photos", lambda noise, photos, steps: closest(noise, 0.0, photos)),
        ("one step early", walk_with(fewer=1)),
        ("only the last", path),
        ("only the last", lambda noise, photos, steps: torch.cat([noise, *path(noise, photos, steps)])),
        ("jumps to the guess", walk_with(kept=lambda amount, after: 0.0)),
        ("not after", walk_with(kept=lambda amount, after: after)),
        ("not made fainter", walk_with(guess_with(lambda squares, t: -squares.sum(ALL) / (2 * t**2), faded=False))),
        ("divisor", walk_with(guess_with(lambda squares, t: -squares.sum(ALL) / t**2))),
        ("not added up", walk_with(guess_with(lambda squares, t: -squares.mean(ALL) / (2 * t**2)))),
    ],
}


class TestExercises(ExercisesOfALesson):
    exercises = exercises_of(lesson02) & {"nearest_photo", "ideal_walk"}
    right = RIGHT
    wrong = WRONG
    seeds = (0, 1, 2, 3, 4)
    drawn = ("ideal_walk",)


def test_the_ideal_walk_ends_on_a_photo_when_the_steps_are_small() -> None:
    """What the lesson tells: the perfect learner of its training set copies it."""
    random = torch.Generator().manual_seed(0)
    photos, noise = torch.rand(5, 3, 16, 16, generator=random), torch.randn(1, 3, 16, 16, generator=random)
    number, far = nearest_photo(ideal_walk(noise, photos, 20), photos)
    assert number in range(5)
    assert far < 1e-4
