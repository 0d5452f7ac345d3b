"""Proves that a blank lesson and the solved one differ inside the blanks only; made for lesson 1 and all after it.

It looks at the two notebooks alone and shares no code with the build, so that a mistake of the build shows here.
"""

import re
from collections.abc import Mapping, Sequence

from nbformat import NotebookNode

from course_lib.errors import CourseError

_STUB = re.compile(r'( *)raise NotImplementedError\("your code here"\)')
_ANSWER = "*Your answer here.*"
_MARKERS = re.compile(r"(BEGIN|END) (SOLUTION|HIDDEN TESTS)")
_LINK = re.compile(r"\n\n[^\n]*\[[^\]\n]+\]\(solutions/\w+\.ipynb\)[^\n]*")
_BADGE = re.compile(
    r'(# [^\n]+)\n\n<a href="https://colab\.research\.google\.com/github/[^"\s]+"><img [^<>]+></a>(?=\n)'
)
# What nbgrader writes into the released notebook only: locks and checksums.
_RELEASE_ONLY = {"deletable", "editable", "checksum", "cell_type"}


class VerifyError(CourseError):
    """Blank and solved notebook disagree: which cell, which line of the blank one, and how."""


def verify(blank: NotebookNode, solved: NotebookNode) -> None:
    """Raise VerifyError unless `blank` is `solved` with its solutions, and nothing else, blanked out.

    Same cells (number, ids, types, markdown up to the one generated link under the hints and the one badge under the
    title, metadata up to nbgrader's locks), the same code but for each `raise NotImplementedError("your code here")`,
    in whose place the solved notebook has lines that are indented at least as deep; a written answer that is blank as
    a whole; no outputs in the blank one; no solution markers in either.
    """
    if len(blank.cells) != len(solved.cells):
        raise VerifyError(f"The blank notebook has {len(blank.cells)} cells, the solved one {len(solved.cells)}.")
    if _shared(blank.metadata) != _shared(solved.metadata):
        raise VerifyError("The metadata of the two notebooks differ.")
    for number, (ours, theirs) in enumerate(zip(blank.cells, solved.cells, strict=True), start=1):
        try:
            _verify_cell(_without_badge(ours) if number == 1 else ours, theirs)
        except VerifyError as error:
            raise VerifyError(f"cell {number} ({ours.get('id')}), {error}") from None


def _without_badge(title: NotebookNode) -> NotebookNode:
    return NotebookNode(title, source=_BADGE.sub(r"\1", title.source, count=1))


def _verify_cell(blank: NotebookNode, solved: NotebookNode) -> None:
    for what in ("id", "cell_type"):
        if blank.get(what) != solved.get(what):
            raise _at(1, f"{what} is {blank.get(what)!r} in the blank notebook, {solved.get(what)!r} in the solved one")
    if _shared(blank.metadata) != _shared(solved.metadata):
        raise _at(1, "the metadata differ")
    ours, theirs = blank.source.split("\n"), solved.source.split("\n")
    for notebook, lines in (("blank", ours), ("solved", theirs)):
        for number, line in enumerate(lines, start=1):
            if _MARKERS.search(line):
                raise _at(number, f"the {notebook} notebook still has a marker")
    if blank.cell_type == "code":
        if blank.get("outputs") or blank.get("execution_count") is not None:
            raise _at(1, "the blank notebook has outputs")
        if blank.metadata.get("nbgrader", {}).get("solution"):
            return _verify_blanks(ours, theirs)
    elif blank.metadata.get("nbgrader", {}).get("solution"):
        if blank.source != _ANSWER or solved.source.strip() in ("", _ANSWER):
            raise _at(1, "a written answer must be blank in the blank notebook, and in that one only")
        return None
    elif "hints" in blank.metadata.get("course", {}):
        link = blank.source.removeprefix(solved.source)
        if link != blank.source and _LINK.fullmatch(link):
            return None
        raise _at(_first_difference(ours, theirs), "the hints differ by more than the one link to the solved lesson")
    if ours != theirs:
        raise _at(_first_difference(ours, theirs), "the two notebooks differ outside a blank")
    return None


def _verify_blanks(blank: Sequence[str], solved: Sequence[str]) -> None:
    """Walk both cells: the lines between stubs must be equal, and only solution lines may stand where a stub stands."""
    stubs = [number for number, line in enumerate(blank) if _STUB.fullmatch(line)]
    if not stubs:
        raise _at(1, "the blank notebook has a solution cell without a blank")
    for number, line in enumerate(solved):
        if _STUB.fullmatch(line):
            raise _at(number + 1, "the solved notebook still has a blank")
    first = list(blank[: stubs[0]])
    if list(solved[: stubs[0]]) != first:
        raise _at(_first_difference(first, solved), "the stub and the solution differ before the blank")
    position = stubs[0]  # in `solved`, where what fills the current blank begins
    for stub, following in zip(stubs, [*stubs[1:], len(blank)], strict=True):
        kept = list(blank[stub + 1 : following])
        latest = len(solved) - len(kept)
        ends = [latest] if following == len(blank) else range(position + 1, latest + 1)
        fits = (
            end for end in ends if "".join(solved[position:end]).strip() and list(solved[end:][: len(kept)]) == kept
        )
        end = next(fits, None)
        if end is None:
            raise _at(stub + 1, "nothing fills this blank in the solved notebook, or what follows the blank differs")
        depth = len(blank[stub]) - len(blank[stub].lstrip())
        filled = [line for line in solved[position:end] if line.strip()]
        if len(filled[0]) - len(filled[0].lstrip()) != depth or any(line[:depth].strip() for line in filled):
            raise _at(stub + 1, "what fills this blank in the solved notebook is indented otherwise")
        position = end + len(kept)


def _first_difference(ours: Sequence[str], theirs: Sequence[str]) -> int:
    same = next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), None)
    return min(len(ours), len(theirs)) + 1 if same is None else same + 1


def _shared(metadata: Mapping[str, object]) -> dict[str, object]:
    """The metadata that blank and solved must have in common."""
    kept = {key: value for key, value in metadata.items() if key not in _RELEASE_ONLY and key != "widgets"}
    if isinstance(graded := kept.get("nbgrader"), Mapping):
        kept["nbgrader"] = {key: value for key, value in graded.items() if key not in _RELEASE_ONLY}
    return kept


def _at(line: int, sentence: str) -> VerifyError:
    return VerifyError(f"line {line}: {sentence}.")
