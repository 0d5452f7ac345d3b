"""The subjects of the captioned world: cats, a dog, a plane and a rocket, each in its poses."""

from dataclasses import dataclass
from functools import reduce
from operator import getitem

import torch
from torch import Tensor

from .scenes import ANIMALS
from .shapes import Canvas, Details, box, capsule, colour, ellipse, polygon, smoothstep, wave

# What a subject consists of, each with a number for `render_parts`; 0 is what belongs to no subject.
PARTS = (
    "", "body", "face", "eyes", "ears", "tail", "hull", "fin", "wing", "wheels", "rocket", "nose", "fins", "window",
    "flame",
)  # fmt: skip
LARGEST = 0.74  # the unit of the largest subject, in half sides of the picture
SNOW, INK = colour(250, 248, 244), colour(30, 28, 36)


@dataclass(frozen=True)
class Coat:
    """How an animal looks.  Sizes are in units of the animal, about half its length."""

    fur: Tensor
    shade: Tensor  # stripes, mask, or whatever is darker
    edge: Tensor
    belly: Tensor
    paws: Tensor
    ears: Tensor
    inner_ears: Tensor
    eyes: Tensor
    tail: tuple[float, float]
    ear: float = 0.30
    stripes: float = 0.0
    mask: float = 0.0
    ruff: float = 0.0
    tufts: float = 0.0


COATS = {
    "Maine coon cat": Coat(
        fur=colour(176, 122, 72),
        shade=colour(84, 50, 28),
        edge=colour(70, 42, 26),
        belly=colour(246, 228, 200),
        paws=colour(246, 232, 208),
        ears=colour(150, 98, 54),
        inner_ears=colour(236, 190, 170),
        eyes=colour(150, 214, 84),
        tail=(0.13, 0.21),
        ear=0.34,
        stripes=1.0,
        ruff=1.0,
        tufts=1.0,
    ),
    "Siamese cat": Coat(
        fur=colour(240, 222, 190),
        shade=colour(92, 64, 52),
        edge=colour(104, 78, 62),
        belly=colour(250, 240, 220),
        paws=colour(92, 64, 52),
        ears=colour(86, 58, 48),
        inner_ears=colour(150, 110, 100),
        eyes=colour(70, 160, 240),
        tail=(0.07, 0.05),
        ear=0.36,
        mask=1.0,
    ),
    "black cat": Coat(
        fur=colour(36, 34, 42),
        shade=colour(22, 20, 28),
        edge=colour(112, 114, 134),
        belly=colour(50, 48, 58),
        paws=colour(36, 34, 42),
        ears=colour(36, 34, 42),
        inner_ears=colour(150, 104, 112),
        eyes=colour(250, 214, 60),
        tail=(0.08, 0.07),
    ),
    "white cat": Coat(
        fur=colour(250, 248, 246),
        shade=colour(226, 224, 228),
        edge=colour(128, 126, 140),
        belly=colour(255, 255, 255),
        paws=colour(250, 248, 246),
        ears=colour(250, 248, 246),
        inner_ears=colour(246, 176, 180),
        eyes=colour(64, 150, 190),
        tail=(0.09, 0.08),
    ),
    "dog": Coat(
        fur=colour(222, 164, 92),
        shade=colour(150, 92, 42),
        edge=colour(108, 66, 34),
        belly=colour(250, 226, 178),
        paws=colour(244, 214, 164),
        ears=colour(146, 88, 44),
        inner_ears=colour(146, 88, 44),
        eyes=colour(60, 40, 30),
        tail=(0.08, 0.05),
    ),
}

# Where the parts of an animal are when it looks left and its feet stand at y = 0.65.  trunk: centre and half-axes.
# head: centre.  tail: base, bend and tip.  hind and front leg: top and foot.
BODY: dict[str, dict[str, tuple]] = {
    "laying": {
        "trunk": (0.12, 0.36, 0.70, 0.29),
        "head": (-0.52, 0.02),
        "tail": ((0.72, 0.42), (1.02, 0.50), (0.62, 0.58)),
        "hind": ((0.42, 0.45), (0.30, 0.58)),
        "front": ((-0.40, 0.45), (-0.78, 0.58)),
    },
    "sitting": {
        "trunk": (0.14, 0.22, 0.40, 0.46),
        "head": (-0.10, -0.42),
        "tail": ((0.44, 0.52), (0.86, 0.50), (0.82, 0.02)),
        "hind": ((0.30, 0.42), (0.22, 0.58)),
        "front": ((-0.10, 0.10), (-0.18, 0.58)),
    },
    "standing": {
        "trunk": (0.10, 0.02, 0.60, 0.25),
        "head": (-0.54, -0.32),
        "tail": ((0.62, -0.06), (0.94, -0.22), (0.86, -0.66)),
        "hind": ((0.48, 0.10), (0.52, 0.57)),
        "front": ((-0.32, 0.10), (-0.36, 0.57)),
    },
}


def paint_subject(subject: str, pose: list[str], canvas: Canvas, rng: Details, ground: Tensor) -> None:
    """Paint one subject in each picture; pose: B names; ground: (B, 1, 1), the height it stands on or flies above."""
    size = rng("size", 0.62, LARGEST)
    x = rng("across", -0.14, 0.14)
    facing = rng.sign("facing")
    flying = torch.tensor([name == "flying" for name in pose], device=x.device)[:, None, None]
    shadow(canvas.rows(0.2, 1), x, ground, size, flying)
    lift = rng("lift", 0.78, 0.95)
    y = torch.where(flying, ground - lift, ground - 0.65 * size)
    # Only a window round the subject is computed.  Its size in units of the subject: no part lies outside.
    wide, up, down = {"plane": (1.15, 0.75, 0.55), "rocket": (0.75, 1.0, 1.0)}.get(subject, (1.3, 0.95, 0.75))
    with canvas.window(x - wide * size, y - up * size, 2 * wide * LARGEST, (up + down) * LARGEST) as window:
        local = window.seen_from(x, y, size * facing)
        if subject in ANIMALS:
            paint_body(COATS[subject], pose, local, rng)
        else:
            (paint_plane if subject == "plane" else paint_rocket)(flying, local, rng)
    if subject in ANIMALS:
        nod = rng("nod", -0.03, 0.03)
        x, y = x + (number(pose, "head", 0) + nod) * size * facing, y + number(pose, "head", 1) * size
        with canvas.window(x - 0.58 * size, y - 0.72 * size, 1.16 * LARGEST, 1.22 * LARGEST) as window:
            local = window.seen_from(x, y, size * facing)
            (paint_dog_head if subject == "dog" else paint_cat_head)(COATS[subject], local, rng)


def number(pose: list[str], part: str, *path: int) -> Tensor:
    """A number of `BODY` for each picture's pose: (B, 1, 1)."""
    return torch.tensor([reduce(getitem, path, BODY[name][part]) for name in pose])[:, None, None]


def shadow(canvas: Canvas, x: Tensor, ground: Tensor, size: Tensor, flying: Tensor) -> None:
    wide = torch.where(flying, 0.5, 0.85) * size
    distance = ellipse(canvas.x - x, canvas.y - ground - 0.01, wide, 0.09)
    canvas.blend((0.5 - distance / 0.10).clamp(0, 1) * torch.where(flying, 0.22, 0.34), INK)


def paint_body(coat: Coat, pose: list[str], canvas: Canvas, rng: Details) -> None:
    """Tail, legs, trunk and ruff; the head comes on top."""

    def place(part: str, *path: int) -> Tensor:
        return number(pose, part, *path).to(canvas.x.device)

    def spot(part: str, *path: int) -> tuple[Tensor, Tensor]:
        return place(part, *path, 0), place(part, *path, 1)

    x, y = canvas.x, canvas.y
    rim = 0.035
    # Tail: two lines, a bend between them.
    wag = rng("tail", -0.10, 0.10)
    base, bend = spot("tail", 0), spot("tail", 1)
    tip = (place("tail", 2, 0) + wag, place("tail", 2, 1) - wag.abs())
    thin, thick = coat.tail
    first, first_along = capsule(x, y, base, bend, (thin, (thin + thick) / 2))
    second, second_along = capsule(x, y, bend, tip, ((thin + thick) / 2, thick))
    tail = first.minimum(second)
    canvas.paint(tail - rim, coat.edge, part="tail")
    canvas.paint(tail, coat.shade if coat.mask else coat.fur)
    if coat.stripes:
        rings = smoothstep(wave((first_along + second_along) * 2.0 + 0.1), -0.1, 0.5)
        canvas.blend(canvas.inside(tail) * rings, coat.shade)
    # Legs and trunk are one silhouette.
    hip, heel, shoulder, toe = (spot(part, end) for part in ("hind", "front") for end in (0, 1))
    leg = 0.10 if coat.ruff else 0.085
    hind, _ = capsule(x, y, hip, heel, (0.13, leg))
    front, _ = capsule(x, y, shoulder, toe, (0.12, leg))
    hind_far, _ = capsule(x + 0.20, y + 0.03, hip, heel, (0.12, leg))
    front_far, _ = capsule(x - 0.20, y + 0.03, shoulder, toe, (0.11, leg))
    legs = hind.minimum(front).minimum(hind_far).minimum(front_far)
    wide, high = place("trunk", 2), place("trunk", 3) * rng("plump", 0.94, 1.08)
    bx, by = x - place("trunk", 0), y - place("trunk", 1)
    trunk = ellipse(bx, by, wide, high)
    body = trunk.minimum(legs)
    canvas.paint(body - rim, coat.edge, part="body")
    canvas.paint(body, coat.fur)
    inside = canvas.inside(trunk)
    canvas.blend(inside * smoothstep(by / high, 0.1, 0.9) * 0.5, coat.belly)
    if coat.stripes:
        bands = smoothstep(wave(bx * 2.3 + by * 0.5 + rng("stripes", -0.1, 0.1)), 0.05, 0.55) * smoothstep(
            -by / high, -0.5, 0.0
        )
        canvas.blend(inside * bands, coat.shade)
    canvas.paint(legs.maximum(place("front", 1, 1) - 0.06 - y), coat.paws)
    hx, hy = spot("head")
    if coat.ruff:
        cx, cy = x - hx - 0.05, y - hy - 0.34
        canvas.paint(ellipse(cx, cy, 0.33, 0.27) + 0.02 * wave((cx + cy) * 5), coat.belly, part="body")


def paint_cat_head(coat: Coat, head: Canvas, rng: Details) -> None:
    """A round face, symmetric, so that each ear, eye and whisker is drawn once for both sides."""
    x, y = head.x, head.y
    side = x.abs()
    rim = 0.035
    tip = -0.36 - coat.ear * rng("ears", 0.40, 0.60)
    ear = polygon(side, y, (0.06, -0.30), (0.32, tip), (0.39, -0.06))
    if coat.tufts:
        tuft, _ = capsule(side, y, (0.31, tip + 0.08), (0.36, tip - 0.14), (0.05, 0.015))
        head.paint(tuft, coat.shade, part="ears")
    head.paint(ear - rim, coat.edge, part="ears")
    head.paint(ear, coat.ears)
    head.paint(ear + 0.07, coat.inner_ears)
    face = ellipse(x, y, 0.42 + 0.04 * coat.ruff, 0.36)
    head.paint(face - rim, coat.edge, part="face")
    head.paint(face, coat.fur)
    inside = head.inside(face)
    if coat.stripes:  # the M on a tabby's forehead, and its cheeks
        lines = smoothstep(wave(side * 4.5 + 0.30), 0.0, 0.5) * smoothstep(-y, 0.10, 0.20)
        head.blend(inside * lines, coat.shade)
        head.paint(ellipse(side - 0.14, y - 0.17, 0.17, 0.12), coat.belly)
    if coat.mask:
        head.blend(smoothstep(-ellipse(x, y - 0.08, 0.27, 0.28), -0.06, 0.06), coat.shade)
    elif not coat.stripes:
        head.paint(ellipse(side - 0.09, y - 0.17, 0.12, 0.09), coat.belly, opacity=0.9)
    eye = ellipse(side - 0.18, y + 0.02, 0.115, 0.125)
    head.paint(eye - 0.02, INK, part="eyes")
    head.paint(eye, coat.eyes)
    head.paint(ellipse(side - 0.17, y + 0.02, 0.05, 0.10), INK)
    head.paint(ellipse(x.abs() - 0.20, y + 0.07, 0.03, 0.03), SNOW)
    nose = polygon(x, y, (-0.06, 0.10), (0.06, 0.10), (0.0, 0.17))
    head.paint(nose - 0.015, colour(226, 128, 128) if not coat.mask else colour(46, 32, 30))
    mouth, _ = capsule(side, y, (0.01, 0.235), (0.11, 0.195), (0.014, 0.010))
    head.paint(mouth, coat.edge)
    whisker, _ = capsule(side, y, (0.22, 0.17), (0.56, 0.12), (0.010, 0.004))
    lower, _ = capsule(side, y, (0.22, 0.20), (0.54, 0.26), (0.010, 0.004))
    head.paint(whisker.minimum(lower), coat.belly, opacity=0.8)


def paint_dog_head(coat: Coat, head: Canvas, rng: Details) -> None:
    """Ears that hang, a long muzzle, a black nose, a tongue, a collar."""
    x, y = head.x, head.y
    side = x.abs()
    rim = 0.035
    collar, _ = capsule(x, y, (-0.10, 0.37), (0.22, 0.35), (0.07, 0.07))
    head.paint(collar, colour(206, 54, 58), part="body")
    face = ellipse(x, y, 0.34, 0.36)
    head.paint(face - rim, coat.edge, part="face")
    head.paint(face, coat.fur)
    head.paint(ellipse(x, y + 0.16, 0.06, 0.18), coat.belly)
    muzzle = ellipse(x, y - 0.16, 0.22, 0.18)
    tongue = ellipse(x, y - 0.34, 0.07, 0.12)
    head.paint(tongue, colour(236, 110, 124), part="face")
    head.paint(muzzle, coat.belly, part="face")
    ear, _ = capsule(side, y, (0.30, -0.22), (0.42, 0.10 + rng("ears", -0.04, 0.08)), (0.09, 0.13))
    head.paint(ear - rim, coat.edge, part="ears")
    head.paint(ear, coat.ears)
    head.paint(ellipse(side - 0.15, y + 0.05, 0.07, 0.085), coat.eyes, part="eyes")
    head.paint(ellipse(side - 0.17, y + 0.08, 0.025, 0.025), SNOW)
    head.paint(ellipse(x, y - 0.08, 0.105, 0.075), INK)
    mouth, _ = capsule(side, y, (0.0, 0.275), (0.13, 0.225), (0.016, 0.012))
    head.paint(mouth, coat.edge)


def paint_plane(flying: Tensor, canvas: Canvas, rng: Details) -> None:
    """An airliner from the side, its nose to the left; in the air it climbs, on the ground it has wheels."""
    climb = torch.where(flying, rng("climb", 0.10, 0.24), 0.0)
    x, y = canvas.x, canvas.y - 0.20 + torch.where(flying, 0.2, 0.0)
    x, y = x - climb * y, y + climb * -x  # a small turn: nearly a rotation
    hull, trim, edge = colour(244, 246, 250), colour(40, 96, 190), colour(74, 84, 108)
    wheels = ellipse((x - 0.04).abs() - 0.34, y - 0.36, 0.08, 0.08)
    struts = box((x - 0.04).abs() - 0.34, y - 0.26, 0.02, 0.08)
    canvas.paint(wheels.minimum(struts).maximum(torch.where(flying, 1.0, -9.0)), INK, part="wheels")
    fin = polygon(x, y, (0.62, -0.06), (0.84, -0.52), (1.02, -0.52), (0.96, -0.04))
    canvas.paint(fin - 0.03, edge, part="fin")
    canvas.paint(fin, trim)
    tube, _ = capsule(x, y, (-0.72, 0.02), (0.90, -0.04), (0.21, 0.09))
    canvas.paint(tube - 0.03, edge, part="hull")
    canvas.paint(tube, hull)
    inside = canvas.inside(tube)
    canvas.blend(inside * smoothstep(y, 0.06, 0.16), colour(196, 206, 222))
    canvas.paint((tube + 0.005).maximum((y - 0.09).abs() - 0.03), trim)
    rows = box((wave(x * 3.2).abs() - 0.85) * 0.12, y + 0.03, 0.035, 0.045).maximum((x - 0.05).abs() - 0.60)
    canvas.paint(rows, colour(70, 130, 190))
    canvas.paint(polygon(x, y, (-0.88, -0.05), (-0.78, -0.13), (-0.64, -0.13), (-0.64, -0.02)), colour(60, 100, 150))
    wing = polygon(x, y, (-0.24, 0.08), (0.16, 0.08), (0.50, 0.34), (0.30, 0.36))
    canvas.paint(wing - 0.03, edge, part="wing")
    canvas.paint(wing, colour(176, 190, 214))
    canvas.paint(ellipse(x - 0.06, y - 0.22, 0.13, 0.065), trim, part="wing")


def paint_rocket(flying: Tensor, canvas: Canvas, rng: Details) -> None:
    """A storybook rocket: it stands on its fins, or leans forward over its flame."""
    lean = torch.where(flying, rng("climb", 0.25, 0.55), 0.0)
    x, y = canvas.x, canvas.y + torch.where(flying, 0.05, 0.13)
    x, y = x + lean * y, y - lean * x
    hull, trim, edge = colour(240, 240, 246), colour(214, 60, 56), colour(88, 84, 104)
    flame = ellipse(x, y - 0.70, 0.17, 0.34 * rng("flame", 0.8, 1.1))
    grounded = torch.where(flying, -9.0, 1.0)
    canvas.paint(flame.maximum(grounded), colour(250, 150, 40), part="flame")
    canvas.paint((flame + 0.08).maximum(grounded), colour(255, 236, 130))
    side = x.abs()
    fins = polygon(side, y, (0.14, 0.20), (0.30, 0.30), (0.50, 0.78), (0.14, 0.58))
    canvas.paint(fins - 0.03, edge, part="fins")
    canvas.paint(fins, trim)
    # Two circles that overlap are a spindle.
    spindle = ((x.abs() + 0.55) * (x.abs() + 0.55) + y * y * 0.72).sqrt() - 0.84
    body = spindle.maximum(y - 0.58)
    canvas.paint(body - 0.03, edge, part="rocket")
    canvas.paint(body, hull)
    inside = canvas.inside(body)
    canvas.blend(inside * smoothstep(x, 0.02, 0.30) * 0.7, colour(176, 180, 200))
    canvas.paint(body.maximum(y + 0.48), trim, part="nose")
    canvas.paint(body.maximum((y - 0.46).abs() - 0.05), trim)
    window = ellipse(x, y + 0.14, 0.15, 0.15)
    canvas.paint(window - 0.04, edge, part="window")
    canvas.paint(window, colour(110, 196, 236))
    canvas.paint(ellipse(x + 0.05, y + 0.19, 0.04, 0.04), SNOW)
