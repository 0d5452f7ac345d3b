"""What the recipes share: trainings with a bar, kept part by part, and drawings, keys and figures of them."""

import copy
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from course_lib import distributed, judge, sampling, training, words
from course_lib.artist import noises
from course_lib.checkpoints import read, store
from course_lib.models import Denoiser
from course_lib.training import MadePictures, train
from course_lib.world import Scene, render, small_library
from course_tools.recipes.judge import FRESH


def with_progress(
    name: str,
    model: Denoiser,
    pictures: Any,
    *,
    steps: int,
    checkpoint: Path,
    until: int | None = None,
    **settings: Any,
) -> dict[str, float]:
    """Train with a bar that shows how far it is; returns the seconds it takes and the mean loss of the last steps.

    until: the step to stop at, if it is not the last.
    Of a run that went on from a checkpoint, the seconds are what all of it would have taken at that pace.
    """
    losses: list[float] = []
    until = until or steps
    start = time.perf_counter()
    with tqdm(total=until, desc=name, unit="step", disable=not distributed.first()) as bar:
        for step in training.train(model, pictures, steps=steps, checkpoint=checkpoint, **settings):
            bar.update(step.number - bar.n)  # a run that goes on begins further up
            losses.append(step.loss)
            bar.set_postfix(loss=f"{mean(losses[-200:]):.4f}", refresh=False)
            if step.number >= until:
                break
    if not losses:  # it was stopped between its last step and the end
        return {"seconds": 0, "loss": 0.0}
    seconds = (time.perf_counter() - start) * until / len(losses)
    return {"seconds": round(seconds), "loss": round(mean(losses[-200:]), 4)}


class Parts:
    """The trainings of a longer work, each kept in a file of its own until the work is stored.

    working: the file that the command may keep unfinished work in; the parts lie beside it, under their names.
    `seconds` is what all trainings took so far, those of earlier runs included.
    """

    def __init__(self, working: Path, device: torch.device) -> None:
        self.working, self.device = working, device
        self.files: list[Path] = []
        self.seconds = 0.0

    def trained(self, name: str, make: dict[str, Any], pictures: Any, *, seed: int, **settings: Any) -> Denoiser:
        """A new model after its training: the running mean of its weights, on the CPU.

        A training that ended is not begun again, and one that was interrupted goes on.
        """
        part = self.working.with_name(f"{name}.{self.working.name}".replace(" ", "-"))
        self.files.append(part)
        torch.manual_seed(seed)
        model, averaged = (Denoiser(**make).to(self.device) for _ in range(2))
        if not finished(part):
            measured = with_progress(
                name, model, pictures, seed=seed, averaged=averaged, checkpoint=part, save_every=100, **settings
            )
            training.save(averaged, part, recipe=measured)
        tensors, measured = read(part)
        training.fill(averaged, tensors, part)
        self.seconds += measured["seconds"]
        return averaged.cpu().eval()

    def remove(self) -> None:
        for part in self.files:
            part.unlink(missing_ok=True)  # another process may have


def finished(part: Path) -> bool:
    """Whether a training came to its end: only then its file says how long it took."""
    return part.exists() and "seconds" in read(part)[1]


FIRST_SEED = 1_000_000  # the pictures that models are trained on; those of the lessons lie below, the judge's above


def round_weights(module: nn.Module) -> None:
    """Leave of the weights what 16 bits keep: what is measured is what is shipped."""
    module.half().float()


def halves(module: nn.Module, under: str) -> dict[str, Tensor]:
    """The weights in 16 bits, under the names that `training.fill` finds."""
    return {name: value.half() for name, value in training.weights(module, under).items()}


PER_SCENE = 400  # training pictures of each scene
BATCH, FEW = 64, 16  # pictures in a step of training; of a specialist's
DRAWN = 64  # pictures of each scene that are scored
WALK: dict[str, Any] = {"steps": 12, "order": 2}
KEYED: dict[str, Any] = {"predicts": "velocity", "fold": 2, "widths": (32, 48, 64), "key_size": 64}
# Eight channels can't carry the noise of a velocity: asked for the picture, so small a model does far better.
SPECIALIST: dict[str, Any] = {"predicts": "picture", "fold": 2, "widths": (8, 16, 16)}

Progress = Callable[[Iterable[Any], str, int], Iterable[Any]]  # a bar round steps: their name, how many
Result = tuple[dict[str, Any], dict[str, Tensor]]  # figures, and pictures by name

LIBRARY = tuple(small_library())


def compare(
    critic: judge.Judge,
    known: Mapping[str, list[Scene]],
    keys: Mapping[str, Callable[[Sequence[Scene]], Tensor]],
    new: list[Scene],
    progress: Progress,
    seeds: Sequence[int],
    steps: int,
) -> Result:
    """Train a model under each name, and score what it draws of scenes that are new to it, and of those it knows.

    So short a training leaves muddles: the judge has to say what each comes nearest to.
    """
    shown = [scene for scene in new for _ in range(DRAWN)]
    real = render(shown, torch.arange(len(shown)) + FRESH)
    figures: dict[str, Any] = {"real": [critic.score(real, shown, allow_reject=False)]}
    pictures: dict[str, Tensor] = {}
    for name, scenes in known.items():
        for seed in seeds:
            model = taught(scenes, keys[name](scenes), KEYED, seed, steps, progress)
            drawn = draw(model, keys[name](new).repeat_interleave(DRAWN, 0), seed, guidance=2.0)
            old = [scene for scene in dict.fromkeys(scenes) for _ in range(8)]
            known_drawn = draw(model, keys[name](old), seed, guidance=2.0)
            told = {"of the known": critic.score(known_drawn, old, allow_reject=False)["all"]}
            figures.setdefault(name, []).append(critic.score(drawn, shown, allow_reject=False) | told)
            pictures.setdefault(name, torch.cat([drawn[part * DRAWN : part * DRAWN + 2] for part in range(len(new))]))
    return figures | {"captions": [scene.caption for scene in new]}, pictures


def taught(
    scenes: Sequence[Scene],
    keys: Tensor | None,
    make: dict[str, Any],
    seed: int,
    steps: int,
    progress: Progress,
    *,
    batch: int = BATCH,
) -> Denoiser:
    """A model of that make after so many steps on its scenes: the running mean of its weights."""
    count = PER_SCENE * len(scenes)
    pictures = render([scenes[i % len(scenes)] for i in range(count)], torch.arange(count) + 10_000_000 * (seed + 1))
    name = f"seed {seed}, {len(scenes)} captions"
    return trained(make, pictures, keys, seed, steps, progress, name, batch=batch, average=0.99)


def trained(
    make: dict[str, Any],
    pictures: Tensor | MadePictures,
    keys: Tensor | None,
    seed: int,
    steps: int,
    progress: Progress,
    name: str,
    *,
    batch: int,
    average: float,
    learning_rate: float = 2e-3,
) -> Denoiser:
    """A new model after so many steps: the running mean of its weights."""
    torch.manual_seed(seed)
    model = Denoiser(**make)
    averaged = copy.deepcopy(model)
    run = train(
        model, pictures, keys=keys, steps=steps, seed=seed, batch=batch, learning_rate=learning_rate, amounts="bell",
        averaged=averaged, average=average,
    )  # fmt: skip
    for _ in progress(run, name, steps):
        pass
    return averaged.eval()


def draw(model: Denoiser, keys: Tensor | None, seed: int, *, count: int = 0, guidance: float = 1.0) -> Tensor:
    """One drawing for each key, or `count` by a model that takes none."""
    noise = noises(count if keys is None else len(keys), 32, seed=seed)
    drawn = []
    for first in range(0, len(noise), 64):
        some = slice(first, first + 64)
        key = None if keys is None else keys[some]
        *_, (_, pictures) = sampling.walk(model, noise[some], key=key, guidance=guidance, **WALK)
        drawn.append(pictures)
    return torch.cat(drawn)


def figures_of(critic: judge.Judge, drawn: Tensor, shown: Sequence[Scene], real: Tensor) -> dict[str, float]:
    return critic.score(drawn, shown) | {"distance": critic.distance(drawn, real)}


def caption_keys(scenes: Sequence[Scene]) -> Tensor:
    return words.caption_keys(words.shipped_words(), [scene.caption for scene in scenes])


def bag_keys(scenes: Sequence[Scene]) -> Tensor:
    return torch.stack([words.bag_key(words.shipped_words(), scene.caption) for scene in scenes])


def experiment(name: str, run: Callable[..., Result]) -> Callable[[Path, Path, torch.device], dict]:
    """The recipe of an experiment: minutes on the CPU, so it keeps nothing on the way."""

    def make(output: Path, working: Path, device: torch.device) -> dict[str, Any]:
        from tqdm import tqdm

        start = time.perf_counter()
        figures, pictures = run(
            lambda steps, what, count: tqdm(steps, desc=f"{name}, {what}", total=count, disable=not distributed.first())
        )
        recipe = {"command": f"course train {name}", "seconds": round(time.perf_counter() - start)} | figures
        store(pictures, output, recipe=recipe)
        return recipe

    return make
