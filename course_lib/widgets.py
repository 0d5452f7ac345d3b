"""Sliders and an upload button: thin shells over functions that return a figure.  Lesson 1."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import Tensor

from .pictures import Figure, example_photo, load_photo

if TYPE_CHECKING:
    from ipywidgets import VBox


def slider(
    draw: Callable[[float], Figure], *, label: str, low: float, high: float, step: float, start: float
) -> "VBox":
    """A slider with the figure that `draw` makes of its value underneath; the arrow keys move it."""
    from ipywidgets import HTML, FloatSlider, Layout, VBox

    knob = FloatSlider(
        value=start,
        min=low,
        max=high,
        step=step,
        description=label,
        style={"description_width": "initial"},
        layout=Layout(width="26em"),
    )
    figure = HTML(draw(start).html)

    def redraw(change: dict) -> None:
        figure.value = draw(change["new"]).html

    knob.observe(redraw, names="value")
    return VBox([knob, figure])


class PhotoUpload:
    """An upload button; `photo()` is what was uploaded last, and the cat before that."""

    def __init__(self) -> None:
        from ipywidgets import FileUpload

        self.button = FileUpload(accept="image/*", multiple=False, description="Your photo", layout={"width": "12em"})

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.button)

    def photo(self, *, size: int = 96) -> Tensor:
        """1 x 3 x size x size in [-1, 1].  Raises CourseError if what was uploaded is not a photo it can read."""
        files = self.button.value
        if not files:
            return example_photo("cat", size=size)
        # ipywidgets 7 keeps a dict by file name, 8 a tuple of records.
        record = next(iter(files.values())) if isinstance(files, dict) else files[0]
        return load_photo(bytes(record["content"]), size=size)
