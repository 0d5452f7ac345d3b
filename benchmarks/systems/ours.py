"""The course's own: `models.Denoiser`, trained on whole captions as the shipped artist is, and its walk of order 2."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from course_lib import artist, training, words, world
from course_lib.models import Denoiser
from course_lib.teaching.train import MODEL, WALK, WHOLE

from . import BATCH, DROP_KEY, KEY, System

# Full pictures have four times the places, so each size of theirs has fewer channels.
WIDTHS = {
    "full": {"small": (16, 32, 64), "medium": (32, 64, 96), "large": MODEL["widths"]},
    "folded": {"small": (32, 64, 96), "medium": MODEL["widths"], "large": (64, 128, 192)},
}


class Ours(System):
    """The shipped artist's model; folded and "medium" it is that very one.  At full resolution it folds nothing."""

    package = "course_lib"
    model: Denoiser

    def __init__(self, variant: str, size: str) -> None:
        made = MODEL | {"fold": MODEL["fold"] if variant == "folded" else 1, "widths": WIDTHS[variant][size]}
        self.model = Denoiser(**made, key_size=KEY)
        # As `training.train` sets it.
        self.optimizer = {"lr": WHOLE["learning_rate"], "betas": (0.9, 0.99), "weight_decay": 0.0}
        self.samplers = {
            f"walk of order {WALK['order']}, {WALK['steps']} steps, guidance {guidance:g}": {"guidance": guidance}
            for guidance in (1.0, 2.0)
        }
        self.settings = {
            "from": "course_lib.teaching.train",
            "model": made,
            "amounts": WHOLE["amounts"],
            "drop_key": DROP_KEY,
            "optimizer": self.optimizer,
            "draw": WALK,
        }

    def loss(self, pictures: Tensor, keys: Tensor, generator: torch.Generator) -> Tensor:
        return training.loss_at(
            self.model, pictures, batch=BATCH, generator=generator, keys=keys, drop_key=DROP_KEY,
            amounts=WHOLE["amounts"],
        )  # fmt: skip

    def draw(self, scenes: Sequence[world.Scene], *, seed: int, **sampler: Any) -> Tensor:
        draws = artist.Artist(self.model, words.shipped_words(), {"draw": WALK | sampler})
        return draws.draw_each(scenes, seed=seed)
