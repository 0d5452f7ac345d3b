"""`course assign`: lessons as assignments in an nbgrader course directory, and the proof that no solution goes out."""

import contextlib
import copy
import math
import re
import secrets
import shutil
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_lib.errors import CourseError
from course_lib.files import atomic_write
from course_tools.classroom.deadlines import SETTINGS, TEMPLATE
from course_tools.classroom.leaks import find_leaks, secrets_of
from course_tools.classroom.submission import graded_cells, hidden_seeds
from course_tools.files import commands_on_path, replace_folder
from course_tools.notebooks.lesson import ANSWER, STUB, Lesson, notebook_text
from course_tools.notebooks.project import Project
from course_tools.notebooks.render import Rendered, link_solved, render
from course_tools.notebooks.source import choose

CONFIG = f"""\
# The settings of nbgrader for this class.  `course assign` wrote them once, and leaves them alone from then on.
c = get_config()

# nbgrader copies what lies beside a notebook into the release, too: nothing that could hold a solution goes out.
c.CourseDirectory.ignore = [
    ".ipynb_checkpoints", "__pycache__", "feedback", "solutions", "*.py", "*.pyc", "*.md", "*.zip", "*.whl", "*.part",
]
# What stands in the released notebook where the solution was: the same as in the course's own.
c.ClearSolutions.code_stub = {{"python": {STUB!r}}}
c.ClearSolutions.text_stub = {ANSWER!r}
# A graded cell that a student deleted comes back, and no cell runs for longer than half a minute.
c.OverwriteCells.add_missing_cells = True
c.ExecutePreprocessor.timeout = 30
c.ExecutePreprocessor.interrupt_on_timeout = True
# nbgrader's own autograder, and the button of formgrader that starts it, run what students handed in as you, with all
# your files in reach.  Grade with `course grade`, which runs it in a sandbox, and judges from outside.
"""
SEEDS = 2  # hidden tests a check

_BELONGS = "the points file has a table for each lesson, with `exercise = points` in it"


@dataclass(frozen=True)
class Assigned:
    """What became of one lesson."""

    lesson: str
    exercises: int
    points: float
    solutions: bool  # whether they are given to the students
    place: Path  # the folder to hand out

    def __str__(self) -> str:
        exercises = f"{self.exercises} exercise{'' if self.exercises == 1 else 's'}"
        solutions = "solutions given" if self.solutions else "solutions withheld"
        return f"{self.lesson}: {exercises}, {self.points:g} points, {solutions}; hand out {self.place}."


def assign(
    root: Path,
    wanted: Sequence[str],
    course: Path,
    *,
    points: Path | None = None,
    solutions: Sequence[str] = (),
) -> Iterator[Assigned]:
    """Make lessons of the course in the folder `root` assignments of the nbgrader course directory `course`.

    wanted, solutions: names or numbers of lessons, and of those among them whose solutions are given to the students.
    points: a TOML file with other points than the sources'.  All is checked before the first lesson is written, and a
    release takes the place of an older one whole.  Doing it again keeps the hidden tests that are there.
    Raises CourseError for what is unknown, for points that can't change any more, and if a release would hold a
    solution or a hidden test; then it is not released.
    """
    lessons = render(Project.read(root))
    names = [rendered.lesson for rendered in lessons]
    chosen = {lesson.name for lesson in choose(names, wanted)}
    given = {lesson.name for lesson in choose(names, solutions)} if solutions else set()
    if strangers := sorted(given - chosen):
        raise CourseError(f"--solutions names {strangers[0]}, which is not assigned here; name it among the lessons.")
    new_points = _read_points(points, names) if points else {}
    course = course.resolve()
    if course.exists() and not course.is_dir():
        raise CourseError(f"{course} is a file; name a folder for the class.")
    marked = {
        rendered.lesson.name: _marked(rendered, course, new_points.get(rendered.lesson.name, {}))
        for rendered in lessons
        if rendered.lesson.name in chosen
    }
    for name, notebook in marked.items():
        _check_submissions(name, notebook, course)
    if not (course / "nbgrader_config.py").exists():
        atomic_write(course / "nbgrader_config.py", CONFIG)
    if not (course / SETTINGS).exists():
        atomic_write(course / SETTINGS, TEMPLATE)
    for rendered in lessons:
        if (name := rendered.lesson.name) in chosen:
            yield _release(rendered, marked[name], course, give=name in given)


# --- Points -----------------------------------------------------------------------------------------------------------


def _read_points(path: Path, lessons: Sequence[Lesson]) -> dict[str, dict[str, float]]:
    try:
        points = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CourseError(f"{path} can't be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CourseError(f"{path} is not TOML: {error}.") from None
    exercises = {lesson.name: [exercise.name for exercise in lesson.exercises] for lesson in lessons}
    for lesson, table in points.items():
        if lesson not in exercises:
            raise CourseError(f"{path}: there is no lesson {lesson!r}; there are {', '.join(exercises)}.")
        if not isinstance(table, dict):
            raise CourseError(f"{path}: {lesson} is no table; {_BELONGS}.")
        for name, value in table.items():
            if name not in exercises[lesson]:
                raise CourseError(f"{path}: {lesson} has no exercise {name!r}; it has {', '.join(exercises[lesson])}.")
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not math.isfinite(value) or value < 0:
                raise CourseError(f"{path}: the points of {name} are {value!r}; write a number from 0 on.")
    return points


def _check_submissions(name: str, notebook: NotebookNode, course: Path) -> None:
    """Refuse other points than those by which somebody was graded already."""
    if not (course / "gradebook.db").exists():
        return
    from nbgrader.api import Gradebook, MissingEntry

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        try:
            there = gradebook.find_notebook(name, name)
        except MissingEntry:
            return
        if not there.submissions:
            return
        before = {cell.name: cell.max_score for cell in there.grade_cells}
    for grade_id, cell in graded_cells(notebook).items():
        points = cell.metadata.nbgrader.get("points")
        if grade_id in before and points is not None and points != before[grade_id]:
            raise CourseError(
                f"{name} has been graded with {before[grade_id]:g} points for {grade_id}, not {points:g}; "
                "points can't change any more, begin a new course directory."
            )


# --- The source and the release ---------------------------------------------------------------------------------------


def _marked(rendered: Rendered, course: Path, points: Mapping[str, float]) -> NotebookNode:
    """What nbgrader makes the release of: solutions and hidden tests between their markers, points as they are asked.

    A hidden test is the same check with another seed.  Seeds that are in the directory already stay.
    """
    notebook = copy.deepcopy(rendered.marked)
    path = course / "source" / rendered.lesson.name / f"{rendered.lesson.name}.ipynb"
    before: dict[str, NotebookNode] = {}
    with contextlib.suppress(Exception):  # none yet, or one that can't be read: new seeds are as good
        before = graded_cells(nbformat.read(path, as_version=4))
    cells = graded_cells(notebook)
    for exercise in rendered.lesson.exercises:
        cell = cells.get(f"check-{exercise.name}", cells[exercise.name])
        cell.metadata.nbgrader["points"] = points.get(exercise.name, exercise.points)
        if cell.metadata.nbgrader.grade_id == exercise.name:
            continue  # a written answer
        old = before.get(f"check-{exercise.name}")
        seeds = hidden_seeds(old.source) if old else []
        if len(seeds) != SEEDS:
            seeds = [10**9 + secrets.randbelow(10**9) for _ in range(SEEDS)]
        tests = [f"checks.{exercise.name}({exercise.name}, seed={seed})" for seed in seeds]
        cell.source = "\n".join([cell.source, "### BEGIN HIDDEN TESTS", *tests, "### END HIDDEN TESTS"])
    return notebook


def _release(rendered: Rendered, marked: NotebookNode, course: Path, *, give: bool) -> Assigned:
    name = rendered.lesson.name
    if give:
        link_solved(marked, name)
    atomic_write(course / "source" / name / f"{name}.ipynb", notebook_text(marked))
    part = course / ".released"
    shutil.rmtree(part, ignore_errors=True)
    _generate(course, name, part.name)
    if leaks := find_leaks(part / name, secrets_of(marked, rendered.blank)):
        raise CourseError(f"{name} is not released: {leaks[0]}.")
    if give:
        atomic_write(part / name / "solutions" / f"{name}.ipynb", notebook_text(rendered.solved))
    place = course / "release" / name
    replace_folder(part / name, place)
    shutil.rmtree(part, ignore_errors=True)
    points = sum(cell.metadata.nbgrader.get("points", 0) for cell in graded_cells(marked).values())
    return Assigned(name, len(rendered.lesson.exercises), points, give, place)


def _generate(course: Path, name: str, folder: str) -> None:
    """Let nbgrader make the released notebook, in `folder`, and enter the assignment and its points in gradebook.db."""
    from nbgrader.converters import GenerateAssignment
    from nbgrader.coursedir import CourseDirectory
    from nbgrader.utils import capture_log
    from traitlets.config import Config
    from traitlets.config.loader import PyFileConfigLoader

    commands_on_path()
    try:
        config = Config(PyFileConfigLoader("nbgrader_config.py", path=str(course)).load_config())
    except Exception as error:
        raise CourseError(f"{course / 'nbgrader_config.py'} can't be used: {error}.") from None
    directory = CourseDirectory(config=config, root=str(course), assignment_id=name, release_directory=folder)
    converter = GenerateAssignment(coursedir=directory, config=config, force=True)
    result = capture_log(converter)
    if not result["success"]:
        lines = (result.get("log", "") + "\n" + result["error"]).splitlines()  # the log has what the error is about
        errors = [line.strip() for line in lines if re.match(r"\s*[\w.]*(Error|Exception): ", line)]
        raise CourseError(f"nbgrader could not make the release of {name}: {(errors or ['no reason given'])[0]}")
