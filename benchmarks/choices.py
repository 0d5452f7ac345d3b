"""What each choice in the course's own training is worth: python -m benchmarks.choices trains with one thing changed.

Like the comparison with peers, it goes on where it was stopped: what has a record is not run again.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks import records
from benchmarks.growth import ROOT
from benchmarks.records import Record, Spec
from benchmarks.systems.ours import Ours
from benchmarks.task import measure
from course_lib.errors import CourseError

RESULTS = ROOT / "benchmarks/results/choices.json"
SECONDS, RUN = 60.0, 1

BASE = {"predicts": "velocity"}  # as lesson 5 trained before these trials
# name -> what differs in the model, and in its training
CHOICES: dict[str, dict[str, dict[str, Any]]] = {
    "as it was": {},
    "Adam": {"training": {"optimizer": "adam"}},
    "Adam, batch 64, rate 1.5e-3": {"training": {"optimizer": "adam", "batch": 64, "learning_rate": 1.5e-3}},
    "batch 16": {"training": {"batch": 16}},
    "batch 64": {"training": {"batch": 64}},
    "rate 2.5e-3": {"training": {"learning_rate": 2.5e-3}},
    "rate 1e-2": {"training": {"learning_rate": 1e-2}},
    "even amounts": {"training": {"amounts": "uniform"}},
    "predicts the picture": {"model": {"predicts": "picture"}},
    "fold 4, widths 96, 160": {"model": {"fold": 4, "widths": (96, 160)}},
    "widths 32, 64, 96": {"model": {"widths": (32, 64, 96)}},
    "widths 64, 128, 192": {"model": {"widths": (64, 128, 192)}},
}


def ours(choice: str) -> Ours:
    """What a choice trains."""
    change = CHOICES[choice]
    return Ours("folded", "medium", model=BASE | change.get("model", {}), training=change.get("training"))


def one(choice: str) -> Record:
    """The record of a choice, measured in this process."""
    spec = Spec(system="ours", variant="folded", size="medium", seconds=SECONDS, run=RUN)
    return {"choice": choice} | measure(spec, lambda: ours(choice))


def wanted(asked: argparse.Namespace, _: Sequence[Record]) -> Iterator[dict[str, Any]]:
    """The choices that were asked for, or all.  Raises CourseError for one that there is not."""
    if unknown := set(asked.choices) - set(CHOICES):
        raise CourseError(f"there is no choice {unknown.pop()!r}; there are {', '.join(CHOICES)}.")
    return ({"choice": name} for name in asked.choices or CHOICES)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.choices", description=__doc__)
    parser.add_argument("choices", nargs="*", metavar="CHOICE", help=f"of: {'; '.join(CHOICES)}")
    return records.command(parser, arguments, RESULTS, one, wanted)


if __name__ == "__main__":
    sys.exit(main())
