"""Stored tensors, as safetensors with what made them inside; what the course ships lies in `shipped/`.  Lesson 2."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from . import distributed
from .errors import CourseError

SHIPPED = Path(__file__).parent / "shipped"


def store(tensors: dict[str, Tensor], path: Path | str, *, recipe: dict[str, Any]) -> None:
    """Write tensors with `recipe` (what made them) inside.  Written beside, then renamed.

    Of several processes that train together the first writes, and none goes on before the file is there.
    Raises CourseError if it can't be written; what stood there before stays.
    """
    path = Path(path)
    part = path.with_name(path.name + ".part")
    if not distributed.first():
        distributed.wait()
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tensors = {name: value.contiguous() for name, value in tensors.items()}
        save_file(tensors, part, metadata={"recipe": json.dumps(recipe)})
        part.chmod(0o644)  # the library makes it for its owner alone, and a package could then be read by no one else
        with part.open("rb+") as file:
            os.fsync(file.fileno())  # else a power cut after the rename could leave an empty file
        os.replace(part, path)
    except (OSError, SafetensorError) as error:
        with contextlib.suppress(OSError):  # it may be the folder that is none
            part.unlink()
        raise CourseError(
            f"The checkpoint {path} could not be written ({error}); free some space or choose another folder."
        ) from error
    distributed.wait()


def read(path: Path | str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """All tensors of a file that `store` wrote, and the recipe inside.  Raises CourseError if there is no such file."""
    try:
        with safe_open(path, framework="pt") as file:
            recipe = json.loads((file.metadata() or {})["recipe"])
            return {name: file.get_tensor(name) for name in file.keys()}, recipe  # noqa: SIM118 (not a dict)
    except FileNotFoundError as error:
        raise CourseError(f"There is no checkpoint {path}; train the model first, or check the name.") from error
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise CourseError(f"{path} is not a whole checkpoint of this course; delete it and train again.") from error


def shipped(name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and recipe of a file that comes with the course, say "library": `course train` makes it again."""
    return read(SHIPPED / f"{name}.safetensors")
