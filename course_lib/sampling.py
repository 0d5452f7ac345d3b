"""Walking the ladder back, from any amount of noise to none.  Lesson 2."""

from collections.abc import Iterator

import torch
from torch import Tensor

from .errors import CourseError
from .models import Denoiser


@torch.no_grad()
def guess_picture(model: Denoiser, noisy: Tensor, amount: float, *, key: Tensor | None = None) -> Tensor:
    """What `model` takes the clean picture to be, whatever it predicts.  noisy, result: (B, 3, H, W); amount in (0, 1].

    From `noisy = (1 - amount) * picture + amount * noise`: a guess of the noise or of the velocity is a guess of the
    picture too.  It is kept in [-1, 1], where pictures live.
    """
    said = model(noisy, torch.full((len(noisy),), amount, device=noisy.device), key)
    if model.predicts == "noise":
        # At amount 1 nothing of the picture is left to divide out: the smallest share stands in for it.
        said = (noisy - amount * said) / max(1 - amount, 1e-3)
    elif model.predicts == "velocity":
        said = noisy - amount * said
    return said.clamp(-1, 1)


def walk(
    model: Denoiser, noisy: Tensor, *, steps: int, start: float = 1.0, key: Tensor | None = None
) -> Iterator[tuple[float, Tensor]]:
    """Walk from the amount `start` down to 0 in `steps` equal steps; yields the amount and the picture after each.

    noisy: (B, 3, H, W) at the amount `start`: pure noise for 1.  The last one yielded is at amount 0.
    A step keeps the guess and takes the same share off all that is not the guess: Euler's method along the straight
    path of rectified flow (Liu et al. 2022, arXiv:2209.03003).
    Raises CourseError for less than one step or a start outside (0, 1].
    """
    if steps < 1 or not 0 < start <= 1:
        raise CourseError(
            f"A walk takes at least 1 step from an amount in (0, 1]; this one: {steps} steps from {start}."
        )
    for step in range(steps):
        amount, after = (start * (steps - done) / steps for done in (step, step + 1))
        guess = guess_picture(model, noisy, amount, key=key)
        noisy = guess + after / amount * (noisy - guess)
        yield after, noisy
