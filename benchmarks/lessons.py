"""What the trainings that lessons run would gain by another choice, in the same seconds: python -m benchmarks.lessons.

Like the comparison with peers, it goes on where it was stopped: what has a record is not run again.
"""

import argparse
import copy
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from benchmarks import records
from benchmarks.growth import ROOT
from benchmarks.records import Record
from benchmarks.task import machine
from course_lib import judge, sampling, world
from course_lib.models import Denoiser
from course_lib.noise import add_noise
from course_lib.pipeline import starting_noise
from course_lib.training import Step, train
from course_tools.recipes import augmentation, copies
from course_tools.recipes.run import FRESH, LIBRARY, caption_keys, loss_and_settings

RESULTS = ROOT / "benchmarks/results/lessons.json"
SEEDS = (0, 1, 2)
TIMED = 30  # steps that say how many fit into a lesson's seconds


@dataclass(frozen=True)
class Lesson:
    """A training as a lesson ran it before these trials, and what its model then makes, to be judged.

    scenes: of which picture i is the one i % len(scenes); count: pictures.
    shown: scenes that the model draws, or, with a `start`, finishes from that much noise.
    how: of `DenoisingLoss` and `train`; with an "ema_decay", the moving average of the weights draws.
    """

    model: dict[str, Any]
    scenes: Sequence[world.Scene]
    count: int
    shown: Sequence[world.Scene]
    how: dict[str, Any]
    walk: dict[str, Any]
    start: float = 1.0


CAT = world.parse("Maine coon cat laying on a wooden floor.")
LESSONS = {
    "2, many pictures of one caption": Lesson(
        {"fold": 4, "widths": (48, 64)}, [CAT], 400, [CAT] * 256,
        {"steps": 1000, "learning_rate": 6e-3, "amounts": "logit-normal"}, {"steps": 20, "order": 2},
    ),
    "5, a model from nothing": Lesson(
        {"predicts": "velocity", "fold": 2, "widths": (32, 48, 64), "key_size": 64},
        world.seen_scenes(), 40 * len(world.seen_scenes()), world.seen_scenes() * 2,
        {
            "steps": 600, "batch": 32, "learning_rate": 5e-3, "amounts": "logit-normal", "optimizer": "muon",
            "ema_decay": 0.98,
        },
        {"steps": 8, "order": 2, "guidance": 2.0},
    ),
    "6, few pictures": Lesson(
        augmentation.SMALL, LIBRARY, 24, LIBRARY * 32,
        {"steps": 400, "batch": 16, "learning_rate": 4e-3, "amounts": "logit-normal"}, {"steps": 8, "order": 2},
        start=0.3,
    ),
    "8, many pictures": Lesson(
        copies.MODEL, [copies.SCENE], 4096, [copies.SCENE] * 256,
        {"steps": copies.STEPS} | copies.TRAINING, {"steps": 12, "order": 2},
    ),
}  # fmt: skip
AS_IT_WAS = "as it was"
WAYS: dict[str, dict[str, dict[str, Any]]] = {  # lesson -> way -> what differs in the model, and in its training
    "2, many pictures of one caption": {
        AS_IT_WAS: {},
        "Muon": {"how": {"optimizer": "muon"}},
        "Muon, half the rate": {"how": {"optimizer": "muon", "learning_rate": 3e-3}},
    },
    "5, a model from nothing": {AS_IT_WAS: {}, "predicts the picture": {"model": {"predicts": "picture"}}},
    "6, few pictures": {AS_IT_WAS: {}, "Muon": {"how": {"optimizer": "muon"}}},
    "8, many pictures": {AS_IT_WAS: {}, "Muon": {"how": {"optimizer": "muon"}}},
}

TAKEN = {"5, a model from nothing": "predicts the picture"}  # what a lesson now does


def run(lesson: Lesson, change: dict[str, dict[str, Any]], seed: int, steps: int) -> tuple[Denoiser, Iterator[Step]]:
    """A new model that will draw, and the training that teaches it."""
    torch.manual_seed(seed)
    model = Denoiser(**lesson.model | change.get("model", {}))
    how = lesson.how | change.get("how", {}) | {"steps": steps}
    ema_model = copy.deepcopy(model) if "ema_decay" in how else None
    scenes = [lesson.scenes[i % len(lesson.scenes)] for i in range(lesson.count)]
    pictures = world.render(scenes, torch.arange(lesson.count) + 1_000_000 * seed)
    keys = caption_keys(lesson.scenes) if model.key_size else None
    loss, settings = loss_and_settings(pictures, keys, **how)
    return ema_model or model, train(model, loss, seed=seed, ema_model=ema_model, **settings)


def timed(steps: Iterator[Step], count: int) -> float:
    """Seconds that so many steps take."""
    start = time.perf_counter()
    for _ in range(count):
        next(steps)
    return time.perf_counter() - start


def steps_for(lesson: Lesson, change: dict[str, dict[str, Any]]) -> int:
    """How many steps of this way fit into the time that the lesson's own take, the two measured in turns."""
    if "how" not in change:  # to ask for something else takes as long
        return lesson.how["steps"]
    own, other = (run(lesson, way, 0, lesson.how["steps"])[1] for way in ({}, change))
    seconds = [(timed(own, TIMED), timed(other, TIMED)) for _ in range(3)][1:]  # the first steps are slower
    return round(lesson.how["steps"] * sum(one for one, _ in seconds) / sum(two for _, two in seconds))


def made(model: Denoiser, lesson: Lesson, seed: int) -> Tensor:
    """What the model draws or finishes: (len(shown), 3, 32, 32)."""
    shown = list(lesson.shown)
    begun = starting_noise(len(shown), 32, seed=seed)
    if lesson.start < 1:
        begun, _ = add_noise(world.render(shown, torch.arange(len(shown)) + FRESH + 10_000), lesson.start, seed=seed)
    key = caption_keys(shown) if model.key_size else None
    return sampling.draw(model.eval(), begun, key=key, start=lesson.start, **lesson.walk)


def one(lesson: str, way: str, seed: int) -> Record:
    """The record of a way, measured in this process."""
    told = LESSONS[lesson]
    steps = steps_for(told, WAYS[lesson][way])
    model, training = run(told, WAYS[lesson][way], seed, steps)
    seconds = timed(training, steps)
    critic, shown = judge.shipped_judge(), list(told.shown)
    pictures = made(model, told, seed)
    return {
        "lesson": lesson, "way": way, "seed": seed, "steps": steps, "seconds": round(seconds, 1),
        "distance": critic.distance(pictures, world.render(shown, torch.arange(len(shown)) + FRESH)),
        "right": critic.score(pictures, shown)["all"],
        "machine": machine(),
    }  # fmt: skip


def wanted(*_: Any) -> Iterator[dict[str, Any]]:
    """Each way with each seed, in turns, so that a slow hour of the machine hits all ways."""
    for seed in SEEDS:
        for lesson, ways in WAYS.items():
            for way in ways:
                yield {"lesson": lesson, "way": way, "seed": seed}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lessons", description=__doc__)
    return records.command(parser, arguments, RESULTS, one, wanted)


if __name__ == "__main__":
    sys.exit(main())
