"""What the shipped model draws by each solver, against calls of its network: python -m benchmarks.solvers."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from tqdm import tqdm

from benchmarks.growth import ROOT
from benchmarks.task import machine
from course_lib import judge, world
from course_lib.files import atomic_write
from course_lib.pipeline import Pipeline, shipped_pipeline
from course_tools.recipes.run import FRESH

RESULTS = ROOT / "benchmarks/results/solvers.json"
KNOWN, EACH = 1_000, 8  # drawings of known scenes, and of each scene that was held out


def ways() -> Iterator[tuple[str, dict[str, Any]]]:
    """Names, and what they change in the shipped pipeline's settings."""
    yield "as shipped", {}
    for steps in (21, 84):  # as many calls as 25 and, but for one, 100 steps without guidance
        yield f"as shipped, but for {steps} steps", {"steps": steps}
    for order in (1, 2):
        for steps in (10, 25, 100):
            yield f"order {order}, {steps} steps, no guidance", {"guidance": 1.0, "order": order, "steps": steps}


def calls(pipeline: Pipeline) -> int:
    """How often its network is asked for a picture."""
    asked = 0

    def count(module: Any, given: tuple[torch.Tensor, ...]) -> None:
        nonlocal asked
        asked += len(given[0])

    with pipeline.model.register_forward_pre_hook(count):
        pipeline.draw(world.scenes()[0], 1)
    return asked


def score(pipeline: Pipeline) -> dict[str, float]:
    """The Fréchet distance of drawings of known scenes to real pictures, and the share right of those held out."""
    critic, seen, held_out = judge.shipped_judge(), world.seen_scenes(), world.held_out_scenes()
    known = [seen[i % len(seen)] for i in range(KNOWN)]
    asked = [scene for scene in held_out for _ in range(EACH)]
    real = world.render(known, torch.arange(KNOWN) + FRESH)
    return {
        "distance": critic.distance(pipeline.draw_each(known, seed=1), real),
        "right": critic.score(pipeline.draw_each(asked, seed=1), asked)["all"],
    }


def main() -> int:
    shipped, results = shipped_pipeline(), []
    for name, change in (bar := tqdm(list(ways()))):
        bar.set_description(name)
        pipeline = replace(shipped, settings=replace(shipped.settings, **change))
        results.append({"solver": name, "calls": calls(pipeline)} | score(pipeline))
    report = {"machine": machine(), "known": KNOWN, "each": EACH, "solvers": results}
    atomic_write(RESULTS, json.dumps(report, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
