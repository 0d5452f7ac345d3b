"""Grading again: one student, lesson or exercise; what changed since the last time; who is judged now; the log."""

import csv
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from course_lib.errors import CourseError
from course_tools.classroom import grade as grade_module
from course_tools.classroom.feedback import ExerciseResult
from course_tools.classroom.grade import Again, grade
from course_tools.classroom.gradebook import Course, Submission
from course_tools.classroom.history import LOG, Clock
from course_tools.cli import main
from tests.support.classroom import LESSON, hand_in, read
from tests.support.killed import stopped_before_renames

pytestmark = pytest.mark.slow

Judge = dict[tuple[str, str], bool]


@pytest.fixture
def course(two_exercises: Path, tmp_path: Path) -> Path:
    """Two students who handed in lesson 1, with `blend` (1 point) and `psnr` (2)."""
    course = Path(shutil.copytree(two_exercises, tmp_path / "course"))
    for student in ("ana", "bo"):
        hand_in(course, student, read(course, "release"))
    return course


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> Judge:
    """What is right, by student and exercise; the judge says so without a sandbox, and keeps what it was asked."""
    right: Judge = {}

    def timed(submission: Submission) -> tuple[dict[str, ExerciseResult], float]:
        asked.append((submission.student, tuple(submission.exercises)))
        verdicts = {name: right.get((submission.student, name), False) for name in submission.exercises}
        return {
            name: ExerciseResult(passed, "Passed." if passed else "Not yet.") for name, passed in verdicts.items()
        }, 1

    asked.clear()
    monkeypatch.setattr(grade_module, "_timed", timed)
    monkeypatch.setattr(grade_module, "unavailable_reason", lambda: None)
    monkeypatch.setattr(Course, "write_feedback", lambda self, found, say: None)
    return right


asked: list[tuple[str, tuple[str, ...]]] = []
ALL = ("blend", "psnr")


def run(course: Path, *names: str) -> tuple[list[str], dict[str, float]]:
    """Grade, again what is named; returns what was said and the score of each."""
    asked.clear()
    said: list[str] = []
    rows = grade(course, again=Again(*names), say=said.append)
    return said, {row["student"]: row["score"] for row in rows}


def log(course: Path) -> list[dict[str, str]]:
    return [*csv.DictReader((course / LOG).open(encoding="utf-8"))]


def test_what_is_named_is_judged_again_and_nothing_else(course: Path, judge: Judge) -> None:
    judge |= {("ana", "blend"): True}
    assert run(course)[1] == {"ana": 1, "bo": 0}
    assert run(course)[0][0] == "2 submissions, 2 of them graded before."
    assert asked == []
    judge |= {("bo", "psnr"): True, ("ana", "psnr"): True}
    assert run(course, "bo")[1] == {"ana": 1, "bo": 2}
    assert asked == [("bo", ALL)]
    run(course, "", LESSON)
    assert asked == [("ana", ALL), ("bo", ALL)]


def test_one_exercise_alone_is_judged_and_the_others_keep_their_points(course: Path, judge: Judge) -> None:
    judge |= {("ana", "blend"): True, ("ana", "psnr"): True}
    run(course)
    judge |= {("ana", "psnr"): False, ("ana", "blend"): False}
    assert run(course, "ana", LESSON, "psnr")[1] == {"ana": 1, "bo": 0}
    assert asked == [("ana", ("psnr",))]
    assert run(course, "", "", "blend")[1] == {"ana": 0, "bo": 0}
    assert asked == [("ana", ("blend",)), ("bo", ("blend",))]


def test_one_exercise_of_what_was_handed_in_anew_is_judged_with_the_others(course: Path, judge: Judge) -> None:
    run(course)
    path = course / f"submitted/ana/{LESSON}/{LESSON}.ipynb"
    path.write_text(path.read_text() + " ")
    judge |= {("ana", "blend"): True}
    assert run(course, "ana", "", "psnr")[1]["ana"] == 1
    assert asked == [("ana", ALL)]


def test_what_changed_is_said_and_logged(course: Path, judge: Judge) -> None:
    run(course)
    judge |= {("bo", "psnr"): True}
    said, _ = run(course, "bo")
    (line,) = [line for line in said if "changed since" in line]
    assert line.endswith(": 0 -> 2 points of checks; psnr: wrong -> right")
    assert run(course, "ana")[0][3].endswith(": nothing")
    path = course / f"submitted/ana/{LESSON}/{LESSON}.ipynb"
    path.write_text(path.read_text() + " ")
    run(course)
    rows = {(row["student"], number): row for number, row in enumerate(log(course))}
    assert len(rows) == 5
    told = sorted(
        (row["student"], row["why"], row["points_before"], row["points"], row["changed"]) for row in log(course)
    )
    assert told == [
        ("ana", "asked for", "0", "0", ""),
        ("ana", "first time", "", "0", ""),
        ("ana", "handed in anew, or judged by other limits", "0", "0", ""),
        ("bo", "asked for", "0", "2.0", "psnr: wrong -> right"),
        ("bo", "first time", "", "0", ""),
    ]


def test_another_message_is_a_change(course: Path, judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    run(course)
    new = {name: ExerciseResult(False, "The noise is taken away.") for name in ALL}
    monkeypatch.setattr(grade_module, "_timed", lambda submission: (new, 1))
    said, _ = run(course, "bo")
    assert any("blend: wrong as before, with another message" in line for line in said)


def test_a_student_is_named_before_the_judge_begins(course: Path, judge: Judge, monkeypatch: Any) -> None:
    said: list[str] = []

    def stands_still(submission: Submission) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(grade_module, "_timed", stands_still)
    with pytest.raises(KeyboardInterrupt):
        grade(course, say=said.append)
    assert said[-1] == f"Judging ana {LESSON}."


def test_the_time_that_is_left_is_said(course: Path, judge: Judge, monkeypatch: Any) -> None:
    clock = iter(range(0, 10_000, 50))
    monkeypatch.setattr("course_tools.classroom.history.time.monotonic", lambda: next(clock))
    said, _ = run(course)
    lines = [line for line in said if line.startswith("Judging")]
    assert lines == [f"Judging ana {LESSON}.", f"Judging bo {LESSON}; about 50 s for the 1 left."]
    long = Clock(31)
    long.tick()
    assert str(long) == "; about 25 minutes for the 30 left"


UNKNOWN = {
    "a student": (("anna",), "no student 'anna' in what was handed in; the nearest is ana"),
    "a lesson": (("", "01_nois"), "no lesson '01_nois' in what was handed in; the nearest is 01_noise"),
    "an exercise": (("", "", "blent"), "no exercise with a check 'blent' in what was handed in; the nearest is blend"),
}


@pytest.mark.parametrize(("names", "sentence"), UNKNOWN.values(), ids=UNKNOWN)
def test_a_name_that_nobody_has_is_refused(course: Path, judge: Judge, names: tuple[str, ...], sentence: str) -> None:
    run(course)
    with pytest.raises(CourseError, match=re.escape(sentence)):
        run(course, *names)


def test_what_a_student_did_not_hand_in_is_not_judged_again(course: Path, judge: Judge, monkeypatch: Any) -> None:
    run(course)
    monkeypatch.setattr(Course, "submissions", lambda self: [("ana", LESSON), ("bo", "02_more")])
    monkeypatch.setattr(Course, "exercises", lambda self, lesson: {"blend": ()} if lesson == LESSON else {"b": ()})
    with pytest.raises(CourseError, match="bo handed in no 01_noise with blend"):
        run(course, "bo", LESSON, "blend")


def test_the_roster_knows_a_student_by_name(course: Path, judge: Judge) -> None:
    (course / "roster.csv").write_text("student,name\nana,Ana Pérez\nbo,Bo\n")
    run(course)
    run(course, "Pérez Ana")
    assert asked == [("ana", ALL)]


def test_the_command_takes_the_names(course: Path, judge: Judge, capsys: pytest.CaptureFixture[str]) -> None:
    run(course)
    judge |= {("ana", "psnr"): True}
    assert main(["grade", str(course), "--jobs", "1", "--student", "ana", "--exercise", "psnr"]) == 0
    assert "psnr: wrong -> right" in capsys.readouterr().out
    assert asked[-1] == ("ana", ("psnr",))


def test_killed_anywhere_each_grading_is_logged_once(course: Path, judge: Judge, monkeypatch: Any) -> None:
    kills = 0
    while True:
        try:
            with stopped_before_renames(monkeypatch, kills):
                grade(course, say=lambda line: None)
            break
        except KeyboardInterrupt:
            kills += 1
    assert kills > 3
    assert [(row["student"], row["why"]) for row in log(course)] == [("ana", "first time"), ("bo", "first time")]
    states: list[Mapping[str, Any]] = [Course(course).state(student, LESSON) for student in ("ana", "bo")]
    assert all(state["entered"] for state in states)
