"""Sizes with their units, and the arithmetic of the question whether a model holds what it learned from.  Lesson 8."""

import math
import re
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, overload

import torch
import torch.nn.functional as F
from torch import Tensor

from .errors import CourseError
from .pictures import Table, table
from .widgets import form

if TYPE_CHECKING:
    from ipywidgets import VBox

# Decimal prefixes (SI) count in thousands, binary ones (IEC 80000-13) in 1024s: a GiB is 7 % more than a GB.
DECIMAL = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
BINARY = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
UNITS = DECIMAL | BINARY
WORDS = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}

# Bits for one pixel.  JPEG: quality 75, the four example photos at 256 x 256.  The last is a codec that has a diffusion
# model inside, at its smallest: PerCo, Careil et al. 2024, ICLR, arXiv:2310.10325.
BITS_A_PIXEL = {"raw": 24.0, "JPEG": 1.4, "PerCo": 0.003}


@dataclass(frozen=True, order=True)
class Bytes:
    """A size, which knows its unit: it can be added to a size, but not to a number of pictures.

    A size divided by a size is a number, divided by a number a size.  `f"{size:GiB}"` writes it in that unit,
    `f"{size}"` in the decimal unit that suits it.
    Raises CourseError if it is negative or no number, and for sums that mix units up.
    """

    count: float  # a share of a model may be a part of a byte

    def __post_init__(self) -> None:
        if not isinstance(self.count, Real) or not 0 <= self.count < math.inf:
            raise CourseError(f"A size is a number of bytes, 0 or more, and not {self.count}.")

    @classmethod
    def of(cls, number: float, unit: str) -> "Bytes":
        """So many of a unit: Bytes.of(4.2, "GB").  Raises CourseError for a unit that is none, or could be two."""
        if unit not in UNITS:
            raise CourseError(
                f"'{unit}' is no unit of size: write {', '.join(DECIMAL)}, or {', '.join(BINARY)} for steps of 1,024."
            )
        return cls(number * UNITS[unit])

    @classmethod
    def parse(cls, text: str) -> "Bytes":
        """A size as people write it, say "4.2 GB".  Raises CourseError if it has no number, or no unit."""
        match = re.fullmatch(r"\s*([-\d.,]+)\s*([A-Za-z]*)\s*", text)
        number = None if match is None else parse_number(match[1])
        if match is None or number is None or not match[2]:
            raise CourseError(f"'{text}' is no size: write a number and its unit, say 4.2 GB.")
        return cls.of(number, match[2])

    @property
    def bits(self) -> float:
        return 8 * self.count

    def __add__(self, other: object) -> "Bytes":
        if not isinstance(other, Bytes):
            raise CourseError(f"{self} and {other} can't be added: one is a size, the other has no unit.")
        return Bytes(self.count + other.count)

    __radd__ = __add__

    def __mul__(self, times: object) -> "Bytes":
        if not isinstance(times, Real):
            raise CourseError(f"{self} times {times} is no size: multiply a size by how many there are.")
        return Bytes(self.count * float(times))

    __rmul__ = __mul__

    @overload
    def __truediv__(self, other: "Bytes") -> float: ...
    @overload
    def __truediv__(self, other: float) -> "Bytes": ...
    def __truediv__(self, other: "Bytes | float") -> "Bytes | float":
        if isinstance(other, Bytes):
            if not other.count:
                raise CourseError(f"{self} is no number of times {other}: divide by a size above 0.")
            return self.count / other.count
        if not isinstance(other, Real) or not other > 0:
            raise CourseError(f"{self} can't be shared among {other}: divide a size by a number above 0.")
        return Bytes(self.count / float(other))

    def __rtruediv__(self, other: object) -> "Bytes":
        raise CourseError(f"{other} / {self} is the wrong way round: divide the size by the number.")

    def __format__(self, unit: str) -> str:
        if not unit:
            unit = next((name for name in reversed(DECIMAL) if self.count >= DECIMAL[name]), "B")
        number = self.count / Bytes.of(1, unit).count
        return f"{number:,.0f} {unit}" if number >= 999.5 else f"{number:.3g} {unit}"

    def __str__(self) -> str:
        return format(self, "")


def parse_number(text: str) -> float | None:
    """A number as people write it, with commas between thousands if they like; None if it is none."""
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return None


def parse_count(text: str) -> float:
    """How many, as people write it: "2.3 billion", "2,300,000,000".  Raises CourseError if it is no number above 0."""
    number, _, word = text.strip().partition(" ")
    count = parse_number(number)
    if count is None or not 0 < count < math.inf or word.strip() not in ("", *WORDS):
        raise CourseError(f"'{text}' is no number of pictures: write one, say 2.3 billion or 4,096.")
    return count * WORDS.get(word.strip(), 1)


def picture_size(width: int, height: int, *, bits: float = 24) -> Bytes:
    """One picture at so many bits a pixel; 24 are 8 for each colour.  Raises CourseError if it has no pixels."""
    if width < 1 or height < 1:
        raise CourseError(f"A picture has at least one pixel, and {width} x {height} has none.")
    return Bytes(width * height * bits / 8)


def model_size(parameters: int, *, bits: int = 32) -> Bytes:
    """What the numbers of a model take in a file: 32 bits each, or 16 in the half precision that is often shipped."""
    return Bytes(parameters * bits / 8)


@dataclass(frozen=True)
class CopyArithmetic:
    """The explainer's sum: so many pictures, the size of each, and of the model that learned from them.

    Raises CourseError if there is not one picture, or no model.
    """

    pictures: float
    each: Bytes
    model: Bytes

    def __post_init__(self) -> None:
        if isinstance(self.pictures, Bytes) or not self.pictures >= 1:
            raise CourseError(f"The sum needs a number of pictures, 1 or more, and was given {self.pictures}.")
        if not all(isinstance(size, Bytes) and size.count for size in (self.each, self.model)):
            raise CourseError("The sum needs the size of a picture and of the model, both above 0 and with their unit.")

    @property
    def collection(self) -> Bytes:
        """All pictures together."""
        return self.pictures * self.each

    @property
    def ratio(self) -> float:
        """How many times as large the collection is as the model."""
        return self.collection / self.model

    @property
    def share(self) -> Bytes:
        """How much of the model there is for each picture."""
        return self.model / self.pictures

    @property
    def number(self) -> Bytes:
        """What it takes to give each picture a number of its own, and nothing else: its place in a list."""
        return Bytes(math.log2(self.pictures) / 8)

    @property
    def fit(self) -> float:
        """How many of the pictures the model's size would hold whole."""
        return min(self.pictures, self.model / self.each)


def in_two_bytes(picture: Tensor, *, side: int) -> tuple[int, Tensor]:
    """A picture as a number of 16 bits, and what that number can give back.

    picture: (1, 3, H, W) in [-1, 1].  side: 4 for 16 pixels, black or white; 2 for 4 pixels in 16 greys; 1 for one
    pixel in 65,536 colours (5 bits red, 6 green, 5 blue).  Returns the number, 0 to 65,535, and (1, 3, side, side).
    Raises CourseError for another side.
    """
    if side not in (1, 2, 4):
        raise CourseError(f"16 bits are shared among 1, 2 x 2 or 4 x 4 pixels, not {side} x {side}.")
    small = (F.adaptive_avg_pool2d(picture, side) + 1) / 2  # in [0, 1]
    if side > 1:
        small = small.mean(dim=1, keepdim=True)  # grey
    bits = (5, 6, 5) if side == 1 else (16 // side**2,) * side**2
    number, restored = 0, []
    for value, width in zip(small.flatten().tolist(), bits, strict=True):
        level = round(value * (2**width - 1))
        number = number << width | level
        restored.append(level / (2**width - 1))
    return number, torch.tensor(restored).reshape(small.shape).expand(1, 3, side, side) * 2 - 1


def calculation(pictures: str, side: str, kept: str, caption: str, model: str) -> Table:
    """What a collection and a model take, and how they compare.

    pictures: how many, say "2.3 billion".  side: of a square picture in pixels, say "256".  kept: how pictures are
    stored, a name in BITS_A_PIXEL.  caption, model: sizes, say "60 B" for each caption and "4.2 GB".
    Raises CourseError if one of them can't be read, or is too small for a sum.
    """
    each = picture_size(int(side), int(side), bits=BITS_A_PIXEL[kept]) + Bytes.parse(caption)
    sums = CopyArithmetic(parse_count(pictures), each, Bytes.parse(model))
    of_all = 100 * sums.fit / sums.pictures
    rows = {
        "one picture": f"{sums.each}",
        "all pictures": f"{sums.collection}",
        "... in binary units": f"{sums.collection:TiB}",
        "the model": f"{sums.model}",
        "... in binary units ": f"{sums.model:GiB}",
        "pictures : model": f"{three_digits(sums.ratio)} : 1",
        "model for each picture": f"{sums.share}",
        "... in bits": f"{three_digits(sums.share.bits)} bits",
        "to number the pictures": f"{three_digits(sums.number.bits)} bits",
        "pictures that would fit": three_digits(sums.fit),
        "... of all": f"{three_digits(of_all)} %",
    }
    about = f"{pictures} pictures of {side} x {side} pixels, {kept}, {caption} of caption each; a model of {model}"
    return table([{"what": what.strip(), "how much": much} for what, much in rows.items()], about=about)


def three_digits(number: float) -> str:
    """Three digits, or all of a large number."""
    return f"{number:,.0f}" if number >= 999.5 else f"{number:.3g}"


def size_calculator() -> "VBox":
    """A calculator: five fields with the explainer's figures, and the sum underneath."""
    return form(
        calculation,
        {
            "number of pictures": "2.3 billion",
            "pixels a side": ["256", "64", "512", "1024"],
            "kept as": list(BITS_A_PIXEL),
            "caption of each": "0 B",
            "size of the model": "4.2 GB",
        },
    )
