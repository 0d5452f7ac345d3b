"""The course's site, built as `make site` builds it: warnings are errors, every link inside it leads somewhere."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.support.built_site import built_site, copied, sphinx

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("site")]  # what all of them look at is made once

LESSONS = sorted(path.stem for path in Path(__file__).resolve().parents[2].glob("notebooks/[0-9][0-9]_*.ipynb"))


@pytest.fixture(scope="module")
def site(checkout: Path) -> Path:
    return built_site(checkout)


class Page(HTMLParser):
    """What a page links to, what it can be linked to, and its pictures' descriptions."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.undescribed: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.ids |= {told["id"]} if told.get("id") else set()
        self.links += [told[name] for name in ("href", "src") if told.get(name)]
        if tag == "img" and not (told.get("alt") or "").strip():
            self.undescribed.append((told.get("src") or "")[:80])


def dead_links(site: Path) -> list[str]:
    """Each link inside the site that leads to no file, or to no place in it."""
    pages = {path: Page(path) for path in site.rglob("*.html")}
    dead = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or (path.name == "404.html" and link == "/"):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file() or (parts.fragment and target in pages and parts.fragment not in pages[target].ids):
                dead.append(f"{path.relative_to(site)}: {link}")
    return dead


def test_every_link_inside_the_site_leads_somewhere(site: Path, tmp_path: Path):
    assert dead_links(site) == []
    (tmp_path / "page.html").write_text(
        '<p id="here"></p><a href="#here"></a><a href="#away"></a><a href="no.html"></a>'
    )
    assert dead_links(tmp_path) == ["page.html: #away", "page.html: no.html"]


def test_no_page_loads_anything_from_another_machine(site: Path):
    loads = re.compile(
        r"""<(?:script|img|iframe|source)\b[^>]*\bsrc="(?:https?:)?//|<link\b[^>]*href="(?:https?:)?//"""
    )
    assert {path.name: found[0] for path in site.rglob("*.html") if (found := loads.search(path.read_text()))} == {}
    styles = re.compile(r"(?:@import|url\()\s*[\"']?(?:https?:)?//")
    assert [path.name for path in site.rglob("*.css") if styles.search(path.read_text())] == []


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_is_there_with_its_stored_pictures_and_its_solutions_folded(checkout: Path, site: Path, name: str):
    text = (site / f"lessons/{name}.html").read_text()
    stored = json.loads((checkout / f"notebooks/solutions/{name}.ipynb").read_text())
    code = [cell for cell in stored["cells"] if cell["cell_type"] == "code"]
    outputs = ["".join(output.get("data", {}).get("text/html", "")) for cell in code for output in cell["outputs"]]
    pictures = [data[:200] for html in outputs for data in re.findall(r"data:image/[^\"]+", html)]
    assert pictures
    assert [data for data in pictures if data not in text] == []
    solutions = [cell for cell in code if cell["metadata"].get("nbgrader", {}).get("solution")]
    assert text.count("Show the solution") == len(solutions) > 0
    assert Page(site / f"lessons/{name}.html").undescribed == []
    (download,) = re.findall(r'href="(\.\./_downloads/[^"]+\.ipynb)"', text)
    assert (site / "lessons" / download).read_bytes() == (checkout / f"notebooks/{name}.ipynb").read_bytes()


def test_the_front_page_leads_to_every_lesson_and_guide(checkout: Path, site: Path):
    links = Page(site / "index.html").links
    assert {f"lessons/{name}.html" for name in LESSONS} <= set(links)
    assert {f"{path.stem}.html" for path in (checkout / "docs").glob("[a-z]*.md") if path.stem != "index"} <= set(links)
    assert Page(site / "index.html").undescribed == []


def test_the_reference_tells_of_every_module_that_lessons_import(checkout: Path, site: Path):
    told = Page(site / "library/reference.html").ids
    lessons = "".join(path.read_text() for path in (checkout / "notebooks/source").glob("*.py"))
    imported = set(re.findall(r"^from (course_lib\.\w+) import", lessons, re.M)) - {"course_lib.world"}
    assert {f"module-{name}" for name in imported} <= told
    assert {"course_lib.noise.add_noise", "course_lib.pictures.show", "course_lib.world.scenes.parse"} <= told


def test_nothing_leads_to_colab_or_binder_until_the_course_is_published(site: Path):
    leads = re.compile(r'href="https://(colab\.research|mybinder|github\.com/OWNER)')
    assert [path.name for path in site.rglob("*.html") if leads.search(path.read_text())] == []


def test_a_published_course_gets_buttons_a_404_that_leads_home_and_what_it_draws_with(checkout: Path, tmp_path: Path):
    root = copied(checkout, tmp_path / "course", "OWNER/NAME")
    for path in (root / "notebooks").rglob("*.ipynb"):  # one lesson is enough, and much faster
        if path.stem != "00_start_here":
            path.unlink()
    opening = root / "notebooks/solutions/00_start_here.ipynb"
    opening.write_text(re.sub(r"\[([^\[\]\n]+)\]\(\d\d_\w+\.ipynb\)", r"\1", opening.read_text()))
    (root / "docs/library/reference.md").write_text("# The library\n")
    (root / "build/live").mkdir(parents=True)
    (root / "build/live/draw.json").write_text("what the front page draws with")
    built = sphinx(root, tmp_path / "html")
    assert (built.stdout + built.stderr, built.returncode) == ("", 0)
    lesson = Page(tmp_path / "html/lessons/00_start_here.html").links
    notebook = "notebooks/00_start_here.ipynb"
    assert f"https://colab.research.google.com/github/OWNER/NAME/blob/v0.1.0/{notebook}" in lesson
    assert "https://mybinder.org/v2/gh/OWNER/NAME/v0.1.0?labpath=notebooks%2F00_start_here.ipynb" in lesson
    assert "/NAME/" in Page(tmp_path / "html/404.html").links
    assert (tmp_path / "html/_static/draw.json").exists()


def test_a_link_that_leads_nowhere_stops_the_build(checkout: Path, tmp_path: Path):
    root = copied(checkout, tmp_path / "course")
    for path in (root / "notebooks").rglob("0[1-9]_*.ipynb"):
        path.unlink()
    (root / "docs/library/reference.md").write_text("# The library\n")
    built = sphinx(root, tmp_path / "html")  # lesson 0 links lessons that are gone
    assert built.returncode == 1
    assert "01_noise.ipynb" in built.stderr
