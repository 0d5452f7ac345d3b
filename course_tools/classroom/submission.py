"""Reads a notebook that nobody vouches for: its cells, its exercises, and which function counts."""

import ast
import json
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from course_lib.errors import CourseError


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


LARGEST_CELL = 1_000_000  # letters of code; no student writes as much
LONGEST_READ = 100_000  # letters of a cell that is read as Python; the sandbox leaves out longer ones
MOST_PARTS = 10_000_000  # texts, lists and tables in a file; each takes some 60 bytes when it is read
NOTABLE_OUTPUTS = 1_000_000  # bytes from which on a report says that outputs were left out

_MAGIC = re.compile(r"^([ \t]*+)([%!?].*|.*\S\?)$", re.M)
_DEFINED = re.compile(r"^(?:async\s+def|def)\s+(\w+)\s*\(|^(\w+)\s*(?::[^=\n]+)?=(?!=)", re.M)


@dataclass
class SubmittedCell:
    """A cell as it was handed in, without its outputs."""

    kind: str  # code, markdown or raw
    source: str
    grade_id: str = ""
    name: str = ""  # the cell's id
    attachments: dict = field(default_factory=dict)
    defines: dict[str, str] = field(default_factory=dict)  # names bound at its top level, each with that text

    def is_called(self, name: str) -> bool:
        return name in (self.grade_id, self.name)


# --- Reading ----------------------------------------------------------------------------------------------------------


def read_submission(data: bytes) -> tuple[list[SubmittedCell], list[str]]:
    if has_too_many_parts(data):
        raise CourseError("it has more parts than any notebook; ask the student for one without outputs")
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        raise CourseError("it is not a notebook: it can't be read as JSON, or was cut short") from None
    cells = told.get("cells") if isinstance(told, dict) else None
    if cells is None and isinstance(told, dict) and isinstance(told.get("worksheets"), list):  # nbformat 3
        sheets = [sheet for sheet in told["worksheets"] if isinstance(sheet, dict)]
        cells = [cell for sheet in sheets if isinstance(sheet.get("cells"), list) for cell in sheet["cells"]]
    if not isinstance(cells, list):
        raise CourseError("it is not a notebook: it has no cells")
    done = []
    outputs = len(data) - len(json.dumps([_table(cell) | {"outputs": []} for cell in cells]).encode())
    if outputs > NOTABLE_OUTPUTS:
        done.append(f"{outputs / 1e6:.0f} MB of outputs were left out")
    read = [found for cell in cells if (found := _cell(_table(cell)))]
    if broken := len(cells) - len(read):
        done.append(f"{broken} broken cell{'s were' if broken > 1 else ' was'} left out")
    return read, done


def has_too_many_parts(data: bytes) -> bool:
    """Whether a file, read as JSON, could take all memory."""
    return data.count(b"[") + data.count(b"{") + data.count(b'"') // 2 > MOST_PARTS


def _table(value: object) -> dict:
    return value if isinstance(value, dict) else {}


def _cell(told: dict) -> SubmittedCell | None:
    kind = {"heading": "markdown"}.get(str(told.get("cell_type")), str(told.get("cell_type")))
    if kind not in ("code", "markdown", "raw"):
        return None
    source = told.get("source", told.get("input", ""))
    lines = source if isinstance(source, list) else [source]
    text = "".join(line for line in lines if isinstance(line, str))
    if kind == "code" and len(text) > LARGEST_CELL:
        raise CourseError(
            f"one of its cells has {len(text) / 1e6:.1f} million letters; ask the student for a shorter one"
        )
    text = text.encode("utf-8", "replace").decode()  # halves of letters can't be written to a file
    metadata = _table(told.get("metadata"))
    names = (_table(metadata.get("nbgrader")).get("grade_id"), told.get("id", metadata.get("id")))
    grade_id, name = (value if isinstance(value, str) else "" for value in names)
    cell = SubmittedCell(kind, text, grade_id, name)
    if kind == "markdown" and isinstance(told.get("attachments"), dict):
        cell.attachments = {
            str(file): {"image/png": pictures["image/png"]}
            for file, pictures in told["attachments"].items()
            if isinstance(pictures, dict) and isinstance(pictures.get("image/png"), str)
        }
    if kind == "code":
        cell.defines = definitions(text)
    return cell


def definitions(source: str) -> dict[str, str]:
    """The names that a code cell binds at its top level, each with the text that binds it.

    Of several the last, but a function before a mere value.  Of a cell that is not Python, those that lines seem to
    bind, each with the whole cell.
    """
    tree = parsed(source)
    if tree is None:
        return {next(filter(None, found.groups())): source for found in _DEFINED.finditer(source)}
    lines = source.split("\n")
    found = {}
    for statement in _top_level(tree.body):
        decorators = getattr(statement, "decorator_list", [])
        first = min([statement.lineno, *(decorator.lineno for decorator in decorators)])
        text = "\n".join(lines[first - 1 : statement.end_lineno])
        for name in _bound(statement):
            if name not in found or not _is_value(statement):
                found[name] = text
    return found


def parsed(source: str) -> ast.Module | None:
    """The source as Python, with IPython's magics as lines that do nothing; none if it is not Python, or too long."""
    if len(source) > LONGEST_READ:
        return None
    text = source.replace("\r\n", "\n")
    if text.lstrip().startswith("%%"):
        text = re.sub(r"^\s*%%.*", "", text, count=1)
    for is_magic in (False, True):
        try:
            return ast.parse(_MAGIC.sub(r"\1pass", text) if is_magic else text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return None


def _top_level(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        yield statement
        if isinstance(statement, ast.If | ast.Try | ast.With | ast.For | ast.While):
            for part in ("body", "orelse", "finalbody"):
                yield from _top_level(getattr(statement, part, []))
            for handler in getattr(statement, "handlers", []):
                yield from _top_level(handler.body)


def _bound(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        # What is made of the name itself, `warmth = warmth(picture)`, is what it answered, and no answer.
        read = set() if isinstance(statement.value, ast.Lambda) else _read_by(statement.value)
        return [target.id for target in targets if isinstance(target, ast.Name) and target.id not in read]
    return []


def _read_by(value: ast.expr | None) -> set[str]:
    return {node.id for node in ast.walk(value) if isinstance(node, ast.Name)} if value else set()


def _is_value(statement: ast.stmt) -> bool:
    """Whether it binds a name to something that can't be a function."""
    if not isinstance(statement, ast.Assign | ast.AnnAssign):
        return False
    return not isinstance(statement.value, ast.Lambda | ast.Name | ast.Attribute | ast.Call)


def defines_value(name: str, text: str) -> bool:
    """Whether the text that binds a name, one of `definitions`, makes it something that can't be a function."""
    tree = parsed(textwrap.dedent(text))
    return any(name in _bound(statement) and _is_value(statement) for statement in tree.body) if tree else False


def imports_of(source: str) -> dict[str, str]:
    """The names that a code cell imports, each with its import as a line."""
    tree = parsed(source)
    found = {}
    for statement in _top_level(tree.body) if tree else []:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            for alias in statement.names:
                found[(alias.asname or alias.name).split(".")[0]] = ast.unparse(statement)
    return found


LARGEST = 200 * 2**20  # bytes of a notebook


def cells_of(path: Path) -> list[dict[str, str]]:
    """The cells of a notebook that nobody vouches for: kind, source and grade_id, "" where there is none."""
    try:
        if path.stat().st_size > LARGEST:
            return []
        data = path.read_bytes()
        if has_too_many_parts(data):
            return []
        told = json.loads(data)
        cells = told["cells"] if "cells" in told else told["worksheets"][0]["cells"]
    except (OSError, ValueError, TypeError, KeyError, IndexError, RecursionError):
        return []
    found = []
    for cell in cells if isinstance(cells, list) else []:
        if isinstance(cell, dict):
            source = cell.get("source", cell.get("input", ""))
            source = "".join(map(str, source)) if isinstance(source, list) else str(source)
            kept: Any = cell.get("metadata")
            kept = kept.get("nbgrader") if isinstance(kept, dict) else None
            name = kept.get("grade_id") if isinstance(kept, dict) else ""
            source = source.encode("utf-8", "replace").decode()  # half a letter can't be written anywhere
            found.append(
                {"kind": str(cell.get("cell_type")), "source": source, "id": name if isinstance(name, str) else ""}
            )
    return found


def code_of(cells: Sequence[dict[str, str]], name: str) -> str | None:
    """The cell to show for an exercise: the last made for it and filled in, else the last that defines its name."""
    from course_tools.classroom.worker import STUB

    defines = re.compile(rf"^(?:async )?(?:def|class) +{re.escape(name)}\b|^{re.escape(name)} *=", re.M)
    blank = re.compile(rf"^\s*raise .*{re.escape(STUB)}", re.M)
    there = [cell for cell in cells if defines.search(cell["source"])]
    tried = [cell for cell in there if not blank.search(cell["source"])]
    for choice in (
        [one for one in tried if one["id"] == name],
        tried,
        there,
        [one for one in cells if one["id"] == name],
    ):
        if choice:
            return choice[-1]["source"]
    return None
