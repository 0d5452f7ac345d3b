"""The checks of lesson 6's exercises: right answers pass, each wrong one hears what its mistake is."""

import re
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from course_lib import augment
from course_lib.checks import lesson06
from tests.support.exercises import NO_ANSWERS, ExercisesOfALesson, Function, exercises_of

Breaks = dict[str, list[str]]
pytestmark = pytest.mark.usefixtures("one_thread")


# Mirrors.


def turned(caption: str) -> str:
    return re.sub(r"\b(left|right)\b", lambda word: "right" if word[0] == "left" else "left", caption)


def mirror(pictures: Tensor, captions: list[str]) -> tuple[Tensor, list[str]]:
    return pictures.flip(3), [turned(caption) for caption in captions]


def mirror_by_loops(pictures: Tensor, captions: list[str]) -> list[Any]:
    said = []
    for caption in captions:
        new = []
        for word in caption.split(" "):
            plain = word.strip(".,")
            new.append(word.replace(plain, {"left": "right", "right": "left"}.get(plain, plain)))
        said.append(" ".join(new))
    return [pictures.numpy()[..., ::-1].copy(), said]


def mirror_with_a_place_holder(pictures: Tensor, captions: list[str]) -> tuple[list[Tensor], list[str]]:
    said = []
    for caption in captions:
        for one, other in ((r"\bleft\b", "#"), (r"\bright\b", "left"), ("#", "right")):
            caption = re.sub(one, other, caption)
        said.append(caption)
    return [torch.fliplr(picture.permute(1, 2, 0)).permute(2, 0, 1) for picture in pictures], said


def mirror_with_the_library(pictures: Tensor, captions: list[str]) -> tuple[Tensor, list[str]]:
    return pictures[..., torch.arange(23, -1, -1)], [augment.mirrored(caption) or "" for caption in captions]


def saying(say: Callable[[str], str]) -> Function:
    return lambda pictures, captions: (pictures.flip(3), [say(caption) for caption in captions])


def showing(change: Callable[[Tensor], Tensor]) -> Function:
    return lambda pictures, captions: (change(pictures), mirror(pictures, captions)[1])


# What is safe.


def spoken(caption: str) -> set[str]:
    return set(re.findall(r"\w+", caption.lower()))


def safe(caption: str, breaks: Breaks) -> list[str]:
    return [name for name, words in breaks.items() if not spoken(caption) & set(words)]


def safe_by_loops(caption: str, breaks: Breaks) -> list[str]:
    names = list(breaks)
    plain = "".join(letter if letter.isalpha() else " " for letter in caption).lower().split()
    for name, words in breaks.items():
        for word in words:
            if word in plain and name in names:
                names.remove(name)
    return names


def safe_by_patterns(caption: str, breaks: Breaks) -> set[str]:
    return {name for name, words in breaks.items() if not re.search(rf"(?i)\b({'|'.join(words)})\b", caption)}


def safe_backwards(caption: str, breaks: Breaks) -> tuple[str, ...]:
    words = [word.strip(".,;:") for word in caption.casefold().split()]
    return tuple(name for name in reversed(breaks) if set(breaks[name]).isdisjoint(words))


def unsafe(caption: str, breaks: Breaks) -> list[str]:
    return [name for name in breaks if name not in safe(caption, breaks)]


def safe_if(unsafe: Callable[[str, list[str]], bool]) -> Function:
    return lambda caption, breaks: [name for name, words in breaks.items() if not unsafe(caption, words)]


# Filters.


def flat(picture: Tensor, regions: Tensor) -> Tensor:
    painted = picture.clone()
    for region in regions.unique():
        inside = regions == region
        painted[:, :, inside] = picture[:, :, inside].mean(dim=2, keepdim=True)
    return painted


def flat_by_scipy(picture: Tensor, regions: Tensor) -> np.ndarray:
    labels, count = regions.numpy(), int(regions.max()) + 1
    means = [ndimage.mean(channel.numpy(), labels, range(count)) for channel in picture[0]]
    return np.stack([mean[labels] for mean in means])[None]


def flat_by_matrices(picture: Tensor, regions: Tensor) -> Tensor:
    member = torch.nn.functional.one_hot(regions.flatten()).double()
    return (picture.double().flatten(2) @ (member / member.sum(0)) @ member.T).reshape(picture.shape)


def flat_by_loops(picture: Tensor, regions: Tensor) -> list[Any]:
    sums, counts = {}, {}
    rows = regions.tolist()
    for channel in range(3):
        for y, row in enumerate(rows):
            for x, region in enumerate(row):
                sums[channel, region] = sums.get((channel, region), 0.0) + float(picture[0, channel, y, x])
                counts[channel, region] = counts.get((channel, region), 0) + 1
    return [[[[sums[c, region] / counts[c, region] for region in row] for row in rows] for c in range(3)]]


def flat_with(colour: Callable[[Tensor], Any], *, of: Callable[[Tensor], Any] = torch.unique) -> Function:
    def paint(picture: Tensor, regions: Tensor) -> Tensor:
        painted = picture.clone()
        for region in of(regions):
            inside = regions == region
            painted[:, :, inside] = colour(picture[:, :, inside]) + torch.zeros_like(picture[:, :, inside])
        return painted

    return paint


def mean_of(part: Tensor) -> Tensor:
    return part.mean(2, keepdim=True)


def quietest(means: Tensor, spreads: Tensor) -> Tensor:
    return means.gather(0, spreads.argmin(0)[None, None].expand(1, 3, -1, -1))


def quietest_by_loops(means: Tensor, spreads: Tensor) -> list[Any]:
    high, wide = spreads.shape[1:]
    best = [[min(range(len(means)), key=lambda k: float(spreads[k, y, x])) for x in range(wide)] for y in range(high)]
    return [[[float(means[best[y][x], c, y, x]) for x in range(wide)] for y in range(high)] for c in range(3)]


def quietest_by_where(means: Tensor, spreads: Tensor) -> Tensor:
    best, least = means[0], spreads[0]
    for mean, spread in zip(means[1:], spreads[1:], strict=True):
        best, least = torch.where(spread < least, mean, best), torch.minimum(spread, least)
    return best


def quietest_by_masks(means: Tensor, spreads: Tensor) -> np.ndarray:
    chosen = (spreads == spreads.amin(0)).double().numpy()[:, None]
    return (means.double().numpy() * chosen).sum(0, keepdims=True)


def pixels(means: Tensor, which: Tensor) -> Tensor:
    return means.gather(0, which[None, None].expand(1, 3, -1, -1))


# The gain.


def fall(before: list[float], after: list[float]) -> float:
    return 100 * (1 - statistics.fmean(after) / statistics.fmean(before))


# For each exercise the solution and other right answers.
RIGHT: dict[str, dict[str, Function]] = {
    "mirror": {
        "solution": mirror,
        "loops, numpy, a list": mirror_by_loops,
        "a place holder, pictures one by one": mirror_with_a_place_holder,
        "the library": mirror_with_the_library,
    },
    "safe": {
        "solution": safe,
        "loops": safe_by_loops,
        "patterns, a set": safe_by_patterns,
        "backwards, a tuple": safe_backwards,
    },
    "flat": {
        "solution": flat,
        "scipy": flat_by_scipy,
        "matrices, float64": flat_by_matrices,
        "loops, lists": flat_by_loops,
        "the library": lambda picture, regions: augment.flat(picture, regions[None]),
    },
    "quietest": {
        "solution": quietest,
        "loops, without a batch": quietest_by_loops,
        "where": quietest_by_where,
        "masks, numpy": quietest_by_masks,
    },
    "fall": {
        "solution": fall,
        "sums": lambda before, after: 100 * (sum(before) - sum(after)) / sum(before),
        "numpy": lambda before, after: -100 * (np.mean(after) / np.mean(before) - 1),
        "tensors": lambda b, a: 100 - 100 * torch.tensor(a).double().mean() / torch.tensor(b).double().mean(),
    },
}

# For each exercise plausible wrong answers, under a piece of the sentence that names the mistake.
WRONG: dict[str, list[tuple[str, Function]]] = {
    "mirror": [
        ("pictures stay as they are", showing(lambda pictures: pictures)),
        ("Up and down", showing(lambda pictures: pictures.flip(2))),
        ("upside down as well", showing(lambda pictures: pictures.flip(2, 3))),
        ("another order", showing(lambda pictures: pictures.flip(0))),
        ("Red and blue", showing(lambda pictures: pictures.flip(1))),
        ("Rows and columns", showing(lambda pictures: pictures.transpose(2, 3))),
        ("values are not right", showing(lambda pictures: -pictures)),
        ("captions stay as they were", saying(lambda caption: caption)),
        ("Every side has become", saying(lambda caption: caption.replace("left", "right").replace("right", "left"))),
        ("Every side has become", saying(lambda c: re.sub(r"\bright\b", "left", re.sub(r"\bleft\b", "right", c)))),
        ("Every side has become", saying(lambda c: re.sub(r"\bleft\b", "right", re.sub(r"\bright\b", "left", c)))),
        ("Every side has become", saying(lambda caption: re.sub(r"\bleft\b", "right", caption))),
        (
            "Whole words only",
            saying(lambda c: re.sub("left|right", lambda word: "right" if word[0] == "left" else "left", c)),
        ),
        ("Capitals stay", saying(lambda caption: turned(caption).lower())),
        ("Full stops and commas", saying(lambda caption: re.sub("[.,]", "", turned(caption)))),
        ("letter by letter", saying(lambda caption: caption[::-1])),
        ("captions come in another order", lambda p, c: (p.flip(3), mirror(p, c)[1][::-1])),
        ("4 pictures and 1 captions", lambda p, c: (p.flip(3), mirror(p, c)[1][:1])),
        ("your caption says", saying(lambda caption: turned(caption) + " Flipped.")),
        ("list of texts", lambda p, c: (p.flip(3), turned(c[0]))),
        ("swapped places: the pictures come first", lambda p, c: mirror(p, c)[::-1]),
        ("not two things", lambda p, c: p.flip(3)),
        ("None: no `return`?", lambda p, c: None),
    ],
    "safe": [
        (
            "not safe: name the others",
            lambda caption, breaks: [name for name in breaks if name not in safe(caption, breaks)],
        ),
        ("Whole words only", safe_if(lambda caption, words: any(word in caption.lower() for word in words))),
        ("has a capital", safe_if(lambda caption, words: bool(set(re.findall(r"\w+", caption)) & set(words)))),
        ("before a full stop", safe_if(lambda caption, words: bool(set(caption.lower().split()) & set(words)))),
        ("One word is enough", safe_if(lambda caption, words: set(words) <= spoken(caption))),
        ("One word is enough", safe_if(lambda caption, words: words[0] in spoken(caption))),
        ("One word is enough", lambda caption, breaks: list(breaks)),
        ("is not true any more", lambda caption, breaks: safe(caption, breaks) or ["grey"]),
        ("it is safe", lambda caption, breaks: []),
        ("it is safe", lambda caption, breaks: safe(caption, breaks)[:1]),
        ("named once", lambda caption, breaks: safe(caption, breaks) * 2),
        ("not the names", lambda caption, breaks: [breaks[name] for name in safe(caption, breaks)]),
        ("not the names", lambda caption, breaks: [name in safe(caption, breaks) for name in breaks]),
        ("a dict: a list was asked for", lambda caption, breaks: dict.fromkeys(safe(caption, breaks), True)),
        ("a str: a list was asked for", lambda caption, breaks: ", ".join(safe(caption, breaks))),
    ],
    "flat": [
        ("mean of its own", flat_with(lambda part: part.mean())),
        ("whole picture gets one", lambda picture, regions: picture.mean((2, 3), keepdim=True).expand_as(picture)),
        ("whole picture gets one", lambda picture, regions: torch.full_like(picture, picture.mean())),
        ("are added up", flat_with(lambda part: part.sum(2, keepdim=True))),
        ("own pixels, not of all", flat_with(lambda part: part.sum(2, keepdim=True) / 576)),
        ("the median", flat_with(lambda part: part.median(2, keepdim=True).values)),
        ("one of its pixels", flat_with(lambda part: part[:, :, :1])),
        ("brightest or the darkest", flat_with(lambda part: part.amax(2, keepdim=True))),
        ("last region", flat_with(mean_of, of=lambda regions: range(int(regions.max())))),
        ("Region 0", flat_with(mean_of, of=lambda regions: range(1, int(regions.max()) + 1))),
        ("as it was", lambda picture, regions: picture),
        ("shape is not right", lambda picture, regions: flat(picture, regions)[:, 0]),
    ],
    "quietest": [
        ("varies most", lambda means, spreads: pixels(means, spreads.argmax(0))),
        ("are mixed", lambda means, spreads: means.mean(0, keepdim=True)),
        ("are mixed", lambda means, spreads: (means / spreads[:, None]).sum(0) / (1 / spreads).sum(0)),
        ("whole picture", lambda means, spreads: means[spreads.mean((1, 2)).argmin()]),
        ("whole picture", lambda means, spreads: means[:1]),
        ("darkest or brightest", lambda means, spreads: means.amin(0)),
        ("which window", lambda means, spreads: spreads.argmin(0)),
        ("how much it varies", lambda means, spreads: spreads.amin(0)),
        ("shape is not right", lambda means, spreads: means),
    ],
    "fall": [
        ("sign is the wrong way", lambda before, after: -fall(before, after)),
        ("This is a share", lambda before, after: fall(before, after) / 100),
        ("Divide by the distance without", lambda before, after: -fall(after, before)),
        ("what is left", lambda before, after: 100 - fall(before, after)),
        ("This is the difference", lambda before, after: statistics.fmean(before) - statistics.fmean(after)),
        (
            "mean of each list first",
            lambda before, after: statistics.fmean(100 * (1 - b / a) for a, b in zip(before, after, strict=True)),
        ),
        (
            "mean of each list first",
            lambda before, after: [100 * (1 - b / a) for a, b in zip(before, after, strict=True)],
        ),
        ("best seeds alone", lambda before, after: 100 * (1 - min(after) / min(before))),
        ("medians, or the first", lambda b, a: 100 * (1 - statistics.median(a) / statistics.median(b))),
        ("medians, or the first", lambda before, after: 100 * (1 - after[0] / before[0])),
        ("not by both together", lambda b, a: 100 * (sum(b) - sum(a)) / (sum(a) + sum(b))),
    ],
}


class TestExercises(ExercisesOfALesson):
    exercises = exercises_of(lesson06)
    right = RIGHT
    wrong = WRONG
    seeds = (0, 1, 2, 3)
    drawn = ("flat",)
    not_numbers = ("mirror", "safe")
    no_answers = NO_ANSWERS | {"two empty lists": ([], []), "two None": (None, None)}
