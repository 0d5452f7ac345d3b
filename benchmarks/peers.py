"""Runs the comparison: python -m benchmarks.peers.  What is in the file already is not run again."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from tqdm import tqdm

from benchmarks import records
from benchmarks.records import EACH, KNOWN, RESULTS, Record, Spec
from benchmarks.systems import SIZES, SYSTEMS, TUNED, VARIANTS, make
from course_lib.errors import CourseError

SECONDS = (60.0, 120.0, 240.0, 600.0)


def plan(arguments: argparse.Namespace) -> Iterator[Spec]:
    """The runs, in turns: each run number goes once round all systems, so that a slow hour of the machine hits all."""
    for run in range(1, arguments.runs + 1):
        for seconds in arguments.seconds:
            for size in arguments.sizes or [None]:
                for variant in arguments.variants:
                    for system in arguments.systems:
                        which = size or TUNED[system][0]
                        yield Spec(system, variant, which, seconds, run, arguments.known, arguments.each)


def apart(spec: Spec) -> Record:
    """The record of a run, from a process of its own.  Raises CourseError if that fails."""
    return records.from_a_process("benchmarks.task", json.dumps(asdict(spec)), what=str(spec))


def compare(specs: Sequence[Spec], path: Path) -> None:
    """Run what `path` holds no record of, and store each record as soon as it is there."""
    stored = records.read(path)
    left = [spec for spec in specs if not spec.done(stored)]
    with tqdm(total=sum(spec.seconds for spec in left), unit="s of training", disable=not left) as bar:
        for spec in left:
            bar.set_description(str(spec))
            stored.append(apart(spec))
            records.store(stored, path)
            bar.update(spec.seconds)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--sizes", nargs="+", choices=SIZES, help="instead of the one that its trials chose for each")
    parser.add_argument("--seconds", nargs="+", type=float, default=list(SECONDS), help="of training")
    parser.add_argument("--runs", type=int, default=3, help="the seed of a run is its number, from 1")
    parser.add_argument("--known", type=int, default=KNOWN, help="drawings for the Fréchet distance")
    parser.add_argument("--each", type=int, default=EACH, help="drawings of each scene that was held out")
    parser.add_argument("--output", type=Path, default=RESULTS)
    asked = parser.parse_args(arguments)
    try:
        for system in asked.systems:
            make(system, asked.variants[0], SIZES[0])  # says at once if a package is missing
        compare(list(plan(asked)), asked.output)
    except CourseError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
