"""`course train library`: one keyed model beside a library of specialists.  Lesson 5."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from course_lib import judge
from course_lib.models import parameter_count
from course_lib.world import render
from course_tools.recipes.judge import FRESH
from course_tools.recipes.run import (
    BATCH,
    DRAWN,
    FEW,
    KEYED,
    LIBRARY,
    SPECIALIST,
    Progress,
    Result,
    caption_keys,
    draw,
    figures_of,
    taught,
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
        one = taught(LIBRARY, keys, KEYED, seed, steps, progress)
        drawn = draw(one, keys.repeat_interleave(DRAWN, 0), seed)
        figures.setdefault("one keyed model", []).append(figures_of(critic, drawn, shown, real))
        more = steps * BATCH // (FEW * len(LIBRARY))
        many = [taught([scene], None, SPECIALIST, seed, more, progress, batch=FEW) for scene in LIBRARY]
        alone = torch.cat([draw(model, None, seed, count=DRAWN) for model in many])
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
