"""Writes what the sources make: both notebooks of each lesson, README's table, the tables of the guides."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from course_lib.files import atomic_write
from course_tools.files import replace_section
from course_tools.notebooks.lesson import Lesson, label_of, notebook_text
from course_tools.notebooks.pages import guide_pages
from course_tools.notebooks.release import Release, release
from course_tools.notebooks.render import BADGES, code_cells, read_timings, render

# What README says of Colab, before and after the course is published.
_OPENING = """\
**In Google Colab.** Run `make wheel`; it leaves one file in `dist/`. In Colab choose *File, Upload notebook* and take
a lesson from `notebooks/`; open the file pane on the left and drop the wheel there; run all. The lesson's first cell
installs the course from the wheel and leaves everything that Colab has as it is."""
_OPENING_RELEASED = """\
**Without installing anything.** The badges in [the table of lessons](#the-lessons) open a lesson in Google Colab or on
Binder ([lesson 0 on Binder]({binder})). In Colab a lesson's first cell installs the course and leaves everything that
Colab has as it is. A changed copy of the course goes there as a wheel: run `make wheel`, upload the lesson, drop the
file from `dist/` into Colab's file pane, and run all."""


def build(root: Path, *, check: bool = False) -> list[str]:
    """Make the notebooks, README's table and the instructor's tables of the course in the folder `root`.

    Returns a sentence for each file written and for each solved notebook that has to be run again; with `check`
    writes nothing and returns a sentence for each file that is not what the sources make.
    Raises AuthorError, or VerifyError if blank and solved notebooks disagree; then nothing is written.
    """
    files: dict[Path, str] = {}
    notes: list[str] = []
    lessons = []
    for rendered in render(root):
        lesson = rendered.lesson
        lessons.append(lesson)
        if not any(cell.execution_count for cell in code_cells(rendered.solved)):
            notes.append(f"{label_of(lesson.solved, root)}: nobody has run this code; run `course run {lesson.name}`.")
        files[lesson.blank] = notebook_text(rendered.blank)
        files[lesson.solved] = notebook_text(rendered.solved)
    timings = read_timings(root / "docs/timings.json")
    files[root / "README.md"] = _read_me(root, lessons, timings, release(root))
    files |= guide_pages(root, lessons)
    changed = [path for path, text in files.items() if not path.exists() or path.read_bytes() != text.encode()]
    names = {lesson.name for lesson in lessons}
    strangers = [
        f"{label_of(path, root)}: no source makes this notebook; delete it, or give it one in notebooks/source."
        for folder in (root / "notebooks", root / "notebooks/solutions")
        for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))
        if path.stem not in names and "-" not in path.stem  # JupyterLab names a reader's copy 01_noise-Copy1.ipynb
    ]
    if check:
        return [f"{label_of(path, root)}: stale; run `course build`." for path in changed] + strangers
    for path in changed:
        atomic_write(path, files[path])
    return [f"{label_of(path, root)}: written." for path in changed] + notes + strangers


def _read_me(root: Path, lessons: Sequence[Lesson], timings: Mapping[str, Any], released: Release | None) -> str:
    """README with what stands between its markers made anew: the way into Colab, and the table of lessons."""
    path = root / "README.md"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    binder = released and released.binder(label_of(lessons[0].blank, root))
    opening = _OPENING_RELEASED.format(binder=binder) if released else _OPENING
    text = replace_section(text, "colab", [opening], page=path.name)
    return replace_section(text, "lessons", _table(root, lessons, timings, released), page=path.name)


def _table(root: Path, lessons: Sequence[Lesson], timings: Mapping[str, Any], released: Release | None) -> list[str]:
    rows = [
        "| Lesson | What you do | Minutes | Exercises | Seconds to run | Peak memory |" + " Open |" * bool(released),
        "| --- | --- | ---: | ---: | ---: | ---: |" + " --- |" * bool(released),
    ]
    for lesson in lessons:
        links = (
            f"[{lesson.number}. {lesson.title}](notebooks/{lesson.name}.ipynb) "
            f"([solved](notebooks/solutions/{lesson.name}.ipynb))"
        )
        timing = timings["lessons"].get(lesson.name)
        run = (f"{timing['seconds']:.0f}", f"{timing['peak_memory_mb']:.0f} MB") if timing else ("not run yet", "")
        row = [links, lesson.summary.strip(), str(lesson.minutes), str(len(lesson.exercises)), *run]
        if released:
            notebook = label_of(lesson.blank, root)
            places = {"Colab": released.colab(notebook), "Binder": released.binder(notebook)}
            badges = (
                f"[![Open lesson {lesson.number} in {place}]({BADGES.format(place.lower())})]({address})"
                for place, address in places.items()
            )
            row.append(" ".join(badges))
        rows.append("| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |")
    if timings["lessons"] and timings["machine"]:
        rows += ["", f"Times and memory: {timings['machine']}."]
    return rows
