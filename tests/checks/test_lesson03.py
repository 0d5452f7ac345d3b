"""The checks of lesson 3's exercises: right answers pass, each wrong one hears what its mistake is."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import special, stats
from skimage.measure import block_reduce
from torch import Tensor

from course_lib.checks import lesson03
from tests.support.exercises import ExercisesOfALesson, Function, exercises_of

pytestmark = pytest.mark.usefixtures("one_thread")


def blocks(picture: Tensor, factor: int) -> Tensor:
    b, c, h, w = picture.shape
    return picture.reshape(b, c, h // factor, factor, w // factor, factor)


def shrink(picture: Tensor, factor: int) -> Tensor:
    return blocks(picture, factor).mean(dim=(3, 5))


def shrink_by_loops(picture: Tensor, factor: int) -> Tensor:
    b, c, h, w = picture.shape
    small = torch.zeros(b, c, h // factor, w // factor)
    for y in range(h // factor):
        for x in range(w // factor):
            some = picture[:, :, y * factor : (y + 1) * factor, x * factor : (x + 1) * factor]
            small[:, :, y, x] = some.sum(dim=(2, 3)) / factor**2
    return small


def weigh(photo: Tensor, plates: Tensor, noise: float) -> Tensor:
    squares = (plates - photo).square().sum(dim=1)
    return torch.softmax(-squares / (2 * noise**2), dim=0)


def weigh_by_hand(photo: Tensor, plates: Tensor, noise: float) -> Tensor:
    squares = ((plates - photo) ** 2).sum(1)
    weights = torch.exp(-(squares - squares.min()) / (2 * noise**2))
    return weights / weights.sum()


def weigh_with(score: Callable[[Tensor, float], Tensor]) -> Function:
    """Softmax of score(the sums of the squares, the noise)."""
    return lambda photo, plates, noise: torch.softmax(score((plates - photo).square().sum(1), noise), 0)


def weigh_without_care(photo: Tensor, plates: Tensor, noise: float) -> Tensor:
    weights = torch.exp(-(plates - photo).square().sum(1) / (2 * noise**2))
    return weights / weights.sum()


def weigh_to_the_nearest(photo: Tensor, plates: Tensor, noise: float) -> Tensor:
    chances = torch.zeros(len(plates))
    chances[(plates - photo).square().sum(1).argmin()] = 1
    return chances


def open_bits(chances: Tensor) -> Tensor:
    some = chances[chances > 0]
    return -(some * some.log2()).sum()


def bits_by_loop(chances: Tensor) -> float:
    return sum(-chance * math.log2(chance) for chance in chances.tolist() if chance)


def best_possible(chances: Tensor) -> Tensor:
    return chances.max(dim=1).values.mean()


# For each exercise the solution and other right answers.
RIGHT: dict[str, dict[str, Function]] = {
    "shrink": {
        "solution": shrink,
        "loops": shrink_by_loops,
        "pooling": F.avg_pool2d,
        "area": lambda picture, factor: F.interpolate(picture, scale_factor=1 / factor, mode="area"),
        "scikit-image": lambda picture, factor: block_reduce(picture.numpy(), (1, 1, factor, factor), np.mean),
    },
    "mean_answer": {
        "solution": lambda answers: answers.mean(dim=0, keepdim=True),
        "sum and number": lambda answers: (answers.sum(0) / len(answers))[None],
        "numpy": lambda answers: answers.double().numpy().mean(axis=0, keepdims=True),
        "a loop": lambda answers: sum(answer / len(answers) for answer in answers)[None],
        "in place": lambda answers: answers.mul_(1 / len(answers)).sum(0, keepdim=True),
    },
    "weigh": {
        "solution": weigh,
        "by hand": weigh_by_hand,
        "scipy": lambda photo, plates, noise: special.softmax(
            stats.norm.logpdf(photo.double().numpy(), plates.double().numpy(), noise).sum(axis=1)
        ),
        "logsumexp": lambda *i: (weigh(*i).log() - weigh(*i).log().logsumexp(0)).exp(),
        "a list": lambda *inputs: weigh(*inputs).tolist(),
    },
    "open_bits": {
        "solution": open_bits,
        "a loop": bits_by_loop,
        "xlogy": lambda chances: -torch.special.xlogy(chances, chances).sum() / math.log(2),
        "scipy": lambda chances: stats.entropy(chances.numpy(), base=2),
        "in double": lambda chances: open_bits(chances.double()).item(),
    },
    "best_possible": {
        "solution": best_possible,
        "amax": lambda chances: chances.amax(1).sum() / len(chances),
        "lists": lambda chances: sum(max(row) for row in chances.tolist()) / len(chances),
        "numpy": lambda chances: chances.numpy().max(axis=1).mean(),
        "sorted": lambda chances: chances.sort(dim=1).values[:, -1].mean(),
    },
}

# For each exercise plausible wrong answers, under a piece of the sentence that names the mistake.
WRONG: dict[str, list[tuple[str, Function]]] = {
    "shrink": [
        ("One pixel of each block", lambda picture, factor: picture[:, :, ::factor, ::factor]),
        ("One pixel of each block", lambda picture, factor: picture[..., factor - 1 :: factor, factor - 1 :: factor]),
        ("One pixel of each block", lambda picture, factor: F.interpolate(picture, scale_factor=1 / factor)),
        ("are added up", lambda picture, factor: blocks(picture, factor).sum(dim=(3, 5))),
        ("are added up", lambda picture, factor: blocks(picture, factor).sum(dim=(3, 5)) / factor),
        ("Only the rows", lambda picture, factor: F.avg_pool2d(picture, (factor, 1))),
        ("Only the columns", lambda picture, factor: F.avg_pool2d(picture, (1, factor))),
        ("largest value", F.max_pool2d),
        ("smallest value", lambda picture, factor: -F.max_pool2d(-picture, factor)),
        ("as large as before", lambda picture, f: F.interpolate(shrink(picture, f), scale_factor=float(f))),
        ("as large as before", lambda picture, factor: picture),
        ("colours are mixed", lambda picture, f: shrink(picture, f).mean(1, keepdim=True).expand(-1, 3, -1, -1)),
        ("changed places", lambda picture, factor: shrink(picture, factor).mT),
        ("become one pixel", lambda picture, factor: picture.mean(dim=(2, 3))),
    ],
    "mean_answer": [
        ("median", lambda answers: answers.median(dim=0, keepdim=True).values),
        ("median", lambda answers: np.median(answers.numpy(), axis=0, keepdims=True)),
        ("are added up", lambda answers: answers.sum(dim=0, keepdim=True)),
        ("one of the answers", lambda answers: answers[:1]),
        ("one of the answers", lambda a: a[(a - a.mean(0)).square().sum(dim=(1, 2, 3)).argmin()][None]),
        ("over each picture's pixels", lambda answers: answers.mean(dim=(2, 3))),
        ("over each picture's pixels", lambda answers: answers.mean()),
        ("colours are mixed", lambda answers: answers.mean(dim=1, keepdim=True)),
        ("batch has gone", lambda answers: answers.mean(dim=0)),
        ("how far the answers spread", lambda answers: answers.std(dim=0, keepdim=True)),
        ("is clipped", lambda answers: answers.mean(dim=0, keepdim=True).clamp(-0.5, 0.5)),
    ],
    "weigh": [
        ("do not add up to 1", lambda p, c, s: torch.exp(-(c - p).square().sum(1) / (2 * s**2))),
        ("do not add up to 1", lambda p, c, s: -(c - p).square().sum(1) / (2 * s**2)),
        ("sign is the wrong way", weigh_with(lambda squares, noise: squares / (2 * noise**2))),
        ("the 2 is missing", weigh_with(lambda squares, noise: -squares / noise**2)),
        ("noise is not squared", weigh_with(lambda squares, noise: -squares / (2 * noise))),
        ("strength of the noise", weigh_with(lambda squares, noise: -squares)),
        ("not divided by it", weigh_with(lambda squares, noise: -squares * 2 * noise**2)),
        ("These are distances", weigh_with(lambda squares, noise: -squares.sqrt() / (2 * noise**2))),
        ("not their mean", lambda p, c, s: torch.softmax(-(c - p).square().mean(1) / (2 * s**2), 0)),
        ("Only the nearest", weigh_to_the_nearest),
        ("equally probable", lambda photo, plates, noise: torch.full((len(plates),), 1 / len(plates))),
        ("1 over the square", lambda p, c, s: F.normalize(1 / (c - p).square().sum(1), p=1, dim=0)),
        ("Far away exp gives 0", weigh_without_care),
    ],
    "open_bits": [
        ("in nats", lambda chances: -torch.special.xlogy(chances, chances).sum()),
        ("base 10", lambda chances: -(chances[chances > 0] * chances[chances > 0].log10()).sum()),
        ("wrong way round", lambda chances: -open_bits(chances)),
        ("plain mean", lambda chances: -chances[chances > 0].log2().mean()),
        ("multiplied by its chance", lambda chances: -chances[chances > 0].log2().sum()),
        ("as if all were equally", lambda chances: torch.log2((chances > 0).sum())),
        ("as if all were equally", lambda chances: math.log2(len(chances))),
        ("number of plates", lambda chances: 2 ** open_bits(chances)),
        ("one number a plate", lambda chances: -torch.special.xlogy(chances, chances) / math.log(2)),
        ("likeliest plate alone", lambda chances: -chances.max().log2()),
        ("weights already", lambda chances: open_bits(chances) / len(chances)),
        ("leave those plates out", lambda chances: -(chances * chances.log2()).sum()),
    ],
    "best_possible": [
        ("mean is taken first", lambda chances: chances.mean(dim=0).max()),
        ("one number a photo", lambda chances: chances.max(dim=1).values),
        ("one lucky photo", lambda chances: chances.max()),
        ("divided by how many", lambda chances: chances.max(dim=1).values.sum()),
        ("over the plates, for each", lambda chances: chances.max(dim=0).values.mean()),
        ("drawn by these chances", lambda chances: chances.square().sum(dim=1).mean()),
        ("a blind guess", lambda chances: chances.mean()),
        ("numbers of the likeliest", lambda chances: chances.argmax(dim=1)),
        ("smallest chance", lambda chances: chances.min(dim=1).values.mean()),
        ("is wrong", lambda chances: 1 - best_possible(chances)),
        ("median", lambda chances: chances.max(dim=1).values.median()),
        ("None: no `return`?", lambda chances: None),
    ],
}


class TestExercises(ExercisesOfALesson):
    exercises = exercises_of(lesson03)
    right = RIGHT
    wrong = WRONG
    drawn = ("shrink", "mean_answer")
