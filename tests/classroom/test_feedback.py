"""The page that a student reads: the exercises only, each once, with what was found; nothing of it runs or loads."""

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch

from course_lib import checks
from course_lib.checks.verdict import Verdict
from course_tools.classroom import feedback
from course_tools.classroom.feedback import (
    ExerciseResult,
    FeedbackPages,
    Graded,
    feedback_notebook,
    harmless,
    result_of,
)
from course_tools.classroom.submission import SubmittedCell
from tests.classroom.test_shown import HOSTILE, read

pytestmark = pytest.mark.usefixtures("one_thread")

LESSON = "01_noise"
NAMES = ["to_screen", "blend", "ladder", "neighbours", "psnr"]
BLEND = "def blend(picture, noise, amount):\n    return amount * noise + picture * (1 - amount)\n"
SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(1)>[x](javascript:alert(1))$\\href{x}{y}$"


class Elements(HTMLParser):
    """The elements of a page: tag and attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def released(checkout: Path, lesson: str = LESSON) -> Any:
    return nbformat.read(checkout / f"notebooks/{lesson}.ipynb", as_version=4)


@pytest.fixture(scope="module")
def pages(checkout: Path) -> FeedbackPages:
    return FeedbackPages(released(checkout))


def cell(source: str, name: str = "", kind: str = "code") -> SubmittedCell:
    return SubmittedCell(kind, source, name)


def graded(name: str, passed: bool = True, **parts: Any) -> Graded:
    result = ExerciseResult(passed, "Passed." if passed else "Not yet.", **parts)
    return Graded(name, float(passed), 1.0, waits=False, by_hand=False, result=result)


def section(page: str, name: str) -> str:
    (found,) = re.findall(rf'<section id="{name}">.*?</section>', page, re.S)
    return str(found)


def wrong(name: str, function: Any) -> ExerciseResult:
    return result_of(getattr(checks, name)(function))


# --- What it holds ----------------------------------------------------------------------------------------------------


def test_a_page_holds_each_exercise_once_by_its_name_and_nothing_else_of_the_lesson(pages):
    page = pages.page("Ana Pérez", [graded(name) for name in NAMES], [cell(BLEND, "blend")])
    assert re.findall(r"<h2>(.*?)</h2>", page) == [
        "Exercise 1.1: Numbers for a screen <code>to_screen</code>",
        "Exercise 1.2: A noisier cat <code>blend</code>",
        "Exercise 1.3: Build the ladder <code>ladder</code>",
        "Exercise 1.4: Is a pixel like its neighbour? <code>neighbours</code>",
        "Exercise 1.5: A score in decibels <code>psnr</code>",
    ]
    links = [attributes["href"] for tag, attributes in Elements(page).found if tag == "a"]
    assert links == [f"#{name}" for name in NAMES]
    text = read(page)
    assert "Ana Pérez" in text
    assert "Comment" not in text
    assert "Test cell" not in text
    assert "Score: 5 of 5." in text
    assert text.count("A noisier cat") == 2  # in the index and above the exercise
    assert read(page).count(BLEND) == 1
    assert len(page) < 20_000


def test_two_exercises_in_one_cell_share_its_code(pages):
    both = cell(f"{BLEND}\n\ndef psnr(a, b):\n    return 1\n")
    text = read(pages.page("ana", [graded("blend"), graded("psnr"), graded("ladder")], [both]))
    assert text.count(both.source) == 1
    assert text.count("Its code stands above, with that of another exercise.") == 1
    assert text.count("You wrote nothing here.") == 1
    assert "Other code" not in text


def test_the_verdict_stands_once_with_expected_beside_got_and_the_idea(pages):
    result = wrong("to_screen", lambda picture: (picture + 1) * 127.5)
    page = pages.page("ana", [Graded("to_screen", 0, 1, False, False, result)], [])
    assert read(page).count("Values beyond -1 and 1 are not clipped: they have to stay at 0 and 255.") == 1
    assert read(section(page, "to_screen")).count("Think about: where do -1, 0 and 1 have to land") == 1
    assert "<tr><th>Expected</th><td><code>0, 255</code></td></tr>" in page
    assert "<tr><th>Yours</th><td><code>-255, 510</code></td></tr>" in page
    assert "0 of 1 point" in page


def test_an_exercise_that_answers_with_pictures_shows_them(pages):
    from PIL import Image

    result = wrong("blend", lambda picture, noise, amount: picture)
    assert set(result.pictures) == {"Expected", "Yours"}
    assert result.sides == {}
    page = pages.page("ana", [Graded("blend", 0, 1, False, False, result)], [])
    pictures = [attributes for tag, attributes in Elements(page).found if tag == "img"]
    assert [one["alt"] for one in pictures] == [f"{s}: pictures of this exercise" for s in ("Expected", "Yours")]
    for one in pictures:
        data = base64.b64decode(str(one["src"]).removeprefix("data:image/png;base64,"))
        image = Image.open(io.BytesIO(data))
        assert image.size == (2 * 26, 24)  # two pictures of 24 pixels
        assert (int(str(one["width"])), int(str(one["height"]))) == (4 * 52, 96)
    assert "<details" not in section(page, "blend").split("Think about")[0]
    expected, yours = (one["src"] for one in pictures)
    assert expected != yours


def test_of_an_exercise_that_nobody_tried_the_picture_is_a_hint_and_the_stub_is_left_out(pages, checkout):
    def stub(*inputs: Any) -> None:
        raise NotImplementedError("your code here")

    result = wrong("blend", stub)
    source = next(
        c.source for c in released(checkout).cells if c.metadata.get("nbgrader", {}).get("grade_id") == "blend"
    )
    page = pages.page("ana", [Graded("blend", 0, 1, False, False, result)], [cell(source, "blend")])
    assert "<details><summary>What it should draw</summary><figure>" in page
    assert "<pre" not in page
    assert "NotImplementedError" not in page


def test_pictures_stay_small_whatever_a_check_compares():
    big = torch.rand(40, 3, 300, 200)
    verdict = Verdict(
        False, "Not yet.", sides={"Expected": big, "Yours": big * torch.nan, "Third": torch.zeros(0, 3, 4, 4)}
    )
    result = result_of(verdict)
    assert set(result.pictures) == {"Expected", "Yours"}
    for picture in result.pictures.values():
        data = base64.b64decode(picture)
        wide, high = (int.from_bytes(data[place : place + 4], "big") for place in (16, 20))
        assert wide <= feedback.MOST_PICTURES * (feedback.WIDEST + 2)
        assert high <= feedback.WIDEST
        assert len(data) < 40_000


def test_hints_are_folded_and_lead_nowhere(pages):
    page = pages.page("ana", [graded(name, passed=False) for name in NAMES], [])
    assert page.count("<details><summary>Hint 1</summary>") == 5
    assert all("open" not in attributes for tag, attributes in Elements(page).found if tag == "details")
    assert "solved" not in read(page)
    assert "<code>(1 - ____) * picture + amount * noise</code>" in section(page, "blend")


@pytest.mark.parametrize("lesson", ["02_single_image_denoiser", "03_enhance_button", "08_is_it_a_copy"])
def test_a_page_loads_nothing_and_its_formulas_are_pictures(lesson, checkout):
    pages = FeedbackPages(released(checkout, lesson))
    page = pages.page("ana", [graded(name) for name in pages.titles], [])
    for tag, attributes in Elements(page).found:
        assert tag not in ("script", "link", "iframe", "object", "embed", "base")
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in ("src", "href", "srcset", "action"):
                assert str(value).startswith(("#", "data:image/")), value
    assert "$" not in read(re.sub(r"<(code|pre)\b.*?</\1>", "", page, flags=re.S))
    if "\\sigma" in str([one.source for one in pages.released.cells if "hints" in one.metadata.get("course", {})]):
        assert '<img alt="2\\sigma^2"' in page


def test_a_written_answer_and_a_persons_comment_are_shown_as_they_were_typed(checkout):
    pages = FeedbackPages(released(checkout, "08_is_it_a_copy"))
    essay = Graded("what_follows", 7.5, 10, False, True, None, "Row 2: *why*? a < b & c")
    answer = cell("I *think* so.\n\n# Not <b>a</b> heading", "what_follows", "markdown")
    page = pages.page("ana", [essay], [answer])
    text = read(section(page, "what_follows"))
    assert answer.source in text
    assert essay.comment in text
    assert "7.5 of 10 points" in text
    waits = Graded("what_follows", 0, 10, True, True)
    assert "still to be looked at by a person" in read(pages.page("ana", [waits], [answer]))
    assert "You wrote nothing here." in read(pages.page("ana", [waits], []))


def test_helpers_in_other_cells_are_there_folded_and_the_lessons_own_cells_are_not(pages, checkout):
    of_lesson = [cell(one.source) for one in released(checkout).cells if one.cell_type == "code"]
    own = [cell(BLEND, "blend"), cell("def helper(x):\n    return x"), *of_lesson]
    page = pages.page("ana", [graded("blend")], own)
    assert page.count("<pre") == 2
    assert "<details><summary>Other code of this submission</summary>\n<pre" in page
    assert "def helper(x)" in read(page)


def test_of_very_much_other_code_the_page_shows_the_first_and_says_how_much_is_left(pages):
    lines = "x = 1  # and so on\n" * 50
    others = [cell(f"{lines}y = {number}") for number in range(60)]
    page = pages.page("ana", [graded("blend")], [cell(BLEND, "blend"), *others])
    shown = page.count("<pre") - 1
    assert shown == -(-feedback.LONGEST_OTHER // len(others[0].source)) == 21
    assert f"{60 - shown} more cells are not shown." in read(page)


# --- What a submission can't do to it ---------------------------------------------------------------------------------


def test_signs_of_an_error_message_stay_signs_on_the_page_and_in_the_gradebook(pages):
    from nbconvert.filters.markdown import markdown2html

    said = "a ** b ** c, `x`, *y*, __z__, ~~w~~ and <b>"

    def blend(*inputs: Any) -> None:
        raise ValueError(said)

    result = wrong("blend", blend)
    assert said in read(pages.page("ana", [Graded("blend", 0, 1, False, False, result)], []))
    for comment in (result.message, harmless("_emphasis_ and **bold** and a_name")):
        page = markdown2html(comment)
        assert not re.search(r"<(em|strong|code|del|b)\b", page)
    assert "a_name" in harmless("a_name")
    assert "a ∗∗ b" in result.message


def test_what_hides_or_moves_letters_is_named_wherever_it_stands(pages):
    source = 'def blend(picture, noise, amount):\n    return "\u202e" \x1b[2K # \u2066'
    result = ExerciseResult(False, "x", what="Your function stopped with \u202e\x1b[2K")
    page = pages.page("a\u202eb", [Graded("blend", 0, 1, False, False, result, "\u202e")], [cell(source, "blend")])
    assert not set("\u202e\u2066\x1b") & set(page)
    assert read(page).count("⟨U+202E⟩") == 4
    notebook, _ = feedback_notebook(pages.released, [cell(source, "blend")], {"blend": result})
    assert not set("\u202e\u2066\x1b") & set(nbformat.writes(notebook).encode().decode("unicode_escape"))


def test_nothing_of_a_submission_is_markup(pages):
    result = ExerciseResult(False, "x", what=SCRIPT, idea="i", sides={"Yours": SCRIPT})
    cells = [cell(f"def blend(a):\n    return {SCRIPT!r}", "blend"), cell(SCRIPT), cell(SCRIPT, kind="markdown")]
    plain = pages.page(
        "ana", [graded("blend", sides={"Yours": ""}, idea="i")], [cell("def blend(a): 1", "blend"), cell("2")]
    )
    page = pages.page(SCRIPT, [Graded("blend", 0, 1, False, False, result, SCRIPT)], cells)
    tags = {tag for tag, _ in Elements(page).found}
    assert tags - {tag for tag, _ in Elements(plain).found} == {"u"}  # the colour of a text
    assert read(page).count("<script>alert(1)</script>") == 6


@pytest.mark.slow
@pytest.mark.parametrize("attack", HOSTILE)
def test_a_hostile_cell_costs_a_page_and_formgrader_its_letters_and_no_more(attack, pages, monkeypatch):
    """No highlighter of another kind than plain text sees a letter of it, and what is kept is small."""
    import pygments.lexers
    from nbconvert import HTMLExporter

    asked: list[str] = []
    by_name = pygments.lexers.get_lexer_by_name
    monkeypatch.setattr(
        pygments.lexers, "get_lexer_by_name", lambda name, **how: (asked.append(name), by_name(name))[1]
    )
    source = HOSTILE[attack](300_000)
    cells = [cell(f"{source}\ndef blend(a): 1", "blend"), *(cell(f"{source}{n}") for n in range(60))]
    page = pages.page("ana", [graded("blend")], cells)
    assert asked == []
    assert len(page.encode()) < 600_000
    notebook, _ = feedback_notebook(pages.released, cells, {"blend": ExerciseResult(True, "Passed.")})
    others = {one.source for one in pages.released.cells}
    notebook.cells = [one for one in notebook.cells if one.source not in others]
    assert len(notebook.cells) >= 2
    HTMLExporter().from_notebook_node(notebook)
    assert set(asked) == {"text"}
    assert len(nbformat.writes(notebook).encode()) < 600_000


def test_a_cell_of_another_language_is_not_highlighted_as_one(pages):
    notebook, _ = feedback_notebook(pages.released, [cell("%%perl\nm{a")], {})
    assert notebook.cells[-1].source == "# As it was handed in:\n%%perl\nm{a"
