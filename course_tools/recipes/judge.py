"""Training the judge on real renders, and on muddles that it has to refuse: `course train judge`."""

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.judge import Judge
from course_lib.models import Denoiser
from course_lib.noise import blend
from course_lib.sampling import guess_picture
from course_lib.training import DenoisingLoss, Step, train
from course_lib.world import FACTORS, Scene, render, scenes
from course_tools.recipes import distributed
from course_tools.recipes.run import FRESH, Renders, classifier_steps, save_model

STEPS = 1_500
SEEDS = 1_000_000_000  # the judge's pictures; models train on seeds below


def judged_batch(number: int, beginner: Denoiser, *, batch: int) -> tuple[Tensor, list[Scene | None]]:
    """Pictures for step `number`, and what each shows: two thirds real ones, the rest muddles (None)."""
    everything = scenes()
    random = torch.Generator().manual_seed(SEEDS + number)
    count = 2 * batch
    shown = [everything[i] for i in torch.randint(len(everything), (count,), generator=random).tolist()]
    pictures = render(shown, torch.arange(count) + SEEDS + number * count)
    real, fodder, others = pictures[: 2 * batch // 3], pictures[2 * batch // 3 : batch], pictures[batch:]
    # A faint grain or blur is no muddle: the judge must not go by how smooth a picture is.
    grain = torch.rand(len(real), generator=random) * 0.05
    real = blend(real, torch.randn(real.shape, generator=random), grain)
    soft = torch.rand(len(real), generator=random) < 0.3
    real[soft] = blurred(real[soft], 0.4)
    kinds = [part(fodder, others, beginner, random) for part in (blends, halves, blurs, noises, half_denoised)]
    which = torch.arange(len(fodder)) % len(kinds)
    muddles = torch.stack([kinds[kind][i] for i, kind in enumerate(which.tolist())])
    return torch.cat([real, muddles]), [*shown[: len(real)], *[None] * len(muddles)]


def blends(some: Tensor, others: Tensor, beginner: Denoiser, random: torch.Generator) -> Tensor:
    share = (0.25 + 0.5 * torch.rand(len(some), generator=random)).reshape(-1, 1, 1, 1)
    return share * some + (1 - share) * others[: len(some)]


def halves(some: Tensor, others: Tensor, beginner: Denoiser, random: torch.Generator) -> Tensor:
    """The left or upper part of one picture, the rest of another."""
    side = some.shape[-1]
    place = torch.arange(side)
    cut = torch.randint(side * 3 // 8, side * 5 // 8, (len(some), 1), generator=random)
    left = (place < cut)[:, None, None, :].expand(-1, 3, side, -1)
    turned = torch.rand(len(some), 1, 1, 1, generator=random) < 0.5
    return torch.where(torch.where(turned, left.transpose(2, 3), left), some, others[: len(some)])


def blurs(some: Tensor, others: Tensor, beginner: Denoiser, random: torch.Generator) -> Tensor:
    return torch.cat([blurred(one[None], float(1.3 + 3.2 * torch.rand(1, generator=random))) for one in some])


def noises(some: Tensor, others: Tensor, beginner: Denoiser, random: torch.Generator) -> Tensor:
    amount = 0.2 + 0.8 * torch.rand(len(some), generator=random)
    return blend(some, torch.randn(some.shape, generator=random), amount)


def half_denoised(some: Tensor, others: Tensor, beginner: Denoiser, random: torch.Generator) -> Tensor:
    """What a beginner takes strongly noisy pictures to be: ghosts, several things at once."""
    amount = float(0.6 + 0.4 * torch.rand(1, generator=random))
    return guess_picture(beginner, blend(some, torch.randn(some.shape, generator=random), amount), amount)


def blurred(pictures: Tensor, sigma: float) -> Tensor:
    """A Gaussian blur of standard deviation `sigma` pixels, the edges repeated."""
    reach = max(1, math.ceil(3 * sigma))
    bell = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    bell = (bell / bell.sum()).expand(3, 1, 1, -1)
    for kernel, pads in ((bell, (reach, reach, 0, 0)), (bell.transpose(2, 3), (0, 0, reach, reach))):
        pictures = F.conv2d(F.pad(pictures, pads, mode="replicate"), kernel, groups=3)
    return pictures


def train_judge(judge: Judge, *, steps: int, batch: int = 96, learning_rate: float = 2e-3) -> Iterator[Step]:
    """Teach the judge; yields a Step after each step."""
    torch.manual_seed(SEEDS)
    beginner = Denoiser(predicts="picture", fold=4, widths=(32, 64))
    pictures = Renders(scenes(), count=10_000, first_seed=SEEDS - 10_000)
    for _ in train(beginner, DenoisingLoss(pictures, batch=32), steps=200, seed=0):
        pass

    def error(number: int) -> Tensor:
        pictures, shown = judged_batch(number, beginner, batch=batch)
        scores = judge(pictures.contiguous(memory_format=torch.channels_last))
        losses = [F.cross_entropy(scores[name], right_answers(shown, name, values)) for name, values in FACTORS.items()]
        return torch.stack(losses).sum()

    judge.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    yield from classifier_steps(judge, error, steps=steps, learning_rate=learning_rate)


def right_answers(shown: list[Scene | None], factor: str, values: tuple[str, ...]) -> Tensor:
    return torch.tensor([len(values) if scene is None else values.index(getattr(scene, factor)) for scene in shown])


def exam(judge: Judge, *, count: int = 1520) -> dict[str, float]:
    """How it does on pictures it never saw: real ones by factor, and the share it refuses of each kind of muddle."""
    everything = scenes()
    shown = [everything[i % len(everything)] for i in range(count)]
    pictures = render(shown, torch.arange(count) + FRESH)
    random = torch.Generator().manual_seed(FRESH)
    others = pictures.roll(count // 2 + 31, dims=0)
    muddles = {
        "blends": 0.5 * pictures + 0.5 * others,
        "noise 0.35": blend(pictures, torch.randn(pictures.shape, generator=random), 0.35),
        "blur 4 px": blurred(pictures, 4.0),
    }
    result = {f"real {name}": share for name, share in judge.score(pictures, shown).items()}
    for kind, muddle in muddles.items():
        named = judge.name(muddle)
        refused = [set(answers) == {"none of these"} for answers in zip(*named.values(), strict=True)]
        result[f"refused {kind}"] = sum(refused) / len(refused)
    return result


def make_judge(output: Path, working: Path, device: torch.device) -> dict[str, Any]:
    """The judge of what a picture shows: minutes on the CPU, so it keeps nothing on the way."""
    from tqdm import tqdm

    torch.manual_seed(0)
    critic = Judge(FACTORS)
    start = time.perf_counter()
    for _ in tqdm(
        train_judge(critic, steps=STEPS),
        desc="judge",
        total=STEPS,
        disable=not distributed.is_main(),
    ):
        pass
    recipe = {
        "command": "course train judge",
        "seed": 0,
        "steps": STEPS,
        "seconds": round(time.perf_counter() - start),
        "scores": exam(critic),
    }
    save_model(critic, output, recipe=recipe)
    return recipe
