"""`course train draw`: the model that comes with the course and draws captions.  Lessons 0 and 5."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from course_lib import judge, words, world
from course_lib.checkpoints import load, load_prefixed
from course_lib.models import Denoiser
from course_lib.pipeline import DrawSettings, Pipeline
from course_tools.recipes.run import (
    FIRST_SEED,
    FRESH,
    Renders,
    fingerprint,
    loss_and_settings,
    save_model,
    with_progress,
)

COMMON: dict[str, Any] = {"batch": 64, "amounts": "logit-normal", "drop_key": 0.1}
# The shipped model is trained twice: on whole captions, then also on parts of them and on captions that begin a word
# earlier or later.  After the first alone it drew half a rocket for a dog on a salt and pepper rug: only machines had
# been seen with these words at these offsets.  The first stops before its learning rate has run out.
WHOLE: dict[str, Any] = COMMON | {"steps": 8_000, "learning_rate": 1.5e-3}
WHOLE_UNTIL = 7_000
PARTS: dict[str, Any] = COMMON | {"steps": 1_600, "learning_rate": 1e-3}
MODEL: dict[str, Any] = {"predicts": "velocity", "fold": 2, "widths": (48, 88, 128)}
# How it draws: ten calls of the network a picture; guidance in the middle of the way, where it is settled what goes
# where, and emphasis on the subject until then.  benchmarks/solvers.py compares it with other walks.
SETTINGS = DrawSettings(size=32, steps=8, order=2, guidance=2.5, guidance_between=(0.6, 0.8), emphasis=0.5)
RENDERS = 480  # of each scene
EXAM = {"each": 32, "many": 2_000}  # drawings of each held-out scene, and of known ones


def make_draw(
    output: Path, working: Path, device: torch.device, *, bf16: bool = False, compile: bool = False
) -> dict[str, Any]:
    """The model that draws captions, keyed by the shipped words, on every scene of the world that is not held out."""
    scenes = world.seen_scenes()
    renders = Renders(scenes, count=RENDERS * len(scenes), first_seed=FIRST_SEED, size=SETTINGS.size)
    pictures = renders[torch.arange(len(renders))]  # all at once, which is quicker than a batch at a time
    ways = torch.stack([ways_to_say(scene) for scene in scenes])  # M x ways x D
    torch.manual_seed(0)
    model, ema_model = (Denoiser(**MODEL, key_size=ways.shape[-1]).to(device) for _ in range(2))
    shared: dict[str, Any] = {"ema_model": ema_model, "save_every": 100, "bf16": bf16, "compile": compile}
    beginner, later = (working.with_name(f"{part}.{working.name}") for part in ("whole", "parts"))
    if beginner.exists():
        tensors, first = load(beginner)
        load_prefixed(ema_model, tensors, beginner)
    else:
        loss, settings = loss_and_settings(pictures, ways[:, 0], **WHOLE)
        first = with_progress(
            "whole captions", model, loss, seed=0, checkpoint=working, until=WHOLE_UNTIL, **settings, **shared
        )
        save_model(ema_model, beginner, recipe=first)
    model.load_state_dict(ema_model.state_dict())
    loss, settings = loss_and_settings(pictures, ways, **PARTS)
    second = with_progress("and their parts", model, loss, seed=1, checkpoint=later, **settings, **shared)
    recipe: dict[str, Any] = {
        "command": "course train draw",
        "seed": 0,
        "device": device.type,
        "training": {"whole captions": WHOLE | {"until": WHOLE_UNTIL}, "and their parts": PARTS},
        "pictures": renders.fingerprint,
        "keys": fingerprint(ways[:, 0]),
        "draw": asdict(SETTINGS),
    }
    measured = {"seconds": first["seconds"] + second["seconds"], "loss": second["loss"]}
    recipe["scores"] = measured | exam(Pipeline(ema_model.eval(), words.shipped_words(), SETTINGS))
    save_model(ema_model, output, recipe=recipe)
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


def exam(pipeline: Pipeline) -> dict[str, Any]:
    """How well it draws what it never saw, by the judge, and how near it comes to real pictures of what it knows."""
    each, many = EXAM["each"], EXAM["many"]
    critic, seen, held_out = judge.shipped_judge(), world.seen_scenes(), world.held_out_scenes()
    unseen = [scene for scene in held_out for _ in range(each)]
    drawn = pipeline.draw_each(unseen, seed=1)
    fresh = torch.arange(max(len(unseen), 2 * many)) + FRESH
    known = [seen[i % len(seen)] for i in range(many)]
    drawn_known = pipeline.draw_each(known, seed=2)
    real, again = (world.render(known, fresh[first : first + many]) for first in (0, many))
    by_caption = {
        scene.caption: critic.score(drawn[i * each : (i + 1) * each], unseen[i * each : (i + 1) * each])["all"]
        for i, scene in enumerate(held_out)
    }
    return {
        "held out": critic.score(drawn, unseen),
        "real": critic.score(world.render(unseen, fresh[: len(unseen)]), unseen),
        "known": critic.score(drawn_known, known),
        "by caption": by_caption,
        "distance": round(critic.distance(drawn_known, real), 4),
        "distance of real": round(critic.distance(again, real), 4),
    }
