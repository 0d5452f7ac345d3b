"""Sliders, buttons, text fields: thin shells over functions that return a figure.  Lessons 0 and 1; again: 3, 8."""

import html
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from .errors import CourseError
from .pictures import Figure, Table, example_photo, load_photo

if TYPE_CHECKING:
    from ipywidgets import FloatSlider, VBox

UNSEEN = "position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)"  # for screen readers alone


def slider(
    draw: Callable[[float], Figure], *, label: str, low: float, high: float, step: float, start: float
) -> "VBox":
    """A slider with the figure that `draw` makes of its value underneath; the arrow keys move it."""
    from ipywidgets import HTML, VBox

    control = float_slider(label, low, high, step, start)
    figure = HTML(draw(start).html)

    def redraw(change: dict) -> None:
        figure.value = draw(change["new"]).html

    control.observe(redraw, names="value")
    return VBox([control, figure])


def slider_with_button(
    draw: Callable[[float, int], Figure], *, label: str, low: float, high: float, step: float, start: float, button: str
) -> "VBox":
    """A slider, a button, and underneath the figure that `draw` makes of the slider's value and the presses so far.

    For figures that take a moment: nothing is drawn while the slider is dragged, and a line of text says what goes on.
    """
    from ipywidgets import HTML, Button, HBox, VBox

    control = float_slider(label, low, high, step, start)
    control.continuous_update = False
    again = Button(description=button, button_style="primary")
    presses = 0
    status, figure = HTML(), HTML()

    def redraw(_: object) -> None:
        status.value = '<div role="status">Drawing ...</div>'
        figure.value = draw(control.value, presses).html
        status.value = f'<div role="status">{html.escape(label)} {control.value:g}, {presses + 1}. time</div>'

    def press(_: object) -> None:
        nonlocal presses
        presses += 1
        redraw(None)

    redraw(None)
    control.observe(redraw, names="value")
    again.on_click(press)
    return VBox([HBox([control, again]), status, figure])


def float_slider(label: str, low: float, high: float, step: float, start: float) -> "FloatSlider":
    """A slider wide enough for its label."""
    from ipywidgets import FloatSlider, Layout

    style = {"style": {"description_width": "initial"}, "layout": Layout(width="26em")}
    return FloatSlider(value=start, min=low, max=high, step=step, description=label, **style)


def caption_box(draw: Callable[[str], Figure], *, start: str, label: str = "caption") -> "VBox":
    """A text field and a button, and underneath the figure that `draw` makes of the text, `start` to begin with.

    Enter, the button or leaving the field draw.  A CourseError of `draw` is shown in place of the figure.
    """
    from ipywidgets import HTML, Button, HBox, Layout, Text, VBox

    # Without continuous_update the text arrives whole, and before the press of the button that makes the field lose
    # the focus: ipywidgets may send a letter typed just now after the press.
    style = {"style": {"description_width": "initial"}, "layout": Layout(width="40em", max_width="100%")}
    field = Text(value=start, description=label, continuous_update=False, **style)
    button = Button(description="Draw", button_style="primary")
    status, figure = HTML(), HTML()
    drawn = None

    def redraw(_: object) -> None:
        nonlocal drawn
        if field.value == drawn:
            return  # the button was pressed, and the field drew already when it lost the focus
        drawn = text = field.value
        announce("Drawing ...")
        try:
            figure.value = draw(text).html
            announce(f"Drawn: {text}")
        except CourseError as error:
            figure.value = ""
            announce(str(error))

    def announce(sentence: str) -> None:  # role="status": screen readers read it out without interrupting themselves
        status.value = f'<div role="status">{html.escape(sentence)}</div>'

    redraw(None)
    field.observe(redraw, names="value")
    button.on_click(redraw)
    return VBox([HBox([field, button]), status, figure])


def form(draw: Callable[..., Figure | Table], fields: Mapping[str, str | Sequence[str]]) -> "VBox":
    """Fields one below the other, and underneath the figure or table that `draw` makes of their values, in order.

    fields: by its label, the text that a text field begins with, or the choices of a list, of which the first is taken.
    Enter or leaving a field draws anew.  A CourseError of `draw` is shown in place of the figure.
    """
    from ipywidgets import HTML, Dropdown, Layout, Text, VBox

    style = {"style": {"description_width": "11em"}, "layout": Layout(width="30em", max_width="100%")}
    controls = [
        Text(value=start, description=label, continuous_update=False, **style)
        if isinstance(start, str)
        else Dropdown(options=list(start), description=label, **style)
        for label, start in fields.items()
    ]
    status, figure = HTML(), HTML()

    def redraw(_: object) -> None:
        hidden = ""
        try:
            drawn = draw(*(control.value for control in controls))
            # Whoever sees the figure reads this in it.
            figure.value, sentence, hidden = drawn.html, drawn.about, f' style="{UNSEEN}"'
        except CourseError as error:
            figure.value, sentence = "", str(error)
        status.value = f'<div role="status"{hidden}>{html.escape(sentence)}</div>'

    redraw(None)
    for control in controls:
        control.observe(redraw, names="value")
    return VBox([*controls, status, figure])


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
