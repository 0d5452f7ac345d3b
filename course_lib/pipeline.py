"""The pipeline: a model, the words that make its key, and how it draws.  Lessons 0 and 5."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor
from tqdm import tqdm

from . import sampling, words, world
from .checkpoints import SHIPPED
from .errors import CourseError
from .models import Denoiser, load_denoiser

BATCH = 64  # pictures drawn at once; more would need more memory and gain no time


class HasCaption(Protocol):
    """What can be drawn: a scene, or whatever else has a caption that names a subject."""

    @property
    def subject(self) -> str: ...

    @property
    def caption(self) -> str: ...


@dataclass(frozen=True)
class DrawSettings:
    """How a model draws: the side of its pictures in pixels, and settings of `sampling.walk`.

    emphasis: how much louder than once the subject is said, see `Pipeline.keys`.
    """

    size: int
    steps: int
    order: int = 1
    guidance: float = 1.0
    guidance_between: tuple[float, float] = (0.0, 1.0)
    emphasis: float = 0.0

    def walk(self) -> dict[str, Any]:
        """The keyword arguments of `sampling.walk`."""
        return {name: value for name, value in vars(self).items() if name not in ("size", "emphasis")}


@dataclass(frozen=True)
class Pipeline:
    """A model with a key, the words whose vectors make the key, and how the model draws.

    The field's word for a model together with its text encoder and the settings of its sampler.
    recipe: what made the model, for one that was stored.
    """

    model: Denoiser
    words: words.Words
    settings: DrawSettings
    recipe: dict[str, Any] = field(default_factory=dict)

    def draw(self, caption: str | HasCaption, count: int = 8, *, seed: int = 0) -> Tensor:
        """Draw what a caption, or a scene, says, `count` times.  Returns (count, 3, size, size) in [-1, 1].

        Picture i begins as the noise of its seed and i, whatever the caption and however many are drawn: two captions
        can be compared picture by picture.  Raises CourseError for an unknown caption or a count below 1.
        """
        scene = world.parse(caption) if isinstance(caption, str) else caption
        return self.draw_key(self.keys([scene]), count, seed=seed)

    def draw_each(self, scenes: Sequence[HasCaption], *, seed: int = 0) -> Tensor:
        """One drawing of each scene, (len(scenes), 3, size, size); picture i begins as in `draw`."""
        return self.draw_key(self.keys(scenes), len(scenes), seed=seed)

    def keys(self, scenes: Sequence[HasCaption]) -> Callable[[float], Tensor]:
        """What the scenes say, as a key for each amount of noise: a function that gives (len(scenes), D).

        In strong noise, where it is settled what is drawn, the subject is said louder: a dog is one word of the eleven
        of its caption, and was drowned by them.  Interfaces of large models write such weights into the caption.
        """
        plain = words.caption_keys(self.words, [scene.caption for scene in scenes])
        subjects = words.caption_keys(self.words, [scene.subject for scene in scenes])
        louder = plain + self.settings.emphasis * subjects
        return lambda amount: louder if amount >= self.settings.guidance_between[0] else plain

    def draw_key(self, key: Tensor | Callable[[float], Tensor], count: int = 8, *, seed: int = 0) -> Tensor:
        """Draw what a key says, as `draw` does: (1, D), one for each picture, or a function of the amount."""
        if count < 1:
            raise CourseError(f"At least 1 picture can be drawn, and {count} were asked for.")
        device = next(self.model.parameters()).device
        noise = starting_noise(count, self.settings.size, seed=seed).to(device)
        drawn = []
        for first in tqdm(range(0, count, BATCH), desc="drawing", disable=count <= BATCH):
            batch = slice(first, first + BATCH)

            def key_at(amount: float, batch: slice = batch) -> Tensor:
                keys = key(amount) if callable(key) else key
                return (keys if len(keys) == 1 else keys[batch]).to(device)

            drawn.append(sampling.draw(self.model, noise[batch], key=key_at, **self.settings.walk()))
        return torch.cat(drawn)


def starting_noise(count: int, size: int, *, seed: int) -> Tensor:
    """Where `count` drawings begin, (count, 3, size, size): each noise depends on `seed` and its own number alone."""
    generators = (torch.Generator().manual_seed((seed * 1_000_003 + i) % 2**63) for i in range(count))
    return torch.stack([torch.randn(3, size, size, generator=generator) for generator in generators])


def shipped_pipeline(path: Path = SHIPPED / "draw.safetensors") -> Pipeline:
    """The pipeline that comes with the course.  Raises CourseError if its files are missing or damaged."""
    model, recipe = load_denoiser(path)
    try:
        settings = DrawSettings(**recipe["draw"])
    except (KeyError, TypeError):
        raise CourseError(
            f"{path} does not say how to draw with it ({json.dumps(recipe)[:80]}); train it again."
        ) from None
    return Pipeline(model, words.shipped_words(), settings, recipe)
