"""The gallery without a browser: what a press of a button saves, shows and says."""

import re

import pytest
import torch

from course_lib.errors import CourseError
from course_lib.votes import Votes, ballot, vote_gallery

NAMES = ["Plane flying over grass, 0", "Plane flying over grass, 1", 'A "cat" & <dog>, 2']


@pytest.fixture
def votes(tmp_path) -> Votes:
    return Votes(tmp_path / "votes.jsonl")


def parts(gallery):
    said, grid = gallery.children
    figures = [cell.children[0] for cell in grid.children]
    buttons = [cell.children[1].children for cell in grid.children]
    return said, figures, buttons


def gallery(votes, **rest):
    return parts(vote_gallery(torch.zeros(3, 3, 8, 8), NAMES, votes, **rest))


def seen(figure: str) -> str:
    """The text that stands under a picture, for everybody: not hidden from screen readers either."""
    return re.search(r'<figcaption style="[^"]*">(.*)</figcaption>', figure)[1]


def test_the_vote_is_under_the_picture_and_the_pictures_name_in_its_description():
    for vote, said in ((None, "no vote"), (True, "up"), (False, "down")):
        figure = ballot(torch.zeros(3, 8, 8), 4, "Plane, 0", vote).html
        assert seen(figure) == f"4: {said}"
        assert 'alt="Picture 4, Plane, 0" width="150"' in figure


def test_a_press_saves_the_vote_and_says_so(votes):
    said, figures, buttons = gallery(votes)
    assert said.value == f'<div role="status">0 of 3 voted on; saved in {votes.path}.</div>'
    up, down = buttons[1]
    up.click()
    assert Votes(votes.path).of() == {NAMES[1]: True}
    assert 'alt="Picture 2, Plane flying over grass, 1"' in figures[1].value
    assert [seen(figure.value) for figure in figures] == ["1: no vote", "2: up", "3: no vote"]
    assert "Picture 2: up. 1 of 3 voted on" in said.value
    down.click()
    assert Votes(votes.path).of() == {NAMES[1]: False}
    assert seen(figures[1].value) == "2: down"
    assert "1 of 3 voted on" in said.value


def test_votes_of_before_are_shown_and_those_of_others_are_not(votes):
    votes.add(NAMES[0], False)
    votes.add(NAMES[1], True, voter="you")
    votes.add("another picture", True)
    said, figures, _ = gallery(Votes(votes.path))
    assert [seen(figure.value) for figure in figures] == ["1: down", "2: no vote", "3: no vote"]
    assert "1 of 3 voted on" in said.value
    _, figures, buttons = gallery(votes, voter="you")
    assert ": up" in figures[1].value
    buttons[2][1].click()
    assert Votes(votes.path).of("you") == {NAMES[1]: True, NAMES[2]: False}


def test_buttons_say_in_words_what_they_do_and_for_which_picture(votes):
    _, _, buttons = gallery(votes)
    for number, name, (up, down) in zip((1, 2, 3), NAMES, buttons, strict=True):
        assert (up.description, down.description) == (f"up {number}", f"down {number}")
        assert (up.tooltip, down.tooltip) == (f"Vote up: {name}", f"Vote down: {name}")
        assert not up.disabled
        assert up.tabbable is not False if hasattr(up, "tabbable") else True  # ipywidgets 8 has it, 7 has not


def test_a_vote_that_was_not_saved_is_not_shown_as_cast(votes, monkeypatch):
    said, figures, buttons = gallery(votes)

    def full(*_, **__):
        raise CourseError("The vote was not saved: make room <soon>.")

    monkeypatch.setattr(votes, "add", full)
    buttons[0][0].click()
    assert "no vote" in figures[0].value
    assert "The vote was not saved: make room &lt;soon&gt;. 0 of 3 voted on" in said.value


def test_strange_names_stay_text(votes):
    said, figures, buttons = gallery(votes)
    buttons[2][0].click()
    assert "<dog>" not in said.value + figures[2].value
    assert Votes(votes.path).of() == {NAMES[2]: True}


@pytest.mark.parametrize("names", [["a", "b"], ["a", "b", "b"], ["a", "b", "c", "d"], []])
def test_pictures_without_a_name_of_their_own_are_refused(names, votes):
    with pytest.raises(CourseError, match="give each a name of its own"):
        vote_gallery(torch.zeros(3, 3, 8, 8), names, votes)
