"""What a student reads: the released notebook with the submission's code as text and the verdicts under the checks."""

import copy
import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import nbformat
from nbformat import NotebookNode

from course_tools.classroom.submission import SubmittedCell, cell_to_show
from course_tools.files import printable

LONGEST = 20_000  # letters of a cell, or of an answer, that a feedback page shows
FEEDBACK_BATCH = 10  # feedback pages that nbgrader makes in one go
MOST_CELLS = 50  # of a submission's own, that a feedback page shows
_PICTURE = re.compile(r"data:image/[\w.+-]+;base64,[\w+/=]*")  # as Colab keeps one in a text
# What a page would take for a tag, a link or a formula, as letters that look alike.
_HARMLESS = str.maketrans({"<": "＜", ">": "＞", "&": "＆", "#": "＃", "$": "＄", "\\": "＼", "[": "［", "]": "］"})


@dataclass(frozen=True)
class ExerciseResult:
    """Whether an exercise is right, and what its author reads of it."""

    passed: bool
    message: str


def harmless(text: str) -> str:
    """A text that holds words of a submission, as letters that no terminal, page or formula does anything with."""
    text = printable(text)[:1000]
    return text.translate(_HARMLESS)


def feedback_notebook(
    released: NotebookNode, cells: Sequence[SubmittedCell], results: Mapping[str, ExerciseResult]
) -> tuple[NotebookNode, set[str]]:
    """The released notebook with a submission's code and answers as text, the verdicts under the checks.

    Nothing else of the submission is in it: no outputs, no metadata, no markdown that a page would render.
    Returns it and the names of the answers for a person that differ from what was released.
    """
    notebook, answers = copy.deepcopy(released), set()
    own = [cell for cell in cells if cell.kind == "code"]
    used = {cell.source for cell in released.cells}
    for cell in notebook.cells:
        graded = cell.metadata.get("nbgrader", {})
        name = graded.get("grade_id", "")
        if graded.get("solution") and cell.cell_type == "code":
            source = cell_to_show(own, name)
            used.add(source or "")
            cell.source = _code_to_show(source) if source else cell.source
        elif graded.get("solution"):
            written = [
                one.source for one in cells if one.grade_id == name and one.source.strip() != cell.source.strip()
            ]
            if written and written[-1].strip():
                answers.add(name)
                cell.source = as_written(written[-1])
        elif graded.get("grade") and name.removeprefix("check-") in results:
            message = results[name.removeprefix("check-")].message
            cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=message + "\n")]
    more = [one.source for one in own if one.source.strip() and one.source not in used]
    if more:
        notebook.cells.append(nbformat.v4.new_markdown_cell("## Other code of this submission", id="other-code"))
    for number, source in enumerate(more[:MOST_CELLS]):
        notebook.cells.append(nbformat.v4.new_code_cell(_code_to_show(source), id=f"other-{number}"))
    return notebook, answers


def _code_to_show(source: str) -> str:
    """The code with at most two blank lines in a row: the pages' highlighter takes minutes for thousands."""
    kept: list[str] = []
    for line in source.splitlines(keepends=True):
        if line.strip() or any(before.strip() for before in kept[-2:]):
            kept.append(line)
    return _cut("".join(kept), "# [The rest is not shown.]")


def _cut(text: str, note: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}\n{note}"


def as_written(text: str) -> str:
    """A text as markdown that shows it letter for letter: no tag, link or formula of it does anything."""
    text = _cut(_PICTURE.sub("[picture]", text), "[The rest is not shown.]")
    letters = html.escape(printable(text)).translate(
        {ord(letter): f"&#{ord(letter)};" for letter in "\n$\\`*_[]()#!~|"}
    )
    return f'<pre class="tex2jax_ignore" style="white-space: pre-wrap">{letters}</pre>'
