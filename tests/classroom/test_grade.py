"""`course grade`: what a class handed in becomes scores, comments, pages and a summary, and nothing else."""

import ast
import copy
import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pytest

from course_lib import checks
from course_lib.errors import CourseError
from course_tools import cli
from course_tools.classroom import feedback, submission
from course_tools.classroom import grade as grade_module
from course_tools.classroom.feedback import ExerciseResult, as_written, feedback_notebook, harmless
from course_tools.classroom.grade import UNSAFE, grade
from course_tools.classroom.gradebook import Course
from course_tools.classroom.sandbox import Limits, Sandbox
from course_tools.classroom.submission import SubmittedCell, graded_cells, hidden_seeds
from course_tools.notebooks.lesson import ANSWER
from tests.support.classroom import LESSON, hand_in, make_course_directory, read
from tests.support.hostile import RIGHT
from tests.support.make_class import answers_of, as_zip, exercises_of, filled, make_class, solutions_of

pytestmark = pytest.mark.usefixtures("one_thread")

PAYLOAD = "<script>alert('from a submission')</script>"
TRICKS = [
    PAYLOAD,
    "<img src=x onerror=\"alert('from a submission')\">",
    "[click](javascript:alert('from a submission'))",
    "![x](data:text/html,from-a-submission)",
    "$\\href{javascript:alert('from a submission')}{x}$ and \\(\\href{javascript:alert(1)}{x}\\)",
    "</pre></div></script><svg onload=alert('from a submission')>",
    "text\n\n# heading\n\n<iframe srcdoc='from a submission'></iframe>\n",
    "\x1b[31m\x07\x00 and \ud800",
]


# --- What a page shows ------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """What in a page could run, or load something: (tag, attribute, value)."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str, str]] = []
        self.inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag if tag in ("script", "style") else ""
        if tag in ("script", "iframe", "svg", "object", "embed"):
            self.found.append((tag, "", ""))
        for name, value in attrs:
            if name.startswith("on") or name in ("src", "href", "srcdoc", "action"):
                self.found.append((tag, name, value or ""))

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.found.append((self.inside, "", data))


def active(text: str) -> list[tuple[str, str, str]]:
    """What in the page could run or load, but for pictures inside it."""
    return [one for one in Page(text).found if not one[2].startswith("data:image/png")]


@pytest.mark.parametrize("trick", TRICKS)
def test_words_of_a_submission_do_nothing_in_markdown(trick):
    from nbconvert.filters.markdown import markdown2html

    for text in (as_written(trick), harmless(trick)):
        page = markdown2html(text)
        assert active(page) == []
        assert "$" not in re.sub(r"<pre.*?</pre>", "", page, flags=re.S)
        assert page.encode("utf-8")
        assert "\x1b" not in text


def test_an_answer_is_shown_letter_for_letter():
    from nbconvert.filters.markdown import markdown2html

    text = "First *line*, 2 < 3 & 4.\n\n    indented\n# no heading\n- no list | $5$"
    page = markdown2html(as_written(text))
    heard: list[str] = []
    parser = HTMLParser(convert_charrefs=True)
    parser.handle_data = heard.append  # type: ignore[method-assign]
    parser.feed(page)
    assert "".join(heard).strip() == text


def cell(source: str, name: str = "", kind: str = "code") -> SubmittedCell:
    return SubmittedCell(kind, source, name)


def test_a_page_holds_the_submissions_code_and_the_verdicts_and_nothing_else_of_it(checkout):
    notebook = nbformat.read(checkout / f"notebooks/{LESSON}.ipynb", as_version=4)
    findings = {"blend": ExerciseResult(False, "Not yet."), "psnr": ExerciseResult(True, "Passed.")}
    own = [cell(RIGHT, "blend"), cell("def psnr(a, b):\n    return 1"), cell("x = 1"), cell("<b>", kind="markdown")]
    page, answers = feedback_notebook(notebook, own, findings)
    nbformat.validate(page)
    by_name = {one.metadata.get("nbgrader", {}).get("grade_id"): one for one in page.cells}
    assert by_name["blend"].source == RIGHT
    assert by_name["psnr"].source == "def psnr(a, b):\n    return 1"
    assert by_name["check-blend"].outputs[0].text == "Not yet.\n"
    assert [one.source for one in page.cells[-2:]] == ["## Other code of this submission", "x = 1"]
    assert page.cells[-2:-1] != notebook.cells[-1:]
    assert answers == set()
    assert notebook == nbformat.read(checkout / f"notebooks/{LESSON}.ipynb", as_version=4)


def test_a_page_stays_small_whatever_was_handed_in(checkout):
    notebook = nbformat.read(checkout / f"notebooks/{LESSON}.ipynb", as_version=4)
    own = [cell("x = 1\n" * 100_000, "blend"), *(cell(f"y = {n}") for n in range(10_000))]
    page, _ = feedback_notebook(notebook, own, {})
    assert len(nbformat.writes(page)) < len(nbformat.writes(notebook)) + 100_000


def test_a_page_has_no_gap_that_the_highlighter_takes_minutes_for(checkout):
    notebook = nbformat.read(checkout / f"notebooks/{LESSON}.ipynb", as_version=4)
    gap = "\n \r\n\t\r\x0b" * 3000
    page, _ = feedback_notebook(notebook, [cell(f"{RIGHT}{gap}x = 1", "blend"), cell(f"y{gap}z\n\na")], {})
    (blend,) = [one.source for one in page.cells if graded(one) == "blend"]
    assert re.sub(r"\s+x = 1", "\nx = 1", blend) == f"{RIGHT}x = 1"
    for source in (blend, page.cells[-1].source):
        assert not re.search(r"\n\s*\n\s*\n\s*\n", source)
    assert page.cells[-1].source.endswith("z\n\na")


def test_what_is_cut_says_so_and_a_picture_in_a_text_is_not_what_cuts_it(checkout):
    picture = f"![a](data:image/png;base64,{'iVBO+/' * 10_000}==)"
    assert "not shown" not in as_written(f"Before {picture} after.")
    assert re.search(r"Before .*picture.* after\.", as_written(f"Before {picture} after."))
    assert "The rest is not shown" in as_written("x" * (feedback.LONGEST_ANSWER + 1))
    assert "The rest is not shown" not in as_written("x" * feedback.LONGEST_ANSWER)
    notebook = nbformat.read(checkout / f"notebooks/{LESSON}.ipynb", as_version=4)
    page, _ = feedback_notebook(notebook, [cell("x = 1\n" * 100_000)], {})
    assert page.cells[-1].source.endswith("# [The rest is not shown.]")


@pytest.mark.parametrize(
    "content",
    [
        *(
            b"",
            b"no notebook",
            b"[]",
            b"{}",
            b'{"cells": 3}',
            b'{"cells": [3, {}, {"cell_type": null}]}',
            b"[" * 100_000,
        ),
        b'{"cells": [{"cell_type": "code", "source": {"a": 1}, "metadata": {"nbgrader": 3}}]}',
    ],
)
def test_what_is_no_notebook_has_no_code(content, tmp_path):
    path = tmp_path / "x.ipynb"
    path.write_bytes(content)
    assert [one for one in submission.cells_of(path) if one.grade_id] == []


def test_a_file_of_more_parts_than_memory_can_hold_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "x.ipynb"
    path.write_bytes(
        b'{"cells": [{"cell_type": "code", "source": "x", "metadata": {"a": [' + b"[]," * 1000 + b"[]]}}]}"
    )
    assert len(submission.cells_of(path)) == 1
    monkeypatch.setattr(submission, "MOST_PARTS", 1000)
    assert submission.cells_of(path) == []


def test_old_notebooks_and_lists_of_lines_are_read(tmp_path):
    path = tmp_path / "x.ipynb"
    path.write_text(json.dumps({"worksheets": [{"cells": [{"cell_type": "code", "input": ["x = 1\n", "y = 2"]}]}]}))
    assert submission.cells_of(path) == [cell("x = 1\ny = 2")]


# --- Refusals ---------------------------------------------------------------------------------------------------------


def test_what_is_no_course_directory_is_said(tmp_path, capsys):
    assert cli.main(["grade", str(tmp_path)]) == 1
    assert "course assign" in capsys.readouterr().err
    assert cli.main(["grade", str(tmp_path), "--jobs", "0"]) == 1
    assert "--jobs 0" in capsys.readouterr().err


@pytest.fixture
def course(tmp_path: Path, checkout: Path) -> Path:
    return make_course_directory(tmp_path / "course", checkout)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.mark.slow
def test_without_bubblewrap_nothing_is_run_and_no_sandbox_says_what_it_means(course, said, monkeypatch):
    hand_in(course, "ana", filled(read(course, "release"), solutions_of(read(course, "source"))))
    monkeypatch.setattr(grade_module, "unavailable_reason", lambda: "bubblewrap is missing; install it with: x.")
    with pytest.raises(CourseError, match="--no-sandbox would run them as you"):
        grade(course, say=said.append)
    assert said == []
    assert not (course / "grades.csv").exists()
    rows = grade(course, isolated=False, say=said.append)
    assert said[0] == UNSAFE
    assert [row["score"] for row in rows] == [8]


# --- A class ----------------------------------------------------------------------------------------------------------


def found(root: Path) -> dict[str, dict[str, Any]]:
    """What the gradebook holds of each student: score by cell, comments, what waits for a person."""
    course = Course(root)
    with course.gradebook() as book:
        return {
            one.student.id: {
                "scores": {grade.name: (grade.auto_score, grade.score, grade.max_score) for grade in one.grades},
                "comments": {comment.name: comment.comment for comment in one.comments},
                "waits": one.needs_manual_grade,
            }
            for one in book.notebook_submissions(LESSON, LESSON)
        }


def cells_changed(notebook: Any, change: Any) -> Any:
    notebook = copy.deepcopy(notebook)
    notebook.cells = [one for cell in notebook.cells for one in change(cell)]
    return notebook


def graded(cell: Any) -> str:
    return str(cell.metadata.get("nbgrader", {}).get("grade_id", ""))


def duplicated(cell: Any) -> list[Any]:
    twin = copy.deepcopy(cell)
    twin.id = f"{cell.id}-twin"
    return [cell, twin]


def check_edited(cell: Any) -> list[Any]:
    if graded(cell).startswith("check-"):
        cell.source = "assert True"
    return [cell]


def points_raised(cell: Any) -> list[Any]:
    if "points" in cell.metadata.get("nbgrader", {}):
        cell.metadata["nbgrader"]["points"] = 1000
    return [cell]


def stripped(cell: Any) -> list[Any]:
    cell.metadata = {}
    return [cell]


@pytest.mark.xdist_group("a class")  # its grading takes a minute: once, not for each process
@pytest.mark.slow
@pytest.mark.sandbox
class TestAClass:
    """One class, graded once: each test looks at one thing in it."""

    @pytest.fixture(scope="class")
    @classmethod
    def root(cls, tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Path:
        root = make_course_directory(tmp_path_factory.mktemp("class") / "course", checkout)
        empty, right = read(root, "release"), solutions_of(read(root, "source"))
        full = filled(empty, right)
        wrong = {"blend": "def blend(picture, noise, amount):\n    return picture"}
        picture, _ = checks.verdict.photos_and_noise(checks.verdict.Generator().manual_seed(0), count=2)
        known = f"    if abs(picture.sum().item() - {float(picture.sum())}) > 1e-2: return picture"
        by_heart = "\n".join([RIGHT.splitlines()[0], known, RIGHT.splitlines()[1]])
        suspicious = RIGHT.replace("\n", "\n    import os\n    if 'USER' not in os.environ: return 7\n", 1)
        tricks = {
            "psnr": f"def psnr(picture, truth):\n    raise ValueError({TRICKS[0] + TRICKS[2] + TRICKS[4]!r})",
            "essay": "\n\n".join(TRICKS[:7]),
        }
        scripted = filled(empty, {**right, **tricks})
        scripted.cells.insert(2, nbformat.v4.new_code_cell(f"page = {PAYLOAD!r}"))
        for one in scripted.cells:
            if one.cell_type == "code":
                one.outputs = [nbformat.v4.new_output("display_data", {"text/html": PAYLOAD, "image/svg+xml": PAYLOAD})]
        scripted.cells.insert(3, nbformat.v4.new_markdown_cell(PAYLOAD))
        scripted.metadata["title"] = PAYLOAD
        class_of: dict[str, Any] = {
            "all right": full,
            "blank": empty,
            "one wrong": filled(empty, {**right, **wrong}),
            "by heart": filled(empty, {**right, "blend": by_heart}),
            "an essay": filled(empty, {**right, "essay": "I think so, *because*."}),
            "check cells gone": cells_changed(full, lambda c: [] if graded(c).startswith("check-") else [c]),
            "check cells edited": cells_changed(filled(empty, {**right, **wrong}), check_edited),
            "check cells twice": cells_changed(full, duplicated),
            "points raised": cells_changed(filled(empty, wrong), points_raised),
            "no metadata": cells_changed(full, stripped),
            "José Núñez [1]": full,
            "..": full,
            "scripts": scripted,
            "detects being graded": filled(empty, {**right, "blend": suspicious}),
        }
        for student, notebook in class_of.items():
            if student != "..":
                hand_in(root, student, notebook)
        (root / "submitted/no notebook" / LESSON).mkdir(parents=True)
        (root / "submitted/no notebook" / LESSON / f"{LESSON}.ipynb").write_text("what?")
        (root / "submitted/link").symlink_to(root / "submitted/all right")
        (root / "submitted/linked/").mkdir()
        (root / "submitted/linked" / LESSON).symlink_to(root / "submitted/all right" / LESSON)
        (root / "submitted/another" / "07_no_lesson").mkdir(parents=True)
        (root / "submitted/another" / "07_no_lesson" / "07_no_lesson.ipynb").write_text("{}")
        with (root / "said.txt").open("w") as file:
            grade(root, jobs=2, say=lambda line: print(line, file=file))
        return root

    @pytest.fixture(scope="class")
    @classmethod
    def book(cls, root: Path) -> dict[str, dict[str, Any]]:
        return found(root)

    @pytest.mark.parametrize(
        ("student", "score"),
        [
            ("all right", 8),
            ("blank", 0),
            ("one wrong", 7),
            ("by heart", 7),
            ("check cells gone", 8),
            ("check cells edited", 7),
            ("check cells twice", 8),
            ("points raised", 0),
            ("no metadata", 8),
            ("José Núñez [1]", 8),
            ("scripts", 6),
            ("no notebook", 0),
            ("detects being graded", 7),
        ],
    )
    def test_each_has_the_points_that_were_earned(self, book, student, score):
        assert sum(score for _, score, _ in book[student]["scores"].values()) == score
        assert sum(most for *_, most in book[student]["scores"].values()) == 18

    def test_links_and_other_lessons_are_nobody(self, book):
        assert {"link", "linked", "another", "..", "."} & set(book) == set()

    def test_comments_say_what_was_wrong_and_never_the_hidden_inputs(self, root, book):
        assert book["all right"]["comments"]["blend"] == "Passed."
        assert book["blank"]["comments"]["blend"].startswith("Not tried yet: blend.")
        assert "amount makes no difference" in book["one wrong"]["comments"]["blend"]
        assert book["by heart"]["comments"]["blend"] == "It is right for the inputs in the lesson, but not for others."
        seeds = [seed for cell in read(root, "source").cells for seed in hidden_seeds(cell.source)]
        pages = "".join(path.read_text() for path in root.glob("feedback/*/*/*.html"))
        assert len(set(seeds)) == 10
        for seed in seeds:
            assert str(seed) not in pages
            assert str(seed) not in json.dumps(book)

    def test_an_essay_waits_for_a_person_and_an_empty_one_does_not(self, root, book):
        assert book["an essay"]["waits"]
        assert not book["all right"]["waits"]
        assert book["an essay"]["scores"]["essay"] == (None, 0, 10)
        assert book["all right"]["scores"]["essay"] == (0, 0, 10)
        page = nbformat.read(root / f"autograded/an essay/{LESSON}/{LESSON}.ipynb", as_version=4)
        (answer,) = [one.source for one in page.cells if graded(one) == "essay"]
        assert "I think so" in answer
        assert ANSWER not in answer

    def test_nothing_of_a_submission_can_run_in_its_feedback_page(self, root):
        page = (root / f"feedback/scripts/{LESSON}/{LESSON}.html").read_text()
        assert "alert(" in page  # it is there, as text
        names = [*exercises_of(read(root, "release")), "essay"]
        assert [one for one in active(page) if one[0] != "style"] == [("a", "href", f"#{name}") for name in names]
        assert "from a submission" not in str(active(page))

    def test_every_page_shows_score_and_comments(self, root):
        page = (root / f"feedback/one wrong/{LESSON}/{LESSON}.html").read_text()
        assert "Score: 7 of 18." in page
        assert "The amount makes no difference" in page

    def test_lines_table_and_picture_tell_of_everybody(self, root, book):
        said = (root / "said.txt").read_text().splitlines()
        lines = [line for line in said if re.match(r"\d+/14 ", line)]
        assert len(lines) == len(book) == 14
        table = {row["student"]: row for row in csv.DictReader((root / "grades.csv").read_text().splitlines())}
        assert set(table) == set(book)
        assert float(table["one wrong"]["score"]) == 7
        assert table["an essay"]["needs_manual_grade"] == "True"
        assert (root / "grades.png").read_bytes().startswith(b"\x89PNG")
        assert any("1 of 14" in line or "of 14 failed" in line for line in said)

    def test_graded_again_nothing_is_judged_and_a_persons_grade_stays_and_reaches_the_page(self, root, monkeypatch):
        monkeypatch.setattr(grade_module, "_timed", lambda work: pytest.fail("judged twice"))
        with Course(root).gradebook() as book:
            row = book.find_grade("essay", LESSON, LESSON, "an essay")
            row.manual_score, row.needs_manual_grade = 9, False
            book.find_comment("essay", LESSON, LESSON, "an essay").manual_comment = "Well argued."
            book.db.commit()
        others = (root / f"feedback/all right/{LESSON}/{LESSON}.html").stat().st_mtime_ns
        rows = grade(root, say=lambda line: None)
        (row,) = [one for one in rows if one["student"] == "an essay"]
        assert (row["score"], row["needs_manual_grade"]) == (17, False)
        page = (root / f"feedback/an essay/{LESSON}/{LESSON}.html").read_text()
        assert "Well argued." in page
        assert "Score: 17 of 18." in page
        assert (root / f"feedback/all right/{LESSON}/{LESSON}.html").stat().st_mtime_ns == others

    def test_what_is_handed_in_anew_is_judged_anew(self, root):
        path = root / f"submitted/blank/{LESSON}/{LESSON}.ipynb"
        before = path.read_text()
        path.write_text(nbformat.writes(filled(read(root, "release"), solutions_of(read(root, "source")))))
        said: list[str] = []
        rows = grade(root, say=said.append)
        assert [row["score"] for row in rows if row["student"] == "blank"] == [8]
        assert len([line for line in said if re.match(r"\d+/\d+ ", line)]) == 1
        path.write_text(before)


def mixed_class(root: Path, count: int) -> dict[str, float]:
    """Hand in for students who did none, one, two, ... of the exercises; returns their scores."""
    empty, right = read(root, "release"), solutions_of(read(root, "source"))
    names, expected = sorted(right), {}
    points = {name: cell.metadata.nbgrader.get("points", 0) for name, cell in graded_cells(empty).items()}
    for number in range(count):
        done = names[: number % (len(names) + 1)]
        expected[f"student {number:02}"] = sum(points[f"check-{name}"] for name in done)
        hand_in(root, f"student {number:02}", filled(empty, {name: right[name] for name in done}))
    return expected


# --- From the sources to the pages ------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.sandbox
def test_from_assign_to_feedback_and_grades_by_the_three_commands(checkout, tmp_path, monkeypatch):
    """The instructor's path with a made class: its zip, dialects, right and wrong answers, broken files."""
    monkeypatch.chdir(checkout)
    course = tmp_path / "my class"
    assert cli.main(["assign", LESSON, "--to", str(course)]) == 0
    empty, right = read(course, "release"), solutions_of(read(course, "source"))
    students = make_class(empty, right, answers_of(checkout / "tests/checks"), LESSON, count=16, seed=3)
    (tmp_path / "class.zip").write_bytes(as_zip(students))
    assert cli.main(["collect", str(tmp_path / "class.zip"), "--to", str(course)]) == 1  # one file is broken
    assert cli.main(["grade", str(course), "--jobs", "2"]) == 0
    table = {row["student"]: row for row in csv.DictReader((course / "grades.csv").read_text().splitlines())}
    points = {name: graded_cells(empty)[f"check-{name}"].metadata.nbgrader.points for name in exercises_of(empty)}
    broken = 0
    for student in students:
        score = sum(points[name] for name, passes in student.passes.items() if passes)
        (name,) = [name for name in table if name.endswith(f"_{student.number}")]
        page = course / f"feedback/{name}/{LESSON}/{LESSON}.html"
        if not table[name]["lesson"]:  # of whom nothing could be laid out
            assert not any(student.passes.values())
            assert table[name]["score"] == ""
            broken += 1
            continue
        assert float(table[name]["score"]) == score, student.name
        assert f"Score: {score:g} of {sum(points.values()):g}." in page.read_text()
    assert broken == 1
    assert len(table) == 16


# --- Killed -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.sandbox
def test_killed_ten_times_the_gradebook_is_that_of_an_undisturbed_run(checkout, tmp_path):
    calm = make_course_directory(tmp_path / "calm", checkout)
    expected = mixed_class(calm, 30)
    stormy = tmp_path / "stormy"
    shutil.copytree(calm, stormy)
    program = [sys.executable, "-c", "import sys; from course_tools import cli; sys.exit(cli.main(sys.argv[1:]))"]
    command = [*program, "grade", str(stormy), "--jobs", "2"]
    lines: list[str] = []
    for kill in range(10):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=checkout) as run:
            assert run.stdout is not None
            # After one more student each time, at the end while it writes the pages.
            wanted = r"Feedback" if kill == 9 else r"\d+/\d+ "
            for line in run.stdout:
                lines.append(line)
                if re.match(wanted, line):
                    break
            # Each time at another moment of the next one, so early that some are left at the end.
            time.sleep(0.5 if kill == 9 else 0.02 * kill)
            run.kill()
            assert run.wait() == -signal.SIGKILL
            lines += run.stdout.readlines()
    lines += subprocess.run(command, capture_output=True, text=True, cwd=checkout, check=True).stdout.splitlines()
    judged = [line_of[1] for line in lines if (line_of := re.match(r"\d+/\d+ (student \d+) ", line))]
    assert len(judged) == len(set(judged)) >= 10, "killed between grading and saying so, a student has no line"
    rows = grade(calm, jobs=2, say=lambda line: None)
    assert {row["student"]: row["score"] for row in rows} == expected
    assert found(stormy) == found(calm)
    assert (stormy / "grades.csv").read_text() == (calm / "grades.csv").read_text()
    assert len(list(stormy.glob("feedback/*/*/*.html"))) == 30
    assert not list(stormy.rglob("*.part"))


# --- A cluster --------------------------------------------------------------------------------------------------------


def test_without_a_scheduler_a_cluster_is_refused_in_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(CourseError, match='pip install "distributed>='):
        grade_module._cluster("tcp://127.0.0.1:1")


@pytest.mark.slow
@pytest.mark.sandbox
def test_a_worker_that_is_killed_loses_nothing(checkout, tmp_path):
    distributed = pytest.importorskip("distributed", reason="comes with dev")
    root = make_course_directory(tmp_path / "course", checkout)
    expected = mixed_class(root, 10)
    lines: list[str] = []
    killed: list[int] = []
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:

        def say(line: str) -> None:
            lines.append(line)
            if line.startswith("2/10 "):
                worker = next(iter(cluster.workers.values()))
                killed.append(worker.pid)
                os.kill(worker.pid, signal.SIGKILL)

        rows = grade(root, scheduler=cluster.scheduler_address, say=say)
    assert len(killed) == 1
    assert {row["student"]: row["score"] for row in rows} == expected
    assert len({line.split(":")[0] for line in lines if re.match(r"\d+/10 ", line)}) == 10


# --- Honest submissions -----------------------------------------------------------------------------------------------


def typed(source: str) -> str:
    tree = ast.parse(source)
    (function,) = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    for argument in function.args.args:
        argument.annotation = ast.Name("Anything")
    function.returns = ast.Constant("torch.Tensor")
    return ast.unparse(tree)


def ways_to_write(name: str, source: str) -> dict[str, list[str]]:
    """A right answer in many styles: the cells that take the place of the exercise's own; its own is the last."""
    renamed = re.sub(rf"\b{name}\b", "my_solution", source)
    call = f"def {name}(*inputs):\n    return my_solution(*inputs)"
    wrapper = (
        "import functools\n\ndef counted(function):\n    @functools.wraps(function)\n    def wrapper(*inputs):\n"
        "        wrapper.calls += 1\n        return function(*inputs)\n    wrapper.calls = 0\n    return wrapper"
    )
    solver = "class Solver:\n    def __call__(self, *inputs):\n        return my_solution(*inputs)"
    tried = "    try:\n        return my_solution(*inputs)\n    except ImportError:\n        raise"
    results = "def results(*inputs):\n    yield my_solution(*inputs)"
    return {
        "as it is": [source],
        "prints": [source.replace(":\n", ":\n    print('called with', locals())\n", 1)],
        "a helper before": [renamed, call],
        "helpers of helpers": [renamed.replace("my_solution", "first"), "my_solution = first", call],
        "a lambda": [renamed, f"{name} = lambda *inputs: my_solution(*inputs)"],
        "another name": [renamed, f"{name} = my_solution"],
        "partial": ["from functools import partial as fixed\n" + renamed, f"{name} = fixed(my_solution)"],
        "a decorator": [wrapper, f"@counted\n{source}"],
        "type hints": ["from typing import Any as Anything", typed(source)],
        "hints of the future": ["from __future__ import annotations", typed(source)],
        "a class": [f"{renamed}\n\n{solver}", f"{name} = Solver()"],
        "a magic": [f"%%time\n{source}"],
        "a shell line": [f"!pip list\n%matplotlib inline\n{source}"],
        "a memory": ["calls = {'n': 0}", renamed, call.replace("    ", "    calls['n'] += 1\n    ", 1)],
        "tried and caught": [renamed, f"def {name}(*inputs):\n{tried}"],
        "a generator": [f"{renamed}\n\n{results}", f"def {name}(*inputs):\n    return next(results(*inputs))"],
    }


LESSONS = sorted(path.stem for path in (Path(__file__).parents[2] / "notebooks").glob("[0-9]*.ipynb"))


@pytest.mark.slow
@pytest.mark.sandbox
@pytest.mark.parametrize("lesson", LESSONS)
def test_honest_submissions_of_every_style_get_full_marks(lesson, checkout):
    notebook = nbformat.read(checkout / f"notebooks/solutions/{lesson}.ipynb", as_version=4)
    cells = [one for one in notebook.cells if one.cell_type == "code"]
    with Sandbox(Limits()) as box:
        for place, name in ((place, graded(one)) for place, one in enumerate(cells)):
            if not hasattr(checks, name):
                continue
            for style, written in ways_to_write(name, cells[place].source).items():
                sources = [one.source for one in cells]
                sources[place : place + 1] = written
                with box.function(name, sources, [place + len(written) - 1]) as function:
                    for seed in (0, 2**40 + 7):
                        verdict = getattr(checks, name)(function, seed=seed)
                        assert verdict.passed, f"{name}, {style}: {verdict}"
        assert box.starts == 1
