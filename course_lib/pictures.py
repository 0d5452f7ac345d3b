"""Load, show and describe pictures, charts and tables; lesson 1 introduces it, every lesson draws with it."""

import base64
import contextlib
import html
import io
import math
import os
import re
import statistics
import textwrap
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from course_lib.errors import CourseError
from course_lib.files import atomic_write

Pictures = Tensor | Sequence[Tensor]
Texts = Sequence[str]
Labels = str | Texts | None

if TYPE_CHECKING:
    import matplotlib.figure
    import PIL.Image

# One look for every figure: a white ground (so dark mode hides nothing), one ink, one size of type, one palette: Okabe
# and Ito's, which colour-blind readers can tell apart, the palest last; a marker and a dash go with each colour.
INK, TYPE = "#222222", 18
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9", "#F0E442")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = ("-", "--", "-.", ":", (0, (8, 2, 2, 2, 2, 2)), (0, (1, 3)), (0, (10, 4)), (0, (4, 1, 1, 1)))

EXAMPLES = {"cat": "chelsea", "coffee": "coffee", "astronaut": "astronaut", "rocket": "rocket"}
SMALLEST, MOST_COLUMNS = 128, 6  # pixels that `show` gives a picture, in width; at most so many stand side by side
FORMATS = (".png", ".webp")  # how the name of a saved figure may end
MOST_PIXELS = 150_000_000  # about 1.5 GB while such a picture is read


def load_photo(source: str | Path | bytes, *, size: int = 96) -> Tensor:
    """Read a photo from a file, or from the bytes of an uploaded one: the square in its middle, `size` pixels wide.

    Returns 1 x 3 x size x size in [-1, 1].  The photo is turned upright as its camera noted; what is transparent
    becomes white; an animation gives its first frame.
    Raises CourseError if there is no such picture, it can't be read, or it has more than 150 million pixels.
    """
    from PIL import Image, UnidentifiedImageError

    given: Any = source
    uploaded = isinstance(given, bytes | bytearray | memoryview)
    if not uploaded and not isinstance(given, str | os.PathLike):
        raise CourseError(f"{type(given).__name__} is no photo: give load_photo the name of a file, or its bytes.")
    name = "the uploaded file" if uploaded else f"'{given}'"
    try:
        path = None if uploaded else Path(given).expanduser()
        if path and path.is_dir():
            raise CourseError(f"{name} is a folder: give the name of a picture inside it.")
        with path.open("rb") if path else io.BytesIO(given) as file, warnings.catch_warnings(action="ignore"):
            if not file.read(1):
                raise CourseError(f"{name} is empty (0 bytes): copy or download it again.")
            file.seek(0)
            with Image.open(file) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise Image.DecompressionBombError
                if image.mode in ("F", "LAB") or (image.mode == "I" and image.format not in ("PNG", "PPM")):
                    raise CourseError(f"{name} has a rare kind of pixel ({image.mode}): save it as PNG or JPEG first.")
                return _square(image, size)
    except CourseError:
        raise
    except (FileNotFoundError, NotADirectoryError):
        problem = f"there is no file {name}: check the spelling, or give its whole path."
    except PermissionError:
        problem = f"you may not read {name}: change its permissions, or copy it to your own folder."
    except Image.DecompressionBombError:
        problem = f"{name} has over {MOST_PIXELS // 10**6} million pixels: make it smaller in a picture editor first."
    except UnidentifiedImageError:
        problem = f"{name} is not a picture that can be read here: save it as PNG or JPEG first."
    except Exception as error:  # Pillow's many decoders raise what they like
        cause = getattr(error, "strerror", None) or "cut short or damaged"
        problem = f"{name} can't be read ({cause}): copy or download it again."
    raise CourseError(problem)


def example_photo(name: str = "cat", *, size: int = 96) -> Tensor:
    """One of scikit-image's own photos, which need no network: cat, coffee, astronaut or rocket.

    Returns 1 x 3 x size x size in [-1, 1], the square in the middle.  Raises CourseError for another name.
    """
    if name not in EXAMPLES:
        raise CourseError(f"there is no example photo '{name}': choose from {', '.join(EXAMPLES)}.")
    import skimage.data
    from PIL import Image

    return _square(Image.fromarray(getattr(skimage.data, EXAMPLES[name])()), size)


def _square(image: "PIL.Image.Image", size: int) -> Tensor:
    """The middle square of a picture of any kind, upright, on white; a large one is copied as little as can be."""
    from PIL import Image, ImageOps

    if isinstance(size, float) or size not in range(1, 4097):
        raise CourseError(f"a photo can't be {size} pixels wide: choose a whole number from 1 to 4096.")
    image.draft(None, (4 * size, 4 * size))  # lets a JPEG decode small
    image.load()
    deep = image.mode.startswith("I")  # 16 bits of grey, which Pillow's own conversion clips to white
    if deep or image.mode in ("1", "P", "PA") or "transparency" in image.info:
        image = image.convert("I" if deep else "RGBA")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    box = (left, top, left + side, top + side)
    small = image.resize((size, size), Image.Resampling.LANCZOS, box, reducing_gap=3.0)
    with contextlib.suppress(Exception):  # camera notes that can't be read leave the photo as it lies
        small = ImageOps.exif_transpose(small)
    if deep:
        small = small.point(lambda level: level * (1 / 257) + 0.5).convert("L")
    white = Image.new("RGBA", small.size, "white")
    pixels = np.array(Image.alpha_composite(white, small.convert("RGBA")).convert("RGB"))
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].contiguous() / 127.5 - 1


def to_pixels(pictures: Pictures) -> np.ndarray:
    """Turn pictures in [-1, 1] (clipped) into the bytes that a file holds: uint8, B x H x W x 3.

    pictures: B x 3 x H x W, 3 x H x W, or a list of such of one size, on any device.
    Raises CourseError if they have another shape or type, or hold NaN or infinity.
    """
    given = pictures if isinstance(pictures, list | tuple) else [pictures]
    parts = [part[None] if part.ndim == 3 else part for part in map(torch.as_tensor, given)]
    sizes = {part.shape[2:] for part in parts}
    if len(sizes) != 1 or any(part.ndim != 4 or part.shape[1] != 3 or not part.numel() for part in parts):
        shapes = ", ".join(dict.fromkeys(" x ".join(map(str, part.shape)) for part in parts)) or "none"
        raise CourseError(f"pictures must be B x 3 x H x W and of one size, but these are {shapes}: reshape them.")
    if not all(part.is_floating_point() for part in parts):
        raise CourseError(f"pictures must be floats in [-1, 1], but these are {parts[0].dtype}: convert them first.")
    batch = torch.cat([part.float().cpu() for part in parts])
    if not batch.isfinite().all():
        raise CourseError("a picture holds NaN or infinity: look at the step that made it.")
    return ((batch.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).contiguous().numpy()


@dataclass(frozen=True, repr=False)
class Figure:
    """A picture over the text that says what to see in it; a screen reader reads `alt`, or that text if it is empty."""

    about: str
    data: bytes
    mime: str = "image/png"
    width: int | None = None  # in CSS pixels; None leaves the picture its own
    style: str = "max-width:100%"
    alt: str = ""

    @property
    def image(self) -> str:
        """An <img> that holds the picture itself, and the hidden text that describes it."""
        width = f' width="{self.width}"' if self.width else ""
        source = f"data:{self.mime};base64,{base64.b64encode(self.data).decode()}"
        return f'<img alt="{html.escape(self.alt or self.about)}"{width} style="{self.style}" src="{source}">'

    @property
    def html(self) -> str:
        """The picture over its text, which is hidden from screen readers where they read it as the picture's."""
        hidden = "" if self.alt else ' aria-hidden="true"'
        text = f'<figcaption style="max-width:50em"{hidden}>{html.escape(self.about)}</figcaption>'
        return f'<figure style="margin:0">{self.image}{text}</figure>'

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.about

    def save(self, path: str | Path) -> None:
        """Write a file, whole or not at all, .png or .webp as its name says.  Raises CourseError if that can't be."""
        from PIL import Image

        ending = Path(path).suffix.lower()
        if ending not in FORMATS:
            raise CourseError(f"'{path}' is no name for a picture: end it in {' or '.join(FORMATS)}.")
        file = io.BytesIO(self.data)
        if self.mime != f"image/{ending[1:]}":
            file = io.BytesIO()
            Image.open(io.BytesIO(self.data)).save(file, ending[1:], lossless=True, save_all=True)  # all frames
        try:
            Path(path).parent.resolve(strict=True)  # a folder that is not there is rather mistyped than to be made
            atomic_write(path, file.getvalue())
        except OSError as error:
            raise CourseError(f"'{path}' can't be written ({error.strerror}): choose another place.") from None


def show(
    pictures: Pictures, *, about: str, alt: str = "", labels: Labels = None, rows: Texts = (), columns: int | Texts = 0
) -> Figure:
    """Draw pictures side by side in rows, each at least 128 pixels wide, small ones enlarged pixel by pixel.

    pictures: B x 3 x H x W in [-1, 1] (clipped), or a list of such.  about: what to see, which stands below; alt: what
    is in it, for those who can't see it, where that is something else.
    labels: a text under each, or one text in which {} becomes the picture's number, from 0.  rows: a text to the left
    of each row.  columns: a text over each column, or how many there are, at most 6; 0 leaves it to `show`.
    Stored as WebP without loss, which every browser shows and which takes a quarter less than PNG.
    Raises CourseError if a picture or the number of texts is wrong, there are over six columns, or `about` is empty.
    """
    _need_about(about)
    pixels = to_pixels(pictures)
    count = _columns(len(pixels), rows, columns)
    high, wide = pixels.shape[1:3]
    tall = -(-len(pixels) // count) * high
    scale = max(-(-SMALLEST // wide), min(320 // wide, 1024 // (count * wide), 720 // tall))
    sheet, _ = _sheet(pixels, labels, count, scale, TYPE, rows, () if isinstance(columns, int) else columns)
    file = io.BytesIO()
    sheet.save(file, "WEBP", lossless=True)
    return Figure(about, file.getvalue(), "image/webp", alt=alt)


def _columns(pictures: int, rows: Texts, columns: int | Texts) -> int:
    """In how many columns so many pictures stand; raises CourseError if that does not go with the texts."""
    count = min(columns, pictures) if isinstance(columns, int) else len(columns)
    if columns == 0:  # without a gap in the last row, if four, five or six columns leave none
        fewest = -(-pictures // (len(rows) or -(-pictures // MOST_COLUMNS)))
        count = next((n for n in (6, 5, 4) if not rows and pictures > n and pictures % n == 0), fewest)
    if not 1 <= count <= MOST_COLUMNS:
        raise CourseError(f"pictures stand in 1 to {MOST_COLUMNS} columns, not {count}: more could not be seen.")
    made = -(-pictures // count)
    if count > pictures or (rows and len(rows) != made):
        grid = f"{len(rows) or made} rows and {count} columns"
        raise CourseError(f"{pictures} pictures can't have {grid}: give each row and each column one text.")
    return count


def animate(frames: Pictures, *, about: str, labels: Labels = None, seconds: float = 4.0) -> Figure:
    """Play pictures one after the other in `seconds`, hold the last for two more, and begin again.

    frames: T x 3 x H x W in [-1, 1] (clipped).  labels: as for `show`.  A line below grows as the animation plays.
    Stored as WebP, coarsely (51 frames of 96 pixels in 250 kB), so that noise stays small.
    Raises CourseError as `show` does, or if `seconds` is not above 0.
    """
    _need_about(about)
    if not seconds > 0:
        raise CourseError("an animation must take some time: give seconds above 0.")
    pixels = to_pixels(frames)
    sheet, tall = _sheet(pixels, labels, 1, 1, 12)
    stills = [sheet.crop((0, i * tall, sheet.width, (i + 1) * tall)) for i in range(len(pixels))]
    for i, still in enumerate(stills, 1):  # the line also keeps the encoder from dropping a frame much like the last
        still.paste(INK, (0, tall - 2, round(i / len(stills) * sheet.width), tall))
    pauses = [max(1, round(1000 * seconds / len(stills)))] * len(stills)
    pauses[-1] += 2000
    file = io.BytesIO()
    stills[0].save(file, "WEBP", save_all=True, append_images=stills[1:], duration=pauses, loop=0, quality=70)
    style = "max-width:100%;image-rendering:pixelated"
    return Figure(about, file.getvalue(), "image/webp", max(1, 330 // sheet.width) * sheet.width, style)


def chart(lines: Mapping[str, tuple[Any, Any]], *, x: str, y: str, about: str) -> Figure:
    """Draw up to eight lines over named axes.

    lines: name -> (xs, ys), numbers in lists, arrays or tensors.  x, y: what the axes show, with the unit.
    Raises CourseError if there are no lines or over eight, a line's xs and ys differ in number, or `about` is empty.
    """
    _need_about(about)
    if not 1 <= len(lines) <= len(PALETTE):
        raise CourseError(f"a chart holds 1 to {len(PALETTE)} lines, not {len(lines)}: split it into several charts.")
    with _axes(x, y) as (canvas, axes):
        for (name, line), colour, marker, dash in zip(lines.items(), PALETTE, MARKERS, DASHES, strict=False):
            xs, ys = (torch.as_tensor(values, dtype=torch.float64).detach().cpu().numpy() for values in line)
            if xs.shape != ys.shape or xs.ndim != 1 or not len(xs):
                raise CourseError(f"line '{name}' has {xs.shape} xs and {ys.shape} ys: give as many of each, in a row.")
            spacing = max(1, len(xs) // 10)
            axes.plot(xs, ys, color=colour, ls=dash, lw=3, marker=marker, ms=9, mec=INK, markevery=spacing, label=name)
        if len(lines) > 1:
            across = max(1, min(3, 76 // (max(map(len, lines)) + 8)))
            canvas.legend(loc="outside upper left", ncols=across, frameon=False, handlelength=3)
        return Figure(about, _png(canvas))


def scatter(
    spots: Mapping[str, Mapping[str, Any]], *, x: str, y: str, about: str, arrows: Sequence[tuple[str, str]] = ()
) -> Figure:
    """Draw named spots on a plane, up to eight groups of them, and arrows from one to another.

    spots: group -> name -> (x, y), two numbers.  Names stand on the outer side of their spot, or away from its arrow;
    a name that would lie on another one, or on a spot, is left out.
    Raises CourseError if there are no spots or over eight groups, an arrow's end is not a spot, or `about` is empty.
    """
    _need_about(about)
    if not 1 <= len(spots) <= len(PALETTE) or not all(spots.values()):
        raise CourseError(f"a scatter holds 1 to {len(PALETTE)} groups of spots, none of them empty.")
    points = {name: [float(number) for number in point] for group in spots.values() for name, point in group.items()}
    if unknown := {name for arrow in arrows for name in arrow} - set(points):
        raise CourseError(f"an arrow goes from one spot to another, and '{min(unknown)}' is none of them.")
    with _axes(x, y) as (canvas, axes):
        tails, heads = ({arrow[end] for arrow in arrows} for end in (0, 1))
        for tail, head in arrows:
            style = {"arrowstyle": "->", "color": "#777777", "lw": 2, "shrinkA": 8, "shrinkB": 8}
            axes.annotate("", points[head], points[tail], arrowprops=style)
        middle = sum(point[0] for point in points.values()) / len(points)
        names = []
        for (group, members), colour, marker in zip(spots.items(), PALETTE, MARKERS, strict=False):
            xs, ys = zip(*(points[name] for name in members), strict=True)
            axes.plot(xs, ys, color=colour, ls="", marker=marker, ms=10, mec=INK, label=group)
            for name in members:
                right = name in heads or (name not in tails and points[name][0] > middle)
                side = {"xytext": (9 if right else -9, 0), "ha": "left" if right else "right", "va": "center"}
                names.append(axes.annotate(name, points[name], textcoords="offset points", color=INK, **side))
        axes.margins(x=0.18, y=0.08)  # room for the names
        if len(spots) > 1:
            canvas.legend(loc="outside upper left", ncols=len(spots), frameon=False, handletextpad=0.2)
        canvas.draw_without_rendering()
        occupied = [axes.transData.transform(point) for point in points.values()]
        visible: list[Any] = []
        for name in names:
            box = name.get_window_extent()
            name.set_visible(
                not any(map(box.overlaps, visible)) and not any(box.contains(*point) for point in occupied)
            )
            visible += [box] * name.get_visible()
        return Figure(about, _png(canvas))


def areas(columns: Sequence[Mapping[str, float]], *, squares: Mapping[str, float], unit: str, about: str) -> Figure:
    """Draw numbers as areas, all on one scale: columns of blocks side by side, and squares of their own to the right.

    columns: for each column name -> number, stacked from the top; a column is as wide as its sum is large.
    squares: name -> number.  unit: stands after each number, which is shown in millions.
    Raises CourseError if there is no column, over eight blocks and squares, a number not above 0, a square that is too
    large to stand there, or `about` is empty.
    """
    _need_about(about)
    numbers = [number for part in (*columns, squares) for number in part.values()]
    if not columns or not 1 <= len(numbers) <= len(PALETTE) or not all(number > 0 for number in numbers):
        raise CourseError(f"areas are 1 to {len(PALETTE)} numbers above 0, in at least one column.")
    import matplotlib.figure
    import matplotlib.style
    from matplotlib.patches import Rectangle

    wide, high, margin, right_margin = 800, 480, 8, 150
    scale = (wide - right_margin - 2 * margin) * (high - 2 * margin) / sum(sum(column.values()) for column in columns)
    if any(scale * number > (right_margin - 2 * margin) ** 2 for number in squares.values()):
        raise CourseError("a square is too large to stand beside the columns: make it a block of one.")
    with matplotlib.style.context(["default", {"font.size": TYPE}]):
        canvas = matplotlib.figure.Figure(figsize=(wide / 72, high / 72), dpi=72)
        axes = canvas.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, wide), ylim=(high, 0))
        axes.axis("off")
        colours = iter(PALETTE)

        def block(left: float, top: float, width: float, tall: float, name: str, number: float, middle: float) -> None:
            colour = next(colours)  # inside pale, so that ink is legible on it
            axes.add_patch(Rectangle((left, top), width, tall, facecolor=colour + "40", edgecolor=colour, linewidth=3))
            words = f"{name}\n{number / 1e6:,.3g} {unit}"
            axes.text(left + width / 2, middle, words, color=INK, ha="center", va="center")

        left = float(margin)
        for column in columns:
            top = float(margin)
            width = scale * sum(column.values()) / (high - 2 * margin)
            for name, number in column.items():
                tall = scale * number / width
                block(left, top, width, tall, name, number, top + tall / 2)
                top += tall
            left += width
        bottom = float(high - margin)
        for name, number in squares.items():
            side, words = (scale * number) ** 0.5, 1.4 * TYPE * (name.count("\n") + 2)
            bottom -= words + margin + side
            block(
                wide - (right_margin + side) / 2, bottom, side, side, name, number, bottom + side + margin + words / 2
            )
            bottom -= 2 * margin
        return Figure(about, _png(canvas))


@contextlib.contextmanager
def _axes(x: str, y: str) -> Iterator[tuple["matplotlib.figure.Figure", Any]]:
    """An empty drawing with named axes; the reader's own matplotlib settings are put aside, and come back after."""
    import matplotlib.figure
    import matplotlib.style

    with matplotlib.style.context(["default", {"font.size": TYPE}]):
        canvas = matplotlib.figure.Figure(figsize=(800 / 72, 480 / 72), dpi=72, layout="constrained")
        axes = canvas.subplots()
        axes.set(xlabel=x, ylabel=y)
        axes.grid(color="#DDDDDD")
        axes.spines[["top", "right"]].set_visible(False)
        yield canvas, axes


def _png(canvas: "matplotlib.figure.Figure") -> bytes:
    """The drawing in 256 colours: that leaves the lines as they are, and a third of the bytes."""
    from PIL import Image

    drawn, small = io.BytesIO(), io.BytesIO()
    canvas.savefig(drawn, format="png")
    Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()


@dataclass(frozen=True, repr=False)
class Table:
    """A table with its caption, as HTML for a notebook and as text for a terminal."""

    about: str
    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


def table(rows: Sequence[Mapping[str, object]], *, about: str, digits: int = 1) -> Table:
    """Set rows of named values in a table, captioned `about`; a value that a row lacks stays blank.

    digits: with how many decimals floats are shown; give a text to show one otherwise.  Numbers stand on the right.
    Raises CourseError if there are no rows, or `about` is empty.
    """
    _need_about(about)
    names = list(dict.fromkeys(name for row in rows for name in row))
    if not names:
        raise CourseError("a table needs at least one row with one value.")

    def shown(value: Any) -> str:
        value = value.item() if hasattr(value, "item") else value  # a number inside a tensor or an array
        return f"{value:.{digits}f}" if isinstance(value, float) else str(value)

    body = [[shown(row.get(name, "")) for name in names] for row in rows]
    number = re.compile(r"([-+−±]?\d[\d.,e+-]*\s?\S{0,3}|nan|-?inf|)")  # with or without a short unit
    right = [all(map(number.fullmatch, column)) for column in zip(*body, strict=True)]
    widths = [max(map(len, column)) for column in zip(names, *body, strict=True)]
    rows_html, plain = "", []
    for i, row in enumerate([names, *body]):
        tags = ['th scope="col"'] * len(row) if i == 0 else ['th scope="row"'] + ["td"] * (len(row) - 1)
        # An empty header says nothing.
        tags = [tag if cell.strip() else "td" for tag, cell in zip(tags, row, strict=True)]
        cells = [
            f'<{tag} style="text-align:{"right" if r else "left"}">{html.escape(cell)}</{tag[:2]}>'
            for tag, cell, r in zip(tags, row, right, strict=True)
        ]
        rows_html += f"<tr>{''.join(cells)}</tr>"
        plain.append("  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)))
    text = "\n".join([about, plain[0], "-" * len(plain[0]), *plain[1:]])
    return Table(about, f"<table><caption>{html.escape(about)}</caption>{rows_html}</table>", text)


def mean_and_spread(values: Iterable[float], digits: int = 2) -> str:
    """What several runs measured, as a table shows it: the mean ± how far they spread; one value stands alone.

    The spread is the standard deviation of a sample.  Raises CourseError if there is no value.
    """
    measured = list(values)
    if not measured:
        raise CourseError("a mean needs at least one value.")
    mean = f"{statistics.mean(measured):.{digits}f}"
    return f"{mean} ± {statistics.stdev(measured):.{digits}f}" if len(measured) > 1 else mean


def _need_about(about: str) -> None:
    if not (about or "").strip():
        raise CourseError("about is empty: say what the figure shows, for those who can't see it.")


def _sheet(
    pixels: np.ndarray, labels: Labels, columns: int, scale: int, size: int, rows: Texts = (), heads: Texts = ()
) -> tuple["PIL.Image.Image", int]:
    """Pictures enlarged `scale` times on a white sheet, with all their texts; and how tall one row of it is."""
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    count, high, wide = len(pixels), pixels.shape[1] * scale, pixels.shape[2] * scale
    labels = [""] * count if labels is None else labels
    texts = [labels.replace("{}", str(i)) for i in range(count)] if isinstance(labels, str) else labels
    if len(texts) != count:
        raise CourseError(f"there are {count} pictures and {len(texts)} labels: give one label for each picture.")
    fonts = Path(matplotlib.get_data_path(), "fonts", "ttf")
    font = ImageFont.truetype(str(fonts / "DejaVuSans.ttf"), size, layout_engine=ImageFont.Layout.BASIC)

    def wrapped(texts: Texts, wide: int) -> tuple[list[list[str]], int, int]:
        """Each text in lines at most `wide` if its words allow that; how wide and how tall the largest is."""
        fill = textwrap.TextWrapper(max(9, round(1.7 * wide / size)), break_long_words=False).wrap
        lines = [[line for part in text.splitlines() for line in fill(part)] for text in texts]
        widest = max((font.getlength(line) for text in lines for line in text), default=0)
        return lines, math.ceil(widest), max(map(len, lines), default=0) * (size + 6)

    gap = 10
    under, widest, under_high = wrapped(texts, wide)
    over, widest_head, top = wrapped(heads, wide)
    beside, left, beside_high = wrapped(rows, 150)
    left += 2 * gap * bool(rows)
    across = max(wide, widest, widest_head) + gap  # a long word spreads the pictures
    tall = max(high + under_high, beside_high) + gap
    sheet = Image.new("RGB", (left + columns * across, top + -(-count // columns) * tall), "white")
    draw = ImageDraw.Draw(sheet)

    def write(lines: Texts, at: tuple[float, float], anchor: str) -> None:
        draw.multiline_text(at, "\n".join(lines), INK, font, anchor=anchor, align="center")

    for i, lines in enumerate(over):
        write(lines, (left + i * across + across // 2, top), "md")
    for i, lines in enumerate(beside):
        write(lines, (left / 2, top + i * tall + (gap + max(high, beside_high)) // 2), "mm")
    for i, (picture, lines) in enumerate(zip(pixels, under, strict=True)):
        middle, upper = left + i % columns * across + across // 2, top + i // columns * tall + gap // 2
        large = Image.fromarray(picture).resize((wide, high), Image.Resampling.NEAREST)
        sheet.paste(large, (middle - wide // 2, upper))
        write(lines, (middle, upper + high + 3), "ma")
    return sheet, tall
