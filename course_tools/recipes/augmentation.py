"""`course train augmentation`: what flips gain with few pictures and with many.  Lesson 6."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from course_lib import augment, judge, sampling
from course_lib.models import Denoiser
from course_lib.noise import add_noise
from course_lib.world import render
from course_tools.recipes.run import FRESH, LIBRARY, ResumableTrainings, caption_keys, draw_all, save, to_bytes

# So small a model learns soonest when it is asked for the picture, at a high rate of learning.
SMALL: dict[str, Any] = {"predicts": "picture", "fold": 2, "widths": (16, 32, 64), "key_size": 64}
TRAINING: dict[str, Any] = {
    "steps": 4500, "batch": 16, "learning_rate": 5e-3, "amounts": "logit-normal", "ema_decay": 0.99,
}  # fmt: skip
SEEDS = {100: (0, 1, 2), 400: (0, 1), 1600: (0, 1)}  # of each size of the training set
WAYS = {"without": (), "with": (augment.flip,)}
START = 0.3  # the share of noise in the fresh pictures that a model has to finish
FINISH: dict[str, Any] = {"steps": 8, "order": 2, "start": START}
DRAWN = 64  # pictures of each caption that are scored
FIRST_SEED = 30_000_000  # of the training pictures; the run with seed s begins s * 1,000,000 later


def make_augmentation(output: Path, working: Path, device: torch.device) -> dict[str, Any]:
    """The same model and steps on few pictures and on many, as they are and augmented: each training a part.

    Each model draws from pure noise, and finishes fresh pictures with noise in them: what it was not trained on.
    """
    trainings = ResumableTrainings(working, device)
    critic = judge.shipped_judge()
    shown = [scene for scene in LIBRARY for _ in range(DRAWN)]
    real, again, fresh = (render(shown, torch.arange(len(shown)) + FRESH + k * 10_000) for k in range(3))
    noisy, _ = add_noise(fresh, START, seed=FRESH)
    keys = caption_keys(shown)
    figures: dict[str, Any] = {"real": [critic.score(again, shown) | {"distance": critic.distance(again, real)}]}
    pictures = {"fresh": fresh[::DRAWN], "noisy": noisy[::DRAWN]}
    for size, seeds in SEEDS.items():
        for seed in seeds:
            scenes = [LIBRARY[i % len(LIBRARY)] for i in range(size)]
            known = render(scenes, torch.arange(size) + FIRST_SEED + 1_000_000 * seed)
            captions, known_keys = [scene.caption for scene in scenes], caption_keys(scenes)
            for way, using in WAYS.items():
                changing = augment.Augmented(known, captions, using=using, first_seed=FIRST_SEED) if using else known
                name = f"{size} pictures {way} seed {seed}"
                model = trainings.trained(name, SMALL, changing, seed=seed, keys=known_keys, **TRAINING)
                drawn, finished = draw_all(model, keys, seed), finish(model, noisy, keys)
                own = changing[torch.arange(len(shown)) % len(changing)]
                figures.setdefault(way, []).append(
                    {"pictures": size, "seed": seed}
                    | critic.score(drawn, shown)
                    | {"distance": critic.distance(drawn, real), "to the nearest": mean_nearest_distance(drawn, known)}
                    | {"distance of what it saw": critic.distance(own, real)}
                    | {f"finished {name}": share for name, share in critic.score(finished, shown).items()}
                    | {"finished distance": critic.distance(finished, real)}
                    | {"finished error": float((finished - fresh).square().mean())}
                )
                pictures.setdefault(f"{size} {way}, drawn", drawn[::DRAWN])
                pictures.setdefault(f"{size} {way}, finished", finished[::DRAWN])
    recipe = {
        "command": "course train augmentation",
        "device": device.type,
        "model": model.config,
        "training": TRAINING,
        "start": START,
        "fresh to the nearest of 100": mean_nearest_distance(fresh, known[:100]),
        "seconds": round(trainings.seconds),
    }
    save(to_bytes(pictures), output, recipe=recipe | figures)
    trainings.remove()
    return recipe | figures


def finish(model: Denoiser, noisy: Tensor, keys: Tensor) -> Tensor:
    """What a model makes of pictures that hold the amount START of noise."""
    batches = zip(noisy.split(64), keys.split(64), strict=True)
    return torch.cat([sampling.draw(model, batch, key=key, **FINISH) for batch, key in batches])


def mean_nearest_distance(pictures: Tensor, known: Tensor) -> float:
    """How far each picture is from the nearest known one, the mean: a root of mean squares over the pixels."""
    far = torch.cdist(pictures.flatten(1), known.flatten(1)).amin(dim=1)
    return float(far.mean() / known[0].numel() ** 0.5)
