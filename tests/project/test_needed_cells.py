"""Which cells of a lesson its widgets need, and that those of the real lessons train nothing."""

import re

import nbformat
import pytest
from nbformat import v4

from tests.support.needed_cells import WIDGETS, with_calls_of

CELLS = {
    "imports": "import torch\nfrom course_lib.widgets import slider",
    "first": "picture = torch.zeros(3)",
    "other": "model = 1 / 0",
    "second": "picture = picture + 1",
    "loop": "for model in range(3):\n    print(model)",
    "function": "def at(amount):\n    local = amount\n    return picture * local + shift",
    "later": "shift = [0 for number in range(3)][0]",
    "widget": "slider(at)",
    "after": "picture = None",
}


def chosen(*functions: str, **more: str) -> list[str]:
    made = v4.new_notebook(cells=[v4.new_code_cell(source, id=name) for name, source in {**CELLS, **more}.items()])
    made.cells.insert(0, v4.new_markdown_cell("# Words"))
    return [cell.id for cell in with_calls_of(made, functions).cells]


def test_what_a_widget_needs_is_there_in_order_and_nothing_else():
    assert chosen("slider") == ["imports", "first", "second", "function", "widget"]


def test_what_is_read_where_the_function_is_called_counts_at_the_call():
    assert "later" in chosen("slider", function="def at(amount):\n    return amount", widget="slider(at, shift)")


@pytest.mark.parametrize(
    ("source", "needs"),
    [
        ("shown(picture)", True),
        ("picture += 1\nshown(picture)", True),
        ("picture = 1\nshown(picture)", False),
        ("for picture in (1, 2):\n    shown(picture)", False),
        ("shown(lambda picture: picture)", False),
        ("shown(lambda: picture)", True),
        ("shown([picture for picture in (1, 2)])", False),
        ("shown(x.picture)", False),
    ],
)
def test_a_name_is_read_only_where_it_has_no_value_yet(source, needs):
    assert ("after" in chosen("shown", last=source)) == needs


def test_the_set_up_cell_is_always_there():
    made = v4.new_notebook(
        cells=[v4.new_code_cell("1", metadata={"course": {"set_up": True}}), v4.new_code_cell("f()")]
    )
    assert len(with_calls_of(made, ["f"]).cells) == 2


def test_a_function_that_is_called_nowhere_is_said():
    with pytest.raises(ValueError, match="calls gallery"):
        chosen("slider", "gallery")


@pytest.mark.parametrize("name", WIDGETS)
def test_the_widgets_of_a_lesson_need_a_part_of_it_that_trains_nothing(checkout, name):
    lesson = nbformat.read(checkout / "notebooks" / name, as_version=4)
    cells = with_calls_of(lesson, WIDGETS[name]).cells
    assert len(cells) < sum(cell.cell_type == "code" for cell in lesson.cells) / 2
    assert not re.search(r"\btrain\w*\(", "".join(cell.source for cell in cells))
