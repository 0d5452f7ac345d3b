"""Checks of lesson 8's exercises: sizes, numbers for all, the nearest, the rule, repetition, two models."""

import math
from typing import Any

import torch
from torch import Generator

from .verdict import Ask, Mistakes, exercise, photos_and_noise


@exercise(idea="how many pixels are there in all, and how many bits make a byte?")
def collection_size(ask: Ask, random: Generator) -> None:
    for _ in range(3):
        pictures, width, height = (int(torch.randint(low, 9 * low, (), generator=random)) for low in (1000, 30, 40))
        bits = [4, 14, 26, 50][int(torch.randint(4, (), generator=random))]
        pixels = width * height
        wanted = pictures * pixels * bits / 8
        mistakes: Mistakes = {
            "These are bits: a byte is 8 of them.": wanted * 8,
            "Bits are made of bytes by dividing by 8, and not by multiplying.": wanted * 64,
            "This is one picture: there are many.": (wanted / pictures, wanted * 8 / pictures),
            "These are the pixels: each of them takes some bits.": (pixels, pictures * pixels),
            "Width and height are added: how many pixels lie in a rectangle?": (
                pictures * (width + height) * bits / 8,
                pictures * 2 * (width + height) * bits / 8,
            ),
            "The picture is not square: both of its sides count.": (
                pictures * width**2 * bits / 8,
                pictures * height**2 * bits / 8,
            ),
            "Three colours are in the bits already.": (wanted * 3, wanted * 24),
            "Three bytes a pixel are not said: take the bits that are given.": pictures * pixels * 3,
            "A byte is 8 bits, not 10.": wanted * 0.8,
            "This is no number of bytes, but of kilobytes or larger units.": tuple(
                wanted / unit for unit in (1e3, 1e6, 1e9, 1e12, 2**10, 2**20, 2**30, 2**40)
            ),
        }
        ask(pictures, width, height, bits, expect=wanted, mistakes=mistakes, within=1e-6)


@exercise(idea="how many different numbers are there with 1 bit, with 2, with 3, and is that enough?")
def number_bits(ask: Ask, random: Generator) -> None:
    power = int(torch.randint(3, 30, (), generator=random))
    between = int(torch.randint(2**power + 2, 2 ** (power + 1), (), generator=random))
    for count in (between, 2**power, 2**power + 1, 2**power - 1, 1, 2, 5):
        exact = math.log2(count)
        wanted = math.ceil(exact)
        mistakes: Mistakes = {
            "Bits come whole: a part of one is not to be had, so round up.": exact,
            "With so few bits there are not enough numbers: round up.": math.floor(exact),
            "To round to the nearest is not enough if it goes down.": round(exact),
            "One bit fewer would do: how many numbers are there with b bits?": (
                math.floor(exact) + 1,
                wanted + 1,
                count.bit_length(),
            ),
            "These are bytes: bits were asked for.": (wanted / 8, math.ceil(wanted / 8), exact / 8),
            "This is how many numbers there are: with how many bits are they written?": (count, count - 1, 2**wanted),
            "A number has two values for each bit, not ten.": (
                math.ceil(math.log10(count)),
                len(str(count)),
                len(str(count - 1)),
            ),
            "This is a root: each further bit doubles the numbers.": (math.sqrt(count), math.ceil(math.sqrt(count))),
            "This is half of the number: each further bit doubles the numbers.": (count / 2, math.ceil(count / 2)),
            "This is the logarithm to another base: each bit has two values.": (
                math.log(count),
                math.ceil(math.log(count)),
            ),
        }
        ask(count, expect=wanted, mistakes=without(mistakes, wanted))


@exercise(idea="of all known pictures which one counts, and over what is the mean taken?")
def to_nearest(ask: Ask, random: Generator) -> None:
    for count, others in ((3, 5), (1, 2), (5, 4)):
        known, noise = photos_and_noise(random, count=others, size=24)
        known = 0.6 * known + 0.3 * noise
        chosen = torch.randint(others, (count,), generator=random)
        strength = 0.1 + 0.4 * torch.rand((count, 1, 1, 1), generator=random)
        drawings = known[chosen] + strength * torch.randn(known[chosen].shape, generator=random)
        squares = (drawings[:, None] - known[None]).double().square()  # B x N x 3 x H x W
        distances = squares.mean(dim=(2, 3, 4)).sqrt()
        wanted = distances.amin(dim=1)
        absolute = (drawings[:, None] - known[None]).double().abs()
        mistakes: Mistakes = {
            "This is the farthest: the nearest was asked for.": distances.amax(dim=1),
            "This is the mean over all known pictures: only the nearest counts.": distances.mean(dim=1),
            "These are squared distances: the root is missing.": distances.square().amin(dim=1),
            "These are all distances: the smallest for each drawing was asked for.": (distances, distances.T),
            "This says which known picture is nearest: how far is it?": distances.argmin(dim=1),
            "This is for each known picture the nearest drawing: it is the other way round.": distances.amin(dim=0),
            "The squares are added up: take their mean, so that size does not count.": squares.sum(dim=(2, 3, 4))
            .sqrt()
            .amin(dim=1),
            "These are mean absolute differences: square, take the mean, and then the root.": absolute.mean(
                dim=(2, 3, 4)
            ).amin(dim=1),
            "The smallest is taken pixel by pixel: it has to be one picture for all pixels.": squares.amin(dim=1)
            .mean(dim=(1, 2, 3))
            .sqrt(),
            "This is one number: each drawing has its own.": (wanted.min(), wanted.mean()),
            "The first known picture is not the nearest.": distances[:, 0],
            "Drawing i is compared with known picture i: compare it with all.": distances.diagonal(),
        }
        ask(drawings, known, expect=wanted, mistakes=without(mistakes, wanted))


@exercise(idea="which of the two distances is small for a copy, and what is it compared with?")
def is_copy(ask: Ask, random: Generator) -> None:
    for count, share in ((12, 0.5), (9, 0.25), (14, 0.75)):
        to_fresh = 0.25 + (torch.rand(count, generator=random) * 8).round() / 8
        parts = torch.tensor([0.0, 0.5, 0.9, 1.0, 1.1, 1.25, 1 / share, 1.1 / share, 2.5 / share])
        # Each of these parts comes up, and then any of them: one is exactly the share, where "at most" still counts.
        which = torch.cat(
            [torch.arange(len(parts)), torch.randint(len(parts), (count - len(parts),), generator=random)]
        )
        to_known = share * to_fresh * parts[which[torch.randperm(count, generator=random)]]
        wanted = to_known <= share * to_fresh
        mistakes: Mistakes = {
            "It is the wrong way round: these are the drawings that are no copies.": ~wanted,
            "A distance of exactly that share counts, too: at most.": to_known < share * to_fresh,
            "The share has no part in it: these only lie nearer to a training picture than to a fresh one.": (
                to_known <= to_fresh,
                to_known < to_fresh,
            ),
            "The two distances are swapped.": (to_fresh <= share * to_known, to_fresh < share * to_known),
            "The share is taken of the wrong distance.": (share * to_known <= to_fresh, share * to_known < to_fresh),
            "The distance is compared with the share itself: take the share of the distance to the fresh ones.": (
                to_known <= share,
                to_known < share,
            ),
            "This compares the difference of the distances: the rule is about a share.": (
                to_fresh - to_known >= share,
                to_known - to_fresh <= share,
                (to_known - to_fresh).abs() <= share,
            ),
            "This is the share of copies: say of each drawing whether it is one.": wanted.double().mean(),
            "This counts the copies: say of each drawing whether it is one.": wanted.sum(),
            "These are the quotients: say whether they are at most the share.": to_known / to_fresh,
            "These are the numbers of the copies: say yes or no for each drawing.": wanted.nonzero()[:, 0],
        }
        ask(to_known, to_fresh, share, expect=wanted, mistakes=without(mistakes, wanted))


@exercise(idea="how many other pictures share the copies that are not of the repeated one?")
def times_as_often(ask: Ask, random: Generator) -> None:
    for count, drawings in ((10, 60), (40, 120), (6, 50)):
        repeated = int(torch.randint(count - 1, (), generator=random))
        copy_of = torch.randint(-1, count, (drawings,), generator=random)
        more = torch.randperm(drawings, generator=random)
        copy_of[more[: drawings // 3]] = repeated
        copy_of[more[drawings // 3 : drawings // 2]] = -1
        copy_of[more[-2:]] = (repeated + 1) % count
        back, none = int((copy_of == repeated).sum()), int((copy_of == -1).sum())
        others = drawings - back - none
        kinds = len(set(copy_of.tolist()) - {repeated, -1})
        wanted = back / (others / (count - 1))
        mistakes: Mistakes = {
            "All others are taken together: divide by how many other pictures there are.": back / others,
            "The repeated picture is not one of the others: there is one fewer of them.": back / (others / count),
            "A drawing that copies none, -1, is no copy of another picture.": (
                back / ((others + none) / (count - 1)),
                back / ((others + none) / count),
                back / (others + none),
            ),
            "Others that were never copied belong to the mean, too.": back / (others / kinds),
            "It is the wrong way round: the repeated one stands above.": (
                others / (count - 1) / back,
                others / back,
            ),
            "This is how often the repeated picture came back: compare it with the others.": (
                back,
                back / drawings,
                100 * back / drawings,
            ),
            "The repeated picture is among the copies that it is compared with.": (
                back / ((back + others) / count),
                back / (back + others),
                back / ((back + others) / (count - 1)),
            ),
            "This is a difference: how many times as often?": (
                back - others / (count - 1),
                (back - others / (count - 1)) / drawings,
            ),
            "A share of the drawings is divided by a number of drawings.": (
                back / drawings / (others / (count - 1)),
                back / (others / drawings / (count - 1)),
            ),
            "This is how much more often: the times themselves were asked for.": wanted - 1,
        }
        ask(copy_of.tolist(), repeated, count, expect=wanted, mistakes=without(mistakes, wanted))


@exercise(idea="in a table of all distances, where are the pairs from the same noise, and which are the others?")
def pair_distances(ask: Ask, random: Generator) -> None:
    for count in (4, 2, 5):
        photos, noise = photos_and_noise(random, count=count, size=24)
        first = 0.5 * photos + 0.4 * noise
        first[1] = first[0] + 0.1 * noise[1]  # neighbours that are alike: their mean is not the mean of all
        strength = 0.1 + torch.randperm(count, generator=random)[:, None, None, None] / count
        second = first + strength * torch.randn(first.shape, generator=random)
        squares = (first[:, None] - second[None]).double().square().mean(dim=(2, 3, 4))  # B x B
        distances = squares.sqrt()
        same = torch.eye(count, dtype=torch.bool)
        alike, unlike = distances[same].mean(), distances[~same].mean()
        wanted = torch.stack([alike, unlike])
        own = (first[:, None] - first[None]).double().square().mean(dim=(2, 3, 4)).sqrt()[~same].mean()
        following = distances[torch.arange(count), (torch.arange(count) + 1) % count].mean()
        sums = (first[:, None] - second[None]).double().square().sum(dim=(2, 3, 4)).sqrt()
        mistakes: Mistakes = {
            "The two are swapped: same noise first.": wanted.flip(0),
            "Pairs from the same noise are among the others, too: leave the diagonal out.": torch.stack(
                [alike, distances.mean()]
            ),
            "The others are divided by too many: without the diagonal there are B (B - 1).": (
                torch.stack([alike, distances[~same].sum() / count**2]),
                torch.stack([alike, distances[~same].sum() / count]),
            ),
            "The root is taken of the mean over the pairs: each pair has its own distance.": torch.stack(
                [squares[same].mean().sqrt(), squares[~same].mean().sqrt()]
            ),
            "These are squared distances: the root is missing.": torch.stack(
                [squares[same].mean(), squares[~same].mean()]
            ),
            "These are sums: take the means.": torch.stack([distances[same].sum(), distances[~same].sum()]),
            "The squares are added up over the pixels: take their mean.": torch.stack(
                [sums[same].mean(), sums[~same].mean()]
            ),
            "The second compares drawings of one model: compare one model's with the other's.": torch.stack(
                [alike, own]
            ),
            "Each drawing is compared with the next only: compare it with all others.": torch.stack([alike, following]),
            "These are all distances: two means were asked for.": (distances, distances[same], distances[~same]),
            "This is one of the two: same noise, different noise.": (alike, unlike),
        }
        ask(first, second, expect=wanted, mistakes=without(mistakes, wanted))


def without(mistakes: Mistakes, wanted: Any) -> dict[str, tuple[Any, ...]]:
    """The mistakes that are some here: what comes to the right answer by chance is none."""
    right = torch.as_tensor(wanted).double()

    def wrong(result: Any) -> bool:
        numbers = torch.as_tensor(result).double()
        scale = max(1.0, float(numbers.abs().max())) if numbers.numel() else 1.0
        return numbers.shape != right.shape or not bool(((numbers - right).abs() <= 1e-3 * scale).all())

    def many(results: Any) -> tuple[Any, ...]:
        return results if isinstance(results, tuple) else (results,)

    return {what: tuple(filter(wrong, many(results))) for what, results in mistakes.items()}
