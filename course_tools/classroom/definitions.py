"""Which of a student's functions counts: the one rule by which a class is collected, judged and shown its feedback.

A function counts that is there when the notebook's cells have been run in order.  The file needs the standard library
alone: the sandbox puts it beside `worker.py`, where the rest of the package is out of reach.
"""

import ast
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

STUB = "your code here"  # what an exercise that nobody has tried raises, as the text of a NotImplementedError
LONGEST_CELL = 100_000  # letters of a cell that is read as Python, or run; no student writes as much
MOST_CODE = 1_000_000  # letters in all code cells of a notebook that is read, or run

_PYTHON_MAGICS = ("%%time", "%%timeit", "%%capture", "%%prun")  # cell magics under which there is Python
_LINE_MAGIC = re.compile(r"^([ \t]*+)(?:[%!?].*|[\w.*]++\?\??[ \t]*)$", re.M)  # %time f(), !ls, name?
_ASSIGNED_MAGIC = re.compile(r"^([ \t]*+[\w, ]+=[ \t]*+)[%!].*$", re.M)  # files = !ls
_SEEMS_DEFINED = re.compile(
    r"^[ \t]*+(?:async[ \t]++)?(?:def|class)[ \t]++(\w++)|^(\w++)[ \t]*+(?::[^=\n]+)?=(?!=)", re.M
)


class Kind(IntEnum):
    """What a cell makes of a name; of two cells the one with the higher kind counts."""

    BLANK = 0  # the exercise as it was handed out: it raises NotImplementedError
    VALUE = 1  # what can't be a function: a number, a list, the variable of a loop
    UNREADABLE = 2  # a cell that is not Python, in which a line looks like the definition
    IMPORT = 3  # a function of somebody else's
    FUNCTION = 4  # a function, or what may be one: a lambda, a call, another name


@dataclass(frozen=True)
class Definition:
    """How a cell defines a name, and in which of its lines, from 1 on; in all of them if the cell is not Python."""

    kind: Kind
    source: str  # of the cell, all definitions of which share it
    first: int = 1
    last: int | None = None

    @property
    def text(self) -> str:
        return "\n".join(self.source.split("\n")[self.first - 1 : self.last])


def choose_cell(cells: Sequence[Mapping[str, Definition]], name: str, made_for: Collection[int] = ()) -> int | None:
    """The number of the cell whose definition of `name` counts, or None if there is none.

    cells: the `definitions` of each cell, in order.  made_for: the numbers of the cells that bear the exercise's name
    in their metadata.  Of the cells of the highest kind the last made for the exercise counts, or else the last, which
    holds when all have been run.  A stub, a scratch value or a broken cell never takes the place of a function.
    """
    defining = {number: found[name] for number, found in enumerate(cells) if name in found}
    if not defining:
        return None
    highest = max(definition.kind for definition in defining.values())
    best = [number for number, definition in defining.items() if definition.kind == highest]
    return ([number for number in best if number in made_for] or best)[-1]


def definitions(source: str) -> dict[str, Definition]:
    """The names that a code cell defines in the notebook, each as it is when the cell has been run.

    A name is defined by a statement outside of functions and classes, in the body of an `if` or a loop, too.  What is
    made of the name itself, `warmth = warmth(picture)`, is what the function answered, and no definition.  A function
    stays one if the same cell later gives its name a mere value.
    """
    try:
        tree = parse_cell(source)
    except SyntaxError:
        return _seeming(source)
    text = _as_python(source)
    found: dict[str, Definition] = {}
    for statement in outermost(tree.body):
        decorators = getattr(statement, "decorator_list", [])
        first = min([statement.lineno, *(decorator.lineno for decorator in decorators)])
        for name, kind in _defined_by(statement):
            if name not in found or kind != Kind.VALUE or found[name].kind == Kind.VALUE:
                found[name] = Definition(kind, text, first, statement.end_lineno)
    return found


def parse_cell(source: str) -> ast.Module:
    """A code cell as Python, IPython's magics as lines that do nothing.

    A cell of another language (%%bash) is one without statements.  Raises SyntaxError for a cell that is longer than
    LONGEST_CELL, and for whatever Python's parser can't read.
    """
    if len(source) > LONGEST_CELL:
        raise SyntaxError("this cell is too long to be read")
    text = _as_python(source)
    try:
        try:
            return ast.parse(text)
        except SyntaxError:
            return ast.parse(_ASSIGNED_MAGIC.sub(r"\1None", _LINE_MAGIC.sub(r"\1pass", text)))
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(f"this cell can't be read ({type(error).__name__})") from None


def outermost(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that are run with the cell, in order: also those in an `if`, `try`, `with`, `match` or a loop."""
    todo = [*reversed(body)]  # no recursion: a long `elif` is deep
    while todo:
        statement = todo.pop()
        yield statement
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = [*getattr(statement, "body", [])]
            for branch in (*getattr(statement, "handlers", []), *getattr(statement, "cases", [])):
                inner += branch.body
            inner += [*getattr(statement, "orelse", []), *getattr(statement, "finalbody", [])]
            todo += reversed(inner)


def is_blank(node: ast.AST) -> bool:
    """Whether the exercise's `raise NotImplementedError` still stands in it; in a comment it does no harm."""
    return any(isinstance(part, ast.Raise) and _is_stub(part.exc) for part in ast.walk(node))


def _is_stub(error: ast.expr | None) -> bool:
    if not (
        isinstance(error, ast.Call) and isinstance(error.func, ast.Name) and error.func.id == "NotImplementedError"
    ):
        return False
    return [getattr(value, "value", None) for value in error.args] == [STUB] and not error.keywords


def _as_python(source: str) -> str:
    """The cell without its first line's magic and indentation, as IPython takes them away; lines keep their numbers."""
    text = re.sub(r"\r\n?", "\n", source)
    if (start := text.lstrip()).startswith("%%"):
        if start.split(maxsplit=1)[0] not in _PYTHON_MAGICS:
            return ""
        text = re.sub(r"^\s*+%%.*", "", text, count=1)
    indent = re.match(r"(?:[ \t]*+\n)*+([ \t]*+)", text)
    if indent and indent[1]:
        text = "\n".join(line.removeprefix(indent[1]) for line in text.split("\n"))
    return text


def _seeming(source: str) -> dict[str, Definition]:
    """What the lines of a cell that is not Python seem to define."""
    names = {found[1] or found[2] for found in _SEEMS_DEFINED.finditer(source)}
    return dict.fromkeys(names, Definition(Kind.UNREADABLE, source))


def _defined_by(statement: ast.stmt) -> Iterator[tuple[str, Kind]]:
    """The names that a statement itself defines, without those of the statements in its body."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield statement.name, Kind.BLANK if is_blank(statement) else Kind.FUNCTION
            return
        case ast.ImportFrom():
            yield from ((alias.asname or alias.name, Kind.IMPORT) for alias in statement.names if alias.name != "*")
        case ast.Import():
            yield from (((alias.asname or alias.name).split(".")[0], Kind.VALUE) for alias in statement.names)
        case ast.Assign():
            for target in statement.targets:
                yield from _assigned(target, statement.value, _kind_of(statement.value))
        case ast.AnnAssign(value=ast.expr() as value):
            yield from _assigned(statement.target, value, _kind_of(value))
        case ast.For() | ast.AsyncFor():
            yield from _assigned(statement.target, None, Kind.VALUE)
        case ast.With() | ast.AsyncWith():
            for item in statement.items:
                yield from _assigned(item.optional_vars, None, Kind.VALUE)
    for part in ast.iter_child_nodes(statement):
        if isinstance(part, ast.expr | ast.withitem):
            yield from _assigned_within(part)


def _assigned(target: ast.expr | None, value: ast.expr | None, kind: Kind) -> Iterator[tuple[str, Kind]]:
    """The names in a target and what they become, but for those of which their own value is made."""
    if isinstance(target, ast.Name):
        if isinstance(value, ast.Lambda) or target.id not in _read_by(value):
            yield target.id, kind
    elif isinstance(target, ast.Starred):
        yield from _assigned(target.value, value, Kind.VALUE)  # a list
    elif isinstance(target, ast.Tuple | ast.List):
        values = value.elts if isinstance(value, ast.Tuple | ast.List) else []
        if len(values) == len(target.elts) and not any(
            isinstance(part, ast.Starred) for part in (*target.elts, *values)
        ):
            for part, its_value in zip(target.elts, values, strict=True):
                yield from _assigned(part, its_value, _kind_of(its_value))
        else:  # blend, mix = make_both()
            for part in target.elts:
                yield from _assigned(part, value, kind)


def _assigned_within(node: ast.AST) -> Iterator[tuple[str, Kind]]:
    """The names that `:=` defines in an expression; what stands in a lambda is the lambda's own."""
    todo = [node]
    while todo:
        part = todo.pop()
        if isinstance(part, ast.NamedExpr):
            yield from _assigned(part.target, part.value, _kind_of(part.value))
        if not isinstance(part, ast.Lambda):
            todo += ast.iter_child_nodes(part)


@lru_cache(maxsize=8)
def _kind_of(value: ast.expr) -> Kind:
    """What a name becomes by this value, as far as can be seen without running it."""
    todo = [value]
    while todo:
        match part := todo.pop():
            case ast.NamedExpr():
                todo.append(part.value)
            case ast.IfExp():
                todo += [part.body, part.orelse]
            case ast.Lambda() | ast.Name() | ast.Attribute() | ast.Call():
                return Kind.FUNCTION
    return Kind.VALUE


@lru_cache(maxsize=8)  # a = b = c = ... asks the same for each target
def _read_by(value: ast.expr | None) -> set[str]:
    return {node.id for node in ast.walk(value) if isinstance(node, ast.Name)} if value else set()
