"""Whatever a lesson takes out of a module of the library is there: moving a function must not break a lesson."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCES = sorted((Path(__file__).parents[2] / "notebooks/source").glob("[0-9][0-9]_*.py"))


def missing(text: str) -> Iterator[str]:
    """The names that a lesson takes out of `course_lib` and that are not there."""
    modules = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "course_lib":
            for alias in node.names:
                try:
                    modules[alias.asname or alias.name] = importlib.import_module(f"{node.module}.{alias.name}")
                except ImportError:
                    if not hasattr(importlib.import_module(node.module), alias.name):
                        yield f"{node.module}.{alias.name}"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            module = modules[node.value.id]
            if not hasattr(module, node.attr):
                yield f"{module.__name__}.{node.attr}"


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_what_a_lesson_uses_is_in_the_library(source):
    assert not list(missing(source.read_text("utf-8")))


def test_a_name_that_is_gone_is_found():
    text = (
        "from course_lib import judge, gone\nfrom course_lib.noise import blend, lost\njudge.psnr(judge.absent, blend)"
    )
    assert list(missing(text)) == ["course_lib.gone", "course_lib.noise.lost", "course_lib.judge.absent"]
