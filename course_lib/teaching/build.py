"""Builds the lessons, from lesson 1 on: a source becomes a blank and a solved notebook and a row in README's table."""

import ast
import base64
import copy
import hashlib
import json
import math
import os
import re
import symtable
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from course_lib.errors import CourseError
from course_lib.teaching.guide import guide_pages, with_lines
from course_lib.teaching.publishing import Release, release
from course_lib.teaching.setup_cell import set_up_source
from course_lib.teaching.verify import VerifyError, verify

DIFFICULTIES = ("first steps", "some thought", "a challenge")
STUB = 'raise NotImplementedError("your code here")'
ANSWER = "*Your answer here.*"

_FIGURES = {"show", "chart", "scatter", "areas", "animate", "table"}
_MIME = {".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp", ".gif": "image/gif", ".svg": "image/svg+xml"}
_PLACEHOLDER = re.compile(r"\{\{([\w -]*)\}\}")
_MARKER = re.compile(r"\s*#\s*%%(%*\s.*|\s*)$")
_BADGES = "images/open_in_{}.svg"
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
# Hidden, with a button that opens it, in JupyterLab (source_hidden), Colab (cellView) and myst-nb (hide-input).
_SET_UP = {"cellView": "form", "course": {"set_up": True}, "jupyter": {"source_hidden": True}, "tags": ["hide-input"]}


class AuthorError(CourseError):
    """What an author has to mend before the lessons can be built: `file:line: sentence`, a line each."""


@dataclass(frozen=True)
class Exercise:
    """One exercise of a lesson; `name` is the function the reader writes and the check's name, or that of an answer."""

    name: str
    number: str  # "1.2": lesson, then running number
    title: str
    minutes: int
    difficulty: str  # one of DIFFICULTIES
    points: float = 0  # in a class, for the check or the written answer


@dataclass(frozen=True)
class Lesson:
    """One lesson: what its source says of it, and where its files are."""

    name: str  # "01_noise"
    number: int
    title: str
    summary: str  # what the reader does, in a few words
    minutes: int  # reading and all exercises
    objectives: tuple[str, ...]  # what its first cell says that the reader will be able to do
    looks_back: tuple[int, ...]  # the earlier lessons of which its text speaks
    exercises: tuple[Exercise, ...]
    source: Path
    blank: Path
    solved: Path


def lessons(root: Path) -> list[Lesson]:
    """The lessons of the course in the folder `root`, in order.  Raises AuthorError for a source that has mistakes."""
    return [source.lesson for source in _read_all(root)]


@dataclass(frozen=True)
class Rendered:
    """A lesson's notebooks as its source makes them; `marked` has the solutions between their markers."""

    lesson: Lesson
    marked: NotebookNode
    blank: NotebookNode
    solved: NotebookNode


def render(root: Path) -> list[Rendered]:
    """The notebooks of all lessons, in order; the solved ones with the outputs that are stored.  Writes nothing.

    Raises AuthorError, or VerifyError if blank and solved notebooks disagree.
    """
    sources = _read_all(root)
    timings = _read_timings(root / "docs/timings.json")
    set_up = set_up_source(root)
    released = release(root)
    rendered = []
    for source in sources:
        marked, blank, solved = _render(source, set_up, timings)
        if released:
            _stamp(blank, released.colab(_label(source.lesson.blank, root)), root / _BADGES.format("colab"))
        try:
            verify(blank, solved)
        except VerifyError as error:
            raise VerifyError(f"{source.label}: {error}") from None
        copy_outputs(_stored(source.lesson.solved), solved)
        rendered.append(Rendered(source.lesson, marked, blank, solved))
    return rendered


def build(root: Path, *, check: bool = False) -> list[str]:
    """Make the notebooks, README's table and the instructor's tables of the course in the folder `root`.

    Returns a sentence for each file written and for each solved notebook that has to be run again; with `check`
    writes nothing and returns a sentence for each file that is not what the sources make.
    Raises AuthorError, or VerifyError if blank and solved notebooks disagree; then nothing is written.
    """
    files: dict[Path, str] = {}
    notes: list[str] = []
    lessons = []
    for rendered in render(root):
        lesson = rendered.lesson
        lessons.append(lesson)
        if not any(cell.execution_count for cell in _code_cells(rendered.solved)):
            notes.append(f"{_label(lesson.solved, root)}: nobody has run this code; run `course run {lesson.name}`.")
        files[lesson.blank] = notebook_text(rendered.blank)
        files[lesson.solved] = notebook_text(rendered.solved)
    timings = _read_timings(root / "docs/timings.json")
    files[root / "README.md"] = _read_me(root, lessons, timings, release(root))
    files |= guide_pages(root, lessons)
    changed = [path for path, text in files.items() if not path.exists() or path.read_bytes() != text.encode()]
    names = {lesson.name for lesson in lessons}
    strangers = [
        f"{_label(path, root)}: no source makes this notebook; delete it, or give it one in notebooks/source."
        for folder in (root / "notebooks", root / "notebooks/solutions")
        for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))
        if path.stem not in names and "-" not in path.stem  # JupyterLab names a reader's copy 01_noise-Copy1.ipynb
    ]
    if check:
        return [f"{_label(path, root)}: stale; run `course build`." for path in changed] + strangers
    for path in changed:
        write_beside(path, files[path])
    return [f"{_label(path, root)}: written." for path in changed] + notes + strangers


def notebook_text(notebook: NotebookNode) -> str:
    """The one way in which the course's notebooks are written down, so that equal notebooks are equal files."""
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def write_beside(path: Path, text: str) -> None:
    """Write a file so that, whenever the machine stops, there is the old one or the new one and never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(text.encode())
    os.replace(part, path)


def copy_outputs(run: NotebookNode, built: NotebookNode) -> bool:
    """Copy the outputs that `run` has into `built`, if both have the same code cells in the same order.

    The set-up cell may differ: it only says where the library comes from, and it changes when the course is published.
    Copies execution counts, and the state of widgets where `run` has it, too.  Returns whether the code is the same.
    """
    pairs = list(zip(_code_cells(run), _code_cells(built), strict=False))
    if len(_code_cells(run)) != len(_code_cells(built)) or any(_lesson_code(a) != _lesson_code(b) for a, b in pairs):
        return False
    for executed, cell in pairs:
        cell.outputs, cell.execution_count = executed.outputs, executed.execution_count
    if "widgets" in run.metadata:
        built.metadata.widgets = run.metadata.widgets
    return True


def _lesson_code(cell: NotebookNode) -> str:
    return "" if cell.metadata.get("course", {}).get("set_up") else cell.source


def _code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _stored(path: Path) -> NotebookNode:
    try:
        return nbformat.read(path, as_version=4)
    except Exception:  # cut short or no notebook at all: there is nothing to keep
        return nbformat.v4.new_notebook()


def _label(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


# --- Reading a source, and the mistakes an author can make in it ------------------------------------------------------


@dataclass
class _Cell:
    """A cell of a source and its place there.  Lines count from 1."""

    node: NotebookNode
    marker: int  # the line of its `# %%`
    first: int  # the line of its first line of text
    end: int  # the last line before the next marker
    tree: ast.Module | None = None  # of code that parses, with the line numbers of the source

    @property
    def graded(self) -> Mapping[str, Any]:
        return self.node.metadata.get("nbgrader", {})

    @property
    def is_solution(self) -> bool:
        return bool(self.graded.get("solution"))

    @property
    def is_answer(self) -> bool:
        """Whether this is where a reader writes prose, which a person grades."""
        return self.is_solution and self.node.cell_type == "markdown"

    @property
    def is_check(self) -> bool:
        return bool(self.graded.get("grade")) and not self.is_solution


@dataclass
class _Source:
    """A source as far as it could be read.  `lesson` is there once a reading has ended without mistakes."""

    label: str
    path: Path
    lines: list[str]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    cells: list[_Cell] = field(default_factory=list)
    exercises: dict[int, Exercise] = field(default_factory=dict)  # by the position of the cell that sets it
    mistakes: list[tuple[int, str]] = field(default_factory=list)
    lesson: Lesson = field(init=False)

    def mistake(self, line: int, sentence: str) -> None:
        self.mistakes.append((line, sentence))


def _read_all(root: Path) -> list[_Source]:
    folder = root / "notebooks/source"
    sources = [_read(path, root) for path in sorted(folder.glob("*.py"))]
    if not sources:
        raise CourseError(f"There is no lesson in {folder}; run this in the course's folder.")
    numbers: dict[str, str] = {}
    names: dict[str, str] = {}
    for source in sources:
        if (first := numbers.setdefault(source.path.stem[:2], source.label)) != source.label:
            source.mistake(1, f"{first} has the same number.")
        for position, exercise in source.exercises.items():
            if exercise.name in names:
                line = source.cells[position].marker
                source.mistake(line, f"{names[exercise.name]} is called `{exercise.name}` already.")
            names.setdefault(exercise.name, f"exercise {exercise.number} of {source.label}")
    mistakes = [f"{s.label}:{line}: {sentence}" for s in sources for line, sentence in sorted(set(s.mistakes))]
    if mistakes:
        raise AuthorError("\n".join(mistakes))
    return sources


def _read(path: Path, root: Path) -> _Source:
    """Read one source; what is wrong with it is in its `mistakes`."""
    import jupytext
    import yaml

    text = path.read_text(encoding="utf-8")
    source = _Source(_label(path, root), path, text.split("\n"))
    markers = [number for number, line in enumerate(source.lines, start=1) if _MARKER.match(line)]
    try:
        notebook = jupytext.reads(text, fmt="py:percent")
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 2 if error.problem_mark else 1  # the YAML begins in the header's second line
        source.mistake(line, f"the header is not YAML: {error.problem}.")
        return source
    if len(notebook.cells) != len(markers):
        stray = "text before the first `# %%`, a header that is not under `jupyter:`, or a `# %%` inside a string"
        source.mistake(1, f"jupytext finds {len(notebook.cells)} cells and {len(markers)} `# %%`; look for {stray}.")
        return source
    told = notebook.metadata.get("course")
    source.metadata = told if isinstance(told, dict) else {}
    ends = [*(marker - 1 for marker in markers[1:]), len(source.lines)]
    for node, marker, end in zip(notebook.cells, markers, ends, strict=True):
        opening = node.source.split("\n")[0]
        lines = range(marker + 1, end + 1)
        first = next((number for number in lines if source.lines[number - 1].endswith(opening)), marker + 1)
        source.cells.append(_Cell(node, marker, first, end))
    title = _check_header(source)
    _check_code(source)
    _check_markdown(source, root)
    _check_exercises(source)
    _check_independence(source)
    if not source.mistakes:
        exercises = tuple(source.exercises.values())
        source.lesson = Lesson(
            name=path.stem,
            number=int(path.stem[:2]),
            title=title,
            summary=source.metadata["summary"],
            minutes=source.metadata["reading_minutes"] + sum(exercise.minutes for exercise in exercises),
            objectives=_objectives(source.cells[0].node.source),
            looks_back=_looks_back(source),
            exercises=exercises,
            source=path,
            blank=root / f"notebooks/{path.stem}.ipynb",
            solved=root / f"notebooks/solutions/{path.stem}.ipynb",
        )
    return source


def _objectives(opening: str) -> tuple[str, ...]:
    """The list under "You will be able to" in a lesson's first cell."""
    _, _, after = opening.partition("You will be able to\n")
    items = re.search(r"\A\s*((?:- .*\n?|  .*\n?)+)", after)
    return (
        tuple(" ".join(item.split()).rstrip(";.") for item in re.split(r"^- ", items[1], flags=re.M)[1:])
        if items
        else ()
    )


def _looks_back(source: _Source) -> tuple[int, ...]:
    text = "\n".join(cell.node.source for cell in source.cells if cell.node.cell_type == "markdown")
    numbers = {int(number) for number in re.findall(r"\blessons? (\d+)", text, re.I)}
    return tuple(sorted(number for number in numbers if number < int(source.path.stem[:2])))


def _check_header(source: _Source) -> str:
    """The file's name, `course:` in its header and its title; returns the title."""
    if not re.fullmatch(r"\d\d_[a-z0-9_]+", source.path.stem):
        source.mistake(1, "a lesson's file is called NN_name.py, in small letters.")
        return ""
    line = next((number for number, text in enumerate(source.lines, start=1) if "course:" in text), 1)
    if not _is_minutes(source.metadata.get("reading_minutes")):
        source.mistake(line, "the header has no `reading_minutes` above 0 in `course:`, under `jupyter:`.")
    summary = source.metadata.get("summary")
    if not isinstance(summary, str) or not summary.strip():
        source.mistake(line, "the header has no `summary` in `course:`, under `jupyter:`: what the reader does.")
    number = int(source.path.stem[:2])
    found = re.match(rf"# Lesson {number}: (\S.*)", source.cells[0].node.source) if source.cells else None
    if found is None or source.cells[0].node.cell_type != "markdown":
        line = source.cells[0].first if source.cells else 1
        source.mistake(line, f"the first cell is markdown and begins with `# Lesson {number}: ` and a title.")
        return ""
    return found[1].strip()


def _is_minutes(value: object) -> bool:
    return type(value) is int and value > 0


def _check_code(source: _Source) -> None:
    """Code that does not parse, and figures without a description."""
    for cell in source.cells:
        if "incorrectly_encoded_metadata" in cell.node.metadata:
            source.mistake(cell.marker, "what stands after `# %%` can't be read: write name=value, the value as JSON.")
        if cell.node.cell_type != "code":
            continue
        text = "\n".join(source.lines[cell.marker : cell.end])
        try:
            cell.tree = ast.parse("\n" * cell.marker + text)
        except SyntaxError as error:
            source.mistake(error.lineno or cell.first, f"this code does not parse: {error.msg}.")
            continue
        for node in ast.walk(cell.tree):
            if isinstance(node, ast.Call) and (called := _called(node)) in _FIGURES and not _is_described(node):
                source.mistake(node.lineno, f"{called}(...) has no description: say what there is to see in `about=`.")


def _called(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _is_described(call: ast.Call) -> bool:
    about = next((keyword.value for keyword in call.keywords if keyword.arg == "about"), None)
    if isinstance(about, ast.Constant):
        return isinstance(about.value, str) and bool(about.value.strip())
    return about is not None and not (isinstance(about, ast.JoinedStr) and not about.values)


def _check_markdown(source: _Source, root: Path) -> None:
    """Headings that skip a level, pictures without words or file, and placeholders that nothing fills."""
    level = 0
    for cell in source.cells:
        if cell.node.cell_type != "markdown":
            continue
        for number, text in enumerate(cell.node.source.split("\n"), start=cell.first):
            for name in _PLACEHOLDER.findall(text):
                if name not in ("minutes", "run_time"):
                    source.mistake(number, f"{{{{{name}}}}} is not known; {{{{minutes}}}} and {{{{run_time}}}} are.")
        for element in _elements(cell.node.source):
            line = cell.first + element.line
            if element.tag == "img":
                _check_picture(source, cell, element, root)
                continue
            depth = int(element.tag[1])
            if depth == 1 and level:
                source.mistake(line, "a lesson has one heading of level 1, its title.")
            elif depth > level + 1:
                source.mistake(line, f"a heading of level {depth} follows one of level {level}; don't skip a level.")
            level = depth


def _check_picture(source: _Source, cell: _Cell, element: "_Element", root: Path) -> None:
    line = cell.first + element.line
    if not element.alt.strip():
        source.mistake(line, "this picture has no description: ![what there is to see](path), or alt=.")
    if element.src.startswith("data:"):
        return
    picture = (source.path.parent / element.src).resolve()
    if not picture.is_file() or not picture.is_relative_to(root.resolve()):
        source.mistake(line, f"there is no picture {element.src} in the course, seen from the source's folder.")
    elif picture.suffix not in _MIME:
        source.mistake(line, f"{element.src} is not a kind of picture that goes into a notebook: {', '.join(_MIME)}.")
    elif not _reference(element.src).search(cell.node.source):
        source.mistake(line, f"write the path of {element.src} in place, without blanks: ![description](path).")


def _check_exercises(source: _Source) -> None:
    """Each exercise is four cells in a row: task, stub with solution, check, hints; a written one task and answer."""
    from nbgrader.nbgraderformat import MetadataValidator

    validator = MetadataValidator()
    belongs: set[int] = set()  # positions of the cells that an exercise has claimed
    for position, cell in enumerate(source.cells):
        try:
            validator.validate_cell(cell.node)
        except Exception as error:
            source.mistake(cell.marker, f"nbgrader can't read this cell's metadata: {str(error).splitlines()[0]}.")
        if "exercise" not in cell.node.metadata:
            continue
        exercise = _read_exercise(source, cell)
        source.exercises[position] = exercise
        rest = source.cells[position + 1 : position + 4]
        if rest and rest[0].is_answer:
            _check_answer(source, cell, rest[0], exercise.name)
            source.exercises[position] = replace(exercise, points=rest[0].graded.get("points", 0))
            belongs.update((position, position + 1))
            continue
        solution = rest.pop(0) if rest and rest[0].is_solution else None
        check = rest.pop(0) if rest and rest[0].is_check else None
        hints = rest.pop(0) if rest and "hints" in rest[0].node.metadata else None
        found = sum(part is not None for part in (solution, check, hints))
        belongs.update(range(position, position + 1 + found))
        if solution is None:
            source.mistake(cell.marker, f"after the task of `{exercise.name}` must come the cell with its solution.")
        else:
            _check_solution(source, solution, exercise.name)
        if check is None:
            line = (solution or cell).marker
            source.mistake(line, f"`{exercise.name}` has no check cell: checks.{exercise.name}({exercise.name}).")
        else:
            _check_check(source, check, exercise.name)
            source.exercises[position] = replace(exercise, points=check.graded.get("points", 0))
        count = len(re.findall(r"<summary>\s*Hint\b", hints.node.source)) if hints else 0
        if count < 2:
            line = (hints or check or solution or cell).marker
            source.mistake(line, f"`{exercise.name}` has {count} of at least two hints: <summary>Hint 1</summary>.")
        if hints and hints.node.metadata["hints"] != exercise.name:
            source.mistake(hints.marker, f'these are the hints of `{exercise.name}`: write hints="{exercise.name}".')
        if hints and hints.node.source.count("<details") != hints.node.source.count("</details>"):
            source.mistake(hints.marker, "a <details> of these hints is not closed.")
    for position, cell in enumerate(source.cells):
        if position in belongs:
            continue
        if cell.is_solution or cell.is_check or "hints" in cell.node.metadata:
            source.mistake(cell.marker, "this cell belongs to no exercise: task, solution, check and hints in a row.")
        elif marker := re.search(r"(BEGIN|END) SOLUTION", cell.node.source):
            line = cell.first + cell.node.source.count("\n", 0, marker.start())
            source.mistake(line, "a solution is marked outside an exercise's solution cell.")


def _read_exercise(source: _Source, cell: _Cell) -> Exercise:
    told = cell.node.metadata["exercise"]
    told = told if isinstance(told, dict) else {}
    name = str(told.get("name", ""))
    if not (name.isidentifier() and name.isascii() and len(name) <= 50):
        source.mistake(cell.marker, f"`{name}` is no name for an exercise: it is the name of the function to write.")
    if not _is_minutes(told.get("minutes")):
        source.mistake(cell.marker, f"exercise `{name}` has no `minutes` above 0.")
    if told.get("difficulty") not in DIFFICULTIES:
        source.mistake(cell.marker, f"exercise `{name}` has no `difficulty` that is one of: {', '.join(DIFFICULTIES)}.")
    number = f"{source.path.stem[:2].lstrip('0') or '0'}.{len(source.exercises) + 1}"
    heading = re.match(r"#+ Exercise (\d+\.\d+): (\S.*)", cell.node.source)
    if heading is None:
        source.mistake(cell.first, f"the task of `{name}` begins with a heading `### Exercise {number}: ` and a title.")
    elif heading[1] != number:
        source.mistake(cell.first, f"this is exercise {number}, not {heading[1]}.")
    minutes = told["minutes"] if _is_minutes(told.get("minutes")) else 0
    return Exercise(name, number, heading[2].strip() if heading else "", minutes, str(told.get("difficulty")))


def _check_answer(source: _Source, task: _Cell, cell: _Cell, name: str) -> None:
    """A written answer, with a rubric in the task: a table whose last column says the points of each row."""
    if cell.graded.get("grade_id") != name:
        source.mistake(cell.marker, f'the answer of `{name}` has the grade_id "{name}".')
    if not cell.graded.get("grade"):
        source.mistake(cell.marker, f"the answer of `{name}` is graded by hand: give it grade true, and points.")
    if re.search(r"(BEGIN|END) SOLUTION", cell.node.source):
        source.mistake(cell.marker, f"the answer of `{name}` is left out as a whole: it needs no markers.")
    given = sum(map(int, re.findall(r"^\|.*\| *(\d+) *\|$", task.node.source, re.M)))
    if given != cell.graded.get("points", given):
        points = cell.graded["points"]
        source.mistake(task.marker, f"the rubric of `{name}` comes to {given} points, and its answer to {points}.")


def _check_solution(source: _Source, cell: _Cell, name: str) -> None:
    if cell.graded.get("grade_id") != name:
        source.mistake(cell.marker, f'the solution of `{name}` has the grade_id "{name}".')
    body = cell.tree.body if cell.tree else []
    function = next((node for node in body if isinstance(node, ast.FunctionDef) and node.name == name), None)
    if cell.tree and function is None:
        source.mistake(cell.marker, f"the solution of `{name}` does not define a function of that name.")
    before = len(source.mistakes)
    begins: list[int] = []
    begin = 0  # the line in which the region that is open began
    for line in range(cell.first, cell.end + 1):
        text = source.lines[line - 1]
        if "BEGIN SOLUTION" in text:
            if begin:
                source.mistake(line, f"a solution begins here inside the one that began in line {begin}.")
            begin = line
            begins.append(line)
        elif "END SOLUTION" in text:
            if not begin:
                source.mistake(line, "a solution ends here that has not begun.")
            elif not any(text.strip() and not text.strip().startswith("#") for text in source.lines[begin : line - 1]):
                source.mistake(begin, "there is no solution between ### BEGIN SOLUTION and ### END SOLUTION.")
            begin = 0
    if begin:
        source.mistake(begin, "this solution has no ### END SOLUTION.")
    if not begins:
        source.mistake(cell.marker, f"the stub of `{name}` has no solution between ### BEGIN and ### END SOLUTION.")
    if function is None or len(source.mistakes) > before:
        return  # what follows would only say the same in other words
    for line in begins:
        if not function.lineno < line <= (function.end_lineno or 0):
            source.mistake(line, f"the blank is not inside the function `{name}`: it would stop the notebook.")
    stub = copy.deepcopy(cell.node)
    _blank_solutions(nbformat.v4.new_notebook(cells=[stub]))
    try:
        ast.parse(stub.source)
    except SyntaxError as error:
        source.mistake(begins[0], f"with its solution blanked out, `{name}` does not parse: {error.msg}.")


def _check_check(source: _Source, cell: _Cell, name: str) -> None:
    if cell.graded.get("grade_id") != f"check-{name}":
        source.mistake(cell.marker, f'the check of `{name}` has the grade_id "check-{name}".')
    wanted = ast.dump(ast.parse(f"checks.{name}({name})", mode="eval").body) if name.isidentifier() else ""
    if cell.tree and not any(ast.dump(node) == wanted for node in ast.walk(cell.tree)):
        source.mistake(cell.marker, f"this check does not call checks.{name}({name}).")


def _check_independence(source: _Source) -> None:
    """Nothing may need what a reader has not written yet: no later cell uses an exercise's functions."""
    for position, exercise in source.exercises.items():
        for cell in source.cells[position + 3 :]:  # past its solution and its check
            uses, bound = _uses(cell.tree.body if cell.tree else [], exercise.name)
            for line in uses:
                source.mistake(line, f"`{exercise.name}` may not be written yet; only its own exercise can use it.")
            if bound:
                break


def _uses(statements: Iterable[ast.stmt], name: str) -> tuple[list[int], bool]:
    """The lines that use the global `name` before a statement binds it anew, and whether one does."""
    lines: list[int] = []
    for statement in statements:
        # symtable knows scopes: a parameter or a local variable of that name is another thing.
        scope = symtable.symtable(ast.unparse(statement), "lesson", "exec")
        if _reads_global(scope, name, is_module=True):
            reads = (node for node in ast.walk(statement) if isinstance(node, ast.Name) and node.id == name)
            lines.append(min((node.lineno for node in reads), default=statement.lineno))
        if name in scope.get_identifiers() and (scope.lookup(name).is_assigned() or scope.lookup(name).is_imported()):
            return lines, True
    return lines, False


def _reads_global(scope: symtable.SymbolTable, name: str, *, is_module: bool = False) -> bool:
    symbol = scope.lookup(name) if name in scope.get_identifiers() else None
    here = symbol is not None and symbol.is_referenced() and (is_module or symbol.is_global())
    return here or any(_reads_global(child, name) for child in scope.get_children())


@dataclass(frozen=True)
class _Element:
    """A heading (tag h1 to h6) or a picture (img) of a markdown text; `line` counts from 0."""

    tag: str
    line: int
    alt: str = ""
    src: str = ""


def _elements(text: str) -> Iterator[_Element]:
    """The headings and pictures of a markdown text, in markdown or HTML, in order."""
    from markdown_it import MarkdownIt

    for token in MarkdownIt("commonmark").parse(text):
        line = token.map[0] if token.map else 0
        if token.type == "heading_open":
            yield _Element(token.tag, line)
        elif token.type == "html_block":
            yield from _html_elements(token.content, line)
        for child in token.children or []:
            if child.type == "image":
                yield _Element("img", line, child.content, str(child.attrs.get("src", "")))
            elif child.type == "html_inline":
                yield from _html_elements(child.content, line)
            line += child.type in ("softbreak", "hardbreak") or child.content.count("\n")


def _html_elements(html: str, line: int) -> list[_Element]:
    found: list[_Element] = []

    class Finder(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if re.fullmatch(r"h[1-6]|img", tag):
                told = dict(attrs)
                found.append(_Element(tag, line + self.getpos()[0] - 1, told.get("alt") or "", told.get("src") or ""))

    finder = Finder()
    finder.feed(html)
    finder.close()
    return found


# --- Making the two notebooks -----------------------------------------------------------------------------------------


def _render(source: _Source, set_up: str, timings: Mapping[str, Any]) -> tuple[NotebookNode, ...]:
    """The notebook of a source with its solutions marked, the blank and the solved one, without outputs."""
    from nbgrader import preprocessors

    lesson = source.lesson
    words = {"minutes": str(lesson.minutes), "run_time": _run_time(timings["lessons"].get(lesson.name))}
    ids: set[str] = set()
    cells = [_render_cell(source, position, words, ids) for position in range(len(source.cells))]
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
    _blank_solutions(blank)
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
    data = f"data:{_MIME[badge.suffix]};base64,{base64.b64encode(badge.read_bytes()).decode()}"
    blank.cells[0].source = f'{title}\n\n<a href="{address}"><img alt="Open in Colab" src="{data}"></a>\n{below}'


def _blank_solutions(notebook: NotebookNode) -> None:
    from nbgrader.preprocessors import ClearSolutions

    ClearSolutions(code_stub={"python": STUB}, text_stub=ANSWER).preprocess(notebook, {})


def _render_cell(source: _Source, position: int, words: Mapping[str, str], ids: set[str]) -> NotebookNode:
    node = source.cells[position].node
    exercise = source.exercises.get(position)
    # jupytext notes there how the source was laid out; a notebook has no use for it.
    metadata = {key: value for key, value in node.metadata.items() if not key.startswith(("lines_to_", "cell_marker"))}
    if own := {key: metadata.pop(key) for key in ("exercise", "hints") if key in metadata}:
        metadata["course"] = own
    # Two builds must give the same id, so it is made of the exercise's name, or of the text where there is no name.
    if exercise:
        wanted = f"exercise-{exercise.name}"
    elif "grade_id" in (graded := metadata.get("nbgrader", {})):
        wanted = graded["grade_id"]
    elif "hints" in own:
        wanted = f"hints-{own['hints']}"
    else:
        wanted = "cell-" + hashlib.sha256(f"{node.cell_type}\n{node.source}".encode()).hexdigest()[:12]
    repeats = (f"{wanted}-{count}" for count in range(2, len(source.cells) + 2))
    name = next(name for name in (wanted, *repeats) if name not in ids)
    ids.add(name)
    text = node.source
    if node.cell_type == "code":
        return nbformat.v4.new_code_cell(text, id=name, metadata=metadata)
    if exercise:
        minutes = f"{exercise.minutes} minute{'s' if exercise.minutes > 1 else ''}"
        heading, *rest = text.split("\n")
        text = "\n".join([f"{heading.rstrip()} ({minutes}, {exercise.difficulty})", *rest])
    text = _PLACEHOLDER.sub(lambda found: words[found[1]], text)
    for path in {element.src for element in _elements(text) if element.tag == "img"}:
        if not path.startswith("data:"):
            picture = source.path.parent / path
            data = f"data:{_MIME[picture.suffix]};base64,{base64.b64encode(picture.read_bytes()).decode()}"
            text = _reference(path).sub(rf"\g<1>{data}", text)
    return getattr(nbformat.v4, f"new_{node.cell_type}_cell")(text, id=name, metadata=metadata)


def _reference(path: str) -> re.Pattern[str]:
    """Finds where a markdown text names a picture: ![...](path) or <img src="path">."""
    return re.compile(rf"""(\]\(|\bsrc\s*=\s*["']?){re.escape(path)}(?=[\s"')>])""")


# --- Times and README -------------------------------------------------------------------------------------------------


def _read_timings(path: Path) -> dict[str, Any]:
    try:
        timings = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        wanted = ("seconds", "peak_memory_mb")
        runs = {name: {key: float(run[key]) for key in wanted} for name, run in timings.get("lessons", {}).items()}
        return {"machine": str(timings.get("machine", "")), "lessons": runs}
    except (ValueError, TypeError, AttributeError, KeyError):
        raise CourseError(f"{path} is not what `course run` writes; delete it and run `course run` again.") from None


def _run_time(timing: Mapping[str, float] | None) -> str:
    """How long a lesson runs, in words: rounded up to ten seconds, in minutes over ninety seconds."""
    if timing is None:
        return "not measured yet"
    if timing["seconds"] > 90:
        return f"about {max(2, round(timing['seconds'] / 60))} minutes"
    return f"about {max(1, math.ceil(timing['seconds'] / 10)) * 10} seconds"


def _read_me(root: Path, lessons: Sequence[Lesson], timings: Mapping[str, Any], released: Release | None) -> str:
    """README with what stands between its markers made anew: the way into Colab, and the table of lessons."""
    path = root / "README.md"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    binder = released and released.binder(_label(lessons[0].blank, root))
    opening = _OPENING_RELEASED.format(binder=binder) if released else _OPENING
    text = with_lines(text, path.name, "colab", [opening])
    return with_lines(text, path.name, "lessons", _table(root, lessons, timings, released))


def _table(root: Path, lessons: Sequence[Lesson], timings: Mapping[str, Any], released: Release | None) -> list[str]:
    rows = [
        "| Lesson | What you do | Minutes | Exercises | Seconds to run | Peak memory |" + " Open |" * bool(released),
        "| --- | --- | ---: | ---: | ---: | ---: |" + " --- |" * bool(released),
    ]
    for lesson in lessons:
        links = (
            f"[{lesson.number}. {lesson.title}](notebooks/{lesson.name}.ipynb) "
            f"([solved](notebooks/solutions/{lesson.name}.ipynb))"
        )
        timing = timings["lessons"].get(lesson.name)
        run = (f"{timing['seconds']:.0f}", f"{timing['peak_memory_mb']:.0f} MB") if timing else ("not run yet", "")
        row = [links, lesson.summary.strip(), str(lesson.minutes), str(len(lesson.exercises)), *run]
        if released:
            notebook = _label(lesson.blank, root)
            places = {"Colab": released.colab(notebook), "Binder": released.binder(notebook)}
            badges = (
                f"[![Open lesson {lesson.number} in {place}]({_BADGES.format(place.lower())})]({address})"
                for place, address in places.items()
            )
            row.append(" ".join(badges))
        rows.append("| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |")
    if timings["lessons"] and timings["machine"]:
        rows += ["", f"Times and memory: {timings['machine']}."]
    return rows
