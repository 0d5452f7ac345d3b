"""Reads what was handed in in a process of its own: a file that costs too much costs that process, and no more.

A JSON of a few megabytes can become gigabytes in memory, and Python's parser has texts for which it takes minutes.  So
neither `course collect` nor `course grade` reads a submission itself: a `Reader` does, with limits of memory and time.
"""

import atexit
import contextlib
import functools
import json
import math
import os
import struct
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import nbformat
from nbformat import NotebookNode

from course_lib.errors import CourseError
from course_tools.classroom.repair import repair
from course_tools.classroom.submission import SubmittedCell, cells_of
from course_tools.notebooks.lesson import notebook_text

MEMORY = 2**30  # bytes for one file, beyond what the reader itself takes
CPU_SECONDS = 20  # of computing for one file
WALL_SECONDS = 300  # on the clock, for systems that can't limit the other; a busy machine takes its time
TOO_COSTLY = "it takes more time or memory to read than any notebook; ask the student for one without outputs"


class Reader:
    """A process that reads one file after another, and a new one when one of them has ended it.

    memory and cpu_seconds: what one file may take.  `with`, or `end`, ends it; it ends with this process, too.
    """

    def __init__(self, *, memory: int = MEMORY, cpu_seconds: int = CPU_SECONDS) -> None:
        self.memory, self.cpu_seconds = memory, cpu_seconds
        self.process: subprocess.Popen[bytes] | None = None
        self.seconds = 0.0  # of computing, for the last file

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

    def end(self) -> None:
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):  # of what it never read
                if pipe is not None:
                    pipe.close()
        self.process = None

    def repair(self, data: bytes, course: Path) -> tuple[str, str, list[str]]:
        """What `repair` makes of the notebook `data`: its lesson, its text and the notes.

        Raises CourseError, one sentence, for what can't be used, and for what costs too much.
        """
        told = self._ask({"course": str(course)}, data)
        return told["lesson"], told["text"], told["notes"]

    def cells(self, path: Path) -> list[SubmittedCell]:
        """The cells of a notebook that was handed in; none if it can't be read."""
        try:
            return [SubmittedCell(**cell) for cell in self._ask({"path": str(path)}, b"")["cells"]]
        except CourseError:
            return []

    def _ask(self, what: dict[str, str], data: bytes) -> dict[str, Any]:
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        self.seconds = float(self.cpu_seconds)
        late = threading.Timer(WALL_SECONDS, process.kill)
        late.start()
        try:
            _write(process.stdin, json.dumps(what).encode())
            _write(process.stdin, data)
            answer = json.loads(_read(process.stdout))
        except (OSError, EOFError):
            self.end()
            raise CourseError(TOO_COSTLY) from None
        finally:
            late.cancel()
        self.seconds = answer["seconds"]
        if "error" in answer:
            raise CourseError(answer["error"])
        return answer

    def _running(self) -> subprocess.Popen[bytes]:
        if self.process is None:
            root = Path(__file__).parents[2]  # not where the instructor is: files of students may lie there
            places = [str(root), *(os.path.abspath(place) for place in sys.path if place)]
            self.process = subprocess.Popen(
                [sys.executable, "-m", __spec__.name, str(self.memory), str(self.cpu_seconds)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=root,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(places)},
            )
        return self.process


@functools.cache
def shared_reader() -> Reader:
    """The reader of this process: to start one takes longer than to read most notebooks."""
    reader = Reader()
    atexit.register(reader.end)
    return reader


# --- The process itself -----------------------------------------------------------------------------------------------


def main() -> None:
    """Answer until nobody asks any more; the arguments are a reader's limits."""
    memory, cpu_seconds = map(int, sys.argv[1:])
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    _limit("RLIMIT_AS", _mapped() + memory)
    with contextlib.suppress(EOFError):
        while True:
            what, data = json.loads(_read(requests)), _read(requests)
            before = time.process_time()
            _limit("RLIMIT_CPU", math.ceil(before + cpu_seconds))
            answer = answer_to(what, data)
            answer["seconds"] = time.process_time() - before
            _write(answers, json.dumps(answer, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def answer_to(what: dict[str, str], data: bytes) -> dict[str, Any]:
    """What a reader says of a file: what is in it, or {"error": a sentence}."""
    try:
        if "path" in what:
            return {"cells": [asdict(cell) for cell in cells_of(Path(what["path"]))]}
        repaired = repair(data, releases_of(Path(what["course"])))
        return {"lesson": repaired.lesson, "text": notebook_text(repaired.notebook), "notes": repaired.notes}
    except CourseError as error:
        return {"error": str(error)}
    except MemoryError:
        return {"error": TOO_COSTLY}
    except Exception as error:  # whatever is wrong with one notebook, the others are laid out
        return {"error": f"it could not be repaired ({type(error).__name__}: {error})"[:300]}


def releases_of(course: Path) -> dict[str, NotebookNode]:
    """The released notebooks of a course directory, by lesson."""
    paths = sorted(course.glob("release/*/*.ipynb"))
    return _releases(tuple((path, path.stat().st_mtime_ns) for path in paths if path.stem == path.parent.name))


@functools.lru_cache(maxsize=1)  # the same for all students
def _releases(paths: tuple[tuple[Path, int], ...]) -> dict[str, NotebookNode]:
    return {path.stem: nbformat.read(path, as_version=4) for path, _ in paths}


def _mapped() -> int:
    """Bytes of addresses that this process has; none where a system does not tell."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _limit(name: str, maximum: int) -> None:
    """Set a limit that is raised for the next file; on a system that has none, the clock is the only one."""
    with contextlib.suppress(ImportError, AttributeError, ValueError, OSError):
        import resource

        kind = getattr(resource, name)
        resource.setrlimit(kind, (maximum, resource.getrlimit(kind)[1]))


def _write(pipe: IO[bytes], content: bytes) -> None:
    pipe.write(struct.pack(">Q", len(content)))
    pipe.write(content)
    pipe.flush()


def _read(pipe: IO[bytes]) -> bytes:
    """What `_write` wrote.  Raises EOFError if that is not all there."""
    head = pipe.read(8)
    if len(head) < 8:
        raise EOFError
    (size,) = struct.unpack(">Q", head)
    content = pipe.read(size)
    if len(content) < size:
        raise EOFError
    return content


if __name__ == "__main__":
    main()
