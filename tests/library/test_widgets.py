"""Widgets without a browser: they wrap a function that was called once before."""

import io
import re

import pytest
import torch
from PIL import Image

from course_lib.errors import CourseError
from course_lib.noise import add_noise
from course_lib.pictures import example_photo, show, table
from course_lib.widgets import PhotoUpload, caption_box, form, slider, slider_with_button


def red_png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (20, 10), "red").save(file, "PNG")
    return file.getvalue()


def test_moving_the_slider_draws_the_figure_anew():
    cat = example_photo("cat", size=32)
    box = slider(
        lambda amount: show(add_noise(cat, amount, seed=0)[0], about=f"amount {amount:.2f}"),
        label="amount",
        low=0,
        high=1,
        step=0.05,
        start=0.5,
    )
    knob, figure = box.children
    assert knob.description == "amount"
    before = figure.value
    assert 'alt="amount 0.50"' in before
    knob.value = 1.0
    assert 'alt="amount 1.00"' in figure.value
    knob.value = 0.5
    assert figure.value == before


def test_the_button_beside_a_slider_draws_the_same_value_again_with_the_next_number():
    asked = []

    def draw(blur, number):
        asked.append((blur, number))
        return show(torch.zeros(1, 3, 8, 8), about=f"blur {blur:g}, answer {number}")

    box = slider_with_button(draw, label="blur", low=0, high=8, step=0.5, start=6, button="Enhance again")
    (knob, again), said, figure = box.children[0].children, *box.children[1:]
    assert (again.description, knob.description, knob.continuous_update) == ("Enhance again", "blur", False)
    assert 'alt="blur 6, answer 0"' in figure.value
    again.click()
    assert 'alt="blur 6, answer 1"' in figure.value
    knob.value = 8
    assert 'alt="blur 8, answer 1"' in figure.value
    assert said.value == '<div role="status">blur 8, 2. time</div>'
    knob.value = 0
    again.click()
    assert asked == [(6, 0), (6, 1), (8, 1), (0, 1), (0, 2)]


class Drawer:
    """Draws a grey picture of anything but a unicorn; `asked` is what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, caption):
        self.asked.append(caption)
        if "unicorn" in caption:
            raise CourseError(f"The world has no <{caption}>; did you mean cat.")
        return show(torch.zeros(1, 3, 8, 8), about=f"a drawing of: {caption}")


def parts(box):
    line, said, figure = box.children
    return (*line.children, said, figure)


def test_the_caption_box_draws_its_first_caption_and_says_so():
    draw = Drawer()
    field, button, said, figure = parts(caption_box(draw, start="cat", label="your caption"))
    assert draw.asked == ["cat"]
    assert (field.value, field.description, button.description) == ("cat", "your caption", "Draw")
    assert figure.value == draw("cat").html
    assert ">a drawing of: cat</figcaption>" in figure.value  # under the picture, for everybody
    assert said.value == '<div role="status">Drawn: cat</div>'


def test_another_caption_draws_another_figure_once_whether_by_enter_or_by_the_button():
    draw = Drawer()
    field, button, said, figure = parts(caption_box(draw, start="cat"))
    field.value = "dog"  # what Enter sends, and leaving the field
    assert 'alt="a drawing of: dog"' in figure.value
    button.click()
    assert draw.asked == ["cat", "dog"]
    assert "Drawn: dog" in said.value


def test_a_caption_that_is_refused_leaves_one_sentence_and_no_picture_until_the_next():
    field, _, said, figure = parts(caption_box(Drawer(), start="cat"))
    field.value = "unicorn"
    assert said.value == '<div role="status">The world has no &lt;unicorn&gt;; did you mean cat.</div>'
    assert figure.value == ""
    field.value = "dog"
    assert 'alt="a drawing of: dog"' in figure.value
    assert "Drawn: dog" in said.value


def test_the_caption_box_says_that_it_draws_before_it_has_drawn():
    said_while_drawing = []

    def draw(caption):
        said_while_drawing.extend(said.value for _, _, said, _ in boxes)
        return Drawer()(caption)

    boxes: list[tuple] = []
    boxes.append(parts(caption_box(draw, start="cat")))
    boxes[0][0].value = "dog"
    assert said_while_drawing == ['<div role="status">Drawing ...</div>']


def test_a_form_draws_anew_whenever_one_of_its_fields_changes():
    def draw(name, size):
        if not name:
            raise CourseError("Write a <name>.")
        return table([{"name": name, "size": size}], about=f"{name} & co., {size}")

    name, size, said, figure = form(draw, {"who": "cat", "how large": ["small", "large"]}).children
    assert [(knob.description, knob.value) for knob in (name, size)] == [("who", "cat"), ("how large", "small")]
    # What the table says over itself is said to screen readers, and not shown a second time.
    assert re.sub(' style="[^"]*"', "", said.value) == '<div role="status">cat &amp; co., small</div>'
    assert "width:1px;height:1px;overflow:hidden" in said.value
    assert not re.search("display|visibility|hidden=", said.value)  # which would keep it from screen readers, too
    assert figure.value == draw("cat", "small").html
    size.value = "large"
    assert figure.value == draw("cat", "large").html
    name.value = ""
    assert (said.value, figure.value) == ('<div role="status">Write a &lt;name&gt;.</div>', "")
    name.value = "dog"
    assert figure.value == draw("dog", "large").html
    assert "width:1px" in said.value
    assert name.continuous_update is False  # else each letter of a number would be a sum


def test_the_photo_is_the_cat_until_one_is_uploaded():
    upload = PhotoUpload()
    assert torch.equal(upload.photo(size=32), example_photo("cat", size=32))


@pytest.mark.parametrize("version", [7, 8])
def test_an_uploaded_photo_is_read_as_both_versions_of_ipywidgets_give_it(version):
    upload = PhotoUpload()
    record = {"name": "red.png", "content": memoryview(red_png()) if version == 8 else red_png()}
    upload.button = type("Button", (), {"value": (record,) if version == 8 else {"red.png": record}})
    picture = upload.photo(size=8)
    assert picture.shape == (1, 3, 8, 8)
    assert torch.allclose(picture[0, :, 0, 0], torch.tensor([1.0, -1.0, -1.0]))


def test_an_upload_that_is_no_photo_is_refused_in_one_sentence():
    upload = PhotoUpload()
    upload.button = type("Button", (), {"value": ({"name": "a.png", "content": b"not a picture"},)})
    with pytest.raises(CourseError):
        upload.photo()
