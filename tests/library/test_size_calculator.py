"""The calculator without a browser: the explainer's figures, other ones, the extremes, and what it refuses."""

import pytest

from course_lib.errors import CourseError
from course_lib.sizes import BITS_A_PIXEL, calculation, size_calculator

EXPLAINER = ("2.3 billion", "256", "raw", "0 B", "4.2 GB")


def test_it_begins_with_the_figures_of_the_explainer():
    *knobs, said, figure = size_calculator().children
    assert tuple(knob.value for knob in knobs) == EXPLAINER
    assert figure.value == calculation(*EXPLAINER).html
    for shown in (
        "452 TB",
        "411 TiB",
        "4.2 GB",
        "3.91 GiB",
        "107,666 : 1",
        "1.83 B",
        "14.6 bits",
        "31.1 bits",
        "21,362",
    ):
        assert f">{shown}<" in figure.value
    # For screen readers alone: the table stands over the same sentence.
    assert 'role="status"' in said.value
    assert "clip-path:inset(50%)" in said.value
    assert said.value.endswith(
        ">2.3 billion pictures of 256 x 256 pixels, raw, 0 B of caption each; a model of 4.2 GB</div>"
    )


def test_another_field_gives_another_sum():
    *knobs, said, figure = size_calculator().children
    pictures, side, kept, caption, model = knobs
    side.value = "512"
    assert ">1,809 TB<" in figure.value
    kept.value = "JPEG"
    caption.value = "60 B"
    assert ">106 TB<" in figure.value
    model.value = "2.1 GB"
    assert ">0.913 B<" in figure.value
    pictures.value = "4,000"
    assert "4,000 pictures of 512 x 512 pixels, JPEG, 60 B of caption each; a model of 2.1 GB" in said.value
    assert ">4,000<" in figure.value  # all of them fit


@pytest.mark.parametrize("kept", BITS_A_PIXEL)
@pytest.mark.parametrize(
    ("pictures", "model", "ratio"),
    [("1", "1000 TB", "e-"), ("1000 trillion", "1 B", ",000,000 : 1"), ("0.001 billion", "4.2 GiB", " : 1")],
)
def test_at_its_extremes_there_is_still_a_table(pictures, model, ratio, kept):
    for side in ("64", "1024"):
        shown = calculation(pictures, side, kept, "0 B", model)
        assert ratio in shown.text
        assert "nan" not in shown.text
        assert "inf" not in shown.text


@pytest.mark.parametrize(
    ("place", "text", "said"),
    [
        (0, "many", "is no number of pictures"),
        (0, "-2", "is no number of pictures"),
        (0, "0.5", "1 or more"),
        (3, "60", "is no size"),
        (3, "-60 B", "0 or more"),
        (4, "4.2 gb", "'gb' is no unit of size"),
        (4, "0 GB", "above 0"),
        (4, "", "is no size"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence_until_it_is_mended(place, text, said):
    given = list(EXPLAINER)
    given[place] = text
    with pytest.raises(CourseError, match=said):
        calculation(*given)
    *knobs, status, figure = size_calculator().children
    knobs[place].value = text
    assert said in status.value.replace("&#x27;", "'")
    assert figure.value == ""
    knobs[place].value = EXPLAINER[place]
    assert figure.value == calculation(*EXPLAINER).html
