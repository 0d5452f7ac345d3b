"""What was measured: one record for each run, in one JSON file that a killed comparison goes on from."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tqdm import tqdm

from course_lib.errors import CourseError
from course_lib.files import atomic_write

RESULTS = Path(__file__).parent / "results/peers.json"
KNOWN, EACH = 300, 4  # drawings of known scenes, and of each scene that was held out

Record = dict[str, Any]


@dataclass(frozen=True)
class Spec:
    """One run: what is trained, for how many seconds, and how many drawings are judged."""

    system: str
    variant: str
    size: str
    seconds: float
    run: int
    known: int = KNOWN
    each: int = EACH

    def done(self, records: Iterable[Record]) -> bool:
        """Whether there is a record of this very run."""
        return any(all(record[name] == value for name, value in asdict(self).items()) for record in records)

    def __str__(self) -> str:
        return f"{self.system}, {self.variant}, {self.size}, {self.seconds:g} s, run {self.run}"


def read(path: Path = RESULTS) -> list[Record]:
    """The records of a file, none if there is no such file.  Raises CourseError if it is not one of records."""
    if not path.exists():
        return []
    try:
        return json.loads(path.read_text(encoding="utf-8"))["records"]
    except (ValueError, KeyError, TypeError) as error:
        raise CourseError(f"'{path}' holds no records of this benchmark: name another file.") from error


def store(records: Sequence[Record], path: Path = RESULTS) -> None:
    """Write the records beside the file and rename: whenever the machine stops, there is the old file or the new."""
    lines = ",\n".join(json.dumps(record) for record in records)
    atomic_write(path, f'{{"records": [\n{lines}\n]}}\n')


def from_a_process(module: str, *arguments: str, what: str) -> Record:
    """The record that a module prints as its last line, run in a process of its own.

    what: how an error calls it.  Raises CourseError, with the last line of what it said, if it fails.
    """
    command = [sys.executable, "-m", module, *arguments]
    quiet = os.environ | {"TQDM_DISABLE": "1"}  # peers' samplers show bars of their own
    done = subprocess.run(command, cwd=Path(__file__).parents[1], env=quiet, capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"])[-1]
        raise CourseError(f"{what} failed: {reason}")
    return json.loads(done.stdout.splitlines()[-1])


def complete(stored: list[Record], wanted: Iterable[dict[str, Any]], module: str, path: Path) -> None:
    """Measure what `wanted` names and `stored` has no record of, and store each record as soon as it is there.

    module: what prints such a record when it is run with --here and the wanted values as JSON.
    """
    for which in (bar := tqdm(wanted)):
        if not chosen(stored, **which):
            bar.set_description(what := ", ".join(map(str, which.values())))
            stored.append(from_a_process(module, "--here", json.dumps(which), what=what))
            store(stored, path)


def command(
    parser: argparse.ArgumentParser,
    arguments: Sequence[str] | None,
    path: Path,
    measure: Callable[..., Record],
    wanted: Callable[[argparse.Namespace, list[Record]], Iterable[dict[str, Any]]],
) -> int:
    """The command of a benchmark that goes on where it was stopped.  Returns its exit status.

    parser: its prog is "python -m " and the benchmark's module; it holds the arguments that only this benchmark has.
    path: where the records are kept, unless the arguments name another file.
    measure: from the values that name a record to that record, in this process.
    wanted: from the arguments and the records so far to the values of all records that there should be.
    """
    parser.add_argument("--here", metavar="RECORD", help="one as JSON: measure it in this process, and print it")
    parser.add_argument("--output", type=Path, default=path)
    asked = parser.parse_args(arguments)
    try:
        if asked.here:
            print(json.dumps(measure(**json.loads(asked.here))))
            return 0
        stored = read(asked.output)
        complete(stored, wanted(asked, stored), parser.prog.removeprefix("python -m "), asked.output)
    except CourseError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    return 0


def chosen(records: Iterable[Record], **wanted: Any) -> list[Record]:
    """The records that have these values, say system="ours"."""
    return [record for record in records if all(record[name] == value for name, value in wanted.items())]


def best_size(records: Sequence[Record], system: str, variant: str) -> str | None:
    """The size whose median Fréchet distance is lowest, at the longest time at which the most sizes ran.

    None if nothing of this system and variant was run.
    """
    found = chosen(records, system=system, variant=variant)
    if not found:
        return None
    sizes = {seconds: {record["size"] for record in chosen(found, seconds=seconds)} for seconds in seconds_of(found)}
    longest = max(sizes, key=lambda seconds: (len(sizes[seconds]), seconds))
    return min(
        sorted(sizes[longest]),
        key=lambda size: median(record["distance"] for record in chosen(found, seconds=longest, size=size)),
    )


def seconds_of(records: Iterable[Record]) -> list[float]:
    """The times that were run, the shortest first."""
    return sorted({record["seconds"] for record in records})
