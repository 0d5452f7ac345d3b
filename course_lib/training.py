"""The training loop as a generator of steps, and checkpoints that a killed run goes on from.  Lesson 2; keys: 5."""

import hashlib
import math
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import distributed
from .checkpoints import read, store
from .errors import CourseError
from .models import Denoiser
from .noise import blend
from .optimizers import optimizers_of
from .threads import one_thread

AMOUNTS = ("even", "bell")
# Numbers in a batch's first layer, up to which one thread was as quick as two or up to twice as quick, on two virtual
# processors: there several threads wait for each other at each of hundreds of operations.
SMALL_STEP = 2**17


@dataclass(frozen=True)
class Step:
    """One step of training: its number, counted from 1, and the mean square error before it."""

    number: int
    loss: float


class MadePictures(Protocol):
    """Pictures that are made when they are asked for, so that a large set never has to be held whole."""

    @property
    def fingerprint(self) -> str:
        """A name that no other set of pictures has."""

    def __len__(self) -> int: ...

    def __getitem__(self, indices: Tensor, /) -> Tensor:
        """indices: (B,) whole numbers on the CPU.  Returns (B, 3, H, W) in [-1, 1], the same at every asking."""


def best_device() -> torch.device:
    """The GPU where there is one, else the CPU; every lesson keeps its time on the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def train(
    model: Denoiser,
    pictures: Tensor | MadePictures,
    *,
    steps: int,
    seed: int,
    keys: Tensor | None = None,
    drop_key: float = 0.1,
    batch: int = 8,
    learning_rate: float = 2e-3,
    amounts: str = "even",
    optimizer: str = "adam",
    averaged: Denoiser | None = None,
    average: float = 0.999,
    checkpoint: Path | str | None = None,
    save_every: int = 20,
    mixed: bool = False,
    compiled: bool = False,
) -> Iterator[Step]:
    """Teach `model` to denoise `pictures`, and yield a Step after each step: the caller shows progress or stops.

    pictures: (N, 3, H, W) in [-1, 1], or something that makes them; each step takes `batch` of them, new noise, new
    amounts: "even" ones, or on a "bell" that has those in the middle more often (Esser et al. 2024, arXiv:2403.03206).
    keys: (M, key_size); picture i has the key i % M, and with probability `drop_key` none, so that the model learns to
    draw both with and without: what guidance needs (Ho and Salimans 2022, arXiv:2207.12598).  Or (M, ways, key_size):
    as many ways to say what is in the picture, of which one is taken each time.
    optimizer: "adam", or "muon", which learns in fewer steps where there are many pictures (`optimizers`).
    averaged: a model of the same make that is given the running mean of the weights, which draws better than the last
    ones (Polyak and Juditsky 1992; so in Ho et al. 2020, arXiv:2006.11239); each step it keeps the share `average`.
    With a `checkpoint` file the run saves itself every `save_every` steps and at the end, and goes on from what it
    finds there: step k depends on nothing but the weights, the seed and k, so the weights come out the same to the bit.
    mixed: compute in bfloat16 what does not need more, and keep the weights in float32 (Micikevicius et al. 2018,
    arXiv:1710.03740).  compiled: let torch.compile write the steps anew.  Both are for GPUs.
    Where several processes train together (`processes`), each takes its part of every batch: the weights are those that
    one process comes to, but for rounding.
    Raises CourseError if the checkpoint can't be read or written, or is of another run, or the model takes other keys,
    or a batch can't be shared evenly.
    """
    if amounts not in AMOUNTS:
        raise CourseError(f"Amounts are drawn {' or '.join(map(repr, AMOUNTS))}, not {amounts!r}.")
    if averaged is not None and averaged.config != model.config:
        raise CourseError("The averaged model must be of the same make as the model; copy.deepcopy(model) gives one.")
    if batch % distributed.share()[1]:
        raise CourseError(
            f"A batch of {batch} pictures can't be shared evenly by {distributed.share()[1]} processes: "
            "start a number of them that divides it."
        )
    recipe = {
        "model": model.config,
        "steps": steps,
        "seed": seed,
        "batch": batch,
        "learning_rate": learning_rate,
        "amounts": amounts,
        "optimizer": optimizer,
        "pictures": fingerprint(pictures) if isinstance(pictures, Tensor) else pictures.fingerprint,
        "keys": None if keys is None else fingerprint(keys),
        "drop_key": drop_key,
        "average": None if averaged is None else average,
    }
    optimizers = optimizers_of(model, optimizer, learning_rate)
    done = 0
    if checkpoint is not None and Path(checkpoint).exists():
        done = resume(Path(checkpoint), model, optimizers, recipe, averaged=averaged)
    elif averaged is not None:
        averaged.load_state_dict(model.state_dict())
    distributed.agree(done, f"checkpoint {checkpoint}")
    height, width = pictures[torch.tensor([0])].shape[2:]
    mine = batch // distributed.share()[1]
    small = mine * height * width // model.fold**2 * model.widths[0] <= SMALL_STEP
    device = next(model.parameters()).device
    model.train()
    asked = distributed.shared(model)
    if compiled:
        asked = torch.compile(asked)
    for number in range(done + 1, steps + 1):
        for group in (group for one in optimizers for group in one.param_groups):
            group["lr"] = learning_rate * schedule(number, steps)
        generator = torch.Generator().manual_seed(seed * 1_000_003 + number)
        with one_thread() if small else nullcontext():
            with torch.autocast(device.type, torch.bfloat16, enabled=mixed):
                loss = loss_at(
                    asked, pictures, batch=batch, generator=generator, keys=keys, drop_key=drop_key, amounts=amounts,
                    share=distributed.share(),
                )  # fmt: skip
            model.zero_grad()
            loss.backward()
            for one in optimizers:
                one.step()
            if averaged is not None:
                # Early weights are soon forgotten: at step k the mean reaches back over k steps or so.
                mix(averaged, model, keep=min(average, (1 + number) / (10 + number)))
        if checkpoint is not None and (number % save_every == 0 or number == steps):
            extra = optimizer_tensors(model, optimizers)
            extra |= {} if averaged is None else weights(averaged, "averaged")
            save(model, checkpoint, recipe=recipe | {"step": number}, extra=extra)
        yield Step(number, distributed.mean(loss).item())
    model.eval()


def loss_at(
    model: Denoiser,
    pictures: Tensor | MadePictures,
    *,
    batch: int,
    generator: torch.Generator,
    keys: Tensor | None = None,
    drop_key: float = 0.0,
    amounts: str = "even",
    share: tuple[int, int] = (0, 1),
) -> Tensor:
    """The mean square error of one batch: pictures, amounts, noise, and whose key is dropped, drawn by `generator`.

    All is drawn on the CPU, so that a seed gives the same on every device.  Arguments as in `train`.
    share: which part of the batch is asked for, from 0, and of how many; all of it is drawn whatever the part.
    """
    device = next(model.parameters()).device
    part, parts = share
    mine = slice(batch * part // parts, batch * (part + 1) // parts)
    chosen = torch.randint(len(pictures), (batch,), generator=generator)
    bell = amounts == "bell"
    amount = torch.randn(batch, generator=generator).sigmoid() if bell else torch.rand(batch, generator=generator)
    which = chosen[mine]
    clean = pictures[which.to(pictures.device) if isinstance(pictures, Tensor) else which].to(device)  # b x 3 x H x W
    noise = torch.randn(batch, *clean.shape[1:], generator=generator)[mine].to(clean)
    key = None
    if keys is not None:
        kept = (torch.rand(batch, 1, generator=generator) >= drop_key)[mine]
        said = keys[(which % len(keys)).to(keys.device)]  # b x key_size, or b x ways x key_size
        if said.ndim == 3:
            way = torch.randint(said.shape[1], (batch,), generator=generator)[mine].to(said.device)
            said = said[torch.arange(len(said), device=said.device), way]
        key = said.to(clean) * kept.to(clean)  # b x key_size
    target = {"picture": clean, "noise": noise, "velocity": noise - clean}[model.predicts]
    amount = amount[mine].to(device)
    return F.mse_loss(model(blend(clean, noise, amount), amount, key), target)


@torch.no_grad()
def mix(averaged: Denoiser, model: Denoiser, *, keep: float) -> None:
    """Move `averaged` towards `model`, so that the share `keep` of what it was stays."""
    for mean, new in zip(averaged.parameters(), model.parameters(), strict=True):
        mean.lerp_(new, 1 - keep)


def schedule(number: int, steps: int) -> float:
    """The share of the learning rate at step `number` of `steps`: a short climb, then half a cosine down to 0."""
    return min(1.0, number / 20) * 0.5 * (1 + math.cos(math.pi * number / (steps + 1)))


def save(model: nn.Module, path: Path | str, *, recipe: dict[str, Any], extra: dict[str, Tensor] | None = None) -> None:
    """Write the weights as safetensors, with `recipe` (what made them) inside.  Written beside, then renamed.

    model: a Denoiser, or another module whose `config` says how to make it.
    Raises CourseError if it can't be written; what stood there before stays.
    """
    store(weights(model, "model") | (extra or {}), path, recipe={"model": model.config} | recipe)


def load(path: Path | str) -> tuple[Denoiser, dict[str, Any]]:
    """The model stored in a checkpoint, ready to use, and its recipe.  Raises CourseError if the file is not one."""
    tensors, recipe = read(Path(path))
    try:
        model = Denoiser(**recipe["model"])
    except (KeyError, TypeError) as error:
        raise CourseError(f"{path} was made by another version of the course; delete it and train again.") from error
    fill(model, tensors, path)
    return model.eval(), recipe


def resume(
    path: Path,
    model: Denoiser,
    optimizers: Sequence[torch.optim.Optimizer],
    recipe: dict[str, Any],
    *,
    averaged: Denoiser | None = None,
) -> int:
    """Put a run back to where its checkpoint left it; returns the number of steps done."""
    tensors, stored = read(path)
    differs = [name for name in recipe if stored.get(name) != recipe[name]]
    if differs or "step" not in stored:
        raise CourseError(
            f"The checkpoint {path} is of another run (it differs in {', '.join(differs) or 'being finished'}); "
            "choose another file, or delete it to start anew."
        )
    fill(model, tensors, path)
    if averaged is not None:
        fill(averaged, tensors, path, under="averaged")
    moved_by = {weight: optimizer for optimizer in optimizers for weight in optimizer.param_groups[0]["params"]}
    parameters = dict(model.named_parameters())
    for key, value in tensors.items():
        if key.startswith("optimizer."):
            _, what, name = key.split(".", maxsplit=2)
            weight = parameters[name]
            # Laid out in memory as the weight is: another order of the same sums could round otherwise.
            kept = value if what == "step" else torch.empty_like(weight).detach().copy_(value)
            moved_by[weight].state[weight][what] = kept
    return stored["step"]


def optimizer_tensors(model: Denoiser, optimizers: Sequence[torch.optim.Optimizer]) -> dict[str, Tensor]:
    """The optimizers' memory of each weight, under names that `resume` finds again."""
    return {
        f"optimizer.{what}.{name}": value
        for name, weight in model.named_parameters()
        for optimizer in optimizers
        if weight in optimizer.state
        for what, value in optimizer.state[weight].items()
    }


def weights(model: nn.Module, under: str) -> dict[str, Tensor]:
    """The weights of a model as a checkpoint names them."""
    return {f"{under}.{name}": value for name, value in model.state_dict().items()}


def fill(model: nn.Module, tensors: dict[str, Tensor], path: Path | str, *, under: str = "model") -> None:
    """Put the weights stored under that name into `model`; raises CourseError if they don't fit."""
    stored = {name.removeprefix(f"{under}."): value for name, value in tensors.items() if name.startswith(f"{under}.")}
    try:
        model.load_state_dict(stored)
    except RuntimeError as error:
        raise CourseError(f"{path} was made by another version of the course; delete it and train again.") from error


def fingerprint(pictures: Tensor) -> str:
    """A short name for a set of pictures: a run must not go on with others."""
    return hashlib.sha256(pictures.detach().cpu().contiguous().numpy().tobytes()).hexdigest()[:16]
