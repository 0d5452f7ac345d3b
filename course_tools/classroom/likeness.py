"""How alike texts of a class are, beyond what all of them share: winnowing, and what is rare counts more.

Winnowing is of Schleimer, Wilkerson and Aiken (Winnowing: Local Algorithms for Document Fingerprinting, SIGMOD 2003):
of each window of hashes of k words in a row the least is kept, of equal ones the rightmost.  So two texts that share
`WINDOW + k - 1` words in a row share a fingerprint, and none is of fewer than k.  The work grows linearly with a text,
of which a bounded part is looked at.
"""

import builtins
import keyword
import math
import re
import zlib
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import combinations, islice
from typing import NamedTuple

import numpy as np

from course_tools.classroom.tokens import Token, tokens_of

CODE, TEXT = "code", "text"
IN_A_ROW = {CODE: 6, TEXT: 4}  # tokens or words of which a fingerprint is made: the paper's k
WINDOW = 4  # the paper's w
MOST_WORDS = 4000  # of a text, that are looked at: some 400 lines of code, or eight pages
MOST_LETTERS = 40_000  # of a text, in which they are looked for

_KEPT = {*keyword.kwlist, *dir(builtins)}  # names that nobody can change; others become one
_WORD = re.compile(r"\w++")
_PRIME, _BASE = 2**61 - 1, 1_000_003
_STEP = 0.01  # bits: how finely what a coincidence is worth is added up


# --- Words ------------------------------------------------------------------------------------------------------------


class Word(NamedTuple):
    """A word as it is compared, and where what it stands for begins and ends."""

    text: str
    start: int
    end: int


def words_of(text: str, kind: str) -> list[Word]:
    """The words of a text by which it is compared; of code its tokens.

    Code loses what a copier changes without a thought: names become one name, but for keywords, builtins and
    attributes; numbers are read (1. is 1); texts become one; comments, docstrings, layout, brackets round a part, and
    commas before a bracket's end go.
    """
    text = text[:MOST_LETTERS]
    if kind == TEXT:
        return [Word(found[0].casefold(), *found.span()) for found in _WORD.finditer(text)][:MOST_WORDS]
    some = islice(tokens_of(text), 3 * MOST_WORDS)  # blanks and ends of lines are tokens, too
    tokens = [token for token in some if token.kind not in ("space", "comment")]
    line = Token("line", "\n", 0)
    words: list[Word] = []
    for before, token, after in zip([line, *tokens], tokens, [*tokens[1:], line], strict=False):
        docstring = token.kind == "string" and before.kind == after.kind == "line"
        if token.text in ")]}" and words and words[-1].text == ",":
            words.pop()
        if token.kind != "line" and token.text not in "();\\" and not docstring:
            words.append(Word(_normalised(token, before), token.start, token.start + len(token.text)))
    return words[:MOST_WORDS]


def _normalised(token: Token, before: Token) -> str:
    if token.kind == "name":
        return token.text if before.text == "." or token.text in _KEPT else "a name"
    if token.kind == "number":
        try:
            return repr(float(token.text))
        except ValueError:  # 0xff, 1j
            return token.text
    return "a text" if token.kind == "string" else token.text


# --- Fingerprints -----------------------------------------------------------------------------------------------------


def hashes_of(words: Sequence[str], in_a_row: int) -> list[int]:
    """A hash of each `in_a_row` words, by Karp and Rabin's rule: each is made of the one before."""
    numbers = [zlib.crc32(word.encode("utf-8", "replace")) + 1 for word in words]
    gone, value, found = pow(_BASE, in_a_row, _PRIME), 0, []
    for place, number in enumerate(numbers):
        value = (value * _BASE + number) % _PRIME
        if place >= in_a_row:
            value = (value - numbers[place - in_a_row] * gone) % _PRIME
        if place >= in_a_row - 1:
            found.append(value)
    return found


def winnowed(hashes: Sequence[int]) -> set[int]:
    """The least hash of each window, of equal ones the rightmost; of fewer than a window's the least."""
    kept: set[int] = set()
    least: deque[int] = deque()  # places in the window, each of a larger hash than the one before
    for place, value in enumerate(hashes):
        while least and hashes[least[-1]] >= value:
            least.pop()
        least.append(place)
        if least[0] <= place - WINDOW:
            least.popleft()
        if place >= WINDOW - 1 or place == len(hashes) - 1:
            kept.add(hashes[least[0]])
    return kept


def fingerprints(text: str, kind: str, known: AbstractSet[int] = frozenset()) -> frozenset[int]:
    """The fingerprints of a text, without those that are `known` of what everybody was given."""
    words = [word.text for word in words_of(text, kind)]
    return frozenset(winnowed(hashes_of(words, IN_A_ROW[kind])) - known)


def all_hashes(text: str, kind: str) -> set[int]:
    """All that a fingerprint of a text that holds this one could be made of."""
    return {*hashes_of([word.text for word in words_of(text, kind)], IN_A_ROW[kind])}


def shared_places(text: str, kind: str, shared: AbstractSet[int]) -> list[tuple[int, int]]:
    """Where in a text the words stand that make these fingerprints: from where to where, in order."""
    words, length = words_of(text, kind), IN_A_ROW[kind]
    found: list[tuple[int, int]] = []
    reached = -1  # the last word of the place before
    for place, value in enumerate(hashes_of([word.text for word in words], length)):
        if value in shared:
            last = place + length - 1
            start = found.pop()[0] if place <= reached + 1 and found else words[place].start
            found.append((start, words[last].end))
            reached = last
    return found


# --- Pairs ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pair:
    """Two of a class, by number, and how alike they are."""

    first: int
    second: int
    chance: float  # the share of pairs that would be as alike if nobody knew of anybody's answers
    share: float  # of what is rare in the one that has less of it: how much stands in the other, too
    parts: Mapping[str, float]  # the same for each part of the submissions


def pairs_by_likeness(class_of: Sequence[Mapping[str, AbstractSet[int]]]) -> list[Pair]:
    """All pairs of a class, those first that are the least likely to be as alike by coincidence.

    class_of: for each submission the fingerprints of its parts, say of its exercises.  In each part a fingerprint is
    worth the more, the fewer have it, and a likeness, the fewer pairs are as alike in it: the class itself tells how
    often that happens by coincidence.  What all parts are worth together is compared with what it would be if pairs
    were drawn anew for each part, so that two who are alike in all that they wrote stand out, and two who thought of
    the same three lines once do not.
    The work grows with the number of pairs, and linearly with the fingerprints of each.
    """
    parts = list(dict.fromkeys(name for one in class_of for name in one))
    places = list(combinations(range(len(class_of)), 2))
    if not places or not parts:
        return []
    worth, shared = np.zeros(len(places)), np.zeros(len(places))
    by_chance = np.ones(1)
    alike: dict[str, np.ndarray] = {}
    rare = np.zeros((len(parts), len(class_of)))
    for row, name in enumerate(parts):
        prints = [one.get(name, frozenset()) for one in class_of]
        in_both, rare[row] = _shared(prints, places)
        smaller = np.array([min(rare[row, i], rare[row, j]) for i, j in places])
        alike[name] = in_both / np.maximum(smaller, 1e-9)
        shared += in_both
        # How rare what both wrote is, and how much of what they wrote that is.
        bits = -np.log2(_as_alike(np.round(alike[name] ** 2 * in_both, 1)))
        worth += bits
        steps = np.bincount(np.floor(bits / _STEP).astype(int))
        by_chance = np.convolve(by_chance, steps / steps.sum())
    least = np.array([min(rare[:, i].sum(), rare[:, j].sum()) for i, j in places])
    tail = np.cumsum(by_chance[::-1])[::-1]
    # Each part was rounded down: by a step less it is never rarer than it is.
    reached = np.clip(np.floor(worth / _STEP).astype(int) - len(parts), 0, len(tail) - 1)
    pairs = [
        Pair(i, j, min(1.0, float(tail[at])), float(both / max(all_, 1e-9)), {n: float(alike[n][k]) for n in parts})
        for k, ((i, j), at, both, all_) in enumerate(zip(places, reached, shared, least, strict=True))
    ]
    return sorted(pairs, key=lambda pair: (pair.chance, -pair.share, pair.first, pair.second))


def _shared(prints: Sequence[AbstractSet[int]], places: Sequence[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """What the fingerprints that each pair shares weigh, and what those of each submission do, in bits of rarity."""
    counts = Counter(one for some in prints for one in some)
    weight = {one: math.log2((len(prints) + 1) / count) for one, count in counts.items()}
    own = np.array([math.fsum(weight[one] for one in some) for some in prints])
    both = np.array([math.fsum(weight[one] for one in prints[i] & prints[j]) for i, j in places])
    return both, own


def _as_alike(alike: np.ndarray) -> np.ndarray:
    """For each pair the share of pairs that are at least as alike; 1 for those that are not alike."""
    order = np.sort(alike)
    at_least = (len(order) - np.searchsorted(order, alike, "left")) / len(order)
    return np.where(alike > 0, at_least, 1.0)
