"""The task, the same for every system: so many seconds to learn the captioned world at 32 px, then the judge's exam.

One run in a process of its own: python -m benchmarks.task '{"system": ..., ...}' prints its record as JSON.
"""

import copy
import importlib.metadata
import json
import math
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import mean
from typing import Any

import torch
from torch import Tensor

from benchmarks import systems
from benchmarks.records import Record, Spec
from benchmarks.systems import System
from course_lib import judge, training, words, world
from course_lib.models import parameter_count
from course_tools.bench import peak_memory_mb
from course_tools.recipes.run import FIRST_SEED, FRESH, Renders

RENDERS = 180  # of each seen scene: 23,940 pictures
WARM_UP = 20  # steps, as in `training.schedule`
EMA_DECAY = 0.999  # as in `training.train`
PILOT = {"known": 40, "each": 1}  # drawings, at most, by which a sampler is chosen, for each sampler
PILOT_SEED, EXAM_SEED = 10, 1  # where drawings begin: a sampler is chosen by others than those that are judged


def material() -> tuple[Tensor, Tensor]:
    """What there is to learn from: pictures, (N, 3, 32, 32) in [-1, 1], and keys, (M, KEY); picture i has i % M."""
    scenes = world.seen_scenes()
    renders = Renders(scenes, count=RENDERS * len(scenes), first_seed=FIRST_SEED)
    keys = words.caption_keys(words.shipped_words(), [scene.caption for scene in scenes])
    return renders[torch.arange(len(renders))], keys


@dataclass(frozen=True)
class Trained:
    """What a training did: its steps, the seconds they took, and the loss before each."""

    steps: int
    seconds: float
    losses: list[float]


class Training:
    """The steps of one training, which keeps the moving average of the weights in `averaged`."""

    def __init__(self, system: System, pictures: Tensor, keys: Tensor, *, seed: int) -> None:
        self.system, self.pictures, self.keys = system, pictures, keys
        self.generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)  # the peers draw noise and amounts from torch's own generator
        self.ema_model = copy.deepcopy(system.model)
        self.optimizers = system.optimizers()
        self.rates = [(group, group["lr"]) for optimizer in self.optimizers for group in optimizer.param_groups]
        self.losses: list[float] = []
        system.model.train()

    def step(self, share: float) -> None:
        """One step, at this share of the learning rate."""
        model = self.system.model
        for group, highest in self.rates:
            group["lr"] = highest * share
        model.zero_grad()
        loss = self.system.loss(self.pictures, self.keys, self.generator)
        loss.backward()
        if self.system.clip is not None:
            torch.nn.utils.clip_grad_norm_(model.parameters(), self.system.clip)
        for optimizer in self.optimizers:
            optimizer.step()
        self.losses.append(loss.item())
        decay = min(EMA_DECAY, (1 + len(self.losses)) / (10 + len(self.losses)))
        training.update_ema(self.ema_model, model, decay=decay)  # type: ignore[arg-type]  # it asks of a model its weights only


def train_for(
    system: System,
    pictures: Tensor,
    keys: Tensor,
    *,
    seconds: float,
    seed: int,
    clock: Callable[[], float] = time.perf_counter,
) -> Trained:
    """Train for so many seconds by the clock, and leave the moving average of the weights in `system.model`.

    pictures: (N, 3, 32, 32) in [-1, 1]; keys: (M, KEY), that of picture i is i % M.
    """
    learning = Training(system, pictures, keys, seed=seed)
    start = clock()
    while (gone := (clock() - start) / seconds) < 1:
        learning.step(schedule(len(learning.losses) + 1, gone))
    taken = clock() - start
    system.model.load_state_dict(learning.ema_model.state_dict())
    system.model.eval()
    return Trained(len(learning.losses), taken, learning.losses)


def schedule(number: int, gone: float) -> float:
    """The share of the learning rate at step `number` when the share `gone` of the time is over: 0 at the end.

    `training.schedule` by the clock: how many steps there will be is not known.
    """
    return min(1.0, number / WARM_UP) * 0.5 * (1 + math.cos(math.pi * gone))


# --- The exam ---------------------------------------------------------------------------------------------------------


def exam(system: System, *, known: int, each: int) -> dict[str, Any]:
    """How near its drawings of `known` known scenes come to real pictures, and how many of the unknown are right.

    Of each scene that was held out `each` drawings are judged.  Each of the two scores is that of the sampler which did
    best in it on a few other drawings.  The scores of real pictures stand beside them.
    """
    critic, seen, held_out = judge.shipped_judge(), world.seen_scenes(), world.held_out_scenes()
    fresh = torch.arange(2 * known + each * len(held_out)) + FRESH

    def distance(sampler: dict[str, Any], count: int, seed: int) -> float:
        scenes = [seen[i % len(seen)] for i in range(count)]
        return critic.distance(drawn(system, scenes, seed, sampler), world.render(scenes, fresh[:count]))

    def right(sampler: dict[str, Any], count: int, seed: int) -> float:
        scenes = [scene for scene in held_out for _ in range(count)]
        return critic.score(drawn(system, scenes, seed, sampler), scenes)["all"]

    ways = system.samplers
    nearest = min(ways, key=lambda name: distance(ways[name], min(PILOT["known"], known), PILOT_SEED))
    rightest = max(ways, key=lambda name: right(ways[name], min(PILOT["each"], each), PILOT_SEED))
    scenes = [seen[i % len(seen)] for i in range(known)]
    asked = [scene for scene in held_out for _ in range(each)]
    real, again = (world.render(scenes, some) for some in fresh[: 2 * known].chunk(2))
    return {
        "distance": distance(ways[nearest], known, EXAM_SEED),
        "right": right(ways[rightest], each, EXAM_SEED),
        "sampler": {"distance": nearest, "right": rightest},
        "distance of real": critic.distance(again, real),
        "right of real": critic.score(world.render(asked, fresh[2 * known :]), asked)["all"],
    }


def drawn(system: System, scenes: Sequence[world.Scene], seed: int, sampler: dict[str, Any]) -> Tensor:
    """Drawings as the judge takes them: of a model that has diverged grey ones, so that it has a score, too."""
    return system.draw(scenes, seed=seed, **sampler).nan_to_num(0.0)


# --- One run ---------------------------------------------------------------------------------------------------------


def machine() -> str:
    return (
        f"{os.cpu_count()} CPU cores, {platform.machine()}, {platform.system()}, Python {platform.python_version()}, "
        f"torch with {torch.get_num_threads()} threads"
    )


def measure(spec: Spec, make: Callable[[], System] | None = None) -> Record:
    """Run it here, and return its record.

    make: what is to be measured under that name, if it is not the system of `systems`.
    """
    pictures, keys = material()
    torch.manual_seed(spec.run)
    system = systems.make(spec.system, spec.variant, spec.size) if make is None else make()
    trained = train_for(system, pictures, keys, seconds=spec.seconds, seed=spec.run)
    memory = peak_memory_mb()  # before the judge is loaded
    start = time.perf_counter()
    scores = exam(system, known=spec.known, each=spec.each)
    return asdict(spec) | {
        "steps": trained.steps,
        "trained_seconds": round(trained.seconds, 2),
        "pictures_per_second": round(trained.steps * system.batch / trained.seconds, 1),
        "loss": mean(trained.losses[-50:]),
        **scores,
        "exam_seconds": round(time.perf_counter() - start, 1),
        "parameters": parameter_count(system.model),
        "memory_mb": memory,
        "seed": spec.run,
        "batch": system.batch,
        "samplers": system.samplers,
        "settings": system.settings,
        "versions": {name: importlib.metadata.version(name) for name in ("torch", system.package)},
        "machine": machine(),
    }


if __name__ == "__main__":
    print(json.dumps(measure(Spec(**json.loads(sys.argv[1])))))
