"""Number plates: six characters in one of three layouts, drawn from a seed at any size.  Lesson 3.

There are few enough to try them all: ten characters for each of six places make a million plates a layout.  Characters
never overlap, so a plate's picture is the sum of the empty plate and one piece for each character.  A blur is linear:
it can be done to each piece alone, see `pieces`.
"""

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import CourseError
from ..threads import one_thread
from .shapes import Canvas, SeededDetails, box, capsule, colour, ellipse, smoothstep, wave

DIGITS, LETTERS = "0123456789", "ABEFHKNPRX"  # some look alike: 3 and 8, 0 and 6, E and F, P and R
CHARACTERS = DIGITS + LETTERS
PLACES = 6
HEIGHT = 16  # pixels; a plate is four times as wide
# The distance from character to character, and what is added between groups; the unit is half the height.  So all
# characters stand on a grid of half units, and a network that folds 4 x 4 pixels always cuts each in the same way.
SPACING, GAP = 1.0, 0.5
WIDE, HIGH, STROKE = 0.33, 0.57, 0.09  # half a character's width and height, and half the stroke's width
BATCH = 128  # plates drawn at once: few enough for a cache


@dataclass(frozen=True)
class Layout:
    """Where letters (L) and digits (D) stand, the plate's colours, and how far right of its middle the writing is."""

    pattern: str
    paper: Tensor  # 1 x 3 x 1 x 1
    ink: Tensor
    shift: float = 0.0
    band: bool = False  # a blue one at the left end

    @property
    def kinds(self) -> str:
        """The pattern without its gaps: the layout's name."""
        return self.pattern.replace(" ", "")

    @property
    def alphabets(self) -> list[str]:
        """The ten characters that each place can have."""
        return [LETTERS if kind == "L" else DIGITS for kind in self.kinds]

    @property
    def middles(self) -> list[float]:
        """How far right of the plate's middle each character stands."""
        places, across = [], 0.0
        for kind in self.pattern:
            if kind != " ":
                places.append(across)
            across += GAP if kind == " " else SPACING
        return [place - places[-1] / 2 + self.shift for place in places]


LAYOUTS = {
    layout.kinds: layout
    for layout in (
        Layout("LLL DDD", colour(232, 232, 226), colour(24, 24, 30), shift=0.25, band=True),
        Layout("LL DD LL", colour(228, 190, 52), colour(22, 20, 18)),
        Layout("DDD LLL", colour(38, 42, 50), colour(226, 226, 220), shift=0.25),
    )
}


def layout_of(text: str) -> Layout:
    """The layout of a plate, say of "KEN 481".  Raises CourseError for a text that is on no plate."""
    letters = text.replace(" ", "").upper()
    unknown = next((letter for letter in letters if letter not in CHARACTERS), None)
    if unknown is not None:
        raise CourseError(f"No plate has the character {unknown!r}; there are {DIGITS} and {LETTERS}.")
    kinds = "".join("D" if letter in DIGITS else "L" for letter in letters)
    if kinds not in LAYOUTS:
        patterns = ", ".join(layout.pattern for layout in LAYOUTS.values())
        raise CourseError(f"{text!r} is no plate: letters (L) and digits (D) stand as {patterns}.")
    return LAYOUTS[kinds]


def plate_texts(seeds: Sequence[int] | Tensor) -> list[str]:
    """A plate for each seed, every layout and character equally likely; six characters each, without gaps."""
    rng = SeededDetails(torch.as_tensor(seeds, dtype=torch.int64))
    names = list(LAYOUTS)
    chosen = [names[int(number)] for number in rng("layout", 0, len(names)).flatten().tolist()]
    codes = [rng(f"character {place}", 0, 10).flatten().tolist() for place in range(PLACES)]
    return [
        "".join(alphabet[int(code)] for alphabet, code in zip(LAYOUTS[kinds].alphabets, plate, strict=True))
        for kinds, plate in zip(chosen, zip(*codes, strict=True), strict=True)
    ]


def render_plates(texts: Sequence[str], seeds: Sequence[int] | Tensor, *, height: int = HEIGHT) -> Tensor:
    """Draw each plate, with the details that its seed decides: the light, a small tilt, where it sits, the dirt on it.

    Returns (B, 3, height, 4 * height) in [-1, 1]; a picture depends on its text, its seed and the height alone.
    Raises CourseError for a text that is on no plate, another number of seeds than texts, or a height below 8.
    """
    seeds = torch.as_tensor(seeds, dtype=torch.int64)
    if len(seeds) != len(texts):
        raise CourseError(f"Every plate needs its text and its seed; here are {len(texts)} and {len(seeds)}.")
    if height < 8:
        raise CourseError(f"A plate is drawn 8 pixels high or more, and {height} were asked for.")
    pictures = torch.empty(len(texts), 3, height, 4 * height)
    kinds = [layout_of(text).kinds for text in texts]
    with one_thread():
        for name, layout in LAYOUTS.items():
            members = torch.tensor([i for i, kind in enumerate(kinds) if kind == name], dtype=torch.int64)
            for batch in members.split(BATCH) if len(members) else ():
                letters = [texts[i].replace(" ", "").upper() for i in batch.tolist()]
                codes = torch.tensor([[CHARACTERS.index(letter) for letter in text] for text in letters])
                drawn, contrast = empty_plates(layout, seeds[batch], height)
                for cover in covers(layout, codes, seeds[batch], height).unbind(1):
                    drawn += contrast * cover[:, None]
                pictures[batch] = drawn
    return pictures


def pieces(layout: Layout, seed: int, *, height: int = HEIGHT) -> tuple[Tensor, Tensor]:
    """The empty plate of a seed, (3, H, W), and what each character would add to it at each place, (6, 10, 3, H, W).

    The plate with the character `layout.alphabets[k][codes[k]]` at every place k is the sum of the empty one and of all
    pieces[k, codes[k]].  So a million plates can be compared with a photo without drawing them.
    """
    numbers = torch.tensor([[CHARACTERS.index(letter) for letter in alphabet] for alphabet in layout.alphabets])
    seeds = torch.full((10,), seed)
    with one_thread():
        empty, contrast = empty_plates(layout, seeds[:1], height)
        cover = covers(layout, numbers.T, seeds, height).transpose(0, 1)  # 6 x 10 x H x W
    return empty[0], cover[:, :, None] * contrast[0]


def empty_plates(layout: Layout, seeds: Tensor, height: int) -> tuple[Tensor, Tensor]:
    """Plates without writing, and what full ink adds to each pixel: (B, 3, H, W) each."""
    rng = SeededDetails(seeds)
    x, y, pixel = pixel_grid(height)
    slope = rng("light slope", -0.02, 0.02) * x - 0.05 * y
    x, y = to_plate(rng, x, y)
    canvas = Canvas(torch.empty(len(seeds), 3, height, 4 * height), x, y, pixel)
    canvas.pictures[:] = rng("body", -0.95, 0.1)[:, None]
    canvas.pictures[:, 0] += rng("red", 0.0, 0.4)  # the car around it
    canvas.paint(box(x, y, 3.92, 0.92), layout.ink)
    canvas.paint(box(x, y, 3.82, 0.82), layout.paper)
    if layout.band:
        canvas.paint(box(x + 3.52, y, 0.30, 0.82), colour(36, 70, 160))
    dirt = torch.zeros_like(canvas.pictures[:, 0])
    for blot in ("one", "other"):
        distance = ellipse(
            x - rng(f"{blot} across", -4, 4), y - rng(f"{blot} down", -1, 1), rng(f"{blot} wide", 0.6, 1.5), 0.5
        )
        ragged = 0.2 * wave(1.3 * x + rng(f"{blot} ragged")) * wave(1.7 * y)
        dirt = torch.maximum(dirt, rng(f"{blot} thick", 0.0, 0.4) * (1 - smoothstep(distance + ragged, -0.4, 0.3)))
    warmth = rng("warmth", -0.04, 0.04)[:, None]
    tint = torch.cat([1 + warmth, torch.ones_like(warmth), 1 - warmth], dim=1)
    strength = (rng("light", 0.78, 0.92) + slope)[:, None] * tint  # B x 3 x H x W
    clear = (1 - dirt)[:, None]
    contrast = (layout.ink - canvas.pictures) * strength * clear
    return ((canvas.pictures + 1) * strength - 1) * clear + colour(96, 80, 60) * dirt[:, None], contrast


def covers(layout: Layout, codes: Tensor, seeds: Tensor, height: int) -> Tensor:
    """How much of each pixel the characters cover: codes (B, 6), numbers in CHARACTERS, to (B, 6, H, W) in [0, 1]."""
    rng = SeededDetails(seeds)
    x, y, pixel = pixel_grid(height)
    width = round(2 * (WIDE + STROKE + 0.1) / pixel) + 2  # of a window round a character
    cover_by_place = torch.zeros(*codes.shape, height, 4 * height)
    for place, middle in enumerate(layout.middles):
        left = (middle + plate_shift(rng) + 4 - WIDE - STROKE - 0.05) / pixel
        columns = left.floor().clamp(0, 4 * height - width).long() + torch.arange(width)  # B x 1 x width
        px, py = to_plate(rng, x[0, 0][columns], y)
        px = px - middle
        strokes_of_place = STROKES[:, codes[:, place], :, None, None].unbind(2)  # 4 of strokes x B x 1 x 1
        distances = (
            capsule(px, py, (x0 * WIDE, y0 * HIGH), (x1 * WIDE, y1 * HIGH), (STROKE, STROKE))[0]
            for x0, y0, x1, y1 in zip(*strokes_of_place, strict=True)
        )
        distance = functools.reduce(torch.minimum, distances)
        cover = (distance / -pixel).add_(0.5).clamp_(0, 1)
        cover_by_place[:, place].scatter_(2, columns.expand_as(cover), cover)
    return cover_by_place


def pixel_grid(height: int) -> tuple[Tensor, Tensor, float]:
    """Where pixels lie: across (1, 1, W) in [-4, 4], down (1, H, 1) in [-1, 1], and the side of one."""
    pixel = 2 / height
    across, down = ((torch.arange(count) + 0.5) * pixel for count in (4 * height, height))
    return (across - 4)[None, None, :], (down - 1)[None, :, None], pixel


def plate_shift(rng: SeededDetails) -> Tensor:
    """How far right of the picture's middle the plate sits: (B, 1, 1)."""
    return rng("across", -0.02, 0.02)


def to_plate(rng: SeededDetails, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Points of the picture in the plate's own coordinates: it sits a little off the middle, and is a little tilted."""
    return x - plate_shift(rng), y - rng("down", -0.02, 0.02) - rng("tilt", -0.005, 0.005) * x


# --- The writing: lines from corner to corner of a box from -1 to 1, y downwards, as on real plates ---

LINES: dict[str, str] = {
    "0": "-.5,-1 .5,-1 1,-.6 1,.6 .5,1 -.5,1 -1,.6 -1,-.6 -.5,-1",
    "1": "-.6,-.5 .1,-1 .1,1|-.5,1 .7,1",
    "2": "-1,-.5 -.6,-1 .55,-1 1,-.6 1,-.2 -1,1 1,1",
    "3": "-.9,-.75 -.5,-1 .5,-1 .9,-.7 .9,-.3 .4,0 -.2,0|.4,0 1,.3 1,.7 .5,1 -.5,1 -1,.7",
    "4": ".5,1 .5,-1 -1,.4 1,.4",
    "5": ".9,-1 -.9,-1 -.9,-.1 .4,-.15 1,.2 1,.65 .5,1 -.5,1 -1,.7",
    "6": ".9,-.7 .5,-1 -.5,-1 -1,-.6 -1,.6 -.5,1 .5,1 1,.6 1,.25 .5,-.1 -.5,-.1 -1,.2",
    "7": "-1,-1 1,-1 -.2,1",
    "8": "-.5,-1 .5,-1 .9,-.7 .9,-.3 .5,-.05 1,.3 1,.7 .5,1 -.5,1 -1,.7 -1,.3 -.5,-.05 -.9,-.3 -.9,-.7 -.5,-1|"
    "-.5,-.05 .5,-.05",
    "9": "-.9,.7 -.5,1 .5,1 1,.6 1,-.6 .5,-1 -.5,-1 -1,-.6 -1,-.25 -.5,.1 .5,.1 1,-.2",
    "A": "-1,1 -.15,-1 .15,-1 1,1|-.6,.35 .6,.35",
    "B": "-1,-1 .5,-1 .9,-.7 .9,-.3 .5,0 1,.3 1,.7 .5,1 -1,1 -1,-1|-1,0 .5,0",
    "E": "1,-1 -1,-1 -1,1 1,1|-1,0 .7,0",
    "F": "1,-1 -1,-1 -1,1|-1,0 .7,0",
    "H": "-1,-1 -1,1|1,-1 1,1|-1,0 1,0",
    "K": "-1,-1 -1,1|-1,.25 1,-1|-.3,-.15 1,1",
    "N": "-1,1 -1,-1 1,1 1,-1",
    "P": "-1,1 -1,-1 .5,-1 1,-.65 1,-.25 .5,.1 -1,.1",
    "R": "-1,1 -1,-1 .5,-1 1,-.65 1,-.25 .5,.1 -1,.1|0,.1 1,1",
    "X": "-1,-1 1,1|1,-1 -1,1",
}


def strokes() -> Tensor:
    """Each character's strokes as x, y, x, y: strokes x characters x 4; those with fewer repeat their first."""
    by_character = []
    for lines in LINES.values():
        corners = [[[float(n) for n in corner.split(",")] for corner in line.split()] for line in lines.split("|")]
        by_character.append([a + b for line in corners for a, b in itertools.pairwise(line)])
    most = max(map(len, by_character))
    return torch.tensor([segments + segments[:1] * (most - len(segments)) for segments in by_character]).transpose(0, 1)


STROKES = strokes()
