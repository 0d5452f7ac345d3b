"""The course as its folder says it is, read once and handed to all that make something of it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_lib.errors import CourseError
from course_tools.notebooks.lesson import Lesson, label_of
from course_tools.notebooks.release import Release, read_release
from course_tools.notebooks.source import Source, read_sources


@dataclass(frozen=True)
class Project:
    """The sources, where the course is published, and how long its lessons ran."""

    root: Path
    sources: tuple[Source, ...]
    release: Release | None  # None until the course is published
    timings: dict[str, Any]  # "machine", and under "lessons" the seconds and the memory of each that ran

    @classmethod
    def read(cls, root: Path) -> "Project":
        """Read the course in the folder `root`.

        Raises AuthorError for sources with mistakes, CourseError for a file round them that can't be read.
        """
        timings = _read_timings(root / "docs/timings.json")
        return cls(root, tuple(read_sources(root)), read_release(root), timings)

    @property
    def lessons(self) -> list[Lesson]:
        """The lessons, in order."""
        return [source.lesson for source in self.sources]

    def label(self, path: Path) -> str:
        """How messages and links call a file of the course: its path from the course's folder."""
        return label_of(path, self.root)


def _read_timings(path: Path) -> dict[str, Any]:
    try:
        timings = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        wanted = ("seconds", "peak_memory_mb")
        runs = {name: {key: float(run[key]) for key in wanted} for name, run in timings.get("lessons", {}).items()}
        return {"machine": str(timings.get("machine", "")), "lessons": runs}
    except (ValueError, TypeError, AttributeError, KeyError):
        raise CourseError(f"{path} is not what `course run` writes; delete it and run `course run` again.") from None
