"""The renderer: draws a scene from a seed, at any resolution, on any device."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..errors import CourseError
from ..threads import one_thread
from .places import paint_place
from .scenes import PLACES, SUBJECTS, Scene
from .shapes import Canvas, Chance, wave
from .subjects import paint_subject

CHUNK = 256 * 32 * 32  # pixels drawn at once: few enough for a cache, enough to be worth a call


def render(
    scenes: Sequence[Scene], seeds: Sequence[int] | Tensor, *, size: int = 32, device: torch.device | str = "cpu"
) -> Tensor:
    """Draw each scene with the free details of its seed: where, how large, which way, the light, the grain.

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
    together = max(1, CHUNK // size**2)
    with one_thread():
        for place in PLACES:
            for some in chunks([i for i, scene in enumerate(scenes) if scene.place == place], together, device):
                canvas = blank(len(some), size, device)
                ground[some] = paint_place(place, canvas, Chance(seeds[some]))
                pictures.index_copy_(0, some, canvas.pictures)
        for subject in SUBJECTS:
            for some in chunks([i for i, scene in enumerate(scenes) if scene.subject == subject], together, device):
                canvas = blank(len(some), size, device)
                canvas.pictures[:] = pictures.index_select(0, some)
                free = Chance(seeds[some])
                paint_subject(subject, [scenes[i].pose for i in some.tolist()], canvas, free, ground[some])
                light(canvas, free)
                pictures.index_copy_(0, some, canvas.pictures.clamp_(-1, 1))
    return pictures


def blank(count: int, size: int, device: torch.device | str) -> Canvas:
    middles = (torch.arange(size, device=device) + 0.5) * (2 / size) - 1
    pictures = torch.empty(count, 3, size, size, device=device)
    return Canvas(pictures, middles[None, None, :], middles[None, :, None], 2 / size)


def chunks(members: list[int], size: int, device: torch.device | str) -> tuple[Tensor, ...]:
    return torch.tensor(members, dtype=torch.int64, device=device).split(size) if members else ()


def light(canvas: Canvas, free: Chance) -> None:
    """The lamp or the sun: brighter to one side, warmer or colder, and a soft grain."""
    slope = free("slope", -0.10, 0.10) * canvas.x - 0.04 * canvas.y
    grain = 0.012 * wave(canvas.x * 2.7 + free("weft")) * wave(canvas.y * 3.1 + free("warp"))
    warmth = free("warmth", -0.04, 0.04)[:, None]  # B x 1 x 1 x 1
    tint = torch.cat([1 + warmth, torch.ones_like(warmth), 1 - warmth], dim=1)  # B x 3 x 1 x 1
    strength = free("light", 0.90, 1.06) + slope + grain  # B x H x W
    canvas.pictures.add_(1).mul_(strength[:, None]).mul_(tint).sub_(1)


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
        """What tells this set from another."""
        return f"{self.count} of {len(self.scenes)} scenes, {self.size} px, from seed {self.first_seed}"
