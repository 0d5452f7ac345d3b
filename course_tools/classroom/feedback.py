"""What a student reads of a graded lesson: a short page of its exercises; and the notebook that formgrader shows."""

import base64
import copy
import html
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import nbformat
from nbformat import NotebookNode

from course_tools.classroom.shown import code_html, code_to_show, page_html, prose_to_show, text_html, visible
from course_tools.classroom.submission import SubmittedCell, cell_to_show
from course_tools.files import printable

if TYPE_CHECKING:
    from torch import Tensor

    from course_lib.checks.verdict import Verdict

LONGEST = 10_000  # letters of an exercise's code that are shown
LONGEST_ANSWER = 20_000  # letters of an answer in prose
LONGEST_OTHER = 20_000  # letters of all other code of a submission, together
MOST_CELLS = 50  # of a submission's own, that are shown
MOST_PICTURES, WIDEST = 4, 96  # pictures of a side of a verdict, and the pixels of one, that a page shows
COLOURS = 64  # of these pictures: noise, the commonest of them, takes half as much as with all
# What a page of nbgrader's would take for a tag, a link, a formula or letters in italics, as signs that look alike.
_HARMLESS = str.maketrans("<>&#$\\[]*`~", "＜＞＆＃＄＼［］∗ˋ～")
_EDGE = re.compile(r"(?<!\w)_+|_+(?!\w)")  # by which markdown puts a word in italics; inside a word it does nothing
_HINT = re.compile(r"<details><summary>(.*?)</summary>(.*?)</details>", re.S)
_FORMULA = re.compile(r"\$([^$\n]+)\$")


# --- What is found of an exercise -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ExerciseResult:
    """Whether an exercise is right, and what its author reads of it: plain data, which is kept as JSON."""

    passed: bool
    message: str  # for the gradebook: all in words
    what: str = ""  # the same in its parts, for the page: what is wrong,
    idea: str = ""  # what to think about,
    sides: Mapping[str, str] = field(default_factory=dict)  # "Expected" and "Yours" in words,
    pictures: Mapping[str, str] = field(default_factory=dict)  # or as pictures, PNG in base64


def result_of(verdict: "Verdict") -> ExerciseResult:
    """A check's verdict as it is kept and shown."""
    from course_lib.checks.verdict import brief

    pictures = {side: picture for side, numbers in verdict.sides.items() if (picture := _sheet_of(numbers))}
    sides = {side: brief(numbers) for side, numbers in verdict.sides.items() if side not in pictures}
    what = visible(verdict.what, prose=True)[:1000]
    return ExerciseResult(verdict.passed, harmless(repr(verdict)), what, verdict.idea, sides, pictures)


def _sheet_of(numbers: "Tensor") -> str:
    """The first pictures of a batch side by side, as a PNG in base64; "" if it is no batch of pictures."""
    import numpy as np
    from PIL import Image

    from course_lib.pictures import to_pixels

    if numbers.ndim != 4 or numbers.shape[1] != 3 or not numbers.numel():
        return ""
    step = -(-max(numbers.shape[2:]) // WIDEST)
    some = numbers[:MOST_PICTURES, :, ::step, ::step].clamp(-1, 1).nan_to_num().float()
    framed = np.pad(to_pixels(some), ((0, 0), (0, 0), (0, 2), (0, 0)), constant_values=255)
    sheet = Image.fromarray(np.concatenate([*framed], axis=1))
    file = io.BytesIO()
    sheet.quantize(COLOURS).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def harmless(text: str) -> str:
    """A text that holds words of a submission, as letters that no terminal, page or formula does anything with."""
    text = printable(text[:10_000])[:1000].translate(_HARMLESS)
    return _EDGE.sub(lambda found: "＿" * len(found[0]), text)


# --- The page ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Graded:
    """An exercise of a student's as the gradebook has it."""

    name: str
    points: float
    most: float
    waits: bool  # for a person, who gives the points or has to look at them again
    by_hand: bool
    result: ExerciseResult | None = None  # None for what a person grades
    comment: str = ""  # a person's


class FeedbackPages:
    """Makes the pages of one lesson.  Of its released notebook they take names and hints of the exercises."""

    def __init__(self, released: NotebookNode) -> None:
        self.released = released
        first = next((cell.source for cell in released.cells if cell.cell_type == "markdown"), "")
        heading = re.match(r"#\s+(.+)", first)
        self.title = heading[1].strip() if heading else "Feedback"
        self.titles: dict[str, str] = {}
        self.hints: dict[str, str] = {}
        for cell in released.cells:
            marks = cell.metadata.get("course", {})
            if name := marks.get("exercise", {}).get("name"):
                self.titles[name] = re.sub(r"^#+\s*|\s*\([^()]*\)$", "", cell.source.partition("\n")[0].rstrip())
            elif name := marks.get("hints"):
                self.hints[name] = _hints_html(cell.source)

    def page(self, student: str, exercises: Sequence[Graded], cells: Sequence[SubmittedCell]) -> str:
        """The page of a student: each exercise once, with points, code or answer, verdict, pictures, folded hints.

        cells: the submission's.  Of it the page holds letters to be read, and of each text so many; the work grows
        linearly with what was handed in.
        """
        total, most = sum(one.points for one in exercises), sum(one.most for one in exercises)
        waits = " Some points are still to be given by a person." if any(one.waits for one in exercises) else ""
        body = [f"<h1>{html.escape(self.title)}</h1>\n<p>{text_html(student)}</p>"]
        body.append(f"<p><strong>Score: {total:g} of {most:g}.</strong>{waits}</p>\n<nav><table>")
        for one in exercises:
            link = f'<a href="#{html.escape(one.name)}">{self._name(one.name)}</a>'
            body.append(f"<tr><td>{link}</td><td>{_points(one)}</td></tr>")
        body.append("</table></nav>")
        given = {cell.source for cell in self.released.cells}
        own = [cell for cell in cells if cell.source not in given]
        shown: set[str] = set()
        for one in exercises:
            body += self._exercise(one, own, shown)
        body += _other_code([cell.source for cell in _code(own)], shown)
        return page_html(f"{self.title}: feedback", "\n".join(body), style=_STYLE)

    def _name(self, name: str) -> str:
        return html.escape(self.titles.get(name, name))

    def _exercise(self, one: Graded, cells: Sequence[SubmittedCell], shown: set[str]) -> Iterator[str]:
        name = html.escape(one.name)
        yield f'<section id="{name}">\n<h2>{self._name(one.name)} <code>{name}</code></h2>\n<p>{_points(one)}</p>'
        source = _answer(one.name, cells) if one.by_hand else cell_to_show(_code(cells), one.name)
        if not source or not source.strip():
            yield "<p>You wrote nothing here.</p>"
        elif source in shown:
            yield "<p>Its code stands above, with that of another exercise.</p>"
        elif one.by_hand:
            yield f'<div class="prose">{html.escape(prose_to_show(source, LONGEST_ANSWER), quote=False)}</div>'
        else:
            yield f'<pre class="code">{code_html(code_to_show(source, LONGEST))}</pre>'
        shown.add(source or "")
        if one.result:
            yield _verdict_html(one.result)
        if one.comment:
            yield f'<div class="said"><p>From a person:</p><div class="prose">{text_html(one.comment)}</div></div>'
        yield f"{self.hints.get(one.name, '')}\n</section>"


_STYLE = """\
.said { border-left: 4px solid; padding: .1rem .8rem; margin: 1rem 0 } .right { color: #1b5e20 }
.said strong { white-space: pre-wrap; overflow-wrap: anywhere } .said table, .said details { color: #1b1b1b }
figure { display: inline-block; margin: .5rem 1rem .5rem 0 }
img.pictures { image-rendering: pixelated; max-width: 100% } figcaption { color: #555 }
"""


def _points(one: Graded) -> str:
    points = f"{one.points:g} of {one.most:g} point{'' if one.most == 1 else 's'}"
    return f"{points}, still to be looked at by a person" if one.waits else points


def _code(cells: Sequence[SubmittedCell]) -> list[SubmittedCell]:
    return [cell for cell in cells if cell.kind == "code"]


def _answer(name: str, cells: Sequence[SubmittedCell]) -> str | None:
    written = [cell.source for cell in cells if cell.grade_id == name and cell.kind != "code"]
    return written[-1] if written else None


def _verdict_html(result: ExerciseResult) -> str:
    """The sentence, expected beside got, the idea: what was found, once."""
    kind = "said right" if result.passed else "said"
    parts = [f'<div class="{kind}">', f"<p><strong>{text_html(result.what or result.message)}</strong></p>"]
    pictures = [_figure(side, data) for side, data in result.pictures.items()]
    if len(pictures) == 1:  # what it should draw, of an exercise that nobody tried: a hint
        parts.append(f"<details><summary>{html.escape(next(iter(result.pictures)))}</summary>{pictures[0]}</details>")
    else:
        parts += pictures
    rows = [
        f"<tr><th>{html.escape(side)}</th><td><code>{text_html(value)}</code></td></tr>"
        for side, value in result.sides.items()
    ]
    parts += ["<table>", *rows, "</table>"] if rows else []
    if result.idea:
        parts.append(f"<p>Think about: {html.escape(result.idea)}</p>")
    return "\n".join([*parts, "</div>"])


def _figure(side: str, data: str) -> str:
    """A side's pictures, enlarged pixel by pixel."""
    raw = base64.b64decode(data)
    wide, high = (int.from_bytes(raw[place : place + 4], "big") for place in (16, 20))  # as a PNG's header has them
    scale = max(1, WIDEST // max(1, high))
    size = f'width="{wide * scale}" height="{high * scale}"'
    alt = html.escape(f"{side}: pictures of this exercise")
    image = f'<img class="pictures" alt="{alt}" {size} src="data:image/png;base64,{data}">'
    return f"<figure><figcaption>{html.escape(side)}</figcaption>{image}</figure>"


def _other_code(sources: Sequence[str], shown: set[str]) -> list[str]:
    """What else of the submission's code is its own, folded: helpers may stand there."""
    others = [source for source in sources if source.strip() and source not in shown]
    if not others:
        return []
    left, parts = LONGEST_OTHER, []
    for source in others[:MOST_CELLS]:
        if left > 0:
            parts.append(f'<pre class="code">{code_html(code_to_show(source, min(left, LONGEST)))}</pre>')
            left -= len(source)
    rest = "" if len(parts) == len(others) else f"<p>{len(others) - len(parts)} more cells are not shown.</p>"
    summary = "<summary>Other code of this submission</summary>"
    return [f"<h2>Other code</h2>\n<details>{summary}", *parts, f"{rest}</details>"]


def _hints_html(source: str) -> str:
    """The hints of an exercise, folded; without the link to the solved notebook, which does not lie beside the page."""
    from nbconvert.filters.markdown import markdown2html

    hints = []
    for summary, text in _HINT.findall(source):
        made = markdown2html(_FORMULA.sub(lambda found: _formula_html(found[1]), text.strip()))
        hints.append(f"<details><summary>{html.escape(html.unescape(summary))}</summary>{made}</details>")
    return "\n".join(hints)


def _formula_html(formula: str) -> str:
    """A formula of a hint as a picture, which needs nothing from elsewhere."""
    from matplotlib import mathtext

    file = io.BytesIO()
    try:
        mathtext.math_to_image(f"${formula}$", file, dpi=100, format="svg")
    except ValueError:  # it knows the commonest of TeX only
        return f"<code>{html.escape(formula)}</code>"
    data = base64.b64encode(file.getvalue()).decode()
    return f'<img alt="{html.escape(formula)}" style="vertical-align: middle" src="data:image/svg+xml;base64,{data}">'


# --- The notebook for formgrader --------------------------------------------------------------------------------------


def feedback_notebook(
    released: NotebookNode, cells: Sequence[SubmittedCell], results: Mapping[str, ExerciseResult]
) -> tuple[NotebookNode, set[str]]:
    """The released notebook with a submission's code and answers as text, the verdicts under the checks.

    Nothing else of the submission is in it: no outputs, no metadata, no markdown that a page would render.
    Returns it and the names of the answers for a person that differ from what was released.
    """
    notebook, answers = copy.deepcopy(released), set()
    own = _code(cells)
    used = {cell.source for cell in released.cells}
    for cell in notebook.cells:
        graded = cell.metadata.get("nbgrader", {})
        name = graded.get("grade_id", "")
        if graded.get("solution") and cell.cell_type == "code":
            source = cell_to_show(own, name)
            used.add(source or "")
            if source:
                _show_code(cell, source, LONGEST)
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
    left = LONGEST_OTHER
    for number, source in enumerate(more[:MOST_CELLS]):
        if left > 0:
            cell = nbformat.v4.new_code_cell(id=f"other-{number}")
            _show_code(cell, source, min(left, LONGEST))
            notebook.cells.append(cell)
            left -= len(source)
    return notebook, answers


def _show_code(cell: NotebookNode, source: str, most: int) -> None:
    """Put code into a cell that nbconvert sets as plain text: its highlighter takes minutes for some code.

    "magics_language" is nbconvert's own name for what a cell is highlighted as.  It asks first whether the cell begins
    with a magic, and then has the other language highlighted, so no cell begins with one.
    """
    text = code_to_show(source, most)
    cell.source = f"# As it was handed in:\n{text}" if text.lstrip().startswith("%%") else text
    cell.metadata["magics_language"] = "text"


def as_written(text: str) -> str:
    """A text as markdown that shows it letter for letter: no tag, link or formula of it does anything."""
    letters = html.escape(prose_to_show(text, LONGEST_ANSWER)).translate(
        {ord(letter): f"&#{ord(letter)};" for letter in "\n$\\`*_[]()#!~|"}
    )
    return f'<pre class="tex2jax_ignore" style="white-space: pre-wrap">{letters}</pre>'
