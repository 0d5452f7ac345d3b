"""What the recipes share: trainings that go on where they were stopped, drawings, keys and figures of them."""

import copy
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from course_lib import checkpoints, judge, sampling, words
from course_lib.checkpoints import load, load_prefixed
from course_lib.errors import CourseError
from course_lib.models import Denoiser
from course_lib.optimizers import optimizers_of
from course_lib.pictures import to_pixels
from course_lib.pipeline import starting_noise
from course_lib.training import DenoisingLoss, MadePictures, Step, denoising_error, schedule, train
from course_lib.world import Scene, render, small_library
from course_tools.recipes import distributed

FIRST_SEED = 1_000_000  # the pictures that models are trained on; those of the lessons lie below, the judge's above
FRESH = 2_000_000_000  # pictures that neither models nor the judge saw, to measure on


# --- What is stored ---


def save(tensors: dict[str, Tensor], path: Path, *, recipe: dict[str, Any]) -> None:
    """`checkpoints.save`, by the main process; no other goes on before the file is there."""
    if distributed.is_main():
        checkpoints.save(tensors, path, recipe=recipe)
    distributed.barrier()


def prefixed_state(model: nn.Module, *, prefix: str) -> dict[str, Tensor]:
    """The weights of a model as a checkpoint names them: several models can lie in one."""
    return {f"{prefix}.{name}": value for name, value in model.state_dict().items()}


def save_model(model: Any, path: Path, *, recipe: dict[str, Any]) -> None:
    """Store a model, a denoiser or another one whose `config` says how to make it, with what made it."""
    save(prefixed_state(model, prefix="model"), path, recipe={"model": model.config} | recipe)


def round_weights(module: nn.Module) -> None:
    """Leave of the weights what 16 bits keep: what is measured is what is shipped."""
    module.half().float()


def to_float16(module: nn.Module, *, prefix: str) -> dict[str, Tensor]:
    """The weights in 16 bits, under the names that `checkpoints.load_prefixed` finds."""
    return {name: value.half() for name, value in prefixed_state(module, prefix=prefix).items()}


def to_bytes(pictures: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Pictures in [-1, 1] (clipped) as a file keeps them, a byte a colour; `checkpoints.load` gives floats again."""
    return {name: torch.from_numpy(to_pixels(some)).permute(0, 3, 1, 2) for name, some in pictures.items()}


def fingerprint(pictures: Any) -> str:
    """A short name for a set of pictures or keys: a run must not go on with others.  Made pictures bring their own."""
    if not isinstance(pictures, Tensor):
        return pictures.fingerprint
    return hashlib.sha256(pictures.detach().cpu().contiguous().numpy().tobytes()).hexdigest()[:16]


class Renders:
    """Pictures that are drawn when asked for, so that they need no memory: picture i shows scene i % len(scenes).

    pictures[indices] draws them, (B, 3, size, size); each has a seed of its own, from `first_seed` on.
    """

    def __init__(self, scenes: Sequence[Scene], *, count: int, first_seed: int, size: int = 32):
        self.scenes, self.count, self.first_seed, self.size = list(scenes), count, first_seed, size

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, indices: Tensor) -> Tensor:
        chosen = [self.scenes[i] for i in (indices % len(self.scenes)).tolist()]
        return render(chosen, indices + self.first_seed, size=self.size)

    @property
    def fingerprint(self) -> str:
        """A name for these pictures: another set has another."""
        return f"{self.count} of {len(self.scenes)} scenes, {self.size} px, from seed {self.first_seed}"


# --- A training that can be killed ---


def resumable(
    model: Denoiser,
    loss: DenoisingLoss,
    *,
    checkpoint: Path,
    steps: int,
    seed: int,
    optimizer: str = "adam",
    learning_rate: float = 2e-3,
    ema_model: Denoiser | None = None,
    ema_decay: float = 0.999,
    save_every: int = 20,
    bf16: bool = False,
    compile: bool = False,
) -> Iterator[Step]:
    """`training.train`, which saves itself every `save_every` steps and at the end, and goes on from what it finds.

    The weights come out the same to the bit as without interruption.
    bf16: compute in bfloat16 what does not need more, and keep the weights in float32 (Micikevicius et al. 2018,
    arXiv:1710.03740).  compile: let torch.compile write the steps anew.  Both are for GPUs.
    Where several processes train together (`distributed`), each takes its part of every batch: the weights are those
    that one process comes to, but for rounding.
    Raises CourseError if the checkpoint can't be read or written, or is of another run, or a batch can't be shared
    evenly.
    """
    recipe = {
        "model": model.config,
        "steps": steps,
        "seed": seed,
        "batch": loss.batch,
        "learning_rate": learning_rate,
        "amounts": loss.amounts,
        "optimizer": optimizer,
        "pictures": fingerprint(loss.pictures),
        "keys": None if loss.keys is None else fingerprint(loss.keys),
        "drop_key": loss.drop_key,
        "ema_decay": None if ema_model is None else ema_decay,
    }
    # Checkpoints of earlier versions don't name these.
    recipe |= {
        name: value
        for name, value in (("shift", loss.shift), ("velocity_from", loss.velocity_from))
        if value not in (1.0, None)
    }
    optimizers = optimizers_of(model, optimizer, learning_rate)
    done = restore(checkpoint, model, optimizers, recipe, ema_model) if checkpoint.exists() else 0
    distributed.require_equal(done, f"checkpoint {checkpoint}")
    for step in train(
        model, local_loss(model, loss, bf16=bf16, compile=compile), steps=steps, seed=seed, optimizer=optimizers,
        learning_rate=learning_rate, ema_model=ema_model, ema_decay=ema_decay, done=done,
    ):  # fmt: skip
        if step.number % save_every == 0 or step.number == steps:
            tensors = prefixed_state(model, prefix="model") | optimizer_tensors(model, optimizers)
            tensors |= {} if ema_model is None else prefixed_state(ema_model, prefix="ema")
            save(tensors, checkpoint, recipe=recipe | {"step": step.number})
        yield Step(step.number, distributed.all_reduce_mean(torch.tensor(step.loss)).item())


def restore(
    path: Path,
    model: Denoiser,
    optimizers: Sequence[torch.optim.Optimizer],
    recipe: dict[str, Any],
    ema_model: Denoiser | None,
) -> int:
    """Put a run back to where its checkpoint left it; returns the number of steps done."""
    tensors, stored = load(path)
    differs = [name for name in recipe if stored.get(name) != recipe[name]]
    if differs or "step" not in stored:
        raise CourseError(
            f"The checkpoint {path} is of another run (it differs in {', '.join(differs) or 'being finished'}); "
            "choose another file, or delete it to start anew."
        )
    load_prefixed(model, tensors, path)
    if ema_model is not None:
        load_prefixed(ema_model, tensors, path, prefix="ema")
    moved_by = {weight: optimizer for optimizer in optimizers for weight in optimizer.param_groups[0]["params"]}
    parameters = dict(model.named_parameters())
    for key, value in tensors.items():
        if key.startswith("optimizer."):
            _, what, name = key.split(".", maxsplit=2)
            weight = parameters[name]
            # Laid out in memory as the weight is: another order of the same sums could round otherwise.
            kept = value if what == "step" else torch.empty_like(weight).detach().copy_(value)
            moved_by[weight].state[weight][what] = kept
    return stored["step"]


def optimizer_tensors(model: Denoiser, optimizers: Sequence[torch.optim.Optimizer]) -> dict[str, Tensor]:
    """The optimizers' memory of each weight, under names that `restore` finds again."""
    return {
        f"optimizer.{what}.{name}": value
        for name, weight in model.named_parameters()
        for optimizer in optimizers
        if weight in optimizer.state
        for what, value in optimizer.state[weight].items()
    }


@dataclass(frozen=True)
class LocalLoss(DenoisingLoss):
    """A loss of the part of each batch that is this process's, computed by a wrapped model.

    All of the batch is drawn whatever the part, so that the parts are those of the same batch.
    """

    wrapped: Any = None
    bf16: bool = False

    def __call__(self, model: Denoiser, generator: torch.Generator) -> Tensor:
        rank, count = distributed.rank_and_world_size()
        local = slice(self.batch * rank // count, self.batch * (rank + 1) // count)
        local_batch = self.sample(generator).each(lambda part: part[local])
        with torch.autocast(next(model.parameters()).device.type, torch.bfloat16, enabled=self.bf16):
            return denoising_error(self.wrapped, local_batch, velocity_from=self.velocity_from)

    @property
    def pixels(self) -> int:
        return super().pixels // distributed.rank_and_world_size()[1]


def local_loss(model: Denoiser, loss: DenoisingLoss, *, bf16: bool = False, compile: bool = False) -> DenoisingLoss:
    """What this process has to ask of its model; alone, and without bf16 or compile, the loss as it is.

    Raises CourseError if the batch can't be shared evenly.
    """
    count = distributed.rank_and_world_size()[1]
    if loss.batch % count:
        raise CourseError(
            f"A batch of {loss.batch} pictures can't be shared evenly by {count} processes: "
            "start a number of them that divides it."
        )
    if count == 1 and not bf16 and not compile:
        return loss
    wrapped = distributed.wrap_ddp(model)
    return LocalLoss(**vars(loss), wrapped=torch.compile(wrapped) if compile else wrapped, bf16=bf16)


def with_progress(
    name: str, model: Denoiser, loss: DenoisingLoss, *, steps: int, until: int | None = None, **settings: Any
) -> dict[str, float]:
    """`resumable` with a bar that shows how far it is; returns the seconds it takes and the last steps' mean loss.

    until: the step to stop at, if it is not the last.
    Of a run that went on from a checkpoint, the seconds are what all of it would have taken at that pace.
    """
    losses: list[float] = []
    until = until or steps
    start = time.perf_counter()
    with tqdm(total=until, desc=name, unit="step", disable=not distributed.is_main()) as bar:
        for step in resumable(model, loss, steps=steps, **settings):
            bar.update(step.number - bar.n)  # a run that goes on begins further up
            losses.append(step.loss)
            bar.set_postfix(loss=f"{mean(losses[-200:]):.4f}", refresh=False)
            if step.number >= until:
                break
    if not losses:  # it was stopped between its last step and the end
        return {"seconds": 0, "loss": 0.0}
    seconds = (time.perf_counter() - start) * until / len(losses)
    return {"seconds": round(seconds), "loss": round(mean(losses[-200:]), 4)}


def loss_and_settings(
    pictures: Tensor | MadePictures, keys: Tensor | None = None, **settings: Any
) -> tuple[DenoisingLoss, dict[str, Any]]:
    """A training's settings, as recipes store them in one dict, parted: the loss of these pictures, the rest."""
    of_loss = {
        name: settings.pop(name)
        for name in ("batch", "drop_key", "amounts", "shift", "velocity_from")
        if name in settings
    }
    return DenoisingLoss(pictures, keys, **of_loss), settings


class ResumableTrainings:
    """The trainings of a longer work, each kept in a file of its own until the work is stored.

    working: the file that the command may keep unfinished work in; theirs lie beside it, under their names.
    `seconds` is what all trainings took so far, those of earlier runs included.
    """

    def __init__(self, working: Path, device: torch.device) -> None:
        self.working, self.device = working, device
        self.files: list[Path] = []
        self.seconds = 0.0

    def trained(
        self,
        name: str,
        make: dict[str, Any],
        pictures: Tensor | MadePictures,
        *,
        seed: int,
        keys: Tensor | None = None,
        **settings: Any,
    ) -> Denoiser:
        """A new model after its training: the moving average of its weights, on the CPU.

        A training that ended is not begun again, and one that was interrupted goes on.
        """
        part = self.working.with_name(f"{name}.{self.working.name}".replace(" ", "-"))
        self.files.append(part)
        torch.manual_seed(seed)
        model, ema_model = (Denoiser(**make).to(self.device) for _ in range(2))
        if not finished(part):
            loss, rest = loss_and_settings(pictures, keys, **settings)
            measured = with_progress(
                name, model, loss, seed=seed, ema_model=ema_model, checkpoint=part, save_every=100, **rest
            )
            save_model(ema_model, part, recipe=measured)
        tensors, measured = load(part)
        load_prefixed(ema_model, tensors, part)
        self.seconds += measured["seconds"]
        return ema_model.cpu().eval()

    def remove(self) -> None:
        for part in self.files:
            part.unlink(missing_ok=True)  # another process may have


def finished(part: Path) -> bool:
    """Whether a training came to its end: only then its file says how long it took."""
    return part.exists() and "seconds" in load(part)[1]


# --- Short trainings ---


def classifier_steps(
    classifier: nn.Module,
    error: Callable[[int], Tensor],
    *,
    steps: int,
    learning_rate: float = 2e-3,
    weight_decay: float = 0.01,
) -> Iterator[Step]:
    """Teach a judge, a reader or a router; yields a Step after each step.

    error: the loss of step k, counted from 1, mostly a cross-entropy; AdamW moves the weights (Loshchilov and Hutter
    2019, arXiv:1711.05101).
    """
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=learning_rate, weight_decay=weight_decay)
    classifier.train()
    for number in range(1, steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * schedule(number, steps)
        loss = error(number)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield Step(number, loss.item())
    classifier.eval()


# --- The experiments ---

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
            model = train_ema(
                KEYED, training_pictures(scenes, seed), keys[name](scenes), seed=seed, steps=steps, progress=progress,
                name=f"seed {seed}, {len(scenes)} captions",
            )  # fmt: skip
            drawn = draw_all(model, keys[name](new).repeat_interleave(DRAWN, 0), seed, guidance=2.0)
            old = [scene for scene in dict.fromkeys(scenes) for _ in range(8)]
            known_drawn = draw_all(model, keys[name](old), seed, guidance=2.0)
            of_known = {"of the known": critic.score(known_drawn, old, allow_reject=False)["all"]}
            figures.setdefault(name, []).append(critic.score(drawn, shown, allow_reject=False) | of_known)
            pictures.setdefault(name, torch.cat([drawn[part * DRAWN : part * DRAWN + 2] for part in range(len(new))]))
    return figures | {"captions": [scene.caption for scene in new]}, pictures


def train_ema(
    make: dict[str, Any],
    pictures: Tensor | MadePictures,
    keys: Tensor | None,
    *,
    seed: int,
    steps: int,
    progress: Progress,
    name: str,
    batch: int = BATCH,
    ema_decay: float = 0.99,
) -> Denoiser:
    """A new model after so many steps: the moving average of its weights."""
    torch.manual_seed(seed)
    model = Denoiser(**make)
    ema_model = copy.deepcopy(model)
    loss = DenoisingLoss(pictures, keys, batch, amounts="logit-normal")
    run = train(model, loss, steps=steps, seed=seed, ema_model=ema_model, ema_decay=ema_decay)
    for _ in progress(run, name, steps):
        pass
    return ema_model.eval()


def training_pictures(scenes: Sequence[Scene], seed: int) -> Tensor:
    """PER_SCENE pictures of each of the scenes in turn, others for each seed."""
    count = PER_SCENE * len(scenes)
    return render([scenes[i % len(scenes)] for i in range(count)], torch.arange(count) + 10_000_000 * (seed + 1))


def draw_all(model: Denoiser, keys: Tensor | None, seed: int, *, count: int = 0, guidance: float = 1.0) -> Tensor:
    """One drawing for each key, or `count` by a model that takes none."""
    noise = starting_noise(count if keys is None else len(keys), 32, seed=seed)
    drawn = []
    for first in range(0, len(noise), 64):
        batch = slice(first, first + 64)
        key = None if keys is None else keys[batch]
        drawn.append(sampling.draw(model, noise[batch], key=key, guidance=guidance, **WALK))
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
        start = time.perf_counter()
        figures, pictures = run(
            lambda steps, what, count: tqdm(
                steps, desc=f"{name}, {what}", total=count, disable=not distributed.is_main()
            )
        )
        recipe = {"command": f"course train {name}", "seconds": round(time.perf_counter() - start)} | figures
        save(to_bytes(pictures), output, recipe=recipe)
        return recipe

    return make
