"""A comprehension's variable is its own, whatever version of Python reads it."""

import ast

import pytest

from course_tools.classroom.worker import uses
from course_tools.scopes import bound_names, symbol_table


def names(source):
    table = symbol_table(ast.parse(source).body[0])
    found = {one.get_name(): (one.is_referenced(), one.is_assigned()) for one in table.get_symbols()}
    return table, found


@pytest.mark.parametrize(
    "source",
    [
        "shown([picture for picture in pictures])",
        "shown({picture for picture in pictures})",
        "shown({picture: 1 for picture in pictures})",
        "shown({1: picture for picture in pictures})",
        "shown([1 for picture in pictures if picture])",
        "shown([[picture for picture in row] for row in pictures])",
        "shown(picture for picture in pictures)",
    ],
)
def test_a_comprehension_keeps_its_variable_to_itself(source):
    table, found = names(source)
    assert found["pictures"] == found["shown"] == (True, False)
    assert "picture" not in found
    assert len(table.get_children()) == 1


def test_what_a_comprehension_assigns_on_purpose_is_the_cells():
    table, _ = names("shown([last := picture for picture in pictures])")
    assert bound_names(table) == {"last"}


def test_the_sandbox_runs_nothing_for_the_sake_of_a_comprehensions_variable():
    binds, _, _, reads = uses(ast.parse("many = [blend for blend in ways]").body[0])
    assert binds == {"many"}
    assert reads == {"ways"}
