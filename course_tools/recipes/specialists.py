"""`course train specialists`: a specialist of each of four captions, and the router in front of them.  Lesson 3."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from course_lib import judge
from course_lib.enhance import Library
from course_lib.models import Denoiser, parameter_count
from course_lib.noise import blend
from course_lib.training import Step
from course_lib.world import parse, render
from course_lib.world.scenes import CATS
from course_tools.recipes.plates import FRESH_PLATES, READERS_SEED
from course_tools.recipes.run import (
    FIRST_SEED,
    ResumableTrainings,
    classifier_steps,
    round_weights,
    save,
    to_float16,
)

CAPTIONS = (
    "Maine coon cat laying on a wooden floor.",
    "Dog standing on grass.",
    "Plane parked on a runway.",
    "Rocket parked on runway on Mars.",
)
SPECIALIST: dict[str, Any] = {"predicts": "picture", "fold": 2, "widths": (16, 32, 32)}
SPECIALIST_TRAINING: dict[str, Any] = {"steps": 800, "batch": 16, "learning_rate": 3e-3, "amounts": "logit-normal"}
SPECIALIST_PICTURES = 800  # that each learns from
ROUTER_WIDTHS = (16, 32, 32)
ROUTER_TRAINING = {"steps": 900, "batch": 64}
EXAM_PICTURES = 64  # of each caption


def make_specialists(output: Path, working: Path, device: torch.device) -> dict[str, Any]:
    """A specialist of each of four captions, and the router in front of them: minutes on the CPU."""
    specialists: dict[str, Denoiser] = {}
    trainings, count = ResumableTrainings(working, device), SPECIALIST_PICTURES
    for number, caption in enumerate(CAPTIONS):
        pictures = render([parse(caption)] * count, torch.arange(count) + FIRST_SEED + number * count)
        specialists[caption] = trainings.trained(
            f"specialist {number}", SPECIALIST, pictures, seed=number, ema_decay=0.99, **SPECIALIST_TRAINING
        )
    start = time.perf_counter()
    torch.manual_seed(0)
    router = judge.Judge({"specialist": CAPTIONS}, widths=ROUTER_WIDTHS)
    for _ in tqdm(train_router(router, **ROUTER_TRAINING), desc="router", total=ROUTER_TRAINING["steps"]):
        pass
    recipe: dict[str, Any] = {
        "command": "course train specialists",
        "seed": 0,
        "device": device.type,
        "captions": list(CAPTIONS),
        "specialist": next(iter(specialists.values())).config,
        "router": router.config,
        "training": {"specialists": SPECIALIST_TRAINING | {"pictures": count}, "router": ROUTER_TRAINING},
    }
    for network in (*specialists.values(), router):
        round_weights(network)
    library = Library(specialists, router, recipe)
    recipe["scores"] = {
        "seconds": round(trainings.seconds + time.perf_counter() - start),
        "parameters": {"one specialist": parameter_count(specialists[CAPTIONS[0]]), "router": parameter_count(router)},
    } | exam(library)
    weights = to_float16(library.router, prefix="router")
    for number, model in enumerate(specialists.values()):
        weights |= to_float16(model, prefix=f"specialist {number}")
    save(weights, output, recipe=recipe)
    trainings.remove()
    return recipe


def train_router(router: judge.Judge, *, steps: int, batch: int) -> Iterator[Step]:
    """Teach a router to tell from a noisy picture whose it is; yields a Step after each step."""
    scenes = [parse(caption) for caption in CAPTIONS]

    def error(number: int) -> Tensor:
        random = torch.Generator().manual_seed(READERS_SEED + number)
        answers = torch.randint(len(scenes), (batch,), generator=random)
        pictures = render([scenes[i] for i in answers.tolist()], torch.arange(batch) + READERS_SEED + number * batch)
        amount = 0.9 * torch.rand(batch, generator=random)
        noisy = blend(pictures, torch.randn(pictures.shape, generator=random), amount)
        return F.cross_entropy(router(noisy)["specialist"], answers)

    return classifier_steps(router, error, steps=steps)


def exam(library: Library, *, amount: float = 0.8, strongest: float = 0.9) -> dict[str, Any]:
    """How well specialists do what they are for, where the router sends what, and what the first makes of the rest.

    The first gets pictures that are noisier still: with less to hold on to, it falls back on what it knows.
    """
    each = EXAM_PICTURES
    critic, scenes = judge.shipped_judge(), [parse(caption) for caption in CAPTIONS for _ in range(each)]
    truth = [scene.caption for scene in scenes]
    pictures = render(scenes, torch.arange(len(scenes)) + FRESH_PLATES)
    noise = torch.randn(pictures.shape, generator=torch.Generator().manual_seed(FRESH_PLATES))
    noisy, noisiest = blend(pictures, noise, amount), blend(pictures, noise, strongest)
    routed = library.route(noisy)
    cats = critic.name(library.denoise(noisiest, strongest, [CAPTIONS[0]] * len(noisiest)))["subject"]
    return {
        "amount": amount,
        "own": critic.score(library.denoise(noisy, amount, truth), scenes),
        "routed right": sum(map(str.__eq__, routed, truth)) / len(truth),
        "strongest": strongest,
        "cat painted": {
            caption: sum(subject in CATS for subject in cats[i * each : (i + 1) * each]) / each
            for i, caption in enumerate(CAPTIONS)
        },
    }
