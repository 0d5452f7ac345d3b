"""What installing the course changes in Google Colab, told from Colab's own package lists: it adds gensim, no more.

pip is given every installed version as a constraint there (see the set-up cell), so that this is all it may do: take
a package as it is, add one, or give up.
"""

import importlib.metadata
import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

LISTS = sorted((Path(__file__).parents[1] / "colab").glob("colab-*.txt"))


@dataclass
class Plan:
    """What an installation would add, and what it would have to change: name, and what is asked of it."""

    added: set[str] = field(default_factory=set)
    changed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Colab:
    """One of Colab's runtimes: its Python, and the version of each package in it."""

    python: str
    versions: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> "Colab":
        lines = (line for line in path.read_text().splitlines() if not line.startswith("#"))
        versions = {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}
        return cls(re.search(r"Python ([\d.]+\d)", path.read_text())[1], versions)

    def plan(self, needs: Iterable[Requirement], asks: Callable[[str], list[Requirement]]) -> Plan:
        """What `needs` do to this runtime.  asks: what a package that is not there yet asks for in its turn."""
        plan, queue = Plan(), list(needs)
        machine = {
            "python_version": self.python.rpartition(".")[0],
            "python_full_version": self.python,
            "sys_platform": "linux",
            "platform_system": "Linux",
            "extra": "",
        }
        while queue:
            need = queue.pop()
            name = canonicalize_name(need.name)
            if need.marker and not need.marker.evaluate(machine):
                continue
            if name not in self.versions and name not in plan.added:
                plan.added.add(name)
                queue += asks(name)
            elif name in self.versions and not need.specifier.contains(self.versions[name], prereleases=True):
                plan.changed[name] = f"{self.versions[name]}, and {need} is asked for"
        return plan


def installed_asks(name: str) -> list[Requirement]:
    return [Requirement(line) for line in importlib.metadata.requires(name) or []]


@pytest.fixture(scope="module")
def project(checkout: Path) -> dict:
    return tomllib.loads((checkout / "pyproject.toml").read_text())["project"]


@pytest.fixture(params=LISTS, ids=lambda path: path.stem)
def colab(request: pytest.FixtureRequest) -> Colab:
    return Colab.read(request.param)


def test_the_lists_are_whole_and_of_two_pythons():
    runtimes = [Colab.read(path) for path in LISTS]
    assert len({runtime.python.rpartition(".")[0] for runtime in runtimes}) >= 2
    for runtime in runtimes:
        assert len(runtime.versions) > 600
        assert {"torch", "numpy", "ipywidgets", "packaging"} <= runtime.versions.keys()


def test_installing_the_course_adds_gensim_and_changes_nothing(colab: Colab, project: dict):
    assert SpecifierSet(project["requires-python"]).contains(colab.python)
    plan = colab.plan(map(Requirement, project["dependencies"]), installed_asks)
    assert plan == Plan(added={"gensim"})


def test_lesson_nine_needs_nothing_that_is_not_there(colab: Colab, project: dict):
    assert colab.plan(map(Requirement, project["optional-dependencies"]["inside"]), installed_asks) == Plan()


@pytest.mark.parametrize(
    ("need", "name"), [("numpy>=2.2", "numpy"), ("ipywidgets>=8", "ipywidgets"), ("pillow<11", "pillow")]
)
def test_a_bound_that_colab_does_not_meet_is_found(colab: Colab, project: dict, need: str, name: str):
    plan = colab.plan([*map(Requirement, project["dependencies"]), Requirement(need)], installed_asks)
    assert plan.added == {"gensim"}
    assert set(plan.changed) == {name}


def test_what_an_added_package_asks_for_is_looked_at(colab: Colab, project: dict):
    older = {
        "gensim": ["numpy<2.0,>=1.18.5", "scipy<1.14.0,>=1.7.0", "unheard-of"]
    }  # as gensim 4.3.3, but for the last
    plan = colab.plan(
        map(Requirement, project["dependencies"]), lambda name: [Requirement(line) for line in older.get(name, [])]
    )
    assert set(plan.changed) == {"numpy", "scipy"}
    assert plan.added == {"gensim", "unheard-of"}


def test_what_another_machine_needs_is_left_out(colab: Colab):
    needs = [Requirement('pywin32; sys_platform == "win32"'), Requirement('tomli; python_version < "3.11"')]
    assert colab.plan(needs, installed_asks) == Plan()
