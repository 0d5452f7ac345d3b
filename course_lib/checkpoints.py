"""Stored tensors, as safetensors with what made them inside; what the course ships lies in `shipped/`.  Lesson 2.

A tensor of bytes (uint8) in such a file is pictures: 256 levels of each colour, which reading makes [-1, 1] again.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize
from torch import Tensor, nn

from .errors import CourseError
from .files import atomic_write

SHIPPED = Path(__file__).parent / "shipped"
# What files stored by earlier versions call a denoiser's layers, its averaged weights, and a training's amounts.
RENAMED = {"enter": "conv_in", "leave": "conv_out", "shrink": "downsample", "grow": "upsample", "averaged": "ema"}
RENAMED_AMOUNTS = {"even": "uniform", "bell": "logit-normal"}


def save(tensors: dict[str, Tensor], path: Path | str, *, recipe: dict[str, Any]) -> None:
    """Write tensors with `recipe` (what made them) inside, whole or not at all.

    Raises CourseError if it can't be written; what stood there before stays.
    """
    tensors = {name: value.contiguous() for name, value in tensors.items()}
    try:
        atomic_write(path, serialize(tensors, metadata={"recipe": json.dumps(recipe)}))
    except OSError as error:
        raise CourseError(
            f"The checkpoint {path} could not be written ({error}); free some space or choose another folder."
        ) from error


def load(path: Path | str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """All tensors of a file that `save` wrote, pictures in [-1, 1], and the recipe inside, both in today's names.

    Raises CourseError if there is no such file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            recipe = json.loads((file.metadata() or {})["recipe"], object_hook=_renamed)
            tensors = {name: _floats(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except FileNotFoundError as error:
        raise CourseError(f"There is no checkpoint {path}; train the model first, or check the name.") from error
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise CourseError(f"{path} is not a whole checkpoint of this course; delete it and train again.") from error
    return {".".join(RENAMED.get(part, part) for part in name.split(".")): tensors[name] for name in tensors}, recipe


def _floats(stored: Tensor) -> Tensor:
    """Bytes as pictures in [-1, 1]; anything else as it is."""
    return stored / 127.5 - 1 if stored.dtype == torch.uint8 else stored


def _renamed(recipe: dict[str, Any]) -> dict[str, Any]:
    """A part of a recipe in today's names."""
    if recipe.pop("beside", False):  # now a class of its own, which takes no key
        del recipe["key_size"]
    if "average" in recipe and "amounts" in recipe:
        recipe["ema_decay"] = recipe.pop("average")
    if recipe.get("amounts") in tuple(RENAMED_AMOUNTS):
        recipe["amounts"] = RENAMED_AMOUNTS[recipe["amounts"]]
    return recipe


def load_shipped(name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and recipe of a file that comes with the course, say "library": `course train` makes it again."""
    return load(SHIPPED / f"{name}.safetensors")


def load_prefixed(model: nn.Module, tensors: dict[str, Tensor], path: Path | str, *, prefix: str = "model") -> None:
    """Put the weights stored under that prefix into `model`; raises CourseError, naming `path`, if they don't fit."""
    stored = {name.removeprefix(f"{prefix}."): tensors[name] for name in tensors if name.startswith(f"{prefix}.")}
    try:
        model.load_state_dict(stored)
    except RuntimeError as error:
        raise CourseError(f"{path} was made by another version of the course; delete it and train again.") from error
