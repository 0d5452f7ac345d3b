"""The enhance button: which number plates a blurred photo leaves possible, and a model that guesses one.  Lesson 3."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import sampling
from .checkpoints import SHIPPED, load, load_prefixed
from .errors import CourseError
from .judge import Judge
from .models import Denoiser, load_denoiser, sinusoidal_embedding
from .noise import blend, noise_like
from .world.plates import CHARACTERS, HEIGHT, PLACES, Layout, layout_of, pieces, plate_texts, render_plates

BLURS = (0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0)  # in pixels of a plate that is 16 high
SENSOR = 0.04  # standard deviation of the camera's noise: 5 of 255 grey levels
ROUNDING = 1 / 127.5  # from one grey level of 8 bits to the next
CONFIDENT = 0.9  # a plate counts as legible if the reader gives each character this chance
UNREADABLE = "?"
WALK: dict[str, Any] = {"steps": 16, "order": 2}
RESTARTS = (0.6, 0.5, 0.4, 0.3)  # amounts of noise that are added to an answer, for another walk from there
RESTART_WALK: dict[str, Any] = {"steps": 8, "order": 2}
SPECIALIST_WALK: dict[str, Any] = {"steps": 12, "order": 2}


# --- The camera ---


def shrink_factor(blur: float) -> int:
    """By how much a plate is shrunk at a blur: 1, 2, 4 or 8, not more than the blur, so that this loses little more."""
    return max(factor for factor in (1, 2, 4, 8) if factor <= max(1.0, blur))


@functools.cache
def blur_matrix(side: int, blur: float) -> Tensor:
    """The matrix that blurs a line of `side` pixels and shrinks it: (side / shrink_factor, side); rows add up to 1."""
    shrink = shrink_factor(blur)
    if not 0 <= blur <= side or side % shrink:
        raise CourseError(
            f"A blur lies between 0 and the picture's side, which is a multiple of {shrink} for a blur of {blur:g}; "
            f"here the side is {side}."
        )
    position = torch.arange(side, dtype=torch.float64)
    exponent = (position[:, None] - position).square() / (2 * max(blur, 1e-3) ** 2)
    return torch.softmax(-exponent, dim=1).reshape(side // shrink, shrink, side).mean(dim=1).float()


def blur_and_shrink(pictures: Tensor, blur: float) -> Tensor:
    """Blur with a Gaussian (standard deviation: `blur` pixels), then average blocks of `shrink_factor(blur)` pixels.

    pictures: (..., H, W); returns (..., H / s, W / s).  It is linear: the blur of a sum is the sum of the blurs.
    At the border the weights are those of the pixels that are there.
    Raises CourseError for a negative blur, or sides that do not go into blocks.
    """
    down, across = (blur_matrix(side, float(blur)).to(pictures) for side in pictures.shape[-2:])
    return down @ pictures @ across.T


def photograph(pictures: Tensor, blur: float, *, seed: int) -> Tensor:
    """What a far, cheap camera makes of pictures: blurred and shrunk, with the sensor's noise, rounded to 8 bits.

    pictures: (B, 3, H, W) in [-1, 1]; returns (B, 3, H / s, W / s) in [-1, 1].
    """
    small = blur_and_shrink(pictures, blur)
    noisy = small + SENSOR * noise_like(small, seed=seed)
    return ((noisy.clamp(-1, 1) + 1) / ROUNDING).round() * ROUNDING - 1


def enlarge(small: Tensor, *, height: int = HEIGHT) -> Tensor:
    """Small photos (B, 3, h, w) enlarged to `height`: every pixel becomes a block of its colour."""
    return F.interpolate(small, scale_factor=float(height // small.shape[-2]))


# --- Which plates are possible ---


@dataclass(frozen=True)
class Remaining:
    """How probable each of a layout's million plates is, given a photo.

    chances: (10, 10, 10, 10, 10, 10), one side a place, in the order of `layout.alphabets`; they add up to 1.
    """

    layout: Layout
    chances: Tensor

    @property
    def bits(self) -> float:
        """The entropy (Shannon 1948): as uncertain as between 2 ** bits plates, all equally probable."""
        return float(-torch.special.xlogy(self.chances, self.chances).sum() / math.log(2))

    @property
    def best(self) -> float:
        """The chance of the likeliest plate: no person and no model can be right more often."""
        return float(self.chances.max())

    @property
    def text(self) -> str:
        """The likeliest plate."""
        return self.text_of(int(self.chances.argmax()))

    def text_of(self, number: int) -> str:
        """The plate at a position in the flattened `chances`: each digit selects a character of a place's alphabet."""
        return "".join(
            alphabet[int(digit)] for alphabet, digit in zip(self.layout.alphabets, f"{number:06d}", strict=True)
        )

    def likeliest(self, count: int) -> list[tuple[str, float]]:
        """The likeliest plates and their chances, falling."""
        chances, numbers = self.chances.flatten().topk(count)
        return [(self.text_of(n), chance) for n, chance in zip(numbers.tolist(), chances.tolist(), strict=True)]


def count_plates(photo: Tensor, blur: float, layout: Layout, *, seed: int) -> Remaining:
    """Weigh all plates of a layout by how well they explain one photo: Bayes' rule, no sampling, nothing left out.

    photo: (3, h, w), what `photograph` made of a plate of height 16.  The layout and all details but the writing are
    given (light, tilt, place, dirt: those of `seed`), which no model knows, so no model can do better.
    A plate's photo is the sum of its blurred pieces and of noise of known strength: the sensor's and the rounding's
    (variance: the square of the step over 12, Widrow 1956, which is right for steps this fine).
    Raises CourseError for a photo of another size than this blur gives.
    """
    empty, parts = (blur_and_shrink(part, blur).double() for part in pieces(layout, seed))
    if photo.shape != empty.shape:
        raise CourseError(f"At blur {blur:g} a photo is {tuple(empty.shape)}, and this one is {tuple(photo.shape)}.")
    halves = [  # all thousand ways to write three places: 1000 x pixels
        sum(part.flatten(1).reshape(*(10 if i == k else 1 for i in range(3)), -1) for k, part in enumerate(three))
        for three in (parts[:3], parts[3:])
    ]
    left, right = (half.expand(10, 10, 10, -1).flatten(0, 2) for half in halves)
    unexplained = (photo.double() - empty).flatten() - left  # to be explained by the right half
    squares = (
        unexplained.square().sum(dim=1)[:, None] - 2 * unexplained @ right.T + right.square().sum(dim=1)
    )  # 1000 x 1000
    strength = SENSOR**2 + ROUNDING**2 / 12
    chances = torch.softmax(-squares.flatten() / (2 * strength), dim=0)
    return Remaining(layout, chances.reshape([10] * PLACES))


# --- The reader ---


class Reader(nn.Module):
    """Reads plates of 16 x 64: scores of each character at each place, and of "none of these"."""

    def __init__(self, *, widths: tuple[int, int] = (32, 96)):
        super().__init__()
        fine, coarse = widths
        self.config = {"widths": list(widths)}
        self.look = nn.Sequential(
            nn.PixelUnshuffle(2),
            *(nn.Conv2d(12, fine, 3, padding=1), nn.GroupNorm(8, fine), nn.SiLU()),
            *(nn.Conv2d(fine, coarse, 3, padding=1, stride=2), nn.GroupNorm(8, coarse), nn.SiLU()),
            *(nn.Conv2d(coarse, coarse, 3, padding=1), nn.GroupNorm(8, coarse), nn.SiLU()),
            *(nn.Conv2d(coarse, coarse, (HEIGHT // 4, 3), padding=(0, 1)), nn.GroupNorm(8, coarse), nn.SiLU()),
        )  # coarse x 1 x 16: columns of four pixels
        self.answer = nn.Sequential(
            nn.Flatten(), nn.Dropout(0.2), nn.Linear(coarse * HEIGHT, PLACES * (len(CHARACTERS) + 1))
        )

    def forward(self, plates: Tensor) -> Tensor:
        """plates: (B, 3, 16, 64) in [-1, 1]; returns (B, 6, 21)."""
        if plates.shape[1:] != (3, HEIGHT, 4 * HEIGHT):
            raise CourseError(f"The reader reads plates of 3 x {HEIGHT} x {4 * HEIGHT}, not {tuple(plates.shape[1:])}.")
        return self.answer(self.look(plates)).unflatten(1, (PLACES, len(CHARACTERS) + 1))

    @torch.no_grad()
    def read(self, plates: Tensor) -> tuple[list[str], Tensor]:
        """The six characters of each plate, "?" for none of these, and the lowest of their chances, (B,)."""
        chances, codes = self(plates).softmax(dim=2).max(dim=2)  # B x 6 each
        texts = ["".join((CHARACTERS + UNREADABLE)[code] for code in row) for row in codes.tolist()]
        known = (codes < len(CHARACTERS)).all(dim=1)
        return texts, chances.amin(dim=1) * known

    def score(self, plates: Tensor, texts: Sequence[str]) -> dict[str, float]:
        """The shares of plates that are "legible", every chance at least CONFIDENT, and read "right", as in `texts`."""
        answers, certainty = self.read(plates)
        right = [answer == text for answer, text in zip(answers, texts, strict=True)]
        return {"legible": float((certainty >= CONFIDENT).double().mean()), "right": sum(right) / len(right)}


# --- The button ---


class PictureConditionedDenoiser(Denoiser):
    """A denoiser that is shown another picture, beside the noisy one, instead of a key.

    The key is that picture, flattened, (B, 3 * H * W); none is the same as grey.  Each position of the network sees its
    own part of it (SR3, Saharia et al. 2021, arXiv:2104.07636).
    """

    pictures_in, pictures_out = 2, 3  # out: a guess, and how much of either picture goes straight on

    def __init__(self, *, predicts: str = "picture", fold: int = 8, widths: tuple[int, ...] = (64, 128)):
        super().__init__(predicts=predicts, fold=fold, widths=widths)
        del self.config["key_size"]
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, noisy: Tensor, amount: Tensor, key: Tensor | None = None) -> Tensor:
        self.check(noisy, key, noisy[0].numel())
        shown = torch.zeros_like(noisy) if key is None else key.reshape(noisy.shape)
        folded = F.pixel_unshuffle(torch.cat([noisy, shown], dim=1), self.fold)  # B x 6ff x H/f x W/f
        out = self.unet(folded, self.amount(sinusoidal_embedding(amount)))
        # Two pictures are more than the channels can carry: what can stay as it is goes straight on.
        guess, shares = out.tensor_split([3 * self.fold**2], dim=1)
        return F.pixel_shuffle(guess + sum((shares * folded).chunk(2, dim=1)), self.fold)


def enhance(model: Denoiser, photos: Tensor, *, seed: int) -> Tensor:
    """Restore each photo once: (B, 3, h, w) to plates (B, 3, 16, 64).  Another seed is another answer.

    model: a denoiser that is shown the enlarged photo beside the noisy picture.
    A walk sometimes ends between two characters.  Some noise is added and walked back from again: unclear characters
    get another chance, and clear ones stay (restarts: Xu et al. 2023, arXiv:2306.14878).
    """
    photos = enlarge(photos)
    key = photos.flatten(1)
    plates = sampling.draw(model, noise_like(photos, seed=seed), key=key, **WALK)
    for number, amount in enumerate(RESTARTS, start=1):
        noisy = blend(plates, noise_like(photos, seed=seed + number * 2**32), amount)
        plates = sampling.draw(model, noisy, key=key, start=amount, **RESTART_WALK)
    return plates


def measure(
    model: Denoiser, reader: Reader, blur: float, *, count: int, first_seed: int, counted: int | None = None
) -> dict[str, float]:
    """Photograph `count` plates at a blur, restore each once, and have the answers read.

    Returns the shares "legible" and "right" of the answers, and of the photos themselves ("photo right"); over the
    first `counted` of the plates the means of the best possible chance ("bound") and of the "bits" of uncertainty.
    """
    seeds = torch.arange(count) + first_seed
    texts = plate_texts(seeds)
    photos = photograph(render_plates(texts, seeds), blur, seed=first_seed)
    answers = torch.cat(
        [enhance(model, batch, seed=first_seed + 1 + number) for number, batch in enumerate(photos.split(64))]
    )
    remaining = [
        count_plates(photo, blur, layout_of(text), seed=seed)
        for photo, text, seed in list(zip(photos, texts, seeds.tolist(), strict=True))[:counted]
    ]
    return {
        "blur": blur,
        **reader.score(answers, texts),
        "photo right": reader.score(enlarge(photos), texts)["right"],
        "bound": sum(each.best for each in remaining) / len(remaining),
        "bits": sum(each.bits for each in remaining) / len(remaining),
    }


def shipped_button(path: Path | str = SHIPPED / "plates.safetensors") -> tuple[Denoiser, Reader, dict[str, Any]]:
    """The restorer and the reader that come with the course, and how they were made: `course train plates`."""
    model, recipe = load_denoiser(path, PictureConditionedDenoiser)
    reader = Reader(**recipe.get("reader", {}))
    load_prefixed(reader, load(path)[0], path, prefix="reader")
    return model, reader.eval(), recipe


# --- A library of specialists, with a router in front ---


@dataclass(frozen=True)
class Library:
    """One small denoiser for each caption, and a router that says which of them a noisy picture is for.

    router: a judge with the one factor "specialist", trained on noisy pictures.
    """

    specialists: dict[str, Denoiser]
    router: Judge
    recipe: dict[str, Any]

    def route(self, noisy: Tensor) -> list[str]:
        """The caption of the specialist for each picture, the likeliest one.  noisy: (B, 3, 32, 32)."""
        return self.router.name(noisy, allow_reject=False)["specialist"]

    def denoise(self, noisy: Tensor, amount: float, captions: Sequence[str]) -> Tensor:
        """Walk each picture back from `amount` of noise with the specialist of its caption.  (B, 3, 32, 32)."""
        unknown = next((caption for caption in captions if caption not in self.specialists), None)
        if unknown is not None:
            raise CourseError(f"The library has no specialist of {unknown!r}; it has {', '.join(self.specialists)}.")
        if len(captions) != len(noisy):
            raise CourseError(f"Each picture needs a caption; here are {len(noisy)} and {len(captions)}.")
        cleaned = torch.empty_like(noisy)
        for caption in dict.fromkeys(captions):
            members = [i for i, other in enumerate(captions) if other == caption]
            specialist = self.specialists[caption]
            cleaned[members] = sampling.draw(specialist, noisy[members], start=amount, **SPECIALIST_WALK)
        return cleaned


def shipped_library(path: Path | str = SHIPPED / "specialists.safetensors") -> Library:
    """The specialists and the router that come with the course: `course train specialists` makes them again."""
    tensors, recipe = load(path)
    if "captions" not in recipe:
        raise CourseError(f"{path} holds no specialists; `course train specialists` makes them again.")
    specialists = {}
    for number, caption in enumerate(recipe["captions"]):
        specialists[caption] = Denoiser(**recipe["specialist"]).eval()
        load_prefixed(specialists[caption], tensors, path, prefix=f"specialist {number}")
    router = Judge(**recipe["router"])
    load_prefixed(router, tensors, path, prefix="router")
    return Library(specialists, router.eval(), recipe)
