"""The picture of areas: as many pixels for each part as its number says, blocks and squares on one scale."""

import io

import numpy as np
import pytest
from PIL import Image

from course_lib.errors import CourseError
from course_lib.pictures import areas

COLUMNS = [{"a": 300.0, "b": 100.0}, {"c": 80.0, "d": 20.0}]


def blocks(*columns: dict, **squares: float) -> list[int]:
    """Pixels of each colour but white, ink and edges: the most frequent ones, in no order."""
    figure = areas(columns, squares=squares, unit="", about="Areas.")
    sheet = np.array(Image.open(io.BytesIO(figure.data)).convert("RGB")).reshape(-1, 3)
    colours, counts = np.unique(sheet, axis=0, return_counts=True)
    pale = (colours.min(1) > 150) & (colours.min(1) < 250) & (np.ptp(colours, axis=1) > 10)
    return sorted(counts[pale].tolist(), reverse=True)


def test_areas_are_in_proportion_to_the_numbers():
    large, small, smaller = blocks(*COLUMNS, square=20.0)[:3]
    assert large / small == pytest.approx(3, rel=0.15)  # ink and edges take some of each
    assert small / smaller == pytest.approx(100 / 80, rel=0.2)
    block, square = blocks({"a": 400.0}, square=20.0)[:2]
    assert block / square == pytest.approx(20, rel=0.1)


def test_a_square_is_on_the_scale_of_the_blocks_whatever_is_beside_it():
    few, many = blocks({"a": 400.0}, square=20.0)[1], blocks({"a": 1600.0}, square=20.0)[1]
    assert few / many == pytest.approx(4, rel=0.2)


def test_the_numbers_and_the_description_are_with_the_picture():
    figure = areas(COLUMNS, squares={}, unit="million", about="Four blocks.")
    assert 'alt="Four blocks."' in figure.html
    other = areas([{"a": 300.0, "b": 100.0}, {"c": 80.0, "e": 20.0}], squares={}, unit="million", about="Four blocks.")
    assert figure.data != other.data


@pytest.mark.parametrize(
    ("columns", "squares"),
    [([], {"a": 1.0}), ([{}], {}), ([{"a": 0.0}], {}), ([{"a": -1.0}], {}), ([{str(i): 1.0 for i in range(9)}], {})],
    ids=["no column", "empty", "zero", "negative", "nine"],
)
def test_what_can_not_be_drawn_is_said_in_a_sentence(columns, squares):
    with pytest.raises(CourseError, match=r"^areas are 1 to 8 numbers above 0, in at least one column\.$"):
        areas(columns, squares=squares, unit="", about="Areas.")


def test_a_square_that_does_not_fit_is_refused():
    with pytest.raises(CourseError, match="too large to stand beside"):
        areas(COLUMNS, squares={"large": 100.0}, unit="", about="Areas.")


def test_areas_need_a_description():
    with pytest.raises(CourseError, match="about is empty"):
        areas(COLUMNS, squares={}, unit="", about=" ")
