"""A training with a bar that shows how far it is, and what it took."""

import time
from pathlib import Path
from statistics import mean
from typing import Any

from tqdm import tqdm

from course_lib import training
from course_lib.models import Denoiser


def with_progress(
    name: str,
    model: Denoiser,
    pictures: Any,
    *,
    steps: int,
    checkpoint: Path,
    until: int | None = None,
    **settings: Any,
) -> dict[str, float]:
    """Train with a bar that shows how far it is; returns the seconds it takes and the mean loss of the last steps.

    until: the step to stop at, if it is not the last.
    Of a run that went on from a checkpoint, the seconds are what all of it would have taken at that pace.
    """
    losses: list[float] = []
    until = until or steps
    start = time.perf_counter()
    with tqdm(total=until, desc=name, unit="step") as bar:
        for step in training.train(model, pictures, steps=steps, checkpoint=checkpoint, **settings):
            bar.update(step.number - bar.n)  # a run that goes on begins further up
            losses.append(step.loss)
            bar.set_postfix(loss=f"{mean(losses[-200:]):.4f}", refresh=False)
            if step.number >= until:
                break
    if not losses:  # it was stopped between its last step and the end
        return {"seconds": 0, "loss": 0.0}
    seconds = (time.perf_counter() - start) * until / len(losses)
    return {"seconds": round(seconds), "loss": round(mean(losses[-200:]), 4)}
