"""Checks of lesson 1's exercises: pictures as numbers, noise, and how to measure both."""

from functools import partial
from math import log10

import torch
from torch import Generator

from .. import noise as lib
from .verdict import Ask, Mistakes, exercise, photos_and_noise


@exercise(idea="where do -1, 0 and 1 have to land between 0 and 255, and what of a value beyond them?")
def to_screen(ask: Ask, random: Generator) -> None:
    mistakes: Mistakes = {  # more than one result where a mistake may be rounded, clipped, or wrap round as bytes do
        "Values are not moved before they are scaled: -1 has to become 0.": [51, 153],
        "The range is twice too wide: 1 has to become 255.": ([306, 408], [255, 255], [50, 152]),
        "The values lie between 0 and 1: a screen takes 0 to 255.": ([0.6, 0.8], [1, 1], [0, 0]),
        "Dark and light have swapped places.": [102, 51],
    }
    ask(torch.tensor([0.2, 0.6]), expect=[153, 204], mistakes=mistakes, within=0.006)  # no word of rounding yet
    mistakes = {
        "Values beyond -1 and 1 are not clipped: they have to stay at 0 and 255.": ([-255, 510], [1, 254], [-256, 512]),
        "1 becomes 256, more than a byte holds.": ([0, 256], [0, 0]),
    }
    ask(torch.tensor([-3.0, 3.0]), expect=[0, 255], mistakes=mistakes)
    whole = torch.tensor([0, 0, 205, 205]) + torch.randint(50, (4,), generator=random)
    exact = whole + torch.tensor([0.2, 0.8, 0.2, 0.8])
    mistakes = {
        "The numbers are not whole: a screen's colours are.": exact,
        "Fractions are cut off or rounded up: 152.2 has to become 152, and 152.8 153.": (whole, whole + 1),
        "1 becomes 256, more than a byte holds.": tuple(cut(exact * 256 / 255) for cut in (torch.round, torch.floor)),
    }
    ask(exact / 127.5 - 1, expect=exact.round(), mistakes=mistakes, within=1e-4)


@exercise(idea="how much of the picture should be left when everything is noise?")
def blend(ask: Ask, random: Generator) -> None:
    picture, noise = photos_and_noise(random, count=2)
    for amount in (0.7, 1.0, 0.0):
        wanted = lib.blend(picture, noise, amount)
        mistakes: Mistakes = {
            "Picture and noise have swapped places.": lib.blend(noise, picture, amount),
            "The whole picture stays under the noise: at amount 1 the cat is still there.": picture + amount * noise,
            "All of the noise is there at every amount.": (1 - amount) * picture + noise,
            "The noise is taken away instead of added.": (1 - amount) * picture - amount * noise,
            "The amount makes no difference.": ((picture + noise) / 2, picture + noise, picture, noise),
            "The two shares have to add up to 1.": (1 - amount**2) ** 0.5 * picture + amount * noise,
            "The result is clipped: noise may go beyond -1 and 1.": wanted.clamp(-1, 1),
        }
        ask(picture, noise, amount, expect=wanted, mistakes=mistakes)


@exercise(idea="how many steps lie between step 0 and step K, and what is the amount on each?")
def ladder(ask: Ask, random: Generator) -> None:
    picture, noise = photos_and_noise(random, count=1)
    rungs = partial(lib.blend, picture, noise)
    for steps in (4, 1):
        k = torch.linspace(0, 1, steps + 1)
        mistakes: Mistakes = {
            "The ladder stands on its head: step 0 should be the picture.": rungs(1 - k),
            "The last step still holds some picture: it should be pure noise.": rungs(k * steps / (steps + 1)),
            "The first step already holds noise: step 0 should be the picture.": rungs((k * steps + 1) / (steps + 1)),
            "The amounts are not equally far apart.": (rungs(k**2), rungs(k**0.5)),
            "The whole picture stays under the noise on every step.": picture + k[:, None, None, None] * noise,
            "Each step blends the one before again: start from the picture.": rungs(1 - (1 - k).cumprod(0)),
            "A step is missing: there are K + 1.": (rungs(k[1:]), rungs(k[:-1]), rungs(torch.linspace(0, 1, steps))),
        }
        ask(picture, noise, steps, expect=rungs(k), mistakes=mistakes)


@exercise(idea="what is 1 for a picture beside itself, about 0 for noise, and does not change with brightness?")
def neighbours(ask: Ask, random: Generator) -> None:
    picture, noise = photos_and_noise(random, count=2, size=48)
    # Each row is unlike the one below, and the first column unlike the last, so that mixing them up shows.
    picture = 1 + 2 * picture[..., torch.randperm(48, generator=random), :]
    picture[..., 0], picture[..., -1] = picture.mean() - picture.std(), picture.mean() + picture.std()
    for image in (picture, picture / 5 + 0.7, *(picture + share * noise for share in torch.rand(2, generator=random))):
        left, right = image[..., :-1], image[..., 1:]
        wanted, spread = lib.correlation(left, right), float(left.std() * right.std())
        raw, apart = (left * right).mean(), left - right
        below, wrapped = lib.autocorrelation(image.mT, reach=1)[1], lib.correlation(image, image.roll(1, -1))
        bright = (raw / spread, raw * left.numel() / (left.norm() * right.norm()))
        mistakes: Mistakes = {
            "The mean is not taken off first: bright pictures seem alike everywhere.": bright,
            "Divide it by the two standard deviations, once.": (wanted * spread, wanted * spread**0.5, wanted / spread),
            "Pixels are compared with the one below, not the one on the right.": below,
            "The sign is turned round.": -wanted,
            "This is how far neighbours differ, not how alike they are.": (apart.abs().mean(), (apart**2).mean()),
            "The last column is compared with the first: they are no neighbours.": wrapped,
            "Pixels are compared with themselves, or two places away.": tuple(lib.autocorrelation(image, reach=2)[::2]),
        }
        ask(image, expect=wanted, mistakes=mistakes, within=0.004)  # so that mean and spread of the whole serve, too


@exercise(idea="the peak is the whole range, from -1 to 1; what is divided by what, and what is squared?")
def psnr(ask: Ask, random: Generator) -> None:
    truth, noise = photos_and_noise(random, count=1)
    for far in (0.05 + 0.3 * torch.rand(2, generator=random)).tolist():
        error, mean = float(((far * noise) ** 2).mean()), float((far * noise).abs().mean())
        wanted, peaks = 10 * log10(4 / error), (1, 2, 255, 255**2)
        mistakes: Mistakes = {
            "The peak is 2 (not 1, not 255), and squared as the error is.": tuple(10 * log10(p / error) for p in peaks),
            "The ratio is upside down: a better picture should score higher.": -wanted,
            "Decibels are 10 times the logarithm to base 10.": (wanted / log10(torch.e), wanted / 10, 4 / error),
            "20 times is for a ratio that is not squared, 10 times for one that is.": (2 * wanted, wanted / 2),
            "Errors are added up, not averaged: a large picture would score low.": wanted - 10 * log10(noise.numel()),
            "The errors are not squared.": (20 * log10(2 / mean), 10 * log10(4 / mean), 10 * log10(2 / mean)),
            "This is the error itself: PSNR is made from it.": (error, error**0.5),
        }
        ask(truth + far * noise, truth, expect=wanted, mistakes=mistakes)
