"""The checks of lesson 7's exercises: right answers pass, each wrong one hears what its mistake is."""

import itertools
import math
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from course_lib.checks import lesson07
from tests.support.exercises import ExercisesOfALesson, Function, exercises_of

Lines = list[dict[str, Any]]
pytestmark = pytest.mark.usefixtures("one_thread")


# Statistics.


def warm(pictures: Tensor) -> Tensor:
    return (pictures[:, 0] - pictures[:, 2]).mean(dim=(1, 2))


def warm_by_loops(pictures: Tensor) -> list[float]:
    return [float(picture[0].mean()) - float(picture[2].mean()) for picture in pictures]


# Votes.


def last_votes(lines: Lines) -> dict[str, dict[str, bool]]:
    table: dict[str, dict[str, bool]] = defaultdict(dict)
    for line in lines:
        table[line["picture"]][line["voter"]] = line["up"]
    return table


def tally_with(count: Callable[[list[bool]], Any]) -> Function:
    """A dict from each picture to count(the last vote of each voter)."""
    return lambda lines: {name: count(list(votes.values())) for name, votes in last_votes(lines).items()}


tallied = tally_with(lambda votes: sum(votes) / len(votes))


def tally_backwards(lines: Lines) -> dict[str, float]:
    ups: dict[str, list[bool]] = {}
    done = set()
    for line in lines[::-1]:
        voter = (line["voter"], line["picture"])
        if voter not in done:
            done.add(voter)
            ups.setdefault(line["picture"], []).append(line["up"])
    return {name: float(np.mean(votes)) for name, votes in ups.items()}


def tally_by_pairs(lines: Lines) -> dict[str, Tensor]:
    last = {(line["picture"], line["voter"]): float(line["up"]) for line in lines}
    return {
        name: torch.tensor([up for (picture, _), up in last.items() if picture == name]).mean(0, keepdim=True)
        for name in {picture for picture, _ in last}
    }


def tally_of_lines(count: Callable[[list[bool], Lines], Any]) -> Function:
    """A dict from each picture to count(all votes on it, all lines)."""
    return lambda lines: {
        name: count([line["up"] for line in lines if line["picture"] == name], lines) for name in last_votes(lines)
    }


def tally_first(lines: Lines) -> dict[str, float]:
    return tallied(lines[::-1])


def tally_ever(lines: Lines) -> dict[str, float]:
    table = last_votes(lines)
    return {name: len(lesson07.up_ever(lines, name)) / len(votes) for name, votes in table.items()}


def tally_of_everybody(lines: Lines) -> dict[str, float]:
    everybody = len({line["voter"] for line in lines})
    return {name: sum(votes.values()) / everybody for name, votes in last_votes(lines).items()}


def tally_per_vote(lines: Lines) -> dict[str, float]:
    votes = tally_of_lines(lambda ups, _: len(ups))(lines)
    return {name: ups / votes[name] for name, ups in tally_with(sum)(lines).items()}


# Picking.


def best(scores: Tensor, keep: int) -> Tensor:
    return scores.topk(keep, dim=1).indices


def best_by_loops(scores: Tensor, keep: int) -> list[list[int]]:
    return [sorted(range(len(row)), key=lambda i, row=row: -row[i])[:keep] for row in scores.tolist()]


def best_overall(scores: Tensor, keep: int) -> Tensor:
    return scores.flatten().argsort(descending=True)[: keep * len(scores)]


# Distances.


def distance(features: Tensor) -> Tensor:
    return torch.pdist(features).mean()


def distance_by_loops(features: Tensor) -> float:
    return float(np.mean([math.dist(a, b) for a, b in itertools.combinations(features.tolist(), 2)]))


def distance_by_matrix(features: Tensor) -> Tensor:
    return torch.cdist(features, features).sum() / (len(features) * (len(features) - 1))


def apart(features: Tensor) -> Tensor:
    return (features[:, None] - features[None]).norm(dim=2)


# Weights.


def effective(weights: Tensor) -> Tensor:
    return weights.sum() ** 2 / (weights**2).sum()


# For each exercise the solution and other right answers.
RIGHT: dict[str, dict[str, Function]] = {
    "warmth": {
        "solution": warm,
        "loops": warm_by_loops,
        "numpy": lambda pictures: pictures.numpy()[:, 0].mean((1, 2)) - pictures.numpy()[:, 2].mean((1, 2)),
        "a weighted sum": lambda pictures: pictures.mean((2, 3)) @ torch.tensor([1.0, 0.0, -1.0]),
        "by two means": lambda pictures: (pictures[:, 0] - pictures[:, 2]).mean(2).mean(1).double(),
    },
    "tally": {
        "solution": tallied,
        "backwards": tally_backwards,
        "pairs, tensors": tally_by_pairs,
        "a defaultdict": lambda lines: defaultdict(float, tallied(lines)),
        "with one more picture": lambda lines: tallied(lines) | {"nobody voted on it": 0.0},
    },
    "keep_best": {
        "solution": best,
        "loops, a list": best_by_loops,
        "argsort": lambda scores, keep: scores.argsort(dim=1)[:, -keep:],
        "numpy": lambda scores, keep: np.argsort(-scores.numpy(), axis=1)[:, :keep],
        "partition": lambda scores, keep: np.argpartition(-scores.numpy(), keep - 1, axis=1)[:, :keep],
        "row by row": lambda scores, keep: torch.stack([row.topk(keep, sorted=False).indices for row in scores]),
    },
    "mean_distance": {
        "solution": distance,
        "loops": distance_by_loops,
        "a matrix": distance_by_matrix,
        "upper triangle": lambda f: apart(f)[torch.ones(len(f), len(f)).triu(1).bool()].mean(),
        "float64": lambda f: torch.pdist(f.double()).sum() / math.comb(len(f), 2),
    },
    "count_left": {
        "solution": effective,
        "loops": lambda weights: sum(weights.tolist()) ** 2 / sum(w * w for w in weights.tolist()),
        "shares": lambda weights: 1 / (weights / weights.sum()).square().sum(),
        "numpy": lambda weights: weights.double().numpy().sum() ** 2 / (weights.double().numpy() ** 2).sum(),
        "norms": lambda weights: (weights.norm(p=1) / weights.norm()) ** 2,
    },
}

# For each exercise plausible wrong answers, under a piece of the sentence that names the mistake.
WRONG: dict[str, list[tuple[str, Function]]] = {
    "warmth": [
        ("wrong way round", lambda p: -warm(p)),
        ("one number for all", lambda p: (p[:, 0] - p[:, 2]).mean()),
        ("one number for all", lambda p: p[:, 0].mean() - p[:, 2].mean()),
        ("one number for each pixel", lambda p: p[:, 0] - p[:, 2]),
        ("Blue has no part", lambda p: p[:, 0].mean((1, 2))),
        ("Red has no part", lambda p: p[:, 2].mean((1, 2))),
        ("red, green, blue", lambda p: (p[:, 0] - p[:, 1]).mean((1, 2))),
        ("red, green, blue", lambda p: (p[:, 1] - p[:, 2]).mean((1, 2))),
        ("This is the brightness", lambda p: p.mean((1, 2, 3))),
        ("This is the brightness", lambda p: (p[:, 0] + p[:, 2]).mean((1, 2))),
        ("This is a sum", lambda p: (p[:, 0] - p[:, 2]).sum((1, 2))),
        ("counts with its sign", lambda p: (p[:, 0] - p[:, 2]).abs().mean((1, 2))),
        ("divided by blue", lambda p: p[:, 0].mean((1, 2)) / p[:, 2].mean((1, 2))),
        ("Green has no part", lambda p: (p[:, 0] - p[:, 1:].mean(1)).mean((1, 2))),
        ("wrong dimensions", lambda p: p.mean((1, 2))),
        ("wrong dimensions", lambda p: (p[:, 0] - p[:, 2]).mean(0)),
    ],
    "tally": [
        ("counts twice", tally_of_lines(lambda ups, _: sum(ups) / len(ups))),
        ("first vote counts", tally_first),
        ("voted up and later down", tally_ever),
        ("how many voted up", tally_with(sum)),
        ("how many voted up", tally_of_lines(lambda ups, _: sum(ups))),
        ("share of votes down", tally_with(lambda votes: 1 - sum(votes) / len(votes))),
        ("in percent", tally_with(lambda votes: 100 * sum(votes) / len(votes))),
        ("Not everybody voted", tally_of_everybody),
        ("number of lines", tally_of_lines(lambda ups, lines: sum(ups) / len(lines))),
        ("each counted once", tally_per_vote),
        ("less votes down", tally_with(lambda votes: sum(votes) - (len(votes) - sum(votes)))),
        ("only the last vote of all", tally_of_lines(lambda ups, _: ups[-1])),
        ("None: no `return`?", lambda lines: None),
        ("a list: a dict was asked for", lambda lines: list(tallied(lines).values())),
        ("not one number", tally_with(lambda votes: votes)),
        ("has no", lambda lines: dict(list(tallied(lines).items())[1:])),
        ("not one number", lambda lines: dict.fromkeys(tallied(lines))),
    ],
    "keep_best": [
        ("the worst", lambda scores, keep: best(-scores, keep)),
        ("the worst", lambda scores, keep: scores.argsort(dim=1)[:, :keep]),
        ("These are scores", lambda scores, keep: scores.topk(keep, dim=1).values),
        ("the first ones", lambda scores, keep: torch.arange(keep).expand(len(scores), keep)),
        ("best of all", best_overall),
        ("best of all", lambda scores, keep: best_overall(scores, keep).reshape(len(scores), keep)),
        ("best of all", lambda s, keep: best_overall(s, keep).reshape(len(s), keep) % s.shape[1]),
        ("first drawing of a caption is number 0", lambda scores, keep: best(scores, keep) + 1),
        ("Count from 0", lambda s, keep: best(s, keep) + s.shape[1] * torch.arange(len(s))[:, None]),
        ("ranks, or all", lambda scores, keep: scores.argsort(dim=1, descending=True)),
        ("one list of numbers for each", lambda scores, keep: best(scores, keep).flatten()),
        ("are swapped", lambda scores, keep: scores.topk(keep, dim=0).indices),
        ("Only the best one", lambda scores, keep: scores.argmax(dim=1)),
        ("too few or too many", lambda scores, keep: best(scores, keep + 1)),
        ("which pictures are picked", lambda scores, keep: scores >= scores.topk(keep, dim=1).values[:, -1:]),
    ],
    "mean_distance": [
        ("compared with itself", lambda f: apart(f).mean()),
        ("This is the sum", lambda f: torch.pdist(f).sum()),
        ("number of pairs", lambda f: torch.pdist(f).sum() / len(f)),
        ("number of pairs", lambda f: torch.pdist(f).sum() / (len(f) * (len(f) - 1))),
        ("squared distances", lambda f: torch.pdist(f).square().mean()),
        ("The root is taken of the mean", lambda f: torch.pdist(f).square().mean().sqrt()),
        ("from the middle", lambda f: (f - f.mean(0)).norm(dim=1).mean()),
        ("spread of each feature", lambda f: f.std(dim=0).mean()),
        ("only with the next", lambda f: (f[1:] - f[:-1]).norm(dim=1).mean()),
        ("length of the difference", lambda f: torch.pdist(f, p=1).mean()),
        ("largest or the smallest", lambda f: torch.pdist(f).max()),
        ("their mean was asked for", torch.pdist),
        ("their mean was asked for", apart),
    ],
    "count_left": [
        ("sum is not squared", lambda w: w.sum() / (w**2).sum()),
        ("wrong way round", lambda w: (w**2).sum() / w.sum() ** 2),
        ("square of the sum above", lambda w: w.sum() ** 2 / w.sum() ** 2),
        ("number of weights", lambda w: len(w)),
        ("number of weights", lambda w: (w > 0).sum()),
        ("sum of the weights", lambda w: w.sum()),
        ("sum of the squares", lambda w: (w**2).sum()),
        ("sum of the squares", lambda w: w.sum() / w.norm()),
        ("mean of the squares", lambda w: w.sum() ** 2 / (w**2).mean()),
        ("mean of the squares", lambda w: w.mean() ** 2 / (w**2).mean()),
        ("counts against the heaviest", lambda w: w.sum() / w.max()),
        ("This is the entropy", lambda w: torch.distributions.Categorical(w).entropy().exp()),
        ("one number", lambda w: w**2),
        ("one number", lambda w: w / w.sum()),
    ],
}


class TestExercises(ExercisesOfALesson):
    exercises = exercises_of(lesson07)
    right = RIGHT
    wrong = WRONG
