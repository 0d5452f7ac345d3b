"""The course's own: `models.Denoiser`, trained on whole captions as lesson 5 trains, and its walk of order 2."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from course_lib import words, world
from course_lib.models import Denoiser
from course_lib.optimizers import optimizers_of
from course_lib.pipeline import DrawSettings, Pipeline
from course_lib.training import DenoisingLoss
from course_tools.recipes.draw import MODEL

from . import DROP_KEY, KEY, TUNED, System

# Full pictures have four times the places, so each size of theirs has fewer channels.
WIDTHS = {
    "full": {"small": (16, 32, 64), "medium": (32, 64, 96), "large": MODEL["widths"]},
    "folded": {"small": (32, 64, 96), "medium": MODEL["widths"], "large": (64, 128, 192)},
}


_, BATCH, RATE = TUNED["ours"]
HOW: dict[str, Any] = {"batch": BATCH, "learning_rate": RATE, "amounts": "logit-normal", "optimizer": "muon"}
# The walk that all stored runs drew with; the shipped model's has changed since.
WALK: dict[str, Any] = {"size": 32, "steps": 16, "order": 2, "guidance_between": (0.45, 1.0), "emphasis": 0.5}


class Ours(System):
    """The shipped model, but asked for the picture, as lesson 5's; at full resolution it folds nothing.

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
            "from": "lesson 5, with the shipped model's widths",
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
        loss = DenoisingLoss(pictures, keys, self.batch, DROP_KEY, self.how["amounts"])
        return loss(self.model, generator)

    def draw(self, scenes: Sequence[world.Scene], *, seed: int, **sampler: Any) -> Tensor:
        pipeline = Pipeline(self.model, words.shipped_words(), DrawSettings(**WALK | sampler))
        return pipeline.draw_each(scenes, seed=seed)
