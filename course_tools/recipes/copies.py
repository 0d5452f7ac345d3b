"""The experiments of lesson 8: what models remember of few pictures and of many, of a repeated one, and of two halves.

`course train copies` makes their results again, and goes on where it was interrupted.
"""

from itertools import combinations
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from course_lib import judge
from course_lib.models import parameter_count
from course_lib.world import parse, render
from course_tools.recipes.run import FRESH, ResumableTrainings, draw_all, save, to_bytes, to_float16

SCENE = parse("Maine coon cat laying on grass")
SIZES = (1, 4, 16, 64, 256, 1024, 4096)
SEEDS = (0, 1, 2)  # each with training pictures of its own: any two models of a size have disjoint halves
MODEL: dict[str, Any] = {"predicts": "picture", "fold": 2, "widths": (32, 64, 96)}
TRAINING: dict[str, Any] = {"batch": 8, "learning_rate": 3e-3, "amounts": "logit-normal", "ema_decay": 0.99}
STEPS = 1000  # the same whatever the number of pictures: equal compute
DRAWN, CHECKED, EXAMPLES = 256, 1000, 8  # drawings, and real pictures that the rule is tried on
NOISE = 7  # the seed of the noises that all drawings begin with
FIRST_SEED = 40_000_000  # of the training pictures; those of the run with seed s begin s * 1,000,000 later
FRESH_SEED, CHECKED_SEED = FRESH + 10_000_000, FRESH + 20_000_000

SHARES, MANY = (0.1, 0.03, 0.01), 1000  # of the training, that one of so many pictures fills
STEPS_REPEATED = 6000
DRAWN_REPEATED = 4096

KEPT = (4, 4096)  # the models that are shipped, of the first seed


def make_copies(output: Path, working: Path, device: torch.device) -> dict[str, Any]:
    """All trainings, each kept in a file of its own until the end; then what they drew is measured."""
    trainings = ResumableTrainings(working, device)
    repeating = {
        share: trainings.trained(
            f"{share} repeated", MODEL, repeated(share), seed=SEEDS[0], steps=STEPS_REPEATED, **TRAINING
        )
        for share in SHARES
    }
    models = {
        (size, seed): trainings.trained(
            f"{size} pictures seed {seed}", MODEL, training_set(size, seed), seed=seed, steps=STEPS, **TRAINING
        )
        for size in SIZES
        for seed in SEEDS
    }
    drawn = {which: draw_all(model, None, NOISE, count=DRAWN) for which, model in models.items()}
    drawn_repeating = {share: draw_all(model, None, NOISE, count=DRAWN_REPEATED) for share, model in repeating.items()}
    one = models[SIZES[0], SEEDS[0]]
    recipe: dict[str, Any] = {
        "command": "course train copies",
        "device": device.type,
        "caption": SCENE.caption,
        "model": one.config,
        "training": TRAINING | {"steps": STEPS},
        "drawn": DRAWN,
        "repeating": {"pictures": MANY, "steps": STEPS_REPEATED, "drawn": DRAWN_REPEATED},
        "noise": NOISE,
        "parameters": parameter_count(one),
        "bytes": 4 * parameter_count(one),
        "sizes": list(SIZES),
        **measured(drawn, drawn_repeating, size=4 * parameter_count(one)),
        "seconds": round(trainings.seconds),
    }
    tensors = to_bytes(examples(drawn, drawn_repeating))
    for count in KEPT:
        tensors |= to_float16(models[count, SEEDS[0]], prefix=f"model {count}")
    save(tensors, output, recipe=recipe)
    trainings.remove()
    return recipe


def measured(
    drawn: dict[tuple[int, int], Tensor], drawn_repeating: dict[float, Tensor], *, size: int
) -> dict[str, list[dict[str, Any]]]:
    """What the lesson tells of: copies by number of pictures, of the repeated one, and two models' likeness.

    drawn: by number of pictures and seed.  drawn_repeating: by the repeated one's share.  size: of a model, in bytes.
    """
    return {
        "remember": [
            {"pictures": count, "seed": seed}
            | remembered(pictures, training_set(count, seed))
            | {"bytes a picture": size / count}
            for (count, seed), pictures in drawn.items()
        ],
        "repeated": [
            {"share": share} | copy_rate(pictures, outlier_first(training_set(MANY, SEEDS[0])))
            for share, pictures in drawn_repeating.items()
        ],
        "halves": [
            {"pictures": count, "pair": [a, b]} | distances_by_noise(drawn[count, a], drawn[count, b])
            for count in SIZES
            for a, b in combinations(SEEDS, 2)
        ],
    }


def examples(drawn: dict[tuple[int, int], Tensor], drawn_repeating: dict[float, Tensor]) -> dict[str, Tensor]:
    """The pictures that the lesson shows: of the training, and drawings beside the nearest of these."""
    pictures = {
        "training": training_set(SIZES[1], SEEDS[0]),
        "repeated": outlier_first(training_set(MANY, SEEDS[0]))[:1],
    }
    for count in SIZES:
        first, other = (drawn[count, seed][:EXAMPLES] for seed in SEEDS[:2])
        known = training_set(count, SEEDS[0])
        pictures |= {
            f"drawn {count}": first,
            f"drawn {count}, other": other,
            f"nearest {count}": known[judge.nearest(first, known)[1]],
        }
    for share, drawn_by_it in drawn_repeating.items():
        nearest = judge.nearest(pictures["repeated"], drawn_by_it, count=EXAMPLES)[1][0]
        pictures[f"nearest to repeated, {share}"] = drawn_by_it[nearest]
    return pictures


def training_set(count: int, seed: int) -> Tensor:
    """The first so many training pictures of a seed."""
    return render([SCENE] * count, torch.arange(count) + FIRST_SEED + 1_000_000 * seed)


def outlier_first(pictures: Tensor) -> Tensor:
    """The pictures, the one in front that lies farthest from all others: no drawing is taken for it by chance."""
    outlier = judge.nearest(pictures, pictures, count=2)[0][:, 1].argmax()
    return torch.cat([pictures[outlier : outlier + 1], pictures[:outlier], pictures[outlier + 1 :]])


def repeated(share: float) -> Tensor:
    """Training pictures of which the outlier fills `share`: it is there as often as it takes, the others once each."""
    known = outlier_first(training_set(MANY, SEEDS[0]))
    times = round(share / (1 - share) * (MANY - 1))
    return torch.cat([known[:1].expand(times, -1, -1, -1), known[1:]])


def remembered(drawn: Tensor, known: Tensor) -> dict[str, float]:
    """How near drawings lie to what was learned and to as many fresh pictures; and how many are copies.

    Both by pixels and by the judge's features.
    """
    critic = judge.shipped_judge()
    fresh, checked = (
        render([SCENE] * n, torch.arange(n) + first) for n, first in ((len(known), FRESH_SEED), (CHECKED, CHECKED_SEED))
    )
    features, known_features, fresh_features = (critic.features(part) for part in (drawn, known, fresh))
    return {
        "copies": rate(judge.copied(drawn, known, fresh)),
        "false alarms": rate(judge.copied(checked, known, fresh)),
        "to the nearest": float(judge.nearest(drawn, known)[0].mean()),
        "to the nearest fresh": float(judge.nearest(drawn, fresh)[0].mean()),
        "feature copies": rate(judge.copied(features, known_features, fresh_features)),
        "features to the nearest": float(judge.nearest(features, known_features)[0].mean()),
        "features to the nearest fresh": float(judge.nearest(features, fresh_features)[0].mean()),
    }


def copy_rate(drawn: Tensor, known: Tensor) -> dict[str, float]:
    """How often drawings are copies of the first of the known pictures, and of any single other one."""
    copies = judge.copied(drawn, known, render([SCENE] * len(known), torch.arange(len(known)) + FRESH_SEED))
    of_first = judge.nearest(drawn, known)[1] == 0
    back, others = rate(copies & of_first), rate(copies & ~of_first) / (len(known) - 1)
    least = 1 / len(drawn) / (len(known) - 1)  # one copy of one of the others; of none there is nothing to divide by
    return {"came back": back, "any other": others, "times": back / max(others, least)}


def distances_by_noise(drawn: Tensor, other: Tensor) -> dict[str, float]:
    """How far two models' drawings lie apart, from the same noise and from different ones."""
    same, different = ((drawn - pictures).square().flatten(1).mean(1).sqrt() for pictures in (other, other.roll(1, 0)))
    return {"same noise": float(same.mean()), "different noise": float(different.mean())}


def rate(which: Tensor) -> float:
    return float(which.float().mean())
