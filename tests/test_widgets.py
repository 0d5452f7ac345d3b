"""Widgets without a browser: they wrap a function that was called once before."""

import io

import pytest
import torch
from PIL import Image

from course_lib.errors import CourseError
from course_lib.noise import add_noise
from course_lib.pictures import example_photo, show
from course_lib.widgets import PhotoUpload, slider


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
