"""The world of number plates: the same picture in any batch, a sum of its characters, and every plate counted."""

import subprocess
import sys
from collections import Counter

import pytest
import torch

from course_lib.errors import CourseError
from course_lib.world.plates import (
    CHARACTERS,
    DIGITS,
    LAYOUTS,
    LETTERS,
    PLACES,
    layout_of,
    pieces,
    plate_texts,
    render_plates,
)


def some(count, first=0):
    seeds = torch.arange(first, first + count)
    return plate_texts(seeds), seeds


def test_there_are_ten_characters_for_each_of_six_places_so_a_million_plates_a_layout():
    assert len(set(DIGITS)) == len(set(LETTERS)) == 10
    assert not set(DIGITS) & set(LETTERS)
    for name, layout in LAYOUTS.items():
        assert len(layout.alphabets) == len(layout.middles) == PLACES
        assert layout_of("".join(alphabet[3] for alphabet in layout.alphabets)).kinds == name


def test_plates_lie_in_range_and_are_four_times_as_wide_as_high():
    pictures = render_plates(*some(600))
    assert pictures.shape == (600, 3, 16, 64)
    assert pictures.isfinite().all()
    assert -1 <= pictures.min() < -0.8
    assert 0.7 < pictures.max() <= 1
    assert render_plates(*some(2), height=40).shape == (2, 3, 40, 160)


def test_a_plate_is_the_same_to_the_bit_alone_and_in_any_batch():
    texts, seeds = some(300)
    together = render_plates(texts, seeds)
    order = torch.randperm(300, generator=torch.Generator().manual_seed(0))
    shuffled = render_plates([texts[i] for i in order.tolist()], seeds[order])
    assert torch.equal(shuffled, together[order])
    for i in (0, 7, 150, 299):
        assert torch.equal(render_plates([texts[i]], [i])[0], together[i])


@pytest.mark.parametrize("height", [8, 17, 32])
def test_batches_of_any_size_agree_at_any_height(height):
    texts, seeds = some(30)
    together = render_plates(texts, seeds, height=height)
    parts = torch.cat([render_plates(texts[i : i + 7], seeds[i : i + 7], height=height) for i in range(0, 30, 7)])
    assert torch.equal(together, parts)


@pytest.mark.slow
def test_a_plate_is_the_same_on_any_number_of_threads():
    program = (
        "import hashlib, torch; torch.set_num_threads({}); from course_lib.world import plates;"
        "x = plates.render_plates(plates.plate_texts(range(200)), range(200));"
        "print(hashlib.sha256(x.numpy().tobytes()).hexdigest(), torch.get_num_threads())"
    )
    said = [
        subprocess.run([sys.executable, "-c", program.format(n)], capture_output=True, text=True, check=True).stdout
        for n in (1, 3)
    ]
    assert said[0].split()[0] == said[1].split()[0]
    assert [line.split()[1] for line in said] == ["1", "3"]  # left as it was


@pytest.mark.parametrize("height", [16, 33])
def test_a_plate_is_the_sum_of_the_empty_one_and_its_characters(height):
    for seed in range(12):
        text = plate_texts([seed])[0]
        layout = layout_of(text)
        empty, parts = pieces(layout, seed, height=height)
        whole = empty.clone()
        for place, letter in enumerate(text):
            whole += parts[place, layout.alphabets[place].index(letter)]
        assert torch.allclose(whole, render_plates([text], [seed], height=height)[0], atol=1e-6)
        assert not torch.allclose(empty, whole, atol=0.5)


def test_characters_never_overlap():
    assert LAYOUTS
    for layout in LAYOUTS.values():
        for seed in range(5):
            _, parts = pieces(layout, seed)
            inked = (parts.abs().amax(dim=2) > 0).any(dim=1)  # 6 x H x W: by any of its ten
            assert inked.sum(dim=0).max() == 1


def test_no_two_characters_of_a_place_look_the_same():
    for layout in LAYOUTS.values():
        _, parts = pieces(layout, 0)
        assert len(parts) == 6
        for place in parts.flatten(2):
            apart = torch.cdist(place, place) + 99 * torch.eye(10)
            assert apart.min() > 1.5  # each pixel's grain and rounding are below 0.01


def test_another_seed_has_other_details_and_the_same_writing():
    one, other = render_plates(["KEN481"] * 2, [0, 1])
    assert 0.01 < (one - other).abs().mean() < 0.5
    assert torch.equal(render_plates(["ken 481"], [0])[0], one)
    assert not torch.equal(render_plates(["KEN487"], [0])[0], one)


def test_a_high_plate_shows_the_same_as_a_low_one():
    texts, seeds = some(60)
    low = render_plates(texts, seeds)
    high = torch.nn.functional.avg_pool2d(render_plates(texts, seeds, height=64), 4)
    assert (low - high).abs().mean() < 0.03
    assert (render_plates(texts[1:] + texts[:1], seeds) - high).abs().mean() > 0.1 or len(set(texts)) == 1


def test_every_layout_and_character_comes_equally_often():
    texts = plate_texts(torch.arange(12_000))
    layouts = Counter(layout_of(text).kinds for text in texts)
    assert set(layouts) == set(LAYOUTS)
    assert max(abs(number - 4000) for number in layouts.values()) < 5 * (12_000 * 2 / 9) ** 0.5
    for place in range(PLACES):
        counted = Counter(text[place] for text in texts)
        assert set(counted) == set(CHARACTERS)
        kinds = {"D": DIGITS, "L": LETTERS}
        for kind, alphabet in kinds.items():
            plates = sum(number for name, number in layouts.items() if name[place] == kind)
            worst = max(abs(counted[letter] - plates / 10) for letter in alphabet)
            assert worst < 5 * (plates * 0.09) ** 0.5
    pairs = Counter((text[0], text[1]) for text in texts if layout_of(text).kinds == "LLLDDD")
    assert len(pairs) == 100  # one place says nothing of the next


@pytest.mark.parametrize(
    ("text", "said"), [("KEN 48I", "'I'"), ("KEN 48", "LLL DDD"), ("4KEN81", "LLL DDD"), ("", "LLL DDD")]
)
def test_a_text_that_is_on_no_plate_is_refused_in_one_sentence(text, said):
    with pytest.raises(CourseError, match=said) as error:
        render_plates([text], [0])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("count", "seeds", "height"), [(2, [1], 16), (1, [1, 2], 16), (1, [1], 7)])
def test_seeds_and_heights_that_do_not_fit_are_refused(count, seeds, height):
    with pytest.raises(CourseError, match=r"\."):
        render_plates(["KEN481"] * count, seeds, height=height)
