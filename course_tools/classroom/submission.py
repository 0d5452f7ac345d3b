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
from course_tools.classroom.definitions import Definition, choose_cell, definitions, outermost, parse_cell


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
    grade_id, name = (value if isinstance(value, str) else "" for value in names)
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
        if path.stat().st_size > LARGEST_FILE:
            return []
        cells = parse_notebook(path.read_bytes())
    except (OSError, CourseError):
        return []
    return [found for cell in cells if (found := read_cell(cell))]


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
