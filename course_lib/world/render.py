"""The renderer: draws a scene from a seed, at any resolution, on any device."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..errors import CourseError
from ..threads import one_thread
from .places import paint_place
from .scenes import PLACES, SUBJECTS, Scene
from .shapes import Canvas, SeededDetails, wave
from .subjects import paint_subject

CHUNK = 256 * 32 * 32  # pixels drawn at once: few enough for the processor's cache, enough to be worth a call


def render(
    scenes: Sequence[Scene], seeds: Sequence[int] | Tensor, *, size: int = 32, device: torch.device | str = "cpu"
) -> Tensor:
    """Draw each scene, with the details that its seed decides: where, how large, which way, the light, the grain.

    scenes, seeds: one of each a picture.  Returns (B, 3, size, size) in [-1, 1]; a picture depends on its scene, its
    seed and the size alone.  Raises CourseError if there are not as many seeds as scenes, or for a size below 8.
    """
    seeds = torch.as_tensor(seeds, dtype=torch.int64, device=device)
    if len(seeds) != len(scenes):
        raise CourseError(f"Every picture needs its scene and its seed; here are {len(scenes)} and {len(seeds)}.")
    if size < 8:
        raise CourseError(f"A picture of this world has sides of 8 pixels or more, and {size} were asked for.")
    pictures = torch.empty(len(scenes), 3, size, size, device=device)
    ground = torch.empty(len(scenes), 1, 1, device=device)
    batch = max(1, CHUNK // size**2)
    with one_thread():
        for place in PLACES:
            for part in chunks([i for i, scene in enumerate(scenes) if scene.place == place], batch, device):
                canvas = blank(len(part), size, device)
                ground[part] = paint_place(place, canvas, SeededDetails(seeds[part]))
                pictures.index_copy_(0, part, canvas.pictures)
        for subject in SUBJECTS:
            for part in chunks([i for i, scene in enumerate(scenes) if scene.subject == subject], batch, device):
                canvas = blank(len(part), size, device)
                canvas.pictures[:] = pictures.index_select(0, part)
                rng = SeededDetails(seeds[part])
                paint_subject(subject, [scenes[i].pose for i in part.tolist()], canvas, rng, ground[part])
                light(canvas, rng)
                pictures.index_copy_(0, part, canvas.pictures.clamp_(-1, 1))
    return pictures


def blank(count: int, size: int, device: torch.device | str) -> Canvas:
    middles = (torch.arange(size, device=device) + 0.5) * (2 / size) - 1
    pictures = torch.empty(count, 3, size, size, device=device)
    return Canvas(pictures, middles[None, None, :], middles[None, :, None], 2 / size)


def chunks(members: list[int], size: int, device: torch.device | str) -> tuple[Tensor, ...]:
    return torch.tensor(members, dtype=torch.int64, device=device).split(size) if members else ()


def light(canvas: Canvas, rng: SeededDetails) -> None:
    """Change the light: brighter to one side, warmer or colder, with a soft grain."""
    slope = rng("slope", -0.10, 0.10) * canvas.x - 0.04 * canvas.y
    grain = 0.012 * wave(canvas.x * 2.7 + rng("weft")) * wave(canvas.y * 3.1 + rng("warp"))
    warmth = rng("warmth", -0.04, 0.04)[:, None]  # B x 1 x 1 x 1
    tint = torch.cat([1 + warmth, torch.ones_like(warmth), 1 - warmth], dim=1)  # B x 3 x 1 x 1
    strength = rng("light", 0.90, 1.06) + slope + grain  # B x H x W
    canvas.pictures.add_(1).mul_(strength[:, None]).mul_(tint).sub_(1)
