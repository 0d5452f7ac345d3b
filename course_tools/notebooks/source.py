"""Reads `notebooks/source`, one file a lesson, and stops the build, with file and line, at an author's mistake."""

import ast
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
from course_tools.notebooks.lesson import (
    DIFFICULTIES,
    MIME_TYPES,
    AuthorError,
    Exercise,
    Lesson,
    blank_solutions,
    call_of_check,
    label_of,
    nbgrader_metadata,
    reference_to,
)
from course_tools.scopes import bound_names, symbol_table

_FIGURES = {"show", "chart", "scatter", "areas", "animate", "table"}
PLACEHOLDER = re.compile(r"\{\{([\w -]*)\}\}")
_MARKER = re.compile(r"\s*#\s*%%(%*\s.*|\s*)$")
# What may stand after `# %%`: the kind of a cell with its name, in which type of cell, and what goes with it.
_KINDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "exercise": ("markdown", ("minutes", "difficulty")),
    "solution": ("code", ()),
    "check": ("code", ("points",)),
    "answer": ("markdown", ("points",)),
    "hints": ("markdown", ()),
    "image": ("code", ()),
}
_PARTS = ("solution", "check", "answer", "hints")  # the cells that follow an exercise's task
# What jupytext itself notes of a marker: how the source is laid out, or that it could not read what stands there.
_OF_JUPYTEXT = re.compile("lines_to_|cell_marker|incorrectly_encoded_metadata")


@dataclass
class Cell:
    """A cell of a source and its place there.  Lines count from 1."""

    node: NotebookNode
    marker: int  # the line of its `# %%`
    first: int  # the line of its first line of text
    end: int  # the last line before the next marker
    tree: ast.Module | None = None  # of code that parses, with the line numbers of the source

    @property
    def marks(self) -> dict[str, Any]:
        """What its marker says: `check="blend" points=1` is {"check": "blend", "points": 1}."""
        return {key: value for key, value in self.node.metadata.items() if not _OF_JUPYTEXT.match(key)}

    @property
    def kind(self) -> str:
        """What it is, one of those that a marker can say, or "" if it says nothing."""
        return next((kind for kind in _KINDS if kind in self.node.metadata), "")

    @property
    def name(self) -> str:
        """Of which exercise it is, or what its picture is called."""
        return str(self.node.metadata.get(self.kind, ""))

    @property
    def points(self) -> float:
        """What a check or an answer is worth; 0 if its marker gives no number."""
        points = self.node.metadata.get("points")
        return points if type(points) in (int, float) else 0


@dataclass
class Source:
    """A source as far as it could be read.  `lesson` is there once a reading has ended without mistakes."""

    label: str
    path: Path
    lines: list[str]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)
    exercises: dict[int, Exercise] = field(default_factory=dict)  # by the position of the cell that sets it
    mistakes: list[tuple[int, str]] = field(default_factory=list)
    lesson: Lesson = field(init=False)

    def mistake(self, line: int, sentence: str) -> None:
        self.mistakes.append((line, sentence))


def read_sources(root: Path) -> list[Source]:
    """The sources of the course in the folder `root`, in order.  Raises AuthorError for one that has mistakes."""
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


def _read(path: Path, root: Path) -> Source:
    """Read one source; what is wrong with it is in its `mistakes`."""
    import jupytext
    import yaml

    text = path.read_text(encoding="utf-8")
    source = Source(label_of(path, root), path, text.split("\n"))
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
    header = notebook.metadata.get("course")
    source.metadata = header if isinstance(header, dict) else {}
    ends = [*(marker - 1 for marker in markers[1:]), len(source.lines)]
    for node, marker, end in zip(notebook.cells, markers, ends, strict=True):
        opening = node.source.split("\n")[0]
        lines = range(marker + 1, end + 1)
        first = next((number for number in lines if source.lines[number - 1].endswith(opening)), marker + 1)
        source.cells.append(Cell(node, marker, first, end))
    title = _check_header(source)
    _check_markers(source)
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


def _looks_back(source: Source) -> tuple[int, ...]:
    text = "\n".join(cell.node.source for cell in source.cells if cell.node.cell_type == "markdown")
    numbers = {int(number) for number in re.findall(r"\blessons? (\d+)", text, re.I)}
    return tuple(sorted(number for number in numbers if number < int(source.path.stem[:2])))


def _check_header(source: Source) -> str:
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


def _check_markers(source: Source) -> None:
    """What stands after `# %%`, cell by cell."""
    for cell in source.cells:
        if "incorrectly_encoded_metadata" in cell.node.metadata:
            source.mistake(cell.marker, "what stands after `# %%` can't be read: write name=value, the value as JSON.")
            continue
        cell_type, others = _KINDS.get(cell.kind, ("", tuple(_KINDS)))
        for key in cell.marks.keys() - {cell.kind, *others}:
            here = f"beside {cell.kind}= " if cell.kind else ""
            may = f"there may be {', '.join(others)}" if others else "nothing else may be"
            source.mistake(cell.marker, f"`{key}` is not known after `# %%`: {here}{may}.")
        if cell.kind and cell.node.cell_type != cell_type:
            marker = "# %% [markdown]" if cell_type == "markdown" else "# %%"
            source.mistake(cell.marker, f"{cell.kind}= says what a {cell_type} cell is: `{marker} {cell.kind}=...`.")
        if "points" in others and not cell.points > 0:
            source.mistake(cell.marker, f"the {cell.kind} of `{cell.name}` has no `points` above 0.")


def _check_code(source: Source) -> None:
    """Code that does not parse, and figures without a description."""
    for cell in source.cells:
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


def _check_markdown(source: Source, root: Path) -> None:
    """Headings that skip a level, pictures without words or file, and placeholders that nothing fills."""
    level = 0
    for cell in source.cells:
        if cell.node.cell_type != "markdown":
            continue
        for number, text in enumerate(cell.node.source.split("\n"), start=cell.first):
            for name in PLACEHOLDER.findall(text):
                if name not in ("minutes", "run_time"):
                    source.mistake(number, f"{{{{{name}}}}} is not known; {{{{minutes}}}} and {{{{run_time}}}} are.")
        for element in elements_of(cell.node.source):
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


def _check_picture(source: Source, cell: Cell, element: "_Element", root: Path) -> None:
    line = cell.first + element.line
    if not element.alt.strip():
        source.mistake(line, "this picture has no description: ![what there is to see](path), or alt=.")
    if element.src.startswith(("data:", "attachment:")):  # nobody could see what goes out to a class in it
        source.mistake(line, "this picture stands in the text itself; put it into images/, and its path here.")
        return
    picture = (source.path.parent / element.src).resolve()
    if not picture.is_file() or not picture.is_relative_to(root.resolve()):
        source.mistake(line, f"there is no picture {element.src} in the course, seen from the source's folder.")
    elif picture.suffix not in MIME_TYPES:
        source.mistake(
            line, f"{element.src} is not a kind of picture that goes into a notebook: {', '.join(MIME_TYPES)}."
        )
    elif not reference_to(element.src).search(cell.node.source):
        source.mistake(line, f"write the path of {element.src} in place, without blanks: ![description](path).")


def _check_exercises(source: Source) -> None:
    """Each exercise is four cells in a row: task, stub with solution, check, hints; a written one task and answer."""
    belongs: set[int] = set()  # positions of the cells that an exercise has claimed
    for position, cell in enumerate(source.cells):
        if cell.kind != "exercise":
            continue
        exercise = _read_exercise(source, cell)
        following = source.cells[position + 1 : position + 4]
        kinds = ("answer",) if following and following[0].kind == "answer" else ("solution", "check", "hints")
        parts: dict[str, Cell] = {}
        for kind in kinds:
            if len(parts) < len(following) and following[len(parts)].kind == kind:
                parts[kind] = following[len(parts)]
        belongs.update(range(position, position + 1 + len(parts)))
        points = sum(part.points for part in parts.values())
        source.exercises[position] = replace(exercise, points=points)
        for kind, part in parts.items():
            if part.name != exercise.name:
                what = (
                    f"these are the hints of `{exercise.name}`"
                    if kind == "hints"
                    else f"this is the {kind} of `{exercise.name}`"
                )
                source.mistake(part.marker, f'{what}: write {kind}="{exercise.name}".')
        if "answer" in parts:
            _check_answer(source, cell, parts["answer"], exercise.name)
        else:
            _check_parts(source, cell, parts, exercise.name)
    names = {exercise.name for exercise in source.exercises.values()}
    for position, cell in enumerate(source.cells):
        if position in belongs:
            continue
        if cell.kind in _PARTS and cell.name not in names:
            source.mistake(cell.marker, f"this lesson has no exercise `{cell.name}`.")
        elif cell.kind in _PARTS:
            source.mistake(cell.marker, "this cell belongs to no exercise: task, solution, check and hints in a row.")
        elif marker := re.search(r"(BEGIN|END) SOLUTION", cell.node.source):
            line = cell.first + cell.node.source.count("\n", 0, marker.start())
            source.mistake(line, "a solution is marked outside an exercise's solution cell.")


def _read_exercise(source: Source, cell: Cell) -> Exercise:
    marks, name = cell.marks, cell.name
    if not (name.isidentifier() and name.isascii() and len(name) <= 50):
        source.mistake(cell.marker, f"`{name}` is no name for an exercise: it is the name of the function to write.")
    if not _is_minutes(marks.get("minutes")):
        source.mistake(cell.marker, f"exercise `{name}` has no `minutes` above 0.")
    if marks.get("difficulty") not in DIFFICULTIES:
        source.mistake(cell.marker, f"exercise `{name}` has no `difficulty` that is one of: {', '.join(DIFFICULTIES)}.")
    number = f"{source.path.stem[:2].lstrip('0') or '0'}.{len(source.exercises) + 1}"
    heading = re.match(r"#+ Exercise (\d+\.\d+): (\S.*)", cell.node.source)
    if heading is None:
        source.mistake(cell.first, f"the task of `{name}` begins with a heading `### Exercise {number}: ` and a title.")
    elif heading[1] != number:
        source.mistake(cell.first, f"this is exercise {number}, not {heading[1]}.")
    minutes = marks["minutes"] if _is_minutes(marks.get("minutes")) else 0
    return Exercise(name, number, heading[2].strip() if heading else "", minutes, str(marks.get("difficulty")))


def _check_parts(source: Source, task: Cell, parts: Mapping[str, Cell], name: str) -> None:
    """The cells after the task of an exercise whose answer is a function."""
    last = task  # the cell after which the next should have come
    if "solution" in parts:
        last = parts["solution"]
        _check_solution(source, last, name)
    else:
        source.mistake(task.marker, f"after the task of `{name}` must come the cell with its solution.")
    if "check" in parts:
        last = parts["check"]
        _check_check(source, last, name)
    else:
        source.mistake(last.marker, f'`{name}` has no check cell: # %% check="{name}" points=1.')
    hints = parts.get("hints")
    count = len(re.findall(r"<summary>\s*Hint\b", hints.node.source)) if hints else 0
    if count < 2:
        source.mistake(
            (hints or last).marker, f"`{name}` has {count} of at least two hints: <summary>Hint 1</summary>."
        )
    if hints and hints.node.source.count("<details") != hints.node.source.count("</details>"):
        source.mistake(hints.marker, "a <details> of these hints is not closed.")


def _check_answer(source: Source, task: Cell, cell: Cell, name: str) -> None:
    """A written answer, with a rubric in the task: a table whose last column says the points of each row."""
    if re.search(r"(BEGIN|END) SOLUTION", cell.node.source):
        source.mistake(cell.marker, f"the answer of `{name}` is left out as a whole: it needs no markers.")
    given = sum(map(int, re.findall(r"^\|.*\| *(\d+) *\|$", task.node.source, re.M)))
    if cell.points and given != cell.points:
        source.mistake(task.marker, f"the rubric of `{name}` comes to {given} points, and its answer to {cell.points}.")


def _check_solution(source: Source, cell: Cell, name: str) -> None:
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
    metadata = {"nbgrader": nbgrader_metadata("solution", name)}
    stub = nbformat.v4.new_code_cell(cell.node.source, metadata=metadata)
    blank_solutions(nbformat.v4.new_notebook(cells=[stub]))
    try:
        ast.parse(stub.source)
    except SyntaxError as error:
        source.mistake(begins[0], f"with its solution blanked out, `{name}` does not parse: {error.msg}.")


def _check_check(source: Source, cell: Cell, name: str) -> None:
    """The build writes the line that calls the check; a source's cell holds what goes beyond it, mostly nothing."""
    call = ast.dump(ast.parse(call_of_check(name), mode="eval").body) if name.isidentifier() else ""
    for node in ast.walk(cell.tree) if cell.tree else ():
        if isinstance(node, ast.Call) and ast.dump(node) == call:
            source.mistake(node.lineno, f"the build writes {call_of_check(name)} here: leave it out.")


def _check_independence(source: Source) -> None:
    """No later cell uses an exercise's function: the reader may not have written it."""
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
        # The table knows scopes: a parameter or a local variable of that name is another thing.
        scope = symbol_table(statement)
        if _reads_global(scope, name, is_module=True):
            reads = (node for node in ast.walk(statement) if isinstance(node, ast.Name) and node.id == name)
            lines.append(min((node.lineno for node in reads), default=statement.lineno))
        if name in bound_names(scope):
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


def elements_of(text: str) -> Iterator[_Element]:
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
                values = dict(attrs)
                place = line + self.getpos()[0] - 1
                found.append(_Element(tag, place, values.get("alt") or "", values.get("src") or ""))

    finder = Finder()
    finder.feed(html)
    finder.close()
    return found


def choose(all_lessons: Sequence[Lesson], wanted: Sequence[str]) -> list[Lesson]:
    """The lessons of these names or numbers; all if none is wanted.  Raises CourseError for one that is not there."""

    def is_named(lesson: Lesson, word: str) -> bool:
        return word == lesson.name or (word.isdecimal() and int(word) == lesson.number)

    for word in wanted:
        if not any(is_named(lesson, word) for lesson in all_lessons):
            raise CourseError(
                f"there is no lesson {word!r}; there are {', '.join(lesson.name for lesson in all_lessons)}."
            )
    return [lesson for lesson in all_lessons if not wanted or any(is_named(lesson, word) for word in wanted)]
