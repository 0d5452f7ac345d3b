"""Winnowing, and what a likeness is worth in a class: worked examples, and a class that nobody copied in."""

from itertools import combinations
from random import Random

import pytest

from course_tools.classroom import likeness
from course_tools.classroom.likeness import (
    CODE,
    IN_A_ROW,
    MOST_LETTERS,
    MOST_WORDS,
    TEXT,
    WINDOW,
    all_hashes,
    fingerprints,
    hashes_of,
    pairs_by_likeness,
    shared_places,
    winnowed,
    words_of,
)
from tests.classroom.test_shown import HOSTILE

CLAMPED = """
def to_screen(picture):
    # from -1..1
    whole = torch.round((picture + 1.0) * 127.5)
    return whole.clamp(min=0, max=255)
"""
AGAIN = '''
def to_screen( img ) :
        """My own."""
        x=torch.round(
            (img+1)*127.50,
        ); return (x.clamp(min = 0, max = 255))'''


def words(text: str, kind: str = CODE) -> list[str]:
    return [word.text for word in words_of(text, kind)]


# --- Words ------------------------------------------------------------------------------------------------------------


def test_names_comments_layout_and_brackets_make_no_difference():
    assert words(CLAMPED) == words(AGAIN)
    assert fingerprints(CLAMPED, CODE) == fingerprints(AGAIN, CODE) != frozenset()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a + b", "a - b"),
        ("a.mean()", "a.median()"),
        ("x[1:]", "x[2:]"),
        ("max(a)", "min(a)"),
        ("for a in b", "if a in b"),
    ],
)
def test_what_takes_a_thought_makes_a_difference(before, after):
    assert words(before) != words(after)


def test_what_a_word_stands_for_is_known_by_its_place():
    code = "def f(a):\n    return a.mean(1e3, 'x')  # b"
    found = [(word.text, code[word.start : word.end]) for word in words_of(code, CODE)]
    as_compared = ["def", "a name", "a name", ":", "return", "a name", ".", "mean", "1000.0", ",", "a text"]
    assert [one for one, _ in found] == as_compared
    assert [one for _, one in found] == ["def", "f", "a", ":", "return", "a", ".", "mean", "1e3", ",", "'x'"]
    assert words("Whose PHOTO is it?\nMine!", TEXT) == ["whose", "photo", "is", "it", "mine"]


@pytest.mark.slow
@pytest.mark.parametrize("attack", HOSTILE)
def test_of_a_hostile_text_a_bounded_part_is_looked_at(attack):
    text = HOSTILE[attack](1_000_000)
    for kind in (CODE, TEXT):
        found = words_of(text, kind)
        assert len(found) <= MOST_WORDS
        assert all(word.end <= MOST_LETTERS for word in found)
        assert len(fingerprints(text, kind)) <= MOST_WORDS


# --- Winnowing --------------------------------------------------------------------------------------------------------


def test_the_example_of_the_paper():
    """Figure 2 of Schleimer, Wilkerson and Aiken: windows of four of the hashes of "adorunrunrunadorunrun"."""
    hashes = [77, 74, 42, 17, 98, 50, 17, 98, 8, 88, 67, 39, 77, 74, 42, 17, 98]
    assert WINDOW == 4
    assert winnowed(hashes) == {17, 8, 39}
    assert winnowed([5, 3]) == {3}
    assert winnowed([]) == set()


@pytest.mark.parametrize("most", [5, 1000])
def test_what_is_kept_is_the_least_of_each_window(most):
    random = Random(most)
    for length in range(4, 60):
        hashes = [random.randrange(most) for _ in range(length)]
        windows = [hashes[start : start + 4] for start in range(length - 3)]
        assert winnowed(hashes) == {min(window) for window in windows}


def test_each_hash_is_made_of_its_words_alone():
    random = Random(0)
    text = [random.choice("abc") for _ in range(200)]
    for length in (1, 3, 6):
        whole = hashes_of(text, length)
        assert whole == [hashes_of(text[k : k + length], length)[0] for k in range(len(text) - length + 1)]
        assert len(set(whole)) == len({tuple(text[k : k + length]) for k in range(len(text) - length + 1)})
    assert hashes_of(["a"], 2) == []


@pytest.mark.parametrize("seed", range(20))
def test_texts_that_share_enough_words_in_a_row_share_a_fingerprint_and_others_none(seed):
    random = Random(seed)
    length = WINDOW + IN_A_ROW[TEXT] - 1
    common = " ".join(f"c{seed}x{k}" for k in range(length))
    first, second = (
        " ".join(f"{side}{k}" for k in range(random.randint(0, 30)))
        + f" {common} "
        + " ".join(f"{side}{k}" for k in range(50, random.randint(50, 80)))
        for side in "ab"
    )
    assert fingerprints(first, TEXT) & fingerprints(second, TEXT)
    short = " ".join(common.split()[: IN_A_ROW[TEXT] - 1])
    assert not fingerprints(first.replace(common, short), TEXT) & fingerprints(second.replace(common, short), TEXT)


def test_what_everybody_was_given_is_no_fingerprint_wherever_it_stands():
    given = "def f(a, b):\n    return (1 - a) * b + a * b\n"
    own = "total = 0\nfor k in range(7):\n    total += k ** 2\nprint(total / 9)\n"
    assert not fingerprints(given, CODE, all_hashes(given, CODE))
    for text in (own + given, given + own):
        left = fingerprints(text, CODE, all_hashes(given, CODE))
        assert left
        assert not left & all_hashes(given, CODE)


def test_the_places_of_what_is_shared_are_words_in_a_row():
    first = "a = 1\nfor k in range(7):\n    total += k ** 2\nwhile True: pass"
    second = "import os\nfor j in range(7):\n  sum_ += j ** 2\nprint('x')"
    shared = fingerprints(first, CODE) & fingerprints(second, CODE)
    (place,) = shared_places(second, CODE, shared)
    assert second[slice(*place)] in "for j in range(7):\n  sum_ += j ** 2"
    assert len(second[slice(*place)]) > 12
    assert shared_places(second, CODE, frozenset()) == []


# --- Pairs ------------------------------------------------------------------------------------------------------------


def drawn(random: Random, styles: int) -> frozenset[int]:
    """What somebody wrote who thought of one of so many ways: its ten fingerprints."""
    style = random.randrange(styles)
    return frozenset(range(10 * style, 10 * style + 10))


def test_where_nobody_copied_a_chance_is_what_it_says():
    random = Random(1)
    listed, pairs = dict.fromkeys((0.1, 0.01, 0.001), 0), 0
    for _ in range(20):
        found = pairs_by_likeness([{name: drawn(random, 6) for name in "abcde"} for _ in range(40)])
        pairs += len(found)
        for chance in listed:
            listed[chance] += sum(pair.chance <= chance for pair in found)
    assert 0.02 < listed[0.1] / pairs <= 0.105
    assert 0.002 < listed[0.01] / pairs <= 0.0115
    assert listed[0.001] / pairs <= 0.0015


def test_a_pair_alike_in_all_parts_stands_out_and_one_alike_in_one_does_not():
    random = Random(2)
    class_of = [{name: drawn(random, 6) for name in "abcde"} for _ in range(40)]
    pairs = pairs_by_likeness([*class_of, class_of[7]])
    assert (pairs[0].first, pairs[0].second) == (7, 40)
    assert pairs[0].chance < 0.001
    assert pairs[0].share == 1
    assert pairs[0].parts == dict.fromkeys("abcde", 1.0)
    once = [pair for pair in pairs if sum(pair.parts.values()) == 1]
    assert once
    assert min(pair.chance for pair in once) > 0.05
    assert len(pairs) == 41 * 40 / 2
    assert [pair.chance for pair in pairs] == sorted(pair.chance for pair in pairs)


def test_what_half_of_the_class_wrote_says_little():
    common = {name: frozenset(range(10)) for name in "abc"}
    rare = {name: frozenset(range(100, 110)) for name in "abc"}
    others = [{name: frozenset(range(k, k + 10)) for name in "abc"} for k in range(1000, 1180, 10)]
    found = {(pair.first, pair.second): pair for pair in pairs_by_likeness([*[common] * 18, rare, rare, *others])}
    assert found[0, 1].chance > 0.005
    assert found[18, 19].chance < found[0, 1].chance / 1000


def test_rare_fingerprints_weigh_more_than_common_ones():
    everybody = frozenset(range(10))
    class_of = [{"a": everybody | {100 + k}} for k in range(20)]
    class_of += [{"a": frozenset({500, 501, *range(200, 208)})}, {"a": frozenset({500, 501, *range(300, 308)})}]
    found = {(pair.first, pair.second): pair.share for pair in pairs_by_likeness(class_of)}
    assert found[0, 1] < 0.35  # of eleven fingerprints ten are shared
    assert 0.1 < found[20, 21] < 0.2


def test_what_is_heaped_up_beside_a_copy_does_not_hide_it():
    random = Random(3)
    class_of = [{name: drawn(random, 30) for name in "abcde"} for _ in range(30)]
    hidden = {
        name: prints | {random.randrange(10**6, 10**9) for _ in range(1000)} for name, prints in class_of[4].items()
    }
    first = pairs_by_likeness([*class_of, hidden])[0]
    assert (first.first, first.second) == (4, 30)
    assert first.share == 1


def test_parts_that_some_do_not_have_and_classes_of_nobody():
    assert pairs_by_likeness([]) == pairs_by_likeness([{"a": frozenset({1})}]) == []
    assert pairs_by_likeness([{}, {}]) == []
    some = pairs_by_likeness([{"a": frozenset({1})}, {"b": frozenset({1})}, {"a": frozenset()}])
    assert all(pair.chance == 1 and pair.share == 0 for pair in some)
    assert {(pair.first, pair.second) for pair in some} == {*combinations(range(3), 2)}


def test_the_same_texts_give_the_same_fingerprints_in_another_process(checkout):
    import subprocess
    import sys

    program = f"from course_tools.classroom.likeness import *; print(sorted(fingerprints({CLAMPED!r}, CODE)))"
    said = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            cwd=checkout,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert said == {f"{sorted(likeness.fingerprints(CLAMPED, CODE))}\n"}
