"""Makes the files of course_lib/shipped again: `course train NAME`.  Lessons 4 and 5 tell what is in them."""

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from course_lib import artist, judge, processes, training, words, world
from course_lib.errors import CourseError
from course_lib.files import SHIPPED, read, store
from course_lib.models import Denoiser
from course_lib.teaching import augmenting, copying, enhancing, experiments, judging, voting
from course_lib.teaching.progress import with_progress

# The shipped artist is trained twice: on whole captions, then also on parts of them and on captions that begin a word
# earlier or later.  After the first alone it drew half a rocket for a dog on a salt and pepper rug: only machines had
# been seen with these words at these offsets.  The first stops before its learning rate has run out.
WHOLE: dict[str, Any] = {"steps": 8_000, "batch": 64, "learning_rate": 1.5e-3, "amounts": "bell", "drop_key": 0.1}
WHOLE_UNTIL = 7_000
PARTS: dict[str, Any] = {"steps": 1_600, "batch": 64, "learning_rate": 1e-3, "amounts": "bell", "drop_key": 0.1}
MODEL: dict[str, Any] = {"predicts": "velocity", "fold": 2, "widths": (48, 88, 128)}
# How it draws: ten calls of the network a picture; guidance in the middle of the way, where it is settled what goes
# where, and emphasis on the subject until then.  benchmarks/solvers.py compares it with other walks.
WALK: dict[str, Any] = {
    "size": 32,
    "steps": 8,
    "order": 2,
    "guidance": 2.5,
    "guidance_between": (0.6, 0.8),
    "emphasis": 0.5,
}
RENDERS = 480  # of each scene
EXAM = {"each": 32, "many": 2_000}  # drawings of each held-out scene, and of known ones
FIRST_SEED = 1_000_000  # the pictures that models are trained on; those of the lessons lie below, the judge's above


def train(
    name: str,
    *,
    output: Path | None = None,
    device: str | None = None,
    mixed: bool = False,
    compiled: bool = False,
) -> str:
    """Make the file `name` of RECIPES, by default where the course looks for it; returns a line about what was made.

    Started by torchrun, all processes train together, and the line is empty in all but the first.
    mixed, compiled: as in `training.train`, for "draw" alone.

    What a long training has done is kept in a file beside `output`, from which the same command goes on; `output` is
    written at the end, whole or not at all.
    Raises CourseError for an unknown name or device, or a file that can't be written.
    """
    if name not in RECIPES:
        raise CourseError(f"there is no recipe {name!r}; there are {', '.join(RECIPES)}.")
    output = output or SHIPPED / f"{name}.safetensors"
    if output.suffix != ".safetensors" or output.is_dir():
        raise CourseError(f"'{output}' is no name for a checkpoint: end it in .safetensors.")
    recipe_of = RECIPES[name]
    if mixed or compiled:
        if name != "draw":
            raise CourseError(f"--mixed and --compile are for 'draw', and {name!r} takes neither: leave them out.")
        recipe_of = partial(make_draw, mixed=mixed, compiled=compiled)
    working = output.with_name(f"{output.stem}.run.safetensors")
    with processes.joined(chosen_device(device)) as here:
        try:
            recipe = recipe_of(output, working, here)
        except KeyboardInterrupt:
            if working.exists() and processes.first():
                print(
                    f"\ncourse: the steps done are in {working}; the same command goes on from there.", file=sys.stderr
                )
            raise
        working.unlink(missing_ok=True)
        return f"{output}: {json.dumps(recipe)}" if processes.first() else ""


def chosen_device(name: str | None) -> torch.device:
    """The device of that name, or the best one if there is no name.  Raises CourseError if it is not there."""
    if name is None:
        return training.best_device()
    try:
        return torch.zeros(1, device=name).device
    except (RuntimeError, AssertionError, NotImplementedError):  # torch has no one error for it
        raise CourseError(f"this machine has no device {name!r}; leave it out to take the best there is.") from None


# --- The recipes: each writes `output`, may keep unfinished work in `working`, and returns what it stored inside ------


def make_words(output: Path, working: Path, device: torch.device) -> dict[str, Any]:
    """The words' vectors: seconds, on the CPU whatever the device."""
    return words.make_words(output)


def make_draw(
    output: Path, working: Path, device: torch.device, *, mixed: bool = False, compiled: bool = False
) -> dict[str, Any]:
    """The model that draws captions, keyed by the shipped words, on every scene of the world that is not held out."""
    scenes = world.seen_scenes()
    renders = world.Renders(scenes, count=RENDERS * len(scenes), first_seed=FIRST_SEED, size=WALK["size"])
    pictures = renders[torch.arange(len(renders))]  # all at once, which is quicker than a batch at a time
    ways = torch.stack([ways_to_say(scene) for scene in scenes])  # M x ways x D
    torch.manual_seed(0)
    model, averaged = (Denoiser(**MODEL, key_size=ways.shape[-1]).to(device) for _ in range(2))
    beginner, later = (working.with_name(f"{part}.{working.name}") for part in ("whole", "parts"))
    if beginner.exists():
        tensors, first = read(beginner)
        training.fill(averaged, tensors, beginner)
    else:
        first = with_progress(
            "whole captions", model, pictures, keys=ways[:, 0], seed=0, averaged=averaged, checkpoint=working,
            save_every=100, until=WHOLE_UNTIL, mixed=mixed, compiled=compiled, **WHOLE,
        )  # fmt: skip
        training.save(averaged, beginner, recipe=first)
    model.load_state_dict(averaged.state_dict())
    second = with_progress(
        "and their parts", model, pictures, keys=ways, seed=1, averaged=averaged, checkpoint=later, save_every=100,
        mixed=mixed, compiled=compiled, **PARTS,
    )  # fmt: skip
    recipe: dict[str, Any] = {
        "command": "course train draw",
        "seed": 0,
        "device": device.type,
        "training": {"whole captions": WHOLE | {"until": WHOLE_UNTIL}, "and their parts": PARTS},
        "pictures": renders.fingerprint,
        "keys": training.fingerprint(ways[:, 0]),
        "draw": WALK,
    }
    measured = {"seconds": first["seconds"] + second["seconds"], "loss": second["loss"]}
    recipe["scores"] = measured | exam(artist.Artist(averaged.eval(), words.shipped_words(), recipe))
    training.save(averaged, output, recipe=recipe)
    for part in (beginner, later):
        part.unlink(missing_ok=True)  # another process may have
    return recipe


def ways_to_say(scene: world.Scene) -> Tensor:
    """Keys of a scene, 8 x D: four whole captions, one a word earlier, one later, one without subject or without place.

    What is left of a caption stays at its offsets.
    """
    vectors, place = words.shipped_words(), world.PLACES[scene.place]
    whole, earlier, later = (words.caption_key(vectors, scene.caption, offset=offset) for offset in (1, 0, 2))
    subject = words.caption_key(vectors, scene.subject)
    offset = 1 + len(words.tokens(scene.caption)) - len(words.tokens(place))
    there = words.caption_key(vectors, place, offset=offset)
    return torch.stack([whole] * 4 + [earlier, later, whole - subject, whole - there])


def exam(draws: artist.Artist) -> dict[str, Any]:
    """How well it draws what it never saw, by the judge, and how near it comes to real pictures of what it knows."""
    each, many = EXAM["each"], EXAM["many"]
    critic, seen, held_out = judge.shipped_judge(), world.seen_scenes(), world.held_out_scenes()
    asked = [scene for scene in held_out for _ in range(each)]
    drawn = draws.draw_each(asked, seed=1)
    fresh = torch.arange(max(len(asked), 2 * many)) + judging.FRESH
    known = [seen[i % len(seen)] for i in range(many)]
    drawn_known = draws.draw_each(known, seed=2)
    real, again = (world.render(known, fresh[some]) for some in (slice(0, many), slice(many, 2 * many)))
    by_caption = {
        scene.caption: critic.score(drawn[i * each : (i + 1) * each], asked[i * each : (i + 1) * each])["all"]
        for i, scene in enumerate(held_out)
    }
    return {
        "held out": critic.score(drawn, asked),
        "real": critic.score(world.render(asked, fresh[: len(asked)]), asked),
        "known": critic.score(drawn_known, known),
        "by caption": by_caption,
        "distance": round(critic.distance(drawn_known, real), 4),
        "distance of real": round(critic.distance(again, real), 4),
    }


def make_judge(output: Path, working: Path, device: torch.device) -> dict[str, Any]:
    """The judge of what a picture shows: minutes on the CPU, so it keeps nothing on the way."""
    from tqdm import tqdm

    torch.manual_seed(0)
    critic = judge.Judge(world.FACTORS)
    start = time.perf_counter()
    for _ in tqdm(
        judging.train_judge(critic, steps=judging.STEPS),
        desc="judge",
        total=judging.STEPS,
        disable=not processes.first(),
    ):
        pass
    recipe = {
        "command": "course train judge",
        "seed": 0,
        "steps": judging.STEPS,
        "seconds": round(time.perf_counter() - start),
        "scores": judging.exam(critic),
    }
    training.save(critic, output, recipe=recipe)
    return recipe


def experiment(name: str, run: Callable[..., experiments.Result]) -> Callable[[Path, Path, torch.device], dict]:
    """The recipe of an experiment: minutes on the CPU, so it keeps nothing on the way."""

    def make(output: Path, working: Path, device: torch.device) -> dict[str, Any]:
        from tqdm import tqdm

        start = time.perf_counter()
        figures, pictures = run(
            lambda steps, what, count: tqdm(steps, desc=f"{name}, {what}", total=count, disable=not processes.first())
        )
        recipe = {"command": f"course train {name}", "seconds": round(time.perf_counter() - start)} | figures
        store(pictures, output, recipe=recipe)
        return recipe

    return make


RECIPES: dict[str, Callable[[Path, Path, torch.device], dict[str, Any]]] = {
    "words": make_words,
    "judge": make_judge,
    "draw": make_draw,
    "library": experiment("library", experiments.library),
    "sharing": experiment("sharing", experiments.sharing),
    "order": experiment("order", experiments.order),
    "plates": enhancing.make_plates,
    "specialists": enhancing.make_specialists,
    "augmentation": augmenting.make_augmentation,
    "style": experiment("style", augmenting.style),
    "votes": experiment("votes", voting.votes),
    "captions": experiment("captions", voting.captions),
    "copies": copying.make_copies,
}
