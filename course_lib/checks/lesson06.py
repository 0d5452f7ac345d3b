"""Checks of lesson 6's exercises: mirror images and their captions, what is safe, the two filters, and the gain."""

import re
from collections.abc import Callable, Mapping, Sequence
from statistics import mean, median
from typing import Any

import torch
from torch import Generator, Tensor

from ..augment import flat as painted_flat
from .lesson05 import numbers
from .verdict import Ask, Mistakes, NotYet, exercise, numbers_of, photos_and_noise

SIDES = {"left": "right", "right": "left"}


@exercise(idea="which words of a caption does a mirror make untrue, and what should stand there instead?")
def mirror(ask: Ask, random: Generator) -> None:
    things = ("cat", "dog", "plane", "rocket", "lamp", "sofa", "rug")
    for _ in range(2):
        pictures, _ = photos_and_noise(random, count=4)
        one, two, three, four = (things[i] for i in torch.randperm(len(things), generator=random).tolist()[:4])
        sides = ["left", "right"] if numbers(2, 1, random) == [0] else ["right", "left"]
        captions = [
            f"Black {one} looking {sides[0]}.",
            f"Bright {two} to the {sides[0]} of a {three}, to the {sides[1]} of the leftover grass.",
            f"White {four} on grass.",
            f"A {two}, {sides[1]} of the {one}",
        ]
        given = ask.answer(pictures, captions)
        if not isinstance(given, list | tuple) or len(given) != 2:
            what = "None: no `return`?" if given is None else "not two things: return the pictures and their captions."
            raise NotYet(f"Your function gives back {what}")
        if isinstance(given[0], list | tuple) and all(isinstance(said, str) for said in given[0]):
            raise NotYet("The two have swapped places: the pictures come first, then their captions.")
        mistakes: Mistakes = {
            "The pictures stay as they are: turn them round.": pictures,
            "Up and down have changed places: left and right should.": pictures.flip(2),
            "This is turned upside down as well: only left and right change places.": pictures.flip(2, 3),
            "The pictures come in another order: it is their columns that turn round.": pictures.flip(0),
            "Red and blue have changed places: turn the columns round, not the colours.": pictures.flip(1),
            "Rows and columns have changed places: that is another mirror.": pictures.transpose(2, 3),
        }
        ask.compare(given[0], expect=pictures.flip(3), mistakes=mistakes)
        said = given[1]
        if not isinstance(said, list | tuple) or not all(isinstance(one, str) for one in said):
            raise NotYet("The captions should come back as a list of texts, one for each picture.")
        check_captions(list(said), captions)


def check_captions(said: list[str], captions: Sequence[str]) -> None:
    """Compare mirrored captions with what known mistakes make of them.  Raises NotYet."""

    def each(pattern: str, sides: Mapping[str, str]) -> list[str]:
        return [re.sub(pattern, lambda word: sides[word[0]], caption) for caption in captions]

    def lower(captions: Sequence[str]) -> list[str]:
        return [caption.lower() for caption in captions]

    wanted = each(r"\b(left|right)\b", SIDES)
    if said == wanted:
        return
    to_right, to_left = each(r"\bleft\b", SIDES), each(r"\bright\b", SIDES)
    in_turn = [
        [re.sub(r"\bright\b", "left", caption) for caption in to_right],
        [re.sub(r"\bleft\b", "right", caption) for caption in to_left],
        [caption.replace("left", "right").replace("right", "left") for caption in captions],
        [caption.replace("right", "left").replace("left", "right") for caption in captions],
    ]
    mistakes = {
        "The captions stay as they were: the mirror image of a cat that looks left looks right.": [list(captions)],
        "Every side has become the same: both have to change, and at once, or the second undoes the first.": in_turn,
        "Whole words only: neither brightness nor leftovers are a matter of sides.": [each("left|right", SIDES)],
        "Capitals stay as they were: only left and right change.": [lower(wanted), lower(captions)],
        "Full stops and commas stay where they were: only left and right change.": [
            [re.sub(r"[.,]", "", caption) for caption in wanted]
        ],
        "The captions are turned round letter by letter: a caption is not seen in the mirror.": [
            [caption[::-1] for caption in captions]
        ],
        "The captions come in another order.": [wanted[::-1]],
    }
    for what, results in mistakes.items():
        if said in results:
            raise NotYet(what)
    if len(said) != len(captions):
        raise NotYet(f"There are {len(captions)} pictures and {len(said)} captions.")
    wrong = next(i for i, one in enumerate(wanted) if one != said[i])
    raise NotYet(f'Of the mirror image of "{captions[wrong]}" your caption says "{said[wrong]}".')


@exercise(idea="whose words does the caption say, as whole words, with or without a capital and a full stop?")
def safe(ask: Ask, random: Generator) -> None:
    breaks = {
        "flip": ["left", "right", "plate", "letters"],
        "upside down": ["over", "under", "above", "below"],
        "grey": ["red", "green", "blue", "orange"],
        "night": ["sunny", "noon", "day"],
    }
    side, height, tint, time = (pick(words, random) for words in breaks.values())
    captions = [
        f"{side.capitalize()} of a cat sits a dog.",  # a capital
        f"A bright plane flies {height} a {tint} rug.",  # bright holds right, and two are unsafe
        f"Cat on a sofa, in a bored mood, {time}.",  # bored holds red; a full stop
        f"The dog overslept; the {pick(['cat', 'plane', 'rocket'], random)} is {tint}",  # overslept holds over
        "Maine coon cat laying on grass.",
        f"{time.capitalize()} and {side}, {height} and {tint}: everything at once.",
    ]
    captions = [captions[i] for i in torch.randperm(len(captions), generator=random).tolist()]
    answers = []
    for caption in captions:
        given = ask.answer(caption, breaks)
        if isinstance(given, str) or not isinstance(given, list | tuple | set | frozenset):
            what = "None: no `return`?" if given is None else f"a {type(given).__name__}: a list was asked for."
            raise NotYet(f"Your function gives back {what}")
        if not all(isinstance(name, str) and name in breaks for name in given):
            raise NotYet("These are not the names of augmentations: return some of the keys of `breaks`.")
        if len(set(given)) < len(given):
            raise NotYet("Each augmentation is named once.")
        answers.append(set(given))
    compare_names(answers, captions, breaks)


def pick(words: Sequence[str], random: Generator) -> str:
    return words[numbers(len(words), 1, random)[0]]


def compare_names(answers: list[set[str]], captions: Sequence[str], breaks: Mapping[str, Sequence[str]]) -> None:
    """Compare the names that were called safe with those that are, caption by caption.  Raises NotYet."""

    def those(spoils: Callable[[str, set[str]], bool]) -> list[set[str]]:
        return [{name for name in breaks if not spoils(caption, set(breaks[name]))} for caption in captions]

    def said(caption: str) -> set[str]:
        return set(re.findall(r"\w+", caption.lower()))

    wanted = those(lambda caption, words: bool(said(caption) & words))
    if answers == wanted:
        return
    mistakes = {
        "These are the ones that are not safe: name the others.": [
            those(lambda caption, words: not said(caption) & words)
        ],
        "Whole words only: nobody is on the right in a bright room, and nobody is red for being bored.": [
            those(lambda caption, words: any(word in caption for word in words)),
            those(lambda caption, words: any(word in caption.lower() for word in words)),
        ],
        "A word at the beginning of a sentence has a capital: it is the same word.": [
            those(lambda caption, words: bool(set(re.findall(r"\w+", caption)) & words))
        ],
        "A word before a full stop or a comma is the same word.": [
            those(lambda caption, words: bool(set(caption.lower().split()) & words)),
            those(lambda caption, words: bool(set(caption.split()) & words)),
        ],
        "One word is enough to make a caption untrue.": [
            those(lambda caption, words: words <= said(caption)),
            [{name for name in breaks if breaks[name][0] not in said(caption)} for caption in captions],
            [{name for name in breaks if breaks[name][-1] not in said(caption)} for caption in captions],
        ],
    }
    for what, results in mistakes.items():
        if answers in results:
            raise NotYet(what)
    for caption, given, right in zip(captions, answers, wanted, strict=True):
        for name in breaks:
            if name in given and name not in right:
                word = next(word for word in breaks[name] if word in said(caption))
                raise NotYet(f'After "{name}" the caption "{caption}" is not true any more: it says "{word}".')
            if name in right and name not in given:
                raise NotYet(f'"{name}" takes nothing away from "{caption}": it is safe.')


@exercise(idea="which pixels belong to a region, and what is the mean of each colour among them?")
def flat(ask: Ask, random: Generator) -> None:
    for count in (6, 2, 12):
        picture, _ = photos_and_noise(random, count=1)
        regions = cells(count, random)
        masks = [regions == k for k in range(count)]

        def paint(colours: Any, picture: Tensor = picture, masks: Sequence[Tensor] = masks) -> Tensor:
            result = torch.zeros_like(picture)
            for mask in masks:
                result[:, :, mask] = colours(picture[:, :, mask])
            return result

        wanted = painted_flat(picture, regions[None])
        last = torch.where(masks[-1], 0.0, wanted)
        mistakes: Mistakes = {
            "Each colour has a mean of its own: a region is not grey.": paint(lambda part: part.mean()),
            "The whole picture gets one colour: each region has its own.": (
                picture.mean(dim=(2, 3), keepdim=True).expand_as(picture),
                torch.full_like(picture, float(picture.mean())),
            ),
            "The values are added up: divide by the number of pixels.": paint(lambda part: part.sum(2, keepdim=True)),
            "Divide by the number of the region's own pixels, not of all.": paint(
                lambda part: part.sum(2, keepdim=True) / 24**2
            ),
            "This is the median: the mean was asked for.": paint(lambda part: part.median(2, keepdim=True).values),
            "Each region has the colour of one of its pixels: the mean of all was asked for.": (
                paint(lambda part: part[:, :, :1]),
                paint(lambda part: part[:, :, -1:]),
            ),
            "This is the brightest or the darkest of each region: the mean was asked for.": (
                paint(lambda part: part.amax(2, keepdim=True)),
                paint(lambda part: part.amin(2, keepdim=True)),
            ),
            "The last region is left out: their numbers go up to the largest one, and that one counts.": (
                last,
                torch.where(masks[-1], picture, wanted),
            ),
            "Region 0 is left out: it is a region like the others.": (
                torch.where(masks[0], 0.0, wanted),
                torch.where(masks[0], picture, wanted),
            ),
            "The picture comes back as it was.": picture,
        }
        ask(picture, regions, expect=wanted, mistakes=mistakes)


def cells(count: int, random: Generator, *, side: int = 24) -> Tensor:
    """Numbers 0 to count - 1 for the cells round `count` places, side x side: each has some pixels."""
    places = torch.randperm(side * side, generator=random)[:count]
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    far = (y[..., None] - places // side).square() + (x[..., None] - places % side).square()
    return far.argmin(dim=2)


@exercise(idea="at each pixel one of the windows has no edge in it: which number tells?")
def quietest(ask: Ask, random: Generator) -> None:
    for count in (4, 4, 3):
        means, _ = photos_and_noise(random, count=count)
        spreads = torch.rand((count, 24, 24), generator=random) + 0.05
        least = spreads.argmin(dim=0)

        def taken(which: Tensor, means: Tensor = means) -> Tensor:
            return means.gather(0, which[None, None].expand(1, 3, -1, -1))

        wanted = taken(least)
        weights = 1 / spreads[:, None]
        mistakes: Mistakes = {
            "The window that varies most is taken: it is the one with an edge in it.": taken(spreads.argmax(dim=0)),
            "All windows are mixed: one of them is to be taken at each pixel.": (
                means.mean(0, keepdim=True),
                (means * weights).sum(0, keepdim=True) / weights.sum(0, keepdim=True),
                (means * spreads.softmax(0)[:, None]).sum(0, keepdim=True),
                (means * (-spreads).softmax(0)[:, None]).sum(0, keepdim=True),
                means.median(0, keepdim=True).values,
            ),
            "One window is taken for the whole picture: each pixel has its own.": (
                means[spreads.flatten(1).mean(1).argmin()][None],
                means[spreads.flatten(1).amin(1).argmin()][None],
                *(one[None] for one in means),
            ),
            "The darkest or brightest mean is taken: it is the spreads that decide.": (
                means.amin(0, keepdim=True),
                means.amax(0, keepdim=True),
            ),
            "This says which window it is: its mean was asked for.": (least, least[None], least[None, None]),
            "This is how much it varies: its mean was asked for.": (spreads.amin(0), spreads.amin(0, keepdim=True)),
        }
        given = ask.answer(means, spreads)
        got = numbers_of(given)
        if got is not None and got.shape == wanted.shape[1:]:
            given = got[None]  # a picture without its batch is right, too
        ask.compare(given, expect=wanted, mistakes=mistakes)


@exercise(idea="how large is what is gone, beside what there was before?")
def fall(ask: Ask, random: Generator) -> None:
    for count in (3, 5, 3):
        rises = numbers(2, 1, random) == [1]  # it may also rise
        while True:
            high = (10 + 20 * torch.rand(count, generator=random)).tolist()
            low = (4 + 14 * torch.rand(count, generator=random)).tolist()
            before, after = (low, high) if rises else (high, low)
            shares = [new / old for old, new in zip(before, after, strict=True)]
            ways = [way(after) / way(before) for way in (mean, median, min, lambda values: values[0])]
            ways += [mean(shares), min(shares), min(after) / mean(before)]
            if mean(low) < mean(high) and torch.tensor(ways).sort().values.diff().min() > 0.01:
                break  # each mistake has its own number
        old, new = mean(before), mean(after)
        wanted = 100 * (old - new) / old
        mistakes: Mistakes = {
            "The sign is the wrong way round: a distance that falls has a fall above 0.": -wanted,
            "This is a share: in percent it is a hundred times as much.": (wanted / 100, -wanted / 100),
            "Divide by the distance without augmentation: that is what there was before.": (
                100 * (old - new) / new,
                100 * (new - old) / new,
            ),
            "This is what is left, not by how much it falls.": (100 * new / old, new / old),
            "This is the difference: how large is it beside what there was before?": (old - new, 100 * (old - new)),
            "Take the mean of each list first, then compare the two.": (
                100 * (1 - mean(shares)),
                [100 * (1 - share) for share in shares],
            ),
            "The best seeds alone don't count: take the mean of all.": (
                100 * (1 - min(after) / min(before)),
                100 * (1 - min(after) / old),
                100 * (1 - min(shares)),
            ),
            "This compares the medians, or the first of each: the mean was asked for.": (
                100 * (1 - median(after) / median(before)),
                100 * (1 - after[0] / before[0]),
            ),
            "Divide by what there was before, not by both together.": (
                100 * (old - new) / (old + new),
                200 * (old - new) / (old + new),
            ),
        }
        ask(before, after, expect=wanted, mistakes=mistakes, within=1e-4)
