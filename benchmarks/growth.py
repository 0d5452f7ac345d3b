"""How the course's work grows with its size: python -m benchmarks.growth measures, and stores seconds and exponents."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from benchmarks.task import machine
from course_lib import augment, words, world
from course_lib.files import atomic_write
from course_lib.models import Denoiser
from course_lib.pipeline import shipped_pipeline
from course_lib.training import DenoisingLoss, train
from course_tools.bench import seconds
from course_tools.recipes.draw import MODEL

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks/results/growth.json"
REPEATS = 3


@dataclass(frozen=True)
class Growth:
    """Seconds that `name` takes at each of `sizes`, counted in `unit`."""

    name: str
    unit: str
    sizes: list[int]
    seconds: list[float]

    @property
    def exponent(self) -> float:
        """p of the power law c * size^p that fits best: a straight line through the logarithms (least squares)."""
        return float(np.polyfit(np.log(self.sizes), np.log(self.seconds), 1)[0])


def render(count: int, side: int) -> float:
    scenes = (world.scenes() * 10)[:count]
    return seconds(lambda: world.render(scenes, range(count), size=side), repeats=REPEATS)


def step(batch: int, side: int) -> float:
    model, ema_model = (Denoiser(**MODEL, key_size=64) for _ in range(2))
    loss = DenoisingLoss(torch.zeros(batch, 3, side, side), torch.zeros(1, 64), batch)
    steps = train(model, loss, seed=0, steps=100, ema_model=ema_model)
    return seconds(lambda: next(steps), repeats=REPEATS)


def draw(count: int) -> float:
    pipeline = shipped_pipeline()
    return seconds(lambda: pipeline.draw("Maine coon cat laying on grass.", count), repeats=REPEATS)


def filters(side: int) -> float:
    pictures = world.render(world.scenes()[:16], range(16), size=side)
    captions, seeds = ["Grass."] * 16, torch.arange(16)

    def both() -> None:
        for change in (augment.cubism, augment.oil_painting):
            change(pictures, captions, seeds)

    return seconds(both, repeats=REPEATS)


def learn_words(count: int) -> float:
    sentences = words.corpus()[:count]
    return seconds(lambda: words.train_words(sentences), repeats=REPEATS)


def grade(count: int) -> float:
    """A class of so many students, whose answers to lesson 1 are right, wrong and hostile, two at a time; once."""
    course = [sys.executable, "-m", "course_tools.cli"]
    with tempfile.TemporaryDirectory() as folder:
        place, zipped = str(Path(folder) / "class"), str(Path(folder) / "class.zip")

        def run(*command: str) -> None:
            subprocess.run(command, cwd=ROOT, check=True, capture_output=True)

        run(*course, "assign", "01_noise", "--to", place)
        run(sys.executable, "-m", "tests.support.make_class", place, "01_noise", "--students", str(count), "-o", zipped)
        run(*course, "collect", zipped, "--to", place)
        start = time.perf_counter()
        run(*course, "grade", place, "--jobs", "2")
        return time.perf_counter() - start


# name -> what its size counts, the sizes, the seconds at a size
GROWTHS: dict[str, tuple[str, Sequence[int], Callable[[int], float]]] = {
    "renderer, 64 pictures": ("px a side", (16, 32, 64, 128), lambda side: render(64, side)),
    "renderer, 32 px": ("pictures", (64, 128, 256, 512, 1024), lambda count: render(count, 32)),
    "both filters, 16 pictures": ("px a side", (16, 32, 64, 128), filters),
    "words": ("sentences", (4_000, 8_000, 16_000, 32_000), learn_words),
    "training step, batch of 8": ("px a side", (16, 32, 64, 128), lambda side: step(8, side)),
    "training step, 32 px": ("pictures a batch", (8, 16, 32, 64, 128), lambda batch: step(batch, 32)),
    "drawing, 32 px": ("pictures", (8, 16, 32, 64, 128), draw),
    "grading lesson 1": ("submissions", (3, 6, 12), grade),  # the fifteenth student of a class hands in no notebook
}


def measure() -> list[Growth]:
    found = []
    for name, (unit, sizes, work) in GROWTHS.items():
        found.append(Growth(name, unit, list(sizes), [work(size) for size in tqdm(sizes, desc=name)]))
    return found


def main() -> int:
    report = {
        "machine": machine(),
        "growths": [asdict(growth) | {"exponent": growth.exponent} for growth in measure()],
    }
    atomic_write(RESULTS, json.dumps(report, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
