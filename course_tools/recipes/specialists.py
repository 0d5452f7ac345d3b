"""`course train specialists`: a specialist of each of four captions, and the router in front of them.  Lesson 3."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from tqdm import tqdm

from course_lib import judge, training
from course_lib.checkpoints import store
from course_lib.enhance import Library
from course_lib.models import Denoiser, parameter_count
from course_lib.noise import blend
from course_lib.world import parse, render
from course_lib.world.scenes import CATS
from course_tools.recipes.plates import FIRST_SEED, FRESH, READERS_SEED
from course_tools.recipes.run import Parts, halves, round_weights

CAPTIONS = (
    "Maine coon cat laying on a wooden floor.",
    "Dog standing on grass.",
    "Plane parked on a runway.",
    "Rocket parked on runway on Mars.",
)
SPECIALIST: dict[str, Any] = {"predicts": "picture", "fold": 2, "widths": (16, 32, 32)}
SPECIALIZING: dict[str, Any] = {"steps": 800, "batch": 16, "learning_rate": 3e-3, "amounts": "bell"}
EACH = 800  # training pictures of a specialist
ROUTER = (16, 32, 32)
ROUTING = {"steps": 900, "batch": 64}
EXAMINED = 64  # pictures of each caption


def make_specialists(output: Path, working: Path, device: torch.device) -> dict[str, Any]:
    """A specialist of each of four captions, and the router in front of them: minutes on the CPU."""
    specialists: dict[str, Denoiser] = {}
    parts = Parts(working, device)
    for number, caption in enumerate(CAPTIONS):
        pictures = render([parse(caption)] * EACH, torch.arange(EACH) + FIRST_SEED + number * EACH)
        specialists[caption] = parts.trained(
            f"specialist {number}", SPECIALIST, pictures, seed=number, average=0.99, **SPECIALIZING
        )
    start = time.perf_counter()
    torch.manual_seed(0)
    router = judge.Judge({"specialist": CAPTIONS}, widths=ROUTER)
    for _ in tqdm(train_router(router, **ROUTING), desc="router", total=ROUTING["steps"]):
        pass
    recipe: dict[str, Any] = {
        "command": "course train specialists",
        "seed": 0,
        "device": device.type,
        "captions": list(CAPTIONS),
        "specialist": next(iter(specialists.values())).config,
        "router": router.config,
        "training": {"specialists": SPECIALIZING | {"pictures": EACH}, "router": ROUTING},
    }
    for network in (*specialists.values(), router):
        round_weights(network)
    library = Library(specialists, router, recipe)
    recipe["scores"] = {
        "seconds": round(parts.seconds + time.perf_counter() - start),
        "parameters": {"one specialist": parameter_count(specialists[CAPTIONS[0]]), "router": parameter_count(router)},
    } | exam(library)
    weights = halves(library.router, "router")
    for number, model in enumerate(specialists.values()):
        weights |= halves(model, f"specialist {number}")
    store(weights, output, recipe=recipe)
    parts.remove()
    return recipe


def train_router(router: judge.Judge, *, steps: int, batch: int, learning_rate: float = 2e-3) -> Iterator[float]:
    """Teach a router to tell from a noisy picture whose it is; yields the loss of each step."""
    optimizer = torch.optim.AdamW(router.parameters(), lr=learning_rate, weight_decay=0.01)
    scenes = [parse(caption) for caption in CAPTIONS]
    router.train()
    for number in range(1, steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * training.schedule(number, steps)
        random = torch.Generator().manual_seed(READERS_SEED + number)
        answers = torch.randint(len(scenes), (batch,), generator=random)
        pictures = render([scenes[i] for i in answers.tolist()], torch.arange(batch) + READERS_SEED + number * batch)
        amount = 0.9 * torch.rand(batch, generator=random)
        noisy = blend(pictures, torch.randn(pictures.shape, generator=random), amount)
        loss = F.cross_entropy(router(noisy)["specialist"], answers)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()
    router.eval()


def exam(library: Library, *, amount: float = 0.8, strongest: float = 0.9) -> dict[str, Any]:
    """How well specialists do what they are for, where the router sends what, and what the first makes of the rest.

    The first gets pictures that are noisier still: with less to hold on to, it falls back on what it knows.
    """
    each = EXAMINED
    critic, scenes = judge.shipped_judge(), [parse(caption) for caption in CAPTIONS for _ in range(each)]
    truth = [scene.caption for scene in scenes]
    pictures = render(scenes, torch.arange(len(scenes)) + FRESH)
    noise = torch.randn(pictures.shape, generator=torch.Generator().manual_seed(FRESH))
    noisy, noisiest = blend(pictures, noise, amount), blend(pictures, noise, strongest)
    routed = library.route(noisy)
    cats = critic.name(library.denoise(noisiest, strongest, [CAPTIONS[0]] * len(noisiest)))["subject"]
    return {
        "amount": amount,
        "own": critic.score(library.denoise(noisy, amount, truth), scenes),
        "routed right": sum(map(str.__eq__, routed, truth)) / len(truth),
        "strongest": strongest,
        "cat painted": {
            caption: sum(said in CATS for said in cats[i * each : (i + 1) * each]) / each
            for i, caption in enumerate(CAPTIONS)
        },
    }
