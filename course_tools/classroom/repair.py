"""Makes of what a student handed in the notebook that nbgrader expects: `course collect` takes exercises by name."""

import copy
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import nbformat
from nbformat import NotebookNode

from course_lib.errors import CourseError
from course_tools.classroom.definitions import Kind, choose_cell
from course_tools.classroom.submission import (
    SubmittedCell,
    graded_cells,
    imports_of,
    read_notebook,
    squeezed,
)

NOTABLE_OUTPUTS = 1_000_000  # bytes from which on a report says that outputs were left out
_CELL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class Repaired:
    """A submission as nbgrader expects it, of which lesson it is, and notes of what was done to it, a sentence each."""

    lesson: str
    notebook: NotebookNode
    notes: tuple[str, ...]


def repair(data: bytes, releases: Mapping[str, NotebookNode]) -> Repaired:
    """Find the exercises of one of the lessons in the notebook `data`, and put back what nbgrader needs.

    releases: the released notebooks by lesson.  All that the student wrote stays, in its order, but for changed or
    repeated check cells, stubs beside an answer, outputs and metadata.
    Raises CourseError, one sentence, for what is no notebook or of no lesson in `releases`.
    """
    cells, notes = _read(data)
    lesson = _lesson_of(cells, releases)
    notebook, more = _Repair(cells, releases[lesson]).rebuild()
    return Repaired(lesson, notebook, (*notes, *more))


def _read(data: bytes) -> tuple[list[SubmittedCell], list[str]]:
    """The cells that are not broken, and notes of what is left out."""
    cells, broken = read_notebook(data)
    notes = []
    kept = json.dumps([[cell.source, cell.attachments] for cell in cells])
    outputs = len(data) - len(kept)
    if outputs > NOTABLE_OUTPUTS:
        notes.append(f"{outputs / 1e6:.0f} MB of outputs were left out")
    if broken:
        notes.append(f"{broken} broken cell{'s were' if broken > 1 else ' was'} left out")
    return cells, notes


# --- Which lesson -----------------------------------------------------------------------------------------------------


def _lesson_of(cells: Sequence[SubmittedCell], releases: Mapping[str, NotebookNode]) -> str:
    """The lesson whose exercises these cells hold.  Raises CourseError if it is none that is assigned."""

    def speaks_of(cell: SubmittedCell, name: str) -> bool:
        defined = name in cell.defines and cell.defines[name].kind != Kind.IMPORT  # a later lesson may import it
        return defined or cell.is_called(name) or f"checks.{name}(" in cell.source

    def evidence(release: NotebookNode) -> int:
        return sum(
            any(speaks_of(cell, name) for cell in cells)
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

Position = tuple[int, int]  # the number of the student's cell after which something is put, and the order there


class _Repair:
    """Lays a student's cells and the released ones that belong between them out as one notebook."""

    def __init__(self, cells: Sequence[SubmittedCell], release: NotebookNode) -> None:
        self.cells = [*cells]
        self.release = release
        self.graded = graded_cells(release)
        self.placed: list[tuple[Position, NotebookNode]] = []
        self.first = len(cells)  # the number of the first cell with an exercise
        self.dropped: set[int] = set()  # numbers of the student's cells that are not laid out as they are
        self.parted: set[int] = set()  # numbers of cells in which several exercises stood
        self.notes: list[str] = []

    def rebuild(self) -> tuple[NotebookNode, list[str]]:
        last: Position = (-1, 0)
        for name, released in self.graded.items():
            if not released.metadata.nbgrader.solution:
                continue
            lay = self._function if released.cell_type == "code" else self._text
            last = lay(name, released, last)
            if check := self.graded.get(f"check-{name}"):
                last = self._check(name, check, last)
        self._import()
        notebook = nbformat.v4.new_notebook(metadata=copy.deepcopy(self.release.metadata), nbformat_minor=5)
        rest = [((place, 0), self._plain(cell)) for place, cell in enumerate(self.cells) if place not in self.dropped]
        notebook.cells = [cell for _, cell in sorted([*rest, *self.placed], key=lambda item: item[0])]
        _name_cells(notebook, set(self.graded))
        nbformat.validate(notebook)
        return notebook, self.notes

    def _function(self, name: str, released: NotebookNode, last: Position) -> Position:
        """Lay out the cell whose function `name` counts, wherever it stands, and say where it is."""
        named = [place for place, cell in enumerate(self.cells) if cell.is_called(name)]
        for place in named:
            if self.cells[place].kind != "code":
                self.notes.append(f"the cell of {name} was no code cell; it is again")
                self.cells[place] = replace(self.cells[place], kind="code", attachments={})
        chosen = self._choose(name)
        if chosen is None:
            return self._without_function(name, released, named, last)
        cell = self.cells[chosen]
        defining = {place: other.defines[name].kind for place, other in enumerate(self.cells) if name in other.defines}
        kind = defining[chosen]
        times = list(defining.values()).count(kind)
        self.first = min(self.first, chosen)
        if kind != Kind.BLANK and times > 1:
            self.notes.append(f"{name} was written {times} times; the last one counts")
        if chosen not in named:
            self.notes.append(f"{name} was found by its name, in a cell without its metadata")
        blanks = [place for place, its_kind in defining.items() if its_kind == Kind.BLANK and place != chosen]
        stubs = [place for place in blanks if squeezed(self.cells[place].source) == squeezed(released.source)]
        self.dropped.update(stubs)
        final = max([chosen, *(place for place in blanks if place not in stubs)])
        exercises = [other for other in cell.defines if other in self.graded and self._choose(other) == chosen]
        if len(exercises) == 1 and final == chosen:
            self.dropped.add(chosen)
            return self._lay((chosen, 0), released, cell.source)
        # Other exercises stand in the same cell, or a stub after it: the function gets a cell of its own below.
        if len(exercises) == 1:
            self.notes.append(f"{name} stood together with an empty stub of it; it has a cell of its own now")
        elif chosen not in self.parted:  # one sentence for all of them
            self.parted.add(chosen)
            together = f"{', '.join(exercises[:-1])} and {exercises[-1]}"
            self.notes.append(f"{together} stood together in one cell; each has a cell of its own now")
        return self._lay((final, 1 + exercises.index(name)), released, cell.defines[name].text)

    def _choose(self, name: str) -> int | None:
        """The cell that counts; metadata does not decide, since students copy it with the cells that they try in."""
        return choose_cell([cell.defines for cell in self.cells], name)

    def _without_function(self, name: str, released: NotebookNode, named: Sequence[int], last: Position) -> Position:
        if named:
            cell = self.cells[named[-1]]
            others = ", ".join(list(cell.defines)[:3])
            self.notes.append(f"there is no function {name}" + (f": its cell defines {others}" if others else ""))
            self.dropped.add(named[-1])
            return self._lay((named[-1], 0), released, cell.source)
        self.notes.append(f"{name} was missing; its empty cell was put back")
        return self._lay(self._place_of(name, last), released, released.source)

    def _text(self, name: str, released: NotebookNode, last: Position) -> Position:
        """Lay out the cell with the written answer `name`; without metadata it is what follows the task."""
        named = [place for place, cell in enumerate(self.cells) if cell.is_called(name)]
        answers = [place for place in named if squeezed(self.cells[place].source) != squeezed(released.source)]
        if len(answers) > 1:
            self.notes.append(f"{name} was answered {len(answers)} times; the last one counts")
        if not answers and (found := self._after_task(name)):
            answers = found
            self.notes.append(f"{name} was found below its task, in a cell without its metadata")
            self.dropped |= {*named, *found}
            text = "\n\n".join(self.cells[place].source for place in found)
        elif named:
            chosen = (answers or named)[-1]
            self.dropped |= {chosen, *(place for place in named if place not in answers)}
            text, found = self.cells[chosen].source, [chosen]
        else:
            self.notes.append(f"{name} was missing; its empty cell was put back")
            return self._lay(self._place_of(name, last), released, released.source)
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

    def _check(self, name: str, released: NotebookNode, answer: Position) -> Position:
        """Lay the released check out where the student's last copy of it was, or below the answer."""
        wanted = squeezed(released.source)
        copies = [
            place
            for place, cell in enumerate(self.cells)
            if cell.is_called(f"check-{name}") or (cell.kind == "code" and squeezed(cell.source) == wanted)
        ]
        for place in copies:
            if not any(other in self.graded for other in self.cells[place].defines):  # no answer stands in it
                self.dropped.add(place)
        if not copies:
            self.notes.append(f"the check of {name} was missing; it was put back")
        elif any(squeezed(self.cells[place].source) != wanted for place in copies):
            self.notes.append(f"the check of {name} had been changed; the released one is back")
        if len(copies) > 1:
            self.notes.append(f"the check of {name} stood there {len(copies)} times; one is left")
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
            self.notes.append("imports of the lesson were missing above its exercises; they were put back")
            self.placed.append(((-2, 0), nbformat.v4.new_code_cell("\n".join(missing), id="imports")))

    def _place_of(self, name: str, last: Position) -> Position:
        task = self._task(name)
        return (task, 1) if task is not None else (last[0], last[1] + 1)

    def _lay(
        self, place: Position, released: NotebookNode, source: str, *, attachments: dict | None = None
    ) -> Position:
        cell = copy.deepcopy(released)
        cell.source = source
        cell.id = cell.metadata.nbgrader.grade_id
        if attachments:
            cell.attachments = attachments
        self.placed.append((place, cell))
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
