"""The map of named spots: each stands where its numbers say, under its name, and arrows go from one to another."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib.errors import CourseError
from course_lib.pictures import PALETTE, scatter

TWO = {"left": {"a": (0, 0), "b": (0, 1)}, "right": {"c": (1, 0), "d": (1, 1)}}


def drawn(*about: object, **how: object) -> np.ndarray:
    figure = scatter(*about, x="across", y="up", about="Four spots.", **how)
    return np.array(Image.open(io.BytesIO(figure.data)).convert("RGB")).astype(int)


def spots_of(sheet: np.ndarray, colour: str) -> np.ndarray:
    """Rows and columns of a group's pixels below the legend."""
    hue = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    found = np.argwhere(np.abs(sheet - hue).max(-1) < 8)
    return found[found[:, 0] > 45]


def changed(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.argwhere(np.abs(one - other).max(-1) > 60)


def test_spots_stand_where_their_numbers_say_each_group_in_its_colour():
    sheet = drawn(TWO)
    left, right = spots_of(sheet, PALETTE[0]), spots_of(sheet, PALETTE[1])
    assert left[:, 1].max() + 200 < right[:, 1].min()
    for group in (left, right):
        assert group[:, 0].max() - group[:, 0].min() > 200  # one below, one above
    assert not len(spots_of(sheet, PALETTE[2]))


def test_names_stand_on_the_outer_side():
    plain = drawn(TWO)
    renamed = changed(plain, drawn({"left": {"aa": (0, 0), "b": (0, 1)}, "right": TWO["right"]}))
    assert len(renamed)
    assert renamed[:, 1].max() < spots_of(plain, PALETTE[0])[:, 1].max()


def test_a_name_that_would_lie_on_another_is_left_out():
    def with_second(name: str) -> np.ndarray:
        return drawn({"all": {"first": (0, 0), name: (0, 0.001), "far": (1, 1)}})

    assert len(changed(with_second("second"), with_second("other"))) == 0
    apart = {"all": {"first": (0, 0), "second": (0, 0.5), "far": (1, 1)}}
    assert len(changed(drawn(apart), drawn({"all": {"first": (0, 0), "other": (0, 0.5), "far": (1, 1)}})))


def test_an_arrow_goes_between_its_spots_and_its_ends_are_named_away_from_it():
    bare, arrowed = drawn(TWO), drawn(TWO, arrows=[("a", "c")])
    line = changed(bare, arrowed)
    assert line[:, 0].max() - line[:, 0].min() < 20  # level
    assert line[:, 1].max() - line[:, 1].min() > 200
    back = changed(bare, drawn(TWO, arrows=[("c", "a")]))  # names change sides, too
    assert len(back) > len(line)


def test_tensors_lists_and_tuples_give_the_same_bytes_and_the_description_stays():
    lists = {group: {name: list(map(float, at)) for name, at in members.items()} for group, members in TWO.items()}
    tensors = {group: {name: torch.tensor(at) for name, at in members.items()} for group, members in lists.items()}
    figures = [scatter(spots, x="x", y="y", about="What is seen") for spots in (TWO, lists, tensors)]
    assert len({figure.data for figure in figures}) == 1
    assert 'alt="What is seen"' in figures[0].html
    assert len(figures[0].data) < 40_000


@pytest.mark.parametrize(
    ("spots", "how", "said"),
    [
        ({}, {}, "holds 1 to 8 groups"),
        ({"empty": {}}, {}, "none of them empty"),
        ({str(i): {str(i): (0, 0)} for i in range(9)}, {}, "holds 1 to 8 groups"),
        (TWO, {"arrows": [("a", "z")]}, "'z' is none of them"),
        (TWO, {"about": " "}, "about is empty"),
    ],
)
def test_what_makes_no_map_gives_a_sentence(spots, how, said):
    with pytest.raises(CourseError, match=said):
        scatter(spots, **{"x": "x", "y": "y", "about": "Spots.", **how})
