"""What a lesson and an exercise are: records, and the texts that blanks are filled with."""

import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_lib.errors import CourseError

DIFFICULTIES = ("first steps", "some thought", "a challenge")
STUB = 'raise NotImplementedError("your code here")'
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


def blank_solutions(notebook: NotebookNode) -> None:
    from nbgrader.preprocessors import ClearSolutions

    ClearSolutions(code_stub={"python": STUB}, text_stub=ANSWER).preprocess(notebook, {})


def reference_to(path: str) -> re.Pattern[str]:
    """Finds where a markdown text names a picture: ![...](path) or <img src="path">."""
    return re.compile(rf"""(\]\(|\bsrc\s*=\s*["']?){re.escape(path)}(?=[\s"')>])""")
