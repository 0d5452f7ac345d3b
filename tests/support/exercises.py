"""The tests that the exercises of all lessons share: a lesson's file says what its answers are."""

import copy
import itertools
import math
import re
from collections.abc import Callable, Collection, Mapping
from types import ModuleType
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from course_lib import checks

Function = Callable[..., Any]

NO_ANSWERS: dict[str, Any] = {
    "None": None,
    "a text": "key",
    "an empty list": [],
    "an empty dict": {},
    "a list of None": [None],
    "a number": 3,
    "another shape": torch.zeros(7, 5),
    "no values": torch.zeros(0),
    "an object": object(),
}


def exercises_of(*lessons: ModuleType) -> set[str]:
    """The exercises whose checks these modules define, and notebooks call as checks.NAME."""
    return {
        name
        for lesson in lessons
        for name, check in vars(lesson).items()
        if callable(check) and vars(checks).get(name) is check
    }


def check(exercise: str, function: Function, seed: int = 0) -> checks.Verdict:
    return getattr(checks, exercise)(function, seed=seed)


def not_tried(*inputs: Any) -> Any:
    raise NotImplementedError("your code here")


def stop(error: BaseException) -> Function:
    def function(*inputs: Any) -> Any:
        raise error

    return function


def wipe(value: Any) -> None:
    if isinstance(value, Tensor):
        value.zero_()
    elif isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            wipe(part)
        value.clear()


def crosses(value: Any) -> bool:
    """Whether a stand-in in another process can be given this."""
    if isinstance(value, dict):
        return all(type(key) is str and crosses(part) for key, part in value.items())
    if isinstance(value, list):
        return all(map(crosses, value))
    return type(value) in (bool, int, float, str, Tensor)


def spoilt(answer: Any, odd: float, where: slice) -> Any:
    """The answer with some of its numbers replaced."""
    if isinstance(answer, dict):
        return answer | dict.fromkeys(list(answer)[where], odd)
    numbers = checks.verdict.as_numbers(answer)
    flat = numbers.flatten().clone()
    flat[where] = odd
    return flat.reshape(numbers.shape)


class ExercisesOfALesson:
    """Right answers pass, each wrong one hears what its mistake is, and nothing that a function does stops a lesson."""

    exercises: ClassVar[Collection[str]]
    # For each exercise the solution and other right answers.
    right: ClassVar[Mapping[str, Mapping[str, Function]]]
    # For each exercise plausible wrong answers, under a piece of the sentence that names the mistake.
    wrong: ClassVar[Mapping[str, list[tuple[str, Function]]]]
    seeds: ClassVar[Collection[int]] = (0, 1, 2)
    # The exercises whose verdict, before they are tried, shows what they should draw.
    drawn: ClassVar[Collection[str]] = ()
    # The exercises whose answers hold more than numbers, or none.
    not_numbers: ClassVar[Collection[str]] = ()
    no_answers: ClassVar[Mapping[str, Any]] = NO_ANSWERS

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Ask each test about the answers of the lesson whose class it runs in."""
        asked = metafunc.fixturenames
        if "kind" in asked:
            kinds = [(exercise, kind) for exercise, answers in self.right.items() for kind in answers]
            metafunc.parametrize(("exercise", "kind"), kinds)
        elif "said" in asked:
            mistakes = [
                pytest.param(exercise, said, function, id=f"{exercise}-{said}")
                for exercise, answers in self.wrong.items()
                for said, function in answers
            ]
            metafunc.parametrize(("exercise", "said", "function"), mistakes)
        elif "odd" in asked:
            metafunc.parametrize("exercise", [name for name in self.right if name not in self.not_numbers])
        elif "exercise" in asked:
            metafunc.parametrize("exercise", list(self.right))
        if "no_answer" in asked:
            metafunc.parametrize("no_answer", list(self.no_answers))

    def solution(self, exercise: str) -> Function:
        return self.right[exercise]["solution"]

    def test_every_exercise_has_enough_answers_of_both_sorts(self) -> None:
        assert set(self.right) == set(self.wrong) == set(self.exercises)
        assert min(len(answers) for answers in self.right.values()) >= 4
        assert min(len({said for said, _ in answers}) for answers in self.wrong.values()) >= 6

    def test_right_answers_of_every_kind_pass(self, exercise: str, kind: str) -> None:
        for seed in self.seeds:
            verdict = check(exercise, self.right[exercise][kind], seed)
            assert verdict.passed, f"with seed {seed}: {verdict}"
            assert repr(verdict) == f"Passed: {exercise}."

    def test_a_wrong_answer_hears_what_its_mistake_is(self, exercise: str, said: str, function: Function) -> None:
        unnamed = "values are not right"
        for seed in self.seeds:
            verdict = check(exercise, function, seed)
            assert not verdict.passed, f"with seed {seed}"
            assert verdict.what.startswith("Not yet. ")
            assert said in verdict.what, f"with seed {seed}: {verdict}"
            assert unnamed in said or unnamed not in verdict.what
            assert verdict._repr_html_()

    def test_an_exercise_not_tried_says_so_and_shows_what_it_should_draw(self, exercise: str) -> None:
        verdict, draws = check(exercise, not_tried), exercise in self.drawn
        page = verdict._repr_html_()
        assert not verdict.passed
        assert repr(verdict).splitlines()[0] == f"Not tried yet: {exercise}."
        assert "Think about" not in page
        assert ("What it should draw" in page) == ("What it should draw" in repr(verdict)) == draws
        assert len(re.findall(r'<img alt="[^"]+" [^>]*src="data:image/', page)) == draws

    @pytest.mark.parametrize("odd", [math.nan, math.inf])
    def test_values_that_are_not_finite_are_named_and_drawn(self, exercise: str, odd: float) -> None:
        for where in (slice(1), slice(-1, None), slice(None)):
            verdict = check(exercise, lambda *inputs, where=where: spoilt(self.solution(exercise)(*inputs), odd, where))
            assert not verdict.passed, f"at {where}"
            assert "not finite" in verdict.what, f"at {where}: {verdict}"
            assert verdict._repr_html_()

    def test_what_is_no_answer_stops_nothing(self, exercise: str, no_answer: str) -> None:
        verdict = check(exercise, lambda *inputs: self.no_answers[no_answer])
        assert not verdict.passed
        assert verdict.what.startswith("Not yet. ")
        assert verdict._repr_html_()

    def test_answers_learnt_by_heart_fail_on_another_seed(self, exercise: str) -> None:
        learnt: list[Any] = []

        def learn(*inputs: Any) -> Any:
            learnt.append(self.solution(exercise)(*inputs))
            return learnt[-1]

        assert check(exercise, learn).passed
        for seed, passes in ((0, True), (1, False), (2, False)):
            answers = iter(learnt)
            verdict = check(exercise, lambda *inputs, given=answers: next(given), seed)
            assert verdict.passed == passes, f"with seed {seed}"

    @pytest.mark.filterwarnings("ignore:invalid value encountered")
    def test_a_function_that_wipes_its_inputs_changes_no_verdict(self, exercise: str) -> None:
        asked = itertools.count()
        given: set[type] = set()

        def right(*inputs: Any) -> Any:
            given.update(map(type, inputs))
            answer = copy.deepcopy(self.solution(exercise)(*inputs))  # it may be a view of an input
            wipe(list(inputs))
            return answer

        def right_once(*inputs: Any) -> Any:
            if next(asked) == 0:
                return right(*inputs)
            wipe(list(inputs))
            return self.solution(exercise)(*inputs)

        verdict = check(exercise, right)
        assert verdict.passed, verdict
        cannot_be_wiped = given <= {bool, int, float, str}
        assert check(exercise, right_once).passed == cannot_be_wiped

    def test_only_what_can_cross_to_another_process_goes_in(self, exercise: str) -> None:
        given: list[Any] = []

        def ask(*inputs: Any) -> Any:
            given.extend(inputs)
            return self.solution(exercise)(*inputs)

        assert check(exercise, ask).passed
        assert [type(value) for value in given if not crosses(value)] == []

    def test_under_nbgrader_anything_but_a_pass_raises(self, exercise: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
        said, wrong = self.wrong[exercise][0]
        assert check(exercise, self.solution(exercise)).passed
        with pytest.raises(AssertionError, match=re.escape(said)):
            check(exercise, wrong)
        with pytest.raises(AssertionError, match=f"^Not tried yet: {exercise}"):
            check(exercise, not_tried)
        with pytest.raises(AssertionError, match="stopped with SystemExit"):
            check(exercise, stop(SystemExit()))
