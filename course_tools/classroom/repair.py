"""Makes of what a student handed in the notebook that nbgrader expects: `course collect` takes exercises by name."""

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import nbformat
from nbformat import NotebookNode

from course_lib.errors import CourseError
from course_tools.classroom.submission import (
    SubmittedCell,
    defines_value,
    definitions,
    graded_cells,
    imports_of,
    read_submission,
    squeezed,
)

_CELL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class Repaired:
    """A submission as nbgrader expects it, of which lesson it is, and what was done to it, a sentence each."""

    lesson: str
    notebook: NotebookNode
    done: tuple[str, ...]
    written: int  # exercises that hold more than the released stub


def repair(data: bytes, releases: Mapping[str, NotebookNode]) -> Repaired:
    """Find the exercises of one of the lessons in the notebook `data`, and put back what nbgrader needs.

    releases: the released notebooks by lesson.  All that the student wrote stays, in its order, but for changed or
    repeated check cells, stubs beside an answer, outputs and metadata.
    Raises CourseError, one sentence, for what is no notebook or of no lesson in `releases`.
    """
    cells, done = read_submission(data)
    lesson = _lesson_of(cells, releases)
    notebook, more, written = _Repair(cells, releases[lesson]).make()
    return Repaired(lesson, notebook, (*done, *more), written)


# --- Which lesson -----------------------------------------------------------------------------------------------------


def _lesson_of(cells: Sequence[SubmittedCell], releases: Mapping[str, NotebookNode]) -> str:
    """The lesson whose exercises these cells hold.  Raises CourseError if it is none that is assigned."""

    def evidence(release: NotebookNode) -> int:
        return sum(
            any(cell.is_called(name) or name in cell.defines or f"checks.{name}(" in cell.source for cell in cells)
            for name in (
                grade_id for grade_id, cell in graded_cells(release).items() if cell.metadata.nbgrader.solution
            )
        )

    found = {lesson: evidence(release) for lesson, release in releases.items()}
    best = max(found, key=lambda lesson: found[lesson])
    known = {grade_id for release in releases.values() for grade_id in graded_cells(release)}
    strangers = {cell.grade_id for cell in cells if cell.grade_id and not cell.grade_id.startswith("check-")} - known
    if found[best] > len(strangers):
        return best
    heading = re.search(r"^#\s+(.+)", "\n".join(cell.source for cell in cells if cell.kind == "markdown"), re.M)
    what = f'it is another notebook, "{heading[1].strip()[:60]}"' if heading else "it holds no exercise of the course"
    raise CourseError(f"{what}; assigned here: {', '.join(sorted(releases))}")


# --- Putting it together ----------------------------------------------------------------------------------------------

_Place = tuple[int, int]  # after which cell of the student's, and in which order there


class _Repair:
    """Lays a student's cells and the released ones that belong between them out as one notebook."""

    def __init__(self, cells: Sequence[SubmittedCell], release: NotebookNode) -> None:
        self.cells = cells
        self.release = release
        self.graded = graded_cells(release)
        self.laid: list[tuple[_Place, NotebookNode]] = []
        self.first = len(cells)  # the position of the first exercise that the student worked at
        self.gone: set[int] = set()  # positions of the student's cells that are not laid out as they are
        self.done: list[str] = []
        self.written = 0

    def make(self) -> tuple[NotebookNode, list[str], int]:
        last: _Place = (-1, 0)
        for name, released in self.graded.items():
            if not released.metadata.nbgrader.solution:
                continue
            lay = self._function if released.cell_type == "code" else self._text
            last = lay(name, released, last)
            if check := self.graded.get(f"check-{name}"):
                last = self._check(name, check, last)
        self._import()
        notebook = nbformat.v4.new_notebook(metadata=copy.deepcopy(self.release.metadata), nbformat_minor=5)
        rest = [((place, 0), self._plain(cell)) for place, cell in enumerate(self.cells) if place not in self.gone]
        notebook.cells = [cell for _, cell in sorted([*rest, *self.laid], key=lambda item: item[0])]
        _name_cells(notebook, set(self.graded))
        nbformat.validate(notebook)
        return notebook, self.done, self.written

    def _function(self, name: str, released: NotebookNode, last: _Place) -> _Place:
        """Lay out the cell with the function `name`, wherever it stands, and say where it is."""
        stub = squeezed(definitions(released.source)[name])
        called = [place for place, cell in enumerate(self.cells) if cell.is_called(name)]
        for place in called:
            cell = self.cells[place]
            if cell.kind != "code":
                self.done.append(f"the cell of {name} was no code cell; it is again")
                cell.kind, cell.defines = "code", definitions(cell.source)
        defining = [place for place, cell in enumerate(self.cells) if name in cell.defines]
        answers = [place for place in defining if squeezed(self.cells[place].defines[name]) != stub]
        values = [place for place in answers if defines_value(name, self.cells[place].defines[name])]
        if len(values) < len(answers):  # a function counts, whatever its name stood for later
            defining, answers = ([place for place in some if place not in values] for some in (defining, answers))
        if len(answers) > 1:
            self.done.append(f"{name} was written {len(answers)} times; the last one counts")
        if not defining:
            return self._without_function(name, released, called, last)
        chosen = (answers or defining)[-1]
        self.first = min(self.first, chosen)
        self.written += bool(answers)
        if chosen not in called:
            self.done.append(f"{name} was found by its name, in a cell without its metadata")
        self.gone |= {
            place
            for place in defining
            if place != chosen and squeezed(self.cells[place].source) == squeezed(released.source)
        }
        cell = self.cells[chosen]
        final = max(place for place in defining if place not in self.gone)
        exercises = [other for other in cell.defines if other in self.graded]
        if len(exercises) == 1 and final == chosen:
            self.gone.add(chosen)
            return self._lay((chosen, 0), released, cell.source)
        # Other exercises stand in the same cell, or an empty stub after it: the function gets a cell of its own below.
        others = ", ".join(other for other in exercises if other != name) or "an empty stub of it"
        self.done.append(f"{name} stood together with {others}; it has a cell of its own now")
        return self._lay((final, 1 + exercises.index(name)), released, cell.defines[name])

    def _without_function(self, name: str, released: NotebookNode, called: Sequence[int], last: _Place) -> _Place:
        if called:
            cell = self.cells[called[-1]]
            others = ", ".join(list(cell.defines)[:3])
            self.done.append(f"there is no function {name}" + (f": its cell defines {others}" if others else ""))
            self.gone.add(called[-1])
            self.written += 1
            return self._lay((called[-1], 0), released, cell.source)
        self.done.append(f"{name} was missing; its empty cell was put back")
        return self._lay(self._place_of(name, last), released, released.source)

    def _text(self, name: str, released: NotebookNode, last: _Place) -> _Place:
        """Lay out the cell with the written answer `name`; without metadata it is what follows the task."""
        called = [place for place, cell in enumerate(self.cells) if cell.is_called(name)]
        answers = [place for place in called if squeezed(self.cells[place].source) != squeezed(released.source)]
        if len(answers) > 1:
            self.done.append(f"{name} was answered {len(answers)} times; the last one counts")
        if not answers and (found := self._after_task(name)):
            answers = found
            self.done.append(f"{name} was found below its task, in a cell without its metadata")
            self.gone |= {*called, *found}
            text = "\n\n".join(self.cells[place].source for place in found)
        elif called:
            chosen = (answers or called)[-1]
            self.gone |= {chosen, *(place for place in called if place not in answers)}
            text, found = self.cells[chosen].source, [chosen]
        else:
            self.done.append(f"{name} was missing; its empty cell was put back")
            return self._lay(self._place_of(name, last), released, released.source)
        self.written += bool(answers)
        pictures = {file: data for place in found for file, data in self.cells[place].attachments.items()}
        return self._lay((found[-1], 0), released, text, attachments=pictures)

    def _task(self, name: str) -> int | None:
        """Where the task of an exercise stands in the submission."""
        heading = next((c.source.split("\n")[0] for c in self.release.cells if c.id == f"exercise-{name}"), None)
        for place, cell in enumerate(self.cells):
            if cell.name == f"exercise-{name}" or (heading and cell.source.split("\n")[0].strip() == heading.strip()):
                return place
        return None

    def _after_task(self, name: str) -> list[int]:
        task = self._task(name)
        if task is None:
            return []
        ours = {squeezed(cell.source) for cell in self.release.cells}
        found = []
        for place in range(task + 1, len(self.cells)):
            cell = self.cells[place]
            if cell.kind == "code" or squeezed(cell.source) in ours or cell.grade_id in self.graded:
                break
            if cell.source.strip():
                found.append(place)
        return found

    def _check(self, name: str, released: NotebookNode, answer: _Place) -> _Place:
        """Lay the released check out where the student's last copy of it was, or below the answer."""
        wanted = squeezed(released.source)
        copies = [
            place
            for place, cell in enumerate(self.cells)
            if cell.is_called(f"check-{name}") or (cell.kind == "code" and squeezed(cell.source) == wanted)
        ]
        for place in copies:
            if not any(other in self.graded for other in self.cells[place].defines):  # no answer stands in it
                self.gone.add(place)
        if not copies:
            self.done.append(f"the check of {name} was missing; it was put back")
        elif any(squeezed(self.cells[place].source) != wanted for place in copies):
            self.done.append(f"the check of {name} had been changed; the released one is back")
        if len(copies) > 1:
            self.done.append(f"the check of {name} stood there {len(copies)} times; one is left")
        below = (copies[-1], 9) if copies and copies[-1] > answer[0] else (answer[0], answer[1] + 100)
        return self._lay(below, released, released.source)

    def _import(self) -> None:
        """Put back what the released notebook imports and this one, above its exercises, does not: they may need it."""
        here: set[str] = set()
        for cell in self.cells[: self.first]:
            if cell.kind == "code":
                here |= {*cell.defines, *imports_of(cell.source)}
        missing: dict[str, None] = {}
        for released in self.release.cells:
            if released.cell_type == "code" and not released.metadata.get("course", {}).get("set_up"):
                lines = imports_of(released.source)
                missing |= dict.fromkeys(line for name, line in lines.items() if name not in here)
        if missing:
            self.done.append("imports of the lesson were missing above its exercises; they were put back")
            self.laid.append(((-2, 0), nbformat.v4.new_code_cell("\n".join(missing), id="imports")))

    def _place_of(self, name: str, last: _Place) -> _Place:
        task = self._task(name)
        return (task, 1) if task is not None else (last[0], last[1] + 1)

    def _lay(self, place: _Place, released: NotebookNode, source: str, *, attachments: dict | None = None) -> _Place:
        cell = copy.deepcopy(released)
        cell.source = source
        cell.id = cell.metadata.nbgrader.grade_id
        if attachments:
            cell.attachments = attachments
        self.laid.append((place, cell))
        return place

    def _plain(self, cell: SubmittedCell) -> NotebookNode:
        made = getattr(nbformat.v4, f"new_{cell.kind}_cell")(cell.source)
        made.id = cell.name
        if cell.attachments:
            made.attachments = cell.attachments
        return made


def _name_cells(notebook: NotebookNode, reserved: set[str]) -> None:
    """Give each cell an id of its own, the same each time."""
    used = set(reserved)
    for number, cell in enumerate(notebook.cells):
        if "nbgrader" in cell.metadata:
            continue
        if not _CELL_ID.fullmatch(cell.id) or cell.id in used:
            cell.id = next(name for k in range(len(notebook.cells) + 1) if (name := f"cell-{number}-{k}") not in used)
        used.add(cell.id)
