"""Sliders, buttons, text fields: thin shells over functions that return a figure.  Lessons 0 and 1; again: 3, 8."""

import html
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from .errors import CourseError
from .pictures import Figure, Table, example_photo, load_photo

if TYPE_CHECKING:
    from ipywidgets import FloatSlider, VBox


def slider(
    draw: Callable[[float], Figure], *, label: str, low: float, high: float, step: float, start: float
) -> "VBox":
    """A slider with the figure that `draw` makes of its value underneath; the arrow keys move it."""
    from ipywidgets import HTML, VBox

    knob = float_slider(label, low, high, step, start)
    figure = HTML(draw(start).html)

    def redraw(change: dict) -> None:
        figure.value = draw(change["new"]).html

    knob.observe(redraw, names="value")
    return VBox([knob, figure])


def slider_with_button(
    draw: Callable[[float, int], Figure], *, label: str, low: float, high: float, step: float, start: float, button: str
) -> "VBox":
    """A slider, a button, and underneath the figure that `draw` makes of the slider's value and the presses so far.

    For figures that take a moment: while the slider is dragged nothing is drawn, and what goes on is said.
    """
    from ipywidgets import HTML, Button, HBox, VBox

    knob = float_slider(label, low, high, step, start)
    knob.continuous_update = False
    again = Button(description=button, button_style="primary")
    presses = 0
    said, figure = HTML(), HTML()

    def redraw(_: object) -> None:
        said.value = '<div role="status">Drawing ...</div>'
        figure.value = draw(knob.value, presses).html
        said.value = f'<div role="status">{html.escape(label)} {knob.value:g}, {presses + 1}. time</div>'

    def press(_: object) -> None:
        nonlocal presses
        presses += 1
        redraw(None)

    redraw(None)
    knob.observe(redraw, names="value")
    again.on_click(press)
    return VBox([HBox([knob, again]), said, figure])


def float_slider(label: str, low: float, high: float, step: float, start: float) -> "FloatSlider":
    """A slider wide enough for its label."""
    from ipywidgets import FloatSlider, Layout

    return FloatSlider(
        value=start,
        min=low,
        max=high,
        step=step,
        description=label,
        style={"description_width": "initial"},
        layout=Layout(width="26em"),
    )


def caption_box(draw: Callable[[str], Figure], *, start: str, label: str = "caption") -> "VBox":
    """A text field and a button, and underneath the figure that `draw` makes of the text, `start` to begin with.

    Enter, the button or leaving the field draw.  What `draw` refuses with a CourseError is said in its sentence.
    """
    from ipywidgets import HTML, Button, HBox, Layout, Text, VBox

    # Without continuous_update the text arrives whole, and before the press of the button that makes the field lose
    # the focus: ipywidgets may send a letter typed just now after the press.
    field = Text(
        value=start,
        description=label,
        continuous_update=False,
        style={"description_width": "initial"},
        layout=Layout(width="40em", max_width="100%"),
    )
    button = Button(description="Draw", button_style="primary")
    said, figure = HTML(), HTML()
    asked = None

    def redraw(_: object) -> None:
        nonlocal asked
        if field.value == asked:
            return  # the button: the field has asked already, when it lost the focus
        asked = text = field.value
        say("Drawing ...")
        try:
            figure.value = draw(text).html
            say(f"Drawn: {text}")
        except CourseError as error:
            figure.value = ""
            say(str(error))

    def say(sentence: str) -> None:  # role="status": a screen reader says it when it has finished what it was saying
        said.value = f'<div role="status">{html.escape(sentence)}</div>'

    redraw(None)
    field.observe(redraw, names="value")
    button.on_click(redraw)
    return VBox([HBox([field, button]), said, figure])


def form(draw: Callable[..., Figure | Table], fields: Mapping[str, str | Sequence[str]]) -> "VBox":
    """Fields one below the other, and underneath the figure or table that `draw` makes of what they say, in order.

    fields: by its label, the text that a text field begins with, or the choices of a list, of which the first is taken.
    Enter or leaving a field draws anew.  What `draw` refuses with a CourseError is said in its sentence.
    """
    from ipywidgets import HTML, Dropdown, Layout, Text, VBox

    look = {"style": {"description_width": "11em"}, "layout": Layout(width="30em", max_width="100%")}
    knobs = [
        Text(value=start, description=label, continuous_update=False, **look)
        if isinstance(start, str)
        else Dropdown(options=list(start), description=label, **look)
        for label, start in fields.items()
    ]
    said, figure = HTML(), HTML()

    def redraw(_: object) -> None:
        sentence = ""
        try:
            drawn = draw(*(knob.value for knob in knobs))
            figure.value, sentence = drawn.html, drawn.about
        except CourseError as error:
            figure.value, sentence = "", str(error)
        said.value = f'<div role="status">{html.escape(sentence)}</div>'

    redraw(None)
    for knob in knobs:
        knob.observe(redraw, names="value")
    return VBox([*knobs, said, figure])


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
