"""What all checks share: asking the reader's function, comparing its answer, and saying so.  From lesson 1 on."""

import copy
import functools
import html
import os
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Generator, Tensor

from ..pictures import example_photo, show

Mistakes = Mapping[str, Any]  # what known wrong answers give (a tuple: any of it), under the sentence that names them
photo = functools.cache(example_photo)


@dataclass(frozen=True, repr=False, eq=False)
class Verdict:
    """What a check found: what went wrong, expected beside got, the idea to look at; in a notebook with pictures."""

    passed: bool
    what: str
    idea: str = ""
    sides: Mapping[str, Tensor] = field(default_factory=dict)

    def __repr__(self) -> str:
        sides = [f"  {side}: {brief(value)}" for side, value in self.sides.items()]
        return "\n".join([self.what, *sides] + [f"Think about: {self.idea}"] * bool(self.idea))

    def _repr_html_(self) -> str:
        said = f"<div><strong>{html.escape(self.what)}</strong></div>"
        for side, value in self.sides.items():  # two to compare, or one as a hint, folded away
            style = 'style="display:inline-block;margin:.3em 1em 0 0"' + " open" * (len(self.sides) > 1)
            said += f"<details {style}><summary>{side}</summary>{drawn(value, side)}</details>"
        said += f"<div>Think about: {html.escape(self.idea)}</div>" * bool(self.idea)
        return f'<div role="status" style="border-left:4px solid;padding:.3em .8em">{said}</div>'


class NotYet(Exception):  # noqa: N818 (an answer that is not right yet is no error)
    """Raised inside a check when an answer is not right: what is wrong and, where they can be compared, the sides."""


@dataclass
class Ask:
    """Asks the reader's function and compares its answer; a check calls it once for each thing it wants to know."""

    function: Callable[..., Any]
    expected: Tensor = field(default_factory=lambda: torch.zeros(()))  # by the last question

    def __call__(self, *inputs: Any, expect: Any, mistakes: Mistakes, within: float = 1e-3) -> None:
        """Raise NotYet unless the function gives `expect` for `inputs`, to `within` of its largest value (or of 1)."""
        self.expected = as_numbers(expect)
        self.compare(self.answer(*inputs), expect=expect, mistakes=mistakes, within=within)

    def compare(self, given: Any, *, expect: Any, mistakes: Mistakes, within: float = 1e-3) -> None:
        """The same for an answer that is already there: some mistakes are told by what it is."""
        expected, got = as_numbers(expect), numbers_of(given)
        if got is None:
            what = "None: no `return`?" if given is None else f"a {type(given).__name__}, not a block of numbers."
            raise NotYet(f"Your function gives back {what}")

        def gave(result: Any) -> bool:
            numbers = as_numbers(result)
            far = within * max(1.0, float(numbers.abs().max())) if numbers.numel() else within
            return got.shape == numbers.shape and torch.allclose(got, numbers, rtol=0, atol=far)

        if gave(expected):
            return
        sides = {"Expected": expected, "Yours": got}
        for what, results in mistakes.items():
            if any(map(gave, results if isinstance(results, tuple) else [results])):
                raise NotYet(what, sides)
        if got.shape != expected.shape:
            wanted, shape = (f"of shape {tuple(side.shape)}" if side.ndim else "one number" for side in (expected, got))
            raise NotYet(f"The shape is not right: the result should be {wanted}, and yours is {shape}.")
        if not got.isfinite().all():
            raise NotYet("Some values are not finite: is something divided by 0?", sides)
        raise NotYet("The values are not right.", sides)

    def answer(self, *inputs: Any) -> Any:
        """What the function gives for `inputs`, whatever that is.  Raises NotYet if it stops."""
        try:  # with copies: a function that changes what it was given can't change what the next question is made of
            return self.function(*copy.deepcopy(inputs))
        except (Exception, SystemExit) as error:
            if isinstance(error, NotImplementedError) and str(error) == "your code here":  # an untouched stub
                raise
            raise NotYet(f"Your function stopped with {traceback.format_exception_only(error)[-1].strip()}") from None


def exercise(*, idea: str) -> Callable[[Callable[[Ask, Generator], None]], Callable[..., Verdict]]:
    """Make a check of a function that asks.  idea: the question that a reader who is not right should think about.

    A check takes the reader's function and a seed: 0 in the lesson, others in hidden tests, so memorised answers fail.
    """

    def make(body: Callable[[Ask, Generator], None]) -> Callable[..., Verdict]:
        def check(function: Callable[..., Any], *, seed: int = 0) -> Verdict:
            verdict = _judged(body, Ask(function), seed, idea)
            if os.environ.get("NBGRADER_EXECUTION") and not verdict.passed:
                raise AssertionError(repr(verdict))  # how nbgrader learns of it
            return verdict

        check.__name__ = check.__qualname__ = body.__name__
        check.__doc__ = f"Check the reader's `{body.__name__}`, and say what is right or wrong."
        return check

    return make


def _judged(body: Callable[[Ask, Generator], None], ask: Ask, seed: int, idea: str) -> Verdict:
    try:
        body(ask, torch.Generator().manual_seed(seed))
    except NotImplementedError:
        hint = {"What it should draw": ask.expected} if ask.expected.ndim == 4 else {}
        return Verdict(False, f"Not tried yet: {body.__name__}.", sides=hint)
    except NotYet as wrong:
        return Verdict(False, f"Not yet. {wrong.args[0]}", idea, *wrong.args[1:])
    return Verdict(True, f"Passed: {body.__name__}.")


def photos_and_noise(random: Generator, *, count: int, size: int = 24) -> tuple[Tensor, Tensor]:
    """`count` patches of the cat photo, count x 3 x size x size, and noise of that shape, other ones for each seed."""
    wide = 32 if size == 24 else 96  # at 32 pixels a patch of 24 shows the cat, which the messages speak of
    corners = torch.randint(wide - size, (count, 2), generator=random).tolist()
    patches = [photo("cat", size=wide)[..., top : top + size, left : left + size] for top, left in corners]
    return torch.cat(patches), torch.randn((count, 3, size, size), generator=random)


def as_numbers(value: Any) -> Tensor:
    """Numbers, tensors, arrays or lists of them as one float64 tensor (of 1 x 3 x H x W: a batch).  Else raises."""
    if isinstance(value, list | tuple):
        numbers = torch.stack([as_numbers(part) for part in value])
    else:  # an array is copied because torch can't read one that runs backwards
        numbers = torch.as_tensor(value.copy() if hasattr(value, "copy") else value).detach().cpu()
    if numbers.is_complex():
        raise TypeError("complex numbers")
    return (numbers.squeeze(1) if numbers.ndim == 5 else numbers).double()


def numbers_of(given: Any) -> Tensor | None:
    """An answer as numbers, or None if it is none."""
    try:
        return as_numbers(given)
    except Exception:  # whatever a reader's object raises when it is turned into numbers
        return None


def drawn(numbers: Tensor, side: str) -> str:
    """The numbers as HTML: pictures as pictures, at most six, the rest as short text."""
    if numbers.ndim != 4 or numbers.shape[1] != 3 or not numbers.numel():
        return f"<code>{html.escape(brief(numbers))}</code>"
    some = numbers[:6].clamp(-1, 1).nan_to_num().float()
    figure = show(some, about=f"{side}: the pictures of this exercise.", columns=len(some))
    return replace(figure, width=72 * len(some)).image


def brief(numbers: Tensor) -> str:
    some = ", ".join(f"{number:.4g}" for number in numbers.flatten()[:6].tolist())
    return some if numbers.numel() <= 6 else f"shape {tuple(numbers.shape)}, first values {some} ..."
