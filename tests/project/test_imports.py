"""How the two packages hang together: light to import, no circle, one way only, nothing private from elsewhere."""

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

HEAVY = {"matplotlib", "skimage", "scipy", "PIL", "ipywidgets", "IPython", "gensim", "diffusers", "transformers"}
# What the lessons import, in the lessons' order: a module may import from those before it.
LESSONS = [
    *["errors", "files", "checkpoints", "threads", "pictures", "noise", "widgets"],
    *["models", "optimizers", "training", "sampling", "judge", "world", "words", "pipeline", "augment", "enhance"],
    *["votes", "sizes", "inside", "checks"],
]
PACKAGES = ("course_lib", "course_tools")


@dataclass(frozen=True)
class Import:
    """`module` takes `name` (none: the module itself) from `source`, in some line of it, be it inside a function."""

    module: str
    source: str
    name: str | None
    line: int


def modules_of(root: Path) -> dict[str, Path]:
    """Every module of the two packages by its dotted name."""
    found = {}
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            found[".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")] = path
    return found


def imports_of(module: str, text: str, known: Mapping[str, object], *, is_package: bool = False) -> Iterator[Import]:
    """What a module imports from the two packages, wherever it stands in the file."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name in known:
                    yield Import(module, alias.name, None, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = module.split(".")[: len(module.split(".")) - node.level + is_package]
                base = ".".join([*above, *filter(None, [node.module])])
            for alias in node.names:
                if f"{base}.{alias.name}" in known:
                    yield Import(module, f"{base}.{alias.name}", None, node.lineno)
                elif base in known:
                    yield Import(module, base, alias.name, node.lineno)


def all_imports(root: Path) -> list[Import]:
    known = modules_of(root)
    return [
        one
        for module, path in known.items()
        for one in imports_of(module, path.read_text(encoding="utf-8"), known, is_package=path.name == "__init__.py")
    ]


def circle_in(imports: list[Import]) -> list[str]:
    """Modules that import each other in a ring, or none.  A package and its own modules are one on the way up."""
    arrows: dict[str, set[str]] = {}
    for one in imports:
        if one.source != one.module and not one.module.startswith(f"{one.source}."):
            arrows.setdefault(one.module, set()).add(one.source)
    done: set[str] = set()

    def visit(module: str, way: list[str]) -> list[str]:
        if module in way:
            return [*way[way.index(module) :], module]
        if module in done:
            return []
        for other in sorted(arrows.get(module, ())):
            if found := visit(other, [*way, module]):
                return found
        done.add(module)
        return []

    return next((ring for module in arrows if (ring := visit(module, []))), [])


def wrong_arrows(imports: list[Import]) -> list[str]:
    """Imports that go from the lessons' library to the tools, or from an earlier lesson's module to a later one's."""
    wrong = []
    for one in imports:
        if not one.module.startswith("course_lib."):
            continue
        if one.source.startswith("course_tools"):
            wrong.append(f"{one.module}:{one.line} imports the tools: {one.source}")
            continue
        own, other = one.module.split(".")[1], one.source.partition(".")[2].split(".")[0]
        if other and LESSONS.index(other) > LESSONS.index(own):
            wrong.append(f"{one.module}:{one.line} imports {one.source}, which comes later")
    return wrong


def test_importing_every_module_of_the_lessons_brings_little_more_than_torch():
    program = f"import sys; from course_lib import {', '.join(LESSONS)}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert HEAVY & set(loaded) == set()
    assert "torch" in loaded
    assert not any(name.startswith("course_tools") for name in loaded)


def test_every_module_of_the_library_has_its_place_in_the_lessons_order(checkout):
    assert {name.split(".")[1] for name in modules_of(checkout) if name.startswith("course_lib.")} == set(LESSONS)


def test_no_modules_import_each_other_in_a_circle(checkout):
    imports = all_imports(checkout)
    assert len(imports) > 100
    assert circle_in(imports) == []


def test_the_library_imports_no_tools_and_nothing_of_a_later_lesson(checkout):
    assert wrong_arrows(all_imports(checkout)) == []


def test_no_module_takes_a_private_name_of_another(checkout):
    """Neither by import nor by a dot: what is used from outside is public."""
    known = modules_of(checkout)
    taken = []
    for module, path in known.items():
        text = path.read_text(encoding="utf-8")
        imports = list(imports_of(module, text, known, is_package=path.name == "__init__.py"))
        taken += [f"{module}: {one.source}.{one.name}" for one in imports if (one.name or "").startswith("_")]
        called = {one.source.split(".")[-1] for one in imports if one.name is None}
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in called:
                private = node.attr.startswith("_") and not node.attr.startswith("__")
                taken += [f"{module}:{node.lineno}: {node.value.id}.{node.attr}"] * private
    assert taken == []


@pytest.mark.parametrize(
    "line",
    [
        "from course_tools import cli",
        "import course_tools.cli",
        "from course_tools.cli import main",
        "def late():\n    from course_tools.cli import main",
        "from . import words",
        "from .words import tokens",
        "import course_lib.words",
    ],
)
def test_a_wrong_arrow_is_seen_however_it_is_written(line, checkout):
    known = modules_of(checkout)
    assert wrong_arrows(list(imports_of("course_lib.pictures", line, known)))
    assert not wrong_arrows(list(imports_of("course_lib.pictures", "from .errors import CourseError", known)))


def test_a_circle_is_seen_though_one_of_its_imports_stands_in_a_function():
    known = {"course_lib.a": 0, "course_lib.b": 0, "course_lib.c": 0}
    texts = {"course_lib.a": "from .b import x", "course_lib.b": "def f():\n    from . import c", "course_lib.c": ""}
    without = [one for module, text in texts.items() for one in imports_of(module, text, known)]
    assert circle_in(without) == []
    texts["course_lib.c"] = "import course_lib.a"
    ring = [one for module, text in texts.items() for one in imports_of(module, text, known)]
    assert circle_in(ring) == ["course_lib.a", "course_lib.b", "course_lib.c", "course_lib.a"]
