"""The front page's caption box in a real chromium: it draws as Python does, says how far it is, and why it can't."""

import os
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from course_lib import sampling, world
from course_lib.pipeline import shipped_pipeline, starting_noise

pytestmark = pytest.mark.browser

RUNTIME = ("ort.wasm.min.js", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
CAPTION = "Maine coon cat laying on runway on Mars."
STEPS = 8  # of the shipped pipeline


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *message: object) -> None:
        pass


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Where a server of this machine shows the site, with the runtime that `make site` fetched."""
    missing = [name for name in RUNTIME if not (site / "_static" / name).exists()]
    if missing:
        sentence = f"build/live has no {missing[0]}; `make site` fetches it with npm"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(sentence)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


@pytest.mark.parametrize("caption", [CAPTION, "Rocket flying over a wooden floor.", "White cat sitting on a sofa."])
def test_the_browser_draws_what_python_draws_from_the_same_noise(address: str, page: Page, caption: str):
    pipeline = shipped_pipeline()
    noise = starting_noise(2, pipeline.settings.size, seed=5)
    key = pipeline.keys([world.parse(caption)])
    steps = [drawn for _, drawn in sampling.walk(pipeline.model, noise, key=key, **pipeline.settings.walk())]

    page.goto(address)
    drawn = page.evaluate(
        """async ([caption, noise]) => {
            const steps = [];
            await walk(caption, noise, 2, (step, of, pictures) => { steps.push(Array.from(pictures)); });
            return steps;
        }""",
        [caption, noise.flatten().tolist()],
    )
    assert len(drawn) == len(steps) == STEPS
    for mine, theirs in zip(drawn, steps, strict=True):
        assert torch.tensor(mine).sub(theirs.flatten()).abs().max() < 1e-3
    assert (steps[-1][0] - steps[-1][1]).abs().max() > 0.1  # two noises give two pictures: the bar can be missed


def test_noise_in_the_browser_is_gaussian_and_comes_from_its_seed(address: str, page: Page):
    page.goto(address)
    one, again, other = (torch.tensor(page.evaluate(f"Array.from(gaussian(12288, {seed}))")) for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert abs(float(one.mean())) < 0.03
    assert abs(float(one.std()) - 1) < 0.03
    assert abs(float((one**4).mean()) - 3) < 0.25  # the fourth moment of a Gaussian
    assert abs(float(torch.corrcoef(torch.stack([one, other]))[0, 1])) < 0.03


def test_a_caption_is_drawn_step_by_step_within_ten_seconds_by_keyboard_alone(address: str, browser: Browser):
    page = browser.new_page(viewport={"width": 390, "height": 800})
    strangers: list[str] = []
    page.on("request", lambda ask: strangers.append(ask.url) if not ask.url.startswith((address, "blob:")) else None)
    page.goto(address)
    page.evaluate(
        """() => {
            window.seen = [];
            const bar = document.querySelector('#draw progress');
            const first = document.querySelector('#draw canvas');
            const note = () => window.seen.push([bar.position, first.toDataURL()]);
            new MutationObserver(note).observe(bar, {attributes: true});
        }"""
    )
    page.get_by_label("What shall it draw?").focus()
    began = time.perf_counter()
    page.keyboard.press("Enter")
    status = page.get_by_role("status")
    expect(status).to_have_text(
        f"4 drawings, out of noise: {CAPTION} The model was never shown this subject in this place.", timeout=60_000
    )
    assert time.perf_counter() - began < 10
    seen = page.evaluate("window.seen")
    places = [place for place, _ in seen if place > 0]
    assert places == sorted(places)
    assert len(set(places)) == STEPS
    assert len({picture for place, picture in seen if place > 0}) == STEPS
    pictures = page.get_by_role("img", name=f"4 drawings of: {CAPTION}")
    assert pictures.locator("canvas").count() == 4
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert Axe().run(page, context="article").response["violations"] == []
    before = seen[-1][1]
    page.get_by_role("button", name="Draw", exact=True).press("Enter")
    page.wait_for_function("document.querySelector('#draw-status').textContent.startsWith('Drawing')")
    expect(status).to_contain_text("4 drawings", timeout=60_000)
    assert page.evaluate("document.querySelector('#draw canvas').toDataURL()") != before  # another noise
    assert strangers == []
    page.close()


def test_an_unknown_caption_gets_a_sentence_and_an_example_draws(address: str, page: Page):
    page.goto(address)
    page.get_by_label("What shall it draw?").fill("a tabby cat laying on grass")
    page.get_by_role("button", name="Draw", exact=True).click()
    status = page.get_by_role("status")
    expect(status).to_contain_text("The model knows no picture of", timeout=60_000)
    expect(status).to_contain_text("cat laying on grass.”")
    page.get_by_role("button", name="Plane flying over a sofa.").click()
    expect(status).to_contain_text("4 drawings, out of noise: Plane flying over a sofa.", timeout=60_000)


def test_where_it_can_not_draw_it_says_why(site: Path, address: str, browser: Browser):
    def said(where: str, *, init: str = "", gone: str = "") -> str:
        page = browser.new_page()
        if init:
            page.add_init_script(init)
        if gone:
            page.route(f"**/{gone}", lambda route: route.fulfill(status=404))
        page.goto(where)
        page.get_by_role("button", name="Draw", exact=True).click()
        status = page.get_by_role("status")
        expect(status).not_to_contain_text("once", timeout=30_000)
        text = status.text_content()
        assert page.get_by_role("button", name="Draw", exact=True).is_enabled()
        page.close()
        return text

    assert "no WebAssembly" in said(address, init="delete window.WebAssembly")
    assert "python -m http.server" in said((site / "index.html").as_uri())
    assert said(address, gone="ort.wasm.min.js").startswith("The drawing program is missing")
    assert said(address, gone="draw.json").startswith("The model is missing")
    assert said(address, gone="draw.onnx").startswith("The model could not draw here")


def test_the_model_is_small_enough_to_fetch(site: Path):
    assert 1_000_000 < (site / "_static/draw.onnx").stat().st_size <= 8_000_000
