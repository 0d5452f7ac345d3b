"""The viewer of nearest neighbours: which pictures it shows, in which order, and what it says of them."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib import judge as module
from course_lib.errors import CourseError
from course_lib.judge import neighbours
from course_lib.widgets import slider


@pytest.fixture
def shown(monkeypatch):
    """What is handed to `show`, which still draws it."""
    asked = {}
    real = module.show

    def record(pictures, **rest):
        asked.update(rest, pictures=torch.cat(list(pictures)))
        return real(pictures, **rest)

    monkeypatch.setattr(module, "show", record)
    return asked


def shades(*values):
    return torch.tensor(values)[:, None, None, None].expand(-1, 3, 8, 8)


def test_the_nearest_come_first_with_their_distance_and_the_difference_below(shown):
    known = shades(0.95, 0.1, -0.5, 0.4)
    figure = neighbours(shades(0.2)[0], known, count=3, about="a grey one")
    assert figure.about == "a grey one"
    wanted = [0.2, 0.1, 0.4, -0.5, 0.0, 0.05, -0.1, 0.35]  # the drawing, three known ones, grey, three differences
    assert torch.allclose(shown["pictures"][:, 0, 0, 0], torch.tensor(wanted), atol=1e-6)
    assert shown["columns"] == ["the drawing", "0.100 away", "0.200 away", "0.700 away"]
    assert shown["rows"] == ["", "difference"]


def test_of_a_copy_the_difference_is_grey(shown):
    torch.manual_seed(0)
    known = torch.rand(20, 3, 8, 8) * 2 - 1
    neighbours(known[7], known, about="a copy")
    assert torch.equal(shown["pictures"][1], known[7])
    assert shown["pictures"][7].abs().max() == 0
    assert shown["columns"][1] == "0.000 away"
    assert len(shown["pictures"]) == 12


@pytest.mark.parametrize("count", [1, 2, 4])
def test_if_few_are_known_all_are_shown(shown, count):
    neighbours(shades(0.0)[0], shades(*[0.1] * count), about="few")
    assert len(shown["pictures"]) == 2 + 2 * count


def test_the_extremes_stay_in_the_picture():
    figure = neighbours(shades(1.0)[0], shades(-1.0), about="white and black")
    pixels = np.array(Image.open(io.BytesIO(figure.data)).convert("L"))
    assert (pixels.min(), pixels.max()) == (0, 255)


def test_nothing_known_and_another_shape_are_refused():
    with pytest.raises(CourseError):
        neighbours(torch.zeros(3, 8, 8), torch.zeros(0, 3, 8, 8), about="none")
    with pytest.raises(CourseError, match="of one shape"):
        neighbours(torch.zeros(3, 8, 8), torch.zeros(2, 3, 16, 16), about="others")


def test_more_than_five_neighbours_have_no_room():
    with pytest.raises(CourseError, match="1 to 6 columns, not 7"):
        neighbours(shades(0.0)[0], shades(*[0.1] * 9), count=6, about="many")


def test_a_slider_goes_through_the_drawings():
    drawings, known = shades(0.0, 0.5, 1.0), shades(0.1, 0.6)
    box = slider(
        lambda number: neighbours(drawings[int(number) - 1], known, about=f"drawing {number:g}"),
        label="drawing",
        low=1,
        high=3,
        step=1,
        start=1,
    )
    knob, figure = box.children
    for number in (1, 3, 2):
        knob.value = number
        assert f'alt="drawing {number}"' in figure.value
