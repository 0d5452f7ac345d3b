"""Walking the ladder back, from any amount of noise to none.  Lesson 2; with a key and guidance: lesson 5."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from .errors import CourseError

# One row for each picture, one for all, or a function of the amount that gives either: a key that changes on the way.
Key = Tensor | Callable[[float], Tensor] | None


class Model(Protocol):
    """What can be walked with: a `models.Denoiser`, or another network that is called like one."""

    predicts: str

    def __call__(self, noisy: Tensor, amount: Tensor, key: Tensor | None = None) -> Tensor: ...


@torch.no_grad()
def guess_picture(
    model: Model,
    noisy: Tensor,
    amount: float,
    *,
    key: Key = None,
    guidance: float = 1.0,
    limit: float | None = 1.0,
) -> Tensor:
    """What `model` takes the clean picture to be, whatever it predicts.  noisy, result: (B, 3, H, W); amount in (0, 1].

    From `noisy = (1 - amount) * picture + amount * noise`: a guess of the noise or of the velocity is a guess of the
    picture too.  It is kept in [-limit, limit]: pictures live in [-1, 1].  None leaves it as it is: the latents of
    lesson 9 have no bounds.
    key: (B, key_size), (1, key_size) for all, or a function of the amount.
    guidance: 1 is the guess with the key, 0 the guess without, more than 1 goes on in the direction from the one to
    the other (classifier-free guidance, Ho and Salimans 2022, arXiv:2207.12598): two calls of the network a picture.
    """
    key = key(amount) if callable(key) else key
    if key is not None and len(key) == 1:
        key = key.expand(len(noisy), -1)
    if key is None or guidance == 1:
        output = call_model(model, noisy, amount, key)
    else:
        both = torch.cat([key, torch.zeros_like(key)])
        with_key, without = call_model(model, torch.cat([noisy, noisy]), amount, both).chunk(2)
        output = without + guidance * (with_key - without)
    if model.predicts == "noise":
        # At amount 1 nothing of the picture is left to divide out: the smallest share stands in for it.
        guess = (noisy - amount * output) / max(1 - amount, 1e-3)
    elif model.predicts == "velocity":
        guess = noisy - amount * output
    else:
        guess = output
    return guess if limit is None else guess.clamp(-limit, limit)


def call_model(model: Model, noisy: Tensor, amount: float, key: Tensor | None) -> Tensor:
    """The output of `model` for pictures that all hold the same amount of noise."""
    return model(noisy, torch.full((len(noisy),), amount, device=noisy.device), key)


def walk(
    model: Model,
    noisy: Tensor,
    *,
    steps: int | None = None,
    start: float = 1.0,
    amounts: Sequence[float] | None = None,
    order: int = 1,
    key: Key = None,
    guidance: float = 1.0,
    guidance_between: tuple[float, float] = (0.0, 1.0),
    limit: float | None = 1.0,
) -> Iterator[tuple[float, Tensor]]:
    """Walk from the amount `start` down to 0 in `steps` equal steps; yields the amount and the picture after each.

    noisy: (B, 3, H, W) at the amount `start`: pure noise for 1.  The last one yielded is at amount 0.
    amounts: the stops themselves, instead of equal steps: they fall from the amount of `noisy` to 0.
    order: 1 keeps the guess and takes the same share off all that is not the guess: Euler's method along the straight
    path of rectified flow (Liu et al. 2022, arXiv:2209.03003).  2 sees from the step before how the direction turns
    (Adams and Bashforth's two-step method, as DPM-Solver++(2M) uses it, Lu et al. 2022, arXiv:2211.01095): a much
    smaller error for the same calls of the network.  Its last step ends on the guess, as Euler's does.
    key, guidance, limit: as in `guess_picture`.  Only at amounts within `guidance_between` is there guidance, and its
    cost (Kynkäänniemi et al. 2024, arXiv:2404.07724).
    Raises CourseError for less than one step, a start outside (0, 1], amounts that don't fall to 0 or another order.
    """
    if amounts is None:
        if steps is None or steps < 1 or not 0 < start <= 1:
            raise CourseError(f"A walk takes at least 1 step from an amount in (0, 1], not {steps} from {start}.")
        amounts = [start * (steps - done) / steps for done in range(steps + 1)]
    falls = all(amount > after for amount, after in itertools.pairwise(amounts))
    if not falls or len(amounts) < 2 or amounts[0] > 1 or amounts[-1] != 0:
        raise CourseError(f"The amounts of a walk fall from at most 1 to 0, and these are {list(amounts)}.")
    if order not in (1, 2):
        raise CourseError(f"A walk is of order 1 or 2, not {order}.")
    low, high = guidance_between
    last: tuple[float, Tensor] | None = None  # the amount and the velocity of the step before
    for amount, after in itertools.pairwise(amounts):
        strength = guidance if low <= amount <= high else 1.0
        guess = guess_picture(model, noisy, amount, key=key, guidance=strength, limit=limit)
        velocity = (noisy - guess) / amount  # noise minus picture, as far as the model knows
        noisy = guess + after / amount * (noisy - guess)
        if order == 2 and last is not None and after > 0:
            turn = (velocity - last[1]) / (amount - last[0])
            noisy = noisy + (after - amount) ** 2 / 2 * turn
        last = amount, velocity
        yield after, noisy


def draw(model: Model, noisy: Tensor, **settings: Any) -> Tensor:
    """The end of a walk: the pictures at amount 0, (B, 3, H, W).  Arguments as `walk` takes them."""
    *_, (_, pictures) = walk(model, noisy, **settings)
    return pictures
