"""Due dates, grace, penalties and extensions, and what is taken for the time at which something was handed in."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from course_lib.errors import CourseError
from course_tools.classroom.deadlines import SETTINGS, TEMPLATE, Deadlines, Late, read_deadlines
from course_tools.classroom.ledger import Ledger
from course_tools.classroom.lms import Owner
from course_tools.classroom.roster import Person, Roster

LESSON = "01_noise"
CLASS = Roster((Person("ana", "Ana Pérez", "104"), Person("bo", "Bo Li"), Person("cy", "Cy Young")))
DUE = datetime(2026, 11, 23, 12).astimezone()
RULES = """
[late]
grace_minutes = 15
penalty = 10
most = 50
[lessons.01_noise]
due = 2026-11-23 12:00:00
extensions."Ana Pérez" = 2026-11-25 12:00:00
handed_in."Cy Young" = 2026-11-24 11:00:00
"""


def rules(tmp_path: Path, text: str = RULES, roster: Roster | None = CLASS) -> Deadlines:
    (tmp_path / SETTINGS).write_text(text, encoding="utf-8")
    return read_deadlines(tmp_path, [LESSON, "02_more"], roster)


def late(found: Deadlines, student: str, *, owner: Owner | None = None, stamp: datetime | None = None, **times: float):
    ledger = Ledger(Path(), times=times)
    if owner:
        ledger.record({(student, LESSON): owner})
    return found.lateness(student, LESSON, ledger, stamp)


AFTER = [(-1, 0), (0, 0), (15, 0), (16, 1), (24 * 60, 1), (24 * 60 + 1, 2), (10 * 24 * 60, 10)]


@pytest.mark.parametrize(("minutes", "days"), AFTER)
def test_each_day_that_has_begun_counts_and_none_within_the_grace(tmp_path: Path, minutes: int, days: int) -> None:
    found = rules(tmp_path)
    when = DUE + timedelta(minutes=minutes)
    assert late(found, "bo", stamp=when.astimezone(UTC)) == Late(days)
    assert late(found, "ana", stamp=when + timedelta(days=2)) == Late(days)  # who has longer, has longer


def test_a_penalty_is_a_share_of_what_was_earned_and_has_an_end(tmp_path: Path) -> None:
    found = rules(tmp_path)
    assert [found.points(8, days) for days in (0, 1, 2, 5, 9)] == [8, 7.2, 6.4, 4, 4]
    assert rules(tmp_path, "[late]\npenalty = 30\n").points(8, 4) == 0
    assert rules(tmp_path, "").points(8, 4) == 8


def test_the_name_is_believed_before_the_file_and_the_instructor_before_both(tmp_path: Path) -> None:
    found = rules(tmp_path)
    named = Owner("x", "blackboard", time=(DUE + timedelta(hours=30)).timestamp())
    assert late(found, "bo", owner=named, stamp=DUE) == Late(2)
    assert late(found, "cy", owner=named, stamp=DUE) == Late(1)
    # Moodle's zip has the time of the download; its worksheet has the right one.
    moodle = Owner("x", "moodle", "4400")
    download = DUE + timedelta(days=9)
    assert late(found, "bo", owner=moodle, stamp=download).note == "it is not known when it was handed in"
    times = {"4400": (DUE + timedelta(hours=1)).timestamp()}
    assert late(found, "bo", owner=moodle, stamp=download, **times) == Late(1)
    assert late(found, "bo", owner=Owner("x", "canvas", "4400"), stamp=download, **times).days == 0


def test_that_canvas_calls_something_late_counts(tmp_path: Path) -> None:
    found = rules(tmp_path)
    download = DUE + timedelta(days=9)
    word, on_time = Owner("x", "canvas", "104", late=True), Owner("x", "canvas", "104")
    assert (late(found, "bo", owner=word, stamp=download).days, late(found, "bo", owner=on_time).days) == (1, 0)
    assert "LATE" in late(found, "bo", owner=word).note
    assert late(found, "ana", owner=word).days == 0  # has an extension
    assert late(found, "cy", owner=word).note == ""  # the instructor says when
    assert rules(tmp_path, "[late]\npenalty = 5\n").lateness("bo", LESSON, Ledger(Path()), download) == Late()
    assert late(rules(tmp_path, "[late]\npenalty = 5\n"), "bo", owner=word).days == 1


def test_times_have_a_zone_or_are_local_and_a_day_lasts_until_its_end(tmp_path: Path) -> None:
    zone = rules(tmp_path, "[lessons.01_noise]\ndue = 2026-11-23T12:00:00+05:00")
    assert zone.of(LESSON).due == datetime(2026, 11, 23, 7, tzinfo=UTC)
    day = rules(tmp_path, "[lessons.01_noise]\ndue = 2026-11-23")
    assert late(day, "bo", stamp=datetime(2026, 11, 23, 23, 59, 59).astimezone()) == Late()
    assert late(day, "bo", stamp=datetime(2026, 11, 24, 0, 0, 1).astimezone()) == Late(1)


def test_without_a_roster_students_are_called_by_their_folder(tmp_path: Path) -> None:
    (tmp_path / "submitted/Ana_Perez").mkdir(parents=True)
    text = '[lessons.01_noise]\ndue = 2026-11-23\nextensions."Ana Perez" = 2026-11-25'
    assert list(rules(tmp_path, text, None).of(LESSON).extensions) == ["Ana_Perez"]
    with pytest.raises(CourseError, match=r"no student 'Anna Peres' in submitted/; the nearest is Ana_Perez"):
        rules(tmp_path, text.replace("Ana Perez", "Anna Peres"), None)


BAD = {
    "no TOML": ("[late", "is not TOML"),
    "a word that means nothing": ("[late]\npenalti = 10", "'penalti', which means nothing; there are"),
    "a table that means nothing": ("[deadlines]\n", "'deadlines', which means nothing"),
    "a lesson that is not there": ("[lessons.01_nois]\n", "no lesson '01_nois' in this class; the nearest is 01_noise"),
    "a number that can't be": ("[late]\npenalty = 110", "write a number from 0 to 100"),
    "a text for a number": ('[late]\nmost = "50"', "most is '50'; write a number"),
    "a text for a time": ('[lessons.01_noise]\ndue = "tomorrow"', "write a time as 2026-11-23"),
    "a value for a table": ("lessons = 3", r"\[lessons\] is no table"),
    "nobody": ('[lessons.01_noise.extensions]\n"Anna Perez" = 2026-11-23', "the nearest is Ana Pérez"),
}


@pytest.mark.parametrize(("text", "sentence"), BAD.values(), ids=BAD)
def test_a_slip_is_said(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(CourseError, match=sentence):
        rules(tmp_path, text)


def test_what_assign_writes_holds_nothing_until_the_hashes_are_gone(tmp_path: Path) -> None:
    assert rules(tmp_path, TEMPLATE) == Deadlines()
    text = "\n".join(line.removeprefix("# ") for line in TEMPLATE.splitlines()[3:])
    found = rules(tmp_path, text)
    assert found.penalty == 10
    assert list(found.of(LESSON).extensions) == ["ana"]
    assert found.of(LESSON).column == "Homework 1"
