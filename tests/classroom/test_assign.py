"""`course assign`: what is in the course directory, whose points, and that no solution or hidden test goes out."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.nbgraderformat import MetadataValidator

from course_lib import checks
from course_lib.errors import CourseError
from course_tools.classroom import assign as assign_module
from course_tools.classroom.assign import assign
from course_tools.classroom.leaks import find_leaks, secrets_of
from course_tools.classroom.submission import graded_cells, hidden_seeds, imports_of, squeezed
from course_tools.cli import main
from course_tools.notebooks.project import Project
from course_tools.notebooks.render import render
from tests.support.classroom import read
from tests.support.made_course import DOT, LESSON, SECOND, build, exercise, make_course, with_written, write, written

SECRET = "(1 - amount) * picture + amount * noise"
FIRST = with_written(LESSON, written("1.3", "An answer that no student should be shown."))
COURSE = {"01_noise": FIRST, "02_more": SECOND}  # two small lessons, the first with a written exercise


@pytest.fixture(scope="module", autouse=True)
def no_process_for_alembic() -> Iterator[None]:
    """nbgrader starts a process for each new gradebook, which takes seconds, to learn what can be asked for here."""
    import nbgrader
    from alembic.script import ScriptDirectory

    with pytest.MonkeyPatch.context() as patch:
        head = ScriptDirectory(str(Path(nbgrader.__file__).parent / "alembic")).get_current_head()
        patch.setattr("nbgrader.api.get_alembic_version", lambda: head)
        yield


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_course(tmp_path_factory.mktemp("course") / "root", COURSE)


@pytest.fixture(scope="module")
def assigned(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course directory to look at: both lessons, the second with its solutions."""
    to = tmp_path_factory.mktemp("class") / "art models"
    list(assign(root, ["1", "02_more"], to, solutions=["2"]))
    return to


def graded(notebook: nbformat.NotebookNode) -> dict[str, Any]:
    return {name: cell.metadata.nbgrader for name, cell in graded_cells(notebook).items()}


def max_scores(course: Path, lesson: str = "01_noise") -> dict[str, float]:
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        return {cell.name: cell.max_score for cell in gradebook.find_notebook(lesson, lesson).grade_cells}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# --- What is made -----------------------------------------------------------------------------------------------------


def test_it_is_nbgraders_standard_course_directory(assigned: Path) -> None:
    assert set(files(assigned)) == {
        "gradebook.db",
        "nbgrader_config.py",
        "course.toml",
        "release/01_noise/01_noise.ipynb",
        "release/02_more/02_more.ipynb",
        "release/02_more/solutions/02_more.ipynb",
        "source/01_noise/01_noise.ipynb",
        "source/02_more/02_more.ipynb",
    }


def test_the_release_is_the_courses_own_blank_lesson_but_for_the_link_to_its_solution(
    assigned: Path, root: Path
) -> None:
    project = Project.read(root)
    assert len(render(project)) == 2
    for rendered in render(project):
        release = read(assigned, "release", rendered.lesson.name)
        nbformat.validate(release)
        MetadataValidator().validate_nb(release)
        linked = rendered.lesson.name == "02_more"
        for ours, theirs in zip(release.cells, rendered.blank.cells, strict=True):
            ours.metadata.get("nbgrader", {}).pop("checksum", None)
            theirs.metadata.get("nbgrader", {}).pop("checksum", None)
            text = theirs.source if linked else theirs.source.split("\n\nStill stuck?")[0]
            assert (ours.id, ours.cell_type, ours.source) == (theirs.id, theirs.cell_type, text)
            assert ours.metadata == theirs.metadata
            assert not ours.get("outputs")


def test_the_source_has_the_solutions_and_two_other_seeds_for_each_check(assigned: Path) -> None:
    cells = graded_cells(read(assigned, "source"))
    assert SECRET in cells["blend"].source
    seeds = [seed for name in ("check-blend", "check-mix") for seed in hidden_seeds(cells[name].source)]
    assert len(set(seeds)) == 4
    assert min(seeds) >= 10**9
    lines = cells["check-mix"].source.split("\n")
    assert lines[0] == "checks.mix(mix)"
    assert lines[2] == f"checks.mix(mix, seed={seeds[2]})"


def test_the_gradebook_has_the_assignment_its_points_and_the_hidden_tests(assigned: Path) -> None:
    assert max_scores(assigned) == {"check-blend": 1, "check-mix": 1, "whose_photo": 3}
    with Gradebook(f"sqlite:///{assigned / 'gradebook.db'}") as gradebook:
        assert [assignment.name for assignment in gradebook.assignments] == ["01_noise", "02_more"]
        assert len(hidden_seeds(gradebook.find_source_cell("check-mix", "01_noise", "01_noise").source)) == 2


def test_the_settings_are_the_safe_ones(assigned: Path) -> None:
    from traitlets.config.loader import PyFileConfigLoader

    config = PyFileConfigLoader("nbgrader_config.py", path=str(assigned)).load_config()
    assert {"*.py", "*.md", "solutions"} <= set(config.CourseDirectory.ignore)
    assert config.OverwriteCells.add_missing_cells is True
    assert config.ExecutePreprocessor == {"timeout": 30, "interrupt_on_timeout": True}


def test_what_lies_beside_a_source_does_not_go_out(root: Path, tmp_path: Path) -> None:
    beside = tmp_path / "source/01_noise"
    (beside / "solutions").mkdir(parents=True)
    for name in ("notes.md", "answers.py", "all.zip", "solutions/answers.txt"):
        (beside / name).write_text("nothing secret")
    (beside / "data.csv").write_text("1,2")
    list(assign(root, ["1"], tmp_path))
    assert set(files(tmp_path / "release")) == {"01_noise/01_noise.ipynb", "01_noise/data.csv"}


def test_each_lesson_is_told_of_in_a_line(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = [str(one) for one in assign(root, ["1", "2"], tmp_path, solutions=["1"])]
    assert told == [
        f"01_noise: 3 exercises, 5 points, solutions given; hand out {tmp_path / 'release/01_noise'}.",
        f"02_more: 2 exercises, 2 points, solutions withheld; hand out {tmp_path / 'release/02_more'}.",
    ]


def test_the_command_makes_one(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    assert main(["assign", "1", "--to", str(tmp_path / "class")]) == 0
    assert (tmp_path / "class/release/01_noise/01_noise.ipynb").exists()


# --- Points -----------------------------------------------------------------------------------------------------------


def test_points_of_a_file_take_the_place_of_the_sources(root: Path, tmp_path: Path) -> None:
    (tmp_path / "points.toml").write_text("[01_noise]\nmix = 2.5\nwhose_photo = 20\n[02_more]\nb = 0\n")
    list(assign(root, ["1"], tmp_path / "class", points=tmp_path / "points.toml"))
    course = tmp_path / "class"
    assert max_scores(course) == {"check-blend": 1, "check-mix": 2.5, "whose_photo": 20}
    assert graded(read(course, "release"))["check-mix"]["points"] == 2.5


POINTS_REFUSED = {
    "an unknown lesson": ("[01_nose]\nmix = 1", "there is no lesson '01_nose'; there are 01_noise, 02_more."),
    "an unknown exercise": ("[01_noise]\nmax = 1", "01_noise has no exercise 'max'; it has blend, mix, whose_photo."),
    "an exercise of another lesson": ("[02_more]\nmix = 1", "02_more has no exercise 'mix'"),
    "less than nothing": ("[01_noise]\nmix = -1", "the points of mix are -1; write a number from 0 on."),
    "text": ("[01_noise]\nmix = '1'", "the points of mix are '1'"),
    "true": ("[01_noise]\nmix = true", "the points of mix are True"),
    "no number": ("[01_noise]\nmix = nan", "the points of mix are nan"),
    "no table": ("01_noise = 3", "01_noise is no table"),
    "no TOML": ("[01_noise\n", "is not TOML"),
}


@pytest.mark.parametrize("name", POINTS_REFUSED)
def test_points_that_can_not_be_are_refused_in_one_sentence(root: Path, tmp_path: Path, name: str) -> None:
    text, sentence = POINTS_REFUSED[name]
    (tmp_path / "points.toml").write_text(text)
    with pytest.raises(CourseError) as caught:
        list(assign(root, ["1"], tmp_path / "class", points=tmp_path / "points.toml"))
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "class").exists()


@pytest.mark.parametrize(
    ("wanted", "settings", "sentence"),
    [
        (["3"], {}, "there is no lesson '3'"),
        (["1"], {"solutions": ["2"]}, "names 02_more, which is not assigned here"),
        (["1"], {"points": Path("none.toml")}, "none.toml can't be read: No such file"),
    ],
)
def test_what_is_not_there_is_refused_before_anything_is_written(
    root: Path, tmp_path: Path, wanted: list[str], settings: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(CourseError, match=sentence):
        list(assign(root, wanted, tmp_path / "class", **settings))
    assert not (tmp_path / "class").exists()


def test_a_file_in_the_place_of_the_directory_is_refused(root: Path, tmp_path: Path) -> None:
    (tmp_path / "class").write_text("")
    with pytest.raises(CourseError, match="is a file; name a folder"):
        list(assign(root, ["1"], tmp_path / "class"))


# --- Again ------------------------------------------------------------------------------------------------------------


def test_doing_it_again_changes_no_byte_and_keeps_what_an_instructor_set(root: Path, tmp_path: Path) -> None:
    list(assign(root, ["1"], tmp_path))
    config = tmp_path / "nbgrader_config.py"
    config.write_text(config.read_text() + "c.CourseDirectory.course_id = 'art'\n")
    before = files(tmp_path)
    list(assign(root, ["1"], tmp_path))
    after = files(tmp_path)
    assert before.pop("gradebook.db")
    assert after.pop("gradebook.db")
    assert after == before


def test_solutions_can_be_given_later(root: Path, tmp_path: Path) -> None:
    list(assign(root, ["1"], tmp_path))
    before = files(tmp_path / "source")
    list(assign(root, ["1"], tmp_path, solutions=["1"]))
    solved = nbformat.read(tmp_path / "release/01_noise/solutions/01_noise.ipynb", 4)
    assert SECRET in graded_cells(solved)["mix"].source
    assert "(solutions/01_noise.ipynb)" in json.dumps(read(tmp_path, "release"))
    assert hidden_seeds(str(before)) == hidden_seeds(str(files(tmp_path / "source")))
    list(assign(root, ["1"], tmp_path))  # and withheld again
    assert set(files(tmp_path / "release")) == {"01_noise/01_noise.ipynb"}


def hand_in(course: Path, lesson: str = "01_noise") -> None:
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        gradebook.add_student("ana")
        gradebook.add_submission(lesson, "ana")


def test_points_stay_once_somebody_was_graded(root: Path, tmp_path: Path) -> None:
    list(assign(root, ["1"], tmp_path))
    hand_in(tmp_path)
    list(assign(root, ["1"], tmp_path))  # the same points: nothing is wrong with that
    (tmp_path / "points.toml").write_text("[01_noise]\nmix = 2\n")
    before = files(tmp_path)
    with pytest.raises(CourseError, match="has been graded with 1 points for check-mix, not 2"):
        list(assign(root, ["1"], tmp_path, points=tmp_path / "points.toml"))
    assert files(tmp_path) == before


def test_an_exercise_more_after_a_submission_is_refused_in_nbgraders_words(root: Path, tmp_path: Path) -> None:
    course = make_course(tmp_path / "root", COURSE)
    list(assign(course, ["2"], tmp_path / "class"))
    hand_in(tmp_path / "class", "02_more")
    write(course, with_written(SECOND, exercise("m3", "2.3")), "02_more")
    with pytest.raises(CourseError, match="could not make the release of 02_more: RuntimeError: Cannot add or remove"):
        list(assign(course, ["2"], tmp_path / "class"))


def test_settings_that_do_not_run_are_told_of_in_one_sentence(root: Path, tmp_path: Path) -> None:
    (tmp_path / "nbgrader_config.py").write_text("c = get_config(\n")
    with pytest.raises(CourseError, match=r"nbgrader_config.py can't be used: "):
        list(assign(root, ["1"], tmp_path))


def test_a_release_that_is_cut_off_leaves_the_old_one(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(assign(root, ["1"], tmp_path))
    before = files(tmp_path / "release")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(assign_module, "find_leaks", stop)
    with pytest.raises(KeyboardInterrupt):
        list(assign(root, ["1"], tmp_path, solutions=["1"]))
    assert files(tmp_path / "release") == before


# --- No solution goes out ---------------------------------------------------------------------------------------------


def assert_nothing_leaks(course: Path, root: Path, names: list[str]) -> None:
    """Look for each line of each solution and for each seed in all texts of the release, escaped or not."""
    for rendered in render(Project.read(root)):
        if (name := rendered.lesson.name) not in names:
            continue
        public = squeezed("\n".join(cell.source for cell in rendered.blank.cells))
        source, release = read(course, "source", name), course / "release" / name
        secret = ["BEGINSOLUTION", "HIDDENTESTS"]
        for cell in graded_cells(source).values():
            body = cell.source.partition("### BEGIN SOLUTION")[2].partition("### END SOLUTION")[0]
            secret += [line for line in map(squeezed, body.split("\n")) if len(line) > 15 and line not in public]
            secret += map(str, hidden_seeds(cell.source))
        assert len(secret) >= 2 + 2 * sum(exercise.name in graded(source) for exercise in rendered.lesson.exercises[:1])
        files_there = [path.read_text() for path in release.rglob("*") if path.is_file()]
        assert files_there
        texts = [squeezed(form) for text in files_there for form in (text, text.replace("\\", ""))]
        texts += [squeezed("".join(cell.source for cell in read(course, "release", name).cells))]
        assert [piece for piece in secret if any(piece in text for text in texts)] == []


def test_no_released_byte_holds_a_solution_or_a_hidden_test(root: Path, tmp_path: Path) -> None:
    list(assign(root, ["1", "2"], tmp_path))
    assert_nothing_leaks(tmp_path, root, ["01_noise", "02_more"])


HIDING_PLACES: dict[str, Callable[[str], bytes]] = {
    "plain": lambda text: f"see: {text}".encode(),
    "another layout": lambda text: text.replace(" ", "\n   ").encode(),
    "a notebook's metadata": lambda text: json.dumps({"metadata": {"x": {"y": [text]}}, "cells": []}).encode(),
    "an escaped text": lambda text: json.dumps({"x": text}).replace("p", "\\u0070").encode(),
    "a key": lambda text: json.dumps({text: 1}).encode(),
    "a cell's lines": lambda text: json.dumps({"source": [text[:9], text[9:]]}).encode(),
    "an output": lambda text: json.dumps({"outputs": [{"data": {"text/plain": text}}]}).encode(),
    "behind a picture": lambda text: DOT + text.encode(),
}


@pytest.fixture(scope="module")
def secret(root: Path) -> dict[str, str]:
    rendered = render(Project.read(root))[0]
    return secrets_of(rendered.marked, rendered.blank)


@pytest.mark.parametrize("place", HIDING_PLACES)
def test_a_solution_is_found_wherever_it_hides(secret: dict[str, str], tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_bytes(HIDING_PLACES[place]("nothing to see here, only an innocent line of some letters"))
    assert find_leaks(tmp_path, secret) == []
    (tmp_path / "file").write_bytes(HIDING_PLACES[place](f"return {SECRET}"))
    assert find_leaks(tmp_path, secret) == ["file holds the solution of mix"]


def test_a_written_answer_and_a_hidden_test_are_secrets_too(assigned: Path, root: Path, tmp_path: Path) -> None:
    marked = read(assigned, "source")
    secret = secrets_of(marked, render(Project.read(root))[0].blank)
    seed = hidden_seeds(graded_cells(marked)["check-mix"].source)[0]
    (tmp_path / "file").write_text(f"An answer that no student should be shown. seed={seed}")
    assert find_leaks(tmp_path, secret) == [
        "file holds a hidden test of check-mix",
        "file holds the solution of whose_photo",
    ]


def test_a_lesson_that_would_leak_is_not_released(root: Path, tmp_path: Path) -> None:
    list(assign(root, ["1"], tmp_path))
    before = files(tmp_path / "release")
    (tmp_path / "source/01_noise/data.csv").write_text(f"1,{SECRET}")
    with pytest.raises(CourseError, match=r"01_noise is not released: data\.csv holds the solution of mix"):
        list(assign(root, ["1"], tmp_path))
    assert files(tmp_path / "release") == before


def test_what_the_lesson_says_openly_is_no_secret(root: Path, tmp_path: Path) -> None:
    course = make_course(tmp_path / "root", COURSE)
    path = course / "notebooks/source/01_noise.py"
    path.write_text(path.read_text().replace("## A first look", f"## A first look\n# It is `return {SECRET}`."))
    list(assign(course, ["1"], tmp_path / "class"))
    assert SECRET in json.dumps(read(tmp_path / "class", "release"))


# --- The course's own lessons -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_nothing_of_the_courses_own_solutions_goes_out(checkout: Path, tmp_path: Path) -> None:
    there = [lesson.name for lesson in Project.read(checkout).lessons]
    told = {one.lesson: one for one in assign(checkout, there, tmp_path)}
    assert_nothing_leaks(tmp_path, checkout, there)
    for lesson in Project.read(checkout).lessons:
        assert told[lesson.name].points == sum(exercise.points for exercise in lesson.exercises) > 0
        assert sum(max_scores(tmp_path, lesson.name).values()) == told[lesson.name].points


@pytest.mark.slow
def test_the_solutions_pass_with_any_hidden_seed(checkout: Path, one_thread: None) -> None:
    project = Project.read(checkout)
    assert len(render(project)) == 10
    for rendered in render(project):
        names: dict[str, Any] = {}
        for cell in rendered.solved.cells:
            if cell.cell_type == "code" and not cell.metadata.get("course"):
                exec("\n".join(imports_of(cell.source).values()), names)
        for name, cell in graded_cells(rendered.solved).items():
            if cell.metadata.nbgrader.solution and cell.cell_type == "code":
                exec(cell.source, names)
                for seed in range(10**9, 2 * 10**9, 10**9 // 25 + 7):
                    verdict = getattr(checks, name)(names[name], seed=seed)
                    assert verdict.passed, f"{name} with seed {seed}: {verdict}"


def test_the_wheel_ships_no_notebook(checkout: Path) -> None:
    """What students install may hold checks, which know what is right, but no solved lesson and no source of one."""
    import tomllib

    built = tomllib.loads((checkout / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]
    assert built["wheel"]["packages"] == ["course_lib", "course_tools"]
    for package in built["wheel"]["packages"]:
        assert not [path for path in (checkout / package).rglob("*") if path.suffix == ".ipynb"]
        sources = (checkout / package).rglob("*.py")
        assert not [path for path in sources if "### BEGIN SOLUTION\n    " in path.read_text()]


# --- The instructor's guide -------------------------------------------------------------------------------------------


def test_the_guides_tables_are_made_of_the_lessons(tmp_path: Path) -> None:
    course = make_course(tmp_path / "root", COURSE)
    (course / "docs/instructors.md").write_text(
        "# Guide\n<!-- lessons:begin -->\nold\n<!-- lessons:end -->\n<!-- plans:begin -->\n<!-- plans:end -->\nend\n"
    )
    (course / "docs/exercises.md").write_text("<!-- exercises:begin -->\n<!-- exercises:end -->\n")
    (course / "course_lib/checks").mkdir()
    (course / "course_lib/checks/lesson01.py").write_text(
        'def blend(ask, random):\n    mistakes = {"It is upside down.": 1, f"It has {ask} legs.": 2, "short": 3}\n'
        '    helper()\ndef helper():\n    raise NotYet("There is nothing.")\ndef mix(): pass\n'
    )
    source = course / "notebooks/source/01_noise.py"
    opening = "# # Lesson 1: Noise\n#\n# You will be able to\n#\n# - add noise,\n#   much noise;\n# - take it away.\n"
    source.write_text(source.read_text().replace("# # Lesson 1: Noise\n", opening))
    write(course, SECOND.replace("A first look", "As in lesson 1"), "02_more")
    build(course)
    guide = (course / "docs/instructors.md").read_text()
    assert "| 1. Noise | add noise, much noise; take it away | none | 45 | 3 | 5 |" in guide
    assert "| 2. Noise |  | 1 | 30 | 2 | 2 |" in guide
    assert "| **All** | | | 75 | 5 | 7 |" in guide
    assert guide.startswith("# Guide\n")
    assert "| 1 | 1. Noise; 2. Noise | 75 |" in guide  # four weeks: the first
    assert guide.endswith("<!-- plans:end -->\nend\n")
    page = (course / "docs/exercises.md").read_text()
    told = page.split("### 1.1: The blend")[1].split("###")[0]
    assert "`blend`, 5 minutes, first steps, 1 point." in told
    assert "- It is upside down.\n- It has ... legs.\n- There is nothing." in told
    assert "short" not in told
    assert "`whose_photo`, 15 minutes, a challenge, 3 points.\n\nWritten: a person grades it" in page
    assert build(course, check=True) == []
    source.write_text(source.read_text().replace('"blend" minutes=5', '"blend" minutes=9'))
    stale = [line.split(":")[0] for line in build(course, check=True)]
    assert {"docs/instructors.md", "docs/exercises.md"} <= set(stale)
