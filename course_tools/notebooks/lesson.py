"""What a lesson and an exercise are: records, and the texts that blanks are filled with."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from course_lib.errors import CourseError

DIFFICULTIES = ("first steps", "some thought", "a challenge")
STUB = 'raise NotImplementedError("your code here")'
# What nbgrader is told of a cell with a solution, a check or a written answer; the rest is its name and its points.
_GRADED = {
    "solution": {"grade": False, "locked": False, "solution": True},
    "check": {"grade": True, "locked": True, "solution": False},
    "answer": {"grade": True, "locked": False, "solution": True},
}
ANSWER = "*Your answer here.*"
MIME_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".svg": "image/svg+xml",
}


class AuthorError(CourseError):
    """What an author has to mend before the lessons can be built: `file:line: sentence`, a line each."""


@dataclass(frozen=True)
class Exercise:
    """One exercise of a lesson; `name` is the function the reader writes and the check's name, or that of an answer."""

    name: str
    number: str  # "1.2": lesson, then running number
    title: str
    minutes: int
    difficulty: str  # one of DIFFICULTIES
    points: float = 0  # in a class, for the check or the written answer


@dataclass(frozen=True)
class Lesson:
    """One lesson: what its source says of it, and where its files are."""

    name: str  # "01_noise"
    number: int
    title: str
    summary: str  # what the reader does, in a few words
    minutes: int  # reading and all exercises
    objectives: tuple[str, ...]  # what its first cell says that the reader will be able to do
    looks_back: tuple[int, ...]  # the earlier lessons of which its text speaks
    exercises: tuple[Exercise, ...]
    source: Path
    blank: Path
    solved: Path


def notebook_text(notebook: NotebookNode) -> str:
    """The one way in which the course's notebooks are written down, so that equal notebooks are equal files."""
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def label_of(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def nbgrader_metadata(kind: str, name: str, points: float | None = None) -> dict[str, Any]:
    """What nbgrader reads in a cell's metadata.

    kind: "solution", "check" or "answer" (a written one).  name: the exercise's.  points: for a check or an answer.
    """
    graded = {"grade_id": f"check-{name}" if kind == "check" else name, "schema_version": 3, "task": False}
    return _GRADED[kind] | graded | ({} if points is None else {"points": points})


def call_of_check(name: str) -> str:
    """The one line that compares a reader's function with what the exercise `name` asks for."""
    return f"checks.{name}({name})"


def blank_solutions(notebook: NotebookNode) -> None:
    from nbgrader.preprocessors import ClearSolutions

    ClearSolutions(code_stub={"python": STUB}, text_stub=ANSWER).preprocess(notebook, {})


def reference_to(path: str) -> re.Pattern[str]:
    """Finds where a markdown text names a picture: ![...](path) or <img src="path">."""
    return re.compile(rf"""(\]\(|\bsrc\s*=\s*["']?){re.escape(path)}(?=[\s"')>])""")
