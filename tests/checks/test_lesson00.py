"""The check of lesson 0's exercise: right answers pass, each wrong one hears what its mistake is."""

from collections.abc import Callable
from typing import Any

import pytest

from course_lib import checks, world
from course_lib.checks import lesson00
from tests.support.exercises import not_tried

Function = Callable[[], Any]


def held_out(number: int) -> str:
    return world.held_out_scenes()[number].caption


def caption_of(subject: str, place: str) -> str:
    return next(scene.caption for scene in world.scenes() if (scene.subject, scene.place) == (subject, place))


RIGHT: dict[str, Function] = {
    "solution": lambda: "Plane flying over a sofa.",
    "in capitals and without a full stop": lambda: "ROCKET PARKED ON A WOODEN FLOOR",
    "without its article": lambda: "white cat sitting on black sofa",
    "another pose on Mars": lambda: "Maine coon cat sitting on runway on Mars.",
    "made from the pairs": lambda: caption_of(*world.HELD_OUT[1]),
    "made from the scenes": lambda: held_out(-1),
    "joined, with a line feed": lambda: " ".join(["dog", "laying on", "a white and black salt and pepper rug.\n"]),
}

# Plausible wrong answers, under a piece of the sentence that names the mistake.
WRONG: list[tuple[str, Function]] = [
    ("None: no `return`?", lambda: None),
    ("a list: return one caption", lambda: [scene.caption for scene in world.held_out_scenes()]),
    ("a tuple: return one caption", lambda: world.HELD_OUT[0]),
    ("a Scene: a caption is text", lambda: world.held_out_scenes()[0]),
    ("is empty", lambda: " "),
    ("one short sentence", lambda: "very " * 100 + "black cat on a runway"),
    ("no word 'plain'", lambda: "Plain flying over a sofa."),
    ("no word 'unicorn'", lambda: "Unicorn laying on grass."),
    ("No plane is sitting", lambda: "Plane sitting on a sofa."),
    ("the nearest caption is", lambda: "plane sofa"),
    ("the nearest caption is", lambda: "Flying over a sofa."),
    ("have seen pictures", lambda: "Dog laying on grass."),
    ("have seen pictures", lambda: "black cat sitting on runway on Mars"),
    ("first picture", lambda: "Maine coon cat laying on runway on Mars."),
    ("stopped with IndexError", lambda: world.HELD_OUT[99]),
]


def check(function: Function, seed: int = 0) -> checks.Verdict:
    return lesson00.my_caption(function, seed=seed)


@pytest.mark.parametrize("kind", RIGHT)
def test_right_answers_of_every_kind_pass(kind: str):
    for seed in (0, 1):
        verdict = check(RIGHT[kind], seed)
        assert verdict.passed, verdict
        assert repr(verdict) == "Passed: my_caption."


@pytest.mark.parametrize(("said", "function"), WRONG)
def test_a_wrong_answer_hears_what_its_mistake_is(said: str, function: Function):
    verdict = check(function)
    assert not verdict.passed
    assert verdict.what.startswith("Not yet. ")
    assert said in verdict.what
    assert "which subject and which place" in repr(verdict)


def test_every_held_out_scene_but_the_lessons_own_passes_and_no_other_does():
    for scene in world.scenes():
        own = scene == world.parse(lesson00.THE_LESSONS_OWN)
        assert check(lambda caption=scene.caption: caption).passed == (scene.held_out and not own)


def test_not_tried_neither_passes_nor_raises():
    verdict = check(not_tried)
    assert not verdict.passed
    assert repr(verdict) == "Not tried yet: my_caption."
    assert "Not tried yet" in verdict._repr_html_()


def test_under_nbgrader_anything_but_a_pass_raises(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert check(RIGHT["solution"]).passed
    for wrong in (WRONG[0][1], not_tried):
        with pytest.raises(AssertionError):
            check(wrong)
