"""The site opened from its folder in a real chromium: no other machine is asked, wide and narrow, light and dark."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

# Contrast of what is written, as WCAG 2 defines it, for each text whose own and whose ground's colours are opaque.
FAINT = """() => {
    const channels = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
    const light = ([r, g, b]) => {
        const [R, G, B] = [r, g, b].map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * R + 0.7152 * G + 0.0722 * B;
    };
    const ground = element => {
        for (let at = element; at; at = at.parentElement) {
            const colour = channels(getComputedStyle(at).backgroundColor);
            if (colour.length === 3 || colour[3] === 1) return colour;
        }
        return [255, 255, 255];
    };
    const faint = [];
    const walker = document.createTreeWalker(document.querySelector('article'), NodeFilter.SHOW_TEXT);
    for (let text; (text = walker.nextNode());) {
        const box = text.parentElement;
        if (!text.data.trim() || !box.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
        const colour = channels(getComputedStyle(box).color);
        if (colour.length === 4 && colour[3] !== 1) continue;
        const [a, b] = [light(colour), light(ground(box))].sort((x, y) => y - x);
        if ((a + 0.05) / (b + 0.05) < 4.5) faint.push(`${text.data.trim().slice(0, 40)} (${colour} on ${ground(box)})`);
    }
    return faint;
}"""


def watched(page: Page) -> list[str]:
    """What the page asks of other machines, from now on."""
    strangers: list[str] = []
    page.on("request", lambda ask: strangers.append(ask.url) if not ask.url.startswith(("file:", "data:")) else None)
    return strangers


def test_a_stranger_and_a_faint_text_are_found(browser: Browser):
    page = browser.new_page()
    strangers = watched(page)
    page.set_content(
        '<article style="background:#fff"><img src="http://localhost:9/picture.png">'
        '<p style="color:#777">just too faint</p><p style="color:#757575">just enough</p></article>'
    )
    assert strangers == ["http://localhost:9/picture.png"]
    assert page.evaluate(FAINT) == ["just too faint (119,119,119 on 255,255,255)"]
    page.close()


def barriers(page: Page, within: str, scheme: str = "light") -> list[str]:
    """What axe-core holds against a part of the page: rule, how many times, where first.

    Dark, it asks again only what depends on colours.
    """
    colours = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
    only = {"runOnly": colours} if scheme == "dark" else {}
    found = Axe().run(page, context=within, options={"resultTypes": ["violations"]} | only).response["violations"]
    return [f"{rule['id']}, {len(rule['nodes'])} times, first {rule['nodes'][0]['html'][:80]}" for rule in found]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier_in_the_content_of_any_page(site: Path, browser: Browser, scheme: str):
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    for path in sorted(site.rglob("*.html")):
        page.goto(path.as_uri())
        content = "article" if page.locator("article").count() else "main"
        assert barriers(page, content, scheme) == [], path.name
    page.set_content(
        '<article style="background:#fff"><img src="data:,"><h1>A picture that nobody describes</h1>'
        '<p style="color:#bbb">too faint</p></article>'
    )
    wrong = {"light": ["color-contrast", "image-alt"], "dark": ["color-contrast"]}
    assert [rule.split(",")[0] for rule in barriers(page, "article", scheme)] == wrong[scheme]
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_pages_ask_no_other_machine_fit_the_window_and_can_be_read(
    site: Path, browser: Browser, width: int, scheme: str
):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    strangers = watched(page)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    for path in sorted(site.rglob("*.html")):
        page.goto(path.as_uri())
        too_wide = page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")
        assert too_wide <= 0, f"{path.name} is wider than the window by {too_wide}"
        if page.locator("article").count():
            assert page.evaluate(FAINT) == [], path.name
    assert (strangers, errors) == ([], [])
    context.close()


def test_the_search_finds_the_lesson_that_is_about_a_word(site: Path, browser: Browser):
    page = browser.new_page()
    page.goto(f"{(site / 'search.html').as_uri()}?q=autocorrelation")
    page.locator("#search-results a", has_text="Lesson 1").first.wait_for(timeout=30_000)
    page.close()


def test_a_solution_is_folded_until_it_is_asked_for(site: Path, browser: Browser):
    page = browser.new_page()
    page.goto((site / "lessons/01_noise.html").as_uri())
    solution = page.locator("details", has_text="Show the solution").first
    code = solution.locator("pre").first
    assert not code.is_visible()
    solution.locator("summary").click()
    assert code.is_visible()
    page.close()
