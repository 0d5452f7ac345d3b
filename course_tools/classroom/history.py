"""All gradings of a class: what was found each time, and what changed since the time before (gradings.csv)."""

import csv
import io
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from course_lib.files import atomic_write
from course_tools.classroom.feedback import ExerciseResult
from course_tools.classroom.gradebook import Course
from course_tools.files import no_formula, printable

LOG = "gradings.csv"


def grading(
    course: Course, lesson: str, before: Mapping[str, Any], results: Mapping[str, ExerciseResult], *, asked: bool
) -> dict[str, Any]:
    """What a submission's file says of this grading: when, why, the points of its checks, what changed.

    before: what the file said until now.  asked: whether an instructor wanted it judged again.
    """
    why = "first time" if not before else "asked for" if asked else "handed in anew, or judged by other limits"
    old = before.get("findings", {})
    changed = []
    for name, result in results.items():
        verdicts = [_verdict(one) for one in (old.get(name, {}).get("passed"), result.passed)]
        if name in old and verdicts[0] != verdicts[1]:
            changed.append(f"{name}: {verdicts[0]} -> {verdicts[1]}")
        elif name in old and old[name].get("message") != result.message:
            changed.append(f"{name}: {verdicts[1]} as before, with another message")
    points = sum(item.points for item in course.items[lesson] if item.name in results and results[item.name].passed)
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    return {"time": now, "why": why, "points": points, "changed": changed}


def _verdict(passed: object) -> str:
    return "right" if passed else "wrong"


def said(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """The lines that tell an instructor what changed with the last of these gradings."""
    if len(entries) < 2:
        return []
    before, now = entries[-2:]
    points = f"{before['points']:g} -> {now['points']:g} points of checks" if before["points"] != now["points"] else ""
    what = "; ".join(filter(None, (points, *now["changed"]))) or "nothing"
    return [f"  changed since {before['time']}: {printable(what)}"]


def write_log(course: Course, found: Sequence[tuple[str, str]]) -> None:
    """Write gradings.csv: a row for each grading of each submission, the oldest first."""
    rows = []
    for student, lesson in found:
        points: Any = ""
        for entry in course.state(student, lesson).get("history", []):
            what = "; ".join(entry["changed"])
            rows.append((entry["time"], student, lesson, entry["why"], points, entry["points"], what))
            points = entry["points"]
    rows.sort(key=lambda row: row[:3])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("time", "student", "lesson", "why", "points_before", "points", "changed"))
    for row in rows:
        writer.writerow([no_formula(cell) if isinstance(cell, str) else cell for cell in row])
    atomic_write(course.root / LOG, text.getvalue())


class Clock:
    """How long the rest will take, by what is done."""

    def __init__(self, count: int) -> None:
        self.left = count
        self.start = time.monotonic()
        self.done = 0

    def tick(self) -> None:
        """One more is done."""
        self.left -= 1
        self.done += 1

    def __str__(self) -> str:
        if not self.done or not self.left:
            return ""
        seconds = self.left * (time.monotonic() - self.start) / self.done
        span = f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} minutes"
        return f"; about {span} for the {self.left} left"
