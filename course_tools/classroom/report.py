"""What an instructor reads of a class: grades.csv, a summary in lines, and the same as a picture."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_lib.files import atomic_write
from course_tools.files import no_formula


@dataclass(frozen=True)
class Heard:
    """What a class was told of one exercise."""

    lesson: str
    name: str
    judged: int  # submissions
    messages: Counter[str]  # the first line of what those that failed were told, and how many were

    @property
    def failed(self) -> int:
        return self.messages.total()


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: no_formula(cell) if isinstance(cell, str) else cell for name, cell in row.items()})
    return text.getvalue()


def summary(rows: Sequence[Mapping[str, Any]], heard: Sequence[Heard]) -> Iterator[str]:
    """Lines that tell how a class did: for each lesson its scores, then each exercise that somebody failed."""
    for lesson in dict.fromkeys(row["lesson"] for row in rows):
        of_lesson = [row for row in rows if row["lesson"] == lesson]
        scores = sorted(row["score"] for row in of_lesson)
        waiting = sum(row["needs_manual_grade"] for row in of_lesson)
        hand = f"; {waiting} to be graded by hand: open formgrader" if waiting else ""
        low, middle, high = scores[0], scores[len(scores) // 2], scores[-1]
        most = of_lesson[0]["max_score"]
        count = len(of_lesson)
        yield f"{lesson}: {count} submissions, {low:g} to {high:g} of {most:g}, the middle one {middle:g}{hand}."
        for number in range(5):
            in_bin = [row for row in of_lesson if number == min(4, int(5 * row["score"] / (most or 1)))]
            bar = "#" * round(40 * len(in_bin) / count)
            yield f"  {20 * number:3} to {20 * number + 20:3} %  {bar:40} {len(in_bin)}"
        exercises = [one for one in heard if one.lesson == lesson]
        for one in sorted(exercises, key=lambda one: -one.failed / one.judged):
            told = f", most with: {one.messages.most_common(1)[0][0]}" if one.failed else ""
            yield f"  {one.name} ({lesson}): {one.failed} of {one.judged} failed{told}"


def plot_summary(rows: Sequence[Mapping[str, Any]], heard: Sequence[Heard], path: Path) -> None:
    """The same as a picture, a lesson below the other: its scores, and who failed each of its exercises.

    Its two colours (of Okabe and Ito) differ for colour-blind eyes, too.
    """
    from matplotlib.figure import Figure

    lessons = [*dict.fromkeys(row["lesson"] for row in rows)]
    exercises = {lesson: [one for one in heard if one.lesson == lesson] for lesson in lessons}
    heights = [max(2.5, 0.9 + 0.3 * len(exercises[lesson])) for lesson in lessons]
    figure = Figure(figsize=(10, sum(heights)), layout="constrained")
    panels = figure.subplots(len(lessons), 2, squeeze=False, height_ratios=heights)
    for lesson, (left, right) in zip(lessons, panels, strict=True):
        shares = [100 * row["score"] / (row["max_score"] or 1) for row in rows if row["lesson"] == lesson]
        left.hist(shares, bins=range(0, 101, 10), color="#0072B2", edgecolor="white")
        left.set(title=lesson, xlabel="score, %", ylabel="submissions", xlim=(0, 100))
        left.yaxis.get_major_locator().set_params(integer=True)
        names = [f"{lesson}: {one.name}" for one in exercises[lesson]]
        bars = right.barh(names, [100 * one.failed / one.judged for one in exercises[lesson]], color="#D55E00")
        right.bar_label(bars, [f"{one.failed} of {one.judged}" for one in exercises[lesson]], padding=3)
        right.set(title=lesson, xlabel="submissions that failed it, %", xlim=(0, 125), xticks=range(0, 101, 20))
        right.invert_yaxis()  # the first exercise at the top
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    atomic_write(path, picture.getvalue())
