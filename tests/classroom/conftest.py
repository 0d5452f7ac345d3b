"""A course directory in which a made-up lesson is assigned, and what a student makes of it: for tests of collecting."""

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from course_tools.notebooks.lesson import notebook_text
from course_tools.notebooks.project import Project
from course_tools.notebooks.render import render
from tests.support.classroom import make_course_directory
from tests.support.made_course import LESSON, SECOND, make_course, with_written, written

Notebook = dict[str, Any]
STUB = 'raise NotImplementedError("your code here")'
ANSWER = "return (1 - amount) * picture + amount * noise"
ESSAY = "It is the photographer's, and here is why."
LESSONS = {"01_noise": with_written(LESSON, written("1.3")), "02_more": SECOND}


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, nbformat.NotebookNode]:
    root = make_course(tmp_path_factory.mktemp("course") / "root", LESSONS)
    return {rendered.lesson.name: rendered.blank for rendered in render(Project.read(root))}


@pytest.fixture(scope="session")
def two_exercises(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Path:
    """A course directory with its gradebook: two exercises of the course's own lesson 1, to be copied."""
    return make_course_directory(tmp_path_factory.mktemp("assigned") / "course", checkout, only=("blend", "psnr"))


@pytest.fixture
def course(releases: dict[str, nbformat.NotebookNode], tmp_path: Path) -> Path:
    """A course directory in which 01_noise is assigned."""
    release = tmp_path / "class/release/01_noise/01_noise.ipynb"
    release.parent.mkdir(parents=True)
    release.write_text(notebook_text(releases["01_noise"]))
    return tmp_path / "class"


@pytest.fixture
def blank(releases: dict[str, nbformat.NotebookNode]) -> Notebook:
    return json.loads(nbformat.writes(releases["01_noise"]))


@pytest.fixture
def done(blank: Notebook) -> Notebook:
    """All of 01_noise solved."""
    for cell in blank["cells"]:
        cell["source"] = "".join(cell["source"]).replace(STUB, ANSWER).replace("*Your answer here.*", ESSAY)
    return blank


@pytest.fixture
def lms(tmp_path: Path) -> Path:
    (tmp_path / "lms").mkdir()
    return tmp_path / "lms"
