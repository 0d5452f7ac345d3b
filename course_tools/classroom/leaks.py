"""The proof that no solution and no hidden test goes out with a released lesson."""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from nbformat import NotebookNode

from course_tools.classroom.submission import graded_cells, hidden_seeds, squeezed

_SHORTEST_LINE = 20  # letters; a shorter line of a solution may well stand elsewhere, too


def secrets_of(marked: NotebookNode, blank: NotebookNode) -> dict[str, str]:
    """What may not go out: each text, without its blanks, and what it is.

    Solutions as a whole and line by line, hidden tests, written answers; but not what the blank lesson says openly.
    """
    public = "\n".join(squeezed(cell.source) for cell in blank.cells)
    found = {"HIDDENTESTS": "a hidden test's marker", "BEGINSOLUTION": "a solution's marker"}
    for grade_id, cell in graded_cells(marked).items():
        solutions = re.findall(r"### BEGIN SOLUTION\n(.*?)\n\s*### END SOLUTION", cell.source, re.S)
        if cell.metadata.nbgrader.get("solution") and cell.cell_type == "markdown":
            solutions = [cell.source]
        for solution in solutions:
            lines = [squeezed(line).removeprefix("return") for line in solution.split("\n")]
            lines = [line for line in lines if len(line) >= _SHORTEST_LINE]
            for text in (squeezed(solution), *lines):
                if text not in public:
                    found[text] = f"the solution of {grade_id}"
        for seed in hidden_seeds(cell.source):
            found[str(seed)] = f"a hidden test of {grade_id}"
    return found


def find_leaks(folder: Path, secret: Mapping[str, str]) -> list[str]:
    """A sentence for each file under `folder` and each of the `secrets_of` a lesson that stands in it as text."""
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        text = path.read_bytes().decode("utf-8", "replace")
        with contextlib.suppress(ValueError, RecursionError):  # if it is JSON, as a notebook is: without its escapes
            text += "".join(_strings(json.loads(text)))
        text = squeezed(text)
        inside = {what for piece, what in secret.items() if piece in text}
        found += [f"{path.relative_to(folder)} holds {what}" for what in sorted(inside)]
    return found


def _strings(value: object) -> Iterator[str]:
    """All texts in what was read from JSON, those of its keys, too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for pair in value.items() for part in pair for text in _strings(part))
    elif isinstance(value, list):
        yield from (text for part in value for text in _strings(part))
