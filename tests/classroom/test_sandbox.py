"""The sandbox: what crosses to a submission and back, what belongs to an exercise, and that nothing gets out."""

import json
import math
import os
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from course_lib import checks
from course_tools.classroom import sandbox, seccomp, wire, worker
from course_tools.classroom.sandbox import Limits, Prepared, Sandbox, SandboxError
from tests.support.hostile import HARMLESS, HOSTILE, NEED_A_NEW_SANDBOX, RIGHT, SPIES

pytestmark = pytest.mark.usefixtures("one_thread")

# So little that the tests are quick, and so much that an honest function has ten times what it needs.
SMALL = Limits(cpu_seconds=3, wall_seconds=10, memory=2**30, disk=32 * 2**20)
# Enough to walk through all files that are there to see, on a slow disk.
PATIENT = Limits(cpu_seconds=60, wall_seconds=120)
TOO_LARGE = "def blend(picture, noise, amount):\n    return 'x' * 5_000_000\n"
LAST = "def to_screen(picture):\n    return ((picture + 1) * 127.5).round().clamp(0, 255)\n"


# --- Plain data -------------------------------------------------------------------------------------------------------


def crossed(value: Any) -> Any:
    return wire.loads(wire.dumps(value)[4:])


@pytest.mark.parametrize(
    "value", [None, True, 3, -2.5, "café \u2603", [], [1, [2, None]], (1, "a"), {1, 2}, {"a": [1.0], "b": {}, 3: None}]
)
def test_plain_values_come_back_as_they_were(value):
    assert crossed(value) == value
    assert type(crossed(value)) is type(value)


FLOATS = [torch.float32, torch.float64, torch.float16]
INTEGERS = [torch.int64, torch.uint8, torch.uint16, torch.uint32, torch.uint64, torch.bool]


@pytest.mark.parametrize("kind", [*FLOATS, *INTEGERS])
def test_tensors_and_arrays_keep_kind_shape_and_every_bit(kind):
    numbers = torch.randn(2, 3, 4).mul(3).to(kind)
    for value in (numbers, numbers.transpose(0, 2), numbers[0, 0, 0], numbers[:0]):
        came = crossed(value)
        assert came.dtype == value.dtype
        assert torch.equal(came, value)
        array = crossed(value.numpy())
        assert array.dtype == value.numpy().dtype
        assert np.array_equal(array, value.numpy())
    came[...] = 1  # what came can be written to, as what a notebook's function gets


def test_odd_numbers_come_back():
    came = crossed([math.nan, math.inf, -math.inf, np.float64(0.5), np.int32(7), torch.tensor(2.0).bfloat16()])
    assert math.isnan(came[0])
    assert came[1:3] == [math.inf, -math.inf]
    assert [float(one) for one in came[3:]] == [0.5, 7.0, 2.0]


def test_numpys_texts_come_back_as_text():
    names = np.array(["cat", "dog"])
    came = crossed([{names[0]: names[1]}, set(names)])
    assert came == [{"cat": "dog"}, {"cat", "dog"}]
    assert type(next(iter(came[0]))) is str


def test_what_is_no_data_comes_back_as_the_name_of_its_class():
    for value, name in ((object(), "object"), (len, "builtin_function_or_method"), (1j, "complex"), (b"x", "bytes")):
        assert type(crossed(value)).__name__ == name
        assert isinstance(crossed(value), wire.Opaque)


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


LIES: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"\xff\xfe",
    "a list": as_json([1]),
    "two words": as_json({"list": [], "tuple": []}),
    "an unknown word": as_json({"eval": "1"}),
    "an array shorter than it says": as_json({"tensor": ["float32", [2, 2], "AAAA"]}),
    "an array of objects": as_json({"array": ["object", [1], "AAAAAAAAAAA="]}),
    "an array with a shape below zero": as_json({"tensor": ["float32", [-1], ""]}),
    "an array of no end": as_json({"tensor": ["float32", [2**62, 0], ""]}),
    "booleans that are none": as_json({"tensor": ["bool", [3], "BQUF"]}),
    "a name with markup": as_json({"opaque": "<script>"}),
    "too deep": b'{"list":[' * 50_000,
    "too deep, and closed": b'{"list":[' * 5000 + b"]}" * 5000,
    "too many": as_json({"list": [0] * 200_000}),
    "too many digits": b"9" * 100_000,
    "a dict with lists for keys": as_json({"dict": [[[1], 2]]}),
    "a dict of numbers that share one hash": as_json({"dict": [[number * (2**61 - 1), 0] for number in range(2000)]}),
    "a set of numbers that share one hash": as_json({"set": [number * (2**61 - 1) for number in range(2000)]}),
    "a dict with an array for a key": as_json({"dict": [[{"tensor": ["uint8", [6] * 8, "A" * (6**8 * 4 // 3)]}, 0]]}),
    "a dict with a number in a table for a key": as_json({"dict": [[{"list": []}, 0]]}),
    "an array of more sides than there are": as_json({"tensor": ["uint8", [1] * 17, "AA=="]}),
    "an array of nothing, without end": as_json({"array": ["uint8", [0] + [2**22] * 15, ""]}),
    "an array whose bytes are no code": as_json({"tensor": ["uint8", [3], "!!!!"]}),
    "a number above all": b"1" + b"0" * 4300,
    "a table of tables": as_json({"dict": {"list": []}}),
    "a dict of no pairs": as_json({"dict": [1]}),
    "a set of lists": as_json({"set": [{"list": []}]}),
}


@pytest.mark.parametrize("body", LIES.values(), ids=LIES)
def test_a_lie_is_no_data(body):
    with pytest.raises(wire.NotPlainError):
        wire.loads(body)


def test_many_words_and_some_numbers_may_be_keys():
    words = {f"word {number}": number for number in range(20_000)}
    assert crossed(words) == words
    assert crossed(set(words)) == set(words)
    assert crossed(dict.fromkeys(range(1000))) == dict.fromkeys(range(1000))


def test_half_a_letter_becomes_one_that_can_be_written():
    assert wire.loads(b'"\\ud800"').encode("utf-8")


def test_errors_cross_as_a_name_and_a_short_text():
    assert isinstance(sandbox.error_of("whatever", True), NotImplementedError)
    for text in ("ValueError: no", "<b>: x", "", 7, "A" * 10_000 + ": x", "x: " + "y" * 10_000):
        error = sandbox.error_of(text, False)
        assert type(error).__name__.isidentifier()
        assert len(str(error)) <= 300


# --- What belongs to an exercise --------------------------------------------------------------------------------------


def load_function(
    monkeypatch: pytest.MonkeyPatch, *cells: str, name: str = "answer", made_for: tuple[int, ...] = ()
) -> Any:
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # the worker puts the notebook there
    return worker.load_function(list(cells), name, list(made_for))


ANSWER = "def answer():\n    return helper() + 1"
BOOM = "raise SystemError('this was not needed')"
NOTEBOOKS: dict[str, tuple[str, ...]] = {
    "a helper before": ("def helper():\n    return 1", ANSWER),
    "a helper after": (ANSWER, "def helper():\n    return 1"),
    "a helper of a helper": ("base = 1", "def helper():\n    return base", ANSWER),
    "an import": ("import math as m", BOOM, "def answer():\n    return int(m.sqrt(4))"),
    "modules of one package": (
        "import wsgiref.util",
        "import wsgiref.headers",
        "import wsgiref",
        "def answer():\n    return len([wsgiref.util, wsgiref.headers])",
    ),
    "a star import": ("from math import *", "def answer():\n    return int(sqrt(4))"),
    "a lambda": ("answer = lambda: 2",),
    "a value of many steps": ("x = 1\nx += 1", "def answer():\n    return x"),
    "a list filled later": ("x = []\nx.append(2)", "def answer():\n    return x[0]"),
    "a dict filled by a loop": ("x = {}\nfor i in range(3):\n    x[i] = i", "def answer():\n    return x[2]"),
    "a decorator": ("def twice(f):\n    return lambda: 2 * f()", "@twice\ndef answer():\n    return 1"),
    "a class": ("class Helper:\n    value = 2", "def answer():\n    return Helper().value"),
    "a type of its own in a hint": ("Number = int", "def answer() -> Number:\n    return 2"),
    "hints of the future": (
        "from __future__ import annotations",
        "def answer() -> NoSuchType:\n    return 2",
    ),
    "a branch": ("if True:\n    x = 2\nelse:\n    x = 3", "def answer():\n    return x"),
    "what failed is not needed": (BOOM, "x = 1 / 0", "answer = lambda: 2"),
    "a magic": ("%matplotlib inline\nx = 2\n!ls", "%%time\ndef answer():\n    return x"),
    "a magic above what is asked in a comment": ("%time\ndef answer():\n    return 2  # is this right?",),
    "a question to the notebook": ("import math\nmath.sqrt?\nmath??\nx = 2", "def answer():\n    return x"),
    "a cell of another language": ("%%bash\nfor x in 1 2; do echo $x; done", "answer = lambda: 2"),
    "a cell that does not parse": ("def broken(:", "answer = lambda: 2"),
    "display": ("def answer():\n    display(1)\n    return 2",),
    "an expensive cell between": ("x = 2", "while True:\n    pass", "def answer():\n    return x"),
    "a local name like a costly one": ("x = 1 / 0", "def answer():\n    x = 2\n    return x"),
    "a print, of which a notebook is full": ("print(1 / 0)", "def answer():\n    print(3)\n    return 2"),
    "a module that does costly things": (
        "import time",
        "time.sleep(1000)",
        "def answer():\n    return int(time.time() * 0) + 2",
    ),
    "a module that was changed": ("import math", "math.two = 2", "def answer():\n    return math.two"),
    "itself": ("def answer(n=2):\n    return 0 if n == 0 else 1 + answer(n - 1)",),
    "a data class": (
        "from dataclasses import dataclass",
        "@dataclass\nclass Pair:\n    a: int\n    b: 'int' = 1",
        "def answer():\n    return Pair(1).a + Pair(1).b",
    ),
}


@pytest.mark.parametrize("cells", NOTEBOOKS.values(), ids=NOTEBOOKS)
def test_what_a_function_needs_is_run_and_nothing_else(cells, monkeypatch):
    assert load_function(monkeypatch, *cells)() == 2


def test_a_helper_is_as_it_was_where_the_exercise_stood(monkeypatch):
    cells = ("helper = lambda: 1", ANSWER, "helper = lambda: 5", "other = helper()")
    assert load_function(monkeypatch, *cells)() == 2


def test_of_several_functions_the_one_that_was_filled_in_counts(monkeypatch):
    stub = "def answer():\n    raise NotImplementedError('your code here')"
    right, wrong = "def answer():\n    return 2", "def answer():\n    return 3"
    assert load_function(monkeypatch, right, stub, made_for=(1,))() == 2
    assert load_function(monkeypatch, right, wrong, made_for=(0,))() == 2
    assert load_function(monkeypatch, stub, wrong, right, made_for=(0, 1, 2))() == 2
    assert load_function(monkeypatch, wrong, right)() == 2
    with pytest.raises(NotImplementedError):
        load_function(monkeypatch, stub)()


def test_a_stub_that_is_only_a_comment_was_filled_in(monkeypatch):
    mine = 'def answer():\n    # raise NotImplementedError("your code here")\n    return 2'
    assert load_function(monkeypatch, mine, "def answer():\n    return 3", made_for=(0,))() == 2
    with pytest.raises(NotImplementedError):
        load_function(monkeypatch, mine.replace("# ", ""))()


def test_what_is_not_there_or_does_not_parse_is_said(monkeypatch):
    with pytest.raises(NameError, match="answer"):
        load_function(monkeypatch, "x = 1")
    with pytest.raises(SyntaxError):
        load_function(monkeypatch, "def answer(:\n    pass")
    with pytest.raises(ZeroDivisionError):
        load_function(monkeypatch, "answer = 1 / 0")


# --- The walls --------------------------------------------------------------------------------------------------------


def test_without_bubblewrap_a_sandbox_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    if sys.platform == "linux":
        assert str(sandbox.unavailable_reason()).endswith("install it with: sudo apt-get install bubblewrap.")
    with pytest.raises(SandboxError, match="bubblewrap"):
        Sandbox().start()


@pytest.mark.sandbox
def test_a_sandbox_that_does_not_start_is_nobodys_fault(monkeypatch, tmp_path):
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: no permission' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with Prepared() as prepared, nothing_left_behind(), pytest.raises(SandboxError, match="no permission"):
        Sandbox(prepared=prepared).start()


NO_WALLS = {
    "no wall": "def separate(): pass\ndef close_off(**settings): raise PermissionError('no wall')\n",
    "no namespace": "def separate(): raise PermissionError('no namespace')\n",
}


@pytest.mark.sandbox
@pytest.mark.parametrize("walls", NO_WALLS.values(), ids=NO_WALLS)
def test_where_a_fork_can_not_build_its_walls_each_sandbox_is_made_by_bubblewrap(monkeypatch, tmp_path, walls):
    broken = tmp_path / "walls.py"
    broken.write_text(walls)
    monkeypatch.setattr(sandbox.walls, "__file__", str(broken))
    monkeypatch.setenv("SECRET", "of the instructor")
    with nothing_left_behind(), Prepared() as prepared, Sandbox(PATIENT, prepared=prepared) as box:
        assert (prepared.possible, prepared.process) == (False, None)
        for name in ("the gradebook", "others' files", "the environment", "a socket", "new walls of its own"):
            with box.function("blend", [SPIES[name]]) as blend:
                assert blend(0, 0, 0) == "[]", name
        verdict, _ = judged(RIGHT, box)
        assert verdict.passed
        with box.function("f", ["import os\ndef f(): return [os.getuid(), os.statvfs('/tmp').f_blocks]"]) as f:
            user, blocks = f()
        assert user == (sandbox.FIRST_USER + threading.get_native_id() if os.geteuid() == 0 else sandbox.NOBODY)
        assert blocks * 4096 == PATIENT.disk


@pytest.mark.sandbox
def test_what_is_forked_from_is_made_anew_when_it_is_gone():
    with Prepared() as prepared:
        for _ in range(2):
            with Sandbox(SMALL, prepared=prepared) as box, box.function("f", ["def f(x): return x + 1"]) as f:
                assert f(1) == 2
            assert prepared.process is not None
            prepared.process.kill()
            prepared.process.wait()


TRACE = """\
import os, subprocess, sys, time
import numpy, torch
def f():
    open('/tmp/mark', 'w').write('of the first')
    torch.mark = numpy.mark = sys.mark = os.environ['MARK'] = 'of the first'
    os.mkfifo('/tmp/pipe')
    if not os.fork():
        time.sleep(1000)
    return os.getpid()
"""
LOOK = """\
import os, sys
import numpy, torch
def f():
    alive = 0
    for number in range(1, 1000):
        try: os.kill(number, 0); alive += 1
        except ProcessLookupError: pass
        except OSError: alive += 1
    kept = [hasattr(one, 'mark') for one in (torch, numpy, sys)] + ['MARK' in os.environ]
    return [os.listdir('/tmp'), kept, alive]
"""


@pytest.mark.sandbox
def test_two_submissions_that_are_forked_from_one_process_see_nothing_of_each_other():
    def look(box: Sandbox) -> Any:
        with box.function("f", [LOOK]) as second:
            return second()

    nothing = [[], [False] * 4, 3]  # three processes: the first one, the one that forks for exercises, and itself
    with Prepared() as prepared:
        with Sandbox(SMALL, prepared=prepared) as one, one.function("f", [TRACE]) as first:
            first()
            with Sandbox(SMALL, prepared=prepared) as other:  # at the same time
                assert look(other) == nothing
                walls = [os.readlink(f"/proc/{box.process.pid}/ns/{kind}") for box in (one, other) for kind in KINDS]
                assert len(set(walls)) == len(walls)
                users = [psutil.Process(box.process.pid).uids().real for box in (one, other)]
                assert len(set(users)) == 2 or os.geteuid() != 0
        with Sandbox(SMALL, prepared=prepared) as later:
            assert look(later) == nothing
        assert prepared.process is not None
        assert len(psutil.Process(prepared.process.pid).children(recursive=True)) == 2  # bubblewrap's, and ours


KINDS = ("ipc", "mnt", "net", "pid", "uts")


@pytest.mark.sandbox
def test_what_the_start_computes_is_no_exercises():
    with Sandbox(replace(SMALL, cpu_seconds=1)) as box:  # importing torch takes more
        for _ in range(2):
            with box.function("f", ["def f(x): return x + 1"]) as f:
                assert f(1) == 2
        assert box.starts == 1


@pytest.fixture(scope="module")
def walled() -> Iterator[Sandbox]:
    """One sandbox for many submissions: to import torch takes longer than to judge one.

    Each exercise is a process of its own in it, and a sandbox that one of them broke starts anew for the next.
    """
    with Sandbox(SMALL) as box:
        yield box


@pytest.fixture(scope="module")
def open_air() -> Iterator[Sandbox]:
    """The same without walls."""
    with Sandbox(SMALL, isolated=False) as box:
        yield box


@pytest.mark.sandbox
def test_the_system_itself_limits_what_an_exercise_computes(walled):
    source = "def f(): import resource; return list(resource.getrlimit(resource.RLIMIT_CPU))"
    with walled.function("f", [source]) as f:
        assert f() == [SMALL.cpu_seconds] * 2


@pytest.mark.sandbox
@pytest.mark.parametrize("box", ["walled", "open_air"])
def test_if_memory_runs_out_a_submission_ends_before_its_judge(box, request):
    box = request.getfixturevalue(box)
    with box.function("f", ["def f(): return 0"]) as f:
        f()
        for process in [box.process.pid, *(child.pid for child in psutil.Process(box.process.pid).children(True))]:
            assert Path(f"/proc/{process}/oom_score_adj").read_text().strip() == "1000"


def left_over() -> list[str]:
    """What this process has started and not ended."""
    names = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it ended meanwhile
            names.append(child.name())
    return sorted(names)


@contextmanager
def nothing_left_behind() -> Iterator[None]:
    """Fails if there is a process or an open file more than before."""
    already, open_files = left_over(), len(os.listdir("/proc/self/fd"))
    yield
    deadline = time.monotonic() + 10  # what was killed takes its time to end
    while left_over() != already and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left_over() == already
    assert len(os.listdir("/proc/self/fd")) == open_files


def judged(source: str, box: Sandbox) -> tuple[checks.Verdict, float]:
    """The verdict on `blend`, and the seconds that it took.  An honest exercise after it has to pass."""
    if box.process is None:
        box.start()
    with nothing_left_behind():
        start = time.monotonic()
        with box.function("blend", [source, LAST], [0]) as blend:
            verdict = checks.blend(blend)
        took = time.monotonic() - start
        with box.function("to_screen", [source, LAST], [1]) as to_screen:
            honest = checks.to_screen(to_screen)
        assert honest.passed, honest
    return verdict, took


@pytest.mark.sandbox
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_function_earns_nothing_and_costs_nobody_anything(name, request):
    with Sandbox(SMALL) if name in NEED_A_NEW_SANDBOX else nullcontext(request.getfixturevalue("walled")) as box:
        verdict, took = judged(HOSTILE[name], box)
    assert not verdict.passed
    assert verdict.what.startswith("Not yet. ")
    assert took < SMALL.wall_seconds + 60  # it ends; how soon, the machine decides


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (TOO_LARGE, "Your function stopped with NotPlainError: this is too large an answer"),
        (HOSTILE["a frame that says it is four gigabytes"], "ValueError: this is too large an answer."),
        ("# long\n" * 20_000 + RIGHT, "ValueError: its code is too long to be run: a cell may have 100,000 letters"),
    ],
)
def test_what_is_too_large_is_said_to_be_in_words_for_a_student(source, sentence, walled):
    verdict, _ = judged(source, walled)
    assert not verdict.passed
    assert sentence in verdict.what
    assert "course_tools" not in verdict.what


@pytest.mark.sandbox
def test_code_that_is_longer_as_it_is_sent_than_as_it_is_written_leaves_room_for_the_function(walled):
    cells = [f"# {chr(0x1F600) * 90_000}"] * 10  # of each letter twelve are sent
    with walled.function("blend", [*cells, RIGHT]) as blend:
        assert checks.blend(blend).passed


@pytest.fixture(scope="module")
def patient() -> Iterator[Sandbox]:
    """One sandbox for all that look round in it, started where there is something to find."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECRET", "of the instructor")
        with Prepared() as prepared, Sandbox(PATIENT, prepared=prepared) as box:
            yield box


@pytest.mark.sandbox
@pytest.mark.parametrize("source", SPIES.values(), ids=SPIES)
def test_a_spy_finds_nothing(source, patient):
    with nothing_left_behind(), patient.function("blend", [source]) as blend:
        assert blend(0, 0, 0) == "[]"


@pytest.mark.sandbox
@pytest.mark.parametrize("source", HARMLESS.values(), ids=HARMLESS)
def test_a_right_function_is_right_whatever_else_it_does(source, walled):
    verdict, _ = judged(source, walled)
    assert verdict.passed, verdict


@pytest.mark.slow
@pytest.mark.parametrize("name", ["an infinite loop", "os._exit", "20 GB at once", "SIGKILL of its parent", "sys.exit"])
def test_without_a_sandbox_time_and_memory_are_still_limited(name, open_air):
    verdict, took = judged(HOSTILE[name], open_air)
    assert not verdict.passed
    assert took < SMALL.wall_seconds + 60  # it ends; how soon, the machine decides


@pytest.mark.parametrize(
    "isolated", [pytest.param(True, marks=pytest.mark.sandbox), pytest.param(False, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("source", [RIGHT, HOSTILE["SIGKILL of its parent"]], ids=["right", "hostile"])
def test_nothing_is_left_of_a_sandbox_that_has_ended(source, isolated):
    with (
        nothing_left_behind(),
        Prepared() as prepared,
        Sandbox(SMALL, isolated=isolated, prepared=prepared) as box,
    ):
        verdict, _ = judged(source, box)
        assert verdict.passed == (source == RIGHT)


@pytest.mark.sandbox
def test_the_sandbox_ends_with_its_judge(checkout, tmp_path):
    program = (
        "import time, sys\nfrom course_tools.classroom.sandbox import Sandbox\n"
        "with Sandbox() as box:\n    print(box.process.pid, flush=True)\n    time.sleep(600)\n"
    )
    judge = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=checkout)
    assert judge.stdout is not None
    inside = psutil.Process(int(judge.stdout.readline()))
    family = [inside, *inside.children(recursive=True)]
    assert len(family) > 1
    judge.kill()
    judge.wait()
    judge.stdout.close()
    _, alive = psutil.wait_procs(family, timeout=60)
    assert alive == []


@pytest.mark.sandbox
def test_an_ordinary_user_has_the_same_walls(checkout):
    program = (
        "import os\nfrom course_tools.classroom.sandbox import Sandbox\nfrom tests.support.hostile import SPIES\n"
        "from tests.classroom.test_sandbox import PATIENT\n"
        "assert os.geteuid() == 1000\n"
        "with Sandbox(PATIENT) as box:\n    for name, source in SPIES.items():\n"
        "        with box.function('blend', [source]) as blend:\n            print(name, blend(0, 0, 0))\n"
    )
    user = ["bwrap", "--dev-bind", "/", "/", "--unshare-user", "--uid", "1000", "--gid", "1000"]
    done = subprocess.run(
        [*user, sys.executable, "-c", program],
        cwd=checkout,
        capture_output=True,
        text=True,
        env={**os.environ, "SECRET": "of the instructor"},
    )
    assert done.stdout.splitlines() == [f"{name} []" for name in SPIES], done.stderr


@pytest.mark.sandbox
def test_packages_that_lie_below_tmp_are_there_inside_and_nothing_else_of_tmp_is(monkeypatch):
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        packages = Path(folder, "site")
        packages.mkdir()
        (packages / "lying_here.py").write_text("NUMBER = 2\n")
        Path(folder, "secret.txt").write_text("of the instructor")
        real = sandbox._packages()
        monkeypatch.setattr(sandbox, "_packages", lambda: [*real, (packages, "/packages/9")])
        answered = f"[lying_here.NUMBER, os.path.exists('{folder}/secret.txt')]"
        cell = f"import os, lying_here\ndef answer():\n    return {answered}"
        with (
            Prepared() as prepared,
            Sandbox(Limits(wall_seconds=30), prepared=prepared) as box,
            box.function("answer", [cell]) as answer,
        ):
            assert answer() == [2, False]


def test_the_rules_for_the_kernel_are_whole_and_jump_nowhere_else(monkeypatch):
    for machine in ("x86_64", "aarch64"):
        monkeypatch.setattr(seccomp.platform, "machine", lambda machine=machine: machine)
        rules = seccomp.seccomp_filter()
        assert rules is not None
        steps = list(struct.iter_unpack("HBBI", rules))
        assert steps[-1] == (6, 0, 0, 0x7FFF0000)
        for place, (kind, yes, no, _) in enumerate(steps):
            if kind in (0x15, 0x35, 0x45):
                assert place + 1 + max(yes, no) < len(steps)
    monkeypatch.setattr(seccomp.platform, "machine", lambda: "another")
    assert seccomp.seccomp_filter() is None
