"""Makes the files of course_lib/shipped again: `course train NAME`.  Lessons 4 and 5 tell what is in them."""

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from course_lib import training
from course_lib.checkpoints import SHIPPED
from course_lib.errors import CourseError
from course_tools.recipes import (
    augmentation,
    captions,
    copies,
    distributed,
    library,
    order,
    plates,
    sharing,
    specialists,
    style,
    votes,
)
from course_tools.recipes.draw import make_draw
from course_tools.recipes.judge import make_judge
from course_tools.recipes.run import experiment
from course_tools.recipes.words import make_words


def train(
    name: str,
    *,
    output: Path | None = None,
    device: str | None = None,
    bf16: bool = False,
    compile: bool = False,
) -> str:
    """Make the file `name` of RECIPES, by default where the course looks for it; returns a line about what was made.

    Started by torchrun, all processes train together, and the line is empty in all but the main one.
    bf16, compile: as in `run.resumable`, for "draw" alone.

    What a long training has done is kept in a file beside `output`, from which the same command goes on; `output` is
    written at the end, whole or not at all.
    Raises CourseError for an unknown name or device, or a file that can't be written.
    """
    if name not in RECIPES:
        raise CourseError(f"there is no recipe {name!r}; there are {', '.join(RECIPES)}.")
    output = output or SHIPPED / f"{name}.safetensors"
    if output.suffix != ".safetensors" or output.is_dir():
        raise CourseError(f"'{output}' is no name for a checkpoint: end it in .safetensors.")
    recipe_of = RECIPES[name]
    if bf16 or compile:
        if name != "draw":
            raise CourseError(f"--bf16 and --compile are for 'draw', and {name!r} takes neither: leave them out.")
        recipe_of = partial(make_draw, bf16=bf16, compile=compile)
    working = output.with_name(f"{output.stem}.run.safetensors")
    with distributed.process_group(chosen_device(device)) as here:
        try:
            recipe = recipe_of(output, working, here)
        except KeyboardInterrupt:
            if working.exists() and distributed.is_main():
                print(
                    f"\ncourse: the steps done are in {working}; the same command goes on from there.", file=sys.stderr
                )
            raise
        working.unlink(missing_ok=True)
        return f"{output}: {json.dumps(recipe)}" if distributed.is_main() else ""


def chosen_device(name: str | None) -> torch.device:
    """The device of that name, or the best one if there is no name.  Raises CourseError if it is not there."""
    if name is None:
        return training.best_device()
    try:
        return torch.zeros(1, device=name).device
    except (RuntimeError, AssertionError, NotImplementedError):  # torch has no one error for it
        raise CourseError(f"this machine has no device {name!r}; leave it out to take the best there is.") from None


RECIPES: dict[str, Callable[[Path, Path, torch.device], dict[str, Any]]] = {
    "words": make_words,
    "judge": make_judge,
    "draw": make_draw,
    "library": experiment("library", library.library),
    "sharing": experiment("sharing", sharing.sharing),
    "order": experiment("order", order.order),
    "plates": plates.make_plates,
    "specialists": specialists.make_specialists,
    "augmentation": augmentation.make_augmentation,
    "style": experiment("style", style.style),
    "votes": experiment("votes", votes.votes),
    "captions": experiment("captions", captions.captions),
    "copies": copies.make_copies,
}
