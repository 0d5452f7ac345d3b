"""The check of lesson 0's exercise: a caption of which no model has seen a picture."""

from torch import Generator

from ..errors import CourseError
from ..world import parse
from .verdict import Ask, NotYet, exercise

THE_LESSONS_OWN = "Maine coon cat laying on runway on Mars"
LONGEST = 200  # letters; the longest caption of the world has half as many


@exercise(idea="which subject and which place were kept apart, and how does a caption say the two together?")
def my_caption(ask: Ask, random: Generator) -> None:
    caption = ask.answer()
    if caption is None:
        raise NotYet("Your function gives back None: no `return`?")
    if isinstance(caption, list | tuple | set | dict):
        raise NotYet(f"Your function gives back a {type(caption).__name__}: return one caption, as text.")
    if not isinstance(caption, str):
        raise NotYet(f"Your function gives back a {type(caption).__name__}: a caption is text, between quotes.")
    if not caption.strip():
        raise NotYet("The caption is empty: say who, doing what, where.")
    if len(caption) > LONGEST:
        raise NotYet("A caption is one short sentence: who, doing what, where.")
    try:
        scene = parse(caption)
    except CourseError as error:
        raise NotYet(str(error)) from None
    if not scene.held_out:
        raise NotYet(f'The models have seen pictures of "{scene.caption}" in their training.')
    if scene == parse(THE_LESSONS_OWN):
        raise NotYet("This is the caption of the lesson's first picture: find another.")
