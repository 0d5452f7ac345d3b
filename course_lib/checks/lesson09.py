"""Checks of lesson 9's exercises: how large a network is, how small a latent, and two ways to write one ladder."""

from typing import Any

import torch
from torch import Generator

from .. import inside
from .verdict import Ask, Mistakes, exercise, photos_and_noise


@exercise(idea="how many pairs of in and out does a layer have, how many places in its window, and how many biases?")
def count_parameters(ask: Ask, random: Generator) -> None:
    linear, convolution, *mixed = (some_layer(kind, random) for kind in ("linear", *["convolution"] * 3, "linear"))
    for layers in ([linear], [convolution], [*mixed, linear, convolution]):
        sizes = [(layer["from"], layer["to"], layer.get("side", 1)) for layer in layers]
        wanted = sum(a * b * side**2 + b for a, b, side in sizes)
        last = sizes[-1]
        mistakes: Mistakes = {
            "The biases are missing: each number or channel that comes out has one.": sum(
                a * b * side**2 for a, b, side in sizes
            ),
            "A window has side x side places, not side.": (
                sum(a * b * side + b for a, b, side in sizes),
                sum(a * b * 2 * side + b for a, b, side in sizes),
            ),
            "A window is not always 3 x 3: take the layer's side.": (
                sum(a * b * (9 if side > 1 else 1) + b for a, b, side in sizes),
            ),
            "A convolution has a weight for each place in its window.": sum(a * b + b for a, b, _ in sizes),
            "There is a bias for each number that comes out, not for each that goes in.": (
                sum(a * b * side**2 + a for a, b, side in sizes),
                sum(a * b * side**2 + a + b for a, b, side in sizes),
            ),
            "A layer has one bias for each number or channel that comes out, not one in all.": sum(
                a * b * side**2 + 1 for a, b, side in sizes
            ),
            "A bias has no window: one for each channel that comes out.": sum(
                (a + 1) * b * side**2 for a, b, side in sizes
            ),
            "Each channel that comes out looks at all channels that go in.": sum(
                b * side**2 + b for _, b, side in sizes
            ),
            "Every pair of in and out has its weight: multiply, don't add.": sum(
                (a + b) * side**2 + b for a, b, side in sizes
            ),
            "This is one layer of the list: add up all of them.": (
                last[0] * last[1] * last[2] ** 2 + last[1],
                sizes[0][0] * sizes[0][1] * sizes[0][2] ** 2 + sizes[0][1],
            ),
            "These are the numbers of each layer: their sum was asked for.": [
                a * b * side**2 + b for a, b, side in sizes
            ],
            "These are bytes: the number of parameters was asked for.": (4 * wanted, 2 * wanted),
        }
        ask(layers, expect=wanted, mistakes=unlike(mistakes, wanted), within=1e-6)


def some_layer(kind: str, random: Generator) -> dict[str, Any]:
    """A layer of some size, small enough that a forgotten bias shows."""
    a, b = (int(torch.randint(2, 40, (), generator=random)) for _ in range(2))
    layer = {"kind": kind, "from": a, "to": b + 40}
    return layer | {"side": 3 + 2 * int(torch.randint(2, (), generator=random))} if kind == "convolution" else layer


@exercise(idea="how many numbers has the picture, and how many has the latent?")
def times_fewer(ask: Ask, random: Generator) -> None:
    for _ in range(4):
        fold = 2 ** int(torch.randint(1, 5, (), generator=random))
        channels = 4 + int(torch.randint(16, (), generator=random))
        channels += channels == 3 * fold  # there two mistakes give the same
        high = fold * int(torch.randint(9, 24, (), generator=random))
        wide = high + fold * int(torch.randint(1, 9, (), generator=random))
        picture, latent = high * wide * 3, high // fold * (wide // fold) * channels
        wanted = picture / latent
        mistakes: Mistakes = {
            "A colour picture has three numbers at each pixel.": wanted / 3,
            "A latent has several numbers at each place: its channels.": wanted * channels,
            "Both sides of the picture shrink, not one.": (wanted / fold, wanted / fold / 3),
            "The picture's sides have no part in it: a place of the latent stands for fold x fold pixels.": (
                3 / channels,
                3 * fold,
                fold,
            ),
            "It is the wrong way round: the picture has more numbers.": (1 / wanted, 3 / wanted),
            "Only places are compared: count the numbers at each.": fold**2,
            "Channels make the latent larger, not smaller.": wanted * channels**2,
            "This is one of the two numbers: divide the picture's by the latent's.": (picture, latent, high * wide),
            "This is how many fewer: how many times was asked for.": picture - latent,
        }
        ask([high, wide], fold, channels, expect=wanted, mistakes=unlike(mistakes, wanted), within=1e-4)


@exercise(
    idea="how many parts of noise are there to one of picture on the rung, and at which amount are there as many?"
)
def amount_for(ask: Ask, random: Generator) -> None:
    for count in (6, 1, 9):
        alpha = 0.03 + 0.9 * torch.rand(count, generator=random)
        alpha = torch.where((alpha - 0.5).abs() < 0.05, alpha + 0.12, alpha)  # in the middle many mistakes are none
        wanted = inside.matching_amount(alpha)
        noise, picture = (1 - alpha).sqrt(), alpha.sqrt()
        odds = (1 - alpha) / alpha
        mistakes: Mistakes = {
            "These are parts of noise to one of picture: they are not yet a share of both.": (noise / picture, odds),
            "The roots are missing: alpha-bar and what is left are squares of the parts.": (
                1 - alpha,
                odds / (1 + odds),
            ),
            "This is the picture's share: the amount is the noise's.": (1 - wanted, picture),
            "These are the noise's parts on the rung, where the two don't add up to 1.": noise,
            "Noise is what alpha-bar leaves, under a root of its own: it is not 1 less the root.": 1 - picture,
            "This is alpha-bar itself, which falls where there is more noise.": (alpha, 1 / (1 + odds)),
            "Picture and noise are swapped: much noise means few parts of picture.": (picture / noise, 1 / odds),
            "On the straight path the parts add up to 1: divide by their sum, not by the root of squares.": (
                noise / picture / (1 + odds),
                noise / (alpha + (1 - alpha)).sqrt() / picture,
            ),
            "Of s parts of noise and one of picture, noise is s of 1 + s.": (
                noise / picture / (1 - noise / picture),
                noise / picture / 2,
                1 + noise / picture,
                (1 + noise / picture) / (noise / picture),
            ),
        }
        ask(alpha, expect=wanted, mistakes=mistakes)


@exercise(idea="which clean picture goes with this noise, and in which parts does the next rung hold the two?")
def ddim_step(ask: Ask, random: Generator) -> None:
    for alpha, after in ((0.2, 0.35), (0.6, 0.8), (0.1, 0.9)):
        pictures, noise = photos_and_noise(random, count=2)
        alpha, after = (value + 0.05 * float(torch.rand((), generator=random)) for value in (alpha, after))
        noisy = alpha**0.5 * pictures + (1 - alpha) ** 0.5 * noise
        guess = noise + 0.2 * torch.randn(noise.shape, generator=random)
        clean = (noisy - (1 - alpha) ** 0.5 * guess) / alpha**0.5
        part, left = after**0.5, (1 - after) ** 0.5
        undivided = noisy - (1 - alpha) ** 0.5 * guess
        mistakes: Mistakes = {
            "The noise is gone at once: on the next rung there is still some.": (clean, part * clean),
            "This is still the first rung: mix in the parts of the next.": (
                alpha**0.5 * clean + (1 - alpha) ** 0.5 * guess,
                guess * 0 + noisy,
            ),
            "Parts are square roots: of alpha-bar for the picture, of what it leaves for the noise.": (
                after * clean + (1 - after) * guess,
                part * clean + (1 - after) * guess,
                after * clean + left * guess,
                part * (noisy - (1 - alpha) * guess) / alpha**0.5 + left * guess,
                part * (noisy - (1 - alpha) * guess) / alpha + left * guess,
                part * undivided / alpha + left * guess,
                after * (noisy - (1 - alpha) * guess) / alpha + (1 - after) * guess,
            ),
            "The clean picture has only a part on this rung: divide by it.": part * undivided + left * guess,
            "Picture and noise have each other's parts.": left * clean + part * guess,
            "The noise's part is taken away on the next rung: it belongs there.": part * clean - left * guess,
            "The noise has to be taken away from what is on this rung, not added.": (
                part * (noisy + (1 - alpha) ** 0.5 * guess) / alpha**0.5 + left * guess
            ),
            "`alpha` is this rung and `after` the next: they are swapped.": (
                alpha**0.5 * (noisy - left * guess) / part + (1 - alpha) ** 0.5 * guess
            ),
            "What is mixed in is the noisy picture: work out the clean one first.": part * noisy + left * guess,
            "The whole noise is left in it: take this rung's part of it away.": part * (noisy - guess) / alpha**0.5
            + left * guess,
        }
        ask(noisy, guess, alpha, after, expect=part * clean + left * guess, mistakes=mistakes)


def unlike(mistakes: Mistakes, wanted: float) -> dict[str, tuple[Any, ...]]:
    """The mistakes without those that come to the right answer here: then they are none."""
    results = {what: result if isinstance(result, tuple) else (result,) for what, result in mistakes.items()}
    return {what: tuple(r for r in some if r != wanted) for what, some in results.items()}
