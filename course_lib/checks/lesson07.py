"""Checks of lesson 7's exercises: what a picture looks like, what was voted, what is picked, and what is lost."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Generator, Tensor

from .verdict import Ask, Mistakes, NotYet, exercise, numbers_of, photos_and_noise


@exercise(idea="which of the three channels are warm and which cold, and over what is the mean taken?")
def warmth(ask: Ask, random: Generator) -> None:
    for count in (3, 1, 5):
        pictures, noise = photos_and_noise(random, count=count)
        tints = torch.rand((count, 3, 1, 1), generator=random) - 0.5
        pictures = 0.5 * pictures + 0.2 * noise + tints
        red, _, blue = pictures.unbind(dim=1)
        means = pictures.mean(dim=(2, 3))  # B x 3
        wanted = means[:, 0] - means[:, 2]
        mistakes: Mistakes = {
            "It is the wrong way round: a blue picture would be warm.": -wanted,
            "This is one number for all pictures: each has its own.": (wanted.mean(), wanted.sum()),
            "This is one number for each pixel: take the mean over the picture.": red - blue,
            "Blue has no part in it: a white picture has much red, and is not warm.": means[:, 0],
            "Red has no part in it.": (means[:, 2], -means[:, 2]),
            "The channels are in the order red, green, blue: 0, 1 and 2.": (
                means[:, 0] - means[:, 1],
                means[:, 1] - means[:, 2],
                means[:, 1] - means[:, 0],
                means[:, 2] - means[:, 1],
            ),
            "This is the brightness: the channels are added.": (means.mean(dim=1), means[:, 0] + means[:, 2]),
            "This is a sum over the pixels: take the mean, so that size does not count.": (
                (red - blue).sum(dim=(1, 2)),
                (red - blue).mean(dim=1).sum(dim=1),
                (red - blue).mean(dim=2).sum(dim=1),
            ),
            "Each pixel's difference counts with its sign: a blue pixel makes up for a red one.": (
                (red - blue).abs().mean(dim=(1, 2)),
                wanted.abs(),
            ),
            "Red is divided by blue: take the difference.": means[:, 0] / means[:, 2],
            "Green has no part in it.": means[:, 0] - (means[:, 1] + means[:, 2]) / 2,
            "The mean is taken over the wrong dimensions: 2 and 3 are a picture's rows and columns.": (
                pictures.mean(dim=(1, 2)),
                pictures.mean(dim=(1, 3)),
                pictures.mean(dim=(0, 1)),
                (red - blue).mean(dim=0),
            ),
        }
        ask(pictures, expect=wanted, mistakes=mistakes)


@exercise(idea="a voter may change their mind: whose vote counts, and how often?")
def tally(ask: Ask, random: Generator) -> None:
    for voters, count in ((6, 3), (9, 4), (4, 2)):
        lines, table = cast(voters, count, random)
        names = sorted(table)

        def listed(results: Mapping[str, float], names: list[str] = names) -> list[float]:
            return [results[name] for name in names]

        final = {name: list(votes.values()) for name, votes in table.items()}
        raw = {name: [line["up"] for line in lines if line["picture"] == name] for name in names}
        first: dict[str, dict[str, bool]] = {name: {} for name in names}
        for line in lines:
            first[line["picture"]].setdefault(line["voter"], line["up"])
        ups = {name: sum(votes) for name, votes in final.items()}
        everyone = len({line["voter"] for line in lines})
        share = {name: ups[name] / len(votes) for name, votes in final.items()}
        mistakes: Mistakes = {
            "A voter who voted twice on a picture counts twice: only the last of these votes counts.": listed(
                {name: sum(votes) / len(votes) for name, votes in raw.items()}
            ),
            "The first vote counts, and a changed mind does not: the last should.": listed(
                {name: sum(votes.values()) / len(votes) for name, votes in first.items()}
            ),
            "Somebody who voted up and later down counts as up.": listed(
                {name: len(up_ever(lines, name)) / len(final[name]) for name in names}
            ),
            "This is how many voted up: divide by how many voted on that picture.": (
                listed(ups),
                listed({name: sum(votes) for name, votes in raw.items()}),
            ),
            "This is the share of votes down.": (
                listed({name: 1 - value for name, value in share.items()}),
                listed({name: 1 - sum(votes) / len(votes) for name, votes in raw.items()}),
            ),
            "A share lies between 0 and 1: these are in percent.": listed(
                {name: 100 * value for name, value in share.items()}
            ),
            "Not everybody voted on every picture: divide by those who voted on that one.": listed(
                {name: ups[name] / everyone for name in names}
            ),
            "Divide by the votes on that picture, not by the number of lines.": (
                listed({name: ups[name] / len(lines) for name in names}),
                listed({name: sum(votes) / len(lines) for name, votes in raw.items()}),
            ),
            "Divide by the number of voters, each counted once.": listed(
                {name: ups[name] / len(raw[name]) for name in names}
            ),
            "These are votes up less votes down: the share of votes up was asked for.": (
                listed({name: 2 * ups[name] - len(votes) for name, votes in final.items()}),
                listed({name: 2 * value - 1 for name, value in share.items()}),
            ),
            "This is only the last vote of all on each picture: every voter's last vote counts.": listed(
                {name: float(votes[-1]) for name, votes in raw.items()}
            ),
        }
        given = in_order(ask.answer(lines), names)
        ask.compare(given, expect=listed(share), mistakes=mistakes)


def cast(voters: int, count: int, random: Generator) -> tuple[list[dict[str, Any]], dict[str, dict[str, bool]]]:
    """Votes as they came, and the last of each voter on each picture; such that plausible mistakes change the result.

    Not everybody votes on everything, and some change their mind.
    """

    def chance() -> float:
        return float(torch.rand((), generator=random))

    while True:
        lines: list[dict[str, Any]] = []
        for _ in range(4 * voters):
            voter, picture = f"voter {int(chance() * voters)}", f"picture {int(chance() * count)}"
            lines.append({"voter": voter, "picture": picture, "up": chance() < 0.5})
        table: dict[str, dict[str, bool]] = {}
        changed = 0
        for line in lines:
            votes = table.setdefault(line["picture"], {})
            changed += votes.get(line["voter"], line["up"]) != line["up"]
            votes[line["voter"]] = line["up"]
        shares = [sum(votes.values()) / len(votes) for votes in table.values()]
        firsts = {(line["picture"], line["voter"]): line["up"] for line in reversed(lines)}
        moved = [
            sum(table[name].values()) != sum(up for (picture, _), up in firsts.items() if picture == name)
            and len(up_ever(lines, name)) > sum(table[name].values())
            for name in table
        ]
        if (
            len(table) == count
            and changed > 1
            and any(moved)
            and any(0 < share < 1 and share != 0.5 for share in shares)
            and any(len(votes) < voters for votes in table.values())
        ):
            return lines, table


def up_ever(lines: list[dict[str, Any]], picture: str) -> set[str]:
    """Who ever voted for a picture."""
    return {line["voter"] for line in lines if line["picture"] == picture and line["up"]}


def in_order(given: Any, names: list[str]) -> list[Tensor]:
    """The numbers of a dict in the order of its sorted keys.  Raises NotYet, with the name of what is missing."""
    if not isinstance(given, dict):
        what = "None: no `return`?" if given is None else f"a {type(given).__name__}: a dict was asked for."
        raise NotYet(f"Your function gives back {what}")
    values = []
    for name in names:
        if name not in given:
            raise NotYet(f'The dict has no "{name}": each picture that was voted on has its share.')
        value = numbers_of(given[name])
        if value is None or value.numel() != 1:
            raise NotYet(f'Under "{name}" is a {type(given[name]).__name__}, not one number.')
        values.append(value.reshape(()))
    return values


@exercise(idea="which drawings of one caption score highest, and what do you call them by?")
def keep_best(ask: Ask, random: Generator) -> None:
    for scenes, count, keep in ((4, 6, 2), (3, 5, 1), (5, 7, 3)):
        scores = torch.rand((scenes, count), generator=random).argsort(dim=1) * 0.1 + torch.rand(
            (scenes, 1), generator=random
        )
        order = scores.argsort(dim=1, descending=True)
        wanted = order[:, :keep]
        values = scores.gather(1, wanted)
        overall = scores.flatten().argsort(descending=True)[: scenes * keep]
        # Any order within a scene is right: which pictures are learned from is all that counts.
        given = ask.answer(scores, keep)
        got = numbers_of(given)
        as_asked = got is not None and got.shape == wanted.shape and got.isfinite().all()
        in_turn = got.sort(dim=1).values if as_asked and got is not None else given
        mistakes: Mistakes = {
            "These are the worst: the highest scores were asked for.": scores.argsort(dim=1)[:, :keep].sort(1).values,
            "These are scores: the numbers of the pictures were asked for.": (values.sort(dim=1).values, values),
            "These are the first ones, whatever their scores.": torch.arange(keep).expand(scenes, keep),
            "These are the best of all: each caption keeps its own best.": (
                overall.reshape(scenes, keep).sort(dim=1).values,
                (overall % count).reshape(scenes, keep).sort(dim=1).values,
                overall,
            ),
            "Count from 0: the first drawing of a caption is number 0.": (wanted + 1).sort(dim=1).values,
            "Count from 0 in each caption, not through all of them.": tuple(
                part
                for numbers in [(wanted + count * torch.arange(scenes)[:, None]).sort(dim=1).values]
                for part in (numbers, numbers.flatten())
            ),
            "These are ranks, or all numbers in order: only the best `keep` of each caption stay.": (
                order,
                order.argsort(dim=1),
            ),
            "Each row is a caption: one list of numbers for each.": (wanted.flatten(), wanted.T),
            "Captions and drawings are swapped: compare along a row.": tuple(
                part
                for numbers in [scores.argsort(dim=0, descending=True)[:keep]]
                for part in (numbers, numbers.T, numbers.T.sort(dim=1).values)
            ),
            "Only the best one is picked.": (order[:, :1], order[:, 0], order[:, :1].expand(scenes, keep)),
            "One too few or too many are picked.": (order[:, : keep + 1], order[:, 1 : keep + 1].sort(dim=1).values),
            "This says which pictures are picked: their numbers were asked for.": (
                scores >= values[:, -1:],
                (scores >= values[:, -1:]).double(),
            ),
        }
        ask.compare(in_turn, expect=wanted.sort(dim=1).values, mistakes=mistakes)


@exercise(idea="how many pairs are there, and does a picture make a pair with itself?")
def mean_distance(ask: Ask, random: Generator) -> None:
    for count, size in ((5, 4), (2, 3), (8, 6)):
        features = torch.randn((count, size), generator=random) * 2 + 1
        apart = torch.cdist(features.double(), features.double())
        pairs = torch.pdist(features.double())
        wanted = pairs.mean()
        middle = features.double().mean(dim=0)
        steps = features.double().diff(dim=0)
        expected_mistakes: Mistakes = {
            "A picture is compared with itself, too: these distances of 0 make no pair.": apart.mean(),
            "This is the sum: divide by the number of pairs.": (pairs.sum(), apart.sum()),
            "The number of pairs is not right: of N pictures there are N (N - 1) / 2.": (
                pairs.sum() / count,
                apart.sum() / count,
                pairs.sum() / (count * (count - 1)),
                apart.sum() / (count * (count - 1) / 2),
                pairs.sum() / count**2,
                apart.sum() / (count - 1),
                pairs.sum() / (count - 1),
            ),
            "These are squared distances: take the root of each.": (
                pairs.square().mean(),
                apart.square().mean(),
            ),
            "The root is taken of the mean: take it of each pair's squares first.": (
                pairs.square().mean().sqrt(),
                apart.square().mean().sqrt(),
            ),
            "This is the distance from the middle: compare pictures with each other.": (
                (features.double() - middle).norm(dim=1).mean(),
                (features.double() - middle).norm(dim=1).square().mean(),
            ),
            "This is the spread of each feature: compare whole pictures.": (
                features.double().std(dim=0).mean(),
                features.double().std(dim=0, correction=0).mean(),
                features.double().std(),
            ),
            "Each picture is compared only with the next: every two make a pair.": steps.norm(dim=1).mean(),
            "Differences are added as they are, or without squares: take the length of the difference.": (
                torch.pdist(features.double(), p=1).mean(),
                torch.pdist(features.double(), p=1).mean() / size,
                steps.mean(),
            ),
            "This is the largest or the smallest distance: take the mean.": (pairs.max(), pairs.min()),
            "These are the distances: their mean was asked for.": (pairs, apart),
        }
        # With two pictures there is one pair, and some mistakes are none.
        mistakes = {
            what: tuple(r for r in many(result) if not near(r, wanted)) for what, result in expected_mistakes.items()
        }
        ask(features, expect=wanted, mistakes=mistakes)


@exercise(idea="what should come out if all weights are equal, and what if one picture has all the weight?")
def count_left(ask: Ask, random: Generator) -> None:
    heavy, one = torch.rand(8, generator=random) ** 4 + 0.01, torch.zeros(5)
    one[int(torch.randint(5, (), generator=random))] = 3.0
    equal = torch.full((6,), 0.2 + float(torch.rand((), generator=random)))
    for weights in (heavy, heavy / heavy.sum(), equal, one, 10 * torch.rand(12, generator=random)):
        total, squares, count = weights.sum(), weights.square().sum(), len(weights)
        shares = weights / total
        entropy = -(shares * shares.clamp(min=1e-12).log()).sum()
        wanted = total**2 / squares
        expected_mistakes: Mistakes = {
            "The sum is not squared: twice as heavy weights should give the same.": total / squares,
            "It is the wrong way round: this is large when few pictures count.": (squares / total**2, squares / total),
            "The sum of the squares was meant below, and the square of the sum above.": (
                torch.ones(()),
                total**2 / total.square(),
            ),
            "This is the number of weights: those that are heavier should count for more.": (
                torch.tensor(float(count)),
                (weights > 0).sum(),
            ),
            "This is the sum of the weights.": (total, weights.mean()),
            "This is the sum of the squares, or its root: it is compared with the sum.": (
                squares,
                squares.sqrt(),
                total / squares.sqrt(),
                shares.square().sum().sqrt(),
            ),
            "This is a mean of the squares: both are sums.": (
                total**2 / weights.square().mean(),
                weights.mean() ** 2 / weights.square().mean(),
                weights.mean() ** 2 / squares,
            ),
            "This counts against the heaviest: it is another measure.": (total / weights.max(), weights.max() / total),
            "This is the entropy: another measure of the same, but not this one.": (entropy, entropy.exp()),
            "The weights are to be squared one by one: the result is one number.": (
                weights**2,
                total**2 / weights.square(),
                shares,
            ),
        }
        mistakes = {
            what: tuple(r for r in many(result) if not near(r, wanted)) for what, result in expected_mistakes.items()
        }
        ask(weights, expect=wanted, mistakes=mistakes)


def many(results: Any) -> tuple[Any, ...]:
    return results if isinstance(results, tuple) else (results,)


def near(result: Tensor, wanted: Tensor) -> bool:
    """Whether a mistake comes to the right answer here: then it is none."""
    return result.shape == wanted.shape and bool((result - wanted).abs() < 1e-3 * max(1.0, float(wanted)))
