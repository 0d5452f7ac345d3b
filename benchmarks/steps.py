"""What a training step costs each system: python -m benchmarks.steps.  What has a record is not measured again.

A virtual machine's speed wanders within minutes, so products of matrices and steps of training take turns of a second.
"""

import argparse
import itertools
import sys
import time
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

from benchmarks import records, systems
from benchmarks.records import Record
from benchmarks.systems import SIZES, SYSTEMS, VARIANTS, System
from benchmarks.task import Training, machine
from course_lib import words, world
from course_lib.models import parameter_count
from course_tools.bench import matrix_rate, peak_memory_mb

RESULTS = records.RESULTS.with_name("steps.json")
TURNS = 12


def cost(system: System, *, turns: int = TURNS, turn: float = 1.0) -> Record:
    """Pictures a second in training, and the share of the machine's own products of matrices, in turns of `turn` s.

    The share of a turn is told by the products just before it and just after it; least and most of the turns are kept.
    """
    scenes = world.seen_scenes()
    pictures = world.render(scenes, range(len(scenes)))
    keys = words.caption_keys(words.shipped_words(), [scene.caption for scene in scenes])
    flops = flops_per_picture(system, pictures, keys)
    training = Training(system, pictures, keys, seed=0)
    for _ in range(3):  # memory is taken, and layouts are chosen
        training.step(1.0)
    rates, shares = [], []
    limit = matrix_rate()
    for _ in range(turns):
        start, steps = time.perf_counter(), 0
        while (taken := time.perf_counter() - start) < turn:
            training.step(1.0)
            steps += 1
        before, limit = limit, matrix_rate()
        rates.append(steps * system.batch / taken)
        shares.append(rates[-1] * flops / ((before + limit) / 2))
    return {
        "batch": system.batch,
        "parameters": parameter_count(system.model),
        "flops_per_picture": flops,
        "pictures_per_second": median(rates),
        "share_of_matrix_rate": sorted(shares),
        "memory_mb": peak_memory_mb(),
    }


def flops_per_picture(system: System, pictures: Tensor, keys: Tensor) -> float:
    """Floating-point operations of a training step, forward and backward, for each of its pictures."""
    aten = torch.ops.aten
    attention = {  # torch's counter knows it on other devices only; what stands behind the shapes does not matter
        aten._scaled_dot_product_flash_attention_for_cpu: lambda *shapes, **_: sdpa_flop_count(*shapes[:3]),
        aten._scaled_dot_product_flash_attention_for_cpu_backward: (
            lambda *shapes, **_: sdpa_backward_flop_count(*shapes[:4])
        ),
    }
    with FlopCounterMode(display=False, custom_mapping=attention) as counter:
        system.loss(pictures, keys, torch.Generator().manual_seed(0)).backward()
    system.model.zero_grad()
    return counter.get_total_flops() / system.batch


def one(system: str, variant: str, size: str) -> Record:
    """The record of a system in a variant and a size, measured in this process."""
    torch.manual_seed(0)
    which = {"system": system, "variant": variant, "size": size}
    return which | {"machine": machine()} | cost(systems.make(**which))


def wanted(asked: argparse.Namespace, _: Sequence[Record]) -> Iterator[dict[str, Any]]:
    """Each size of the systems that were asked for, in turns."""
    for variant, system, size in itertools.product(reversed(VARIANTS), asked.systems, SIZES):
        yield {"system": system, "variant": variant, "size": size}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.steps", description=__doc__)
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    return records.command(parser, arguments, RESULTS, one, wanted)


if __name__ == "__main__":
    sys.exit(main())
