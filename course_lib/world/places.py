"""The places of the captioned world: what is behind a subject, and under it."""

from torch import Tensor

from .shapes import Canvas, Details, box, colour, ellipse, polygon, smoothstep, wave

SNOW, INK = colour(246, 244, 240), colour(38, 36, 44)
SOFAS = {
    "sofa": (colour(46, 134, 140), colour(240, 196, 98)),
    "white sofa": (colour(222, 217, 208), colour(120, 170, 205)),
    "black sofa": (colour(62, 60, 70), colour(205, 92, 84)),
}


def paint_place(place: str, canvas: Canvas, rng: Details) -> Tensor:
    """Paint a place over the whole canvas; returns the height of the ground where a subject stands, (B, 1, 1)."""
    if place.endswith("sofa"):
        room(canvas, rng, floor=colour(196, 164, 128))
        return sofa(canvas, rng, *SOFAS[place])
    if place == "wooden floor":
        planks(canvas, rng)
    elif place == "white and black salt and pepper rug":
        rug(canvas, rng)
    elif place == "grass":
        meadow(canvas, rng)
    elif place == "runway":
        air, ground = (colour(122, 178, 226), colour(214, 232, 244)), colour(118, 158, 92)
        runway(canvas, rng, air, ground, tarmac=colour(92, 96, 106))
    elif place == "runway on Mars":
        air, ground = (colour(226, 150, 140), colour(250, 206, 186)), colour(190, 88, 52)
        runway(canvas, rng, air, ground, tarmac=colour(112, 66, 62))
        moons_and_rocks(canvas, rng)
    return rng("ground", 0.60, 0.72)


def horizon(rng: Details) -> Tensor:
    return rng("horizon", -0.04, 0.10)


def room(canvas: Canvas, rng: Details, *, floor: Tensor) -> None:
    """A wall, a skirting board, and a floor."""
    edge = horizon(rng)
    warm = rng("wall")[:, None]
    canvas.pictures[:] = colour(236, 220, 200) * warm + colour(206, 222, 222) * (1 - warm)
    # All pixels of a row are alike, so one column is computed.
    canvas.paint((edge - 0.055 - canvas.y).expand(-1, -1, 1), SNOW)
    canvas.paint((edge - canvas.y).expand(-1, -1, 1), floor)


def planks(canvas: Canvas, rng: Details) -> None:
    """A wooden floor that runs away from us: boards of several browns, and the gaps between them."""
    room(canvas, rng, floor=colour(184, 128, 78))
    edge = horizon(rng)
    canvas = canvas.rows(-0.08, 1)
    near = (canvas.y - edge).clamp(min=0) + 0.35  # smaller further up, which is further away
    across = (canvas.x - rng("lean", -0.3, 0.3)) / near * 1.25 + rng("board")
    below = canvas.inside(edge - canvas.y)
    board = across.floor()
    brown = wave(board * 0.37 + 0.1)
    canvas.blend(below * (0.35 * brown).clamp(min=0), colour(232, 184, 126))
    canvas.blend(below * (-0.35 * brown).clamp(min=0), colour(120, 72, 40))
    gap = ((across - board - 0.5).abs() - 0.5).abs() * near
    canvas.blend(below * (1 - gap / (0.02 + canvas.pixel * 0.7)).clamp(0, 1) * 0.75, colour(84, 48, 28))


def rug(canvas: Canvas, rng: Details) -> None:
    """A salt and pepper rug with a fringe, on a plain floor."""
    room(canvas, rng, floor=colour(206, 178, 142))
    edge = horizon(rng)
    canvas = canvas.rows(0.0, 1)
    far = edge + 0.16
    side = 0.68 + 0.30 * (canvas.y - far) - (canvas.x - rng("rug", -0.08, 0.08)).abs()
    inside = trapezium(side, canvas, far)
    fringe = wave(canvas.y * 7 + 0.25) * 0.5 + 0.5
    canvas.paint(trapezium(side + 0.09 * fringe, canvas, far), colour(240, 234, 222))
    canvas.paint(inside, colour(232, 228, 222))
    depth = 1 / (canvas.y - edge + 0.45)
    x, y = canvas.x * depth * 1.5 + rng("salt", 0, 5), depth * 2.8 + rng("pepper", 0, 5)
    spots = wave(1.1 * x + 0.5 * y) + wave(-0.7 * x + 0.8 * y) + wave(0.25 * x - 1.2 * y)
    canvas.blend(canvas.inside(inside) * smoothstep(spots, 0.0, 0.9), colour(46, 44, 50))


def trapezium(side: Tensor, canvas: Canvas, far: Tensor) -> Tensor:
    return (-side).maximum(far - canvas.y).maximum(canvas.y - 0.97)


def meadow(canvas: Canvas, rng: Details) -> None:
    """Grass with its blades under a blue sky with a cloud."""
    edge = horizon(rng)
    sky(canvas, edge, colour(108, 178, 238), colour(206, 232, 250))
    cloud(canvas.rows(-1, -0.4), rng, "cloud", -0.72)
    canvas = canvas.rows(-0.12, 1)
    hill = edge + 0.05 * wave(canvas.x * 0.35 + rng("hill"))
    canvas.paint(hill - canvas.y, colour(108, 178, 76))
    below = canvas.inside(hill - canvas.y)
    blades = wave(canvas.x * 3.1 + wave(canvas.y * 1.7) * 0.4 + rng("blades")) * wave(canvas.y * 2.6 + canvas.x)
    canvas.blend(below * (0.30 * blades).clamp(min=0), colour(172, 222, 104))
    canvas.blend(below * (-0.30 * blades).clamp(min=0), colour(54, 120, 50))
    canvas.blend(below * smoothstep(canvas.y, 0.2, 1.3) * 0.5, colour(70, 142, 58))


def sky(canvas: Canvas, edge: Tensor, top: Tensor, low: Tensor) -> None:
    """The colour goes from `top` to `low` at the horizon."""
    share = ((canvas.y + 1) / (edge + 1)).clamp(0, 1)[:, None]
    canvas.pictures[:] = top + (low - top) * share


def cloud(canvas: Canvas, rng: Details, name: str, height: float) -> None:
    x = canvas.x - rng(f"{name} across", -0.7, 0.7)
    y = canvas.y - height - rng(f"{name} up", -0.08, 0.12)
    puffs = ellipse(x, y, 0.28, 0.09).minimum(ellipse(x + 0.07, y + 0.07, 0.13, 0.11))
    canvas.paint(puffs, SNOW, opacity=0.85)


def runway(canvas: Canvas, rng: Details, air: tuple[Tensor, Tensor], ground: Tensor, *, tarmac: Tensor) -> None:
    """A runway that runs away to the horizon: tarmac, edge lines, the dashed middle, the bars at its beginning."""
    edge = horizon(rng)
    sky(canvas, edge, *air)
    canvas = canvas.rows(-0.08, 1)
    canvas.paint((edge - canvas.y).expand(-1, -1, 1), ground)
    near = (canvas.y - edge).clamp(min=0)
    x = canvas.x - rng("aim", -0.12, 0.12) * (1 - near)
    below = edge - canvas.y
    half = 0.10 + 0.92 * near
    canvas.paint((x.abs() - half).maximum(below), tarmac)
    canvas.paint(((x.abs() - half * 0.90).abs() - 0.045 * half).maximum(below), SNOW, opacity=0.9)
    depth = 1 / (near + 0.25)
    dashes = (0.45 - wave(depth * 1.15 + rng("dash"))) * 0.12
    canvas.paint((x.abs() - 0.05 * half).maximum(dashes).maximum(below), SNOW, opacity=0.95)
    bars = (wave(x / half * 1.75 + 0.25).abs() * -1 + 0.55) * 0.12
    bars = bars.maximum(x.abs() - 0.8 * half).maximum(0.16 * half - x.abs()).maximum((near - 0.86).abs() - 0.05)
    canvas.paint(bars, SNOW, opacity=0.9)


def moons_and_rocks(canvas: Canvas, rng: Details) -> None:
    """The two small moons of Mars, and a rock on each side of the runway."""
    above, below = canvas.rows(-0.86, -0.42), canvas.rows(-0.1, 0.5)
    for name, size, height in (("Phobos", 0.10, -0.72), ("Deimos", 0.06, -0.52)):
        x, y = above.x - rng(name, -0.85, 0.85), above.y - height
        above.paint(ellipse(x, y, size, size), colour(252, 236, 222), opacity=0.9)
    edge = horizon(rng)
    for name, side in (("left", -1), ("right", 1)):
        x = below.x - side * rng(f"{name} rock", 0.70, 0.95)
        y = below.y - edge - rng(f"{name} rock down", 0.10, 0.22)
        rock = ellipse(x, y, 0.15, 0.10)
        below.paint(rock, colour(140, 58, 36))
        below.paint(ellipse(x + 0.03, y + 0.03, 0.09, 0.05), colour(214, 116, 76))


def sofa(canvas: Canvas, rng: Details, cloth: Tensor, pillow: Tensor) -> Tensor:
    """A sofa with a back, two cushions, two arms and a pillow; returns the height of its seat."""
    x, y = canvas.x - rng("sofa", -0.05, 0.05), canvas.y - rng("sofa down", -0.03, 0.05)
    dark, light = cloth + (INK - cloth) * 0.35, cloth + (SNOW - cloth) * 0.16
    for foot in (-0.7, 0.7):
        canvas.paint(box(x - foot, y - 0.86, 0.05, 0.08), colour(96, 60, 36))
    canvas.paint(box(x, y - 0.05, 0.74, 0.35) - 0.10, dark)
    canvas.paint(box(x, y - 0.05, 0.70, 0.31) - 0.10, cloth)
    canvas.paint(box(x, y + 0.02, 0.012, 0.36), dark, opacity=0.7)
    side = x * rng.sign("pillow side")
    canvas.paint(polygon(side, y, (0.42, -0.12), (0.72, -0.04), (0.66, 0.30), (0.36, 0.22)) - 0.03, pillow)
    canvas.paint(box(x, y - 0.62, 0.76, 0.18) - 0.05, dark)
    canvas.paint(box(x, y - 0.44, 0.74, 0.09) - 0.05, light)
    canvas.paint(box(x, y - 0.46, 0.010, 0.13), dark, opacity=0.7)
    arms = box(x.abs() - 0.84, y - 0.46, 0.06, 0.28) - 0.06
    canvas.paint(arms - 0.025, dark)
    canvas.paint(arms, light)
    return rng("seat", 0.42, 0.48) + rng("sofa down", -0.03, 0.05)
