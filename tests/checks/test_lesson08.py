"""The checks of lesson 8's exercises: right answers pass, each wrong one hears what its mistake is."""

import itertools
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from course_lib import judge
from course_lib.checks import lesson08
from tests.support.exercises import ExercisesOfALesson, Function, exercises_of

pytestmark = pytest.mark.usefixtures("one_thread")


# Sizes.


def size(pictures: int, width: int, height: int, bits: int) -> float:
    return pictures * width * height * bits / 8


def size_by_steps(pictures: int, width: int, height: int, bits: int) -> Tensor:
    return torch.tensor(width * height, dtype=torch.float64) * bits / 8 * pictures


# Numbers for all.


def bits_for(count: int) -> int:
    bits = 0
    while 2**bits < count:
        bits += 1
    return bits


def bits_by_halving(count: int) -> int:
    bits = 0
    while count > 1:
        count = -(-count // 2)
        bits += 1
    return bits


# The nearest.


def all_distances(drawings: Tensor, known: Tensor) -> Tensor:
    return (drawings[:, None] - known[None]).square().mean(dim=(2, 3, 4)).sqrt()


def nearest(drawings: Tensor, known: Tensor) -> Tensor:
    return all_distances(drawings, known).min(dim=1).values


def nearest_by_loops(drawings: Tensor, known: Tensor) -> list[float]:
    return [min(math.sqrt(float(((one - other) ** 2).mean())) for other in known) for one in drawings]


def nearest_by_cdist(drawings: Tensor, known: Tensor) -> Tensor:
    return torch.cdist(drawings.flatten(1), known.flatten(1)).amin(1) / math.sqrt(drawings[0].numel())


def apart(drawings: Tensor, known: Tensor) -> Tensor:
    return drawings[:, None] - known[None]


# The rule.


def rule(to_known: Tensor, to_fresh: Tensor, share: float) -> Tensor:
    return to_known <= share * to_fresh


def rule_by_loops(to_known: Tensor, to_fresh: Tensor, share: float) -> list[bool]:
    return [one <= share * other for one, other in zip(to_known.tolist(), to_fresh.tolist(), strict=True)]


# Repetition.


def times(copy_of: list[int], repeated: int, count: int) -> float:
    back = sum(number == repeated for number in copy_of)
    others = sum(number not in (repeated, -1) for number in copy_of)
    return back / (others / (count - 1))


def times_by_counter(copy_of: list[int], repeated: int, count: int) -> float:
    counted = Counter(copy_of)
    rest = [counted[number] for number in range(count) if number != repeated]
    return counted[repeated] / (sum(rest) / len(rest))


def times_by_shares(copy_of: list[int], repeated: int, count: int) -> float:
    shares = np.bincount(np.array(copy_of) + 1, minlength=count + 1)[1:] / len(copy_of)
    return float(shares[repeated] / np.delete(shares, repeated).mean())


def back_of(copy_of: list[int], repeated: int) -> int:
    return copy_of.count(repeated)


def others_of(copy_of: list[int], repeated: int) -> int:
    return len(copy_of) - copy_of.count(repeated) - copy_of.count(-1)


# Two models.


def pairs(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    distances = all_distances(first, second)
    same = torch.eye(len(first), dtype=torch.bool)
    return distances[same].mean(), distances[~same].mean()


def pairs_by_loops(first: Tensor, second: Tensor) -> list[float]:
    far: dict[bool, list[float]] = {True: [], False: []}
    for i, j in itertools.product(range(len(first)), repeat=2):
        far[i == j].append(float((first[i] - second[j]).square().mean().sqrt()))
    return [float(np.mean(far[True])), float(np.mean(far[False]))]


def pairs_by_sums(first: Tensor, second: Tensor) -> Tensor:
    distances, count = all_distances(first, second).double(), len(first)
    diagonal = distances.diagonal().sum()
    return torch.stack([diagonal / count, (distances.sum() - diagonal) / (count * (count - 1))])


def pairs_by_rolls(first: Tensor, second: Tensor) -> list[float]:
    turns = [(first - second.roll(k, 0)).square().flatten(1).mean(1).sqrt().mean().item() for k in range(len(first))]
    return [turns[0], float(np.mean(turns[1:]))]


def of_pairs(first: Tensor, second: Tensor, function: Any) -> Tensor:
    distances = function(apart(first, second))
    same = torch.eye(len(first), dtype=torch.bool)
    return torch.stack([distances[same].mean(), distances[~same].mean()])


# For each exercise the solution and other right answers.
RIGHT: dict[str, dict[str, Function]] = {
    "collection_size": {
        "solution": size,
        "a tensor": size_by_steps,
        "whole bytes first": lambda pictures, width, height, bits: pictures * (width * height * bits / 8),
        "numpy": lambda *given: np.prod(np.array(given, dtype=float)) / 8,
    },
    "number_bits": {
        "solution": bits_for,
        "bit_length": lambda count: (count - 1).bit_length(),
        "ceil of log2": lambda count: math.ceil(math.log2(count)),
        "halving": bits_by_halving,
        "text": lambda count: len(f"{count - 1:b}") if count > 1 else 0,
        "a tensor": lambda count: torch.tensor(float(count), dtype=torch.float64).log2().ceil(),
    },
    "to_nearest": {
        "solution": nearest,
        "loops": nearest_by_loops,
        "cdist": nearest_by_cdist,
        "numpy": lambda d, k: np.sqrt(((d.numpy()[:, None] - k.numpy()) ** 2).mean((2, 3, 4))).min(1),
        "the library's": lambda d, k: judge.nearest(d, k)[0],
    },
    "is_copy": {
        "solution": rule,
        "loops": rule_by_loops,
        "divided": lambda to_known, to_fresh, share: to_known / share <= to_fresh,
        "zeros and ones": lambda *given: rule(*given).int(),
        "not farther": lambda to_known, to_fresh, share: ~(to_known > share * to_fresh),
        "numpy": lambda to_known, to_fresh, share: to_known.numpy() <= share * to_fresh.numpy(),
    },
    "times_as_often": {
        "solution": times,
        "a Counter": times_by_counter,
        "shares": times_by_shares,
        "a tensor": lambda *given: torch.tensor([times(*given)]).squeeze(),
        "multiplied": lambda c, r, n: back_of(c, r) * (n - 1) / others_of(c, r),
    },
    "pair_distances": {
        "solution": pairs,
        "loops": pairs_by_loops,
        "sums": pairs_by_sums,
        "rolls": pairs_by_rolls,
    },
}

# For each exercise plausible wrong answers, under a piece of the sentence that names the mistake.
WRONG: dict[str, list[tuple[str, Function]]] = {
    "collection_size": [
        ("These are bits", lambda n, w, h, b: n * w * h * b),
        ("dividing by 8", lambda n, w, h, b: n * w * h * b * 8),
        ("This is one picture", lambda n, w, h, b: w * h * b / 8),
        ("These are the pixels", lambda n, w, h, b: n * w * h),
        ("added", lambda n, w, h, b: n * (w + h) * b / 8),
        ("not square", lambda n, w, h, b: n * w * w * b / 8),
        ("in the bits already", lambda n, w, h, b: n * w * h * 3 * b / 8),
        ("Three bytes a pixel", lambda n, w, h, b: n * w * h * 3),
        ("8 bits, not 10", lambda n, w, h, b: n * w * h * b / 10),
        ("kilobytes", lambda n, w, h, b: size(n, w, h, b) / 1e9),
        ("kilobytes", lambda n, w, h, b: size(n, w, h, b) / 2**20),
        ("None: no `return`?", lambda n, w, h, b: None),
    ],
    "number_bits": [
        ("round up", lambda count: math.log2(count)),
        ("round up", lambda count: int(math.log2(count))),
        ("round up", lambda count: round(math.log2(count))),
        ("One bit fewer would do", lambda count: count.bit_length()),
        ("One bit fewer would do", lambda count: int(math.log2(count)) + 1),
        ("These are bytes", lambda count: math.ceil(bits_for(count) / 8)),
        ("how many numbers there are", lambda count: count),
        ("not ten", lambda count: len(str(count))),
        ("This is a root", lambda count: math.ceil(math.sqrt(count))),
        ("half of the number", lambda count: count / 2),
        ("another base", lambda count: math.ceil(math.log(count))),
    ],
    "to_nearest": [
        ("the farthest", lambda d, k: all_distances(d, k).amax(1)),
        ("mean over all known", lambda d, k: all_distances(d, k).mean(1)),
        ("the root is missing", lambda d, k: all_distances(d, k).square().amin(1)),
        ("all distances", all_distances),
        ("which known picture", lambda d, k: all_distances(d, k).argmin(1)),
        ("the other way round", lambda d, k: all_distances(d, k).amin(0)),
        ("added up", lambda d, k: torch.cdist(d.flatten(1), k.flatten(1)).amin(1)),
        ("mean absolute", lambda d, k: apart(d, k).abs().mean((2, 3, 4)).amin(1)),
        ("pixel by pixel", lambda d, k: apart(d, k).square().amin(1).mean((1, 2, 3)).sqrt()),
        ("This is one number", lambda d, k: all_distances(d, k).min()),
        ("The first known picture", lambda d, k: all_distances(d, k)[:, 0]),
        ("picture i", lambda d, k: all_distances(d, k).diagonal()),
    ],
    "is_copy": [
        ("the wrong way round", lambda to_known, to_fresh, share: to_known > share * to_fresh),
        ("exactly that share", lambda to_known, to_fresh, share: to_known < share * to_fresh),
        ("The share has no part", lambda to_known, to_fresh, share: to_known < to_fresh),
        ("are swapped", lambda to_known, to_fresh, share: to_fresh <= share * to_known),
        ("of the wrong distance", lambda to_known, to_fresh, share: share * to_known <= to_fresh),
        ("with the share itself", lambda to_known, to_fresh, share: to_known <= share),
        ("the difference", lambda to_known, to_fresh, share: to_fresh - to_known >= share),
        ("This is the share of copies", lambda *given: rule(*given).float().mean()),
        ("This counts the copies", lambda *given: rule(*given).sum()),
        ("These are the quotients", lambda to_known, to_fresh, share: to_known / to_fresh),
        ("the numbers of the copies", lambda *given: rule(*given).nonzero().flatten()),
    ],
    "times_as_often": [
        ("taken together", lambda c, r, n: back_of(c, r) / others_of(c, r)),
        ("one fewer of them", lambda c, r, n: back_of(c, r) / (others_of(c, r) / n)),
        ("A drawing that copies none", lambda c, r, n: back_of(c, r) / (sum(i != r for i in c) / (n - 1))),
        ("never copied", lambda c, r, n: back_of(c, r) / (others_of(c, r) / len(set(c) - {r, -1}))),
        ("the wrong way round", lambda c, r, n: 1 / times(c, r, n)),
        ("how often the repeated picture came back", lambda c, r, n: back_of(c, r) / len(c)),
        ("among the copies", lambda c, r, n: back_of(c, r) / ((back_of(c, r) + others_of(c, r)) / n)),
        ("a difference", lambda c, r, n: back_of(c, r) - others_of(c, r) / (n - 1)),
        ("A share of the drawings", lambda c, r, n: back_of(c, r) / len(c) / (others_of(c, r) / (n - 1))),
        ("how much more often", lambda c, r, n: times(c, r, n) - 1),
        ("not a block of numbers", lambda c, r, n: "often"),
    ],
    "pair_distances": [
        ("are swapped", lambda a, b: pairs(a, b)[::-1]),
        ("leave the diagonal out", lambda a, b: (pairs(a, b)[0], all_distances(a, b).mean())),
        ("divided by too many", lambda a, b: (pairs(a, b)[0], pairs(a, b)[1] * (len(a) - 1) / len(a))),
        ("mean over the pairs", lambda a, b: of_pairs(a, b, lambda d: d.square().mean((2, 3, 4))).sqrt()),
        ("squared distances", lambda a, b: of_pairs(a, b, lambda d: d.square().mean((2, 3, 4)))),
        ("added up", lambda a, b: of_pairs(a, b, lambda d: d.square().sum((2, 3, 4)).sqrt())),
        ("drawings of one model", lambda a, b: (pairs(a, b)[0], pairs(a, a)[1])),
        ("with the next only", lambda a, b: (pairs(a, b)[0], all_distances(a, b.roll(-1, 0)).diagonal().mean())),
        ("all distances", all_distances),
        ("one of the two", lambda a, b: pairs(a, b)[0]),
        ("These are sums", lambda a, b: [pairs(a, b)[0] * len(a), pairs(a, b)[1] * len(a) * (len(a) - 1)]),
    ],
}


class TestExercises(ExercisesOfALesson):
    exercises = exercises_of(lesson08)
    right = RIGHT
    wrong = WRONG
