"""Which function counts: what collecting reports, what is judged and what the feedback page shows is the same cell."""

import inspect
import json
import sys
import time
from typing import Any

import nbformat
import pytest

from course_lib.errors import CourseError
from course_tools.classroom import worker
from course_tools.classroom.definitions import LONGEST_CELL, Kind, choose_cell, definitions
from course_tools.classroom.feedback import feedback_notebook
from course_tools.classroom.repair import repair
from course_tools.classroom.submission import SubmittedCell, cells_of, made_for

STUB = 'def blend():\n    raise NotImplementedError("your code here")'
RIGHT = "def blend():\n    return 'right'"
OTHER = "def blend():\n    return 'other'"
BROKEN = "def blend()\n    return 'broken'"

# The cells of a student, and the number of the one whose `blend` counts, which answers "right".
CELLS: dict[str, tuple[list[str], int]] = {
    # What is a definition.
    "a function": (["x = 1", RIGHT], 1),
    "two functions: the last holds": ([OTHER, RIGHT], 1),
    "a tuple": (["def mine():\n    return 'right'", "blend, other = mine, 1"], 1),
    "a tuple of a call": (["def both():\n    return lambda: 'right', 1", "blend, other = both()"], 1),
    "a list of targets": (["[blend, other] = [lambda: 'right', 1]"], 0),
    "targets with a star": (["blend, *rest = (lambda: 'right'), 1, 2"], 0),
    "a chain of targets": (["first = blend = lambda: 'right'"], 0),
    "a walrus": (["(blend := lambda: 'right')"], 0),
    "a walrus in a call": (["print(blend := lambda: 'right')"], 0),
    "a walrus in a condition": (["if blend := (lambda: 'right'):\n    pass"], 0),
    "an annotation": (["blend: object = lambda: 'right'"], 0),
    "a branch": (["if True:\n    def blend():\n        return 'right'"], 0),
    "another branch": (["if False:\n    pass\nelif True:\n    def blend():\n        return 'right'"], 0),
    "a choice of two": (["blend = (lambda: 'right') if True else None"], 0),
    "a try": (["try:\n    import no_such_module\nexcept ImportError:\n    def blend():\n        return 'right'"], 0),
    "a with": (["import contextlib\nwith contextlib.suppress(Exception):\n    blend = lambda: 'right'"], 0),
    "a for": (["for _ in range(1):\n    def blend():\n        return 'right'"], 0),
    "a while": (["while True:\n    blend = lambda: 'right'\n    break"], 0),
    "a match": (["match 1:\n    case 1:\n        def blend():\n            return 'right'"], 0),
    "a class": (["class blend(str):\n    def __new__(cls):\n        return 'right'"], 0),
    "a decorator": (["import functools\n@functools.cache\ndef blend():\n    return 'right'"], 0),
    "decorated by hand": ([f"import functools\n{RIGHT}\nblend = functools.cache(blend)"], 0),
    "partial": (["import functools\nblend = functools.partial(str, 'right')"], 0),
    "a function of a name": ([RIGHT.replace("blend", "mine"), "blend = mine"], 1),
    # Magics, and what IPython takes away.
    "a cell magic": ([f"%%time\n{RIGHT}"], 0),
    "line magics": ([f"%matplotlib inline\n!ls\n{RIGHT}\nblend?"], 0),
    "a shell's answer": ([f"files = !ls\n{RIGHT}"], 0),
    "a question in a comment": (["%time\ndef blend():\n    return 'right'  # is this right?"], 0),
    "an indented cell": (["    def blend():\n        return 'right'\n    x = 1"], 0),
    "lines of Windows": ([f"%time\n{RIGHT}".replace("\n", "\r\n")], 0),
    "another language": ([RIGHT, "%%bash\nblend=3\n", "%%writefile mine.py\n" + OTHER], 0),
    # What takes no function's place, wherever it stands.
    "a stub after it": ([RIGHT, STUB], 0),
    "a stub that says more": ([RIGHT, STUB + "  # what is this?"], 0),
    "half a try after it": ([RIGHT, STUB.replace("    raise", "    x = 1\n    raise")], 0),
    "a comment that was the stub": ([OTHER, RIGHT + '  # raise NotImplementedError("your code here")'], 1),
    "a stub in a branch after it": ([RIGHT, "if True:\n    " + STUB.replace("\n", "\n    ")], 0),
    "a number after it": ([RIGHT, "blend = 0.3"], 0),
    "a list before it": (["blend: list = [1, 2]", RIGHT], 1),
    "its own answer after it": ([RIGHT, "blend = blend()"], 0),
    "its own answer and another's": ([RIGHT, "blend, x = blend(), 1"], 0),
    "its answer by a walrus": ([RIGHT, "print(blend := blend())"], 0),
    "a loop's variable after it": ([RIGHT, "for blend in (1, 2):\n    print(blend)"], 0),
    "a list by a star after it": ([RIGHT, "first, *blend = 1, 2"], 0),
    "a file's name after it": ([RIGHT, "with open('/dev/null') as blend:\n    pass"], 0),
    "a module after it": ([RIGHT, "import math as blend"], 0),
    "a library's after it": ([RIGHT, "from math import floor as blend"], 0),
    "an annotation without a value": ([RIGHT, "blend: object"], 0),
    "augmented after it": ([RIGHT, "blend += 1"], 0),
    "deleted after it": ([RIGHT, "del blend"], 0),
    "compared after it": ([RIGHT, "blend == 3"], 0),
    "a keyword after it": ([RIGHT, "print(dict(blend=3))"], 0),
    "inside a function": ([RIGHT, "def f():\n    blend = max"], 0),
    "inside a class": ([RIGHT, "class C:\n    blend = max"], 0),
    "inside a text": ([RIGHT, "t = '''\nblend = max\n'''"], 0),
    "inside a lambda": ([RIGHT, "f = lambda: (blend := max)"], 0),
    "inside a comprehension": ([RIGHT, "[blend for blend in (max, min)]"], 0),
    "a cell that is not Python after it": ([RIGHT, BROKEN], 0),
    "a cell that is too long after it": ([RIGHT, f"{OTHER}\n" + "# long\n" * (LONGEST_CELL // 7)], 0),
}
# Where there is no function: the cells, the number of the one that a student would look at, and what comes of it.
UNDONE: dict[str, tuple[list[str], int, str]] = {
    "an import as this name": (["from string import digits as blend"], 0, "0123456789"),
    "nothing but the stub": (["x = 1", STUB], 1, "NotImplementedError: your code here"),
    "a stub and a number": (["blend = 0.3", STUB], 0, "0.3"),
    "a stub and what is not Python": ([BROKEN, STUB], 0, "SyntaxError: "),
    "a number and what is not Python": ([BROKEN, "blend = 0.3"], 0, "SyntaxError: "),
    "what is not Python, indented": (["x = 1", "  def blend():\n      x = 1\n    return x"], 1, "IndentationError: "),
    "a function that Python compiles not": (["def blend(x, x): pass"], 0, "SyntaxError: "),
}
ABSENT = {
    "nothing": ["x = 1"],
    "another name": ["def my_blend():\n    return 'right'"],
    "by a function that says global": ["def f():\n    global blend\n    blend = lambda: 'right'"],
    "deleted": ["del blend"],
    "another language": [f"%%bash\n{RIGHT}"],
}


@pytest.fixture(scope="module")
def release() -> nbformat.NotebookNode:
    notebook = nbformat.v4.new_notebook()
    for name, source, solution in (("blend", STUB, True), ("check-blend", "checks.blend(blend)", False)):
        cell = nbformat.v4.new_code_cell(source, id=name)
        points = {} if solution else {"points": 1}
        cell.metadata["nbgrader"] = points | {
            **{"grade_id": name, "solution": solution, "grade": not solution, "locked": not solution},
            **{"schema_version": 3, "task": False},
        }
        notebook.cells.append(cell)
    return notebook


def judged(cells: list[SubmittedCell], monkeypatch: pytest.MonkeyPatch) -> str:
    """What the function answers that the judge asks, or its error."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # the worker puts the notebook there
    try:
        function = worker.load_function([cell.source for cell in cells], "blend", made_for(cells, "blend"))
        result = function() if callable(function) else function
    except Exception as error:
        return worker.describe_error(error)
    if inspect.iscoroutine(result):
        result.close()
    return str(result)


def shown(release: nbformat.NotebookNode, cells: list[SubmittedCell]) -> str:
    """What the feedback shows as the exercise's code, without the line above a cell that begins with a magic."""
    page, _ = feedback_notebook(release, cells, {})
    source = next(cell.source for cell in page.cells if cell.id == "blend")
    return source.removeprefix("# As it was handed in:\n")


def collected(release: nbformat.NotebookNode, cells: list[SubmittedCell]) -> tuple[list[SubmittedCell], str]:
    """The cells as `course collect` lays them out, and its report."""
    table = [
        {"cell_type": "code", "source": c.source, "metadata": {"nbgrader": {"grade_id": c.grade_id}}} for c in cells
    ]
    repaired = repair(json.dumps({"cells": table}).encode(), {"lesson": release})
    nbgrader = [cell.metadata.get("nbgrader", {}) for cell in repaired.notebook.cells]
    laid_out = [
        SubmittedCell("code", cell.source, graded.get("grade_id", ""))
        for cell, graded in zip(repaired.notebook.cells, nbgrader, strict=True)
    ]
    return laid_out, "; ".join(repaired.notes)


@pytest.mark.parametrize(("cells", "number"), CELLS.values(), ids=CELLS)
def test_collecting_judging_and_feedback_take_the_same_function(cells, number, release, monkeypatch):
    assert_all_agree(cells, number, "right", release, monkeypatch)


@pytest.mark.parametrize(("cells", "number", "answer"), UNDONE.values(), ids=UNDONE)
def test_without_a_function_all_three_take_the_same_cell(cells, number, answer, release, monkeypatch):
    assert_all_agree(cells, number, answer, release, monkeypatch)


def assert_all_agree(
    cells: list[str], number: int, answer: str, release: nbformat.NotebookNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted = [SubmittedCell("code", source) for source in (*cells, "checks.blend(blend)")]
    assert judged(submitted, monkeypatch).startswith(answer)
    assert shown(release, submitted) == cells[number].replace("\r\n", "\n")
    laid_out, report = collected(release, submitted)
    assert judged(laid_out, monkeypatch).startswith(answer)
    (exercise,) = [cell.source for cell in laid_out if cell.grade_id == "blend"]
    assert exercise in (cells[number], definitions(cells[number])["blend"].text)
    assert shown(release, laid_out) == exercise.replace("\r\n", "\n")
    assert "blend was found by its name" in report


def test_a_coroutine_is_what_an_async_function_gives_everywhere(release, monkeypatch):
    cells = [SubmittedCell("code", source) for source in (OTHER, "async def blend():\n    return 'right'")]
    laid_out, _ = collected(release, cells)
    assert judged(cells, monkeypatch).startswith("<coroutine")
    assert judged(laid_out, monkeypatch).startswith("<coroutine")
    assert shown(release, cells) == shown(release, laid_out) == cells[1].source


@pytest.mark.parametrize("cells", ABSENT.values(), ids=ABSENT)
def test_all_three_agree_that_there_is_no_function(cells, release, monkeypatch):
    laid_out, report = collected(release, [SubmittedCell("code", source, "blend") for source in cells])
    assert "there is no function blend" in report
    assert judged(laid_out, monkeypatch) == "NameError: name 'blend' is not defined"
    assert shown(release, laid_out) == cells[-1]


def test_metadata_decides_between_equals_and_only_between_them():
    def choose(*cells: str, own: tuple[int, ...]) -> int | None:
        return choose_cell([definitions(source) for source in cells], "blend", own)

    assert choose(RIGHT, OTHER, own=(0,)) == 0
    assert choose(RIGHT, OTHER, RIGHT, own=(0, 1)) == 1
    assert choose("x = 1", RIGHT, OTHER, own=(0,)) == 2
    for lesser in (STUB, BROKEN, "blend = 0.3", "blend = blend()", "from math import floor as blend"):
        assert choose(lesser, RIGHT, own=(0,)) == 1


@pytest.mark.parametrize("source", [RIGHT, CELLS["a branch"][0][0], CELLS["an annotation"][0][0]])
def test_judge_and_page_take_the_exercises_own_cell_until_collecting_says_that_the_last_counts(
    source, release, monkeypatch
):
    cells = [SubmittedCell("code", source, "blend"), SubmittedCell("code", OTHER)]
    assert judged(cells, monkeypatch) == "right"
    assert shown(release, cells) == source
    laid_out, report = collected(release, cells)
    assert "blend was written 2 times; the last one counts" in report
    assert judged(laid_out, monkeypatch) == "other"
    assert shown(release, laid_out) == OTHER


def test_an_exercise_beside_the_stub_of_another_is_no_stub():
    cell = f"{RIGHT}\n\n{STUB.replace('blend', 'mix')}"
    assert {name: found.kind for name, found in definitions(cell).items()} == {
        "blend": Kind.FUNCTION,
        "mix": Kind.BLANK,
    }


def test_grading_reads_the_cells_that_collecting_reads(release, tmp_path):
    first = [
        None,
        3,
        {"cell_type": "spell", "source": RIGHT},
        {"cell_type": "code", "input": ["x = 1\n", None, "y = 2"]},
    ]
    second = [{"cell_type": "heading", "source": "A \ud800"}, {"cell_type": "code", "source": {"z": 3}, "metadata": []}]
    blend = {"cell_type": "code", "input": RIGHT, "metadata": {"nbgrader": {"grade_id": "blend"}}}
    data = json.dumps({"worksheets": [{"cells": first}, 7, {"cells": [*second, blend]}]}).encode()
    (tmp_path / "x.ipynb").write_bytes(data)
    laid_out = repair(data, {"lesson": release}).notebook.cells
    read = [(cell.kind, cell.source) for cell in cells_of(tmp_path / "x.ipynb")]
    assert read == [(cell.cell_type, cell.source) for cell in laid_out if cell.id != "check-blend"]
    assert read == [("code", "x = 1\ny = 2"), ("markdown", "A ?"), ("code", ""), ("code", RIGHT)]


def test_a_later_lessons_import_makes_a_notebook_no_work_of_the_lesson(release):
    data = {"cells": [{"cell_type": "code", "source": "from course_lib.noise import blend"}]}
    with pytest.raises(CourseError, match="no exercise of the course"):
        repair(json.dumps(data).encode(), {"lesson": release})


SLOW: dict[str, Any] = {
    "a long elif": "if x:\n    pass\n" + "elif (a := 1):\n    pass\n" * 4000,
    "a chain of targets": " = ".join(f"a{n}" for n in range(12_000)) + " = " + "+".join(["b"] * 10_000),
    "a chain of choices": "blend = " + "1 if x else " * 8000 + "2",
    "many brackets": "blend = " + "(" * 50_000 + ")" * 50_000,
    "many signs": "blend = " + "-" * 90_000 + "1",
    "dots": "blend = a" + ".a" * 45_000,
    "asyncs": "async " * 16_000,
    "questions": "%x\n" + "a" * 90_000 + "\n" + "?" * 5000,
    "blank lines": "%x\n" + "\n" * 90_000,
    "tabs": "\t" * 90_000 + "%",
    "equals": "a" * 40_000 + ":" * 40_000 + "\n(",
    "equals in lines": "a:b\n" * 24_000 + "(",
}


@pytest.mark.parametrize("source", SLOW.values(), ids=SLOW)
def test_no_cell_stops_whoever_reads_it(source):
    start = time.process_time()
    definitions(source)
    assert time.process_time() - start < 5
