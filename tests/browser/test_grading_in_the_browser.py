"""What an instructor sees in a real chromium: feedback on a hostile submission, and an essay graded in formgrader."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, Page

from course_tools.classroom.grade import grade
from tests.support.classroom import LESSON, hand_in, make_course_directory, read
from tests.support.make_class import filled, solutions_of
from tests.support.serving import serving

pytestmark = [pytest.mark.browser, pytest.mark.sandbox]

MARK = "document.title = 'run by a submission'"
SCRIPT = f'<script>{MARK}</script><img src=\'x\' onerror="{MARK}"><svg onload="{MARK}"></svg>'


@pytest.fixture(scope="module")
def course(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class of two, graded but for their essays: ana has all right; mallory put scripts wherever there is room."""
    course = make_course_directory(tmp_path_factory.mktemp("browser") / "course", checkout)
    empty, right = read(course, "release"), solutions_of(read(course, "source"))
    hand_in(course, "ana", filled(empty, {**right, "essay": "It belongs to whoever took it, *I think*."}))
    fails = f"def psnr(picture, truth):\n    raise ValueError({SCRIPT!r})"
    scripts = filled(empty, {**right, "psnr": fails, "essay": f"{SCRIPT}\n\n[x](javascript:{MARK})"})
    scripts.cells.insert(2, nbformat.v4.new_markdown_cell(SCRIPT))
    for cell in scripts.cells:
        if cell.cell_type == "code":
            data = {"text/html": SCRIPT, "image/svg+xml": SCRIPT, "application/javascript": MARK}
            cell.outputs = [nbformat.v4.new_output("display_data", data)]
    hand_in(course, "mallory", scripts)
    grade(course, say=lambda line: None)
    return course


def what_runs(page: Page, address: str) -> list[str]:
    """Open a page and press whatever it has to press; what a submission's script did to it."""
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    page.goto(address, wait_until="load")
    for link in page.locator("a[href^='javascript:']").all():
        link.click()
    page.wait_for_timeout(500)  # for what runs a little later, such as onerror
    title = page.title()
    return asked + [title] * (title == "run by a submission")


def test_no_script_of_a_submission_runs_in_its_feedback(browser: Browser, course: Path, tmp_path: Path):
    from nbconvert import HTMLExporter

    raw, _ = HTMLExporter().from_filename(str(course / f"submitted/mallory/{LESSON}/{LESSON}.ipynb"))
    (tmp_path / "raw.html").write_text(raw)
    page = browser.new_page()
    assert what_runs(page, (tmp_path / "raw.html").as_uri()), "the scripts do not even run where they may"
    feedback = course / f"feedback/mallory/{LESSON}/{LESSON}.html"
    assert MARK in feedback.read_text()  # as text
    assert what_runs(page, feedback.as_uri()) == []
    page.close()


def test_an_essay_is_graded_by_hand_in_formgrader_and_reaches_total_feedback_and_export(browser: Browser, course: Path):
    before = {row["student"]: row for row in csv.DictReader((course / "grades.csv").read_text().splitlines())}
    assert before["ana"]["score"] == "8.0"
    assert before["ana"]["needs_manual_grade"] == "True"
    path = str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--port=0", "--allow-root"]
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(120_000)  # on a machine that is busy with other things
    # MathJax and the like from elsewhere: the page waits for them, for minutes where a network swallows what is asked.
    page.route(lambda address: not address.startswith("http://127.0.0.1:"), lambda route: route.abort())
    with serving(command, course, {"PATH": path}) as lab:
        page.goto(lab.at("formgrader"))
        page.get_by_role("link", name="Manual Grading").click()
        page.get_by_role("link", name=LESSON, exact=True).click()
        page.get_by_role("link", name=LESSON, exact=True).last.click()
        opened = []
        for number in range(2):
            page.get_by_role("link", name=f"Submission #{number + 1}").first.click()
            opened.append(grade_essay(page))
            assert page.title() == LESSON  # no script of mallory's ran here either
            page.go_back()
        assert sorted(opened) == ["ana", "mallory"]
    page.close()
    rows = {row["student"]: row for row in grade(course, say=lambda line: None)}
    assert (rows["ana"]["score"], rows["ana"]["needs_manual_grade"]) == (8 + 7.5, False)
    assert (rows["mallory"]["score"], rows["mallory"]["needs_manual_grade"]) == (6 + 0, False)
    feedback = (course / f"feedback/ana/{LESSON}/{LESSON}.html").read_text()
    assert "Score: 15.5 of 18." in feedback
    assert "The other side is missing." in feedback
    export = [sys.executable, "-m", "nbgrader", "export", "--to=points.csv"]
    subprocess.run(export, cwd=course, env={**os.environ, "PATH": path}, check=True, capture_output=True)
    exported = {row["student_id"]: row for row in csv.DictReader((course / "points.csv").read_text().splitlines())}
    assert {name: float(row["score"]) for name, row in exported.items()} == {"ana": 15.5, "mallory": 6.0}


def grade_essay(page: Page) -> str:
    """Give points for the essay that is open, and a comment; returns whose it was."""
    # What is typed before the page has fetched the points so far is thrown away by it.
    page.wait_for_function("window.formgrader?.grades?.loaded && formgrader.comments?.loaded")
    answer = page.locator(".nbgrader_cell").filter(has=page.locator("input#essay"))
    whose = "ana" if "It belongs to whoever took it, *I think*." in answer.inner_text() else "mallory"
    points, comment = answer.locator("input#essay"), answer.locator("textarea#essay-comment")
    with page.expect_response(lambda reply: "/api/grade/" in reply.url and reply.request.method == "PUT"):
        points.fill("7.5" if whose == "ana" else "0")
        points.press("Tab")
    with page.expect_response(lambda reply: "/api/comment/" in reply.url and reply.request.method == "PUT"):
        comment.fill("The other side is missing.")
        comment.blur()
    return whose
