"""A training with a bar that shows how far it is, and what it took."""

import time
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from tqdm import tqdm

from course_lib import processes, training
from course_lib.files import read
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
    with tqdm(total=until, desc=name, unit="step", disable=not processes.first()) as bar:
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


class Parts:
    """The trainings of a longer work, each kept in a file of its own until the work is stored.

    working: the file that the command may keep unfinished work in; the parts lie beside it, under their names.
    `seconds` is what all trainings took so far, those of earlier runs included.
    """

    def __init__(self, working: Path, device: torch.device) -> None:
        self.working, self.device = working, device
        self.files: list[Path] = []
        self.seconds = 0.0

    def trained(self, name: str, make: dict[str, Any], pictures: Any, *, seed: int, **settings: Any) -> Denoiser:
        """A new model after its training: the running mean of its weights, on the CPU.

        A training that ended is not begun again, and one that was interrupted goes on.
        """
        part = self.working.with_name(f"{name}.{self.working.name}".replace(" ", "-"))
        self.files.append(part)
        torch.manual_seed(seed)
        model, averaged = (Denoiser(**make).to(self.device) for _ in range(2))
        if not finished(part):
            measured = with_progress(
                name, model, pictures, seed=seed, averaged=averaged, checkpoint=part, save_every=100, **settings
            )
            training.save(averaged, part, recipe=measured)
        tensors, measured = read(part)
        training.fill(averaged, tensors, part)
        self.seconds += measured["seconds"]
        return averaged.cpu().eval()

    def remove(self) -> None:
        for part in self.files:
            part.unlink(missing_ok=True)  # another process may have


def finished(part: Path) -> bool:
    """Whether a training came to its end: only then its file says how long it took."""
    return part.exists() and "seconds" in read(part)[1]
