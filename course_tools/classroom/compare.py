"""`course compare`: pairs of submissions more alike than the class is, side by side; no verdict, and nothing leaves."""

import csv
import html
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_lib.errors import CourseError
from course_lib.files import atomic_write
from course_tools.classroom.definitions import choose_cell
from course_tools.classroom.gradebook import Course
from course_tools.classroom.likeness import (
    CODE,
    MOST_LETTERS,
    TEXT,
    Pair,
    all_hashes,
    fingerprints,
    pairs_by_likeness,
    shared_places,
)
from course_tools.classroom.reading import shared_reader
from course_tools.classroom.shown import page_html, text_html, visible
from course_tools.classroom.submission import SubmittedCell, graded_cells, made_for, squeezed
from course_tools.files import no_formula, printable

RAREST = 200  # a pair is listed if at most one in so many would be as alike by coincidence,
COINCIDENCES = 7  # and in a larger class, if at most so many pairs of it would be;
LONG_TEXT = 8  # or if so many rare fingerprints of a text, some twenty words in a row, are half of what is rare in it
FEWEST = 5  # submissions of a lesson; of fewer nobody can tell what is rare
MOST_SHOWN = 100  # pairs whose texts a page holds; the table lists all
LONGEST = 4000  # letters of a part that a page shows
OTHER_CODE, OTHER_TEXT = "other code", "other text"
_HEAD = ("lesson", "student", "other student", "by coincidence one pair in", "share of what is rare", "alike in")
_ALIKE = 0.5  # the share of a part from which on it is named

Known = Mapping[str, AbstractSet[int]]  # hashes of what everybody was given, by kind


@dataclass(frozen=True)
class Compared:
    """What was found of one lesson."""

    lesson: str
    submissions: int
    pairs: int  # all that there are
    listed: int
    page: Path | None  # none if there were too few submissions

    def __str__(self) -> str:
        if self.page is None:
            return f"{self.lesson}: not compared; {self.submissions} submissions are too few to tell what is rare."
        count = f"{self.submissions} submissions, {self.pairs:,} pairs; {self.listed}"
        return f"{self.lesson}: {count} listed as more alike than the class, which is no verdict: {self.page}"


@dataclass(frozen=True)
class Part:
    """Something that a student wrote: the answer of an exercise, or all other code or text; what is compared of it."""

    kind: str
    text: str


def compare(folder: Path, lessons: Sequence[str] = ()) -> Iterator[Compared]:
    """Compare all submissions of each lesson, and write `compare/LESSON.html` and `compare/pairs.csv`.

    lessons: names; all of which something was handed in, if none.  What the released lesson and its solution hold
    counts nothing.
    Raises CourseError if this is no course directory, a lesson is not assigned, or nothing was handed in.
    """
    course = Course(folder)
    if strangers := [name for name in lessons if name not in course.items]:
        raise CourseError(f"{strangers[0]} is not assigned here; there are {', '.join(sorted(course.items))}.")
    found = [one for one in course.submissions() if not lessons or one[1] in lessons]
    if not found:
        raise CourseError(f"there is no notebook to compare in {course.submitted}; run `course collect` first.")
    rows: list[Sequence[str | float]] = [_HEAD]
    for lesson in sorted({lesson for _, lesson in found}):
        students = [student for student, its in found if its == lesson]
        compared, pairs = _compare_lesson(course, lesson, students)
        rows += [_row(lesson, students, pair) for pair in pairs]
        yield compared
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows(rows)
    atomic_write(course.root / "compare" / "pairs.csv", table.getvalue())


def _compare_lesson(course: Course, lesson: str, students: Sequence[str]) -> tuple[Compared, list[Pair]]:
    if len(students) < FEWEST:
        return Compared(lesson, len(students), 0, 0, None), []
    released = course.released[lesson]
    by_hand = [item.name for item in course.items[lesson] if item.by_hand]
    exercises = [item.name for item in course.items[lesson] if not item.by_hand]

    def read(student: str) -> dict[str, Part]:
        return parts_of(shared_reader().cells(course.path(student, lesson)), released, exercises, by_hand)

    known = known_of(released, course.root / course.directory.source_directory / lesson / f"{lesson}.ipynb")
    prints = [prints_of(read(student), known) for student in students]  # one after the other: texts are not kept
    pairs = pairs_by_likeness(prints)
    listed = listed_of(prints, pairs, [*by_hand, OTHER_TEXT])
    body = [_introduction(lesson, len(students), len(pairs), len(listed)), *_table(students, listed, len(pairs))]
    for number, pair in enumerate(listed[:MOST_SHOWN]):
        sides = [(students[place], read(students[place]), prints[place]) for place in (pair.first, pair.second)]
        body += _side_by_side(number, pair, sides)
    page = course.root / "compare" / f"{lesson}.html"
    atomic_write(page, page_html(f"{lesson}: more alike than the class", "\n".join(body), style=_STYLE))
    return Compared(lesson, len(students), len(pairs), len(listed), page), listed


def listed_of(
    prints: Sequence[Mapping[str, AbstractSet[int]]], pairs: Sequence[Pair], texts: Sequence[str]
) -> list[Pair]:
    """The pairs for an instructor to read: first those that share long pieces of a text, then the least likely.

    texts: the names of the parts that are prose.  In prose nobody finds twenty words in a row that another wrote.
    """
    counts = {name: Counter(one for some in prints for one in some.get(name, ())) for name in texts}
    few = max(2, len(prints) // 5)  # a text that more share was given to them: a form to fill in, say

    def shares_text(pair: Pair) -> bool:
        for name in texts:
            if pair.parts.get(name, 0) >= _ALIKE:
                shared = prints[pair.first][name] & prints[pair.second][name]
                if sum(counts[name][one] <= few for one in shared) >= LONG_TEXT:
                    return True
        return False

    limit = _limit(len(pairs))
    found = [(pair, shares_text(pair)) for pair in pairs]
    return [pair for pair, text in found if text] + [pair for pair, text in found if not text and pair.chance <= limit]


def _limit(pairs: int) -> float:
    """How likely a likeness may be by coincidence that is listed in a class of so many pairs."""
    return min(1 / RAREST, COINCIDENCES / max(1, pairs))


# --- What a student wrote ---------------------------------------------------------------------------------------------


def parts_of(
    cells: Sequence[SubmittedCell], released: NotebookNode, exercises: Sequence[str], by_hand: Sequence[str]
) -> dict[str, Part]:
    """What a student wrote: for each exercise the cell that was judged, for each answer by hand its text, and the rest.

    Of each part the first MOST_LETTERS count, of a cell with an exercise its function first: what is heaped up before
    it hides nothing.
    """
    ours = {squeezed(cell.source[: 2 * MOST_LETTERS]) for cell in released.cells}
    own = [cell for cell in cells if squeezed(cell.source[: 2 * MOST_LETTERS]) not in ours]
    code = [cell for cell in own if cell.kind == "code"]
    text = [cell for cell in own if cell.kind != "code"]
    parts: dict[str, Part] = {}
    used: list[SubmittedCell] = []
    for name in exercises:
        place = choose_cell([cell.defines for cell in code], name, made_for(code, name))
        if place is not None:
            used.append(code[place])
            parts[name] = Part(CODE, _function_first(code[place], name))
    for name in by_hand:
        if answers := [cell for cell in text if cell.grade_id == name]:
            used.append(answers[-1])
            parts[name] = Part(TEXT, answers[-1].source[:MOST_LETTERS])
    for name, kind, some in ((OTHER_CODE, CODE, code), (OTHER_TEXT, TEXT, text)):
        rest = [cell.source[:MOST_LETTERS] for cell in some if not any(cell is one for one in used)]
        parts[name] = Part(kind, "\n\n".join(rest)[:MOST_LETTERS])
    return {name: part for name, part in parts.items() if part.text.strip()}


def _function_first(cell: SubmittedCell, name: str) -> str:
    definition = cell.defines[name]
    if definition.last is None:
        return definition.source[:MOST_LETTERS]
    lines = definition.source.split("\n")
    rest = "\n".join([*lines[: definition.first - 1], *lines[definition.last :]])
    return f"{definition.text}\n\n{rest.strip()}".strip()[:MOST_LETTERS]


def known_of(released: NotebookNode, solved: Path) -> Known:
    """What everybody was given: the lesson with its hints, and the solutions, which are open to all."""
    known: dict[str, set[int]] = {CODE: set(), TEXT: set()}
    cells = [*released.cells]
    try:
        cells += [*graded_cells(nbformat.read(solved, as_version=4)).values()]
    except Exception:
        raise CourseError(f"{solved} is missing or no notebook; make it anew with `course assign`.") from None
    for cell in cells:
        if cell.cell_type == "code":
            known[CODE] |= all_hashes(cell.source, CODE)
        else:
            known[TEXT] |= all_hashes(cell.source, TEXT)
            for line in re.findall(r"`([^`\n]+)`", cell.source):  # a hint's
                known[CODE] |= all_hashes(line, CODE)
    return known


def prints_of(parts: Mapping[str, Part], known: Known) -> dict[str, frozenset[int]]:
    return {name: fingerprints(part.text, part.kind, known[part.kind]) for name, part in parts.items()}


# --- What an instructor reads -----------------------------------------------------------------------------------------

_STYLE = """\
body { max-width: 100rem } .sides { display: grid; grid-template-columns: 1fr 1fr; gap: 0 1rem }
.sides > * { min-width: 0 } mark { background: #ffe08a; color: inherit } .note { max-width: 60rem }
"""


def _introduction(lesson: str, submissions: int, pairs: int, listed: int) -> str:
    limit = _limit(pairs)
    return f"""\
<h1>{html.escape(lesson)}: more alike than the class</h1>
<div class="note">
<p><strong>This is no verdict.</strong> It lists pairs of submissions for you to read. Two who worked as a pair, learned
from the same page, or had the same three lines in mind look like this, and so do two of whom one copied. Only they can
tell which.</p>
<p>{submissions} submissions are {pairs:,} pairs; {listed} of them are listed: those that share long pieces of a
text, then the least likely. If nobody knew of anybody's answers, about {limit * pairs:.1f} would be: one pair in
{1 / limit:,.0f}.</p>
<p>Code is compared without names, comments and layout, text as words. What the lesson, its hints and its solutions hold
counts nothing; what many wrote counts little. <strong>Answers of three lines coincide:</strong> one of them alike says
nothing, and so a pair is listed only if what is alike in all its parts together is rare. Who hands in the published
solution, or what half of the class wrote, is like everybody, and is not found here. Marked is what both wrote and
neither was given.</p>
</div>"""


def _table(students: Sequence[str], listed: Sequence[Pair], pairs: int) -> list[str]:
    if not listed:
        return ["<p>No pair stands out.</p>"]
    head = ("Pair", "By coincidence one pair in", "so many in this class", "Share of what is rare", "Alike in")
    lines = ["<table>", f"<tr>{''.join(f'<th>{name}</th>' for name in head)}</tr>"]
    for number, pair in enumerate(listed):
        names = f"{text_html(students[pair.first])} and {text_html(students[pair.second])}"
        link = f'<a href="#pair-{number}">{names}</a>' if number < MOST_SHOWN else names
        figures = f"{1 / pair.chance:,.0f}", f"{pair.chance * pairs:.2g}", f"{pair.share:.0%}"
        cells = (link, *figures, html.escape(_alike_in(pair)))
        lines.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    lines.append("</table>")
    if len(listed) > MOST_SHOWN:
        lines.append(f"<p>The first {MOST_SHOWN} are shown below; all are in pairs.csv.</p>")
    return lines


def _alike_in(pair: Pair) -> str:
    return ", ".join(name for name, share in pair.parts.items() if share >= _ALIKE)


def _row(lesson: str, students: Sequence[str], pair: Pair) -> list[str | float]:
    names = [no_formula(printable(students[place])) for place in (pair.first, pair.second)]
    return [lesson, *names, round(1 / pair.chance), round(pair.share, 2), _alike_in(pair)]


def _side_by_side(
    number: int, pair: Pair, sides: Sequence[tuple[str, Mapping[str, Part], Mapping[str, AbstractSet[int]]]]
) -> Iterator[str]:
    """Two submissions, part by part, folded."""
    (first, parts, prints), (second, other_parts, other_prints) = sides
    yield f'<h2 id="pair-{number}">{text_html(first)} and {text_html(second)}</h2>'
    yield "<details><summary>Side by side</summary>"
    for name in dict.fromkeys([*parts, *other_parts]):
        shared = prints.get(name, frozenset()) & other_prints.get(name, frozenset())
        alike = f": {pair.parts[name]:.0%} of what is rare is in both" if pair.parts.get(name) else ""
        yield f'<h3>{html.escape(name)}{alike}</h3>\n<div class="sides">'
        yield from (_marked(one.get(name, Part(CODE, "")), shared) for one in (parts, other_parts))
        yield "</div>"
    yield "</details>"


def _marked(part: Part, shared: AbstractSet[int]) -> str:
    """The text, with what it shares marked."""
    pieces, done = [], 0
    for start, end in shared_places(part.text, part.kind, shared):
        start, end = min(start, LONGEST), min(end, LONGEST)
        pieces += [_escaped(part, done, start), f"<mark>{_escaped(part, start, end)}</mark>"]
        done = end
    pieces.append(_escaped(part, done, LONGEST))
    rest = "\n[The rest is not shown.]" if len(part.text) > LONGEST else ""
    tag, kind = ("pre", "code") if part.kind == CODE else ("div", "prose")
    return f'<{tag} class="{kind}">{"".join(pieces)}{rest}</{tag}>'


def _escaped(part: Part, start: int, end: int) -> str:
    return html.escape(visible(part.text[start:end], prose=part.kind == TEXT))
