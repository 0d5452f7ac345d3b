"""`course train draw`: the model that comes with the course and draws captions.  Lessons 0 and 5."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from course_lib import artist, judge, training, words, world
from course_lib.checkpoints import read
from course_lib.models import Denoiser
from course_tools.recipes.judge import FRESH
from course_tools.recipes.run import FIRST_SEED, with_progress

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
    fresh = torch.arange(max(len(asked), 2 * many)) + FRESH
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
