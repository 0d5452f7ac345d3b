"""A drawing beside the training pictures that lie nearest to it, and what is different.  Lesson 8."""

import torch
from torch import Tensor

from .judge import nearest
from .pictures import Figure, show


def neighbours(drawing: Tensor, known: Tensor, *, about: str, count: int = 5) -> Figure:
    """A drawing and its nearest known pictures with their distances; under each of them the difference.

    drawing: (3, H, W) in [-1, 1].  known: (N, 3, H, W), of which the `count` nearest are shown, or all if they are
    fewer.  Distances are the root mean square over the pixels.  In a difference grey means none, and lighter that the
    drawing is lighter there; it is halved, so that any fits between black and white.
    """
    distances, numbers = nearest(drawing[None], known, count=min(count, len(known)))
    near = known[numbers[0]]
    differences = (drawing - near) / 2
    nothing = torch.zeros_like(drawing)[None]
    return show(
        [drawing[None], near, nothing, differences],
        labels=[
            "the drawing",
            *(f"{place}. of {len(known):,}\n{far:.3f} away" for place, far in enumerate(distances[0].tolist(), 1)),
            "no difference",
            *["difference"] * len(near),
        ],
        columns=1 + len(near),
        about=about,
    )
