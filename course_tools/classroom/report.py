"""What an instructor reads of a class: grades.csv, a summary in lines, and the same as a picture."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from course_lib.files import atomic_write
from course_tools.files import no_formula


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: no_formula(cell) if isinstance(cell, str) else cell for name, cell in row.items()})
    return text.getvalue()


def summary(rows: Sequence[Mapping[str, Any]], failed: Sequence[tuple[str, str, int, int, str]]) -> Iterator[str]:
    """Lines that tell how a class did: for each lesson its scores, then the exercises that most failed."""
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
    for lesson, name, count, total, message in failed[:5]:
        yield f"{name} ({lesson}): {count} of {total} failed, most with: {message}"


def plot_summary(
    rows: Sequence[Mapping[str, Any]], failed: Sequence[tuple[str, str, int, int, str]], path: Path
) -> None:
    """The same as a picture; its two colours (of Okabe and Ito) differ for colour-blind eyes, too."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    shares = [100 * row["score"] / (row["max_score"] or 1) for row in rows]
    left.hist(shares, bins=range(0, 101, 10), color="#0072B2", edgecolor="white")
    left.set(xlabel="score, %", ylabel="submissions", xlim=(0, 100))
    hardest = failed[:12][::-1]
    names, percents = [name for _, name, *_ in hardest], [100 * count / total for _, _, count, total, _ in hardest]
    right.barh(names, percents, color="#D55E00")
    right.set(xlabel="submissions that failed it, %", xlim=(0, 100))
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    atomic_write(path, picture.getvalue())
