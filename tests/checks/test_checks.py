"""Checks of lessons 1 and 2: right answers pass, each wrong one hears its mistake, nothing stops a lesson."""

import base64
import io
import itertools
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from course_lib.checks import lesson01, lesson02
from tests.support.exercises import ExercisesOfALesson, Function, check, exercises_of, not_tried, stop

pytestmark = pytest.mark.usefixtures("one_thread")


# Lesson 1


def to_screen_by_loops(picture: Tensor) -> list[int]:
    return [min(255, max(0, math.floor((value + 1) / 2 * 255 + 0.5))) for value in picture.flatten().tolist()]


def ladder_by_loops(picture: Tensor, noise: Tensor, steps: int) -> list[Tensor]:
    rungs = []
    for k in range(steps + 1):
        rungs.append(picture + (noise - picture) * k / steps)
    return rungs


def ladder_blended_again(picture: Tensor, noise: Tensor, steps: int) -> list[Tensor]:
    rungs = [picture]
    for k in range(1, steps + 1):
        rungs.append((1 - k / steps) * rungs[-1] + k / steps * noise)
    return rungs


def neighbours_by_loops(picture: Tensor) -> float:
    pairs: list[tuple[float, float]] = []
    for row in picture.flatten(0, -2).tolist():
        pairs += itertools.pairwise(row)
    mean_left = sum(left for left, _ in pairs) / len(pairs)
    mean_right = sum(right for _, right in pairs) / len(pairs)
    up = sum((left - mean_left) * (right - mean_right) for left, right in pairs)
    down = sum((left - mean_left) ** 2 for left, _ in pairs) * sum((right - mean_right) ** 2 for _, right in pairs)
    return up / math.sqrt(down)


def psnr_by_loops(picture: Tensor, truth: Tensor) -> float:
    squares = [(a - b) ** 2 for a, b in zip(picture.flatten().tolist(), truth.flatten().tolist(), strict=True)]
    return 10 * math.log10(2**2 / (sum(squares) / len(squares)))


def sides(picture: Tensor) -> tuple[Tensor, Tensor]:
    return picture[..., :-1], picture[..., 1:]


def corrcoef(one: Any, other: Any) -> float:
    return float(np.corrcoef(one.flatten(), other.flatten())[0, 1])


def cosine(one: Tensor, other: Tensor) -> Tensor:
    return functional.cosine_similarity(one.flatten(), other.flatten(), dim=0)


def square_error(picture: Tensor, truth: Tensor) -> Tensor:
    return ((picture - truth) ** 2).mean()


# Lesson 2


def pair_with(share: Callable[[int, int], float]) -> Function:
    """A training pair whose amounts are share(step, steps)."""

    def pair(picture: Tensor, noise: Tensor, step: int, steps: int) -> tuple[Tensor, Tensor]:
        amounts = share(step + 1, steps), share(step, steps)
        first, second = ((1 - amount) * picture + amount * noise for amount in amounts)
        return first, second

    return pair


pair_of_steps = pair_with(lambda k, steps: k / steps)


def step_by_estimated_noise(noisy: Tensor, guess: Tensor, amount: float, after: float) -> Tensor:
    noise = (noisy - (1 - amount) * guess) / amount
    return (1 - after) * guess + after * noise


def walk_with(kept: Callable[[int, int], float], *, order: int = 1) -> Function:
    """A walk back whose k-th step of K keeps the share kept(k, K) of the rest."""

    def walk(noise: Tensor, guesses: list[Tensor]) -> list[Tensor]:
        picture, walked = noise, []
        for k, guess in enumerate(guesses[::order]):
            picture = guess + kept(k, len(guesses)) * (picture - guess)
            walked.append(picture)
        return walked

    return walk


walk_right = walk_with(lambda k, count: (count - k - 1) / (count - k))


def walk_by_amounts(noise: Tensor, guesses: list[Tensor]) -> Tensor:
    amounts = torch.linspace(1, 0, len(guesses) + 1).tolist()
    walked = noise.expand(len(guesses), -1, -1, -1).clone()
    for k, guess in enumerate(guesses):
        before = walked[k - 1] if k else noise[0]
        walked[k] = step_by_estimated_noise(before, guess[0], amounts[k], amounts[k + 1])
    return walked


def walk_in_place(noise: Tensor, guesses: list[Tensor], *, copied: bool) -> list[Tensor]:
    walked, count = [], len(guesses)
    for k, guess in enumerate(guesses):
        noise -= guess
        noise *= (count - k - 1) / (count - k)
        noise += guess
        walked.append(noise.clone() if copied else noise)
    return walked


def guess_with(score: Callable[[Tensor, float], Tensor], *, faded: bool = True, summed: bool = False) -> Function:
    """The mean of the photos weighted by exp(score(squares, amount)), squares N x 3 x H x W."""

    def guess(noisy: Tensor, amount: float, photos: Tensor) -> Tensor:
        squares = (noisy - (1 - amount) * photos) ** 2 if faded else (noisy - photos) ** 2
        likelihood = torch.exp(score(squares, amount))
        weights = likelihood if summed else likelihood / likelihood.sum()
        return (weights[:, None, None, None] * photos).sum(0, keepdim=True)

    return guess


def total(squares: Tensor) -> Tensor:
    return squares.sum((1, 2, 3))


guess_right = guess_with(lambda squares, amount: -total(squares) / (2 * amount**2))


def guess_by_loops(noisy: Tensor, amount: float, photos: Tensor) -> np.ndarray:
    scores = []
    for photo in photos.double().numpy():
        scores.append(-np.sum((noisy.numpy() - (1 - amount) * photo) ** 2) / (2 * amount**2))
    weights = [math.exp(score - max(scores)) for score in scores]
    mixed = np.zeros(photos.shape[1:])
    for weight, photo in zip(weights, photos.numpy(), strict=True):
        mixed += weight / sum(weights) * photo
    return mixed[None]


def guess_nearest(noisy: Tensor, amount: float, photos: Tensor) -> Tensor:
    nearest = total((noisy - (1 - amount) * photos) ** 2).argmin()
    return photos[nearest][None]


# For each exercise the solution and other right answers.
RIGHT: dict[str, dict[str, Function]] = {
    "to_screen": {
        "solution": lambda picture: ((picture + 1) * 127.5).round().clamp(0, 255),
        "numpy bytes": lambda picture: np.rint(np.clip(picture.numpy() * 127.5 + 127.5, 0, 255)).astype(np.uint8),
        "torch bytes": lambda picture: ((picture.clamp(-1, 1) + 1) / 2 * 255 + 0.5).to(torch.uint8),
        "loops": to_screen_by_loops,
        "float64": lambda picture: torch.round(255 * (picture.double().clip(-1, 1) / 2 + 0.5)),
    },
    "blend": {
        "solution": lambda picture, noise, amount: (1 - amount) * picture + amount * noise,
        "lerp": torch.lerp,
        "numpy float64": lambda p, n, t: p.numpy().astype(np.float64) * (1 - t) + n.numpy() * t,
        "list of pictures": lambda p, n, t: [a + t * (b - a) for a, b in zip(p, n, strict=True)],
        "nested lists": lambda p, n, t: (p + t * (n - p)).tolist(),
        "array that runs backwards": lambda p, n, t: np.flip(p.lerp(n, t).flip(3).numpy(), 3),
        "in place": lambda p, n, t: p.mul_(1 - t).add_(n.mul_(t)),
    },
    "ladder": {
        "solution": lambda p, n, steps: torch.cat([(1 - k / steps) * p + k / steps * n for k in range(steps + 1)]),
        "list of 1 x 3 x H x W": ladder_by_loops,
        "list of 3 x H x W": lambda p, n, steps: [rung[0] for rung in ladder_by_loops(p, n, steps)],
        "stacked to five axes": lambda p, n, steps: torch.stack(ladder_by_loops(p, n, steps)),
        "list of arrays": lambda p, n, steps: [rung.double().numpy() for rung in ladder_by_loops(p, n, steps)],
        "vectorised": lambda p, n, steps: p + torch.linspace(0, 1, steps + 1).view(-1, 1, 1, 1) * (n - p),
        "numpy": lambda p, n, steps: p.numpy() + np.linspace(0, 1, steps + 1)[:, None, None, None] * (n - p).numpy(),
    },
    "neighbours": {
        "solution": lambda picture: corrcoef(*sides(picture)),
        "torch": lambda picture: torch.corrcoef(torch.stack([side.flatten() for side in sides(picture)]))[0, 1],
        "loops": neighbours_by_loops,
        "cosine without the mean": lambda picture: cosine(*(side - side.mean() for side in sides(picture))),
        "numpy float64": lambda picture: corrcoef(*sides(picture.double().numpy())),
        "mean and spread of the whole": lambda picture: (
            ((picture[..., 1:] - picture.mean()) * (picture[..., :-1] - picture.mean())).mean() / picture.var()
        ),
    },
    "psnr": {
        "solution": lambda picture, truth: 10 * math.log10(4 / square_error(picture, truth)),
        "torch": lambda picture, truth: 10 * torch.log10(4 / functional.mse_loss(picture, truth)),
        "root and 20": lambda picture, truth: 20 * np.log10(2 / np.sqrt(np.mean((picture - truth).numpy() ** 2))),
        "loops": psnr_by_loops,
        "difference of logarithms": lambda p, t: 20 * math.log10(2) - 10 * math.log10(square_error(p.double(), t)),
        "list of one": lambda picture, truth: 10 * torch.log10(4 / square_error(picture, truth)).numpy(),
    },
    "training_pair": {
        "solution": pair_of_steps,
        "list": lambda *inputs: list(pair_of_steps(*inputs)),
        "one tensor": lambda *inputs: torch.cat(pair_of_steps(*inputs)),
        "numpy float64": lambda *inputs: [side.double().numpy() for side in pair_of_steps(*inputs)],
        "lerp": lambda p, n, step, steps: (torch.lerp(p, n, (step + 1) / steps), torch.lerp(p, n, step / steps)),
    },
    "picture_from_noise": {
        "solution": lambda noisy, noise, amount: (noisy - amount * noise) / (1 - amount),
        "numpy float64": lambda x, n, t: (x.numpy().astype(np.float64) - t * n.numpy()) / (1 - t),
        "by the odds": lambda x, n, t: x / (1 - t) - t / (1 - t) * n,
        "list of pictures": lambda x, n, t: [(a - t * b) / (1 - t) for a, b in zip(x, n, strict=True)],
        "clipped": lambda x, n, t: ((x - t * n) / (1 - t)).clamp(-1, 1),
    },
    "step_back": {
        "solution": lambda noisy, guess, amount, after: guess + after / amount * (noisy - guess),
        "estimated noise": step_by_estimated_noise,
        "lerp": lambda x, g, t, s: torch.lerp(g, x, s / t),
        "from the noisy side": lambda x, g, t, s: x + (t - s) / t * (g - x),
        "numpy float64": lambda x, g, t, s: (1 - s / t) * g.numpy().astype(np.float64) + s / t * x.numpy(),
        "in place": lambda x, g, t, s: x.sub_(g).mul_(s / t).add_(g),
    },
    "walk_back": {
        "solution": walk_right,
        "by amounts, one tensor": walk_by_amounts,
        "stacked to five axes": lambda *inputs: torch.stack(walk_right(*inputs)),
        "arrays": lambda noise, guesses: [p.numpy() for p in walk_right(noise.double(), guesses)],
        "list of 3 x H x W": lambda *inputs: [picture[0] for picture in walk_right(*inputs)],
        "in place": lambda noise, guesses: walk_in_place(noise, guesses, copied=True),
    },
    "ideal_guess": {
        "solution": guess_right,
        "loops in numpy": guess_by_loops,
        "softmax": lambda x, t, photos: torch.einsum(
            "n,nchw->chw", torch.softmax(-total((x - (1 - t) * photos) ** 2) / (2 * t * t), 0), photos
        )[None],
        "normal distribution": lambda x, t, photos: torch.tensordot(
            torch.distributions.Normal((1 - t) * photos, t).log_prob(x).sum((1, 2, 3)).softmax(0)[None], photos, 1
        ),
        "float64": lambda x, t, photos: guess_right(x.double(), t, photos.double()),
    },
}

# For each exercise plausible wrong answers, under a piece of the sentence that names the mistake.
WRONG: dict[str, list[tuple[str, Function]]] = {
    "to_screen": [
        ("not moved before they are scaled", lambda picture: (picture * 255).round()),
        ("not moved before they are scaled", lambda picture: (picture * 255).round().clamp(0, 255)),
        ("not moved before they are scaled", lambda picture: (picture.clamp(-1, 1) * 255).numpy().astype(np.uint8)),
        ("twice too wide", lambda picture: (picture + 1) * 255),
        ("twice too wide", lambda picture: ((picture + 1) * 255).clamp(0, 255).byte()),
        ("twice too wide", lambda picture: ((picture + 1) * 255).byte()),
        ("lie between 0 and 1", lambda picture: (picture.clamp(-1, 1) + 1) / 2),
        ("1 becomes 256", lambda picture: ((picture.clamp(-1, 1) + 1) * 128).round()),
        ("1 becomes 256", lambda picture: ((picture + 1) * 128).clamp(0, 255).byte()),
        ("not clipped", lambda picture: ((picture + 1) * 127.5).round()),
        ("not clipped", lambda picture: (picture + 1) * 128),
        ("not clipped", lambda picture: ((picture + 1) * 127.5).round().to(torch.int64).numpy().astype(np.uint8)),
        ("not whole", lambda picture: ((picture + 1) * 127.5).clamp(0, 255)),
        ("cut off", lambda picture: ((picture.clamp(-1, 1) + 1) * 127.5 + 1e-4).to(torch.uint8)),
        ("rounded up", lambda picture: ((picture.clamp(-1, 1) + 1) * 127.5 - 1e-4).ceil()),
        ("swapped", lambda picture: ((1 - picture.clamp(-1, 1)) * 127.5).round()),
    ],
    "blend": [
        ("swapped places", lambda p, n, t: t * p + (1 - t) * n),
        ("whole picture stays", lambda p, n, t: p + t * n),
        ("All of the noise", lambda p, n, t: (1 - t) * p + n),
        ("taken away instead", lambda p, n, t: (1 - t) * p - t * n),
        ("makes no difference", lambda p, n, t: (p + n) / 2),
        ("makes no difference", lambda p, n, t: p + n),
        ("makes no difference", lambda p, n, t: p),
        ("makes no difference", lambda p, n, t: n),
        ("add up to 1", lambda p, n, t: math.sqrt(1 - t**2) * p + t * n),
        ("is clipped", lambda p, n, t: ((1 - t) * p + t * n).clamp(-1, 1)),
    ],
    "ladder": [
        ("on its head", lambda p, n, steps: ladder_by_loops(n, p, steps)),
        ("still holds some picture", lambda p, n, steps: ladder_by_loops(p, n, steps + 1)[:-1]),
        ("first step already", lambda p, n, steps: ladder_by_loops(p, n, steps + 1)[1:]),
        ("not equally far apart", lambda p, n, steps: [torch.lerp(p, n, (k / steps) ** 2) for k in range(steps + 1)]),
        ("whole picture stays", lambda p, n, steps: [p + k / steps * n for k in range(steps + 1)]),
        ("blends the one before", ladder_blended_again),
        ("there are K + 1", lambda p, n, steps: ladder_by_loops(p, n, steps)[:-1]),
        ("there are K + 1", lambda p, n, steps: ladder_by_loops(p, n, steps)[1:]),
        ("there are K + 1", lambda p, n, steps: torch.cat([p.lerp(n, float(t)) for t in torch.linspace(0, 1, steps)])),
    ],
    "neighbours": [
        (
            "mean is not taken off",
            lambda x: cosine(*sides(x)),
        ),
        ("mean is not taken off", lambda x: (x[..., 1:] * x[..., :-1]).mean() / (x[..., 1:].std() * x[..., :-1].std())),
        ("two standard deviations, once", lambda x: np.cov(x[..., 1:].flatten(), x[..., :-1].flatten())[0, 1]),
        ("two standard deviations, once", lambda x: corrcoef(*sides(x)) * x[..., 1:].std()),
        ("two standard deviations, once", lambda x: corrcoef(*sides(x)) / x.var()),
        ("one below", lambda x: corrcoef(x[..., :-1, :], x[..., 1:, :])),
        ("with themselves", lambda x: corrcoef(x, x)),
        ("two places away", lambda x: corrcoef(x[..., :-2], x[..., 2:])),
        ("sign is turned", lambda x: -corrcoef(*sides(x))),
        ("how far neighbours differ", lambda x: (x[..., 1:] - x[..., :-1]).abs().mean()),
        ("how far neighbours differ", lambda x: x.diff().square().mean()),
        ("last column", lambda x: corrcoef(x, torch.roll(x, -1, dims=-1))),
        ("should be one number", lambda x: np.corrcoef(x[..., 1:].flatten(), x[..., :-1].flatten())),
    ],
    "psnr": [
        ("peak is 2", lambda x, y: 10 * torch.log10(1 / square_error(x, y))),
        ("peak is 2", lambda x, y: 20 * math.log10(255) - 10 * torch.log10(square_error(x, y))),
        ("peak is 2", lambda x, y: 10 * torch.log10(2 / square_error(x, y))),
        ("upside down", lambda x, y: 10 * torch.log10(square_error(x, y) / 4)),
        ("base 10", lambda x, y: 10 * torch.log(4 / square_error(x, y))),
        ("base 10", lambda x, y: torch.log10(4 / square_error(x, y))),
        ("base 10", lambda x, y: 4 / square_error(x, y)),
        ("20 times is for", lambda x, y: 20 * torch.log10(4 / square_error(x, y))),
        ("20 times is for", lambda x, y: 10 * torch.log10(2 / square_error(x, y).sqrt())),
        ("added up, not averaged", lambda x, y: 10 * torch.log10(4 / ((x - y) ** 2).sum())),
        ("not squared.", lambda x, y: 20 * torch.log10(2 / (x - y).abs().mean())),
        ("not squared.", lambda x, y: 10 * torch.log10(4 / (x - y).abs().mean())),
        ("error itself", square_error),
        ("error itself", lambda x, y: square_error(x, y).sqrt()),
    ],
    "training_pair": [
        ("wrong way round", lambda *inputs: pair_of_steps(*inputs)[::-1]),
        ("all picture or all noise", lambda p, n, step, steps: (torch.lerp(p, n, (step + 1) / steps), p)),
        ("all picture or all noise", lambda p, n, step, steps: (torch.lerp(p, n, (step + 1) / steps), n)),
        ("same step", lambda p, n, step, steps: [torch.lerp(p, n, step / steps)] * 2),
        ("same step", lambda p, n, step, steps: [torch.lerp(p, n, (step + 1) / steps)] * 2),
        ("k and k - 1", pair_with(lambda k, steps: (k - 1) / steps)),
        ("Step K is not pure noise", pair_with(lambda k, steps: k / (steps + 1))),
        ("swapped places", lambda p, n, step, steps: pair_of_steps(n, p, step, steps)),
        ("whole picture stays", lambda p, n, step, steps: (p + (step + 1) / steps * n, p + step / steps * n)),
    ],
    "picture_from_noise": [
        ("not its share", lambda x, n, t: x - n),
        ("not its share", lambda x, n, t: (x - n) / (1 - t)),
        ("too faint", lambda x, n, t: x - t * n),
        ("by the picture's share", lambda x, n, t: (x - t * n) / t),
        ("by the picture's share", lambda x, n, t: (x - t * n) * (1 - t)),
        ("added, not taken away", lambda x, n, t: (x + t * n) / (1 - t)),
        ("noise is still there", lambda x, n, t: x / (1 - t)),
        ("noise is still there", lambda x, n, t: x / (1 - t) - t * n),
        ("swapped places", lambda x, n, t: (x - (1 - t) * n) / t),
    ],
    "step_back": [
        ("comes back whole", lambda x, g, t, s: g),
        ("comes back unchanged", lambda x, g, t, s: x),
        ("upside down", lambda x, g, t, s: g + t / s * (x - g)),
        ("swapped places", lambda x, g, t, s: torch.lerp(x, g, s / t)),
        ("away from the guess", lambda x, g, t, s: g + s / t * (g - x)),
        ("away from the guess", lambda x, g, t, s: x + (t - s) / t * (x - g)),
        ("is pure noise", lambda x, g, t, s: (1 - s) * g + s * x),
        ("is pure noise", lambda x, g, t, s: (1 - s) * g + s * (x - g)),
        ("difference of the amounts", lambda x, g, t, s: x + (t - s) * (g - x)),
    ],
    "walk_back": [
        ("Only the last picture", lambda *inputs: walk_right(*inputs)[-1]),
        ("noise is in the list", lambda noise, guesses: [noise, *walk_right(noise, guesses)]),
        ("one step early", lambda *inputs: walk_right(*inputs)[:-1]),
        ("one step early", lambda noise, guesses: [noise, *walk_right(noise, guesses)][:-1]),
        ("in place", lambda noise, guesses: walk_in_place(noise, guesses, copied=False)),
        ("leave no noise", walk_with(lambda k, count: (count - k) / (count - k + 1))),
        ("wrong order", walk_with(lambda k, count: (count - k - 1) / (count - k), order=-1)),
        ("from the noise", lambda n, gs: [torch.lerp(g, n, 1 - (k + 1) / len(gs)) for k, g in enumerate(gs)]),
        ("not after", walk_with(lambda k, count: 1 - (k + 1) / count)),
    ],
    "ideal_guess": [
        ("taken alone", guess_nearest),
        ("count the same", lambda x, t, photos: photos.mean(0, keepdim=True)),
        ("made fainter", guess_with(lambda squares, t: -total(squares) / (2 * t**2), faded=False)),
        ("upside down", guess_with(lambda squares, t: total(squares) / (2 * t**2))),
        ("twice the noise's variance", guess_with(lambda squares, t: -total(squares) / 2)),
        ("twice the noise's variance", guess_with(lambda squares, t: -total(squares))),
        ("twice the noise's variance", guess_with(lambda squares, t: -total(squares) / (2 * t))),
        ("twice the noise's variance", guess_with(lambda squares, t: -total(squares) / t**2)),
        ("not added up", guess_with(lambda squares, t: -squares.mean((1, 2, 3)) / (2 * t**2))),
        ("not added up", guess_with(lambda squares, t: -total(squares).sqrt() / (2 * t**2))),
        ("divided by their sum", guess_with(lambda squares, t: -total(squares) / (2 * t**2), summed=True)),
    ],
}


def solution(exercise: str) -> Function:
    return RIGHT[exercise]["solution"]


class TestExercises(ExercisesOfALesson):
    exercises = exercises_of(lesson01, lesson02) - {"ideal_walk", "nearest_photo"}  # in test_checks_lesson02_second
    right = RIGHT
    wrong = WRONG
    drawn = ("blend", "ladder", "training_pair", "picture_from_noise", "step_back", "walk_back", "ideal_guess")


# What any function may do that is no answer, and a piece of what its writer hears.
NO_ANSWERS: dict[str, tuple[Function, str]] = {
    "no return": (lambda *inputs: None, "gives back None: no `return`?"),
    "text": (lambda *inputs: "noise", "gives back a str, not a block of numbers"),
    "a list of texts": (lambda *inputs: ["0", "1"], "gives back a list"),
    "a dict": (lambda *inputs: {"picture": 1}, "gives back a dict"),
    "a generator": (lambda *inputs: (value for value in inputs), "gives back a generator"),
    "an empty list": (lambda *inputs: [], "gives back a list"),
    "a list of two shapes": (lambda *inputs: [torch.zeros(2), torch.zeros(3)], "gives back a list"),
    "a list with None in it": (lambda *inputs: [inputs[0], None], "gives back a list"),
    "complex numbers": (lambda *inputs: torch.zeros(2, dtype=torch.complex64), "gives back a Tensor"),
    "an array of objects": (lambda *inputs: np.array([None, "a"]), "gives back a ndarray"),
    "another shape": (lambda *inputs: torch.zeros(7, 5), "and yours is of shape (7, 5)."),
    "no pictures": (lambda *inputs: torch.zeros(1, 3, 0, 0), "and yours is of shape (1, 3, 0, 0)."),
    "an error": (stop(ValueError("too <b>loud</b>")), "stopped with ValueError: too <b>loud</b>"),
    "an error without words": (stop(AssertionError()), "stopped with AssertionError"),
    "an error that can't say what it is": (stop(type("Odd", (Exception,), {"__str__": None})()), "Odd"),
    "an exit": (stop(SystemExit(1)), "stopped with SystemExit: 1"),
    "no such operation": (stop(NotImplementedError("on this device")), "stopped with NotImplementedError: on this"),
    "a bare NotImplementedError": (stop(NotImplementedError()), "stopped with NotImplementedError"),
    "no function at all": (3, "stopped with TypeError: 'int' object is not callable"),  # type: ignore[dict-item]
    "no arguments": (lambda: 1, "stopped with TypeError"),
}


@pytest.mark.parametrize("kind", NO_ANSWERS)
@pytest.mark.parametrize("exercise", ["blend", "psnr", "walk_back"])
def test_what_is_no_answer_is_said_and_stops_nothing(exercise: str, kind: str) -> None:
    function, said = NO_ANSWERS[kind]
    verdict = check(exercise, function)
    assert not verdict.passed
    assert said in verdict.what
    assert f"Think about: {verdict.idea}" in repr(verdict)
    assert "<b>" not in verdict._repr_html_()


def test_an_interrupted_check_stops() -> None:
    with pytest.raises(KeyboardInterrupt):
        check("blend", stop(KeyboardInterrupt()))


@pytest.mark.filterwarnings("ignore:invalid value encountered")
@pytest.mark.parametrize("exercise", RIGHT)
def test_an_answer_that_goes_wrong_only_later_stops_nothing(exercise: str) -> None:
    def right_once_then(later: Function) -> Function:
        functions = itertools.chain([solution(exercise)], itertools.repeat(later))
        return lambda *inputs: next(functions)(*inputs)

    for _, wrong in WRONG[exercise]:
        check(exercise, right_once_then(wrong))  # may pass: some mistakes show in the first question only
    for function, _ in NO_ANSWERS.values():
        assert not check(exercise, right_once_then(function)).passed
    verdict = check(exercise, right_once_then(lambda *inputs: torch.zeros(0, 3, 16, 16)))
    assert not verdict.passed
    assert verdict._repr_html_()


def test_a_verdict_has_three_parts_as_text_and_as_html() -> None:
    verdict = check("blend", lambda picture, noise, amount: picture + amount * noise)
    text, page = repr(verdict).splitlines(), verdict._repr_html_()
    assert text[0].startswith("Not yet. The whole picture stays under the noise")
    assert text[1].startswith("  Expected: shape (2, 3, 24, 24), first values ")
    assert text[2].startswith("  Yours: shape (2, 3, 24, 24), first values ")
    assert text[1][12:] != text[2][9:]
    assert text[3] == "Think about: how much of the picture should be left when everything is noise?"
    assert verdict.what in page
    assert text[3] in page
    shown = re.findall(r'<img alt="([^"]*)" [^>]*src="([^"]*)"', page)
    assert [alt.split(":")[0] for alt, _ in shown] == ["Expected", "Yours"]
    assert shown[0][1] != shown[1][1]


def test_numbers_stand_beside_each_other_as_numbers() -> None:
    verdict = check("to_screen", lambda picture: picture * 255)
    assert "  Expected: 153, 204\n  Yours: 51, 153\n" in repr(verdict)
    assert "<code>153, 204</code>" in verdict._repr_html_()
    assert "<img" not in verdict._repr_html_()


def test_a_verdict_escapes_what_it_quotes() -> None:
    page = check("blend", stop(ValueError("<script>alert('&')</script>")))._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt;" in page


# A stand-in: the function runs in another process, and only numbers, texts, arrays, lists and dicts cross, as JSON.


def packed(value: Any) -> Any:
    if isinstance(value, Tensor | np.ndarray):
        file = io.BytesIO()
        np.save(file, np.asarray(value), allow_pickle=False)
        return {"array": base64.b64encode(file.getvalue()).decode()}
    if isinstance(value, list | tuple):
        return [packed(part) for part in value]
    if isinstance(value, dict):
        return {"dict": {key: packed(part) for key, part in value.items()}}
    if isinstance(value, np.generic):
        return value.item()
    assert value is None or type(value) in (bool, int, float, str), f"a {type(value).__name__} can't cross"
    return value


def unpacked(value: Any) -> Any:
    if isinstance(value, list):
        return [unpacked(part) for part in value]
    if isinstance(value, dict) and "array" in value:
        return np.load(io.BytesIO(base64.b64decode(value["array"])), allow_pickle=False)
    return {key: unpacked(part) for key, part in value["dict"].items()} if isinstance(value, dict) else value


def as_tensors(value: Any) -> Any:
    if isinstance(value, list):
        return [as_tensors(part) for part in value]
    return torch.from_numpy(value) if isinstance(value, np.ndarray) else value


ANSWERS = ("solution", "wrong", "not tried")


def answer_of(exercise: str, which: str) -> Function:
    return {"solution": solution(exercise), "wrong": WRONG[exercise][0][1], "not tried": not_tried}[which]


def serve() -> None:
    """The other process: answer questions, one a line, until there are no more."""
    for line in sys.stdin:
        exercise, which, inputs = json.loads(line)
        try:
            reply = {"gave": packed(answer_of(exercise, which)(*as_tensors(unpacked(inputs))))}
        except NotImplementedError as error:
            reply = {"not implemented": str(error)}
        print(json.dumps(reply), flush=True)


@pytest.fixture(scope="module")
def other_process() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", "from tests.checks import test_checks; test_checks.serve()"]
    places = {"PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **places}
    ) as process:
        yield process
        process.stdin.close()  # type: ignore[union-attr]


@pytest.mark.parametrize("which", ANSWERS)
@pytest.mark.parametrize("exercise", RIGHT)
def test_a_stand_in_in_another_process_gets_the_same_verdict(
    exercise: str, which: str, other_process: subprocess.Popen[str]
) -> None:
    questions, replies = other_process.stdin, other_process.stdout
    assert questions
    assert replies

    def stand_in(*inputs: Any) -> Any:
        print(json.dumps([exercise, which, packed(list(inputs))]), file=questions, flush=True)
        reply = json.loads(replies.readline())
        if "not implemented" in reply:
            raise NotImplementedError(reply["not implemented"])
        return unpacked(reply["gave"])

    here, there = check(exercise, answer_of(exercise, which)), check(exercise, stand_in)
    assert there.passed == (which == "solution")
    assert repr(there) == repr(here)
