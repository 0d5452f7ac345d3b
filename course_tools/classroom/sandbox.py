"""A submission's code in a process of its own, in a bubblewrap sandbox, and stand-ins for its functions outside.

The judge never shares a process with the submission: a check gets a `StandIn`, which asks the process inside and
believes nothing of what comes back but plain data (see `wire.py`).  `docs/grading.md` says which limit rests on what.
"""

import array
import json
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import course_lib
from course_lib.errors import CourseError
from course_tools import scopes
from course_tools.classroom import definitions, walls, wire, worker
from course_tools.classroom.seccomp import seccomp_filter

INSTALL = "sudo apt-get install bubblewrap"
START_TIMEOUT = 600.0  # seconds in which torch has to be imported; a busy machine takes minutes
POLL_SECONDS = 0.25  # between two measurements of what the processes inside use
FIRST_USER = 1_900_000_000  # of users that nobody is: each judge that is the superuser has one for its sandbox
NOBODY = 65534
_HERE = Path(__file__).parent
_INSIDE = (worker, wire, walls, definitions, scopes)  # the modules that the process inside consists of
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


class Prepared:
    """A process in bubblewrap that has imported torch and never sees a submission: each one gets a fork of it.

    Made when it is first needed, and anew if it is gone.  `with`, or `end`, ends it and all forks; it ends with the
    thread that made it, too.

    possible: whether a fork can build its walls.  Some systems give no process inside bubblewrap the rights for it, as
    Ubuntu's profile bwrap-userns-restrict for AppArmor does ("audit deny capability").
    """

    def __init__(self) -> None:
        self.possible = True
        self.process: subprocess.Popen[bytes] | None = None
        self.lock = threading.Lock()

    def __enter__(self) -> "Prepared":
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

    def fork(self, limits: Limits, pipes: Sequence[int]) -> "_Fork":
        """The process of one submission, which waits to be told its user.  Raises SandboxError."""
        rules = seccomp_filter() or b""
        settings = vars(limits) | {"isolated": True, "rules": rules.hex()}
        with self.lock:
            for _ in range(2):
                try:
                    if self.process is None:
                        self._start()
                    self.link.sendmsg(
                        [json.dumps(settings).encode()],
                        [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", pipes))],
                    )
                    # The one who forked, and the fork itself or what went wrong with it, in any order.
                    said, pid = next(heard for heard in (self._hear(), self._hear()) if heard[0] != b"forked")
                except OSError:
                    said = b""
                if said:
                    break
                self.end()  # it is gone: the next try makes another
        if said != b"here":
            raise SandboxError(_does_not_start(said.decode(errors="replace")))
        try:
            return _Fork(pid)
        except OSError as error:
            raise SandboxError(_does_not_start(str(error))) from None

    def _start(self) -> None:
        self.link, control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.link.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.link.settimeout(START_TIMEOUT)
        self.process = _in_bubblewrap({"control": control.fileno()}, [control.fileno()])
        control.close()
        try:
            said = self._hear()[0]
        except OSError:
            said = b""
        assert self.process.stderr is not None
        if said != b"ready":
            self.process.kill()
            error = self.process.stderr.read(4000).decode(errors="replace").strip().splitlines()
            self.end()
            raise SandboxError(_does_not_start(error[-1] if error else "it says nothing"))
        self.process.stderr.close()

    def _hear(self) -> tuple[bytes, int]:
        """A word from inside, and the number of the process that said it, as it is out here."""
        said, details, _, _ = self.link.recvmsg(4000, socket.CMSG_SPACE(12))
        credentials = [data for _, kind, data in details if kind == socket.SCM_CREDENTIALS]
        return said, struct.unpack("iii", credentials[0])[0] if credentials else 0

    def end(self) -> None:
        if self.process is not None:
            self.link.close()
            self.process.kill()
            self.process.wait()
            if self.process.stderr is not None:
                self.process.stderr.close()
            self.process = None


shared = Prepared()  # of this process: the submissions that it judges one after another


def _does_not_start(why: str) -> str:
    return f"the sandbox does not start ({why}): mend that first."


class _Fork:
    """The process of a submission, by a descriptor: its number may be another's as soon as it is gone."""

    def __init__(self, pid: int) -> None:
        self.pid, self.stderr = pid, None
        self.descriptor = os.pidfd_open(pid)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.descriptor, signal.SIGKILL)

    def wait(self) -> None:
        """Wait until it and all inside are gone; to be called once."""
        select.select([self.descriptor], [], [])
        os.close(self.descriptor)


class Sandbox:
    """The process of one submission; `with` ends it and all that it started.

    isolated: False runs it as this user, with this machine's files and network: the limits of memory, time and size
    still bind it.  prepared: what it is forked from, by default what all sandboxes of this process are.
    Raises SandboxError if the process can't be started.
    """

    def __init__(
        self, limits: Limits | None = None, *, isolated: bool = True, prepared: Prepared | None = None
    ) -> None:
        self.limits, self.isolated, self.prepared = limits or Limits(), isolated, prepared or shared
        self.process: subprocess.Popen[bytes] | _Fork | None = None
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
        try:
            self._start_by(self._fork if self.isolated and self.prepared.possible else self._start_alone)
        except SandboxError:
            if not (self.isolated and self.prepared.possible):
                raise
            self.prepared.end()
            self._start_by(self._start_alone)
            self.prepared.possible = False  # only now: what keeps both from starting is no matter of rights

    def _start_by(self, start: Callable[[int, int], "subprocess.Popen[bytes] | _Fork"]) -> None:
        """Start the process, with two pipes, and wait until it is ready."""
        requests, self.requests = os.pipe()
        self.replies, replies = os.pipe()
        try:
            self.process = start(requests, replies)
        except BaseException:
            os.close(self.requests)
            os.close(self.replies)
            raise
        finally:
            os.close(requests)
            os.close(replies)
        for descriptor in (self.requests, self.replies):
            os.set_blocking(descriptor, False)
        self._wait_until_ready()

    def _fork(self, requests: int, replies: int) -> "_Fork":
        """The process as a fork of what is prepared, behind walls of its own."""
        fork = self.prepared.fork(self.limits, (requests, replies))
        # A user of its own, if the superuser judges, whose limits bind nobody.
        told = json.dumps({"user": FIRST_USER + fork.pid if os.geteuid() == 0 else 0}).encode()
        os.write(self.requests, struct.pack(">I", len(told)) + told)
        return fork

    def _start_alone(self, requests: int, replies: int) -> subprocess.Popen[bytes]:
        """The process by itself, in a sandbox of bubblewrap's alone, or in none."""
        settings = vars(self.limits) | {"requests": requests, "replies": replies, "isolated": self.isolated}
        if not self.isolated:
            return self._in_folder(settings)
        settings["user"] = FIRST_USER + threading.get_native_id() if os.geteuid() == 0 else 0
        rules = seccomp_filter()
        filters = [] if rules is None else [_descriptor(rules)]
        walls = [option for number in filters for option in ("--seccomp", str(number))]
        try:
            return _in_bubblewrap(settings, [requests, replies, *filters], disk=self.limits.disk, more=walls)
        finally:
            for number in filters:
                os.close(number)

    def _in_folder(self, settings: dict[str, Any]) -> subprocess.Popen[bytes]:
        """The process without a sandbox, in a folder that is thrown away."""
        self.folder = tempfile.TemporaryDirectory(prefix="submission-", ignore_cleanup_errors=True)
        folder = self.folder.name
        for module in _INSIDE:
            shutil.copy(str(module.__file__), folder)
        settings |= {"first": [folder, str(_HERE.parents[1])], "last": [str(path) for path, _ in _packages()]}
        return subprocess.Popen(
            [str(_python()[0]), "-I", "-S", f"{folder}/worker.py", json.dumps(settings)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=[settings["requests"], settings["replies"]],
            cwd=folder,
            env={**_ENVIRONMENT, "HOME": folder, "TMPDIR": folder, "PATH": os.defpath},
            start_new_session=True,
        )

    def _wait_until_ready(self) -> None:
        assert self.process is not None
        self.until, self.cpu_until = time.monotonic() + START_TIMEOUT, float("inf")
        self.memory_until = float("inf")
        self.measured = time.monotonic()
        self.buffer = b""
        try:
            ready = self.read()
        except (_EndedError, TimeoutError, wire.NotPlainError):
            ready = None
        error = self.process.stderr
        if ready != {"ready": True}:
            lines = [str(ready["error"])] if isinstance(ready, dict) and "error" in ready else []
            if error is not None:
                os.set_blocking(error.fileno(), False)
                lines = (error.read(4000) or b"").decode(errors="replace").strip().splitlines()
            self.stop()
            raise SandboxError(_does_not_start(lines[-1] if lines else "it says nothing"))
        if error is not None:
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
        if memory > self.memory_until and held(self.process.pid) > self.memory_until:
            raise MemoryError(f"it took more than {self.limits.memory / 2**30:.3g} GiB of memory.")


class _EndedError(Exception):
    """The process inside is gone."""


def _gone() -> None:
    raise _EndedError


_GONE = "its process ended before it gave an answer."
_TOO_LONG = (
    f"its code is too long to be run: a cell may have {definitions.LONGEST_CELL:,} letters, "
    f"a notebook {definitions.MOST_CODE:,}."
)


class StandIn:
    """Takes the place of a submission's function: called, it asks the process inside.

    Raises what the function raised, as an error of that name and text; TimeoutError, MemoryError or RuntimeError when
    a limit was passed or the process ended.  Then it is not asked again.
    """

    def __init__(self, sandbox: Sandbox, name: str) -> None:
        self.sandbox, self.name = sandbox, name
        self.failure: Exception | None = None  # why it is not asked any more

    def prepare(self, cells: Sequence[str], made_for: Sequence[int]) -> None:
        kept = _drop_oversized(cells)
        try:
            self._safely(self.sandbox.reset_limits)
            self.first = self.sandbox.number + 1
            self._answer(self._send({"name": self.name, "cells": kept, "made_for": list(made_for)}))
        except Exception as error:
            self.failure = error
            if type(error).__name__ == "NameError" and kept != [*cells]:
                self.failure = ValueError(_TOO_LONG)

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
            self.failure = error
            if isinstance(error, _EndedError):
                self.failure = RuntimeError(_GONE)
            elif isinstance(error, wire.NotPlainError):  # whose own name says nothing to a student
                self.failure = ValueError(f"{error}.")
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
    """The cells, with "" in the place of those too long for a person to have written, or to be sent."""
    kept, letters, size = [], definitions.MOST_CODE, wire.LARGEST - 100_000
    for cell in cells:
        written = len(json.dumps(cell)) if len(cell) <= min(letters, definitions.LONGEST_CELL) else size + 1
        fits = written <= size
        letters -= len(cell) if fits else 0
        size -= written if fits else 0
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
    """Seconds of computing and at most how many bytes of memory a process and all below it have used.

    Memory is what is theirs alone or shared between them, which is counted for each: `held` tells what it is.  Pages
    of programs on disk, which are there once, don't count.
    """
    import psutil

    seconds, most = 0.0, 0
    for one in _process_tree(pid):
        with suppress(psutil.Error, OSError):
            process = psutil.Process(one)
            seconds += sum(process.cpu_times()[:4])
            try:
                most += _sizes(f"/proc/{one}/status", _OWN)
            except FileNotFoundError:
                most += process.memory_info().rss
    return seconds, most


def held(pid: int) -> int:
    """Bytes of memory that a process and all below it have used, what several share counted once.

    The kernel looks at each page for it, which is why `usage` is asked first.
    """
    total = 0
    for one in _process_tree(pid):
        shared, most = 0, 0
        with suppress(OSError):
            most = _sizes(f"/proc/{one}/status", _OWN)
            shared = _sizes(f"/proc/{one}/smaps_rollup", ("Pss_Anon:", "Pss_Shmem:"))
        total += shared or most  # a kernel that does not tell the one tells the other
    return total


_OWN = ("RssAnon:", "RssShmem:")


def _sizes(path: str, names: tuple[str, ...]) -> int:
    """The sum of what stands behind these names in a file of the kernel's."""
    with open(path, errors="replace") as file:  # a process names itself as it likes
        return 1024 * sum(int(line.split()[1]) for line in file if line.startswith(names))


# --- The walls --------------------------------------------------------------------------------------------------------

_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MPLBACKEND": "agg",
    "PYTHONHASHSEED": "0",
}


def _python() -> tuple[Path, str]:
    """Python's program, and where it is inside: elsewhere than here, unless it is the system's own."""
    program = Path(os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable))
    return program, str(program) if sys.base_prefix == "/usr" else f"/python/bin/{program.name}"


# Where the system's loader finds a Python of its own, whose program may name the place where it lies out here.
_LOADER = {} if sys.base_prefix == "/usr" else {"LD_LIBRARY_PATH": "/python/lib"}


def _packages() -> list[tuple[Path, str]]:
    """Where the installed packages are, and where they are inside."""
    found = dict.fromkeys(
        Path(path).resolve() for path in sys.path if path.endswith(("site-packages", "dist-packages"))
    )
    return [(path, f"/packages/{number}") for number, path in enumerate(found) if path.is_dir()]


def _libraries() -> list[tuple[Path, str]]:
    """Python's own modules, and the system's libraries: on Debian those of this machine's kind, elsewhere all."""
    kind = sysconfig.get_config_var("MULTIARCH") or "none"
    own = [f"/lib/{kind}", f"/usr/lib/{kind}"]
    found = own if Path(own[1]).is_dir() else ["/lib", "/usr/lib"]
    found += ["/lib64", "/usr/lib64", "/etc/ld.so.cache", *map(str, Path("/lib").glob("ld-linux*"))]
    if sys.base_prefix == "/usr":
        found += [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")]
        return [(Path(path), path) for path in found]
    return [*((Path(path), path) for path in found), (Path(sys.base_prefix, "lib"), "/python/lib")]


def _in_bubblewrap(
    settings: dict[str, Any], inside: Sequence[int], *, disk: int = 0, more: Sequence[str] = ()
) -> subprocess.Popen[bytes]:
    """The worker in a sandbox, with these settings, descriptors and options; see `_bwrap_options`."""
    settings |= {"first": ["/worker", "/course"], "last": [place for _, place in _packages()]}
    stub = _descriptor(_NO_CHECKS.encode())
    program = [_python()[1], "-I", "-S", "/worker/worker.py", json.dumps(settings)]
    try:
        return subprocess.Popen(
            [str(shutil.which("bwrap")), *_bwrap_options(stub, disk), *more, "--", *program],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=[*inside, stub],
            cwd="/",
            env={**_ENVIRONMENT, "HOME": "/tmp", "TMPDIR": "/tmp", "PATH": os.defpath, **_LOADER},
            start_new_session=True,
        )
    finally:
        os.close(stub)


def _bwrap_options(stub: int, disk: int) -> list[str]:
    """bubblewrap's options: what there is inside, and what is not.

    disk: bytes in /tmp for a submission; 0 for the process that forks for submissions.  That one may make namespaces,
    mount and change its user, which its forks need to wall themselves off; they give it up before they read a line.
    """
    library = Path(course_lib.__file__).parent
    options = ["--die-with-parent", "--new-session", "--hostname", "grading", "--cap-drop", "ALL"]
    options += [f"--unshare-{kind}" for kind in ("ipc", "pid", "net", "uts", "cgroup-try")]
    rights = [] if disk else ["SYS_ADMIN", "SETPCAP"]
    if os.geteuid() == 0:
        rights += ["SETUID", "SETGID"]
    else:
        options += ["--unshare-user", "--uid", str(NOBODY), "--gid", str(NOBODY)]
        options += ["--disable-userns"] if disk else []
    for right in rights:
        options += ["--cap-add", f"CAP_{right}"]
    options += ["--perms", "1777", "--size", str(disk or 10**6), "--tmpfs", "/tmp", "--chdir", "/tmp"]
    seen = [*_libraries(), _python(), *_packages()]
    places = [*(place for _, place in seen), "/course/x", "/worker/x"]
    parents = {str(parent) for place in places for parent in Path(place).parents}
    for parent in sorted(parents - {"/"}):  # else bubblewrap makes them for the superuser alone
        options += ["--perms", "0755", "--dir", parent]
    for path, place in seen:
        options += ["--ro-bind-try", str(path), place]
    for folder, place in _packages():
        for package in ("course_lib", "course_tools"):
            if (folder / package).is_dir():  # installed there: it holds what a submission must not see
                options += ["--tmpfs", f"{place}/{package}", "--remount-ro", f"{place}/{package}"]
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
