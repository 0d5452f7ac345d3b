"""The experiments whose results lesson 5 shows: each takes minutes, so they come with the course, and can be repeated.

`course train library`, `course train sharing` and `course train order` make them again.  A result is pictures by name,
and figures: under each name one record a training.
"""

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from .. import judge, sampling, words, world
from ..artist import noises
from ..models import Denoiser, parameter_count
from ..training import MadePictures, train
from ..world import Scene, parse, render

PER_SCENE = 400  # training pictures of each scene
BATCH, FEW = 64, 16  # pictures in a step of training; of a specialist's
DRAWN = 64  # pictures of each scene that are scored
WALK: dict[str, Any] = {"steps": 12, "order": 2}
KEYED: dict[str, Any] = {"predicts": "velocity", "fold": 2, "widths": (32, 48, 64), "key_size": 64}
# Eight channels can't carry the noise of a velocity: asked for the picture, so small a model does far better.
SPECIALIST: dict[str, Any] = {"predicts": "picture", "fold": 2, "widths": (8, 16, 16)}
FRESH = 2_000_000_000  # pictures that no model saw, to measure on

Progress = Callable[[Iterable[Any], str, int], Iterable[Any]]  # a bar round steps: their name, how many
Result = tuple[dict[str, Any], dict[str, Tensor]]  # figures, and pictures by name

LIBRARY = tuple(
    parse(f"{what} {where}")
    for what in ("Maine coon cat laying on", "black cat sitting on", "dog standing on", "plane parked on")
    for where in ("grass", "white sofa")
)


def library(progress: Progress, *, seeds: Sequence[int] = (0, 1, 2), steps: int = 640) -> Result:
    """One keyed model beside a library of one specialist a caption: no more parameters, as many pictures, all told.

    Specialists take fewer pictures in each of more steps, which serves them better.
    """
    critic, keys = judge.shipped_judge(), caption_keys(LIBRARY)
    shown = [scene for scene in LIBRARY for _ in range(DRAWN)]
    real, again = (render(shown, torch.arange(len(shown)) + first) for first in (FRESH, FRESH + len(shown)))
    figures: dict[str, Any] = {"real": [figures_of(critic, again, shown, real)]}
    pictures: dict[str, Tensor] = {}
    for seed in seeds:
        one = taught(LIBRARY, keys, KEYED, seed, steps, progress)
        drawn = draw(one, keys.repeat_interleave(DRAWN, 0), seed)
        figures.setdefault("one keyed model", []).append(figures_of(critic, drawn, shown, real))
        more = steps * BATCH // (FEW * len(LIBRARY))
        many = [taught([scene], None, SPECIALIST, seed, more, progress, batch=FEW) for scene in LIBRARY]
        alone = torch.cat([draw(model, None, seed, count=DRAWN) for model in many])
        figures.setdefault("library of specialists", []).append(figures_of(critic, alone, shown, real))
        pictures = pictures or {"one keyed model": drawn[::DRAWN], "library of specialists": alone[::DRAWN]}
        figures["parameters"] = {
            "one keyed model": parameter_count(one),
            "library of specialists": sum(parameter_count(model) for model in many),
        }
    return figures | {
        "pictures for training": steps * BATCH,
        "captions": [scene.caption for scene in LIBRARY],
    }, pictures


def sharing(progress: Progress, *, seeds: Sequence[int] = (0,), steps: int = 600) -> Result:
    """Maine coons on Mars, never seen, by two models: one saw Maine coons in three other places, one in only one."""
    critic = judge.shipped_judge()
    everything = [
        scene
        for scene in world.scenes()
        if scene.subject in ("Maine coon cat", "Siamese cat", "dog")
        and scene.place in ("wooden floor", "grass", "sofa", "runway on Mars")
    ]
    new = [scene for scene in everything if (scene.subject, scene.place) == ("Maine coon cat", "runway on Mars")]
    known = {
        "in three places": [scene for scene in everything if scene not in new],
        # As many Maine coons, all on the wooden floor.
        "in one place": [
            Scene(scene.subject, scene.pose, "wooden floor") if scene.subject == "Maine coon cat" else scene
            for scene in everything
            if scene not in new
        ],
    }
    return compare(critic, known, dict.fromkeys(known, caption_keys), new, progress, seeds, steps)


def order(progress: Progress, *, seeds: Sequence[int] = (0,), steps: int = 600) -> Result:
    """A white cat on a black sofa, never seen, by two models: the key of one knows where each word stands."""
    critic = judge.shipped_judge()
    places = ("wooden floor", "grass", "white sofa", "black sofa")
    cats = ("black cat", "white cat")
    everything = [scene for scene in world.scenes() if scene.subject in cats and scene.place in places]
    new = [scene for scene in everything if (scene.subject, scene.place) == ("white cat", "black sofa")]
    known = [scene for scene in everything if scene not in new]
    how = {"words in their places": caption_keys, "words in a bag": bag_keys}
    return compare(critic, dict.fromkeys(how, known), how, new, progress, seeds, steps)


def compare(
    critic: judge.Judge,
    known: Mapping[str, list[Scene]],
    keys: Mapping[str, Callable[[Sequence[Scene]], Tensor]],
    new: list[Scene],
    progress: Progress,
    seeds: Sequence[int],
    steps: int,
) -> Result:
    """Train a model under each name, and score what it draws of scenes that are new to it, and of those it knows.

    So short a training leaves muddles: the judge has to say what each comes nearest to.
    """
    shown = [scene for scene in new for _ in range(DRAWN)]
    real = render(shown, torch.arange(len(shown)) + FRESH)
    figures: dict[str, Any] = {"real": [critic.score(real, shown, refuse=False)]}
    pictures: dict[str, Tensor] = {}
    for name, scenes in known.items():
        for seed in seeds:
            model = taught(scenes, keys[name](scenes), KEYED, seed, steps, progress)
            drawn = draw(model, keys[name](new).repeat_interleave(DRAWN, 0), seed, guidance=2.0)
            old = [scene for scene in dict.fromkeys(scenes) for _ in range(8)]
            known_drawn = draw(model, keys[name](old), seed, guidance=2.0)
            told = {"of the known": critic.score(known_drawn, old, refuse=False)["all"]}
            figures.setdefault(name, []).append(critic.score(drawn, shown, refuse=False) | told)
            pictures.setdefault(name, torch.cat([drawn[part * DRAWN : part * DRAWN + 2] for part in range(len(new))]))
    return figures | {"captions": [scene.caption for scene in new]}, pictures


def taught(
    scenes: Sequence[Scene],
    keys: Tensor | None,
    make: dict[str, Any],
    seed: int,
    steps: int,
    progress: Progress,
    *,
    batch: int = BATCH,
) -> Denoiser:
    """A model of that make after so many steps on its scenes: the running mean of its weights."""
    count = PER_SCENE * len(scenes)
    pictures = render([scenes[i % len(scenes)] for i in range(count)], torch.arange(count) + 10_000_000 * (seed + 1))
    name = f"seed {seed}, {len(scenes)} captions"
    return trained(make, pictures, keys, seed, steps, progress, name, batch=batch, average=0.99)


def trained(
    make: dict[str, Any],
    pictures: Tensor | MadePictures,
    keys: Tensor | None,
    seed: int,
    steps: int,
    progress: Progress,
    name: str,
    *,
    batch: int,
    average: float,
    learning_rate: float = 2e-3,
) -> Denoiser:
    """A new model after so many steps: the running mean of its weights."""
    torch.manual_seed(seed)
    model = Denoiser(**make)
    averaged = copy.deepcopy(model)
    run = train(
        model, pictures, keys=keys, steps=steps, seed=seed, batch=batch, learning_rate=learning_rate, amounts="bell",
        averaged=averaged, average=average,
    )  # fmt: skip
    for _ in progress(run, name, steps):
        pass
    return averaged.eval()


def draw(model: Denoiser, keys: Tensor | None, seed: int, *, count: int = 0, guidance: float = 1.0) -> Tensor:
    """One drawing for each key, or `count` by a model that takes none."""
    noise = noises(count if keys is None else len(keys), 32, seed=seed)
    drawn = []
    for first in range(0, len(noise), 64):
        some = slice(first, first + 64)
        key = None if keys is None else keys[some]
        *_, (_, pictures) = sampling.walk(model, noise[some], key=key, guidance=guidance, **WALK)
        drawn.append(pictures)
    return torch.cat(drawn)


def figures_of(critic: judge.Judge, drawn: Tensor, shown: Sequence[Scene], real: Tensor) -> dict[str, float]:
    return critic.score(drawn, shown) | {"distance": critic.distance(drawn, real)}


def caption_keys(scenes: Sequence[Scene]) -> Tensor:
    return words.caption_keys(words.shipped_words(), [scene.caption for scene in scenes])


def bag_keys(scenes: Sequence[Scene]) -> Tensor:
    return torch.stack([words.bag_key(words.shipped_words(), scene.caption) for scene in scenes])
