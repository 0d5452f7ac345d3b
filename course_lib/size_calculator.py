"""The copy arithmetic as a table for any sizes, and a calculator with fields to fill in.  Lesson 8."""

from typing import TYPE_CHECKING

from .pictures import Table, table
from .sizes import BITS_A_PIXEL, Bytes, CopyArithmetic, parse_count, picture_size
from .widgets import form

if TYPE_CHECKING:
    from ipywidgets import VBox

SIDES = (256, 64, 512, 1024)


def calculation(pictures: str, side: str, kept: str, caption: str, model: str) -> Table:
    """What a collection and a model take, and how they compare.

    pictures: how many, say "2.3 billion".  side: of a square picture in pixels, say "256".  kept: how pictures are
    stored, a name in BITS_A_PIXEL.  caption, model: sizes, say "60 B" for each caption and "4.2 GB".
    Raises CourseError if one of them can't be read, or is too small for a sum.
    """
    each = picture_size(int(side), int(side), bits=BITS_A_PIXEL[kept]) + Bytes.parse(caption)
    told = CopyArithmetic(parse_count(pictures), each, Bytes.parse(model))
    of_all = 100 * told.fit / told.pictures
    rows = {
        "one picture": f"{told.each}",
        "all pictures": f"{told.collection}",
        "... in binary units": f"{told.collection:TiB}",
        "the model": f"{told.model}",
        "... in binary units ": f"{told.model:GiB}",
        "pictures : model": f"{in_short(told.ratio)} : 1",
        "model for each picture": f"{told.share}",
        "... in bits": f"{in_short(told.share.bits)} bits",
        "to number the pictures": f"{in_short(told.number.bits)} bits",
        "pictures that would fit": in_short(told.fit),
        "... of all": f"{in_short(of_all)} %",
    }
    about = f"{pictures} pictures of {side} x {side} pixels, {kept}, {caption} of caption each; a model of {model}"
    return table([{"what": what.strip(), "how much": much} for what, much in rows.items()], about=about)


def in_short(number: float) -> str:
    """Three digits, or all of a large number."""
    return f"{number:,.0f}" if number >= 999.5 else f"{number:.3g}"


def size_calculator() -> "VBox":
    """A calculator: five fields with the explainer's figures, and the sum underneath."""
    return form(
        calculation,
        {
            "number of pictures": "2.3 billion",
            "pixels a side": [str(side) for side in SIDES],
            "kept as": list(BITS_A_PIXEL),
            "caption of each": "0 B",
            "size of the model": "4.2 GB",
        },
    )
