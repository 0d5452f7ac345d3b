"""The checks of lesson 4's exercises: right answers pass, each wrong one hears what its mistake is."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from course_lib.checks import lesson04
from course_lib.words import Words, bind
from tests.support.exercises import ExercisesOfALesson, Function, exercises_of

pytestmark = pytest.mark.usefixtures("one_thread")


# Cosines and analogies.


def cosine_by_loops(one: Tensor, other: Tensor) -> float:
    up = long = wide = 0.0
    for a, b in zip(one.tolist(), other.tolist(), strict=True):
        up, long, wide = up + a * b, long + a * a, wide + b * b
    return up / math.sqrt(long * wide)


def likeness(vectors: Tensor, a: int, b: int, c: int, *, signs: tuple[int, int, int] = (1, -1, 1)) -> Tensor:
    return vectors @ (signs[0] * vectors[a] + signs[1] * vectors[b] + signs[2] * vectors[c])


def first_but(scores: Tensor, *rows: int) -> int:
    scores = scores.clone()
    scores[list(rows)] = -2.0
    return int(scores.argmax())


def solve(vectors: Tensor, start: int, minus: int, plus: int) -> int:
    return first_but(likeness(vectors, start, minus, plus), start, minus, plus)


def solve_by_loops(vectors: Tensor, start: int, minus: int, plus: int) -> int:
    target = [a - b + c for a, b, c in zip(*(vectors[row].tolist() for row in (start, minus, plus)), strict=True)]
    best, found = -math.inf, -1
    for row, vector in enumerate(vectors.tolist()):
        score = sum(a * b for a, b in zip(vector, target, strict=True))
        if row not in (start, minus, plus) and score > best:
            best, found = score, row
    return found


def solve_by_distance(vectors: Tensor, start: int, minus: int, plus: int) -> np.int64:
    array = vectors.numpy().astype(np.float64)
    far = np.linalg.norm(array - (array[start] - array[minus] + array[plus]), axis=1)
    far[[start, minus, plus]] = np.inf
    return far.argmin()


def solve_with_the_library(vectors: Tensor, start: int, minus: int, plus: int) -> int:
    words = Words([str(row) for row in range(len(vectors))], vectors)
    target = vectors[start] - vectors[minus] + vectors[plus]
    return int(words.nearest(target, 1, leave_out=[str(start), str(minus), str(plus)])[0][0])


def solve_by_sorting(vectors: Tensor, start: int, minus: int, plus: int) -> Tensor:
    order = likeness(vectors, start, minus, plus).argsort(descending=True)
    return next(row for row in order if row not in (start, minus, plus))


def hits(vectors: Tensor, questions: list[list[int]], answer: Function = solve) -> list[bool]:
    return [answer(vectors, *question[:3]) == question[3] for question in questions]


def among(top: int) -> Function:
    def share(vectors: Tensor, questions: list[list[int]]) -> float:
        right = 0
        for *question, wanted in questions:
            scores = likeness(vectors, *question)
            scores[question] = -2.0
            right += wanted in scores.topk(top).indices
        return right / len(questions)

    return share


def share_at_once(vectors: Tensor, questions: list[list[int]]) -> Tensor:
    rows = torch.tensor(questions)
    scores = (vectors[rows[:, 0]] - vectors[rows[:, 1]] + vectors[rows[:, 2]]) @ vectors.T
    return (scores.scatter(1, rows[:, :3], -9.0).argmax(1) == rows[:, 3]).float().mean()


# Keys.


def turn(vector: Tensor, offset: int, speeds: Tensor) -> Tensor:
    turned = torch.empty_like(vector)
    for k, speed in enumerate(speeds.tolist()):
        x, y, angle = vector[2 * k], vector[2 * k + 1], offset * speed
        turned[2 * k] = x * math.cos(angle) - y * math.sin(angle)
        turned[2 * k + 1] = x * math.sin(angle) + y * math.cos(angle)
    return turned


def turn_with(change: Callable[[int, Tensor], Tensor]) -> Function:
    """A turn by the angles change(offset, speeds), one for each pair."""
    return lambda vector, offset, speeds: turn(vector, 1, change(offset, speeds).expand(len(vector) // 2))


def turn_by_complex_numbers(vector: Tensor, offset: int, speeds: Tensor) -> Tensor:
    pairs = torch.view_as_complex(vector.reshape(-1, 2).contiguous())
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(speeds), offset * speeds)).flatten()


def turn_by_slices(vector: Tensor, offset: int, speeds: Tensor) -> Tensor:
    cos, sin = torch.cos(offset * speeds), torch.sin(offset * speeds)
    turned = vector.clone()
    turned[0::2] = vector[0::2] * cos - vector[1::2] * sin
    turned[1::2] = vector[0::2] * sin + vector[1::2] * cos
    return turned


def turn_by_matrices(vector: Tensor, offset: int, speeds: Tensor) -> list[float]:
    turned: list[float] = []
    for pair, angle in zip(vector.numpy().reshape(-1, 2), offset * speeds.numpy(), strict=True):
        turned += list(np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ pair)
    return turned


def turn_in_place(vector: Tensor, offset: int, speeds: Tensor) -> Tensor:
    for k, speed in enumerate((offset * speeds).tolist()):
        vector[2 * k] = vector[2 * k] * math.cos(speed) - vector[2 * k + 1] * math.sin(speed)
        vector[2 * k + 1] = vector[2 * k] * math.sin(speed) + vector[2 * k + 1] * math.cos(speed)
    return vector


def turn_halves(vector: Tensor, offset: int, speeds: Tensor) -> Tensor:
    """As some libraries lay the pairs out: number k with number k + D/2."""
    half = len(vector) // 2
    cos, sin = torch.cos(offset * speeds).repeat(2), torch.sin(offset * speeds).repeat(2)
    return vector * cos + torch.cat([-vector[half:], vector[:half]]) * sin


def turn_signs(first: int, second: int) -> Function:
    def turned(vector: Tensor, offset: int, speeds: Tensor) -> Tensor:
        cos, sin, x, y = torch.cos(offset * speeds), torch.sin(offset * speeds), vector[0::2], vector[1::2]
        return torch.stack([x * cos + first * y * sin, x * sin + second * y * cos], 1).flatten()

    return turned


def places(vectors: Tensor, offset: int) -> Tensor:
    return offset + torch.arange(len(vectors))


def part(vectors: Tensor, offset: int) -> Tensor:
    return bind(vectors, places(vectors, offset)).sum(0)


def part_by_loops(vectors: Tensor, offset: int) -> Tensor:
    key = torch.zeros(vectors.shape[1])
    for i, vector in enumerate(vectors):
        key += bind(vector[None], torch.tensor([offset + i]))[0]
    return key


def same_place(vectors: Tensor, offset: int) -> Tensor:
    return bind(vectors, torch.full((len(vectors),), offset)).sum(0)


# For each exercise the solution and other right answers.
RIGHT: dict[str, dict[str, Function]] = {
    "cosine": {
        "solution": lambda a, b: (a @ b) / (a.norm() * b.norm()),
        "torch": lambda a, b: functional.cosine_similarity(a, b, dim=0),
        "loops": cosine_by_loops,
        "numpy": lambda a, b: np.dot(a.numpy(), b.numpy()) / np.linalg.norm(a.numpy()) / np.linalg.norm(b.numpy()),
        "unit vectors": lambda a, b: (functional.normalize(a, dim=0) * functional.normalize(b, dim=0)).sum(),
        "by the law of cosines": lambda a, b: (a @ a + b @ b - (a - b) @ (a - b)) / 2 / (a @ a * (b @ b)).sqrt(),
    },
    "solve": {
        "solution": solve,
        "loops": solve_by_loops,
        "least distance, numpy": solve_by_distance,
        "the library's Words": solve_with_the_library,
        "sorting, a tensor": solve_by_sorting,
    },
    "share_right": {
        "solution": lambda vectors, questions: sum(hits(vectors, questions)) / len(questions),
        "numpy mean": lambda vectors, questions: np.mean(hits(vectors, questions)),
        "torch mean": lambda vectors, questions: torch.tensor(hits(vectors, questions)).double().mean(),
        "all at once": share_at_once,
        "loops": lambda vectors, questions: sum(hits(vectors, questions, solve_by_loops)) / len(questions),
    },
    "turn": {
        "solution": turn_by_slices,
        "loops": turn,
        "complex numbers": turn_by_complex_numbers,
        "matrices, a list": turn_by_matrices,
        "signs": turn_signs(-1, 1),
        "the library's bind, at a float64": lambda v, offset, speeds: turn_by_slices(v.double(), offset, speeds),
    },
    "add_up": {
        "solution": part,
        "loops": part_by_loops,
        "numpy sum": lambda vectors, offset: bind(vectors, places(vectors, offset)).numpy().sum(0),
        "one by one, last first": lambda vectors, offset: sum(
            bind(vectors[i : i + 1], torch.tensor([offset + i]))[0] for i in reversed(range(len(vectors)))
        ),
    },
    "swap": {
        "solution": lambda key, old, new, offset: key - part(old, offset) + part(new, offset),
        "loops": lambda key, old, new, offset: key + (part_by_loops(new, offset) - part_by_loops(old, offset)),
        "both at once": lambda key, old, new, offset: (
            key
            + torch.cat([-torch.ones(len(old)), torch.ones(len(new))])
            @ bind(torch.cat([old, new]), torch.cat([places(old, offset), places(new, offset)]))
        ),
        "in place": lambda key, old, new, offset: key.sub_(part(old, offset)).add_(part(new, offset)),
        "numpy float64": lambda key, old, new, offset: (
            key.double().numpy() - part(old.double(), offset).numpy() + part(new.double(), offset).numpy()
        ),
    },
}

# For each exercise plausible wrong answers, under a piece of the sentence that names the mistake.
WRONG: dict[str, list[tuple[str, Function]]] = {
    "cosine": [
        ("lengths are not divided out", lambda a, b: a @ b),
        ("only one of them", lambda a, b: a @ b / a.norm()),
        ("only one of them", lambda a, b: a @ b / b.norm()),
        ("by each length once", lambda a, b: a @ b / (a.norm() ** 2 * b.norm() ** 2)),
        ("by each length once", lambda a, b: (a @ b) ** 2 / (a @ a * (b @ b))),
        ("multiplied, not added", lambda a, b: a @ b / (a.norm() + b.norm())),
        ("how far apart", lambda a, b: (a - b).norm()),
        ("how far apart", lambda a, b: 1 - cosine_by_loops(a, b)),
        ("sign is lost", lambda a, b: abs(cosine_by_loops(a, b))),
        ("not added up", lambda a, b: a * b),
        ("not added up", lambda a, b: a * b / (a.norm() * b.norm())),
        ("This is the angle", lambda a, b: math.acos(cosine_by_loops(a, b))),
        ("This is the angle", lambda a, b: math.degrees(math.acos(cosine_by_loops(a, b)))),
    ],
    "solve": [
        ("question's own words", lambda v, *rows: likeness(v, *rows).argmax()),
        ("other way round", lambda v, *rows: first_but(likeness(v, *rows, signs=(1, 1, -1)), *rows)),
        ("other way round", lambda v, a, b, c: solve(v, a, c, b)),
        ("All three are added", lambda v, *rows: first_but(likeness(v, *rows, signs=(1, 1, 1)), *rows)),
        ("sum is not used", lambda v, a, b, c: first_but(v @ v[a], a, b, c)),
        ("least like", lambda v, *rows: likeness(v, *rows).argmin()),
        ("the number of the row", lambda v, *rows: likeness(v, *rows)[solve(v, *rows)]),
        ("the number of its row", lambda v, *rows: v[solve(v, *rows)]),
        ("the number of its row", lambda v, a, b, c: v[a] - v[b] + v[c]),
    ],
    "share_right": [
        ("how many are right", lambda v, questions: sum(hits(v, questions))),
        ("share of wrong", lambda v, questions: 1 - np.mean(hits(v, questions))),
        ("in percent", lambda v, questions: 100 * np.mean(hits(v, questions))),
        ("own words", lambda v, qs: np.mean(hits(v, qs, lambda *rows: likeness(*rows).argmax()))),
        ("Only the first answer", among(5)),
        ("Only the first answer", among(2)),
        ("wrong way round", lambda v, qs: np.mean(hits(v, qs, lambda v, a, b, c: solve(v, a, c, b)))),
        ("not of words", lambda v, questions: sum(hits(v, questions)) / len(v)),
        ("whether each is right", hits),
    ],
    "turn": [
        ("wrong way round", turn_with(lambda offset, speeds: -offset * speeds)),
        ("Pairs are neighbours", turn_halves),
        ("turned by one angle", turn_with(lambda offset, speeds: offset * speeds[:1])),
        ("offset makes no difference", turn_with(lambda offset, speeds: speeds)),
        ("counted from 0", turn_with(lambda offset, speeds: (offset - 1) * speeds)),
        ("in radians", turn_with(lambda offset, speeds: torch.deg2rad(offset * speeds))),
        ("Sine and cosine", turn_with(lambda offset, speeds: math.pi / 2 - offset * speeds)),
        ("two signs", turn_signs(1, 1)),
        ("two signs", turn_signs(-1, -1)),
        ("keep the old one", turn_in_place),
        ("not in their places", lambda *inputs: torch.cat([turn(*inputs)[0::2], turn(*inputs)[1::2]])),
        ("unchanged", lambda vector, offset, speeds: vector),
        ("are multiplied", lambda vector, offset, speeds: vector * (offset * speeds).repeat_interleave(2)),
    ],
    "add_up": [
        ("knows no order", lambda vectors, offset: vectors.sum(0)),
        ("same place", same_place),
        ("not after or before", lambda vectors, offset: part(vectors, offset + 1)),
        ("not after or before", lambda vectors, offset: part(vectors, offset - 1)),
        ("offset is not used", lambda vectors, offset: part(vectors, 1)),
        ("offset is not used", lambda vectors, offset: part(vectors, 0)),
        ("wrong order", lambda vectors, offset: bind(vectors, places(vectors, offset).flip(0)).sum(0)),
        ("not a mean", lambda vectors, offset: bind(vectors, places(vectors, offset)).mean(0)),
        ("length 1", lambda vectors, offset: functional.normalize(part(vectors, offset), dim=0)),
        ("are not added up", lambda vectors, offset: bind(vectors, places(vectors, offset))),
        ("not the words", lambda vectors, offset: bind(vectors, places(vectors, offset)).sum(1)),
        ("last word is missing", lambda vectors, offset: part(vectors[:-1], offset)),
    ],
    "swap": [
        ("old part is added", lambda key, old, new, offset: key + part(old, offset) - part(new, offset)),
        ("still there", lambda key, old, new, offset: key + part(new, offset)),
        ("still there", lambda key, old, new, offset: key),
        ("new part is missing", lambda key, old, new, offset: key - part(old, offset)),
        ("Both parts", lambda key, old, new, offset: key - part(old, offset) - part(new, offset)),
        ("stood at the beginning", lambda key, old, new, offset: key - part(old, 1) + part(new, 1)),
        ("stood at the beginning", lambda key, old, new, offset: key - part(old, offset) + part(new, 1)),
        ("not after it", lambda key, old, new, offset: key - part(old, offset) + part(new, offset + len(old))),
        ("not after or before", lambda key, old, new, offset: key - part(old, offset - 1) + part(new, offset - 1)),
        ("are not bound", lambda key, old, new, offset: key - old.sum(0) + new.sum(0)),
        ("the change alone", lambda key, old, new, offset: part(new, offset) - part(old, offset)),
        ("same place", lambda key, old, new, offset: key - same_place(old, offset) + same_place(new, offset)),
    ],
}


class TestExercises(ExercisesOfALesson):
    exercises = exercises_of(lesson04)
    right = RIGHT
    wrong = WRONG
    seeds = (0, 1, 2, 3, 4)
