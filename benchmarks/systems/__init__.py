"""The systems that are compared, each behind the same few names, so that the task treats them all alike."""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib import words, world
from course_lib.errors import CourseError

from .torchvision_without_cuda import import_torchvision

SYSTEMS = {  # name, which is the package's own for a peer -> the class that fits it to the task
    "ours": "benchmarks.systems.ours:Ours",
    "diffusers": "benchmarks.systems.hugging_face:Diffusers",
    "denoising-diffusion-pytorch": "benchmarks.systems.lucidrains:DenoisingDiffusion",
    "smalldiffusion": "benchmarks.systems.small:SmallDiffusion",
}
VARIANTS = ("full", "folded")
SIZES = ("small", "medium", "large")
TUNED = {  # size, pictures in a batch, highest learning rate: the best trials of results/tuning.json
    "ours": ("medium", 32, 5e-3),
    "diffusers": ("small", 16, 6e-3),
    "denoising-diffusion-pytorch": ("small", 16, 6e-3),
    "smalldiffusion": ("small", 16, 1.2e-2),
}
DROP_KEY = 0.1  # so often a picture is shown without its key: what guidance needs
KEY = words.shipped_words().centred.shape[1]
FOLD = 2
BATCH = 250  # pictures drawn at once


class System(ABC):
    """A model, with the way it is trained and the ways it draws.  Made with a variant and a size.

    variant: "full" sees 3 channels at 32 px, "folded" 12 channels at 16 px (pixel unshuffle by 2).
    model: what is trained, and what draws, with whatever weights it holds.
    batch: pictures in a step.
    optimizer: AdamW's arguments; its "lr" is the highest, at the end of the warm-up.
    clip: where the gradient's norm is clipped, None for nowhere.
    samplers: the ways to draw that may be tried: name -> arguments of `draw`.
    settings: what the reader of a record should know of how it was set, and where that comes from.
    """

    package: str  # as pip knows it
    model: nn.Module
    batch: int
    optimizer: dict[str, Any]
    clip: float | None = None
    samplers: dict[str, dict[str, Any]]
    settings: dict[str, Any]

    def learn(self, batch: int, rate: float) -> None:
        """Take batches of so many pictures, and this as the highest learning rate."""
        self.batch = batch
        self.optimizer["lr"] = rate

    @abstractmethod
    def loss(self, pictures: Tensor, keys: Tensor, generator: torch.Generator) -> Tensor:
        """The loss of one batch.  pictures: (N, 3, 32, 32) in [-1, 1]; keys: (M, KEY), that of picture i is i % M."""

    def optimizers(self) -> list[torch.optim.Optimizer]:
        """What moves the weights; each group's "lr" is its highest."""
        return [torch.optim.AdamW(self.model.parameters(), **self.optimizer)]

    @abstractmethod
    def draw(self, scenes: Sequence[world.Scene], *, seed: int, **sampler: Any) -> Tensor:
        """One drawing of each scene, (B, 3, 32, 32) in [-1, 1]."""


class Peer(System):
    """What all peers share: how a batch is drawn and folded, and how drawings are folded back."""

    def __init__(self, variant: str) -> None:
        _, self.batch, self.rate = TUNED[self.package]
        self.fold = FOLD if variant == "folded" else 1
        self.channels, self.side = 3 * self.fold**2, 32 // self.fold

    @abstractmethod
    def batch_loss(self, pictures: Tensor, keys: Tensor) -> Tensor:
        """The loss of pictures, (B, channels, side, side), with their keys, (B, KEY); it drops a tenth of these."""

    @abstractmethod
    def sample(self, keys: Tensor, **sampler: Any) -> Tensor:
        """One drawing for each key, (B, channels, side, side)."""

    def loss(self, pictures: Tensor, keys: Tensor, generator: torch.Generator) -> Tensor:
        chosen = torch.randint(len(pictures), (self.batch,), generator=generator)
        return self.batch_loss(F.pixel_unshuffle(pictures[chosen], self.fold), keys[chosen % len(keys)])

    def draw(self, scenes: Sequence[world.Scene], *, seed: int, **sampler: Any) -> Tensor:
        torch.manual_seed(seed)  # the peers' samplers draw from torch's own generator
        keys = words.caption_keys(words.shipped_words(), [scene.caption for scene in scenes])
        drawn = torch.cat([self.sample(some, **sampler) for some in keys.split(BATCH)])
        return F.pixel_shuffle(drawn, self.fold).clamp(-1, 1)


def key_layers(out: int) -> nn.Sequential:
    """What reads the key in ours: the peers that know only numbered classes get the same, (B, KEY) to (B, out)."""
    layers = nn.Sequential(nn.Linear(KEY, out), nn.SiLU(), nn.Linear(out, out))
    nn.init.normal_(layers[0].weight, std=0.5)  # type: ignore[arg-type]  # see `models.Denoiser`
    return layers


def keep_some(keys: Tensor) -> Tensor:
    """The keys, (B, KEY), a tenth of them set to zeros, which stand for no key."""
    return keys * (torch.rand(len(keys), 1) >= DROP_KEY)


def make(system: str, variant: str, size: str) -> System:
    """A new system of that name.  Raises CourseError for an unknown name, or if its package is not installed."""
    for given, known in ((system, SYSTEMS), (variant, VARIANTS), (size, SIZES)):
        if given not in known:
            raise CourseError(f"there is no {given!r} here; there are {', '.join(known)}.")
    module, _, name = SYSTEMS[system].partition(":")
    try:
        if system != "ours":
            import_torchvision()
        return getattr(importlib.import_module(module), name)(variant, size)
    except ModuleNotFoundError as error:
        raise CourseError(f"{system} needs the package {error.name}: `make bench-peers` installs it.") from error
