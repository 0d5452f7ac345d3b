"""The course's own: `models.Denoiser`, trained on whole captions as lesson 5 trains, and its walk of order 2."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from course_lib import artist, words, world
from course_lib.models import Denoiser
from course_lib.optimizers import optimizers_of
from course_lib.training import loss_at
from course_tools.recipes.draw import MODEL

from . import DROP_KEY, KEY, TUNED, System

# Full pictures have four times the places, so each size of theirs has fewer channels.
WIDTHS = {
    "full": {"small": (16, 32, 64), "medium": (32, 64, 96), "large": MODEL["widths"]},
    "folded": {"small": (32, 64, 96), "medium": MODEL["widths"], "large": (64, 128, 192)},
}


_, BATCH, RATE = TUNED["ours"]
HOW: dict[str, Any] = {"batch": BATCH, "learning_rate": RATE, "amounts": "bell", "optimizer": "muon"}
# The walk that all stored runs drew with; the shipped artist's has changed since.
WALK: dict[str, Any] = {"size": 32, "steps": 16, "order": 2, "guidance_between": (0.45, 1.0), "emphasis": 0.5}


class Ours(System):
    """The shipped artist's model, but asked for the picture, as lesson 5's; at full resolution it folds nothing.

    Folded and "medium" its network is that very one.
    model, training: what differs from that, and from `HOW` it is trained.
    """

    package = "course_lib"
    model: Denoiser

    def __init__(
        self, variant: str, size: str, *, model: dict[str, Any] | None = None, training: dict[str, Any] | None = None
    ) -> None:
        fold = MODEL["fold"] if variant == "folded" else 1
        made = MODEL | {"predicts": "picture", "fold": fold, "widths": WIDTHS[variant][size]} | (model or {})
        self.how = HOW | (training or {})
        self.model = Denoiser(**made, key_size=KEY)
        self.batch = self.how["batch"]
        self.samplers = {
            f"walk of order {WALK['order']}, {WALK['steps']} steps, guidance {guidance:g}": {"guidance": guidance}
            for guidance in (1.0, 2.0)
        }
        self.settings = {
            "from": "lesson 5, with the shipped artist's widths",
            "model": made,
            "training": self.how,
            "drop_key": DROP_KEY,
            "draw": WALK,
        }

    def learn(self, batch: int, rate: float) -> None:
        self.batch = self.how["batch"] = batch
        self.how["learning_rate"] = rate

    def optimizers(self) -> list[torch.optim.Optimizer]:
        return optimizers_of(self.model, self.how["optimizer"], self.how["learning_rate"])

    def loss(self, pictures: Tensor, keys: Tensor, generator: torch.Generator) -> Tensor:
        return loss_at(
            self.model, pictures, batch=self.batch, generator=generator, keys=keys, drop_key=DROP_KEY,
            amounts=self.how["amounts"],
        )  # fmt: skip

    def draw(self, scenes: Sequence[world.Scene], *, seed: int, **sampler: Any) -> Tensor:
        draws = artist.Artist(self.model, words.shipped_words(), {"draw": WALK | sampler})
        return draws.draw_each(scenes, seed=seed)
