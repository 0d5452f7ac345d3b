"""Due dates, and what is taken off for being late: `course.toml` in a course directory."""

import difflib
import math
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from course_lib.errors import CourseError
from course_tools.classroom.ledger import Ledger
from course_tools.classroom.roster import Roster, squeeze

SETTINGS = "course.toml"
TEMPLATE = """\
# Due dates of this class.  `course assign` wrote this once, and leaves it alone from then on: take away the "#" in
# front of what you want to hold.  Times are those of your machine's time zone, if they don't say otherwise.

# [late]
# grace_minutes = 15    # within them nobody is late
# penalty = 10          # percent of the points that are taken off for each day that has begun
# most = 50             # percent, at most

# [lessons.01_noise]
# due = 2026-11-23 23:59:00
# column = "Homework 1"  # what the LMS calls it, if it is not the lesson's name or title

# [lessons.01_noise.extensions]
# "Ana Pérez" = 2026-11-30 23:59:00

# [lessons.01_noise.handed_in]  # when it was, where the LMS does not tell
# "Bo Li" = 2026-11-24 08:00:00
"""
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Late:
    """How many days late something was handed in, each that has begun; and a sentence where that is no certain."""

    days: int = 0
    note: str = ""


@dataclass
class LessonDates:
    """What holds for one lesson; students are called by the folder of their work."""

    due: datetime | None = None
    column: str = ""
    extensions: dict[str, datetime] = field(default_factory=dict)
    handed_in: dict[str, datetime] = field(default_factory=dict)


@dataclass
class Deadlines:
    """What course.toml says."""

    grace: timedelta = timedelta(0)
    penalty: float = 0.0
    most: float = 100.0
    lessons: dict[str, LessonDates] = field(default_factory=dict)

    def of(self, lesson: str) -> LessonDates:
        return self.lessons.get(lesson, LessonDates())

    def lateness(self, student: str, lesson: str, ledger: Ledger, stamp: datetime | None) -> Late:
        """How late a student's lesson is.  stamp: of its timestamp.txt."""
        dates, owner = self.of(lesson), ledger.owner(student, lesson)
        due = dates.extensions.get(student, dates.due)
        when = dates.handed_in.get(student)
        if when is None and owner and (seconds := ledger.time_of(owner)):
            when = datetime.fromtimestamp(seconds, UTC)
        if when is None and not (owner and owner.lms in ("canvas", "moodle")):  # their zips have the download's time
            when = stamp
        if when is None:
            return _by_word(bool(owner and owner.late), due, student in dates.extensions)
        if due is None or when <= due + self.grace:
            return Late()
        return Late(math.ceil((when - due) / _DAY))

    def points(self, score: float, days: int) -> float:
        """What is left of a score, with so many days late."""
        return round(score * (1 - min(self.most, self.penalty * days) / 100), 2)


def _by_word(late: bool, due: datetime | None, extended: bool) -> Late:
    """How late something is of which nobody knows the time."""
    if late and extended:
        return Late(0, "Canvas says LATE; it has an extension here, and counts as on time")
    if late:
        return Late(1, "Canvas says LATE, but not since when: one day is taken")
    return Late(0, "") if due is None else Late(0, "it is not known when it was handed in")


def read_deadlines(course: Path, lessons: Collection[str], roster: Roster | None) -> Deadlines:
    """What course.toml of a course directory says; nothing holds where there is none.

    lessons: those of the class.  Raises CourseError for what is no TOML, for a name that nobody has, for a value that
    can't be meant.
    """
    path = course / SETTINGS
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except OSError as error:
        raise CourseError(f"{path} can't be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CourseError(f"{path} is not TOML: {error}.") from None
    _only(settings, ("late", "lessons"), path, "the file")
    late = _table(settings.get("late", {}), path, "[late]")
    _only(late, ("grace_minutes", "penalty", "most"), path, "[late]")
    grace = timedelta(minutes=_number(late, "grace_minutes", 0, 10**6, path))
    found = Deadlines(grace, _number(late, "penalty", 0, 100, path), _number(late, "most", 100, 100, path))
    who = _finder(course, roster, path)
    for lesson, table in _table(settings.get("lessons", {}), path, "[lessons]").items():
        if lesson not in lessons:
            raise CourseError(f"{path}: there is no lesson {lesson!r} in this class{_near(lesson, lessons)}.")
        where = f"[lessons.{lesson}]"
        dates = _table(table, path, where)
        _only(dates, ("due", "column", "extensions", "handed_in"), path, where)
        found.lessons[lesson] = LessonDates(
            _moment(dates["due"], path, "due") if "due" in dates else None,
            str(dates.get("column", "")),
            _moments(dates.get("extensions", {}), path, f"[lessons.{lesson}.extensions]", who),
            _moments(dates.get("handed_in", {}), path, f"[lessons.{lesson}.handed_in]", who),
        )
    return found


def _finder(course: Path, roster: Roster | None, path: Path) -> Callable[[str], str]:
    """A function that says whose folder is meant by a name."""

    def find(name: str) -> str:
        if roster:
            try:
                return roster.called(name).student
            except CourseError as error:
                raise CourseError(f"{path}: {error}") from None
        folders = {squeeze(folder.name): folder.name for folder in (course / "submitted").glob("*")}
        if squeeze(name) not in folders:
            raise CourseError(f"{path}: there is no student {name!r} in submitted/{_near(name, folders.values())}.")
        return folders[squeeze(name)]

    return find


def _near(name: str, names: Collection[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f"; the nearest is {near[0]}" if near else ""


def _table(value: object, path: Path, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise CourseError(f"{path}: {what} is no table.")
    return value


def _only(table: Mapping[str, Any], known: Collection[str], path: Path, what: str) -> None:
    for name in table:
        if name not in known:
            raise CourseError(f"{path}: {what} has {name!r}, which means nothing; there are {', '.join(known)}.")


def _number(table: Mapping[str, Any], name: str, default: float, most: float, path: Path) -> float:
    value = table.get(name, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= most:
        raise CourseError(f"{path}: {name} is {value!r}; write a number from 0 to {most:g}.")
    return float(value)


def _moment(value: object, path: Path, what: str) -> datetime:
    """A TOML time as a moment; a day lasts until its end."""
    if isinstance(value, datetime):
        return value.astimezone()
    if isinstance(value, date):
        return datetime.combine(value, time.max).astimezone()
    raise CourseError(f"{path}: {what} is {value!r}; write a time as 2026-11-23 23:59:00, without quotes.")


def _moments(value: object, path: Path, what: str, who: Callable[[str], str]) -> dict[str, datetime]:
    return {who(name): _moment(when, path, name) for name, when in _table(value, path, what).items()}
