"""`course train captions`: what captions do to a model: whole ones, hasty ones and wrong ones.  Lesson 7."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from course_lib import judge, words, world
from course_lib.judge import Judge
from course_lib.world import Scene
from course_tools.recipes.run import FRESH, KEYED, Progress, Result, caption_keys, draw_all, train_ema
from course_tools.recipes.votes import DATA, seeded

# Two cats and two sofas: what a coarse caption leaves out is what tells them apart.
DESCRIBED = tuple(
    world.parse(f"{subject} sitting on {place}")
    for subject in ("Maine coon cat", "black cat", "dog")
    for place in ("grass", "wooden floor", "white sofa", "black sofa")
)
MANY, FEW = 200, 5  # training pictures of each caption
WRONG = 0.3
BRIEF: dict[str, Any] = {"batch": 32, "ema_decay": 0.98}
DRAWN = 8  # drawings of each caption that are scored


def captions(progress: Progress, *, seeds: Sequence[int] = (0, 1, 2), steps: int = 500) -> Result:
    """The same small model and training, with better and worse captions, and with fewer pictures.

    Each is asked for what the whole captions say; the one that learned from coarse captions in their words, the only
    ones that it knows.  So short a training leaves muddles: the judge has to say what each comes nearest to.
    """
    critic = judge.shipped_judge()
    whole, rough = caption_keys(DESCRIBED), coarse_keys(DESCRIBED)
    shown = [*DESCRIBED] * DRAWN
    real, again = (world.render(shown, torch.arange(len(shown)) + FRESH + start) for start in (0, len(shown)))
    ways: dict[str, tuple[int, Callable[[int], Tensor], Tensor]] = {  # pictures, keys to learn by, keys to ask by
        "whole captions": (MANY, lambda seed: whole, whole),
        "coarse captions": (MANY, lambda seed: rough, rough),
        f"{WRONG:.0%} wrong captions": (MANY, lambda seed: muddled(whole, MANY * len(whole), seed), whole),
        "few pictures": (FEW, lambda seed: whole, whole),
    }
    figures: dict[str, Any] = {
        "captions": [scene.caption for scene in DESCRIBED],
        "coarse": [coarse(scene) for scene in DESCRIBED],
        "pictures of each": {name: count for name, (count, _, _) in ways.items()},
        "real": [described(critic, again, real)],
    }
    pictures: dict[str, Tensor] = {}
    for name, (count, learned_by, asked_by) in ways.items():
        figures[name] = []
        for seed in seeds:
            numbers = torch.arange(count * len(DESCRIBED)) + DATA + 100_000 * (seed + 1)
            known, keys = world.render([*DESCRIBED] * count, numbers), learned_by(seed)
            model = train_ema(
                KEYED, known, keys, seed=seed, steps=steps, progress=progress, name=f"{name}, seed {seed}", **BRIEF
            )
            drawn = draw_all(model, asked_by.repeat(DRAWN, 1), seed, guidance=1.5)
            figures[name].append(described(critic, drawn, real))
            pictures.setdefault(name, drawn[: len(DESCRIBED)])
    return figures, pictures


def described(critic: Judge, drawn: Tensor, real: Tensor) -> dict[str, float]:
    """What the judge says of drawings of the whole captions, in turn, and how far they are from real pictures."""
    nearest = critic.score(drawn, [*DESCRIBED] * DRAWN, allow_reject=False)
    return nearest | {"distance": critic.distance(drawn, real)}


def coarse(scene: Scene) -> str:
    """A caption as somebody in a hurry would write it: no breed, no pose, no colour."""
    subject = "cat" if scene.subject.endswith("cat") else scene.subject
    place = "a sofa" if scene.place.endswith("sofa") else world.PLACES[scene.place]
    return f"{subject} on {place}."


def coarse_keys(scenes: Sequence[Scene]) -> Tensor:
    return words.caption_keys(words.shipped_words(), [coarse(scene) for scene in scenes])


def muddled(keys: Tensor, count: int, seed: int) -> Tensor:
    """Keys of `count` pictures, picture i being of key i % len(keys), a share WRONG of them with another one."""
    random = seeded(seed)
    own = torch.arange(count) % len(keys)
    other = (own + torch.randint(1, len(keys), (count,), generator=random)) % len(keys)
    return keys[torch.where(torch.rand(count, generator=random) < WRONG, other, own)]
