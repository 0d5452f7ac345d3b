"""The points of a class, before and after what is taken off for being late, as a table."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from course_lib.files import atomic_write
from course_tools.classroom.deadlines import Deadlines, read_deadlines
from course_tools.classroom.gradebook import Course
from course_tools.classroom.ledger import Ledger
from course_tools.classroom.report import as_csv
from course_tools.files import printable


def rules(course: Course) -> tuple[Deadlines, Ledger]:
    """What decides who is late.  Raises CourseError if course.toml can't be meant so."""
    return read_deadlines(course.root, course.items, course.roster), Ledger.read(course.root)


def finished_rows(course: Course, found: Sequence[tuple[str, str]]) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows of grades.csv of these submissions, which are graded, and sentences on who is late by guess.

    `score` is what was earned, `points` what is left of it after `days_late`; so both stand there.
    """
    deadlines, ledger = rules(course)
    rows: list[dict[str, Any]] = []
    guessed: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in course.rows(found):
        student, lesson = row["student"], row["lesson"]
        person = course.roster.of(student) if course.roster else None
        late = deadlines.lateness(student, lesson, ledger, course.stamp(student, lesson))
        if late.note:
            guessed[lesson, late.note].append(printable(student))
        rows.append(
            {
                "student": student,
                "name": person.name if person else "",
                "mail": person.mail if person else "",
                "lesson": lesson,
                "score": row["score"],
                "max_score": row["max_score"],
                "days_late": late.days,
                "points": deadlines.points(row["score"], late.days),
                "needs_manual_grade": row["needs_manual_grade"],
            }
        )
    notes = []
    for (lesson, note), names in guessed.items():
        more = f" and {len(names) - 10} more" if len(names) > 10 else ""
        notes.append(f"{lesson}: {note} ({', '.join(names[:10])}{more}).")
    return rows, notes


def write_grades(course: Course, rows: Sequence[dict[str, Any]], refused: Sequence[str] = ()) -> None:
    """Write grades.csv: these rows, and one for each student of the roster who handed in nothing of a lesson in it.

    refused: students of whom nothing could be laid out; those of no roster get a row with nothing but their name.
    """
    there = {(row["student"], row["lesson"]) for row in rows}
    missing = []
    for lesson in dict.fromkeys(row["lesson"] for row in rows):
        for person in course.roster.people if course.roster else ():
            if (person.student, lesson) not in there:
                blank = dict.fromkeys(rows[0], "")
                who = {"student": person.student, "name": person.name, "mail": person.mail, "lesson": lesson}
                missing.append(blank | who)
    named = {row["student"] for row in (*rows, *missing)}
    missing += [dict.fromkeys(rows[0], "") | {"student": student} for student in refused if student not in named]
    atomic_write(course.root / "grades.csv", as_csv([*rows, *missing]))
