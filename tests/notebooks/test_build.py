"""The build of the lessons: what it makes, what it keeps, which of an author's mistakes stop it, and its verifier."""

import copy
import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from course_lib.errors import CourseError
from course_tools.notebooks import build as build_module
from course_tools.notebooks import render as render_module
from course_tools.notebooks.lesson import AuthorError, notebook_text
from course_tools.notebooks.project import Project
from course_tools.notebooks.publish import publish
from course_tools.notebooks.render import copy_outputs
from course_tools.notebooks.verify import VerifyError, verify
from tests.support.made_course import HEADER, LESSON, README, SECOND, build, make_course, with_written, write, written

CHECK = '# %% check="blend" points=1\n'
WITH_WRITTEN = with_written(LESSON, written("1.3"))


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A course of one lesson."""
    return make_course(tmp_path / "course", {"01_noise": LESSON})


def read(root: Path, name: str = "01_noise") -> tuple[nbformat.NotebookNode, nbformat.NotebookNode]:
    return tuple(nbformat.read(root / f"notebooks{folder}/{name}.ipynb", 4) for folder in ("", "/solutions"))


def cell_of(notebook: nbformat.NotebookNode, name: str) -> nbformat.NotebookNode:
    return next(cell for cell in notebook.cells if cell.id == name)


def run_all(root: Path, name: str = "01_noise") -> None:
    """Stand in for `course run`: store an output in each code cell of the solved notebook."""
    path = root / f"notebooks/solutions/{name}.ipynb"
    solved = nbformat.read(path, 4)
    for count, cell in enumerate((c for c in solved.cells if c.cell_type == "code"), start=1):
        cell.execution_count = count
        cell.outputs = [nbformat.v4.new_output("stream", text=f"output {count}\n")]
    path.write_text(notebook_text(solved))


# --- What is built ----------------------------------------------------------------------------------------------------


def test_the_blank_notebook_has_the_stub_and_the_solved_one_the_solution(course: Path) -> None:
    build(course)
    blank, solved = read(course)
    opening = 'def blend(picture, noise, amount):\n    """Blend two pictures."""\n    '
    assert cell_of(blank, "blend").source == opening + 'raise NotImplementedError("your code here")'
    assert cell_of(solved, "blend").source == opening + "return (1 - amount) * picture + amount * noise"
    assert cell_of(solved, "check-blend").source == cell_of(blank, "check-blend").source == "checks.blend(blend)"


def test_a_task_tells_its_minutes_and_difficulty_and_the_lesson_its_sum(course: Path) -> None:
    build(course)
    for notebook in read(course):
        heading = cell_of(notebook, "exercise-blend").source.split("\n")[0]
        assert heading == "### Exercise 1.1: The blend (5 minutes, first steps)"
        assert "It takes 30 minutes, and runs in not measured yet." in notebook.cells[0].source


def test_one_minute_is_not_called_minutes(course: Path) -> None:
    write(course, LESSON.replace('"blend" minutes=5', '"blend" minutes=1'))
    build(course)
    assert "### Exercise 1.1: The blend (1 minute, first steps)\n" in cell_of(read(course)[0], "exercise-blend").source


def test_only_the_blank_notebooks_hints_link_the_solved_lesson(course: Path) -> None:
    build(course)
    blank, solved = read(course)
    last = cell_of(blank, "hints-blend").source.split("\n")[-1]
    assert "(solutions/01_noise.ipynb)" in last
    assert cell_of(blank, "hints-blend").source == f"{cell_of(solved, 'hints-blend').source}\n\n{last}"


def test_what_is_built_is_valid_and_names_no_machine(course: Path) -> None:
    build(course)
    for notebook in read(course):
        nbformat.validate(notebook)
        assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
        assert notebook.metadata.kernelspec.name == "python3"
        assert not re.search(r"3\.99|somewhere|jupytext|version\"", json.dumps(notebook.metadata))


def test_the_set_up_cell_is_the_first_code_cell_and_the_same_in_every_lesson(course: Path) -> None:
    write(course, SECOND, "02_more")
    build(course)
    first, second = read(course)[0], read(course, "02_more")[1]
    set_up = next(cell for cell in first.cells if cell.cell_type == "code")
    assert first.cells[1] == set_up == second.cells[1]
    assert set_up.source.startswith("#@title ")
    assert set_up.metadata.jupyter.source_hidden


def test_pictures_stand_inside_the_notebook_with_their_descriptions(course: Path) -> None:
    build(course)
    for notebook in read(course):
        text = notebook.cells[0].source
        assert "![A grey dot](data:image/png;base64,iVBORw0K" in text
        assert '<img alt="The dot again" src="data:image/png;base64,iVBORw0K' in text
        assert "images/dot.png" not in text


def test_nbgrader_accepts_the_blank_notebook_and_locks_its_checks(course: Path) -> None:
    from nbgrader.nbgraderformat import MetadataValidator

    build(course)
    blank, _ = read(course)
    MetadataValidator().validate_nb(blank)
    check = cell_of(blank, "check-blend").metadata
    assert (check.editable, check.deletable, len(check.nbgrader.checksum)) == (False, False, 32)
    assert cell_of(blank, "blend").metadata.deletable is False
    assert "editable" not in cell_of(blank, "blend").metadata


def test_a_written_answer_is_blank_in_the_blank_notebook_and_graded_by_hand(course: Path) -> None:
    from nbgrader.nbgraderformat import MetadataValidator
    from nbgrader.utils import determine_grade, is_grade, is_locked, is_solution

    write(course, WITH_WRITTEN)
    build(course)
    blank, solved = read(course)
    MetadataValidator().validate_nb(blank)
    answer = cell_of(blank, "whose_photo")
    assert answer.source == "*Your answer here.*"
    assert cell_of(solved, "whose_photo").source == "An answer of some lines.\n\nWith a second paragraph."
    assert (is_grade(answer), is_solution(answer), is_locked(answer)) == (True, True, False)
    assert determine_grade(answer) == (0, 3)  # nobody wrote anything
    answer.source = "Nobody's."
    assert determine_grade(answer) == (None, 3)  # a person has to grade it
    heading = "### Exercise 1.3: Whose photo? (15 minutes, a challenge)\n"
    assert cell_of(blank, "exercise-whose_photo").source.startswith(heading)
    assert "It takes 45 minutes" in blank.cells[0].source


# What is replaced in WITH_WRITTEN, by what, a piece of the line that the error names, and words of the sentence.
WRITTEN_MISTAKES = {
    "another rubric": ("| Both sides | 2 |", "| Both sides | 3 |", 'exercise="whose_photo"', "comes to 4 points"),
    "no rubric": ("| Both sides | 2 |\n# | What would", "What would", 'exercise="whose_photo"', "comes to 0 points"),
    "another name": ('answer="whose_photo"', 'answer="photo"', 'answer="photo"', "this is the answer of `whose_photo`"),
    "a marker": ("# An answer", "# ### BEGIN SOLUTION\n# An answer", 'answer="whose', "needs no markers"),
    "no points": (
        '"whose_photo" points=3',
        '"whose_photo"',
        'answer="whose',
        "the answer of `whose_photo` has no `points`",
    ),
    "no task": (
        'exercise="whose_photo" minutes=15 difficulty="a challenge"',
        "",
        'answer="whose',
        "has no exercise `whose_photo`",
    ),
    "code for an answer": ('[markdown] answer="whose', 'answer="whose', 'answer="whose', "what a markdown cell is"),
}


def refused(course: Path, lesson: str, old: str, new: str, where: str, words: str) -> list[str]:
    """What the build says of a lesson with `new` for `old`: among it `words`, and the number of the line of `where`."""
    assert old in lesson
    text = lesson.replace(old, new, 1)
    line = next(number for number, line in enumerate(text.split("\n"), start=1) if where in line)
    write(course, text)
    with pytest.raises(AuthorError) as caught:
        build(course)
    found = str(caught.value).split("\n")
    assert any(f.startswith(f"notebooks/source/01_noise.py:{line}: ") and words in f for f in found), found
    return found


@pytest.mark.parametrize("name", WRITTEN_MISTAKES)
def test_a_mistake_in_a_written_exercise_stops_the_build(course: Path, name: str) -> None:
    refused(course, WITH_WRITTEN, *WRITTEN_MISTAKES[name])


@pytest.mark.parametrize(
    ("notebook", "text"), [("blank", "My answer."), ("solved", "*Your answer here.*"), ("solved", "")]
)
def test_the_verifier_finds_a_written_answer_in_the_wrong_notebook(course: Path, notebook: str, text: str) -> None:
    write(course, WITH_WRITTEN)
    build(course)
    blank, solved = read(course)
    cell_of({"blank": blank, "solved": solved}[notebook], "whose_photo").source = text
    with pytest.raises(VerifyError, match="a written answer must be blank"):
        verify(blank, solved)


def test_exercise_and_hints_are_kept_in_the_metadata_for_tools(course: Path) -> None:
    build(course)
    declared = {"name": "blend", "minutes": 5, "difficulty": "first steps"}
    for notebook in read(course):
        assert cell_of(notebook, "exercise-blend").metadata == {"course": {"exercise": declared}}
        assert cell_of(notebook, "hints-blend").metadata == {"course": {"hints": "blend"}}


def test_how_the_source_is_laid_out_leaves_no_trace(course: Path) -> None:
    build(course)
    before = [notebook_text(notebook) for notebook in read(course)]
    write(course, HEADER + LESSON.removeprefix(HEADER).replace("\n\n# %%", "\n\n\n# %%") + "\n")
    build(course)
    assert [notebook_text(notebook) for notebook in read(course)] == before


def test_hidden_tests_reach_neither_notebook(course: Path) -> None:
    hidden = "### BEGIN HIDDEN TESTS\nassert blend\n### END HIDDEN TESTS\n"
    write(course, LESSON.replace(CHECK, CHECK + hidden))
    build(course)
    for notebook in read(course):
        assert cell_of(notebook, "check-blend").source == "checks.blend(blend)"


def test_cells_with_equal_text_get_ids_of_their_own_and_ids_outlast_new_timings(course: Path) -> None:
    write(course, LESSON + "\n# %%\npicture\n\n# %%\npicture\n")
    build(course)
    ids = [[cell.id for cell in notebook.cells] for notebook in read(course)]
    assert len(set(ids[0])) == len(ids[0])
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) for name in ids[0])
    set_timings(course, 21.3)
    build(course)
    assert [[cell.id for cell in notebook.cells] for notebook in read(course)] == ids == [ids[0], ids[0]]


@pytest.mark.slow
def test_two_builds_are_the_same_to_the_byte_whatever_the_hash_seed(course: Path) -> None:
    code = "import sys, pathlib; from tests.support.made_course import build; build(pathlib.Path(sys.argv[1]))"
    results = []
    for seed in ("1", "2"):
        for path in course.glob("notebooks/**/*.ipynb"):
            path.unlink()
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(build_module.__file__).parents[2]), "PATH": ""}
        subprocess.run([sys.executable, "-c", code, str(course)], env=environment, check=True)
        results.append({path.name: path.read_bytes() for path in course.rglob("*") if path.suffix in (".ipynb", ".md")})
    assert results[0] == results[1]
    assert len(results[0]) == 2


# --- Checking, keeping outputs, README --------------------------------------------------------------------------------


def test_a_check_names_what_is_stale_and_writes_nothing(course: Path) -> None:
    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in course.rglob("*") if path.is_file()}

    before = files()
    stale = build(course, check=True)
    assert {line.split(":")[0] for line in stale} == {
        "notebooks/01_noise.ipynb",
        "notebooks/solutions/01_noise.ipynb",
        "README.md",
    }
    assert files() == before
    build(course)
    assert build(course, check=True) == []
    write(course, LESSON.replace("A first look", "A second look"))
    assert [line.split(":")[0] for line in build(course, check=True)] == [
        "notebooks/01_noise.ipynb",
        "notebooks/solutions/01_noise.ipynb",
    ]


def test_a_file_that_is_as_it_should_be_is_not_written_again(course: Path) -> None:
    build(course)
    before = {path: path.stat().st_mtime_ns for path in course.rglob("*") if path.is_file()}
    assert [line for line in build(course) if "written" in line] == []
    assert {path: path.stat().st_mtime_ns for path in course.rglob("*") if path.is_file()} == before


def test_a_notebook_without_a_source_is_reported_and_a_readers_copy_is_not(course: Path) -> None:
    build(course)
    (course / "notebooks/07_gone.ipynb").write_text("{}")
    (course / "notebooks/01_noise-Copy1.ipynb").write_text("{}")
    for check in (True, False):
        assert [line.split(":")[0] for line in build(course, check=check) if "no source" in line] == [
            "notebooks/07_gone.ipynb"
        ]
    assert (course / "notebooks/07_gone.ipynb").exists()


def test_outputs_stay_while_the_code_does(course: Path) -> None:
    build(course)
    run_all(course)
    assert build(course, check=True) == []
    write(course, LESSON.replace("A first look", "A second look"))
    assert not any("course run" in line for line in build(course))
    blank, solved = read(course)
    assert [cell.outputs[0].text for cell in solved.cells if cell.cell_type == "code"][-1] == "output 8\n"
    assert solved.cells[-1].execution_count == 8
    assert "A second look" in notebook_text(solved)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in blank.cells)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("picture = 1", "picture = 2"),
        ("return (1 - amount)", "return (1.0 - amount)"),
        ("# %% [markdown]\n# ## What", "# %%\nfirst = 1\n\n# %% [markdown]\n# ## What"),
        ('after {picture} step")\n', 'after {picture} step")\n\n# %%\nlast = 1\n'),
        ('\n# %%\nshow(picture, about=f"A cat after {picture} step")\n', ""),
    ],
    ids=["a cell changed", "a solution changed", "a cell more", "a cell more at the end", "a cell less at the end"],
)
def test_outputs_go_when_the_code_changes(course: Path, old: str, new: str) -> None:
    build(course)
    run_all(course)
    assert old in LESSON
    write(course, LESSON.replace(old, new))
    assert any("run `course run 01_noise`" in line for line in build(course))
    _, solved = read(course)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in solved.cells)


def test_a_solved_notebook_cut_short_is_built_anew(course: Path) -> None:
    build(course)
    path = course / "notebooks/solutions/01_noise.ipynb"
    whole = path.read_text()
    path.write_text(whole[:500])
    build(course)
    assert path.read_text() == whole


def test_outputs_are_copied_only_between_equal_code(course: Path) -> None:
    build(course)
    _, solved = read(course)
    run = copy.deepcopy(solved)
    run.cells[1].execution_count = 1
    run.metadata["widgets"] = {"state": {}}
    assert copy_outputs(run, solved)
    assert (solved.cells[1].execution_count, solved.metadata.widgets) == (1, {"state": {}})
    run.cells[1].source += " "  # the set-up cell, which names where the library comes from
    assert copy_outputs(run, solved)
    run.cells[2].source += " "
    assert not copy_outputs(run, solved)


def set_timings(root: Path, seconds: float) -> None:
    timing = {"seconds": seconds, "first_picture_seconds": 6.1, "peak_memory_mb": 812.4, "size_mb": 0.6}
    timings = {"machine": "2 CPU cores", "lessons": {"01_noise": timing}}
    (root / "docs/timings.json").write_text(json.dumps(timings))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "about 10 seconds"),
        (20.0, "about 20 seconds"),
        (20.1, "about 30 seconds"),
        (90.0, "about 90 seconds"),
        (90.1, "about 2 minutes"),
        (170.0, "about 3 minutes"),
    ],
)
def test_a_lesson_tells_in_words_how_long_it_runs(course: Path, seconds: float, words: str) -> None:
    set_timings(course, seconds)
    build(course)
    assert all(f"runs in {words}." in notebook.cells[0].source for notebook in read(course))


def test_readmes_table_tells_what_each_lesson_is_and_leaves_the_rest_alone(course: Path) -> None:
    set_timings(course, 21.3)
    build(course)
    text = (course / "README.md").read_text()
    row = next(line for line in text.split("\n") if "01_noise" in line)
    assert [cell.strip() for cell in row.strip("|").split("|")] == [
        "[1. Noise](notebooks/01_noise.ipynb) ([solved](notebooks/solutions/01_noise.ipynb))",
        "Walk a photo into noise",
        "30",
        "2",
        "21",
        "812 MB",
    ]
    assert "2 CPU cores" in text
    assert text.startswith("# Course\n\n<!-- colab:begin -->\n**In Google Colab.**")
    assert text.endswith("\n<!-- lessons:end -->\n\nThe end.\n")


def test_a_bar_in_a_summary_does_not_break_the_table(course: Path) -> None:
    write(course, LESSON.replace("Walk a photo", "Walk | a photo"))
    build(course)
    assert r"| Walk \| a photo into noise |" in (course / "README.md").read_text()


def test_a_lesson_that_was_never_run_says_so_in_the_table(course: Path) -> None:
    build(course)
    assert "| not run yet |" in (course / "README.md").read_text()


def test_the_lessons_can_be_listed(course: Path) -> None:
    (lesson,) = Project.read(course).lessons
    assert (lesson.name, lesson.number, lesson.title, lesson.minutes) == ("01_noise", 1, "Noise", 30)
    assert lesson.summary == "Walk a photo into noise"
    assert [(e.name, e.number, e.title, e.minutes, e.difficulty) for e in lesson.exercises] == [
        ("blend", "1.1", "The blend", 5, "first steps"),
        ("mix", "1.2", "The mix", 5, "first steps"),
    ]
    assert lesson.source.exists()
    build(course)
    assert lesson.blank.exists()
    assert lesson.solved.exists()


def test_a_build_takes_everything_from_the_project_as_it_was_read(course: Path) -> None:
    set_timings(course, 21.3)
    project = Project.read(course)
    set_timings(course, 99.0)
    (course / "pyproject.toml").write_text('[tool.course]\nrepository = "OWNER/NAME"\n')
    write(course, LESSON.replace("A first look", "A second look"))
    build_module.build(project)
    blank, _ = read(course)
    assert "runs in about 30 seconds." in blank.cells[0].source
    assert "OWNER/NAME" not in blank.cells[1].source + (course / "README.md").read_text()
    assert "A second look" not in notebook_text(blank)


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        ("README.md", "# Course\n", "README.md needs a line <!-- colab:begin -->"),
        ("README.md", README.replace("lessons:end", ""), "README.md needs a line <!-- lessons:begin -->"),
        ("docs/timings.json", '{"lessons": {"01_noise": 3}}', "timings.json is not what `course run` writes"),
        ("docs/timings.json", "{", "timings.json is not what `course run` writes"),
        ("pyproject.toml", '[tool.course]\nrepository = "over there"\n', "write OWNER/NAME"),
    ],
)
def test_a_broken_file_round_the_lessons_gives_one_sentence(course: Path, path: str, text: str, words: str) -> None:
    (course / path).write_text(text)
    with pytest.raises(CourseError, match=re.escape(words)):
        build(course)
    assert not list(course.rglob("*.ipynb"))


def test_a_folder_without_lessons_gives_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CourseError, match="There is no lesson in"):
        build(tmp_path)


# --- Published --------------------------------------------------------------------------------------------------------

COLAB = "https://colab.research.google.com/github/OWNER/NAME/blob/v0.1.0/notebooks/01_noise.ipynb"
BINDER = "https://mybinder.org/v2/gh/OWNER/NAME/v0.1.0?labpath=notebooks%2F01_noise.ipynb"


def everything(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_until_it_is_published_nothing_leads_nowhere_and_the_wheels_way_is_told(course: Path) -> None:
    build(course)
    blank, _ = read(course)
    text = (course / "README.md").read_text()
    assert not re.search(r"colab\.research|mybinder|github", notebook_text(blank) + text)
    assert "make wheel" in text
    assert "Upload notebook" in text


def test_publishing_stamps_lessons_and_readme_and_keeps_them_in_step(course: Path) -> None:
    build(course)
    run_all(course)
    written = publish(course, "OWNER/NAME")
    assert {line.split(":")[0] for line in written} == {
        "pyproject.toml",
        "notebooks/01_noise.ipynb",
        "notebooks/solutions/01_noise.ipynb",
        "README.md",
    }
    blank, solved = read(course)
    opening = blank.cells[0].source.split("\n")
    assert opening[0] == "# Lesson 1: Noise"
    assert opening[2].startswith(f'<a href="{COLAB}"><img alt="Open in Colab" src="data:image/svg+xml;base64,')
    assert COLAB not in notebook_text(solved)
    assert [cell.outputs[0].text for cell in solved.cells if cell.cell_type == "code"][-1] == "output 8\n"
    for notebook in (blank, solved):
        assert "course_lib @ git+https://github.com/OWNER/NAME@v0.1.0" in notebook.cells[1].source
    text = (course / "README.md").read_text()
    row = next(line for line in text.split("\n") if line.startswith("| [1. Noise]"))
    assert f"[![Open lesson 1 in Colab](images/open_in_colab.svg)]({COLAB})" in row
    assert f"[![Open lesson 1 in Binder](images/open_in_binder.svg)]({BINDER})" in row
    assert len({line.count(" |") for line in text.split("\n") if line.startswith("|")}) == 1
    assert build(course, check=True) == []
    (course / "README.md").write_text(text.replace(COLAB, "elsewhere"))
    assert [line.split(":")[0] for line in build(course, check=True)] == ["README.md"]


def test_publishing_twice_changes_nothing_and_taking_it_back_leaves_what_was(course: Path) -> None:
    build(course)
    before = everything(course)
    publish(course, "OWNER/NAME")
    published = everything(course)
    assert [line for line in publish(course, "OWNER/NAME") if "written" in line] == []
    assert everything(course) == published != before
    publish(course, "")
    assert everything(course) == before


@pytest.mark.parametrize("name", ["OWNER", "https://github.com/OWNER/NAME", "OWNER/NA ME", 'a/b"'])
def test_what_is_no_repository_is_refused_and_nothing_is_written(course: Path, name: str) -> None:
    before = everything(course)
    with pytest.raises(CourseError, match="write OWNER/NAME"):
        publish(course, name)
    assert everything(course) == before


def test_settings_without_a_line_for_the_repository_are_refused(course: Path) -> None:
    (course / "pyproject.toml").write_text("[tool.course]\n")
    with pytest.raises(CourseError, match="needs one line"):
        publish(course, "OWNER/NAME")


def test_the_verifier_allows_one_badge_and_no_other_change_of_the_title(course: Path) -> None:
    publish(course, "OWNER/NAME")
    blank, solved = read(course)
    verify(blank, solved)
    badge = blank.cells[0].source.split("\n")[2]
    for replaced in (f"{badge}\n\n{badge}", badge + "Hello", badge.replace("colab.research", "elsewhere")):
        other = copy.deepcopy(blank)
        other.cells[0].source = blank.cells[0].source.replace(badge, replaced)
        with pytest.raises(VerifyError, match="differ outside a blank"):
            verify(other, solved)


# --- Author's mistakes ------------------------------------------------------------------------------------------------

# What is replaced in LESSON, by what, a piece of the line that the error names, and words of the sentence.
MISTAKES = {
    "no solution region": (
        "    ### BEGIN SOLUTION\n    return (1 - amount) * picture + amount * noise\n    ### END SOLUTION",
        "    pass",
        'solution="blend"',
        "the stub of `blend` has no solution",
    ),
    "a solution that does not end": ("    ### END SOLUTION\n", "", "BEGIN SOLUTION", "has no ### END SOLUTION"),
    "a solution that does not begin": ("    ### BEGIN SOLUTION\n", "    ### BEGIN\n", "END SOLUTION", "has not begun"),
    "a solution in a solution": (
        "    return (1",
        "    pass\n    ### BEGIN SOLUTION # 2\n    return (1",
        "SOLUTION # 2",
        "inside the one that began in line",
    ),
    "an empty solution": (
        "    ### BEGIN SOLUTION\n    return (1 - amount) * picture + amount * noise\n",
        "    ### BEGIN SOLUTION\n    # think\n",
        "BEGIN SOLUTION",
        "there is no solution between",
    ),
    "a solution outside the function": (
        "    ### BEGIN SOLUTION\n    return (1 - amount) * picture + amount * noise\n    ### END SOLUTION",
        "    return 1\n### BEGIN SOLUTION\nprint(1)\n### END SOLUTION",
        "BEGIN SOLUTION",
        "not inside the function `blend`",
    ),
    "a solution without which the stub breaks": (
        "    return (1 - amount) * picture + amount * noise\n    ### END SOLUTION",
        "    if picture:\n        pass\n    ### END SOLUTION\n    else:\n        return 2",
        "BEGIN SOLUTION",
        "does not parse",
    ),
    "another function": ("def blend(", "def blond(", 'solution="blend"', "does not define a function of that name"),
    "a stray solution": ("picture = 1\n", "picture = 1\n### BEGIN SOLUTION\n", "BEGIN SOLUTION", "outside an exercise"),
    "the solution of another": ('solution="blend"', 'solution="mix"', 'solution="mix"', "the solution of `blend`"),
    "the solution of no exercise": ('solution="blend"', 'solution="blond"', '"blond"', 'write solution="blend"'),
    "the check of another": (
        'check="blend"',
        'check="mix"',
        'check="mix"',
        'the check of `blend`: write check="blend"',
    ),
    "a part of no exercise": ("# %%\nfrom", '# %% check="blond" points=1\nfrom', '"blond"', "has no exercise `blond`"),
    "a part out of its row": ("# %%\nfrom", f"{CHECK}from", CHECK.strip(), "belongs to no exercise"),
    "a check that is written out": (CHECK, f"{CHECK}checks.blend(blend)\n", "checks.blend(", "leave it out"),
    "a check without points": (CHECK, '# %% check="blend"\n', 'check="blend"', "the check of `blend` has no `points`"),
    "no points for a check": (CHECK, CHECK.replace("1", "0"), 'check="blend"', "no `points` above 0"),
    "points in words": (CHECK, CHECK.replace("1", '"one"'), 'check="blend"', "no `points` above 0"),
    "points that are true": (CHECK, CHECK.replace("1", "true"), 'check="blend"', "no `points` above 0"),
    "a key that is not known": (
        '"blend" minutes=5',
        '"blend" minutes=5 importance=3',
        "importance",
        "`importance` is not known after `# %%`: beside exercise= there may be minutes, difficulty.",
    ),
    "points for a solution": ('solution="blend"', 'solution="blend" points=1', "points", "beside solution= nothing"),
    "two kinds in one": (CHECK, CHECK.replace("points", 'hints="blend" points'), CHECK[:14], "`hints` is not known"),
    "a key without a kind": (
        "# %%\nshow(picture",
        "# %% points=1\nshow(picture",
        "points=1",
        "exercise, solution, check",
    ),
    "nbgrader's own metadata": (
        'solution="blend"',
        'solution="blend" nbgrader={"grade": true}',
        "nbgr",
        "`nbgrader` is",
    ),
    "a title": ("# %%\nshow(picture", "# %% A cat\nshow(picture", "%% A cat", "`title` is not known"),
    "a solution in prose": (
        '%% solution="mix"',
        '%% [markdown] solution="mix"',
        'solution="mix"',
        "a code cell is: `# %%",
    ),
    "no name": ('exercise="blend"', 'exercise="1st"', '"1st"', "is no name for an exercise"),
    "a name that is no text": ('exercise="blend"', "exercise=1", "exercise=1", "`1` is no name for an exercise"),
    "unknown difficulty": (
        '"blend" minutes=5 difficulty="first steps"',
        '"blend" minutes=5 difficulty="easy"',
        '"easy"',
        "no `difficulty` that is one of: first steps, some thought, a challenge",
    ),
    "no difficulty": (
        '"blend" minutes=5 difficulty="first steps"',
        '"blend" minutes=5',
        '"blend" m',
        "no `difficulty`",
    ),
    "no minutes": ('"blend" minutes=5 ', '"blend" ', '"blend" difficulty', "no `minutes` above 0"),
    "minutes in words": ('"blend" minutes=5', '"blend" minutes="five"', '"five"', "no `minutes` above 0"),
    "no number": ("Exercise 1.1: ", "Exercise: ", "Exercise: ", "begins with a heading `### Exercise 1.1: `"),
    "numbers out of order": ("Exercise 1.2:", "Exercise 1.3:", "Exercise 1.3:", "exercise 1.2, not 1.3"),
    "the number of another lesson": ("Exercise 1.1:", "Exercise 2.1:", "Exercise 2.1:", "exercise 1.1, not 2.1"),
    "one hint": (
        "<details><summary>Hint 2</summary> Each share is a number. </details>",
        "",
        'hints="blend"',
        "has 1 of at least two hints",
    ),
    "hints of another": ('hints="blend"', 'hints="mix"', 'hints="mix"', "these are the hints of `blend`"),
    "a hint that stays open": ("is a number. </details>", "is a number.", 'hints="blend"', "is not closed"),
    "no description": (
        'show(picture, about="A cat")',
        "show(picture)",
        "show(picture)",
        "show(...) has no description",
    ),
    "an empty description": (', about="A cat")', ', about=" ")', 'about=" "', "show(...) has no description"),
    "an attribute's description": (
        'show(picture, about="A cat")',
        "pictures.chart(\n  1)",
        "pictures.chart",
        "chart(...) has no",
    ),
    "a description in another place": (
        'show(picture, about="A cat")',
        'f(animate(\n1), about="A cat")',
        "animate(",
        "animate(...) has no",
    ),
    "a description that may be none": ('about="A cat"', 'about=f""', 'about=f""', "show(...) has no description"),
    "a picture without words": ("![A grey dot]", "![ ]", "![ ]", "no description"),
    "an HTML picture without words": ('<img alt="The dot again"', "<img", "<img src", "no description"),
    "an HTML picture further down": (
        "It takes",
        "<p>\n# Look:\n# <img src='../../images/dot.png'></p>\n#\n# It",
        "<img src='",
        "no descr",
    ),
    "a picture in the text itself": ("(../../images/dot.png)", "(data:image/png;base64,iVBO)", "data:", "put it into"),
    "a picture attached to its cell": ("(../../images/dot.png)", "(attachment:dot.png)", "attachment:", "put it into"),
    "a picture that is missing": (
        "(../../images/dot.png)",
        "(../../images/gone.png)",
        "gone.png",
        "no picture ../../images/gone.png",
    ),
    "a picture on the network": (
        "(../../images/dot.png)",
        "(https://example.org/dot.png)",
        "example.org",
        "no picture https",
    ),
    "a picture of no known kind": ("(../../images/dot.png)", "(../../README.md)", "README.md", "not a kind of picture"),
    "a picture by reference": (
        '![A grey dot](../../images/dot.png)\n# and <img alt="The dot again" src="../../images/dot.png">',
        "![A grey dot][dot]\n#\n# [dot]: ../../images/dot.png",
        "![A grey dot][dot]",
        "in place",
    ),
    "a heading that skips": ("## What was", "##### What was", "##### What was", "level 5 follows one of level 3"),
    "an HTML heading that skips": ("## A first look", "text\n# <h3>A</h3>", "<h3>", "level 3 follows one of level 1"),
    "a second title": ("## What was", "# What was", "# What was", "one heading of level 1"),
    "no title": ("# # Lesson 1: Noise", "# # Noise", "# # Noise", "begins with `# Lesson 1: `"),
    "an unknown placeholder": ("{{run_time}}", "{{runtime}}", "{{runtime}}", "{{runtime}} is not known"),
    "code that does not parse": ("picture = 1\n", "picture = 1\nif:\n", "if:", "does not parse"),
    "a use of an exercise": (
        "A cat after {picture}",
        "A cat after {blend(1)}",
        "after {blend",
        "`blend` may not be written",
    ),
    "a use in another exercise": (
        '# %% check="mix" points=1\n',
        '# %% check="mix" points=1\nchecks.mix(blend)\n',
        "checks.mix(blend)",
        "`blend` may not be written yet",
    ),
    "a use in a function": (
        'show(picture, about=f"A cat',
        'def later():\n    return blend(1)\nshow(picture, about=f"A cat',
        "return blend(1)",
        "`blend` may not be written yet",
    ),
    "no reading minutes": ("reading_minutes: 20, ", "", "course: {", "no `reading_minutes` above 0"),
    "no summary": (", summary: Walk a photo into noise", "", "course: {", "no `summary`"),
    "metadata that is not JSON": ('hints="blend"', 'hints="blend', 'hints="blend', "value as JSON"),
    "a header that is not YAML": ("into noise}", "into noise", "course: {", "the header is not YAML"),
}
# Mistakes that cause further ones: of these the build says more than one sentence.
CAUSES_OTHERS = {
    "metadata that is not JSON",
    "a solution that does not begin",
    "no name",
    "a name that is no text",
    "another function",
    "a solution in prose",
}


@pytest.mark.parametrize("name", MISTAKES)
def test_an_authors_mistake_stops_the_build_and_names_its_line(course: Path, name: str) -> None:
    found = refused(course, LESSON, *MISTAKES[name])
    assert len(found) == 1 or name in CAUSES_OTHERS, found
    assert not list(course.rglob("*.ipynb"))


def without(text: str, start: str) -> str:
    """The lesson without the cell whose `# %%` line has `start` in it."""
    cells = re.split(r"(?m)^(?=# %%)", text)
    assert sum(start in cell.split("\n")[0] for cell in cells) == 1
    return "".join(cell for cell in cells if start not in cell.split("\n")[0])


@pytest.mark.parametrize(
    ("gone", "where", "words"),
    [
        ('solution="blend"', 'exercise="blend"', "after the task of `blend` must come the cell with its solution"),
        ('check="blend"', 'solution="blend"', "`blend` has no check cell"),
        ('hints="blend"', 'check="blend"', "`blend` has 0 of at least two hints"),
        ('exercise="blend"', 'solution="blend"', "this lesson has no exercise `blend`"),
    ],
    ids=["solution", "check", "hints", "task"],
)
def test_an_exercise_that_lacks_a_cell_stops_the_build(course: Path, gone: str, where: str, words: str) -> None:
    text = without(LESSON, gone)
    line = next(number for number, line in enumerate(text.split("\n"), start=1) if where in line)
    write(course, text)
    with pytest.raises(AuthorError, match=re.escape(f"01_noise.py:{line}: ") + ".*" + re.escape(words)):
        build(course)


def test_all_mistakes_of_all_lessons_are_told_at_once(course: Path) -> None:
    write(course, LESSON.replace("(picture, about", "(picture, abuot").replace("minutes=5", "minutes=0"))
    write(course, LESSON.replace("Lesson 1", "Lesson 2"), "02_more")
    with pytest.raises(AuthorError) as caught:
        build(course)
    lines = str(caught.value).split("\n")
    assert sum("has no description" in line for line in lines) == 2
    assert sum("no `minutes`" in line for line in lines) == 2
    assert sum("is called `blend` already" in line and "02_more.py" in line for line in lines) == 1
    assert all(re.match(r"notebooks/source/0[12]_\w+\.py:\d+: .*\.$", line) for line in lines)


@pytest.mark.parametrize("name", ["1_noise", "01_Noise", "noise"])
def test_a_source_with_another_kind_of_name_stops_the_build(course: Path, name: str) -> None:
    write(course, LESSON, name)
    with pytest.raises(AuthorError, match=rf"{name}.py:1: a lesson's file is called NN_name.py"):
        build(course)


def test_two_lessons_with_one_number_stop_the_build(course: Path) -> None:
    write(course, HEADER + "# %% [markdown]\n# # Lesson 1: Again\n", "01_same")
    with pytest.raises(AuthorError, match=r"01_same.py:1: notebooks/source/01_noise.py has the same number"):
        build(course)


@pytest.mark.parametrize(
    "text",
    [
        LESSON.replace("# %% [markdown]\n# # Lesson", "x = 1\n# %% [markdown]\n# # Lesson"),
        LESSON + '\n# %%\nx = """\n# %%\n"""\n',
    ],
    ids=["text before the first cell", "a cell mark in a string"],
)
def test_a_source_whose_cells_cannot_be_told_apart_stops_the_build(course: Path, text: str) -> None:
    write(course, text)
    with pytest.raises(AuthorError, match=r"01_noise.py:1: jupytext finds \d+ cells"):
        build(course)


@pytest.mark.parametrize(
    "cell",
    [
        "def f(blend):\n    return blend",
        "from course_lib.noise import blend\nblend(1)",
        "print(checks.blend)",
        "blend = 3\nblend + 1",
        "plt.table",
        "%matplotlib inline".join(["# ", "\nx = 1"]),
        "show(1, about=text)",
    ],
)
def test_what_only_looks_like_a_mistake_does_not_stop_the_build(course: Path, cell: str) -> None:
    write(course, f"{LESSON}\n# %%\n{cell}\n")
    build(course)


# --- The verifier -----------------------------------------------------------------------------------------------------

ONE_BLANK = """\
    ### BEGIN SOLUTION
    return (1 - amount) * picture + amount * noise
    ### END SOLUTION"""
TWO_BLANKS = """\
    ### BEGIN SOLUTION
    first = picture

    second = noise
    ### END SOLUTION
    if amount:
        ### BEGIN SOLUTION
        first = second
        ### END SOLUTION
    return first"""


@pytest.fixture
def pair(course: Path) -> tuple[nbformat.NotebookNode, nbformat.NotebookNode]:
    """A blank and a solved notebook whose first exercise has two blanks; they agree."""
    assert ONE_BLANK in LESSON
    write(course, LESSON.replace(ONE_BLANK, TWO_BLANKS, 1))
    build(course)
    blank, solved = read(course)
    verify(blank, solved)
    assert cell_of(blank, "blend").source.count("raise NotImplementedError") == 2
    return blank, solved


# What is changed, in which of the notebooks and cells, and words of what the verifier says.
TAMPERED = {
    "other prose": ("blank", "exercise-blend", "Write", "Draw", "line 2: the two notebooks differ outside a blank"),
    "other code": ("solved", "check-blend", "blend)", "mix)", "line 1: the two notebooks differ outside a blank"),
    "a line before the blank": ("solved", "blend", "Blend two", "Mix two", "line 2: the stub and the solution differ"),
    "a line between blanks": ("solved", "blend", "    if amount:", "    if picture:", "line 3: nothing fills"),
    "a line after the blanks": ("solved", "blend", "return first", "return 1", "line 5: nothing fills"),
    "a line too many at the end": ("solved", "blend", "return first", "return first\n# more", "line 5: nothing fills"),
    "a line indented otherwise": ("solved", "blend", "    if amount:", "  if amount:", "line 3: nothing fills"),
    "a filling less deep": ("solved", "blend", "        first = second", "    first = second", "line 5: what fills"),
    "a filling too deep": ("solved", "blend", "    first = picture", "      first = picture", "line 3: what fills"),
    "a filling that leaves its block": (
        "solved",
        "blend",
        "    second = noise",
        "second = noise",
        "line 3: what fills",
    ),
    "an empty filling": ("solved", "blend", "        first = second\n", "", "line 5: nothing fills"),
    "a blank left in the solved one": (
        "solved",
        "blend",
        "first = second",
        'raise NotImplementedError("your code here")',
        "line 7: the solved notebook still has a blank",
    ),
    "another stub": (
        "blank",
        "mix",
        'Error("your code here")',
        'Error("")',
        "line 1: the blank notebook has a solution",
    ),
    "the solution in the blank one": (
        "blank",
        "mix",
        'raise NotImplementedError("your code here")',
        "return (1 - amount) * picture + amount * noise",
        "line 1: the blank notebook has a solution cell without a blank",
    ),
    "a marker left": (
        "solved",
        "mix",
        "    return",
        "    ### BEGIN SOLUTION\n    return",
        "line 3: the solved notebook still",
    ),
    "a second link": (
        "blank",
        "hints-mix",
        ".ipynb).",
        ".ipynb).\n\n[b](solutions/01_noise.ipynb)",
        "the hints differ",
    ),
    "no link": ("blank", "hints-mix", "solutions/01_noise.ipynb", "elsewhere.html", "the hints differ"),
    "other hints": ("solved", "hints-mix", "What is left", "What remains", "line 3: the hints differ"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_the_verifier_finds_a_changed_line(pair: tuple, name: str) -> None:
    which, cell_name, old, new, words = TAMPERED[name]
    cell = cell_of(pair[("blank", "solved").index(which)], cell_name)
    assert cell.source.count(old) == 1
    cell.source = cell.source.replace(old, new)
    with pytest.raises(VerifyError, match=re.escape(words)) as caught:
        verify(*pair)
    assert re.match(rf"cell \d+ \({cell_name}\), line \d+: ", str(caught.value))


def remove_a_cell(blank: nbformat.NotebookNode) -> None:
    del blank.cells[-1]


def swap_two_cells(blank: nbformat.NotebookNode) -> None:
    blank.cells[2], blank.cells[3] = blank.cells[3], blank.cells[2]


def change_a_type(blank: nbformat.NotebookNode) -> None:
    blank.cells[-1].cell_type = "raw"


def change_an_id(blank: nbformat.NotebookNode) -> None:
    blank.cells[-1].id = "another"


def change_a_grade(blank: nbformat.NotebookNode) -> None:
    cell_of(blank, "check-blend").metadata.nbgrader.points = 2


def hide_the_solution_in_metadata(blank: nbformat.NotebookNode) -> None:
    cell_of(blank, "blend").metadata["answer"] = "return 1"


def change_the_kernel(blank: nbformat.NotebookNode) -> None:
    blank.metadata.kernelspec.name = "other"


def leave_an_output(blank: nbformat.NotebookNode) -> None:
    blank.cells[1].outputs = [nbformat.v4.new_output("stream", text="the answer")]


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (remove_a_cell, "has 14 cells, the solved one 15"),
        (swap_two_cells, "cell 3 "),
        (change_a_type, "cell_type is 'raw' in the blank notebook"),
        (change_an_id, "id is 'another' in the blank notebook"),
        (change_a_grade, "(check-blend), line 1: the metadata differ"),
        (hide_the_solution_in_metadata, "(blend), line 1: the metadata differ"),
        (change_the_kernel, "The metadata of the two notebooks differ"),
        (leave_an_output, "the blank notebook has outputs"),
    ],
)
def test_the_verifier_finds_a_changed_notebook(pair: tuple, tamper, words: str) -> None:
    blank, solved = pair
    tamper(blank)
    with pytest.raises(VerifyError, match=re.escape(words)):
        verify(blank, solved)


def test_a_build_that_goes_wrong_writes_nothing(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def blank_nothing(notebook: nbformat.NotebookNode) -> None:
        for cell in notebook.cells:
            cell.source = cell.source.replace("    ### BEGIN SOLUTION\n", "").replace("\n    ### END SOLUTION", "")

    monkeypatch.setattr(render_module, "blank_solutions", blank_nothing)
    with pytest.raises(VerifyError, match=r"notebooks/source/01_noise.py: cell 7 \(blend\), line 1: "):
        build(course)
    assert not list(course.rglob("*.ipynb"))
    assert "Walk a photo" not in (course / "README.md").read_text()


def test_the_verifier_shares_no_code_with_the_build() -> None:
    code = (
        "import sys, course_tools.notebooks.verify; print([name for name in sys.modules if name.startswith('course_')])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "build" not in result.stdout
