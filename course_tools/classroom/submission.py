"""Reads a notebook that nobody vouches for: its cells, what they define, and which of them belong to an exercise."""

import ast
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from nbformat import NotebookNode

from course_lib.errors import CourseError
from course_tools.classroom.definitions import MOST_CODE, Definition, choose_cell, definitions, outermost, parse_cell


def graded_cells(notebook: NotebookNode) -> dict[str, NotebookNode]:
    """The cells with nbgrader's metadata, by grade_id."""
    return {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if "nbgrader" in cell.metadata}


def hidden_seeds(source: str) -> list[int]:
    """The seeds of the hidden tests in a check cell of a course directory's source."""
    found = re.search(r"### BEGIN HIDDEN TESTS\n(.*)\n### END HIDDEN TESTS", source, re.S)
    return [int(seed) for seed in re.findall(r"\bseed=(\d+)\)$", found[1], re.M)] if found else []


def squeezed(text: str) -> str:
    """The text without blanks and line breaks, so that no other layout hides it."""
    return re.sub(r"\s|\\n", "", text)


LARGEST_FILE = 150_000_000  # bytes of a notebook; one with 100 MB of outputs goes through
MOST_PARTS = 10_000_000  # texts, lists and tables in a file; each takes some 60 bytes when it is read
MOST_CELLS = 2000  # of a notebook; a lesson has sixty
MOST_LINES = 20_000  # in all cells; in a notebook's file each takes a dozen letters more
LONGEST_ID = 200  # letters of a cell's name; nbformat allows 64
MOST_TEXT = 10_000_000  # letters in all cells that hold no code, pictures inside them counted


@dataclass(frozen=True)
class SubmittedCell:
    """A cell as it was handed in, without its outputs."""

    kind: str  # code, markdown or raw
    source: str
    grade_id: str = ""
    name: str = ""  # the cell's id
    attachments: dict = field(default_factory=dict)

    def is_called(self, name: str) -> bool:
        return name in (self.grade_id, self.name)

    @cached_property
    def defines(self) -> dict[str, Definition]:
        """The names that a code cell defines."""
        return definitions(self.source) if self.kind == "code" else {}


# --- Reading ----------------------------------------------------------------------------------------------------------


def parse_notebook(data: bytes) -> list[object]:
    """The cells of a notebook file of any nbformat, unread.  Raises CourseError for what is no notebook."""
    if data.count(b"[") + data.count(b"{") + data.count(b'"') // 2 > MOST_PARTS:  # read, it could take all memory
        raise CourseError("it has more parts than any notebook; ask the student for one without outputs")
    try:
        notebook = json.loads(data)
    except (ValueError, RecursionError):
        raise CourseError("it is not a notebook: it can't be read as JSON, or was cut short") from None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if cells is None and isinstance(notebook, dict) and isinstance(notebook.get("worksheets"), list):  # nbformat 3
        sheets = [table_of(sheet).get("cells") for sheet in notebook["worksheets"]]
        cells = [cell for sheet in sheets if isinstance(sheet, list) for cell in sheet]
    if not isinstance(cells, list):
        raise CourseError("it is not a notebook: it has no cells")
    return cells


def read_notebook(data: bytes) -> tuple[list[SubmittedCell], int]:
    """The cells of a notebook file, without those that are broken, and how many were.

    Raises CourseError for what is no notebook, and for one with more cells, code or text than a person writes: whoever
    reads it, to collect, to judge or to show it, goes through all of them, more than once.
    """
    raw = parse_notebook(data)
    if len(raw) > MOST_CELLS:
        raise CourseError(f"it has {len(raw):,} cells; at most {MOST_CELLS:,} are read")
    cells = [found for cell in raw if (found := read_cell(cell))]
    code = sum(len(cell.source) for cell in cells if cell.kind == "code")
    if code > MOST_CODE:
        raise CourseError(
            f"its code has {code / 1e6:.1f} million letters; at most {MOST_CODE / 1e6:g} million are read"
        )
    pictures = sum(len(name + one["image/png"]) for cell in cells for name, one in cell.attachments.items())
    text = sum(len(cell.source) for cell in cells if cell.kind != "code") + pictures
    if text > MOST_TEXT:
        raise CourseError(
            f"its texts and their pictures have {text / 1e6:.0f} million letters; at most {MOST_TEXT:,} are read"
        )
    lines = sum(len(cell.source.splitlines()) for cell in cells)
    if lines > MOST_LINES:
        raise CourseError(f"its cells have {lines:,} lines; at most {MOST_LINES:,} are read")
    return cells, len(raw) - len(cells)


def read_cell(cell: object) -> SubmittedCell | None:
    """A cell of `parse_notebook`, or None if it is broken."""
    table = table_of(cell)
    kind = {"heading": "markdown"}.get(str(table.get("cell_type")), str(table.get("cell_type")))
    if kind not in ("code", "markdown", "raw"):
        return None
    source = table.get("source", table.get("input", ""))
    lines = source if isinstance(source, list) else [source]
    text = "".join(line for line in lines if isinstance(line, str))
    text = text.encode("utf-8", "replace").decode()  # halves of letters can't be written to a file
    metadata = table_of(table.get("metadata"))
    names = (table_of(metadata.get("nbgrader")).get("grade_id"), table.get("id", metadata.get("id")))
    grade_id, name = (value if isinstance(value, str) and len(value) <= LONGEST_ID else "" for value in names)
    attachments = {}
    if kind == "markdown":
        attachments = {
            str(file): {"image/png": table_of(pictures)["image/png"]}
            for file, pictures in table_of(table.get("attachments")).items()
            if isinstance(table_of(pictures).get("image/png"), str)
        }
    return SubmittedCell(kind, text, grade_id, name, attachments)


def table_of(value: object) -> dict:
    return value if isinstance(value, dict) else {}


def cells_of(path: Path) -> list[SubmittedCell]:
    """The cells of a notebook that was handed in; none if it can't be read."""
    try:
        return read_notebook(path.read_bytes())[0] if path.stat().st_size <= LARGEST_FILE else []
    except (OSError, CourseError):
        return []


# --- Which cell counts ------------------------------------------------------------------------------------------------


def made_for(cells: Sequence[SubmittedCell], name: str) -> tuple[int, ...]:
    """The numbers of the cells that bear the exercise's name in nbgrader's metadata."""
    return tuple(number for number, cell in enumerate(cells) if cell.grade_id == name)


def cell_to_show(cells: Sequence[SubmittedCell], name: str) -> str | None:
    """The source of the code cell that was judged; if there is no such function, of the last made for the exercise."""
    own = made_for(cells, name)
    chosen = choose_cell([cell.defines for cell in cells], name, own)
    if chosen is None:
        chosen = own[-1] if own else None
    return None if chosen is None else cells[chosen].source


def imports_of(source: str) -> dict[str, str]:
    """The names that a code cell imports, each with its import as a line; none of a cell that is not Python."""
    try:
        statements = [*outermost(parse_cell(source).body)]
    except SyntaxError:
        return {}
    found: dict[str, str] = {}
    for statement in statements:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            names = [(alias.asname or alias.name).split(".")[0] for alias in statement.names]
            found |= dict.fromkeys(names, ast.unparse(statement))
    return found
