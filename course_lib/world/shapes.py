"""Drawing with signed distances: a shape says how far each point lies outside its edge, and paint covers the inside.

After Inigo Quilez's collection of signed distance functions (https://iquilezles.org/articles/distfunctions2d/).
Pixels are computed with + - * / sqrt, comparisons and rounding only.  Processors round those alike, one at a time or
eight, so a picture has the same bits in any batch and on any number of threads.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import reduce

import torch
from torch import Tensor

Number = Tensor | float


@dataclass
class Canvas:
    """A batch of pictures, or of the same window out of each, with the place of every pixel.

    pictures: (B, 3, H, W).  x: (B or 1, 1, W), y: (B or 1, H, 1): -1 left and top, 1 right and bottom.
    pixel: the side of a pixel in the units of x and y, a number or (B, 1, 1).
    """

    pictures: Tensor
    x: Tensor
    y: Tensor
    pixel: Number

    def paint(self, distance: Tensor, colour: Tensor, *, opacity: Number = 1.0, part: str = "") -> None:
        """Cover with `colour` (B or 1, 3, 1 or H, 1 or W) what lies inside: `distance` (B, H, W) is below 0 there.

        part: what this is of the subject, which a `PartsCanvas` notes.
        """
        cover = self.inside(distance)
        self.blend(cover if isinstance(opacity, float) and opacity == 1 else cover.mul_(opacity), colour)

    def inside(self, distance: Tensor) -> Tensor:
        """How much of each pixel lies inside, from 0 to 1: (B, H, W)."""
        return (distance / -self.pixel).add_(0.5).clamp_(0, 1)

    def blend(self, cover: Tensor, colour: Tensor) -> None:
        """Mix in `colour`, as much of it as `cover` (B, H, W) in [0, 1] says."""
        self.pictures += (colour - self.pictures).mul_(cover[:, None])

    def rows(self, top: float, bottom: float) -> "Canvas":
        """The part of the canvas from `top` to `bottom`, in units of y: painting on it saves computing the rest."""
        side = self.y.shape[1]
        rows = slice(max(0, int((top + 1) / 2 * side)), int((bottom + 1) / 2 * side) + 1)
        return replace(self, pictures=self.pictures[:, :, rows], y=self.y[:, rows])

    @contextmanager
    def window(self, left: Tensor, top: Tensor, wide: float, high: float) -> Iterator["Canvas"]:
        """A copy of a part of each picture to paint on, from about (left, top), (B, 1, 1); put back at the end."""
        height, width = self.pictures.shape[-2:]
        columns, rows = (
            min(round(side / float(self.pixel)) + 2, full) for side, full in ((wide, width), (high, height))
        )
        first = [
            ((edge + 1) / self.pixel).floor().clamp(0, full - side).long().flatten().tolist()
            for edge, side, full in ((left, columns, width), (top, rows, height))
        ]
        corners = list(zip(*first, strict=True))
        views = [
            picture[:, y : y + rows, x : x + columns] for picture, (x, y) in zip(self.pictures, corners, strict=True)
        ]
        yield replace(
            self,
            pictures=(inside := torch.stack(views)),
            x=torch.stack([self.x[0, :, x : x + columns] for x, _ in corners]),
            y=torch.stack([self.y[0, y : y + rows] for _, y in corners]),
        )
        for view, painted in zip(views, inside, strict=True):
            view.copy_(painted)

    def seen_from(self, x: Tensor, y: Tensor, unit: Tensor) -> "Canvas":
        """The same canvas, measured from (x, y) in units of `unit`; a negative unit mirrors left and right."""
        return replace(self, x=(self.x - x) / unit, y=(self.y - y) / unit.abs(), pixel=self.pixel / unit.abs())


@dataclass
class PartsCanvas(Canvas):
    """A canvas on which painting leaves no colour but the number of the part: pictures are (B, 1, H, W)."""

    numbers: Mapping[str, float]  # of each part

    def paint(self, distance: Tensor, colour: Tensor, *, opacity: Number = 1.0, part: str = "") -> None:
        """Note `part` for the pixels of which half or more lies inside; what is no part changes nothing."""
        if part:
            self.pictures.masked_fill_((self.inside(distance) >= 0.5)[:, None], self.numbers[part])

    def blend(self, cover: Tensor, colour: Tensor) -> None:
        """Shades and patterns are no parts."""


class Details:
    """Numbers by name, one for each picture, for what a caption leaves open; each is a place between two ends."""

    def __call__(self, name: str, low: float = 0.0, high: float = 1.0) -> Tensor:
        """A number between `low` and `high` for each picture: (B, 1, 1)."""
        return (low + (high - low) * self.share(name))[:, None, None]

    def share(self, name: str) -> Tensor:
        """How far from the low end to the high one: (B,), from 0 to 1."""
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    def __getitem__(self, part: Tensor) -> "Details":
        """Those of some of the pictures."""
        raise NotImplementedError

    def sign(self, name: str) -> Tensor:
        """-1 or 1: (B, 1, 1)."""
        return (self(name) >= 0.5) * 2.0 - 1


class SeededDetails(Details):
    """Random details: each depends on its picture's seed and its name alone.  Signs come equally often."""

    def __init__(self, seeds: Tensor):
        self.seeds = seeds  # B, int64

    def __len__(self) -> int:
        return len(self.seeds)

    def __getitem__(self, part: Tensor) -> "SeededDetails":
        return SeededDetails(self.seeds[part])

    def share(self, name: str) -> Tensor:
        """SplitMix64 (Steele et al. 2014)."""
        z = self.seeds * -0x61C8864680B583EB + zlib.crc32(name.encode()) * 0x2545F4914F6CDD1D % 2**63
        z = (z ^ (z >> 30 & 0x3FFFFFFFF)) * -0x40A7B892E31B1A47
        z = (z ^ (z >> 27 & 0x1FFFFFFFFF)) * -0x6B2FB644ECCEEE15
        z = z ^ (z >> 31 & 0x1FFFFFFFF)
        return (z & 0xFFFFFF).to(torch.float32) / 2**24  # 24 bits fill a float32's fraction


class GivenDetails(Details):
    """Details that somebody chose: shares, (B, len(names)) in [0, 1], of the names in their order."""

    def __init__(self, shares: Tensor, names: Sequence[str]):
        self.shares, self.names = shares, tuple(names)

    def __len__(self) -> int:
        return len(self.shares)

    def __getitem__(self, part: Tensor) -> "GivenDetails":
        return GivenDetails(self.shares[part], self.names)

    def share(self, name: str) -> Tensor:
        return self.shares[:, self.names.index(name)]


def ellipse(x: Tensor, y: Tensor, wide: Number, high: Number) -> Tensor:
    """About the distance to an ellipse round the origin, with half-axes `wide` and `high`."""
    x, y = x / wide, y / high
    radius = (x * x + y * y).sqrt_()
    return radius.sub_(1).mul_(minimum(wide, high))


def minimum(a: Number, b: Number) -> Number:
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        return torch.minimum(torch.as_tensor(a), torch.as_tensor(b))
    return min(a, b)


def capsule(x: Tensor, y: Tensor, start: tuple, end: tuple, thick: tuple[Number, Number]) -> tuple[Tensor, Tensor]:
    """The distance to a thick line whose radius goes from thick[0] to thick[1], and how far along it: from 0 to 1."""
    ax, ay = end[0] - start[0], end[1] - start[1]
    px, py = x - start[0], y - start[1]
    length = ax * ax + ay * ay
    along = (px * (ax / length) + py * (ay / length)).clamp_(0, 1)
    dx, dy = px - along * ax, py - along * ay
    distance = (dx.mul_(dx)).add_(dy.mul_(dy)).sqrt_()
    return distance.sub_(along * (thick[1] - thick[0])).sub_(thick[0]), along


def box(x: Tensor, y: Tensor, wide: Number, high: Number) -> Tensor:
    """The distance to a box round the origin; right inside it and beside its sides, too small off its corners."""
    return torch.maximum(x.abs() - wide, y.abs() - high)


def polygon(x: Tensor, y: Tensor, *corners: tuple[Number, Number]) -> Tensor:
    """About the distance to a convex polygon, its corners given clockwise as one sees them (y grows downwards)."""
    beyond = []
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        dx, dy = bx - ax, by - ay
        size = (dx * dx + dy * dy) ** 0.5
        right, down = dy / size, dx / size
        beyond.append(x * right - (y * down + (ax * right - ay * down)))
    return reduce(torch.maximum, beyond)


def wave(x: Tensor) -> Tensor:
    """A wave of period 1 between -1 and 1, made of parabolas: unlike a sine, it has the same bits on every computer."""
    x = (x - x.floor()).mul_(2).sub_(1)
    return x.abs().sub_(1).mul_(x).mul_(4)


def smoothstep(x: Tensor, low: float, high: float) -> Tensor:
    """0 below `low`, 1 above `high`, and between them the cubic 3x^2 - 2x^3."""
    x = (x - low).div_(high - low).clamp_(0, 1)
    return (x * -2).add_(3).mul_(x).mul_(x)


def colour(red: float, green: float, blue: float) -> Tensor:
    """A colour given in 0 to 255, as (1, 3, 1, 1) in [-1, 1]."""
    return torch.tensor([red, green, blue]).reshape(1, 3, 1, 1) / 127.5 - 1
