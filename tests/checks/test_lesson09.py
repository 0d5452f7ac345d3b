"""The checks of lesson 9's exercises: right answers pass, each wrong one hears what its mistake is."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from course_lib.checks import lesson09
from tests.support.exercises import ExercisesOfALesson, Function, exercises_of

Layers = list[dict[str, Any]]
pytestmark = pytest.mark.usefixtures("one_thread")


# Counting.


def counted(count: Callable[[int, int, int], int]) -> Function:
    """The sum of count(numbers in, numbers out, side of the window) over layers."""
    return lambda layers: sum(count(layer["from"], layer["to"], layer.get("side", 1)) for layer in layers)


def count_by_loop(layers: Layers) -> int:
    total = 0
    for layer in layers:
        places = layer["side"] ** 2 if layer["kind"] == "convolution" else 1
        total += layer["from"] * layer["to"] * places + layer["to"]
    return total


def count_by_building(layers: Layers) -> int:
    with torch.device("meta"):
        built = [
            torch.nn.Linear(layer["from"], layer["to"])
            if layer["kind"] == "linear"
            else torch.nn.Conv2d(layer["from"], layer["to"], layer["side"])
            for layer in layers
        ]
    return sum(parameter.numel() for layer in built for parameter in layer.parameters())


# Latents.


def fewer(size: list[int], fold: int, channels: int) -> float:
    high, wide = size
    return high * wide * 3 / (high // fold * (wide // fold) * channels)


# Amounts.


def amounts(alpha: Tensor) -> Tensor:
    strength = ((1 - alpha) / alpha).sqrt()
    return strength / (1 + strength)


def odds(alpha: Tensor) -> Tensor:
    return ((1 - alpha) / alpha).sqrt()


# Steps.


def step(noisy: Tensor, noise: Tensor, alpha: float, after: float) -> Tensor:
    clean = (noisy - (1 - alpha) ** 0.5 * noise) / alpha**0.5
    return after**0.5 * clean + (1 - after) ** 0.5 * noise


def step_along_the_straight_path(noisy: Tensor, noise: Tensor, alpha: float, after: float) -> Tensor:
    now, then = (((1 - a) / a) ** 0.5 for a in (alpha, after))
    return (noisy / alpha**0.5 + (then - now) * noise) * after**0.5


def mixed(mix: Callable[..., Any]) -> Function:
    """mix(clean, noise, alpha, after), the clean picture being worked out as it should."""

    def function(noisy: Tensor, noise: Tensor, alpha: float, after: float) -> Any:
        return mix((noisy - (1 - alpha) ** 0.5 * noise) / alpha**0.5, noise, alpha, after)

    return function


def from_clean(clean: Callable[..., Any]) -> Function:
    """The next rung, with clean(noisy, noise, alpha) for the clean picture."""
    return lambda noisy, noise, alpha, after: after**0.5 * clean(noisy, noise, alpha) + (1 - after) ** 0.5 * noise


RIGHT: dict[str, dict[str, Function]] = {
    "count_parameters": {
        "solution": count_by_loop,
        "by building them": count_by_building,
        "in one line": counted(lambda a, b, side: (a * side**2 + 1) * b),
        "as a tensor": lambda layers: torch.tensor(count_by_loop(layers)),
        "as a float": lambda layers: float(count_by_loop(layers)),
    },
    "times_fewer": {
        "solution": fewer,
        "by shapes": lambda size, fold, c: np.zeros((*size, 3)).size / np.zeros((*[s // fold for s in size], c)).size,
        "by blocks": lambda size, fold, c: 3 * fold**2 / c,
        "as a tensor": lambda *sizes: torch.tensor([fewer(*sizes)]).mean(),
    },
    "amount_for": {
        "solution": amounts,
        "by parts": lambda alpha: (1 - alpha).sqrt() / (alpha.sqrt() + (1 - alpha).sqrt()),
        "numpy": lambda alpha: 1 / (1 + np.sqrt(alpha.numpy() / (1 - alpha.numpy()))),
        "a list": lambda alpha: [1 - 1 / (1 + ((1 - a) / a) ** 0.5) for a in alpha.tolist()],
    },
    "ddim_step": {
        "solution": step,
        "along the straight path": step_along_the_straight_path,
        "numpy": lambda noisy, noise, alpha, after: step(noisy.numpy(), noise.numpy(), alpha, after),
        "one by one": lambda noisy, noise, alpha, after: [
            step(a, b, alpha, after) for a, b in zip(noisy, noise, strict=True)
        ],
    },
}

WRONG: dict[str, list[tuple[str, Function]]] = {
    "count_parameters": [
        ("biases are missing", counted(lambda a, b, side: a * b * side**2)),
        ("side x side", counted(lambda a, b, side: a * b * side + b)),
        ("not always 3 x 3", counted(lambda a, b, side: a * b * (9 if side > 1 else 1) + b)),
        ("biases are missing", counted(lambda a, b, side: a * b * side)),
        ("each place in its window", counted(lambda a, b, _: a * b + b)),
        ("not for each that goes in", counted(lambda a, b, side: a * b * side**2 + a)),
        ("not one in all", counted(lambda a, b, side: a * b * side**2 + 1)),
        ("has no window", counted(lambda a, b, side: (a + 1) * b * side**2)),
        ("all channels that go in", counted(lambda _, b, side: b * side**2 + b)),
        ("multiply, don't add", counted(lambda a, b, side: (a + b) * side**2 + b)),
        ("one layer of the list", lambda layers: count_by_loop(layers[-1:])),
        ("one layer of the list", lambda layers: count_by_loop(layers[:1])),
        ("their sum was asked for", lambda layers: [count_by_loop([layer]) for layer in layers]),
        ("These are bytes", lambda layers: 4 * count_by_loop(layers)),
    ],
    "times_fewer": [
        ("three numbers at each pixel", lambda size, fold, c: fold**2 / c),
        ("several numbers at each place", lambda size, fold, c: 3 * fold**2),
        ("not one", lambda size, fold, c: 3 * fold / c),
        ("no part in it", lambda size, fold, c: 3 / c),
        ("wrong way round", lambda *sizes: 1 / fewer(*sizes)),
        ("Only places are compared", lambda size, fold, c: fold**2),
        ("larger, not smaller", lambda size, fold, c: 3 * fold**2 * c),
        ("one of the two numbers", lambda size, fold, c: math.prod(size) // fold**2 * c),
        ("one of the two numbers", lambda size, fold, c: math.prod(size) * 3),
        ("how many fewer", lambda size, fold, c: math.prod(size) * 3 - math.prod(size) // fold**2 * c),
    ],
    "amount_for": [
        ("not yet a share", odds),
        ("not yet a share", lambda alpha: odds(alpha) ** 2),
        ("roots are missing", lambda alpha: 1 - alpha),
        ("the picture's share", lambda alpha: 1 / (1 + odds(alpha))),
        ("the picture's share", lambda alpha: alpha.sqrt()),
        ("don't add up to 1", lambda alpha: (1 - alpha).sqrt()),
        ("a root of its own", lambda alpha: 1 - alpha.sqrt()),
        ("alpha-bar itself", lambda alpha: alpha),
        ("are swapped", lambda alpha: 1 / odds(alpha)),
        ("s of 1 + s", lambda alpha: odds(alpha) / 2),
        ("s of 1 + s", lambda alpha: odds(alpha) / (1 - odds(alpha))),
        ("not by the root of squares", lambda alpha: odds(alpha) / (1 + odds(alpha) ** 2)),
    ],
    "ddim_step": [
        ("gone at once", mixed(lambda clean, noise, alpha, after: clean)),
        ("gone at once", mixed(lambda clean, noise, alpha, after: after**0.5 * clean)),
        ("still the first rung", lambda noisy, *_: noisy),
        ("square roots", mixed(lambda clean, noise, alpha, after: after * clean + (1 - after) * noise)),
        ("square roots", mixed(lambda clean, noise, alpha, after: after**0.5 * clean + (1 - after) * noise)),
        ("square roots", from_clean(lambda noisy, noise, alpha: (noisy - (1 - alpha) * noise) / alpha)),
        ("square roots", from_clean(lambda noisy, noise, alpha: (noisy - (1 - alpha) * noise) / alpha**0.5)),
        ("square roots", from_clean(lambda noisy, noise, alpha: (noisy - (1 - alpha) ** 0.5 * noise) / alpha)),
        ("divide by it", from_clean(lambda noisy, noise, alpha: noisy - (1 - alpha) ** 0.5 * noise)),
        (
            "each other's parts",
            mixed(lambda clean, noise, alpha, after: (1 - after) ** 0.5 * clean + after**0.5 * noise),
        ),
        (
            "it belongs there",
            mixed(lambda clean, noise, alpha, after: after**0.5 * clean - (1 - after) ** 0.5 * noise),
        ),
        ("not added", from_clean(lambda noisy, noise, alpha: (noisy + (1 - alpha) ** 0.5 * noise) / alpha**0.5)),
        ("are swapped", lambda noisy, noise, alpha, after: step(noisy, noise, after, alpha)),
        ("work out the clean one", from_clean(lambda noisy, noise, alpha: noisy)),
        ("this rung's part", from_clean(lambda noisy, noise, alpha: (noisy - noise) / alpha**0.5)),
    ],
}


class TestExercises(ExercisesOfALesson):
    exercises = exercises_of(lesson09)
    right = RIGHT
    wrong = WRONG
    drawn = ("ddim_step",)
