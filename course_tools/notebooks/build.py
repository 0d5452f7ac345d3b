"""Writes what the sources make: both notebooks of each lesson, README's table, the tables of the guides."""

from pathlib import Path

from course_lib.files import atomic_write
from course_tools.files import replace_section
from course_tools.notebooks.lesson import notebook_text
from course_tools.notebooks.pages import guide_pages
from course_tools.notebooks.project import Project
from course_tools.notebooks.render import BADGES, code_cells, render

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


def build(project: Project, *, check: bool = False) -> list[str]:
    """Make the notebooks, README's table and the instructor's tables of a course.

    Returns a sentence for each file written and for each solved notebook that has to be run again; with `check`
    writes nothing and returns a sentence for each file that is not what the sources make.
    Raises VerifyError if blank and solved notebooks disagree, CourseError for a page without its marks; then nothing is
    written.
    """
    files: dict[Path, str] = {}
    notes: list[str] = []
    for rendered in render(project):
        lesson = rendered.lesson
        if not any(cell.execution_count for cell in code_cells(rendered.solved)):
            notes.append(f"{project.label(lesson.solved)}: nobody has run this code; run `course run {lesson.name}`.")
        files[lesson.blank] = notebook_text(rendered.blank)
        files[lesson.solved] = notebook_text(rendered.solved)
    files[project.root / "README.md"] = _read_me(project)
    files |= guide_pages(project)
    changed = [path for path, text in files.items() if not path.exists() or path.read_bytes() != text.encode()]
    names = {lesson.name for lesson in project.lessons}
    strangers = [
        f"{project.label(path)}: no source makes this notebook; delete it, or give it one in notebooks/source."
        for folder in (project.root / "notebooks", project.root / "notebooks/solutions")
        for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))
        if path.stem not in names and "-" not in path.stem  # JupyterLab names a reader's copy 01_noise-Copy1.ipynb
    ]
    if check:
        return [f"{project.label(path)}: stale; run `course build`." for path in changed] + strangers
    for path in changed:
        atomic_write(path, files[path])
    return [f"{project.label(path)}: written." for path in changed] + notes + strangers


def _read_me(project: Project) -> str:
    """README with what stands between its markers made anew: the way into Colab, and the table of lessons."""
    path = project.root / "README.md"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    opening = _OPENING
    if project.release:
        opening = _OPENING_RELEASED.format(binder=project.release.binder(project.label(project.lessons[0].blank)))
    text = replace_section(text, "colab", [opening], page=path.name)
    return replace_section(text, "lessons", _table(project), page=path.name)


def _table(project: Project) -> list[str]:
    released, timings = project.release, project.timings
    rows = [
        "| Lesson | What you do | Minutes | Exercises | Seconds to run | Peak memory |" + " Open |" * bool(released),
        "| --- | --- | ---: | ---: | ---: | ---: |" + " --- |" * bool(released),
    ]
    for lesson in project.lessons:
        links = (
            f"[{lesson.number}. {lesson.title}](notebooks/{lesson.name}.ipynb) "
            f"([solved](notebooks/solutions/{lesson.name}.ipynb))"
        )
        timing = timings["lessons"].get(lesson.name)
        run = (f"{timing['seconds']:.0f}", f"{timing['peak_memory_mb']:.0f} MB") if timing else ("not run yet", "")
        row = [links, lesson.summary.strip(), str(lesson.minutes), str(len(lesson.exercises)), *run]
        if released:
            notebook = project.label(lesson.blank)
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
