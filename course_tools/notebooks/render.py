"""Makes of a lesson's source its marked, its blank and its solved notebook, and keeps the outputs that are stored."""

import base64
import copy
import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from course_tools.notebooks.lesson import (
    MIME_TYPES,
    Lesson,
    blank_solutions,
    call_of_check,
    nbgrader_metadata,
    reference_to,
)
from course_tools.notebooks.project import Project
from course_tools.notebooks.setup_cell import set_up_source
from course_tools.notebooks.source import PLACEHOLDER, Cell, Source, elements_of
from course_tools.notebooks.verify import VerifyError, verify

BADGES = "images/open_in_{}.svg"
# No version of anything: the notebooks must not depend on the machine that builds or runs them.
_KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "pygments_lexer": "ipython3",
    },
}
# Hidden, with a button that opens it, in JupyterLab (source_hidden), Colab (cellView) and myst-nb (hide-input).
_SET_UP = {"cellView": "form", "course": {"set_up": True}, "jupyter": {"source_hidden": True}, "tags": ["hide-input"]}


@dataclass(frozen=True)
class Rendered:
    """A lesson's notebooks as its source makes them; `marked` has the solutions between their markers."""

    lesson: Lesson
    marked: NotebookNode
    blank: NotebookNode
    solved: NotebookNode


def render(project: Project) -> list[Rendered]:
    """The notebooks of all lessons, in order; the solved ones with the outputs that are stored.  Writes nothing.

    Raises VerifyError if blank and solved notebooks disagree.
    """
    rendered = []
    for source in project.sources:
        marked, blank, solved = _render(source, project)
        if project.release:
            address = project.release.colab(project.label(source.lesson.blank))
            _stamp(blank, address, project.root / BADGES.format("colab"))
        try:
            verify(blank, solved)
        except VerifyError as error:
            raise VerifyError(f"{source.label}: {error}") from None
        copy_outputs(_stored(source.lesson.solved), solved)
        rendered.append(Rendered(source.lesson, marked, blank, solved))
    return rendered


def copy_outputs(run: NotebookNode, built: NotebookNode) -> bool:
    """Copy the outputs that `run` has into `built`, if both have the same code cells in the same order.

    The set-up cell may differ: it only says where the library comes from, and it changes when the course is published.
    Copies execution counts, and the state of widgets where `run` has it, too.  Returns whether the code is the same.
    """
    pairs = list(zip(code_cells(run), code_cells(built), strict=False))
    if len(code_cells(run)) != len(code_cells(built)) or any(_lesson_code(a) != _lesson_code(b) for a, b in pairs):
        return False
    for executed, cell in pairs:
        cell.outputs, cell.execution_count = executed.outputs, executed.execution_count
    if "widgets" in run.metadata:
        built.metadata.widgets = run.metadata.widgets
    return True


def _lesson_code(cell: NotebookNode) -> str:
    return "" if cell.metadata.get("course", {}).get("set_up") else cell.source


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _stored(path: Path) -> NotebookNode:
    try:
        return nbformat.read(path, as_version=4)
    except Exception:  # cut short or no notebook at all: there is nothing to keep
        return nbformat.v4.new_notebook()


def _render(source: Source, project: Project) -> tuple[NotebookNode, ...]:
    """The notebook of a source with its solutions marked, the blank and the solved one, without outputs."""
    from nbgrader import preprocessors

    lesson = source.lesson
    words = {"minutes": str(lesson.minutes), "run_time": _run_time(project.timings["lessons"].get(lesson.name))}
    ids: set[str] = set()
    cells = [_render_cell(source, position, words, ids) for position in range(len(source.cells))]
    set_up = set_up_source(project.release)
    cells.insert(1, nbformat.v4.new_code_cell(set_up, id="set-up", metadata=copy.deepcopy(_SET_UP)))
    metadata = {**copy.deepcopy(_KERNEL), "course": dict(source.metadata)}
    marked = nbformat.v4.new_notebook(cells=cells, metadata=metadata, nbformat_minor=5)
    solved = copy.deepcopy(marked)
    preprocessors.ClearHiddenTests().preprocess(solved, {})
    blank = copy.deepcopy(solved)
    for cell in solved.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            lines = cell.source.split("\n")
            cell.source = "\n".join(line for line in lines if not re.search(r"(BEGIN|END) SOLUTION", line))
    blank_solutions(blank)
    for step in ("LockCells", "ClearOutput", "ComputeChecksums", "CheckCellMetadata"):
        getattr(preprocessors, step)().preprocess(blank, {})
    link_solved(blank, lesson.name)
    return marked, blank, solved


def link_solved(notebook: NotebookNode, lesson: str) -> None:
    """Say under each exercise's hints where it is solved: in the folder `solutions` beside the notebook."""
    for cell in notebook.cells:
        if "hints" in cell.metadata.get("course", {}):
            cell.source += f"\n\nStill stuck? [See this exercise solved](solutions/{lesson}.ipynb)."


def _stamp(blank: NotebookNode, address: str, badge: Path) -> None:
    """Put the badge that opens the lesson in Colab under its title.  Inside the notebook: it must open offline, too."""
    title, below = blank.cells[0].source.split("\n", 1)
    data = f"data:{MIME_TYPES[badge.suffix]};base64,{base64.b64encode(badge.read_bytes()).decode()}"
    blank.cells[0].source = f'{title}\n\n<a href="{address}"><img alt="Open in Colab" src="{data}"></a>\n{below}'


def _render_cell(source: Source, position: int, words: Mapping[str, str], ids: set[str]) -> NotebookNode:
    cell = source.cells[position]
    text = cell.node.source
    if cell.kind == "check":
        text = "\n".join([call_of_check(cell.name), *filter(None, [text])])
    id_ = _free_id(cell, ids)
    if cell.node.cell_type == "code":
        return nbformat.v4.new_code_cell(text, id=id_, metadata=_metadata_of(cell))
    if exercise := source.exercises.get(position):
        minutes = f"{exercise.minutes} minute{'s' if exercise.minutes > 1 else ''}"
        heading, *rest = text.split("\n")
        text = "\n".join([f"{heading.rstrip()} ({minutes}, {exercise.difficulty})", *rest])
    text = PLACEHOLDER.sub(lambda found: words[found[1]], text)
    for path in {element.src for element in elements_of(text) if element.tag == "img"}:
        if not path.startswith("data:"):
            picture = source.path.parent / path
            data = f"data:{MIME_TYPES[picture.suffix]};base64,{base64.b64encode(picture.read_bytes()).decode()}"
            text = reference_to(path).sub(rf"\g<1>{data}", text)
    return getattr(nbformat.v4, f"new_{cell.node.cell_type}_cell")(text, id=id_, metadata=_metadata_of(cell))


def _metadata_of(cell: Cell) -> dict[str, Any]:
    """What a notebook's cell says of itself: nbgrader's metadata, and under `course` what tools may want to know."""
    if cell.kind in ("solution", "check", "answer"):
        return {"nbgrader": nbgrader_metadata(cell.kind, cell.name, cell.marks.get("points"))}
    if cell.kind == "exercise":
        beside = {key: value for key, value in cell.marks.items() if key != "exercise"}
        return {"course": {"exercise": {"name": cell.name, **beside}}}
    if cell.kind == "hints":
        return {"course": {"hints": cell.name}}
    return cell.marks


def _free_id(cell: Cell, ids: set[str]) -> str:
    """An id that is not among `ids` yet, where it is noted.

    Two builds must give the same, so it is made of the exercise's name, or of the text where there is no name.
    """
    named = {
        "exercise": f"exercise-{cell.name}",
        "solution": cell.name,
        "check": f"check-{cell.name}",
        "answer": cell.name,
        "hints": f"hints-{cell.name}",
    }
    text = f"{cell.node.cell_type}\n{cell.node.source}".encode()
    wanted = named.get(cell.kind, "cell-" + hashlib.sha256(text).hexdigest()[:12])
    repeats = (f"{wanted}-{count}" for count in range(2, len(ids) + 3))
    free = next(name for name in (wanted, *repeats) if name not in ids)
    ids.add(free)
    return free


def _run_time(timing: Mapping[str, float] | None) -> str:
    """How long a lesson runs, in words: rounded up to ten seconds, in minutes over ninety seconds."""
    if timing is None:
        return "not measured yet"
    if timing["seconds"] > 90:
        return f"about {max(2, round(timing['seconds'] / 60))} minutes"
    return f"about {max(1, math.ceil(timing['seconds'] / 10)) * 10} seconds"
