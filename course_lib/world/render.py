"""The renderer: draws a scene from a seed, at any resolution, on any device."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from ..errors import CourseError
from ..threads import one_thread
from .places import paint_place
from .scenes import PLACES, SUBJECTS, Scene
from .shapes import Canvas, Details, PartsCanvas, SeededDetails, wave
from .subjects import PARTS, paint_subject

CHUNK = 256 * 32 * 32  # pixels drawn at once: few enough for the processor's cache, enough to be worth a call


# Each detail that a picture of this world leaves to chance, in the order of `random_details`.
DETAILS = (
    "horizon", "wall", "rug", "salt", "pepper", "ground", "lean", "board", "cloud across", "cloud up", "hill", "blades",
    "aim", "dash", "Phobos", "Deimos", "left rock", "left rock down", "right rock", "right rock down", "sofa",
    "sofa down", "pillow side", "seat", "size", "across", "facing", "lift", "tail", "plump", "stripes", "nod", "ears",
    "slope", "weft", "warp", "warmth", "light", "climb", "flame",
)  # fmt: skip


def render(
    scenes: Sequence[Scene],
    seeds: Sequence[int] | Tensor | Details,
    *,
    size: int = 32,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Draw each scene, with the details that its seed decides: where, how large, which way, the light, the grain.

    scenes, seeds: one of each a picture; or the details themselves instead of seeds, `GivenDetails(shares, DETAILS)`.
    Returns (B, 3, size, size) in [-1, 1]; a picture depends on its scene, its seed and the size alone.
    Raises CourseError if there are not as many seeds as scenes, or for a size below 8.
    """
    details = _details(scenes, seeds, size, device)
    pictures = torch.empty(len(scenes), 3, size, size, device=device)
    with one_thread():
        ground = _paint_places(pictures, scenes, details)
        for part, canvas in _paint_subjects(pictures, ground, scenes, details, Canvas):
            light(canvas, details[part])
            pictures.index_copy_(0, part, canvas.pictures.clamp_(-1, 1))
    return pictures


def render_parts(scenes: Sequence[Scene], seeds: Sequence[int] | Tensor | Details, *, size: int = 32) -> Tensor:
    """Which part of the subject each pixel of `render`'s picture shows: (B, size, size), places in `PARTS`, 0 for none.

    scenes, seeds: as for `render`, which raises the same.
    """
    details = _details(scenes, seeds, size, "cpu")
    numbers = torch.zeros(len(scenes), 1, size, size)
    make = partial(PartsCanvas, numbers={name: float(number) for number, name in enumerate(PARTS)})
    with one_thread():
        ground = _paint_places(torch.empty(len(scenes), 3, size, size), scenes, details)
        for part, canvas in _paint_subjects(numbers, ground, scenes, details, make):
            numbers.index_copy_(0, part, canvas.pictures)
    return numbers[:, 0].long()


def random_details(seeds: Sequence[int] | Tensor) -> Tensor:
    """The details that each seed decides, as shares: (B, len(DETAILS)) in [0, 1]."""
    rng = SeededDetails(torch.as_tensor(seeds, dtype=torch.int64))
    return torch.stack([rng.share(name) for name in DETAILS], dim=1)


def _details(
    scenes: Sequence[Scene], seeds: Sequence[int] | Tensor | Details, size: int, device: torch.device | str
) -> Details:
    if isinstance(seeds, Details):
        details = seeds
    else:
        details = SeededDetails(torch.as_tensor(seeds, dtype=torch.int64, device=device))
    if len(details) != len(scenes):
        raise CourseError(f"Every picture needs its scene and its seed; here are {len(scenes)} and {len(details)}.")
    if size < 8:
        raise CourseError(f"A picture of this world has sides of 8 pixels or more, and {size} were asked for.")
    return details


def _paint_places(pictures: Tensor, scenes: Sequence[Scene], details: Details) -> Tensor:
    """Paint all places; returns the heights on which subjects stand, (B, 1, 1)."""
    size, device = pictures.shape[-1], pictures.device
    ground = torch.empty(len(scenes), 1, 1, device=device)
    for place in PLACES:
        for part in chunks([i for i, scene in enumerate(scenes) if scene.place == place], size, device):
            canvas = blank(torch.empty_like(pictures[: len(part)]), Canvas)
            ground[part] = paint_place(place, canvas, details[part])
            pictures.index_copy_(0, part, canvas.pictures)
    return ground


def _paint_subjects(
    pictures: Tensor, ground: Tensor, scenes: Sequence[Scene], details: Details, make: Callable[..., Canvas]
) -> Iterator[tuple[Tensor, Canvas]]:
    """Paint one subject after another on copies of its pictures; gives which those are, and the canvas that holds them.

    make: the kind of canvas.
    """
    size, device = pictures.shape[-1], pictures.device
    for subject in SUBJECTS:
        for part in chunks([i for i, scene in enumerate(scenes) if scene.subject == subject], size, device):
            canvas = blank(pictures.index_select(0, part), make)
            paint_subject(subject, [scenes[i].pose for i in part.tolist()], canvas, details[part], ground[part])
            yield part, canvas


def blank(pictures: Tensor, make: Callable[..., Canvas]) -> Canvas:
    size, device = pictures.shape[-1], pictures.device
    middles = (torch.arange(size, device=device) + 0.5) * (2 / size) - 1
    return make(pictures, middles[None, None, :], middles[None, :, None], 2 / size)


def chunks(members: list[int], size: int, device: torch.device | str) -> tuple[Tensor, ...]:
    """The members in groups of which so few pictures, `size` pixels wide, are drawn at once."""
    batch = max(1, CHUNK // size**2)
    return torch.tensor(members, dtype=torch.int64, device=device).split(batch) if members else ()


def light(canvas: Canvas, rng: Details) -> None:
    """Change the light: brighter to one side, warmer or colder, with a soft grain."""
    slope = rng("slope", -0.10, 0.10) * canvas.x - 0.04 * canvas.y
    grain = 0.012 * wave(canvas.x * 2.7 + rng("weft")) * wave(canvas.y * 3.1 + rng("warp"))
    warmth = rng("warmth", -0.04, 0.04)[:, None]  # B x 1 x 1 x 1
    tint = torch.cat([1 + warmth, torch.ones_like(warmth), 1 - warmth], dim=1)  # B x 3 x 1 x 1
    strength = rng("light", 0.90, 1.06) + slope + grain  # B x H x W
    canvas.pictures.add_(1).mul_(strength[:, None]).mul_(tint).sub_(1)
