"""A submission's code in a process of its own, in a bubblewrap sandbox, and stand-ins for its functions outside.

The judge never shares a process with the submission: a check gets a `StandIn`, which asks the process inside and
believes nothing of what comes back but plain data (see `wire.py`).  `docs/grading.md` says which limit rests on what.
"""

import json
import os
import re
import select
import shutil
import struct
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import course_lib
from course_lib.errors import CourseError
from course_tools import scopes
from course_tools.classroom import definitions, wire, worker
from course_tools.classroom.seccomp import seccomp_filter

INSTALL = "sudo apt-get install bubblewrap"
START_TIMEOUT = 600.0  # seconds in which torch has to be imported; a busy machine takes minutes
POLL_SECONDS = 0.25  # between two measurements of what the processes inside use
FIRST_USER = 1_900_000_000  # of users that nobody is: each judge that is the superuser has one for its sandbox
NOBODY = 65534
MOST_CODE = 1_000_000  # letters of a submission that are sent in
_HERE = Path(__file__).parent
_INSIDE = (worker, wire, definitions, scopes)  # the modules that the process inside consists of
_NO_CHECKS = "def __getattr__(name):\n    return lambda *arguments, **settings: None\n"


class SandboxError(CourseError):
    """The sandbox itself does not work: no submission is to blame, and none is judged."""


@dataclass(frozen=True)
class Limits:
    """What the code of one exercise may use, all its processes together where not said otherwise."""

    cpu_seconds: int = 20  # of computing
    wall_seconds: int = 90  # on the clock; so long that a busy machine fails nobody
    memory: int = 2 * 2**30  # bytes beyond what torch needs: of one process at once, of all within POLL_SECONDS
    disk: int = 64 * 2**20  # bytes in /tmp
    processes: int = 32  # threads count, too


def unavailable_reason() -> str | None:
    """Why no sandbox can be had here, in one sentence with what to do, or None if it can."""
    if sys.platform != "linux":
        return "Sandboxes need Linux with bubblewrap: grade on such a machine, in a virtual one say."
    if shutil.which("bwrap") is None:
        return f"bubblewrap is missing, without which submissions are not run; install it with: {INSTALL}."
    return None


class Sandbox:
    """The process of one submission; `with` ends it and all that it started.

    isolated: False runs it as this user, with this machine's files and network: the limits of memory, time and size
    still bind it.  Raises SandboxError if the process can't be started.
    """

    def __init__(self, limits: Limits | None = None, *, isolated: bool = True) -> None:
        self.limits, self.isolated = limits or Limits(), isolated
        self.process: subprocess.Popen[bytes] | None = None
        self.folder: tempfile.TemporaryDirectory[str] | None = None
        self.starts = 0
        self.number = 0  # of the last message

    def __enter__(self) -> "Sandbox":
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    @contextmanager
    def function(self, name: str, cells: Sequence[str], made_for: Sequence[int] = ()) -> Iterator["StandIn"]:
        """A stand-in for the function `name` of a notebook.

        cells: the sources of its code cells, in order.  made_for: the numbers of those made for this function.
        Whatever is wrong with them is raised when the stand-in is called, as it is in a notebook.
        """
        if self.process is None:
            self.start()
        stand_in = StandIn(self, name)
        try:
            stand_in.prepare(cells, made_for)
            yield stand_in
        finally:
            stand_in.end()

    def start(self) -> None:
        """Start the process, and wait until it has imported what every submission needs."""
        if self.isolated and (reason := unavailable_reason()) is not None:
            raise SandboxError(reason)
        self.starts += 1
        requests, self.requests = os.pipe()
        self.replies, replies = os.pipe()
        inside = [requests, replies]
        settings = vars(self.limits) | {"requests": requests, "replies": replies, "isolated": self.isolated}
        try:
            program, folder, home = self._isolated(settings, inside) if self.isolated else self._in_folder(settings)
            self.process = subprocess.Popen(
                [*program, _python(), "-I", "-S", f"{folder}/worker.py", json.dumps(settings)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=inside,
                cwd="/" if self.isolated else folder,
                env={**_ENVIRONMENT, "HOME": home, "TMPDIR": home, "PATH": os.defpath},
                start_new_session=True,
            )
        finally:
            for descriptor in inside:
                os.close(descriptor)
        for descriptor in (self.requests, self.replies):
            os.set_blocking(descriptor, False)
        self._wait_until_ready()

    def _isolated(self, settings: dict[str, Any], inside: list[int]) -> tuple[list[str], str, str]:
        """bubblewrap's command line, and in there the worker's folder and home; adds to `settings` and to `inside`."""
        settings["user"] = FIRST_USER + threading.get_native_id() if os.geteuid() == 0 else 0
        settings |= {"first": ["/worker", "/course"], "last": [str(path) for path in _packages()]}
        inside.append(_descriptor(_NO_CHECKS.encode()))
        program = [str(shutil.which("bwrap")), *_bwrap_options(self.limits, inside[-1])]
        if (rules := seccomp_filter()) is not None:
            inside.append(_descriptor(rules))
            program += ["--seccomp", str(inside[-1])]
        return [*program, "--"], "/worker", "/tmp"

    def _in_folder(self, settings: dict[str, Any]) -> tuple[list[str], str, str]:
        """The same without a sandbox: no command, and for both a folder that is thrown away."""
        self.folder = tempfile.TemporaryDirectory(prefix="submission-", ignore_cleanup_errors=True)
        folder = self.folder.name
        for module in _INSIDE:
            shutil.copy(str(module.__file__), folder)
        settings |= {"user": 0, "first": [folder, str(_HERE.parents[1])], "last": [str(path) for path in _packages()]}
        return [], folder, folder

    def _wait_until_ready(self) -> None:
        assert self.process is not None
        error = self.process.stderr
        assert error is not None
        self.until, self.cpu_until = time.monotonic() + START_TIMEOUT, float("inf")
        self.memory_until = float("inf")
        self.measured = time.monotonic()
        self.buffer = b""
        try:
            ready = self.read()
        except (_EndedError, TimeoutError, wire.NotPlainError):
            ready = None
        if ready != {"ready": True}:
            os.set_blocking(error.fileno(), False)
            lines = (error.read(4000) or b"").decode(errors="replace").strip().splitlines()
            self.stop()
            raise SandboxError(
                f"the sandbox does not start ({lines[-1] if lines else 'it says nothing'}): mend that first."
            )
        error.close()

    def stop(self) -> None:
        """End the process and everything inside."""
        if self.process is None:
            return
        if not self.isolated:  # there is no namespace that ends with it
            for pid in _process_tree(self.process.pid)[1:]:
                with suppress(OSError):
                    os.kill(pid, 9)
        self.process.kill()
        self.process.wait()
        if self.process.stderr is not None:
            self.process.stderr.close()
        for descriptor in (self.requests, self.replies):
            os.close(descriptor)
        self.process = None
        if self.folder is not None:
            self.folder.cleanup()
            self.folder = None

    # --- Talking to it: every wait has an end ------------------------------------------------------------------------

    def reset_limits(self) -> None:
        """Count time and memory from here on: an exercise does not pay for what was before it."""
        assert self.process is not None
        cpu, memory = usage(self.process.pid)
        self.until = time.monotonic() + self.limits.wall_seconds
        self.cpu_until, self.memory_until = cpu + self.limits.cpu_seconds, memory + self.limits.memory

    def write(self, value: Any) -> None:
        """Send a value.  Raises what `enforce_limits` raises, and _EndedError if nobody is there."""
        left = memoryview(wire.dumps(value))
        while left:
            self.enforce_limits()
            try:
                if select.select([], [self.requests], [], POLL_SECONDS)[1]:
                    left = left[os.write(self.requests, left[:65536]) :]
            except OSError:
                raise _EndedError from None

    def read(self) -> Any:
        """Wait for a value.  Raises what `enforce_limits` raises, _EndedError, and NotPlainError for what is none."""
        (size,) = struct.unpack(">I", self._bytes(4))
        if size > wire.LARGEST:
            raise wire.NotPlainError("this is too large an answer")
        return wire.loads(self._bytes(size))

    def _bytes(self, count: int) -> bytes:
        while len(self.buffer) < count:
            self.enforce_limits()
            if select.select([self.replies], [], [], POLL_SECONDS)[0]:
                received = os.read(self.replies, 65536)
                if not received:
                    raise _EndedError
                self.buffer += received
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def enforce_limits(self) -> None:
        """Every POLL_SECONDS seconds: raise TimeoutError or MemoryError if a limit is passed."""
        now = time.monotonic()
        if now > self.until:
            raise TimeoutError(f"no answer within {self.limits.wall_seconds} seconds.")
        if now < self.measured + POLL_SECONDS:
            return
        self.measured = now
        assert self.process is not None
        cpu, memory = usage(self.process.pid)
        if cpu > self.cpu_until:
            raise TimeoutError(f"it computed for more than {self.limits.cpu_seconds} seconds.")
        if memory > self.memory_until:
            raise MemoryError(f"it took more than {self.limits.memory / 2**30:.3g} GiB of memory.")


class _EndedError(Exception):
    """The process inside is gone."""


def _gone() -> None:
    raise _EndedError


_GONE = "its process ended before it gave an answer."


class StandIn:
    """Takes the place of a submission's function: called, it asks the process inside.

    Raises what the function raised, as an error of that name and text; TimeoutError, MemoryError or RuntimeError when
    a limit was passed or the process ended.  Then it is not asked again.
    """

    def __init__(self, sandbox: Sandbox, name: str) -> None:
        self.sandbox, self.name = sandbox, name
        self.failure: Exception | None = None  # why it is not asked any more

    def prepare(self, cells: Sequence[str], made_for: Sequence[int]) -> None:
        try:
            self._safely(self.sandbox.reset_limits)
            self.first = self.sandbox.number + 1
            self._answer(self._send({"name": self.name, "cells": _drop_oversized(cells), "made_for": list(made_for)}))
        except Exception as error:
            self.failure = error

    def __call__(self, *inputs: Any) -> Any:
        if self.failure is not None:
            raise self.failure
        return self._answer(self._send({"question": list(inputs)}))

    def _send(self, message: dict[str, Any]) -> int:
        """Send a message, and return its number, which the reply to it bears."""
        self.sandbox.number += 1
        self._safely(lambda: self.sandbox.write(message | {"number": self.sandbox.number}))
        return self.sandbox.number

    def _answer(self, number: int) -> Any:
        while True:
            reply = self._safely(self.sandbox.read)
            if _matches(reply, "ended", self.first):
                self._safely(_gone)
            if _matches(reply, "number", number):
                break
        if "error" in reply:
            raise error_of(reply["error"], reply.get("stub") is True)
        return reply.get("value")

    def _safely(self, talk: Any) -> Any:
        """Talk to the process inside; after a failure, whichever it is, it is ended."""
        try:
            return talk()
        except Exception as error:
            self.sandbox.stop()
            self.failure = RuntimeError(_GONE) if isinstance(error, _EndedError) else error
            raise self.failure from None

    def end(self) -> None:
        """Let the process inside go on to the next exercise; if it does not, the next one gets a new process."""
        box = self.sandbox
        if box.process is None:
            return
        try:
            if self.failure is None:
                box.write({"end": True})
            while not _matches(box.read(), "ended", self.first):
                pass
        except Exception:  # what the submission writes stops no other's judging
            box.stop()


def _matches(reply: Any, name: str, number: int) -> bool:
    """Whether a reply has this number under that name; a tensor, say, that stands there is not compared with it."""
    value = reply.get(name) if isinstance(reply, dict) else None
    return type(value) is int and value == number


def _drop_oversized(cells: Sequence[str]) -> list[str]:
    """The cells, with "" in the place of those too long for a person to have written."""
    kept, left = [], MOST_CODE
    for cell in cells:
        fits = len(cell) <= min(left, definitions.LONGEST_CELL)
        left -= len(cell) if fits else 0
        kept.append(cell if fits else "")
    return kept


def error_of(text: Any, stub: bool) -> Exception:
    """The error that a submission's function raised, as far as it is known: its name and its message."""
    if stub:
        return NotImplementedError(definitions.STUB)
    name, _, message = str(text)[:300].partition(": ")
    name = name if re.fullmatch(r"[A-Za-z_]\w{0,49}", name) else "Error"
    # No name of Python's own: a MemoryError of theirs must not look like one of ours, and no text is a long one.
    return type(name, (Exception,), {"__module__": "builtins"})(message)


# --- What is used inside ----------------------------------------------------------------------------------------------


def _process_tree(pid: int) -> list[int]:
    """This process and all below it."""
    import psutil

    with suppress(psutil.Error):
        return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    return [pid]


def usage(pid: int) -> tuple[float, int]:
    """Seconds of computing and bytes of memory that a process and all below it have used.

    Memory is what is theirs alone or shared between them: pages of programs on disk, which are there once, don't count.
    """
    import psutil

    seconds, held = 0.0, 0
    for one in _process_tree(pid):
        with suppress(psutil.Error, OSError):
            process = psutil.Process(one)
            seconds += sum(process.cpu_times()[:4])
            try:
                with open(f"/proc/{one}/status", errors="replace") as file:  # a process names itself as it likes
                    sizes = [line.split()[1] for line in file if line.startswith(("RssAnon:", "RssShmem:"))]
                held += 1024 * sum(map(int, sizes))
            except FileNotFoundError:
                held += process.memory_info().rss
    return seconds, held


# --- The walls --------------------------------------------------------------------------------------------------------

_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MPLBACKEND": "agg",
    "PYTHONHASHSEED": "0",
}


def _python() -> str:
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


def _packages() -> list[Path]:
    """Where the installed packages are."""
    found = dict.fromkeys(
        Path(path).resolve() for path in sys.path if path.endswith(("site-packages", "dist-packages"))
    )
    return [path for path in found if path.is_dir()]


def _libraries() -> list[str]:
    """Python's own modules, and the system's libraries: on Debian those of this machine's kind, elsewhere all."""
    kind = sysconfig.get_config_var("MULTIARCH") or "none"
    own = [f"/lib/{kind}", f"/usr/lib/{kind}"]
    found = own if Path(own[1]).is_dir() else ["/lib", "/usr/lib"]
    found += ["/lib64", "/usr/lib64", "/etc/ld.so.cache", *map(str, Path("/lib").glob("ld-linux*"))]
    if sys.base_prefix == "/usr":
        return [*found, sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")]
    return [*found, f"{sys.base_prefix}/lib"]


def _bwrap_options(limits: Limits, stub: int) -> list[str]:
    """bubblewrap's options: what there is inside, and what is not."""
    library = Path(course_lib.__file__).parent
    options = ["--die-with-parent", "--new-session", "--hostname", "grading"]
    options += [f"--unshare-{kind}" for kind in ("ipc", "pid", "net", "uts", "cgroup-try")]
    if os.geteuid() == 0:  # it is made by the superuser, and given up for a user of its own before anything is run
        options += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        options += ["--unshare-user", "--disable-userns", "--uid", str(NOBODY), "--gid", str(NOBODY)]
    # First of all, since the course's own environment may lie below /tmp: what is bound there comes on top.
    options += ["--perms", "1777", "--size", str(limits.disk), "--tmpfs", "/tmp", "--chdir", "/tmp"]
    seen = [*_libraries(), _python(), *map(str, _packages())]
    parents = {str(parent) for path in [*seen, "/course/x", "/worker/x"] for parent in Path(path).parents}
    for path in sorted(parents - {"/", "/tmp"}):  # else bubblewrap makes them for the superuser alone
        options += ["--perms", "0755", "--dir", path]
    for path in seen:
        options += ["--ro-bind-try", path, path]
    for folder in _packages():
        for package in ("course_lib", "course_tools"):
            if (folder / package).is_dir():  # installed there: it holds what a submission must not see
                options += ["--tmpfs", f"{folder}/{package}", "--remount-ro", f"{folder}/{package}"]
    options += ["--ro-bind", str(library), "/course/course_lib"]
    options += ["--perms", "0755", "--tmpfs", "/course/course_lib/checks", "--perms", "0444"]
    options += ["--file", str(stub), "/course/course_lib/checks/__init__.py"]
    options += ["--remount-ro", "/course/course_lib/checks"]
    for module in _INSIDE:
        options += ["--ro-bind", str(module.__file__), f"/worker/{Path(str(module.__file__)).name}"]
    options += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    options += ["--ro-bind-try", "/sys/devices/system/cpu", "/sys/devices/system/cpu"]
    return [*options, "--remount-ro", "/"]


def _descriptor(content: bytes) -> int:
    """A descriptor from which this can be read once."""
    out, into = os.pipe()
    os.write(into, content)
    os.close(into)
    return out
