"""Where the course lies, folders that are replaced whole, lines between marks, texts that a terminal can show."""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from course_lib.errors import CourseError


def replace_folder(new: Path, place: Path) -> None:
    """Put the folder `new` in `place`, where there may be an older one.  Both have to be on one disk."""
    place.parent.mkdir(parents=True, exist_ok=True)
    old = place.with_name(f".{place.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if place.exists():
        place.rename(old)
    new.rename(place)
    shutil.rmtree(old, ignore_errors=True)


def course_folder(start: Path | None = None) -> Path:
    """The folder that holds `notebooks/`: `start` (by default the current one), one above it, or the package's own.

    Raises CourseError if no lesson is there.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents, Path(__file__).resolve().parents[1]):
        notebooks = folder / "notebooks"
        if any(notebooks.glob("[0-9][0-9]_*.ipynb")) or any(notebooks.glob("source/[0-9][0-9]_*.py")):
            return folder
    raise CourseError(f"no folder `notebooks` with lessons is in {here} or above it; go to the course's folder first.")


def printable(text: str) -> str:
    """A text that somebody else wrote, without what moves a terminal's cursor or can't be written to a file."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "�" for letter in text)


def replace_section(text: str, name: str, lines: Sequence[str], *, page: str) -> str:
    """The text of a page with these lines between its lines `<!-- NAME:begin -->` and `<!-- NAME:end -->`.

    page: how an error calls the page.  Raises CourseError if it does not have the two lines, once each and in order.
    """
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise CourseError(f"{page} needs a line {begin} and, below it, a line {end}: what is made goes between.")
    return "\n".join([text[: text.index(begin)] + begin, *lines, text[text.index(end) :]])


def no_formula(text: str) -> str:
    """A cell of a CSV table that holds somebody else's words, as text: a spreadsheet would run "=HYPERLINK(...)"."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def commands_on_path() -> None:
    """Let what this process starts by name, as nbgrader starts alembic, be this environment's own command."""
    os.environ["PATH"] = str(Path(sys.executable).parent) + os.pathsep + os.environ.get("PATH", os.defpath)
