"""The blank lessons as a learner meets them: JupyterLab started by `make lab`, in a real chromium.

Lesson 0 is run whole; of the others that have widgets, the cells that these need.  Those marked `nightly` run every
lesson whole.
"""

import json
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.needed_cells import WIDGETS, with_calls_of
from tests.support.serving import Lab, outside_make, serving

pytestmark = pytest.mark.browser

LESSONS = sorted(path.name for path in Path(__file__).resolve().parents[2].glob("notebooks/[0-9][0-9]_*.ipynb"))
WHOLE = [LESSONS[0], *(pytest.param(name, marks=pytest.mark.nightly) for name in LESSONS[1:])]
PARTS = [f"widgets/{name}" for name in WIDGETS]


def lesson_with(function: str) -> list[Any]:
    """The part of the first lesson that calls a widget's function, and at night the whole lesson."""
    name = next(name for name in WIDGETS if function in WIDGETS[name])
    return [f"widgets/{name}", pytest.param(name, marks=pytest.mark.nightly)]


RUN_SECONDS = 600  # for one lesson, on a machine that is busy with other things
# The notebook that is open, as JupyterLab's own model has it; the page draws only the cells in view.
STATE = """() => {
    const panel = window.jupyterapp?.shell.currentWidget;
    if (!panel?.context?.isReady) return null;
    const kernel = panel.sessionContext.session?.kernel;
    const cells = [];
    [...panel.model.cells].forEach((cell, index) => {
        if (cell.type !== 'code') return;
        const outputs = Array.from({length: cell.outputs.length}, (_, place) => cell.outputs.get(place));
        const errors = outputs.filter(output => output.type === 'error').map(output => output.toJSON());
        cells.push({
            index,
            count: cell.executionCount,
            running: cell.executionState === 'running',
            errors: errors.map(error => `${error.ename}: ${error.evalue}`),
            widget: outputs.some(output => 'application/vnd.jupyter.widget-view+json' in output.data),
        });
    });
    const status = kernel?.connectionStatus === 'connected' ? kernel.status : 'not connected';
    return {path: panel.context.path, kernel: kernel?.id, status, cells};
}"""
STARTED = f"() => ({STATE})()?.cells.some(cell => cell.running || cell.count !== null)"
ENDED = f"""() => {{
    const now = ({STATE})();
    return now.cells.some(cell => cell.errors.length)
        || (now.status === 'idle' && now.cells.at(-1).count !== null && !now.cells.some(cell => cell.running));
}}"""


@dataclass
class Lesson:
    """A lesson that was opened in a page of its own, and run."""

    page: Page
    strangers: list[str] = field(default_factory=list)  # what the page asked of other machines

    def state(self) -> dict:
        return self.page.evaluate(STATE)


@pytest.fixture(scope="module")
def lab(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """`make lab` in a copy of the course, so that nothing that a browser saves lands in the checkout."""
    copy = tmp_path_factory.mktemp("course")
    for name in ("notebooks", "requirements"):
        shutil.copytree(checkout / name, copy / name)
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy2(checkout / name, copy)  # with its time: the stamps in .venv are compared with it
    (copy / ".venv").symlink_to(checkout / ".venv")
    (copy / "notebooks/widgets").mkdir()
    for name, functions in WIDGETS.items():
        lesson = nbformat.read(copy / "notebooks" / name, as_version=4)
        nbformat.write(with_calls_of(lesson, functions), copy / "notebooks/widgets" / name)
    arguments = "--no-browser --port=0 --expose-app-in-browser"
    command = ["make", "lab", f"LAB_ARGS={arguments}"]
    more = {}
    question = ["make", "--question", ".venv/.lab"]
    if subprocess.run(question, cwd=copy, env=outside_make(), capture_output=True).returncode:
        # Not made by make, or not of these requirements: the same command without what make would install first.
        command = [sys.executable, "-m", "course_tools.cli", "lab", *arguments.split()]
        more["PYTHONPATH"] = str(checkout)
    with serving(command, copy, more) as lab:
        yield lab


@pytest.fixture(scope="module")
def lesson(request: pytest.FixtureRequest, lab: Lab, browser: Browser) -> Iterator[Lesson]:
    """The blank lesson of the parameter, or a part of it, opened and run to its end, or to its first error."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = Lesson(context.new_page())
    host = urlsplit(lab.url).netloc
    opened.page.on(
        "request",
        lambda asked: opened.strangers.append(asked.url) if urlsplit(asked.url).netloc not in (host, "") else None,
    )
    opened.page.goto(lab.at(f"lab/tree/{request.param}"))
    run_all(opened.page, lab, request.param)
    yield opened
    opened.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    context.close()


def run_all(page: Page, lab: Lab, name: str) -> None:
    """Run > Run All Cells, once it can work, and wait for its end."""
    page.wait_for_function(f"name => ({STATE})()?.path === name", arg=name, timeout=60_000)
    wait_for_the_kernel(page, lab)
    for _ in range(5):  # JupyterLab drops the command in silence while the kernel connects
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        try:
            page.wait_for_function(STARTED, timeout=5_000)
            break
        except Exception as error:
            if "Timeout" not in str(error):
                raise
    page.wait_for_function(ENDED, timeout=RUN_SECONDS * 1000, polling=500)  # not every frame: the kernel needs the CPU


def wait_for_the_kernel(page: Page, lab: Lab) -> None:
    """Until the page has its kernel, and the server knows it.

    A page that closes while its kernel starts is counted off without having been counted on (jupyter_server's
    websocket handler): the kernel's next page is then its connection number 0.
    """
    page.wait_for_function(f"() => ({STATE})()?.status === 'idle'", timeout=60_000)
    kernel = page.evaluate(STATE)["kernel"]
    deadline = time.monotonic() + 30
    while not connections(lab, kernel):
        assert time.monotonic() < deadline, "the server knows of no page that is connected with the kernel"
        page.wait_for_timeout(200)


def connections(lab: Lab, kernel: str) -> int:
    with urllib.request.urlopen(lab.at("api/kernels")) as answer:
        return sum(known["connections"] for known in json.load(answer) if known["id"] == kernel)


def test_the_lab_opens_the_first_lesson(lab: Lab, browser: Browser):
    page = browser.new_page()
    page.goto(lab.at(""))
    expect(page).to_have_url(re.compile(re.escape(f"/lab/tree/{LESSONS[0]}")))
    page.wait_for_function(f"() => ({STATE})() !== null", timeout=60_000)
    assert page.evaluate(STATE)["path"] == LESSONS[0]
    assert urlsplit(lab.url).path == f"/lab/tree/{LESSONS[0]}"
    wait_for_the_kernel(page, lab)
    page.close()


@pytest.mark.parametrize("lesson", [*WHOLE, *PARTS], indirect=True)
def test_run_all_reaches_the_last_cell_without_an_error_and_asks_no_other_machine(lesson: Lesson):
    state = lesson.state()
    assert [error for cell in state["cells"] for error in cell["errors"]] == []
    assert state["cells"][-1]["count"] == len(state["cells"])
    assert lesson.strangers == []


def widget_with(lesson: Lesson, control: Locator, *, beside: str = "img") -> Locator:
    """The output of the first cell that shows such a control, and a picture (or another element) beside it."""
    page = lesson.page
    for place in (cell["index"] for cell in lesson.state()["cells"] if cell["widget"]):
        page.evaluate("place => window.jupyterapp.shell.currentWidget.content.scrollToItem(place, 'center')", place)
        cell = page.locator(f'.jp-Notebook .jp-Cell[data-windowed-list-index="{place}"]')
        output = cell.locator(".jp-OutputArea-output").filter(has=control)
        if output.locator(beside).count():
            return output
    pytest.fail(f"no such control with {beside} beside it")


@pytest.mark.parametrize("lesson", LESSONS[:1], indirect=True)
def test_axe_finds_no_barrier_in_what_the_cells_show(lesson: Lesson):
    page, axe, found, seen = lesson.page, Axe(), {}, 0
    for place in (cell["index"] for cell in lesson.state()["cells"]):  # the page holds only the cells in view
        page.evaluate("place => window.jupyterapp.shell.currentWidget.content.scrollToItem(place, 'center')", place)
        shown = f'.jp-Notebook .jp-Cell[data-windowed-list-index="{place}"] .jp-OutputArea-output'
        if page.locator(shown).count():
            seen += 1
            for rule in axe.run(page, context=shown).response["violations"]:
                found[f"cell {place}: {rule['id']}"] = [node["html"][:120] for node in rule["nodes"]]
    assert seen > 5
    assert found == {}
    last = page.locator(".jp-Notebook .jp-OutputArea-output").last
    last.evaluate("output => { output.append(Object.assign(new Image(9, 9), {id: 'undescribed', src: 'data:,'})); }")
    (rule,) = axe.run(page, context="#undescribed").response["violations"]
    assert rule["id"] == "image-alt"


@pytest.mark.parametrize("lesson", LESSONS[:1], indirect=True)
def test_the_caption_box_draws_another_caption_and_explains_a_misspelt_one(lesson: Lesson):
    page = lesson.page
    output = widget_with(lesson, page.get_by_role("textbox", name="caption"))
    field, button = output.get_by_role("textbox", name="caption"), output.get_by_role("button", name="Draw")
    said, picture = output.get_by_role("status"), output.locator("img")
    before = picture.get_attribute("src")
    field.fill("Rocket parked on grass")
    button.click()
    expect(said).to_have_text("Drawn: Rocket parked on grass", timeout=60_000)
    expect(picture).not_to_have_attribute("src", before or "")
    expect(picture).to_have_attribute("alt", re.compile("Rocket parked on grass"))
    field.fill("Rokcet parked on grass")
    field.press("Enter")
    expect(said).to_have_text(re.compile(r"^The world has no word 'rokcet'; did you mean rocket.*\.$"), timeout=60_000)
    expect(picture).to_have_count(0)


@pytest.mark.parametrize("lesson", lesson_with("slider"), indirect=True)
def test_moving_the_noise_slider_changes_the_picture_beside_it(lesson: Lesson):
    page = lesson.page
    output = widget_with(lesson, page.get_by_role("slider"))
    slider, picture = output.get_by_role("slider").first, output.locator("img").first
    before, value = picture.get_attribute("src"), slider.get_attribute("aria-valuenow")
    at_the_end = float(value or 0) >= float(slider.get_attribute("aria-valuemax") or 0)
    slider.press("ArrowLeft" if at_the_end else "ArrowRight")
    expect(slider).not_to_have_attribute("aria-valuenow", value or "")
    expect(picture).not_to_have_attribute("src", before or "", timeout=10_000)
    expect(picture).to_have_attribute("alt", re.compile(r"\w+ \w+"))


@pytest.mark.parametrize("lesson", lesson_with("slider_with_button"), indirect=True)
def test_enhance_again_gives_other_answers_and_the_slider_reaches_its_ends(lesson: Lesson):
    button = lesson.page.get_by_role("button", name="Enhance again", exact=True)
    output = widget_with(lesson, button)
    said, picture = output.get_by_role("status"), output.locator("img").first
    before = picture.get_attribute("src")
    button.click()
    expect(said).to_contain_text("blur 6, 2. time", timeout=60_000)
    expect(picture).not_to_have_attribute("src", before or "")
    expect(picture).to_have_attribute("alt", re.compile("blur 6 and four answers"))
    slider = output.get_by_role("slider")
    for key, blur in (("Home", "0"), ("End", "8")):
        slider.press(key)
        expect(said).to_contain_text(f"blur {blur}, 2. time", timeout=60_000)
        expect(picture).to_have_attribute("alt", re.compile(f"blur {blur} and four answers"))


@pytest.mark.parametrize("lesson", lesson_with("vote_gallery"), indirect=True)
def test_votes_are_cast_with_the_mouse_and_with_the_keyboard_and_can_be_changed(lesson: Lesson):
    page = lesson.page
    output = widget_with(lesson, page.get_by_role("button", name="up 1", exact=True))
    said = output.get_by_role("status")
    output.get_by_role("button", name="up 1", exact=True).click()
    expect(said).to_contain_text("Picture 1: up. 1 of 16 voted on", timeout=10_000)
    expect(output.locator("img").first).to_have_attribute("alt", re.compile("^Picture 1, "))
    expect(output.locator("figcaption").first).to_have_text("1: up")
    page.keyboard.press("Tab")  # from "up 1" to "down 1"
    page.keyboard.press("Space")
    expect(said).to_contain_text("Picture 1: down. 1 of 16 voted on", timeout=10_000)
    last = output.get_by_role("button", name="down 16", exact=True)
    last.focus()
    last.press("Enter")
    expect(said).to_contain_text("Picture 16: down. 2 of 16 voted on", timeout=10_000)
    expect(output.locator("img").last).to_have_attribute("alt", re.compile("^Picture 16, "))
    expect(output.locator("figcaption").last).to_have_text("16: down")


@pytest.mark.parametrize("lesson", lesson_with("size_calculator"), indirect=True)
def test_the_calculator_reckons_at_its_extremes_with_the_keyboard_and_explains_what_it_refuses(lesson: Lesson):
    model = lesson.page.get_by_role("textbox", name="size of the model")
    output = widget_with(lesson, model, beside="table")
    said, sums = output.get_by_role("status"), output.get_by_role("table")
    expect(sums).to_contain_text("107,666 : 1")
    field = output.get_by_role("textbox", name="size of the model")
    for text, ratio in (("1 B", "452,198,400,000,000 : 1"), ("1000 TB", "0.452 : 1")):
        field.fill(text)
        field.press("Enter")
        expect(sums).to_contain_text(ratio, timeout=10_000)
        expect(said).to_contain_text(f"a model of {text}")
    field.fill("4.2 gb")
    field.press("Enter")
    expect(said).to_have_text(re.compile(r"^'gb' is no unit of size: write B, kB, .*\.$"), timeout=10_000)
    expect(sums).to_have_count(0)
    field.fill("4.2 GB")
    field.press("Tab")
    expect(sums).to_contain_text("107,666 : 1", timeout=10_000)
    output.get_by_role("combobox", name="pixels a side").select_option("1024")
    expect(sums).to_contain_text("7,235 TB", timeout=10_000)


@pytest.mark.parametrize("lesson", lesson_with("size_calculator"), indirect=True)
def test_the_slider_goes_through_the_drawings_and_their_neighbours_to_both_ends(lesson: Lesson):
    output = widget_with(lesson, lesson.page.get_by_role("slider"))
    slider, picture = output.get_by_role("slider"), output.locator("img").first
    for key, number in (("End", 32), ("ArrowLeft", 31), ("Home", 1)):
        slider.press(key)
        expect(picture).to_have_attribute("alt", re.compile(f"^Drawing {number} by the shipped model"), timeout=10_000)
