"""Which batch, learning rate and size suit each system: python -m benchmarks.tuning.  It goes on where it was stopped.

A system's trials are compared by its own loss on pictures that it has not seen: that is the same task for all of them,
and takes no drawing, whose minutes go to the comparison.
"""

import argparse
import itertools
import sys
from collections.abc import Iterator, Sequence
from statistics import mean
from typing import Any

import torch

from benchmarks import records, systems
from benchmarks.records import Record
from benchmarks.systems import SIZES, SYSTEMS, System
from benchmarks.task import machine, material, train_for
from course_lib import world
from course_tools.recipes.run import FRESH

RESULTS = records.RESULTS.with_name("tuning.json")
VARIANT, SECONDS = "folded", 90.0
PEERS = [  # batch, highest learning rate
    (16, 1e-3),
    (16, 3e-3),
    (32, 1e-3),
    (32, 3e-3),
    (16, 6e-3),
    (16, 1.2e-2),
]
OURS = [(32, 5e-3)]  # the outcome of earlier trials, which docs/benchmarks.md tells of
BATCHES, BATCH = 40, 32  # for a loss


def trials(stored: Sequence[Record], names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Each batch and rate with the smallest size; then, with the best of them, larger sizes while they do better."""
    for number in range(len(PEERS)):
        for system in names:
            for batch, rate in (OURS if system == "ours" else PEERS)[number : number + 1]:
                yield {"system": system, "size": SIZES[0], "batch": batch, "rate": rate}
    for smaller, size in itertools.pairwise(SIZES):
        for system in names:
            best = min(records.chosen(stored, system=system), key=lambda record: record["loss"])
            if best["size"] == smaller:
                yield {"system": system, "size": size, "batch": best["batch"], "rate": best["rate"]}


def trial(system: str, size: str, batch: int, rate: float, *, seconds: float = SECONDS) -> Record:
    """Train it so, in this process, and return what it lost."""
    pictures, keys = material()
    torch.manual_seed(1)
    learner = systems.make(system, VARIANT, size)
    learner.learn(batch, rate)
    trained = train_for(learner, pictures, keys, seconds=seconds, seed=1)
    return {
        "system": system,
        "size": size,
        "batch": batch,
        "rate": rate,
        "seconds": seconds,
        "steps": trained.steps,
        "loss": unseen_loss(learner, keys),
        "machine": machine(),
    }


@torch.no_grad()
def unseen_loss(learner: System, keys: torch.Tensor) -> float:
    """The mean loss over pictures of the known scenes that are not among those to learn from: always the same ones."""
    scenes = world.seen_scenes()
    pictures = world.render(scenes * 4, torch.arange(4 * len(scenes)) + FRESH)
    learner.batch = BATCH
    torch.manual_seed(2)
    generator = torch.Generator().manual_seed(2)
    return mean(learner.loss(pictures, keys, generator).item() for _ in range(BATCHES))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tuning", description=__doc__)
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    return records.command(parser, arguments, RESULTS, trial, lambda asked, stored: trials(stored, asked.systems))


if __name__ == "__main__":
    sys.exit(main())
