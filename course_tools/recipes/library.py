"""`course train library`: one keyed model beside a library of specialists.  Lesson 5."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from course_lib import judge
from course_lib.models import parameter_count
from course_lib.world import render
from course_tools.recipes.run import (
    BATCH,
    DRAWN,
    FEW,
    FRESH,
    KEYED,
    LIBRARY,
    SPECIALIST,
    Progress,
    Result,
    caption_keys,
    draw_all,
    figures_of,
    train_ema,
    training_pictures,
)


def library(progress: Progress, *, seeds: Sequence[int] = (0, 1, 2), steps: int = 640) -> Result:
    """One keyed model beside a library of one specialist a caption: no more parameters, as many pictures, all told.

    Specialists take fewer pictures in each of more steps, which serves them better.
    """
    critic, keys = judge.shipped_judge(), caption_keys(LIBRARY)
    shown = [scene for scene in LIBRARY for _ in range(DRAWN)]
    real, again = (render(shown, torch.arange(len(shown)) + first) for first in (FRESH, FRESH + len(shown)))
    figures: dict[str, Any] = {"real": [figures_of(critic, again, shown, real)]}
    pictures: dict[str, Tensor] = {}
    for seed in seeds:
        how: dict[str, Any] = {"seed": seed, "progress": progress}
        pictures_of_all = training_pictures(LIBRARY, seed)
        one = train_ema(KEYED, pictures_of_all, keys, steps=steps, name=f"seed {seed}, all captions", **how)
        drawn = draw_all(one, keys.repeat_interleave(DRAWN, 0), seed)
        figures.setdefault("one keyed model", []).append(figures_of(critic, drawn, shown, real))
        more = steps * BATCH // (FEW * len(LIBRARY))
        many = [
            train_ema(
                SPECIALIST, training_pictures([scene], seed), None, steps=more, batch=FEW,
                name=f"seed {seed}, {scene.caption}", **how,
            )
            for scene in LIBRARY
        ]  # fmt: skip
        alone = torch.cat([draw_all(model, None, seed, count=DRAWN) for model in many])
        figures.setdefault("library of specialists", []).append(figures_of(critic, alone, shown, real))
        pictures = pictures or {"one keyed model": drawn[::DRAWN], "library of specialists": alone[::DRAWN]}
        figures["parameters"] = {
            "one keyed model": parameter_count(one),
            "library of specialists": sum(parameter_count(model) for model in many),
        }
    return figures | {
        "pictures for training": steps * BATCH,
        "captions": [scene.caption for scene in LIBRARY],
    }, pictures
