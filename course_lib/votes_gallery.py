"""A gallery to vote in: a figure for each picture, and the widget that puts two buttons under each.  Lesson 7."""

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from .errors import CourseError
from .pictures import Figure, show
from .votes import Votes

if TYPE_CHECKING:
    from ipywidgets import VBox


def ballot(picture: Tensor, number: int, name: str, vote: bool | None) -> Figure:
    """A picture over its number and the vote on it: up (True), down (False) or none yet (None).

    picture: (3, H, W) in [-1, 1].
    """
    said = {None: "no vote", True: "up", False: "down"}[vote]
    return show(picture[None], about=f"Picture {number}, {name}: {said}", labels=f"{number}: {said}", width=150)


def vote_gallery(pictures: Tensor, names: Sequence[str], votes: Votes, *, voter: str = "me") -> "VBox":
    """A gallery with an "up" and a "down" button under each picture; every vote is saved in `votes` when it is cast.

    pictures: (B, 3, H, W) in [-1, 1].  names: one of each, no two alike: the votes are saved under them.
    Tab goes from button to button, the space bar votes, and voting again changes the vote.  What was voted before,
    and what can't be saved, is said.  Raises CourseError if the names don't name each picture.
    """
    from ipywidgets import HTML, Box, Button, HBox, Layout, VBox

    if len(set(names)) != len(pictures) or len(names) != len(pictures):
        raise CourseError(
            f"There are {len(pictures)} pictures and {len(set(names))} names: give each a name of its own."
        )
    said = HTML()

    def tell(sentence: str) -> None:  # role="status": a screen reader says it when it has finished what it was saying
        count = len(votes.of(voter).keys() & set(names))
        counted = f"{count} of {len(names)} voted on; saved in {votes.path}."
        said.value = f'<div role="status">{html.escape(f"{sentence} {counted}".strip())}</div>'

    def cell(number: int, picture: Tensor, name: str) -> VBox:
        figure = HTML(ballot(picture, number, name, votes.of(voter).get(name)).html)

        def button(word: str) -> Button:
            layout = Layout(width="80px")
            made = Button(description=f"{word} {number}", tooltip=f"Vote {word}: {name}", layout=layout)
            made.on_click(lambda _: cast(word))
            return made

        def cast(word: str) -> None:
            try:
                votes.add(name, word == "up", voter=voter)
            except CourseError as error:
                tell(str(error))
                return
            figure.value = ballot(picture, number, name, word == "up").html
            tell(f"Picture {number}: {word}.")

        return VBox([figure, HBox([button("up"), button("down")])])

    cells = [cell(*each) for each in zip(range(1, len(names) + 1), pictures, names, strict=True)]
    tell("")
    return VBox([said, Box(cells, layout=Layout(flex_flow="row wrap"))])
