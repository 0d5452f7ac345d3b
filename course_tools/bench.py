"""How fast the course is on this machine: `course bench`.  Numbers to look at, never a test.

Each bench runs in a process of its own, so that its memory is its own, too.
"""

import json
import math
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from course_lib.errors import CourseError

REPEATS = 5
PROGRAM = "import sys; from course_tools.bench import measure; measure(sys.argv[1])"


@dataclass(frozen=True)
class Result:
    """One bench: the median of several runs, in `unit`; the most memory its process held, None where unknown."""

    name: str
    value: float
    unit: str
    memory_mb: float | None

    def __str__(self) -> str:
        memory = "" if self.memory_mb is None else f"{self.memory_mb:7.0f} MB"
        return f"{self.name:10}{self.value:10.2f} {self.unit:28}{memory}"


def bench(names: Sequence[str] = (), *, output: Path | None = None) -> Iterator[Result]:
    """Run the benches of these names, all if there are none, and yield each result; at the end write `output`, as JSON.

    Raises CourseError for an unknown name, a bench that fails or a file that can't be written.
    """
    for name in names:
        if name not in BENCHES:
            raise CourseError(f"there is no bench {name!r}; there are {', '.join(BENCHES)}.")
    results = []
    for name in names or BENCHES:
        results.append(apart(name))
        yield results[-1]
    if output is not None:
        from course_lib.files import atomic_write

        machine = f"{os.cpu_count()} CPU cores, {platform.machine()}, Python {platform.python_version()}"
        report = {"machine": machine, "results": [asdict(result) for result in results]}
        try:
            atomic_write(output, json.dumps(report, indent=1) + "\n")
        except OSError as error:
            raise CourseError(f"'{output}' can't be written ({error.strerror}): choose another place.") from None


def apart(name: str) -> Result:
    """The result of one bench, from a process of its own."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, name], capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"])[-1]
        raise CourseError(f"the bench {name!r} failed: {reason.removeprefix('course_lib.errors.CourseError: ')}")
    return Result(name, **json.loads(done.stdout.splitlines()[-1]))


def measure(name: str) -> None:
    """Run one bench here, and print its result as JSON."""
    value, unit = BENCHES[name]()
    print(json.dumps({"value": value, "unit": unit, "memory_mb": peak_memory_mb()}))


def peak_memory_mb() -> float | None:
    """The most memory that this process held, None on a system that does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    own, of_children = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    if Path("/proc/self/status").exists():  # Linux counts on from what the process that started this one had held
        lines = Path("/proc/self/status").read_text().splitlines()
        own = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    most = max(own, of_children)  # the bench of imports has children: what they held counts
    return most / 1e6 if sys.platform == "darwin" else most / 1e3  # bytes there, kilobytes elsewhere


def seconds(work: Callable[[], object], *, repeats: int = REPEATS) -> float:
    """What `work` takes, the median of several times after one to warm up."""
    taken = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return median(taken[1:])


# --- The benches: each returns a number and its unit ------------------------------------------------------------------


def imports() -> tuple[float, str]:
    command = [sys.executable, "-c", "import course_lib.pipeline"]
    return seconds(lambda: subprocess.run(command, check=True), repeats=3), "s to start and import"


def renderer() -> tuple[float, str]:
    from course_lib import world

    scenes = (world.scenes() * 10)[:1280]
    taken = seconds(lambda: world.render(scenes, range(len(scenes)), size=32))
    return len(scenes) / taken, "pictures/s rendered at 32 px"


def filters() -> tuple[float, str]:
    import torch

    from course_lib import augment, world

    scenes = world.scenes()[:64]
    pictures, captions, seeds = world.render(scenes, range(64), size=64), ["Grass."] * 64, torch.arange(64)

    def both() -> None:
        for change in (augment.cubism, augment.oil_painting):
            change(pictures, captions, seeds)

    return 64 / seconds(both), "pictures/s through both filters at 64 px"


def words() -> tuple[float, str]:
    from course_lib.words import corpus, train_words

    sentences = corpus()
    return seconds(lambda: train_words(sentences), repeats=3), "s to train the words"


def training() -> tuple[float, str]:
    from course_tools.recipes.draw import PARTS

    steps = training_steps()
    return 1 / seconds(lambda: next(steps)), f"steps/s of {PARTS['batch']} pictures"


def training_steps() -> Iterator[Any]:
    """The shipped model's training, of grey pictures."""
    import torch

    from course_lib.models import Denoiser
    from course_lib.training import train
    from course_tools.recipes.draw import MODEL, PARTS
    from course_tools.recipes.run import local_loss, loss_and_settings

    pictures, keys = torch.zeros(PARTS["batch"], 3, 32, 32), torch.zeros(1, 64)
    model, ema_model = (Denoiser(**MODEL, key_size=64) for _ in range(2))
    loss, settings = loss_and_settings(pictures, keys, **PARTS)
    return train(model, local_loss(model, loss), seed=0, ema_model=ema_model, **settings)


def processes() -> tuple[float, str]:
    """The same training by two processes, which share each batch and the machine's cores."""
    return by_two()["steps/s"], "steps/s by two processes"


def share() -> tuple[float, str]:
    """What that training makes of the machine: 1 would be products of float32 matrices (sgemm) and nothing else."""
    return by_two()["share"], "of sgemm, in training by two processes"


def by_two() -> dict[str, float]:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--no-python"]
    threads = str(max(1, (os.cpu_count() or 2) // 2))
    done = subprocess.run(
        [*torchrun, sys.executable, "-c", "from course_tools.bench import one_of_them; one_of_them()"],
        env=os.environ | {"OMP_NUM_THREADS": threads},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def one_of_them(turns: int = 8) -> None:
    """Steps and products of matrices take turns, both by all processes at once: a machine's speed wanders."""
    import torch

    from course_tools.recipes import distributed

    with distributed.process_group(torch.device("cpu")):
        steps, flops = training_steps(), step_flops()
        next(steps)
        rates, shares = [], []
        for _ in range(turns):
            distributed.barrier()
            products = distributed.all_reduce_mean(torch.tensor(matrix_rate())).item()
            distributed.barrier()
            start = time.perf_counter()
            for _ in range(4):
                next(steps)
            distributed.barrier()
            rates.append(4 / (time.perf_counter() - start))
            shares.append(rates[-1] * flops / distributed.rank_and_world_size()[1] / products)
        if distributed.is_main():
            print(json.dumps({"steps/s": median(rates), "share": median(shares)}))


def step_flops() -> float:
    """Floating-point operations of a step of that training, forward and backward, without what moves the weights."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from course_lib.models import Denoiser
    from course_lib.training import DenoisingLoss
    from course_tools.recipes.draw import MODEL, PARTS

    model, pictures, keys = Denoiser(**MODEL, key_size=64), torch.zeros(1, 3, 32, 32), torch.zeros(1, 64)
    with FlopCounterMode(display=False) as counter:
        DenoisingLoss(pictures, keys, batch=PARTS["batch"])(model, torch.Generator()).backward()
    return counter.get_total_flops()


def matrix_rate(*, side: int = 1024, times: int = 10) -> float:
    """Operations a second that this process reaches in products of float32 matrices (sgemm), the best of several."""
    import torch

    one, other = torch.rand(2, side, side)
    best = math.inf
    for _ in range(times):
        start = time.perf_counter()
        one @ other
        best = min(best, time.perf_counter() - start)
    return 2 * side**3 / best


def drawing() -> tuple[float, str]:
    from course_lib.pipeline import shipped_pipeline

    pipeline = shipped_pipeline()
    return seconds(lambda: pipeline.draw("Maine coon cat laying on grass", 8)), "s to draw 8 pictures"


BENCHES: dict[str, Callable[[], tuple[float, str]]] = {
    "imports": imports,
    "renderer": renderer,
    "filters": filters,
    "words": words,
    "training": training,
    "processes": processes,
    "share": share,
    "drawing": drawing,
}
