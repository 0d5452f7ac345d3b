"""The checks of lesson 5's exercises: right answers pass, each wrong one hears what its mistake is."""

import math
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from course_lib.checks import lesson05
from tests.support.exercises import ExercisesOfALesson, Function, exercises_of

Named = dict[str, list[str]]
pytestmark = pytest.mark.usefixtures("one_thread")


# Keys.


def drop(keys: Tensor, dropped: Tensor) -> Tensor:
    return keys * ~dropped[:, None]


def drop_by_loops(keys: Tensor, dropped: Tensor) -> list[list[float]]:
    return [[0.0] * len(key) if gone else key.tolist() for key, gone in zip(keys, dropped, strict=True)]


def drop_with(value: Callable[[Tensor], Tensor | float]) -> Function:
    """Drop keys in place: their rows become value(keys)."""

    def dropper(keys: Tensor, dropped: Tensor) -> Tensor:
        keys[dropped] = torch.as_tensor(value(keys))
        return keys

    return dropper


def drop_columns(keys: Tensor, dropped: Tensor) -> Tensor:
    keys[:, dropped] = 0
    return keys


def drop_columns_by_number(keys: Tensor, dropped: Tensor) -> Tensor:
    keys[:, dropped.nonzero()] = 0
    return keys


def drop_first_numbers(keys: Tensor, dropped: Tensor) -> Tensor:
    keys[dropped, 0] = 0
    return keys


def drop_by_dice(keys: Tensor, dropped: Tensor) -> Tensor:
    return keys * (torch.rand(len(keys), 1, generator=torch.Generator().manual_seed(5)) > 0.3)


def key_blended(amount: float, first: Tensor, second: Tensor, switch: float) -> Tensor:
    return amount * first + (1 - amount) * second


def key_by_mask(amount: float, first: Tensor, second: Tensor, switch: float) -> Tensor:
    early = float(amount > switch)
    return early * first + (1 - early) * second


# Guidance.


def guide(told: Tensor, free: Tensor, guidance: float) -> Tensor:
    return free + guidance * (told - free)


# Scores.


def hits(named: Named, wanted: Named) -> dict[str, list[bool]]:
    return {name: [a == b for a, b in zip(named[name], wanted[name], strict=True)] for name in named}


def shares_with(of_all: Callable[[Any], Any], *, scale: float = 1.0) -> Function:
    """The share right of each factor, and under "all" of_all(F x B, right or not)."""

    def shares(named: Named, wanted: Named) -> dict[str, Any]:
        right = hits(named, wanted)
        table = np.array(list(right.values()))
        result = {name: scale * np.mean(values) for name, values in right.items()}
        return result | {"all": scale * of_all(table)}

    return shares


shares = shares_with(lambda right: right.all(0).mean())


def shares_by_loops(named: Named, wanted: Named) -> dict[str, float]:
    counts, every, pictures = dict.fromkeys(named, 0), 0, len(next(iter(wanted.values())))
    for i in range(pictures):
        missed = False
        for name in named:
            if named[name][i] == wanted[name][i]:
                counts[name] += 1
            else:
                missed = True
        every += not missed
    return {"all": every / pictures} | {name: count / pictures for name, count in counts.items()}


def shares_by_tensors(named: Named, wanted: Named) -> dict[str, Tensor]:
    right = {name: torch.tensor(values).float() for name, values in hits(named, wanted).items()}
    whole = torch.stack(list(right.values())).prod(0)
    return {name: values.mean(0, keepdim=True) for name, values in right.items()} | {"all": whole.mean()}


def shares_by_rows(named: Named, wanted: Named) -> dict[str, float]:
    right = hits(named, wanted)
    right["all"] = [a == b for a, b in zip(zip(*named.values()), zip(*wanted.values()))]  # noqa: B905
    return {name: statistics.fmean(values) for name, values in right.items()}


def shares_of_the_sure(named: Named, wanted: Named) -> dict[str, float]:
    right = hits(named, wanted)
    result = {name: sum(right[name]) / sum(value != "none of these" for value in named[name]) for name in named}
    return result | {"all": shares(named, wanted)["all"]}


def shares_anywhere(named: Named, wanted: Named) -> dict[str, Any]:
    right = {name: [value in wanted[name] for value in named[name]] for name in named}
    return {name: np.mean(v) for name, v in right.items()} | {"all": np.mean([all(v) for v in zip(*right.values())])}  # noqa: B905


def without(name: str) -> Function:
    return lambda *inputs: {key: value for key, value in shares(*inputs).items() if key != name}


def wrong_shares(named: Named, wanted: Named) -> dict[str, Any]:
    return {name: 1 - value for name, value in shares(named, wanted).items()}


# Distances.


def frechet(a: Tensor, b: Tensor) -> Tensor:
    return (a.mean() - b.mean()) ** 2 + (a.std() - b.std()) ** 2


def frechet_by_loops(a: Tensor, b: Tensor) -> float:
    (m, s), (n, t) = ((statistics.fmean(side), statistics.pstdev(side)) for side in (a.tolist(), b.tolist()))
    return (m - n) ** 2 + (s - t) ** 2


def frechet_by_covariance(a: Tensor, b: Tensor) -> float:
    one, other = a.var(correction=0), b.var(correction=0)
    return float((a.mean() - b.mean()).square() + one + other - 2 * (one * other).sqrt())


def frechet_of(mean: Function, spread: Function, *, of: Function = torch.std, together: Function = lambda x, y: x + y):
    return lambda a, b: together(mean(a.mean() - b.mean()), spread(of(a) - of(b)))


def square(value: Tensor) -> Tensor:
    return value**2


def number_by_number(a: Tensor, b: Tensor) -> Tensor:
    length = min(len(a), len(b))
    return ((a[:length] - b[:length]) ** 2).sum()


# For each exercise the solution and other right answers.
RIGHT: dict[str, dict[str, Function]] = {
    "drop_keys": {
        "solution": drop,
        "loops, a list": drop_by_loops,
        "in place": drop_with(lambda keys: 0.0),
        "where": lambda keys, dropped: torch.where(dropped[:, None], torch.zeros_like(keys), keys),
        "numpy float64": lambda keys, dropped: keys.double().numpy() * (1 - dropped.numpy()[:, None]),
        "a matrix": lambda keys, dropped: torch.diag((~dropped).float()) @ keys,
    },
    "guided": {
        "solution": guide,
        "lerp": lambda told, free, guidance: torch.lerp(free, told, guidance),
        "shares": lambda told, free, guidance: guidance * told + (1 - guidance) * free,
        "from the other side": lambda told, free, guidance: told + (guidance - 1) * (told - free),
        "numpy float64": lambda told, free, g: free.double().numpy() + g * (told - free).double().numpy(),
        "list of pictures": lambda told, free, g: [b + g * (a - b) for a, b in zip(told, free, strict=True)],
        "in place": lambda told, free, guidance: told.sub_(free).mul_(guidance).add_(free),
    },
    "key_for": {
        "solution": lambda amount, first, second, switch: first if amount > switch else second,
        "the other way round": lambda amount, first, second, switch: second if amount <= switch else first,
        "a mask": key_by_mask,
        "where": lambda t, first, second, s: torch.where(torch.tensor(t, dtype=torch.double) > s, first, second),
        "an array": lambda amount, first, second, switch: (second, first)[amount > switch].double().numpy(),
    },
    "shares_right": {
        "solution": shares,
        "loops": shares_by_loops,
        "tensors": shares_by_tensors,
        "by rows": shares_by_rows,
        "with one more number": lambda *inputs: shares(*inputs) | {"pictures": 3},
    },
    "frechet_1d": {
        "solution": frechet,
        "n instead of n - 1, loops": frechet_by_loops,
        "as of covariances": frechet_by_covariance,
        "numpy": lambda a, b: (np.mean(a.numpy()) - np.mean(b.numpy())) ** 2 + (a.numpy().std() - b.numpy().std()) ** 2,
        "a number": lambda a, b: frechet(a.double(), b.double()).item(),
        "squared length": lambda a, b: torch.dist(torch.stack(torch.std_mean(a)), torch.stack(torch.std_mean(b))) ** 2,
    },
}

# For each exercise plausible wrong answers, under a piece of the sentence that names the mistake.
WRONG: dict[str, list[tuple[str, Function]]] = {
    "drop_keys": [
        ("wrong ones are dropped", lambda keys, dropped: keys * dropped[:, None]),
        ("wrong ones are dropped", lambda keys, dropped: drop(keys, ~dropped)),
        ("not columns", lambda keys, dropped: keys * ~dropped),
        ("not columns", drop_columns),
        ("not columns", drop_columns_by_number),
        ("All keys are gone", lambda keys, dropped: torch.zeros_like(keys)),
        ("Rows are taken out", lambda keys, dropped: keys[~dropped]),
        ("Rows are taken out", lambda keys, dropped: keys[dropped]),
        ("as dropout does", lambda keys, dropped: drop(keys, dropped) / (1 - dropped.float().mean())),
        ("as dropout does", lambda keys, dropped: drop(keys, dropped) / 0.9),
        ("kept keys are scaled", lambda keys, dropped: functional.normalize(drop(keys, dropped), dim=1)),
        ("Nothing is dropped", lambda keys, dropped: keys),
        ("nothing is left to chance", drop_by_dice),
        ("not other numbers", drop_with(lambda keys: keys.mean(0))),
        ("not other numbers", drop_with(lambda keys: torch.randn(keys.shape[1]))),
        ("not other numbers", drop_with(lambda keys: 1.0)),
        ("not other numbers", drop_with(lambda keys: keys.roll(1, 0)[0])),
        ("not other numbers", drop_first_numbers),
        ("Only the dropped keys", lambda keys, dropped: drop(keys + 0.1, dropped)),
    ],
    "guided": [
        ("swapped places", lambda told, free, g: guide(free, told, g)),
        ("swapped places", lambda told, free, g: (1 - g) * told + g * free),
        ("starts from the guess with", lambda told, free, g: told + g * (told - free)),
        ("starts from the guess with", lambda told, free, g: (1 + g) * told - g * free),
        ("goes away from", lambda told, free, g: free + g * (free - told)),
        ("stops at the guess with", lambda told, free, g: guide(told, free, min(1.0, g))),
        ("stops at the guess with", lambda told, free, g: torch.lerp(free, told, min(max(g, 0.0), 1.0))),
        ("is clipped", lambda told, free, g: guide(told, free, g).clamp(-1, 1)),
        ("makes no difference", lambda told, free, g: (told + free) / 2),
        ("makes no difference", lambda told, free, g: told),
        ("makes no difference", lambda told, free, g: free),
        ("where you start", lambda told, free, g: g * (told - free)),
        ("not its difference", lambda told, free, g: free + g * told),
        ("has no part in it", lambda told, free, g: g * told),
        ("add up to 1", lambda told, free, g: g * told - free),
    ],
    "key_for": [
        ("it is the first key's turn", lambda t, first, second, s: second if t > s else first),
        ("it is the first key's turn", lambda t, first, second, s: second),
        ("it is the second key's turn", lambda t, first, second, s: first),
        ("At the switch itself", lambda t, first, second, s: first if t >= s else second),
        ("with the switch itself", lambda t, first, second, s: first if t > 0.5 else second),
        ("with the switch itself", lambda t, first, second, s: first if t > 1 - s else second),
        ("keys are mixed", key_blended),
        ("keys are mixed", lambda t, first, second, s: (first + second) / 2),
        ("keys are mixed", lambda t, first, second, s: first + second),
        ("keys are mixed", lambda t, first, second, s: s * first + (1 - s) * second),
        ("Both keys", lambda t, first, second, s: torch.cat([first, second])),
        ("Both keys", lambda t, first, second, s: (first, second)),
        ("no key at all", lambda t, first, second, s: first if t > s else torch.zeros_like(second)),
        ("no key at all", lambda t, first, second, s: first * 0),
        ("whether the switch was passed", lambda t, first, second, s: t > s),
        ("key is scaled", lambda t, first, second, s: t * first if t > s else (1 - t) * second),
    ],
    "shares_right": [
        ("mean of the shares", shares_with(lambda right: right.mean())),
        ("shares multiplied", shares_with(lambda right: right.mean(1).prod())),
        ("smallest share", shares_with(lambda right: right.mean(1).min())),
        ("any factor is enough", shares_with(lambda right: right.any(0).mean())),
        ("whether every picture", shares_with(lambda right: right.all())),
        ("in percent", shares_with(lambda right: right.all(0).mean(), scale=100)),
        (
            "how many are right",
            lambda *i: (
                {k: sum(v) for k, v in hits(*i).items()}
                | {"all": sum(all(v) for v in zip(*hits(*i).values(), strict=True))}
            ),
        ),
        ("how many are right", shares_with(lambda right: right.all(0).sum())),
        ("not of factors", shares_with(lambda right: right.all(0).sum() / len(right))),
        ("share of wrong", wrong_shares),
        ("divide by all pictures", shares_of_the_sure),
        ("with the whole list", shares_anywhere),
        (
            "whether each is right",
            lambda *i: hits(*i) | {"all": [all(v) for v in zip(*hits(*i).values(), strict=True)]},
        ),
        ('has no "all": the share of pictures with every factor right', without("all")),
        ('has no "pose": the share', without("pose")),
        ("a list: a dict was asked for", lambda *inputs: list(shares(*inputs).values())),
        ("a float64: a dict was asked for", lambda *inputs: shares(*inputs)["all"]),
        ("None: no `return`?", lambda *inputs: None),
        ('Under "all" is a NoneType', lambda *inputs: shares(*inputs) | {"all": None}),
        ('Under "place" is a str', lambda *inputs: shares(*inputs) | {"place": "0.5"}),
    ],
    "frechet_1d": [
        ("difference of the means is not squared", frechet_of(abs, square)),
        ("difference of the means is not squared", frechet_of(lambda x: x, square)),
        ("difference of the standard deviations is not", frechet_of(square, abs)),
        ("Neither difference", frechet_of(abs, abs)),
        ("Neither difference", frechet_of(lambda x: x, lambda x: x)),
        ("squared on its own", lambda a, b: (a.mean() - b.mean() + a.std() - b.std()) ** 2),
        ("squared on its own", frechet_of(square, square, together=lambda x, y: x * y)),
        ("These are variances", frechet_of(square, square, of=torch.var)),
        ("These are variances", frechet_of(square, abs, of=torch.var)),
        ("These are variances", frechet_of(square, square, of=lambda x: x.var(correction=0))),
        ("Only the means", frechet_of(square, lambda x: 0)),
        ("Only the means", frechet_of(abs, lambda x: 0)),
        ("Only the spreads", frechet_of(lambda x: 0, square)),
        ("Only the spreads", frechet_of(lambda x: 0, square, of=lambda x: x.std(correction=0))),
        ("are added: their difference", lambda a, b: (a.mean() - b.mean()) ** 2 + a.var() + b.var()),
        ("are added: their difference", lambda a, b: (a.mean() - b.mean()) ** 2 + (a.std() + b.std()) ** 2),
        ("are to be added", frechet_of(square, square, together=lambda x, y: x - y)),
        ("This is the root", lambda a, b: frechet(a, b) ** 0.5),
        ("This is the root", lambda a, b: math.sqrt(frechet_by_loops(a, b))),
        ("Number is compared with number", number_by_number),
        ("Number is compared with number", lambda a, b: ((a - b) ** 2).mean()),
    ],
}


class TestExercises(ExercisesOfALesson):
    exercises = exercises_of(lesson05)
    right = RIGHT
    wrong = WRONG
    drawn = ("guided",)
