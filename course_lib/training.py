"""The training loop as a generator of steps, and checkpoints that a killed run goes on from.  Lesson 2."""

import hashlib
import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from .errors import CourseError
from .models import Denoiser
from .noise import blend


@dataclass(frozen=True)
class Step:
    """One step of training: its number, counted from 1, and the mean square error before it."""

    number: int
    loss: float


def best_device() -> torch.device:
    """The GPU where there is one, else the CPU; every lesson keeps its time on the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def train(
    model: Denoiser,
    pictures: Tensor,
    *,
    steps: int,
    seed: int,
    batch: int = 8,
    learning_rate: float = 2e-3,
    checkpoint: Path | str | None = None,
    save_every: int = 20,
) -> Iterator[Step]:
    """Teach `model` to denoise `pictures`, and yield a Step after each step: the caller shows progress or stops.

    pictures: (N, 3, H, W) in [-1, 1] on the model's device; each step takes `batch` of them, new noise, new amounts.
    With a `checkpoint` file the run saves itself every `save_every` steps and at the end, and goes on from what it
    finds there: step k depends on nothing but the weights, the seed and k, so the weights come out the same to the bit.
    Raises CourseError if the checkpoint can't be read or written, or is of another run.
    """
    recipe = {
        "model": model.config,
        "steps": steps,
        "seed": seed,
        "batch": batch,
        "learning_rate": learning_rate,
        "pictures": fingerprint(pictures),
    }
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, betas=(0.9, 0.99), weight_decay=0.0)
    done = 0
    if checkpoint is not None and Path(checkpoint).exists():
        done = resume(Path(checkpoint), model, optimizer, recipe)
    model.train()
    for number in range(done + 1, steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * schedule(number, steps)
        loss = loss_at(model, pictures, batch=batch, generator=torch.Generator().manual_seed(seed * 1_000_003 + number))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if checkpoint is not None and (number % save_every == 0 or number == steps):
            save(model, checkpoint, recipe=recipe | {"step": number}, extra=optimizer_tensors(model, optimizer))
        yield Step(number, loss.item())
    model.eval()


def loss_at(model: Denoiser, pictures: Tensor, *, batch: int, generator: torch.Generator) -> Tensor:
    """The mean square error of one batch: pictures, amounts and noise drawn by `generator` (on the CPU)."""
    chosen = torch.randint(len(pictures), (batch,), generator=generator)
    amount = torch.rand(batch, generator=generator).to(pictures.device)
    clean = pictures[chosen.to(pictures.device)]  # B x 3 x H x W
    noise = torch.randn(clean.shape, generator=generator).to(clean)
    target = {"picture": clean, "noise": noise, "velocity": noise - clean}[model.predicts]
    return F.mse_loss(model(blend(clean, noise, amount), amount), target)


def schedule(number: int, steps: int) -> float:
    """The share of the learning rate at step `number` of `steps`: a short climb, then half a cosine down to 0."""
    return min(1.0, number / 20) * 0.5 * (1 + math.cos(math.pi * number / (steps + 1)))


def save(model: Denoiser, path: Path | str, *, recipe: dict[str, Any], extra: dict[str, Tensor] | None = None) -> None:
    """Write the weights as safetensors, with `recipe` (what made them) inside.  Written beside, then renamed.

    Raises CourseError if it can't be written; what stood there before stays.
    """
    path = Path(path)
    part = path.with_name(path.name + ".part")
    tensors = {f"model.{name}": value.contiguous() for name, value in model.state_dict().items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors | (extra or {}), part, metadata={"recipe": json.dumps({"model": model.config} | recipe)})
        with part.open("rb+") as file:
            os.fsync(file.fileno())  # else a power cut after the rename could leave an empty file
        os.replace(part, path)
    except (OSError, SafetensorError) as error:
        part.unlink(missing_ok=True)
        raise CourseError(
            f"The checkpoint {path} could not be written ({error}); free some space or choose another folder."
        ) from error


def load(path: Path | str) -> tuple[Denoiser, dict[str, Any]]:
    """The model stored in a checkpoint, ready to use, and its recipe.  Raises CourseError if the file is not one."""
    tensors, recipe = read(Path(path))
    try:
        model = Denoiser(**recipe["model"])
    except (KeyError, TypeError) as error:
        raise CourseError(f"{path} was made by another version of the course; delete it and train again.") from error
    fill(model, tensors, path)
    return model.eval(), recipe


def resume(path: Path, model: Denoiser, optimizer: torch.optim.Optimizer, recipe: dict[str, Any]) -> int:
    """Put a run back to where its checkpoint left it; returns the number of steps done."""
    tensors, stored = read(path)
    differs = [name for name in recipe if stored.get(name) != recipe[name]]
    if differs or "step" not in stored:
        raise CourseError(
            f"The checkpoint {path} is of another run (it differs in {', '.join(differs) or 'being finished'}); "
            "choose another file, or delete it to start anew."
        )
    fill(model, tensors, path)
    for name, parameter in model.named_parameters():
        kept = {what: tensors[f"optimizer.{what}.{name}"] for what in ("step", "exp_avg", "exp_avg_sq")}
        optimizer.state[parameter] = {
            what: value if what == "step" else value.to(parameter) for what, value in kept.items()
        }
    return stored["step"]


def optimizer_tensors(model: Denoiser, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's memory of each parameter, under names that `resume` finds again."""
    return {
        f"optimizer.{what}.{name}": value.contiguous()
        for name, parameter in model.named_parameters()
        for what, value in optimizer.state[parameter].items()
    }


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """All tensors of a safetensors file, and the recipe inside."""
    try:
        with safe_open(path, framework="pt") as file:
            recipe = json.loads((file.metadata() or {})["recipe"])
            return {name: file.get_tensor(name) for name in file.keys()}, recipe  # noqa: SIM118 (not a dict)
    except FileNotFoundError as error:
        raise CourseError(f"There is no checkpoint {path}; train the model first, or check the name.") from error
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise CourseError(f"{path} is not a whole checkpoint of this course; delete it and train again.") from error


def fill(model: Denoiser, tensors: dict[str, Tensor], path: Path | str) -> None:
    """Put the stored weights into `model`; raises CourseError if they don't fit."""
    weights = {name.removeprefix("model."): value for name, value in tensors.items() if name.startswith("model.")}
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise CourseError(f"{path} was made by another version of the course; delete it and train again.") from error


def fingerprint(pictures: Tensor) -> str:
    """A short name for a set of pictures: a run must not go on with others."""
    return hashlib.sha256(pictures.detach().cpu().contiguous().numpy().tobytes()).hexdigest()[:16]
