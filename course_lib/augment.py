"""Augmentation: new pictures made from old ones, and what each does to the captions.  Lesson 6.

Flips, crops and colours keep most captions true; the filters "Cubism." and "Oil painting." change picture and caption.
"""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from . import words
from .errors import CourseError
from .threads import one_thread
from .world.render import CHUNK, chunks
from .world.shapes import SeededDetails, wave

# Captions of pictures with writing in them: the mirror image has other writing.
WRITING = re.compile(r'["“”]|\d|\b(letters?|words?|text|sign|plate|clock)\b', re.IGNORECASE)
SIDES = {"left": "right", "right": "left", "Left": "Right", "Right": "Left"}


@dataclass(frozen=True)
class Augmentation:
    """A change of pictures, and what it does to their captions.

    does: what it does to captions, in words, for a table.  change: from pictures, B x 3 x H x W, and the random numbers
    of their seeds to changed pictures.  recaption: from a caption to the one after the change, or None where no words
    would be true.  probability: how likely each picture is to be changed.
    """

    name: str
    does: str
    change: Callable[[Tensor, SeededDetails], Tensor]
    recaption: Callable[[str], str | None]
    probability: float = 1.0

    def __call__(
        self, pictures: Tensor, captions: Sequence[str], seeds: Sequence[int] | Tensor
    ) -> tuple[Tensor, list[str]]:
        """Changed pictures, (B, 3, H, W) in [-1, 1], and their captions.  The inputs stay as they are.

        pictures: (B, 3, H, W) in [-1, 1], on the CPU.  captions, seeds: one of each for every picture.  The result for
        a picture depends on it, its caption and its seed alone.  One that would have no true caption is not changed.
        Raises CourseError if there are not as many captions and seeds as pictures, or their shape is another.
        """
        seeds = torch.as_tensor(seeds, dtype=torch.int64)
        if not len(pictures) == len(captions) == len(seeds):
            counts = f"{len(pictures)}, {len(captions)} and {len(seeds)}"
            raise CourseError(f"Every picture needs its caption and its seed; here are {counts}.")
        if pictures.ndim != 4 or pictures.shape[1] != 3:
            raise CourseError(f"Pictures to augment are B x 3 x H x W, and these are {tuple(pictures.shape)}.")
        chosen = (SeededDetails(seeds)(f"{self.name}?") < self.probability).flatten().tolist()
        recaptioned = {i: self.recaption(caption) for i, caption in enumerate(captions) if chosen[i]}
        changed = {i: new for i, new in recaptioned.items() if new is not None}
        pictures = pictures.clone()
        with one_thread():
            for part in chunks(list(changed), max(1, CHUNK // pictures.shape[2:].numel()), "cpu"):
                pictures[part] = self.change(pictures[part], SeededDetails(seeds[part])).clamp(-1, 1)
        return pictures, [changed.get(i, caption) for i, caption in enumerate(captions)]

    def keeps(self, caption: str) -> bool:
        """Whether this caption is as true after the change as it was before, without a word altered."""
        return self.recaption(caption) == caption


# --- Flip, crop and colour: most captions stay true -----------------------------------------------------------------


def mirrored(caption: str) -> str | None:
    """The caption of the mirror image: left and right change places; None for a picture with writing."""
    return None if WRITING.search(caption) else re.sub(r"\w+", lambda word: SIDES.get(word[0], word[0]), caption)


def random_shift(pictures: Tensor, rng: SeededDetails) -> Tensor:
    """Move the picture by up to a sixteenth of its side, by whole pixels to stay sharp; its edge is a mirror."""
    (x, y), (high, wide) = pixel_grid(pictures), pictures.shape[2:]
    aside, up = ((rng(name, -1, 1) * side / 16).round() * 2 / side for name, side in (("aside", wide), ("up", high)))
    return sample_at(pictures, x + aside, y + up, mode="nearest")


def pixel_grid(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Where each pixel lies, from -1 to 1 across and down: 1 x 1 x W and 1 x H x 1."""
    down, across = ((torch.arange(side) + 0.5) * (2 / side) - 1 for side in pictures.shape[2:])
    return across[None, None, :], down[None, :, None]


def sample_at(pictures: Tensor, x: Tensor, y: Tensor, *, mode: str = "bilinear") -> Tensor:
    """The pictures' colours at the points x and y, which broadcast to B x H x W, from -1 to 1 across and down."""
    points = torch.stack(torch.broadcast_tensors(x, y), dim=-1)  # B x H x W x 2
    return F.grid_sample(pictures, points, mode=mode, align_corners=False, padding_mode="reflection")


def jitter_colour(pictures: Tensor, rng: SeededDetails) -> Tensor:
    """A little brighter or darker, warmer or colder: not so much that a black cat turns grey (colour jitter)."""
    strength, warmth = rng("strength", 0.92, 1.08), rng("warm", -0.04, 0.04)
    tint = torch.stack([strength + warmth, strength, strength - warmth], dim=1)  # B x 3 x 1 x 1
    return (pictures + 1) * tint - 1


flip = Augmentation(
    "flip",
    "swaps left and right; leaves pictures with something to read alone",
    lambda pictures, rng: pictures.flip(3),
    mirrored,
    probability=0.5,
)
crop = Augmentation("crop", "keeps it", random_shift, lambda caption: caption)
colour = Augmentation("colour", "keeps it", jitter_colour, lambda caption: caption)


# --- Styles: picture and caption change ------------------------------------------------------------------------------


def cubist_filter(pictures: Tensor, rng: SeededDetails, *, cuts: int = 5) -> Tensor:
    """Cut the picture into facets along straight lines: each is moved a little, has flatter colours and its own light.

    So did Braque and Picasso: they set several views of a thing side by side in one picture.
    """
    x, y = pixel_grid(pictures)
    facets = torch.zeros(len(pictures), *pictures.shape[2:], dtype=torch.int64)  # B x H x W: which side of each cut
    aside, up, light, nearest_cut = torch.zeros(4, *facets.shape)
    for k in range(cuts):
        turn = (k + rng(f"cut {k}")) / cuts * 2  # a direction, without a sine: from 0 to 2, half way round a square
        across, down = 1 - 2 * (turn % 2 - 1).abs(), 1 - 2 * ((turn + 0.5) % 2 - 1).abs()
        length = (across * across + down * down).sqrt()
        across, down = across / length, down / length
        distance = x * across + y * down - rng(f"place {k}", -0.7, 0.7)  # B x H x W: how far from the cut
        side = (distance > 0) * 2.0 - 1
        slip = rng(f"slip {k}", 0.015, 0.05) * rng.sign(f"way {k}") * side
        aside, up = aside - down * slip, up + across * slip
        light = light + (1 - distance.abs() / 0.4).clamp(0, 1) * side * rng.sign(f"light {k}")
        nearest_cut = distance.abs() if k == 0 else nearest_cut.minimum(distance.abs())
        facets = 2 * facets + (distance > 0)
    seen = sample_at(pictures, x + aside, y + up, mode="nearest")
    painted = (0.8 * seen + 0.2 * flat(seen, facets) + 1) * (1 + 0.45 * light.clamp(-1, 1)[:, None]) - 1
    seam = 0.7 * (1 - nearest_cut * min(pictures.shape[2:]) / 1.7).clamp(0, 1)  # about a pixel and a half wide
    return painted + (-0.85 - painted) * seam[:, None]


def flat(pictures: Tensor, regions: Tensor) -> Tensor:
    """Each region in its mean colour.  regions: B x H x W, whole numbers from 0 on."""
    count = int(regions.max()) + 1
    index = regions.flatten(1)[:, None]  # B x 1 x HW
    sums = torch.zeros(len(pictures), 4, count)
    pixels = torch.cat([pictures, torch.ones_like(pictures[:, :1])], dim=1).flatten(2)  # the fourth channel counts
    sums.scatter_add_(2, index.expand(-1, 4, -1), pixels)
    means = sums[:, :3] / sums[:, 3:].clamp(min=1)
    return means.gather(2, index.expand(-1, 3, -1)).reshape(pictures.shape)


def oil_filter(pictures: Tensor, rng: SeededDetails) -> Tensor:
    """Brush strokes: colours are smeared along the edges of things, and bristles leave ridges that catch the light.

    Kuwahara's filter (1976) removes small detail.  Then colours, and random numbers for the bristles, are averaged
    along the strokes (line integral convolution, Cabral and Leedom 1993).
    """
    side = min(pictures.shape[2:])
    x, y = strokes(pictures, rng)
    cleared = kuwahara(pictures, reach=max(1, side // 40))
    generators = (torch.Generator().manual_seed(seed % 2**63) for seed in rng.seeds.tolist())
    bristles = torch.stack([torch.rand(1, *pictures.shape[2:], generator=generator) for generator in generators])
    smeared = smear(torch.cat([cleared, 2 * bristles - 1], dim=1), x, y, reach=max(1.6, side / 28))
    colours, ridges = 0.6 * smeared[:, :3] + 0.4 * cleared, 2.4 * smeared[:, 3:]
    grey = colours.mean(dim=1, keepdim=True)
    upper = F.pad(ridges, (1, 0, 1, 0), mode="replicate")[:, :, :-1, :-1]  # each ridge's neighbour towards the light
    return (grey + 1.25 * (colours - grey) + 1) * (1 + 0.09 * ridges + 0.09 * (ridges - upper)) - 1


def kuwahara(pictures: Tensor, *, reach: int) -> Tensor:
    """Give each pixel the mean colour of the least varying of the four windows that have it at a corner.

    This smooths areas and keeps edges, since a window across an edge varies a lot.
    """
    (high, wide), padded = pictures.shape[2:], F.pad(pictures, (reach,) * 4, mode="replicate")
    means = F.avg_pool2d(padded, reach + 1, 1)
    squares = F.avg_pool2d((padded**2).sum(dim=1, keepdim=True), reach + 1, 1)
    spread = squares - (means**2).sum(dim=1, keepdim=True)
    best, lowest = means[:, :, :high, :wide], spread[:, :, :high, :wide]
    for y, x in ((0, reach), (reach, 0), (reach, reach)):
        mean, other = (each[:, :, y : y + high, x : x + wide] for each in (means, spread))
        best, lowest = torch.where(other < lowest, mean, best), torch.minimum(other, lowest)
    return best


def strokes(pictures: Tensor, rng: SeededDetails) -> tuple[Tensor, Tensor]:
    """Which way the brush goes, across and down, B x H x W each: along edges, and in slow swirls elsewhere."""
    x, y = pixel_grid(pictures)
    grey = F.pad(pictures.mean(dim=1, keepdim=True), (1,) * 4, mode="replicate")
    dx, dy = grey[:, :, 1:-1, 2:] - grey[:, :, 1:-1, :-2], grey[:, :, 2:, 1:-1] - grey[:, :, :-2, 1:-1]
    # An edge and its opposite direction are the same: doubled angles agree, and can be averaged (structure tensor).
    doubled = torch.cat([dx * dx - dy * dy, 2 * dx * dy], dim=1)
    size = 3 if min(pictures.shape[2:]) < 48 else 5
    for _ in range(2):
        doubled = F.avg_pool2d(F.pad(doubled, (size // 2,) * 4, mode="replicate"), size, 1)
    swirls = [
        wave(0.5 * a + rng(f"{name} along") + 0.25 * wave(0.4 * b + rng(f"{name} aside")))
        for name, a, b in (("swirl", x, y), ("eddy", y, x))
    ]
    cos, sin = (doubled + 0.045 * torch.stack(swirls, dim=1)).unbind(dim=1)
    length = (cos * cos + sin * sin).sqrt().clamp(min=1e-9)
    half = ((1 - cos / length) / 2).clamp(min=0).sqrt()  # the sine of the half angle: across the edge
    return -half.copysign(sin), ((1 + cos / length) / 2).clamp(min=0).sqrt()


def smear(pictures: Tensor, x: Tensor, y: Tensor, *, reach: float) -> Tensor:
    """The mean of the colours at five points along each pixel's stroke, up to `reach` pixels away both ways."""
    across, down = pixel_grid(pictures)
    step = reach / min(pictures.shape[2:])  # half of `reach`, since a pixel is 2 / side wide
    along = (sample_at(pictures, across + k * step * x, down + k * step * y) for k in range(-2, 3))
    return sum(along, torch.zeros(())) / 5


cubism = Augmentation("cubism", 'adds "Cubism."', cubist_filter, lambda caption: f"{caption} Cubism.")
oil_painting = Augmentation(
    "oil painting", 'adds "Oil painting."', oil_filter, lambda caption: f"{caption} Oil painting."
)

AUGMENTATIONS = (flip, crop, colour, cubism, oil_painting)
KEEPING = (flip, crop, colour)  # they keep every caption without left, right or writing


class Augmented:
    """A long list of changed copies of N pictures: number i is picture i % N, changed with the seed first_seed + i.

    For `training.train`, with the keys of the N captions.  Raises CourseError if an augmentation would change a
    caption, for then its key would be wrong.
    """

    def __init__(
        self,
        pictures: Tensor,
        captions: Sequence[str],
        *,
        using: Sequence[Augmentation] = KEEPING,
        times: int = 1000,
        first_seed: int = 0,
    ):
        for augmentation in using:
            for caption in captions:
                if not augmentation.keeps(caption):
                    raise CourseError(f'"{augmentation.name}" does not keep the caption "{caption}": leave it out.')
        self.pictures, self.captions, self.using = pictures, list(captions), tuple(using)
        self.times, self.first_seed = times, first_seed

    def __len__(self) -> int:
        return len(self.pictures) * self.times

    def __getitem__(self, indices: Tensor) -> Tensor:
        chosen = indices % len(self.pictures)
        pictures, captions = self.pictures[chosen], [self.captions[i] for i in chosen.tolist()]
        for augmentation in self.using:
            pictures, captions = augmentation(pictures, captions, indices + self.first_seed)
        return pictures

    @property
    def fingerprint(self) -> str:
        """A name for these pictures: another set has another."""
        checksum = f"{self.pictures.double().sum():.6f}"
        names = ", ".join(augmentation.name for augmentation in self.using)
        return f"{len(self.pictures)} pictures ({checksum}), {names}, {self.times} times from seed {self.first_seed}"


# --- Words for the styles --------------------------------------------------------------------------------------------

STYLE_COMPANIONS = {  # the words beside each word of a style, as in the corpus of lesson 4
    "cubism": "facets angles braque",
    "oil": "canvas varnish linseed",
    "painting": "easel brush palette",
}


def style_sentences(*, count: int = 3000, seed: int = 0) -> list[list[str]]:
    """Sentences about the words "Cubism" and "oil painting", to be added to `words.corpus`."""
    draw = random.Random(seed)
    return [words.about_any(STYLE_COMPANIONS, draw) for _ in range(count)]
