"""`course compare`: which pairs of a class are listed, which are not, and what an instructor gets to read."""

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import nbformat
import pytest
import torch

from course_lib import checks
from course_lib.errors import CourseError
from course_tools import cli
from course_tools.classroom import compare as compare_module
from course_tools.classroom.compare import Known, Part, compare, known_of, listed_of, parts_of, prints_of
from course_tools.classroom.likeness import CODE, MOST_LETTERS, TEXT, fingerprints, pairs_by_likeness
from course_tools.classroom.submission import SubmittedCell
from tests.classroom.test_shown import HOSTILE, read
from tests.support.classroom import LESSON, hand_in, make_course_directory
from tests.support.classroom import read as read_notebook
from tests.support.make_class import filled
from tests.support.styles import PEOPLE, copied, independent

pytestmark = pytest.mark.usefixtures("one_thread")

NAMES = [*PEOPLE[0]]
ESSAYS = [
    "The photo is hers: she stood in the rain for it, and nobody paid her to. A licence would have cost them an hour.",
    "I changed my mind twice. Storing a picture is one thing; learning from it, as painters always did, is another.",
    "Who owns a style? No court has said so yet. What I can measure is whether a drawing comes back, and it did not.",
    "Ask what was lost. If her customers now buy from the model, something was taken, whatever the arithmetic says.",
    "Both sides talk past each other. One counts bytes, the other counts years of practice, and neither is wrong.",
    "My answer depends on consent. Had the site asked, I would have no objection; it did not, so I have one.",
]


def released(checkout: Path) -> Any:
    return nbformat.read(checkout / f"notebooks/{LESSON}.ipynb", as_version=4)


@pytest.fixture(scope="module")
def known(checkout: Path) -> Known:
    """What a class was given: lesson 1 and its solution."""
    return known_of(released(checkout), checkout / f"notebooks/solutions/{LESSON}.ipynb")


def prints(notebook: Mapping[str, str], known: Known) -> dict[str, frozenset[int]]:
    return prints_of({name: Part(CODE, source) for name, source in notebook.items()}, known)


def listed(class_of: Sequence[Mapping[str, frozenset[int]]], texts: Sequence[str] = ()) -> set[tuple[int, int]]:
    """The numbers of the pairs that an instructor reads of."""
    return {(pair.first, pair.second) for pair in listed_of(class_of, pairs_by_likeness(class_of), texts)}


# --- The class that it is measured on ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_all_that_the_twelve_people_wrote_is_right_and_stays_so_when_it_is_copied(name):
    for number, person in enumerate(PEOPLE):
        for source in (person[name], copied(person, number)[name]):
            space: dict[str, Any] = {"torch": torch}
            exec(source, space)
            for seed in (0, 11):
                verdict = getattr(checks, name)(space[name], seed=seed)
                assert verdict.passed, f"{number}, {verdict}\n{source}"


def test_a_copy_shares_hardly_a_line_with_what_it_was_made_of():
    same = lines = 0
    for number, notebook in enumerate(independent(20, 5)):
        copy = copied(notebook, number)
        assert sorted(copy) == sorted(notebook)
        for name, source in notebook.items():
            own = {line.strip() for line in source.splitlines() if "(" in line}
            lines += len(own)
            same += len(own & {line.strip() for line in copy[name].splitlines()})
    assert lines > 300
    assert same < lines / 20


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_of_sixty_who_wrote_apart_at_most_one_pair_in_a_hundred_is_listed(seed, known):
    class_of = [prints(notebook, known) for notebook in independent(60, seed)]
    assert len(listed(class_of)) <= 0.01 * len(pairs_by_likeness(class_of))


def test_of_copies_that_were_renamed_reordered_and_reformatted_95_in_a_hundred_are_listed(known):
    found = made = 0
    for seed in range(5):
        class_of = independent(60, seed)
        originals = Random(seed).sample(range(60), 20)
        copies = [copied(class_of[number], 100 * seed + number) for number in originals]
        there = listed([prints(notebook, known) for notebook in [*class_of, *copies]])
        found += sum((number, 60 + place) in there for place, number in enumerate(originals))
        made += len(copies)
    assert made == 100
    assert found >= 95


def test_who_handed_in_the_published_solution_is_like_everybody_and_is_not_listed(known, checkout):
    solved = nbformat.read(checkout / f"notebooks/solutions/{LESSON}.ipynb", as_version=4)
    answers = {
        name: cell.source
        for cell in solved.cells
        if (name := cell.metadata.get("nbgrader", {}).get("grade_id")) in NAMES
    }
    class_of = [prints(notebook, known) for notebook in [*independent(30, 0), answers, copied(answers, 1)]]
    assert class_of[30] == class_of[31] == dict.fromkeys(NAMES, frozenset())
    assert (30, 31) not in listed(class_of)


def test_a_copied_essay_is_listed_and_essays_of_their_own_and_a_form_that_many_fill_in_are_not(known):
    form = "I have worked alone on this lesson, and named below whoever helped me with it and with which exercise. "
    form += "What I took from a page or from a machine is marked, and I can explain each line of it to anybody."
    words = " ".join(ESSAYS[:2]).split()
    turned = " ".join([*words[12:], "So I think.", *words[:12]]).upper()
    class_of = []
    for number, notebook in enumerate(independent(30, 3)):
        essay = f"Number {number} has no more to say of it."
        if number < 6 and number != 1:
            essay = " ".join(words) if number == 0 else ESSAYS[number]
        elif number == 20:
            essay = turned
        written = {name: Part(CODE, source) for name, source in notebook.items()}
        class_of.append(prints_of({**written, "essay": Part(TEXT, essay), "other text": Part(TEXT, form)}, known))
    as_rare = listed(class_of)
    assert listed(class_of, ["essay", "other text"]) - as_rare == {(0, 20)}
    assert listed(class_of, ["other text"]) == as_rare


# --- What counts of a submission --------------------------------------------------------------------------------------


def cell(source: str, name: str = "", kind: str = "code") -> SubmittedCell:
    return SubmittedCell(kind, source, name)


def parts(cells: Sequence[SubmittedCell], checkout: Path) -> dict[str, Part]:
    return parts_of(cells, released(checkout), NAMES, ["essay"])


def test_a_submission_is_taken_apart_by_exercise_wherever_its_cells_stand(checkout):
    own = [
        cell("notes = 1"),
        cell("import numpy as np\n\ndef helper(x):\n    return x\n\ndef blend(a, b, c):\n    return helper(a)\n"),
        cell("First try.", kind="markdown"),
        cell("An old answer.", "essay", "markdown"),
        cell("My answer.", "essay", "markdown"),
        cell("def psnr(a, b):\n    return 1", "psnr"),
    ]
    given = [SubmittedCell(one.cell_type, one.source) for one in released(checkout).cells]
    assert parts([*given, *own], checkout) == {
        "blend": Part(
            CODE, "def blend(a, b, c):\n    return helper(a)\n\nimport numpy as np\n\ndef helper(x):\n    return x"
        ),
        "psnr": Part(CODE, "def psnr(a, b):\n    return 1"),
        "essay": Part(TEXT, "My answer."),
        "other code": Part(CODE, "notes = 1"),
        "other text": Part(TEXT, "First try.\n\nAn old answer."),
    }
    assert parts(given, checkout) == {}


@pytest.mark.slow
@pytest.mark.parametrize("attack", HOSTILE)
def test_of_a_hostile_submission_a_bounded_part_is_compared_and_an_exercise_behind_it_is_found(attack, checkout, known):
    heap = HOSTILE[attack](90_000)
    own = [
        *(cell(f"{heap}{number}") for number in range(5)),
        cell(f"'''{'x ' * 40_000}'''\n{PEOPLE[1]['psnr']}", "psnr"),
    ]
    own += [cell(heap, kind="markdown"), cell(heap, "essay", "markdown")]
    found = parts(own, checkout)
    assert all(len(part.text) <= MOST_LETTERS for part in found.values())
    assert fingerprints(found["psnr"].text, CODE) >= fingerprints(PEOPLE[1]["psnr"].strip(), CODE)
    assert sum(len(prints) for prints in prints_of(found, known).values()) < 12_000


# --- What an instructor reads -----------------------------------------------------------------------------------------


def test_what_can_not_be_compared_is_said(tmp_path, capsys):
    assert cli.main(["compare", str(tmp_path)]) == 1
    assert "course assign" in capsys.readouterr().err


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Path:
    """A class of 32, in which "<b>eve" copied all but the essay of "ana" and "=cmd" everything of "bo"."""
    root = make_course_directory(tmp_path_factory.mktemp("compare") / "course", checkout)
    empty = read_notebook(root, "release")
    class_of = independent(30, 2)
    names = ["ana", "bo", *(f"student {number:02}" for number in range(28))]
    for number, (name, notebook) in enumerate(zip(names, class_of, strict=True)):
        essay = " ".join(ESSAYS) if name == "bo" else f"I am number {number}, and can't decide."
        hand_in(root, name, filled(empty, {**notebook, "essay": essay}))
    eve = filled(
        empty, {**copied(class_of[0], 1), "essay": "I say nothing, \u202e and I say it at length and of my own."}
    )
    eve.cells.insert(3, nbformat.v4.new_code_cell("# <script>alert(1)</script>\nx = '</pre><script>alert(1)</script>'"))
    hand_in(root, "<b>eve", eve)
    hand_in(root, "=cmd", filled(empty, {**copied(class_of[1], 2), "essay": " ".join(reversed(ESSAYS))}))
    return root


@pytest.mark.slow
def test_a_class_on_disk_becomes_a_page_and_a_table_that_name_who_is_alike_in_what(course, capsys):
    assert cli.main(["compare", str(course)]) == 0
    said = capsys.readouterr().out
    assert "32 submissions, 496 pairs; " in said
    assert "no verdict" in said
    table = list(csv.reader((course / "compare/pairs.csv").read_text().splitlines()))
    pairs = {frozenset(row[1:3]): row for row in table[1:]}
    assert frozenset(["<b>eve", "ana"]) in pairs
    everything = pairs[frozenset(["'=cmd", "bo"])]
    assert everything[0] == LESSON
    assert float(everything[3]) > 200
    assert float(everything[4]) > 0.9
    assert everything[5] == "to_screen, blend, ladder, neighbours, psnr, essay"
    assert len(pairs) <= 2 + 496 / 100
    page = (course / f"compare/{LESSON}.html").read_text()
    text = read(page)
    assert "This is no verdict." in text
    assert "Answers of three lines coincide" in text
    assert "<script" not in page
    assert "<b>" not in page
    assert "\u202e" not in page
    assert "⟨U+202E⟩" in text
    assert page.count('<h2 id="pair-') == len(pairs)
    mark = re.search(r'<h2 id="pair-\d">&lt;b&gt;eve and ana</h2>.*?</details>', page, re.S)
    assert mark
    assert mark[0].count("<mark>") >= 2 * 4
    assert "<pre" in mark[0]
    assert [path.name for path in sorted((course / "compare").iterdir())] == [f"{LESSON}.html", "pairs.csv"]


@pytest.mark.slow
def test_a_lesson_that_is_not_assigned_and_a_class_too_small_are_said(course, tmp_path, monkeypatch):
    with pytest.raises(CourseError, match=f"07_votes is not assigned here; there are {LESSON}"):
        list(compare(course, ["07_votes"]))
    monkeypatch.setattr(compare_module, "FEWEST", 33)
    (compared,) = compare(course, [LESSON])
    assert "32 submissions are too few" in str(compared)
    monkeypatch.setattr(compare_module.Course, "submissions", lambda self: [])
    with pytest.raises(CourseError, match="course collect"):
        list(compare(course))
