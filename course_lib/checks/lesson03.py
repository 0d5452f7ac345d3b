"""Checks of lesson 3's exercises: a photo made small, the mean of many answers, and what a photo leaves open."""

from typing import Any

import torch
from torch import Generator, Tensor

from .verdict import Ask, Mistakes, NotYet, exercise, numbers_of, photos_and_noise

OUT_OF_REACH = "Far away exp gives 0, and 0/0 is no chance: take the smallest of the squares off all of them first."


@exercise(
    idea="a sensor's pixel gathers all the light that falls on it: "
    "which pixels of the picture fall on one of the photo?"
)
def shrink(ask: Ask, random: Generator) -> None:
    for count, factor in ((2, 4), (1, 2), (3, 6)):
        pictures, noise = photos_and_noise(random, count=count)
        pictures = (0.7 * pictures + 0.1 * noise)[..., :12, :]  # 12 x 24: not square
        blocks = pictures.unflatten(3, (-1, factor)).unflatten(2, (-1, factor))  # B x 3 x h x factor x w x factor
        wanted = blocks.mean(dim=(3, 5))
        rows, columns = blocks.mean(dim=3).flatten(3), blocks.mean(dim=5).flatten(2, 3)
        picked = pictures[..., ::factor, ::factor]
        mistakes: Mistakes = {
            "One pixel of each block is taken: all of them count, as their mean.": (
                picked,
                *(pictures[..., at::factor, at::factor] for at in range(1, factor)),
            ),
            "The blocks are added up: the mean was asked for, or the photo gets brighter the more it shrinks.": (
                blocks.sum(dim=(3, 5)),
                wanted * factor,
            ),
            "Only the rows are fewer: columns shrink, too.": rows,
            "Only the columns are fewer: rows shrink, too.": columns,
            "The largest value of each block is taken: it is the mean that counts.": blocks.amax(dim=(3, 5)),
            "The smallest value of each block is taken: it is the mean that counts.": blocks.amin(dim=(3, 5)),
            "It is as large as before: one pixel should be left of each block.": (
                wanted.repeat_interleave(factor, 2).repeat_interleave(factor, 3),
                pictures,
            ),
            "The three colours are mixed: each is shrunk by itself.": wanted.mean(dim=1, keepdim=True).expand_as(
                wanted
            ),
            "Rows and columns have changed places.": wanted.transpose(2, 3),
            "The whole picture has become one pixel: take the mean of each block.": (
                pictures.mean(dim=(2, 3), keepdim=True),
                pictures.mean(dim=(2, 3)),
            ),
        }
        ask(pictures, factor, expect=wanted, mistakes=mistakes)


@exercise(idea="which single picture has the smallest squared differences to all answers, pixel by pixel?")
def mean_answer(ask: Ask, random: Generator) -> None:
    for count in (7, 4, 12):
        answers, noise = photos_and_noise(random, count=count, size=24)
        answers = (answers + 0.4 * noise)[..., :8, :]
        wanted = answers.mean(dim=0, keepdim=True)
        apart = (answers - wanted).square().sum(dim=(1, 2, 3))
        mistakes: Mistakes = {
            "This is the median of each pixel: it has the smallest *absolute* differences, not the smallest squares.": (
                answers.median(dim=0, keepdim=True).values,
                answers.quantile(0.5, dim=0, keepdim=True),
            ),
            "The answers are added up: divide by how many they are.": answers.sum(dim=0, keepdim=True),
            "This is one of the answers: a mixture of all of them comes nearer.": tuple(answers.split(1)),
            "The mean is over each picture's pixels: it should be over the answers, for each pixel.": (
                answers.mean(dim=(1, 2, 3)),
                answers.mean(dim=(2, 3)),
                answers.mean(),
            ),
            "The three colours are mixed: the mean is over the answers alone.": (
                answers.mean(dim=1),
                answers.mean(dim=1, keepdim=True),
                answers.mean(dim=(0, 1)),
                wanted.mean(dim=1, keepdim=True).expand_as(wanted),
            ),
            "The batch has gone: give one picture back as 1 x 3 x H x W.": wanted[0],
            "This is how far the answers spread: the picture in their middle was asked for.": (
                answers.std(dim=0, keepdim=True),
                answers.var(dim=0, keepdim=True),
            ),
            "This is how far each answer lies from the mean: the mean itself was asked for.": apart,
            "It is clipped: the mean of pictures needs no clipping.": wanted.clamp(-0.5, 0.5),
        }
        ask(answers, expect=wanted, mistakes=mistakes)


@exercise(idea="how probable is the noise that each plate would need to become this photo?")
def weigh(ask: Ask, random: Generator) -> None:
    for count, pixels, sigma, far in ((6, 5, 0.6, 0.0), (9, 12, 0.3, 0.0), (5, 40, 0.25, 3.0)):
        plates = 0.4 * torch.randn((count, pixels), generator=random)
        # The plates differ from each other in few pixels, and in the last question the photo is far from all of them.
        plates[:, 3:] = plates[0, 3:]
        photo = plates[count // 2] + sigma * torch.randn(pixels, generator=random)
        photo[3:] += far
        squares = (plates - photo).square().sum(dim=1)
        half = squares / (2 * sigma**2)
        wanted = torch.softmax(-half, dim=0)
        least = torch.exp(-(half - half.min()))
        mistakes: Mistakes = {
            "The chances do not add up to 1: divide by their sum.": (torch.exp(-half), least, -half, half),
            "The plates farthest away get the most: the sign is the wrong way round.": torch.softmax(half, dim=0),
            "The squares are divided by the noise squared, and the 2 is missing.": torch.softmax(-2 * half, dim=0),
            "The noise is not squared.": (
                torch.softmax(-squares / (2 * sigma), dim=0),
                torch.softmax(-squares / sigma, dim=0),
            ),
            "The strength of the noise has no part in it.": (
                torch.softmax(-squares, dim=0),
                torch.softmax(-squares / 2, dim=0),
            ),
            "It is multiplied by the noise's square, not divided by it.": torch.softmax(-half * 4 * sigma**4, dim=0),
            "These are distances: it is their squares that count.": (
                torch.softmax(-squares.sqrt() / (2 * sigma**2), dim=0),
                torch.softmax(-squares.sqrt() / sigma, dim=0),
                torch.softmax(-squares.sqrt(), dim=0),
            ),
            "Take the sum of the squares over the pixels, not their mean.": torch.softmax(-half / pixels, dim=0),
            "Only the nearest plate is left: the others are less probable, not impossible.": (
                torch.nn.functional.one_hot(half.argmin(), count).float()
            ),
            "All plates are equally probable: the photo has no part in it.": torch.full((count,), 1 / count),
            "These are weights by 1 over the square: noise with a bell curve falls much faster.": (
                1 / squares / (1 / squares).sum()
            ),
            OUT_OF_REACH: torch.zeros(count) if far else (),
        }
        given = ask.answer(photo, plates, sigma)
        if far and not_finite(given):
            raise NotYet(OUT_OF_REACH)
        ask.compare(given, expect=wanted, mistakes=mistakes)


@exercise(idea="how many yes-or-no questions would you have to ask, on average, to know the plate for certain?")
def open_bits(ask: Ask, random: Generator) -> None:
    for chances in (
        torch.tensor([0.5, 0.25, 0.125, 0.125]),
        random_chances(9, random),
        torch.cat([random_chances(5, random), torch.zeros(3)])[torch.randperm(8, generator=random)],
        torch.tensor([0.0, 1.0, 0.0]),
    ):
        some = chances[chances > 0].double()
        logs = some.log2()
        bits = -(some * logs).sum()
        mistakes: Mistakes = {
            "This is in nats: take the logarithm to the base 2 for bits.": bits * torch.log(torch.tensor(2.0)),
            "This is to the base 10: take the logarithm to the base 2 for bits.": bits * torch.log10(torch.tensor(2.0)),
            "The sign is the wrong way round: what is open can't be less than nothing.": -bits,
            "Each plate counts by its chance: this is the plain mean of the logarithms.": -logs.mean(),
            "The logarithms are added up: each has to be multiplied by its chance.": -logs.sum(),
            "This counts the plates that are possible at all, as if all were equally probable.": (
                torch.log2(torch.tensor(float(len(some)))),
                torch.log2(torch.tensor(float(len(chances)))),
            ),
            "This is the number of plates, 2 to the power of the bits.": 2**bits,
            "This is one number a plate: add them up.": torch.special.xlogy(chances, chances)
            / -torch.log(torch.tensor(2.0)),
            "These are the bits of the likeliest plate alone: take the mean over all, each by its chance.": -logs.max(),
            "The mean is divided by the number of plates, too: the chances are the weights already.": bits
            / len(chances),
        }
        given = ask.answer(chances)
        if len(some) < len(chances) and not_finite(given):
            raise NotYet("A chance of 0 times the logarithm of 0 is no number: leave those plates out.")
        ask.compare(given, expect=bits, mistakes=mistakes)


@exercise(idea="what would somebody answer to each photo who knows all the chances, and how often would that be right?")
def best_possible(ask: Ask, random: Generator) -> None:
    for photos, plates in ((4, 6), (7, 3), (5, 12)):
        chances = torch.stack([random_chances(plates, random) for _ in range(photos)])
        best = chances.max(dim=1).values
        mistakes: Mistakes = {
            "The mean is taken first: each photo has a likeliest plate of its own.": chances.mean(dim=0).max(),
            "This is one number a photo: their mean was asked for.": best,
            "The largest of all chances is that of one lucky photo: take the mean over the photos.": chances.max(),
            "The sum over the photos is to be divided by how many they are.": best.sum(),
            "The largest is taken over the photos: take it over the plates, for each photo.": (
                chances.max(dim=0).values.mean(),
                chances.max(dim=0).values,
            ),
            "This is how often a plate drawn by these chances is right: who knows them can do better.": (
                chances.square().sum(dim=1).mean()
            ),
            "This is how often a blind guess is right: the photos have no part in it.": 1 / plates,
            "These are the numbers of the likeliest plates: their chances were asked for.": (
                chances.argmax(dim=1),
                chances.argmax(dim=1).double().mean(),
            ),
            "This is the smallest chance of each photo: who wants to be right takes the largest.": (
                chances.min(dim=1).values.mean()
            ),
            "This is how often the best answer is wrong.": 1 - best.mean(),
            "This is the median: the share that is right is the mean.": (best.median(), best.quantile(0.5)),
        }
        ask(chances, expect=best.mean(), mistakes=mistakes)


def random_chances(count: int, random: Generator) -> Tensor:
    """`count` chances that add up to 1, some large and some small, none near another."""
    while True:
        chances = torch.softmax(1.2 * torch.randn(count, generator=random), dim=0)
        if chances.sort().values.diff().min() > 2e-3 and 0.2 < chances.max() < 0.8:
            return chances


def not_finite(given: Any) -> bool:
    """Whether an answer is numbers, and some of them are infinite or none at all."""
    numbers = numbers_of(given)
    return numbers is not None and not bool(numbers.isfinite().all())
