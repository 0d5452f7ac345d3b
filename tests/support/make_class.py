"""A class to try with: what students hand in for one lesson, from the solutions and from the checks' own answers.

    python -m tests.support.make_class COURSE_DIR LESSON --students 30 --seed 0 -o class.zip

writes a zip as Moodle gives it, for `course collect`, and beside it class.expected.csv: which exercises each student
should pass.  The same seed gives the same bytes.
"""

import argparse
import ast
import copy
import csv
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import nbformat

FIRST = ("Ana", "Zoë", "Łukasz", "Mei", "José", "Aoife", "Björn", "Chloé", "Đức", "Émile", "Fatma", "Giò", "Iñaki")
LAST = ("Pérez", "O'Neill", "Müller-Weiß", "van der Berg", "García Márquez", "Šimić", "Nguyễn", "Smith", "Ōkubo")
TASK = 0.15  # the share of exercises of a mixed student that stay untouched; of the others, a third is wrong

Notebook = dict[str, Any]


# --- Answers ----------------------------------------------------------------------------------------------------------


@dataclass
class Answers:
    """Code for one exercise: right answers and wrong ones, each a whole cell."""

    right: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def answers_of(tests: Path) -> dict[str, Answers]:
    """The right and wrong answers that the tests of the checks in the folder `tests` keep, as code, by exercise.

    Each is taken out of its module together with what it needs there.  One that needs the tests themselves is left out.
    """
    found: dict[str, Answers] = {}
    for path in sorted(tests.glob("test_*.py")):
        module = _Module(ast.parse(path.read_text(encoding="utf-8")))
        for table, kind in (("RIGHT", "right"), ("WRONG", "wrong")):
            for exercise, expressions in module.answers(table):
                code = (module.code(exercise, expression) for expression in expressions)
                getattr(found.setdefault(exercise, Answers()), kind).extend(filter(None, code))
    return found


class _Module:
    """A file of tests, of which answers are cut out with all that they use."""

    def __init__(self, tree: ast.Module) -> None:
        self.statements: dict[str, ast.stmt] = {}
        self.tables: dict[str, ast.expr] = {}
        for node in ast.walk(tree):  # types come from the tests, and students write none
            if isinstance(node, ast.FunctionDef):
                node.returns = None
            elif isinstance(node, ast.arg):
                node.annotation = None
        for statement in tree.body:
            for name in _names(statement):
                self.statements[name] = statement
            if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
                self.tables |= dict.fromkeys(_names(statement), statement.value)

    def answers(self, table: str) -> Iterator[tuple[str, list[ast.expr]]]:
        value = self.tables.get(table)
        if value is None:
            return
        by_exercise = isinstance(value, ast.Dict) and all(isinstance(v, ast.Dict | ast.List) for v in value.values)
        if not by_exercise:  # lesson 0 has one exercise, and no level for it
            yield "my_caption", self._functions(value)
        elif isinstance(value, ast.Dict):
            for key, part in zip(value.keys, value.values, strict=True):
                if isinstance(key, ast.Constant):
                    yield str(key.value), self._functions(part)

    def _functions(self, value: ast.expr) -> list[ast.expr]:
        if isinstance(value, ast.Dict):
            return [part for key, part in zip(value.keys, value.values, strict=True) if key is not None]
        pairs = value.elts if isinstance(value, ast.List) else []
        return [pair.elts[1] for pair in pairs if isinstance(pair, ast.Tuple) and len(pair.elts) == 2]

    def code(self, exercise: str, expression: ast.expr) -> str | None:
        """A cell that makes the expression the function `exercise`, or None if it leans on the tests."""
        needed = self._needed(expression)
        if needed is None:
            return None
        statements = sorted({id(self.statements[name]): self.statements[name] for name in needed}.values(), key=_line)
        # What the student's own helpers are called must not be what the exercise is called.
        ours = {name for name in needed if not isinstance(self.statements[name], ast.Import | ast.ImportFrom)}
        rename = _Rename({name: f"my_{name}" for name in ours})
        lines = [ast.unparse(rename.visit(copy.deepcopy(statement))) for statement in statements]
        answer = rename.visit(copy.deepcopy(expression))
        if isinstance(answer, ast.Lambda):
            lines.append(f"def {exercise}({ast.unparse(answer.args)}):\n    return {ast.unparse(answer.body)}")
        else:
            lines.append(f"{exercise} = {ast.unparse(answer)}")
        return "\n\n".join(lines)

    def _needed(self, node: ast.AST) -> set[str] | None:
        found: set[str] = set()
        todo: list[ast.AST] = [node]
        while todo:
            for part in ast.walk(todo.pop()):
                name = part.id if isinstance(part, ast.Name) else ""
                if name not in self.statements or name in found:
                    continue
                statement = self.statements[name]
                module = statement.module or "" if isinstance(statement, ast.ImportFrom) else ""
                if name in ("RIGHT", "WRONG", "pytest") or module.split(".")[0] == "tests" or "checks" in module:
                    return None
                if isinstance(statement, ast.ImportFrom) and any(alias.name == "checks" for alias in statement.names):
                    return None
                found.add(name)
                todo.append(statement)
        return found


class _Rename(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self.names.get(node.id, node.id), node.ctx)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.name = self.names.get(node.name, node.name)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        self.generic_visit(node)
        node.arg = self.names.get(node.arg, node.arg)
        return node


def _names(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return [(alias.asname or alias.name).split(".")[0] for alias in statement.names]
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _line(statement: ast.stmt) -> int:
    return statement.lineno


# --- Notebooks --------------------------------------------------------------------------------------------------------


def exercises_of(notebook: Notebook) -> list[str]:
    """The names of a released notebook's exercises that a check can judge."""
    ids = [graded["grade_id"] for cell in notebook["cells"] if (graded := cell["metadata"].get("nbgrader"))]
    return [name for name in ids if f"check-{name}" in ids]


def solutions_of(source: Notebook) -> dict[str, str]:
    """The solution cells of the notebook in a course directory's `source`."""
    return {
        graded["grade_id"]: re.sub(r"(?m)^\s*### (BEGIN|END) SOLUTION\n?", "", "".join(cell["source"]))
        for cell in source["cells"]
        if (graded := cell["metadata"].get("nbgrader")) and graded["solution"] and cell["cell_type"] == "code"
    }


def filled(released: Notebook, code: Mapping[str, str]) -> Notebook:
    """The released notebook with `code` in the cells of these exercises."""
    notebook = copy.deepcopy(released)
    for cell in notebook["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if name in code:
            cell["source"] = code[name]
    return notebook


def _cell_of(notebook: Notebook, name: str) -> int:
    return next(
        i for i, cell in enumerate(notebook["cells"]) if cell["metadata"].get("nbgrader", {}).get("grade_id") == name
    )


# What happens to notebooks on their way.  Each takes one, and an exercise's name; none changes what is right.


def as_colab_saves_it(notebook: Notebook, name: str) -> None:
    notebook["nbformat_minor"] = 0
    notebook["metadata"] |= {"colab": {"provenance": [], "toc_visible": True}, "accelerator": "GPU"}
    for number, cell in enumerate(notebook["cells"]):
        cell["metadata"] |= {
            "id": f"Xy{number:04}",
            "colab": {"base_uri": "https://localhost:8080/"},
            "outputId": "a-b",
        }
        cell.pop("id", None)


def without_ids(notebook: Notebook, name: str) -> None:
    notebook["nbformat_minor"] = 4
    for cell in notebook["cells"]:
        cell.pop("id", None)


def without_metadata(notebook: Notebook, name: str) -> None:
    without_ids(notebook, name)
    notebook["metadata"] = {}
    for cell in notebook["cells"]:
        cell["metadata"] = {}


def with_moved_cells(notebook: Notebook, name: str) -> None:
    place = _cell_of(notebook, name)
    cells = notebook["cells"]
    cells.append(cells.pop(place))
    cells.append(cells.pop(place))  # its check


def with_a_cell_twice(notebook: Notebook, name: str) -> None:
    place = _cell_of(notebook, name)
    notebook["cells"].insert(place, copy.deepcopy(notebook["cells"][place]))


def with_a_check_twice(notebook: Notebook, name: str) -> None:
    place = _cell_of(notebook, f"check-{name}")
    notebook["cells"].insert(place, copy.deepcopy(notebook["cells"][place]))


def without_a_check(notebook: Notebook, name: str) -> None:
    del notebook["cells"][_cell_of(notebook, f"check-{name}")]


def with_a_changed_check(notebook: Notebook, name: str) -> None:
    notebook["cells"][_cell_of(notebook, f"check-{name}")]["source"] = f"# checks.{name}({name})\nprint('Passed')"


def with_large_outputs(notebook: Notebook, name: str) -> None:
    cell = notebook["cells"][_cell_of(notebook, f"check-{name}")]
    cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["0.123, 0.456\n"] * 100_000}]


def only_the_functions(notebook: Notebook, name: str) -> None:
    graded = [cell for cell in notebook["cells"] if cell["metadata"].get("nbgrader", {}).get("solution")]
    notebook["cells"] = [cell for cell in graded if cell["cell_type"] == "code"]
    without_metadata(notebook, name)


WAYS: Sequence[Callable[[Notebook, str], None] | None] = (
    None,
    as_colab_saves_it,
    None,
    without_ids,
    with_moved_cells,
    without_metadata,
    None,
    with_a_cell_twice,
    with_a_check_twice,
    without_a_check,
    with_a_changed_check,
    with_large_outputs,
    only_the_functions,
)


# --- The class --------------------------------------------------------------------------------------------------------


@dataclass
class Student:
    """What one student hands in, and which exercises they should pass."""

    name: str
    number: int
    files: list[tuple[str, bytes]]
    passes: dict[str, bool]


def make_class(
    released: Notebook,
    solutions: Mapping[str, str],
    answers: Mapping[str, Answers],
    lesson: str,
    *,
    count: int,
    seed: int,
) -> list[Student]:
    """`count` students of a lesson.

    A third has all right, in one of the ways that the tests keep; most others have some right, some wrong, some not
    tried; a few hand in what is no notebook of this lesson.  Notebooks arrive in many dialects.
    """
    names = exercises_of(released)
    students = []
    for place in range(count):
        random = Random(f"{seed}-{place}")
        name = f"{FIRST[place % len(FIRST)]} {LAST[place // len(FIRST) % len(LAST)]}"
        student = Student(name, 1000 + place, [], dict.fromkeys(names, False))
        students.append(student)
        if place % 15 == 14:  # broken as a whole
            student.files = _broken(place // 15, released, lesson)
            continue
        code = {}
        for exercise in names:
            right = [solutions[exercise], *answers[exercise].right]
            tried = place % 3 == 0 or random.random() > TASK
            student.passes[exercise] = place % 3 == 0 or (tried and random.random() > 1 / 3)
            if student.passes[exercise]:
                code[exercise] = random.choice(right)
            elif tried:
                code[exercise] = random.choice(answers[exercise].wrong)
        notebook = filled(released, code)
        written = {name for name in names if name in code}
        if way := WAYS[place % len(WAYS)]:
            way(notebook, random.choice(sorted(written) or names))
        student.files = [(f"{lesson}.ipynb", _bytes(notebook))]
        if place % 10 == 7:  # an older try beside it
            student.files.insert(0, (f"{lesson} (1).ipynb", _bytes(released)))
    return students


def _broken(kind: int, released: Notebook, lesson: str) -> list[tuple[str, bytes]]:
    other = {
        "cells": [{"cell_type": "markdown", "metadata": {}, "source": "# Shopping"}],
        "metadata": {},
        "nbformat": 4,
    }
    kinds = (
        (f"{lesson}.ipynb", _bytes(released)[:5000]),
        ("homework.pdf", b"%PDF-1.7\n"),
        (f"{lesson}.ipynb", _bytes(other | {"nbformat_minor": 5})),
        (f"{lesson}.ipynb", b""),
    )
    return [kinds[kind % len(kinds)]]


def _bytes(notebook: Notebook) -> bytes:
    return json.dumps(notebook, indent=1, ensure_ascii=False).encode()


def as_zip(students: Sequence[Student]) -> bytes:
    """The class as Moodle gives it: a folder for each student.  The later of a student's files is the newer."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for student in students:
            for number, (name, content) in enumerate(student.files):
                folder = f"{student.name}_{student.number}_assignsubmission_file_"
                entry = zipfile.ZipInfo(f"{folder}/{name}", (2026, 11, 23, 12, number, 0))
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, content)
    return data.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("course", type=Path, metavar="COURSE_DIR", help="made by `course assign`")
    parser.add_argument("lesson", metavar="LESSON", help='its name, say "01_noise"')
    parser.add_argument("--students", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, default=Path("class.zip"))
    options = parser.parse_args()
    released, source = (
        json.loads(
            nbformat.writes(nbformat.read(options.course / step / options.lesson / f"{options.lesson}.ipynb", 4))
        )
        for step in ("release", "source")
    )
    answers = answers_of(Path(__file__).parents[1] / "checks")
    students = make_class(
        released, solutions_of(source), answers, options.lesson, count=options.students, seed=options.seed
    )
    options.output.write_bytes(as_zip(students))
    expected = options.output.with_suffix(".expected.csv")
    with expected.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["student", "number", *exercises_of(released)])
        writer.writerows([s.name, s.number, *map(int, s.passes.values())] for s in students)
    print(f"{options.output}: {len(students)} students; what they should pass: {expected}")


if __name__ == "__main__":
    main()
