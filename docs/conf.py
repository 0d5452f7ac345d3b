"""Sphinx's settings for the course's site: `make site`.  Lessons are shown as they are stored; nothing is executed.

Everything that a page needs lies beside it: formulas are MathML, fonts are the reader's.  So the site opens from a
folder.
"""

import base64
import re
import sys
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes
from latex2mathml.converter import convert
from nbformat import NotebookNode
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import course_lib  # noqa: E402 (found by the line above)
from course_lib.files import atomic_write  # noqa: E402
from course_tools.notebooks.lesson import notebook_text  # noqa: E402
from course_tools.notebooks.release import read_release  # noqa: E402

RELEASE = read_release(ROOT)

project = "What Are AI Art Models?"
author = "The course's contributors"
copyright = "the course's contributors. Text and pictures: CC BY 4.0; code: MIT"
version = course_lib.__version__
language = "en"

extensions = ["myst_nb", "sphinx.ext.autodoc"]
exclude_patterns = ["templates", "npm", "lessons/*.txt"]
templates_path = ["templates"]
myst_enable_extensions = ["attrs_block", "attrs_inline", "colon_fence", "dollarmath", "substitution"]
myst_heading_anchors = 3
nb_execution_mode = "off"
nb_merge_streams = True
nb_ipywidgets_js: dict[str, Any] = {}  # else pages with widgets load scripts from other machines
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False  # torch tells of its own methods in its own documentation
autodoc_typehints_format = "short"

html_theme = "furo"
html_title = project
LIVE = ROOT / "build/live"  # what the front page draws with, where `make site` has made it
html_static_path = ["static", *([str(LIVE)] if LIVE.is_dir() else [])]
html_css_files = ["course.css"]
html_copy_source = False
html_show_sphinx = False
html_math_renderer = "mathml"
html_additional_pages = {"404": "404.html"}
html_context = {"home": f"/{RELEASE.repository.split('/')[1]}/" if RELEASE else "/"}
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#8a3d00", "color-brand-content": "#8a3d00"},
    "dark_css_variables": {"color-brand-primary": "#ffb36b", "color-brand-content": "#ffb36b"},
}
if RELEASE:
    html_theme_options |= {
        "source_repository": f"https://github.com/{RELEASE.repository}/",
        "source_branch": RELEASE.tag,
        "source_directory": "docs/",
        "top_of_page_buttons": [],  # a lesson's page is made, and can't be edited where the theme would link to
    }

_WIDE = re.compile(
    r'<div class="cell_output docutils container"(?=>\s*<div class="output text_html">(?:(?!</div>).)*<table)',
    re.DOTALL,
)
_PICTURE = re.compile(r"!\[([^\]]*)\]\(data:image/(\w+);base64,([^)]+)\)")


def open_buttons(lesson: str) -> str:
    """The links that open a lesson elsewhere; none until the course is published."""
    if RELEASE is None:
        return ""
    notebook = f"notebooks/{lesson}.ipynb"
    return (
        f"[Open in Colab]({RELEASE.colab(notebook)}){{.button}} [Open in Binder]({RELEASE.binder(notebook)}){{.button}}"
    )


def lesson_page(notebook: NotebookNode, name: str, folder: Path) -> str:
    """Turn a solved lesson into its page: its solutions folded, buttons under its title; returns its card's text.

    The lesson's first picture is written to `folder`, because the front page shows it, too.
    """
    title, *opening = notebook.cells[0].source.split("\n")
    alt, kind, data = _PICTURE.search("\n".join(opening)).groups()
    picture = f"{name}.{kind}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / picture).write_bytes(base64.b64decode(data))
    opening_text = _PICTURE.sub(rf"![\1]({folder.name}/{picture})", "\n".join(opening), count=1)
    buttons = f"{open_buttons(name)} {{download}}`Download the lesson <../../notebooks/{name}.ipynb>`"
    notebook.cells[0].source = "\n".join([title, "", "{.buttons}", buttons.strip(), "", opening_text])
    minutes = notebook.metadata.course.reading_minutes
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            cell.metadata.tags = ["hide-input"]
            cell.metadata.mystnb = {"code_prompt_show": "Show the solution", "code_prompt_hide": "Hide the solution"}
        elif cell.metadata.get("course", {}).get("set_up"):
            cell.metadata.mystnb = {"code_prompt_show": "Show the set-up", "code_prompt_hide": "Hide the set-up"}
        minutes += cell.metadata.get("course", {}).get("exercise", {}).get("minutes", 0)
    number, named = re.fullmatch(r"# Lesson (\d+): (.+)", title).groups()
    question = re.search(r"^\*\*(.+?)\*\*$", opening_text, re.M)[1]
    return (
        f":::{{container}} card\n[{number}. {named}](lessons/{name}.ipynb)\n\n{question}\n\n"
        f"![{alt}](lessons/{folder.name}/{picture})\n\n*{minutes} minutes*\n:::\n"
    )


def write_lessons(folder: Path) -> None:
    """Write the lessons' pages and the front page's cards to `folder`.  What is as it should be is left, for speed."""
    pages, cards = {}, []
    for path in sorted((ROOT / "notebooks/solutions").glob("[0-9][0-9]_*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        cards.append(lesson_page(notebook, path.stem, folder / "pictures"))
        pages[folder / path.name] = notebook_text(notebook)
    pages[folder / "cards.txt"] = "\n".join(cards)
    for stranger in set(folder.glob("*.ipynb")) - pages.keys():
        stranger.unlink()
    for path, text in pages.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            atomic_write(path, text)


def plain_docstring(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Docstrings of the course are plain text with code in backticks; reStructuredText would read more into them."""
    text = "\n".join(line.strip() for line in lines)
    # What goes in, what comes out and what is raised stand in lines of their own.
    text = re.sub(r"(?m)^(?=\w+(?:, \w+)*: |Returns |Raises )", "\n", text)
    pieces = re.split(r"`([^`]+)`", text)
    marked = [
        f"\\ ``{piece}``\\ " if place % 2 else re.sub(r"([\\*|_])", r"\\\1", piece)
        for place, piece in enumerate(pieces)
    ]
    lines[:] = "".join(marked).split("\n")


def make_accessible(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Mend what myst-nb and Sphinx leave out for those who listen to a page, or have no mouse."""
    for part in ("body", "furo_navigation_tree"):
        html = context.get(part) or ""
        html = html.replace('<summary aria-label="Toggle hidden content">', "<summary>")  # it hid what the summary says
        html = html.replace("<pre>", '<pre tabindex="0">')  # else a long line can't be scrolled with the keyboard
        html = _WIDE.sub(r'\g<0> tabindex="0"', html)  # nor can a wide table of a lesson, or one of a page
        html = html.replace('<div class="table-wrapper', '<div tabindex="0" class="table-wrapper')
        html = html.replace(' role="heading">', ' role="heading" aria-level="2">')
        context[part] = re.sub(r"<th\b[^>]*>(<p></p>)?</th>", "<td></td>", html)  # an empty cell is no header


def inline_formula(self: Any, node: nodes.math) -> None:
    self.body.append(convert(node.astext()))
    raise nodes.SkipNode


def formula(self: Any, node: nodes.math_block) -> None:
    self.body.append(f'<div class="formula">{convert(node.astext(), display="block")}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-docstring", plain_docstring)
    app.connect("html-page-context", make_accessible, priority=900)  # after the theme
    app.add_html_math_renderer("mathml", (inline_formula, None), (formula, None))


myst_substitutions = {"elsewhere": open_buttons("00_start_here")}
write_lessons(Path(__file__).parent / "lessons")
