"""Checks of lesson 5's exercises: keys that are dropped, guidance, a change on the way, and how good pictures are."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize

from ..judge import REJECT
from ..world import FACTORS
from .verdict import Ask, Mistakes, NotYet, exercise, numbers_of, photos_and_noise


@exercise(idea="the model has to learn to draw when nobody tells it what: what is the key that says nothing?")
def drop_keys(ask: Ask, random: Generator) -> None:
    for count, size, share in ((6, 6, 2), (4, 8, 1), (5, 3, 0), (3, 7, 3)):
        keys = torch.randn((count, size), generator=random) + 0.1
        dropped = torch.randperm(count, generator=random) < share
        row, column = dropped[:, None], torch.isin(torch.arange(size), dropped.nonzero())
        wanted = keys.masked_fill(row, 0)
        given = ask.answer(keys, dropped)
        numbers = numbers_of(given)
        if numbers is None or numbers.shape != keys.shape or not numbers.isfinite().all():
            numbers = wanted
        mistakes: Mistakes = {
            "The wrong ones are dropped: True means that this picture's key goes.": keys * row,
            "Rows are to be dropped, not columns: a picture's key is a whole row.": keys.masked_fill(column, 0),
            "Nothing is dropped: the rows where `dropped` is True should be all zeros.": keys,
            "All keys are gone: the others should stay.": torch.zeros_like(keys),
            "Rows are taken out: each picture still needs a key, if one of zeros.": (keys[~dropped], keys[dropped]),
            "The kept keys are made larger, as dropout does: they should stay as they are.": tuple(
                wanted / (1 - part) for part in (share / count if share < count else 0.5, 0.1, 0.2, 0.5)
            ),
            "The kept keys are scaled: they should stay as they are.": normalize(wanted, dim=1),
            "`dropped` says which keys go: nothing is left to chance.": tuple(
                keys * torch.tensor(kept)[:, None] for kept in itertools.product((0, 1), repeat=count)
            ),
            "A dropped key should be all zeros, not other numbers.": numbers.where(row, keys),
            "Only the dropped keys should change.": numbers.masked_fill(row, 0),
        }
        ask.compare(given, expect=wanted, mistakes=mistakes)


@exercise(idea="where do you start, and how far do you go towards, or past, the guess with the key?")
def guided(ask: Ask, random: Generator) -> None:
    pictures, noise = photos_and_noise(random, count=4)
    keyed, free = (0.9 * pictures + 0.2 * noise).split(2)
    free = -0.6 * free  # unlike enough for twice the way to leave [-1, 1]
    for guidance in (0.3, 2.0, 3.5, 0.0, 1.0):
        way = keyed - free
        wanted = free + guidance * way
        within = free + min(1.0, guidance) * way
        mistakes: Mistakes = {
            "The two guesses have swapped places: at guidance 1 it is the one with the key.": keyed - guidance * way,
            "It starts from the guess with the key: at guidance 0 nothing of the key is left.": keyed + guidance * way,
            "It goes away from the guess with the key.": free - guidance * way,
            "It stops at the guess with the key: more than 1 should go on past it.": within,
            "The result is clipped: here it may go beyond -1 and 1.": (wanted.clamp(-1, 1), within.clamp(-1, 1)),
            "The guidance makes no difference.": ((keyed + free) / 2, keyed, free, way, keyed + free, 2 * keyed - free),
            "This is the way from the one guess to the other: it is to be added to where you start.": guidance * way,
            "The whole guess with the key is added, not its difference from the one without.": free + guidance * keyed,
            "The guess without the key has no part in it.": guidance * keyed,
            "The two shares have to add up to 1.": (
                guidance * keyed - free,
                guidance * keyed + abs(1 - guidance) * free,
            ),
        }
        ask(keyed, free, guidance, expect=wanted, mistakes=mistakes)


@exercise(idea="a walk goes from amount 1 down to 0: on which side of the switch does it begin?")
def key_for(ask: Ask, random: Generator) -> None:
    first, second = torch.randn((2, 1, 8), generator=random)
    moved = 0.1 * torch.rand(6, generator=random)
    itself = "Compare the amount with the switch itself, not with a half or with 1 - switch."
    begins = "While the amount is above the switch it is the first key's turn: a walk begins at 1."
    ends = "Once the amount is below the switch it is the second key's turn: a walk ends at 0."
    at = "At the switch itself it is the second key's turn already."
    questions = (
        (0.9, 0.5, begins),
        (0.1, 0.5, ends),
        (0.3 + float(moved[0]), 0.2 + float(moved[1]), itself),
        (0.6 + float(moved[2]), 0.8 + float(moved[3]), itself),
        (0.5, 0.5, at),
        (0.25 + float(moved[4]),) * 2 + (at,),
        (1.0, 1.0, at),
        (1.0, 0.0, begins),
        (0.0, 0.5 + float(moved[5]), ends),
    )
    for amount, switch, sentence in questions:
        early = amount > switch
        blends = [share * first + (1 - share) * second for share in (amount, 1 - amount, switch, 1 - switch, 0.5)]
        mistakes: Mistakes = {
            sentence: second if early else first,
            "The two keys are mixed: it is the one or the other.": (*blends, first + second),
            "Both keys come back: it is the one or the other.": (
                torch.cat([first, second]),
                torch.stack([first, second]),
                torch.cat([first, second], 1),
            ),
            "This is no key at all: it is always one of the two.": torch.zeros_like(first),
            "This says whether the switch was passed: the key itself was asked for.": (0, 1),
            "The key is scaled: it should come back as it is.": tuple(
                share * key for share in (amount, 1 - amount, switch, 1 - switch) for key in (first, second)
            ),
        }
        ask(amount, first, second, switch, expect=first if early else second, mistakes=mistakes)


@exercise(idea="for how many pictures is a factor right, and for how many are all of them right at once?")
def shares_right(ask: Ask, random: Generator) -> None:
    shapes = {"colour": ("red", "blue", "green", "pink"), "shape": ("round", "square", "long")}
    for factors, count in ((FACTORS, 20), (shapes, 16), (FACTORS, 11)):
        named, wanted = judged(factors, random, count=count)
        hits = torch.tensor([[a == b for a, b in zip(named[name], wanted[name], strict=True)] for name in factors])
        found = torch.tensor([[value in wanted[name] for value in named[name]] for name in factors])
        sure = torch.tensor([[value != REJECT for value in named[name]] for name in factors])
        right, whole = hits.double(), hits.all(0).double()
        share, every = right.mean(1), whole.mean()
        among, some = right.sum(1) / sure.sum(1), whole[sure.all(0)].mean()
        names = [*factors, "all"]

        def listed(shares: Any, of_all: Any, names: Sequence[str] = names) -> list[Any]:
            return [value for _, value in sorted(zip(names, [*shares, of_all], strict=True), key=lambda pair: pair[0])]

        mistakes: Mistakes = {
            'Under "all" is the mean of the shares: count the pictures in which every factor is right.': listed(
                share, share.mean()
            ),
            'Under "all" are the shares multiplied, as if mistakes knew nothing of each other: count the pictures.': (
                listed(share, share.prod())
            ),
            'Under "all" is the smallest share: other pictures may be wrong in another factor.': listed(
                share, share.min()
            ),
            'Under "all" any factor is enough: every one has to be right.': listed(share, hits.any(0).double().mean()),
            'Under "all" is whether every picture is right: the share of them was asked for.': listed(share, 0),
            "A share lies between 0 and 1: these are in percent.": (
                listed(100 * share, 100 * every),
                listed(100 * share, every),
            ),
            "This is how many are right: divide by the number of pictures.": (
                listed(right.sum(1), whole.sum()),
                listed(right.sum(1), right.sum()),
                listed(share, whole.sum()),
            ),
            "Divide by the number of pictures, not of factors.": (
                listed(right.sum(1) / len(factors), whole.sum() / len(factors)),
                listed(share, whole.sum() / len(factors)),
            ),
            "This is the share of wrong answers.": (
                listed(1 - share, 1 - every),
                listed(1 - share, 1 - hits.any(0).double().mean()),
            ),
            f'"{REJECT}" is an answer too, and a wrong one: divide by all pictures.': (
                listed(among, some),
                listed(among, every),
            ),
            "Each picture is compared with what it should show itself, not with the whole list.": (
                listed(found.double().mean(1), found.all(0).double().mean()),
                listed(found.double().mean(1), every),
            ),
            "This says whether each is right: the share of them was asked for.": listed(right, whole),
        }
        given = in_order(ask.answer(named, wanted), names)
        ask.compare(given, expect=listed(share, every), mistakes=mistakes)


def judged(
    factors: Mapping[str, Sequence[str]], random: Generator, *, count: int
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """What a judge names, and what was wanted, for `count` pictures: so that each plausible mistake has its own result.

    Some pictures are refused whole, and some have one factor or more wrong.
    """
    while True:
        wanted = {name: [values[i] for i in numbers(len(values), count, random)] for name, values in factors.items()}
        refused = torch.rand(count, generator=random) < 0.2
        hits = (torch.rand((len(factors), count), generator=random) < 0.7) & ~refused
        share, every, any_right = hits.double().mean(1), hits.all(0).double().mean(), hits.any(0).double().mean()
        results = torch.stack([every, share.mean(), share.prod(), share.min(), any_right, torch.zeros_like(every)])
        if refused.any() and results.sort().values.diff().min() > 0.01 and not hits.all(1).any():
            break
    named = {
        name: [
            true if hit else REJECT if no else values[(values.index(true) + 1) % len(values)]
            for true, hit, no in zip(wanted[name], right, refused.tolist(), strict=True)
        ]
        for (name, values), right in zip(factors.items(), hits.tolist(), strict=True)
    }
    return named, wanted


def numbers(below: int, count: int, random: Generator) -> list[int]:
    return torch.randint(below, (count,), generator=random).tolist()


def in_order(given: Any, names: Sequence[str]) -> list[Tensor]:
    """The numbers of a dict in the order of its sorted keys.  Raises NotYet, with the name of what is missing."""
    if not isinstance(given, dict):
        what = "None: no `return`?" if given is None else f"a {type(given).__name__}: a dict was asked for."
        raise NotYet(f"Your function gives back {what}")
    for name in names:
        if name not in given:
            missing = "pictures with every factor right" if name == "all" else "pictures in which that factor is right"
            raise NotYet(f'The dict has no "{name}": the share of {missing}.')
    values = [numbers_of(given[name]) for name in sorted(names)]
    for name, value in zip(sorted(names), values, strict=True):
        if value is None:
            raise NotYet(f'Under "{name}" is a {type(given[name]).__name__}, not a number.')
    return [value.squeeze() for value in values if value is not None]


@exercise(idea="what two numbers tell where a bell curve lies and how wide it is, and what is squared?")
def frechet_1d(ask: Ask, random: Generator) -> None:
    for count, other, side in ((12, 12, 1), (30, 18, -1), (7, 9, 1)):
        far, wide, narrow = (torch.rand(3, generator=random) * 0.4 + torch.tensor([1.6, 2.4, 0.7])).tolist()
        a = wide * torch.randn(count, generator=random)
        b = narrow * torch.randn(other, generator=random)
        a, b = a / a.std() * wide, b / b.std() * narrow
        a = a - a.mean() + b.mean() + side * far
        given = ask.answer(a, b)
        got = numbers_of(given)
        readings = [distances(a.double(), b.double(), correction=correction) for correction in (1, 0)]
        if (
            got is not None
            and got.numel() == 1
            and abs(got - readings[1]["right"][0]) < abs(got - readings[0]["right"][0])
        ):
            readings.reverse()  # both ways to reckon a standard deviation are right

        def each(kind: str, readings: list[dict[str, list[Tensor]]] = readings) -> tuple[Tensor, ...]:
            return tuple(result for one in readings for result in one[kind])

        mistakes: Mistakes = {
            "The difference of the means is not squared.": each("mean"),
            "The difference of the standard deviations is not squared.": each("spread"),
            "Neither difference is squared: both should be, and then added.": each("neither"),
            "Each difference is squared on its own, then they are added.": each("together"),
            "These are variances: it is the standard deviations that are compared.": each("variances"),
            "Only the means are compared: two sets can have one middle and different spreads.": each("means alone"),
            "Only the spreads are compared: two sets can have one spread and different middles.": each("spreads alone"),
            "The standard deviations are added: their difference counts.": each("added"),
            "The two squares are to be added.": each("signs"),
            "This is the root of it: leave the squares.": each("root"),
            "Number is compared with number: it is the two sets' means and spreads that count.": each("pairs"),
        }
        ask.compare(given, expect=readings[0]["right"][0], mistakes=mistakes)


def distances(a: Tensor, b: Tensor, *, correction: int) -> dict[str, list[Tensor]]:
    """The Fréchet distance of two bell curves, and what plausible mistakes give instead of it, by what they mix up."""
    mean = a.mean() - b.mean()
    one, two = a.std(correction=correction), b.std(correction=correction)
    spread, variances = one - two, one**2 - two**2
    length = min(len(a), len(b))
    apart = a[:length] - b[:length]
    return {
        "right": [mean**2 + spread**2],
        "mean": [mean.abs() + spread**2, mean + spread**2],
        "spread": [mean**2 + spread.abs(), mean**2 + spread],
        "neither": [mean.abs() + spread.abs(), mean + spread, (mean + spread).abs()],
        "together": [(mean + spread) ** 2, (mean.abs() + spread.abs()) ** 2, mean**2 * spread**2],
        "variances": [mean**2 + variances**2, mean**2 + variances.abs(), mean**2 + variances],
        "means alone": [mean**2, mean.abs(), mean],
        "spreads alone": [spread**2, spread.abs(), spread],
        "added": [mean**2 + (one + two) ** 2, mean**2 + one**2 + two**2, mean**2 + one + two],
        "signs": [mean**2 - spread**2, -(mean**2) - spread**2],
        "root": [(mean**2 + spread**2).sqrt()],
        "pairs": [(apart**2).sum(), (apart**2).mean(), apart.abs().sum(), apart.abs().mean(), apart.norm()],
    }
