"""The training loop as a generator of steps, and the loss that each step asks of a model.  Lesson 2; keys: 5."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from .errors import CourseError
from .models import Denoiser
from .noise import blend
from .optimizers import optimizers_of
from .threads import one_thread

AMOUNTS = ("uniform", "logit-normal")
# Numbers in a batch's first layer, up to which one thread was as quick as two or up to twice as quick, on two virtual
# processors: there several threads wait for each other at each of hundreds of operations.
SMALL_STEP = 2**17


@dataclass(frozen=True)
class Step:
    """One step of training: its number, counted from 1, and the loss before it."""

    number: int
    loss: float


Loss = Callable[[Denoiser, torch.Generator], Tensor]  # of a batch that the generator draws, to go down from


def train(
    model: Denoiser,
    loss: Loss,
    *,
    steps: int,
    seed: int,
    optimizer: str | Sequence[torch.optim.Optimizer] = "adam",
    learning_rate: float = 2e-3,
    ema_model: Denoiser | None = None,
    ema_decay: float = 0.999,
    done: int = 0,
) -> Iterator[Step]:
    """Teach `model`, and yield a Step after each step: the caller shows progress, measures, saves or stops.

    loss: what to go down from, usually a `DenoisingLoss`; it draws its batch with the generator that it is given.
    Step k depends on nothing but the weights, the optimizers' memory, the seed and k.
    optimizer: "adam", or "muon", which learns in fewer steps where there are many pictures; or those of an earlier run.
    ema_model: a model of the same make that is given the exponential moving average of the weights, which draws better
    than the last ones (Polyak and Juditsky 1992; so in Ho et al. 2020, arXiv:2006.11239).
    done: how many of the steps an earlier run has taken; this one goes on after them.
    Raises CourseError for an unknown optimizer or an ema_model of another make.
    """
    if ema_model is not None and ema_model.config != model.config:
        raise CourseError("The ema_model must be of the same make as the model; copy.deepcopy(model) gives one.")
    optimizers = optimizers_of(model, optimizer, learning_rate) if isinstance(optimizer, str) else optimizer
    if ema_model is not None and not done:
        ema_model.load_state_dict(model.state_dict())
    small = isinstance(loss, DenoisingLoss) and loss.pixels // model.fold**2 * model.widths[0] <= SMALL_STEP
    model.train()
    for number in range(done + 1, steps + 1):
        for group in (group for one in optimizers for group in one.param_groups):
            group["lr"] = learning_rate * schedule(number, steps)
        generator = torch.Generator().manual_seed(seed * 1_000_003 + number)
        with one_thread() if small else nullcontext():
            value = loss(model, generator)
            model.zero_grad()
            value.backward()
            for one in optimizers:
                one.step()
            if ema_model is not None:
                # Early weights are soon forgotten: at step k the average reaches back over k steps or so.
                update_ema(ema_model, model, decay=min(ema_decay, (1 + number) / (10 + number)))
        yield Step(number, value.item())
    model.eval()


@torch.no_grad()
def update_ema(ema_model: Denoiser, model: Denoiser, *, decay: float) -> None:
    """Move the moving average towards the weights of `model`, so that the share `decay` of what it was stays."""
    for mean, new in zip(ema_model.parameters(), model.parameters(), strict=True):
        mean.lerp_(new, 1 - decay)


def schedule(number: int, steps: int) -> float:
    """The share of the learning rate at step `number` of `steps`: a short climb, then half a cosine down to 0."""
    return min(1.0, number / 20) * 0.5 * (1 + math.cos(math.pi * number / (steps + 1)))


def best_device() -> torch.device:
    """The GPU where there is one, else the CPU; every lesson keeps its time on the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


# --- The loss ---


class MadePictures(Protocol):
    """Pictures that are made when they are asked for, so that a large set never has to be held whole."""

    def __len__(self) -> int: ...

    def __getitem__(self, indices: Tensor, /) -> Tensor:
        """indices: (B,) whole numbers on the CPU.  Returns (B, 3, H, W) in [-1, 1], the same at every asking."""


class Batch(NamedTuple):
    """What one step learns from: pictures and noise, both (B, 3, H, W), amounts (B,), keys (B, key_size) or None."""

    pictures: Tensor
    noise: Tensor
    amounts: Tensor
    keys: Tensor | None

    def each(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        """The batch with each of its parts changed alike."""
        pictures, noise, amounts = map(change, self[:3])
        return Batch(pictures, noise, amounts, None if self.keys is None else change(self.keys))


@dataclass(frozen=True)
class DenoisingLoss:
    """The mean square error of a model's guesses for a batch of noisy pictures.

    pictures: (N, 3, H, W) in [-1, 1], or something that makes them; each step takes `batch` of them, new noise, new
    amounts: "uniform" ones, or "logit-normal" ones, of which more lie near the middle (Esser et al. 2024,
    arXiv:2403.03206).
    keys: (M, key_size); picture i has the key i % M, and with probability `drop_key` none, so that the model learns to
    draw both with and without: what guidance needs (Ho and Salimans 2022, arXiv:2207.12598).  Or (M, ways, key_size):
    as many ways to say what is in the picture, of which one is taken each time.
    shift: above 1 it moves the amounts t towards 1, to shift * t / (1 + (shift - 1) * t): large pictures are told apart
    through more noise than small ones (Esser et al. 2024).
    velocity_from: divides a picture's error by its amount squared, or by that number squared where the amount is less.
    A guess of the picture is then measured as the velocity that it stands for (Li and He 2025, arXiv:2511.13720).
    Raises CourseError for another distribution of amounts.
    """

    pictures: Tensor | MadePictures
    keys: Tensor | None = None
    batch: int = 8
    drop_key: float = 0.1
    amounts: str = "uniform"
    shift: float = 1.0
    velocity_from: float | None = None

    def __post_init__(self) -> None:
        if self.amounts not in AMOUNTS:
            raise CourseError(f"Amounts are drawn {' or '.join(map(repr, AMOUNTS))}, not {self.amounts!r}.")

    def __call__(self, model: Denoiser, generator: torch.Generator) -> Tensor:
        return denoising_error(model, self.sample(generator), velocity_from=self.velocity_from)

    def sample(self, generator: torch.Generator) -> Batch:
        """One batch.  All is drawn on the CPU, so that a seed gives the same on every device."""
        chosen = torch.randint(len(self.pictures), (self.batch,), generator=generator)
        if self.amounts == "uniform":
            amounts = torch.rand(self.batch, generator=generator)
        else:
            amounts = torch.randn(self.batch, generator=generator).sigmoid()
        amounts = self.shift * amounts / (1 + (self.shift - 1) * amounts)
        where = self.pictures.device if isinstance(self.pictures, Tensor) else chosen.device
        pictures = self.pictures[chosen.to(where)]  # B x 3 x H x W
        noise = torch.randn(pictures.shape, generator=generator).to(pictures)
        return Batch(pictures, noise, amounts, self._keys_of(chosen, generator, pictures))

    def _keys_of(self, chosen: Tensor, generator: torch.Generator, like: Tensor) -> Tensor | None:
        """The keys of the chosen pictures, (B, key_size), zeros where they are dropped."""
        if self.keys is None:
            return None
        kept = torch.rand(self.batch, 1, generator=generator) >= self.drop_key
        keys = self.keys[(chosen % len(self.keys)).to(self.keys.device)]  # B x key_size, or B x ways x key_size
        if keys.ndim == 3:
            way = torch.randint(keys.shape[1], (self.batch,), generator=generator).to(keys.device)
            keys = keys[torch.arange(len(keys), device=keys.device), way]
        return keys.to(like) * kept.to(like)

    @property
    def pixels(self) -> int:
        """How many a batch has."""
        height, width = self.pictures[torch.tensor([0])].shape[2:]
        return self.batch * height * width


def denoising_error(model: Denoiser, batch: Batch, *, velocity_from: float | None = None) -> Tensor:
    """The mean square error of what `model` says of a batch, on the model's device; velocity_from: see the loss."""
    device = next(model.parameters()).device
    pictures, noise, amounts, keys = batch.each(lambda part: part.to(device))
    target = {"picture": pictures, "noise": noise, "velocity": noise - pictures}[model.predicts]
    guess = model(blend(pictures, noise, amounts), amounts, keys)
    if velocity_from is None:
        return F.mse_loss(guess, target)
    errors = (guess - target).square().mean(dim=(1, 2, 3))
    return (errors / amounts.clamp(min=velocity_from) ** 2).mean()
