"""The artist: the shipped model and the shipped words, which draw what a caption says.  Lessons 0 and 5."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor
from tqdm import tqdm

from . import sampling, training, words, world
from .checkpoints import SHIPPED
from .errors import CourseError
from .models import Denoiser

TOGETHER = 64  # pictures drawn at once; more would need more memory and gain no time


class Asked(Protocol):
    """What an artist can be asked for: a scene, or whatever else has a caption that names a subject."""

    @property
    def subject(self) -> str: ...

    @property
    def caption(self) -> str: ...


@dataclass(frozen=True)
class Artist:
    """A model with a key, the words whose vectors make the key, and the recipe that tells how the model draws best.

    recipe["draw"] holds the picture's `size`, the `emphasis` on the subject (see `keys`) and the settings of
    `sampling.walk`, say {"size": 32, "emphasis": 0.5, "steps": 16}.
    """

    model: Denoiser
    words: words.Words
    recipe: dict[str, Any]

    def draw(self, caption: str, count: int = 8, *, seed: int = 0) -> Tensor:
        """Draw what `caption` says, `count` times.  Returns (count, 3, size, size) in [-1, 1].

        Picture i begins as the noise of its seed and i, whatever the caption and however many are drawn: two captions
        can be compared picture by picture.  Raises CourseError for an unknown caption or a count below 1.
        """
        return self.draw_key(self.keys([world.parse(caption)]), count, seed=seed)

    def keys(self, scenes: Sequence[Asked]) -> Callable[[float], Tensor]:
        """What the scenes say, as a key for each amount of noise: a function that gives (len(scenes), D).

        In strong noise, where it is settled what is drawn, the subject is said louder: a dog is one word of the eleven
        of its caption, and was drowned by them.  Interfaces of large models write such weights into the caption.
        """
        how = self.recipe["draw"]
        plain = words.caption_keys(self.words, [scene.caption for scene in scenes])
        subjects = words.caption_keys(self.words, [scene.subject for scene in scenes])
        louder = plain + how.get("emphasis", 0.0) * subjects
        return lambda amount: louder if amount >= how.get("guidance_between", (0.0,))[0] else plain

    def draw_key(self, key: Tensor | Callable[[float], Tensor], count: int = 8, *, seed: int = 0) -> Tensor:
        """Draw what a key says, as `draw` does: (1, D), one for each picture, or a function of the amount."""
        if count < 1:
            raise CourseError(f"At least 1 picture can be drawn, and {count} were asked for.")
        how = dict(self.recipe["draw"])
        device = next(self.model.parameters()).device
        noise = noises(count, how.pop("size"), seed=seed).to(device)
        how.pop("emphasis", None)
        drawn = []
        for first in tqdm(range(0, count, TOGETHER), desc="drawing", disable=count <= TOGETHER):
            some = slice(first, first + TOGETHER)

            def told(amount: float, some: slice = some) -> Tensor:
                said = key(amount) if callable(key) else key
                return (said if len(said) == 1 else said[some]).to(device)

            *_, (_, pictures) = sampling.walk(self.model, noise[some], key=told, **how)
            drawn.append(pictures)
        return torch.cat(drawn)

    def draw_each(self, scenes: Sequence[Asked], *, seed: int = 0) -> Tensor:
        """One drawing of each scene, (len(scenes), 3, size, size); picture i begins as in `draw`."""
        return self.draw_key(self.keys(scenes), len(scenes), seed=seed)


def noises(count: int, size: int, *, seed: int) -> Tensor:
    """Where `count` drawings begin, (count, 3, size, size): each noise depends on `seed` and its own number alone."""
    generators = (torch.Generator().manual_seed((seed * 1_000_003 + i) % 2**63) for i in range(count))
    return torch.stack([torch.randn(3, size, size, generator=generator) for generator in generators])


def shipped_artist(path: Path = SHIPPED / "draw.safetensors") -> Artist:
    """The artist that comes with the course.  Raises CourseError if its files are missing or damaged."""
    model, recipe = training.load(path)
    if "draw" not in recipe:
        raise CourseError(f"{path} does not say how to draw with it ({json.dumps(recipe)[:80]}); train it again.")
    return Artist(model, words.shipped_words(), recipe)
