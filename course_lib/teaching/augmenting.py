"""The experiments whose results lesson 6 shows: what augmentation gains, and a style for those that never had it.

`course train augmentation` and `course train style` make them again.  A result is pictures by name, and figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import augment, judge, sampling, words
from ..models import Denoiser
from ..noise import add_noise
from ..training import schedule
from ..world import Scene, render
from .experiments import FRESH, LIBRARY, Progress, Result, caption_keys, draw, trained

# So small a model learns soonest when it is asked for the picture, at a high rate of learning.
SMALL: dict[str, Any] = {"predicts": "picture", "fold": 2, "widths": (16, 32, 64), "key_size": 64}
TAUGHT: dict[str, Any] = {"batch": 32, "average": 0.99, "learning_rate": 5e-3}
SIZES = (100, 400, 1600)
WAYS = {"without": (), "with": (augment.flip,)}
START = 0.3  # the share of noise in the fresh pictures that a model has to finish
FINISH: dict[str, Any] = {"steps": 8, "order": 2, "start": START}
DRAWN = 64  # pictures of each caption that are scored
FIRST_SEED = 30_000_000  # of the training pictures; the run with seed s begins s * 1,000,000 later


def augmentation(progress: Progress, *, seeds: Sequence[int] = (0, 1, 2), steps: int = 1500) -> Result:
    """The same model and steps on few pictures and on many, as they are and augmented.

    Each model draws from pure noise, and finishes fresh pictures with noise in them: what it was not trained on.
    """
    critic = judge.shipped_judge()
    shown = [scene for scene in LIBRARY for _ in range(DRAWN)]
    real, again, fresh = (render(shown, torch.arange(len(shown)) + FRESH + k * 10_000) for k in range(3))
    noisy, _ = add_noise(fresh, START, seed=FRESH)
    keys = caption_keys(shown)
    figures: dict[str, Any] = {"real": [critic.score(again, shown) | {"distance": critic.distance(again, real)}]}
    pictures = {"fresh": fresh[::DRAWN], "noisy": noisy[::DRAWN]}
    for seed in seeds:
        for size in SIZES:
            scenes = [LIBRARY[i % len(LIBRARY)] for i in range(size)]
            known = render(scenes, torch.arange(size) + FIRST_SEED + 1_000_000 * seed)
            captions, told = [scene.caption for scene in scenes], caption_keys(scenes)
            for way, using in WAYS.items():
                changing = augment.Augmented(known, captions, using=using, first_seed=FIRST_SEED) if using else known
                name = f"seed {seed}, {size} pictures {way}"
                model = trained(SMALL, changing, told, seed, steps, progress, name, **TAUGHT)
                drawn, finished = draw(model, keys, seed), finish(model, noisy, keys)
                own = changing[torch.arange(len(shown)) % len(changing)]
                figures.setdefault(way, []).append(
                    {"pictures": size, "seed": seed}
                    | critic.score(drawn, shown)
                    | {"distance": critic.distance(drawn, real), "to the nearest": nearest(drawn, known)}
                    | {"distance of what it saw": critic.distance(own, real)}
                    | {f"finished {name}": share for name, share in critic.score(finished, shown).items()}
                    | {"finished distance": critic.distance(finished, real)}
                    | {"finished error": float((finished - fresh).square().mean())}
                )
                pictures.setdefault(f"{size} {way}, drawn", drawn[::DRAWN])
                pictures.setdefault(f"{size} {way}, finished", finished[::DRAWN])
    fresh_to_known = nearest(fresh, known[: SIZES[0]])
    return figures | {"steps": steps, "start": START, "fresh to the nearest of 100": fresh_to_known}, pictures


def finish(model: Denoiser, noisy: Tensor, keys: Tensor) -> Tensor:
    """What a model makes of pictures that hold the amount START of noise."""
    finished = []
    for some, key in zip(noisy.split(64), keys.split(64), strict=True):
        *_, (_, pictures) = sampling.walk(model, some, key=key, **FINISH)
        finished.append(pictures)
    return torch.cat(finished)


def nearest(pictures: Tensor, known: Tensor) -> float:
    """How far each picture is from the nearest known one, the mean: a root of mean squares over the pixels."""
    far = torch.cdist(pictures.flatten(1), known.flatten(1)).amin(dim=1)
    return float(far.mean() / known[0].numel() ** 0.5)


# --- A style for those that never had it ------------------------------------------------------------------------------

STYLES = {"none": None, "Cubism": augment.cubism, "Oil painting": augment.oil_painting}
NEVER = (("Maine coon cat", "Cubism"), ("plane", "Oil painting"))  # no picture of these is in the training
EACH = 100  # training pictures of each scene in each style
STEPS, JUDGE_STEPS = 2000, 400
JUDGE_SEEDS = 1_500_000_000


@dataclass(frozen=True)
class Work:
    """A scene in a style, and how its caption says so."""

    scene: Scene
    style: str

    @property
    def subject(self) -> str:
        return self.scene.subject

    @property
    def caption(self) -> str:
        return self.scene.caption if self.style == "none" else f"{self.scene.caption} {self.style}."

    @property
    def never(self) -> bool:
        """Whether no model saw this subject in this style."""
        return (self.subject, self.style) in NEVER


WORKS = tuple(Work(scene, style) for scene in LIBRARY for style in STYLES)


def paint(works: Sequence[Work], seeds: Tensor) -> Tensor:
    """The pictures of these works, (B, 3, 32, 32)."""
    pictures = render([work.scene for work in works], seeds)
    for style, change in STYLES.items():
        some = torch.tensor([work.style == style for work in works])
        if change is not None and some.any():
            captions = [work.scene.caption for work in works if work.style == style]
            pictures[some], _ = change(pictures[some], captions, seeds[some])
    return pictures


def style(progress: Progress, *, steps: int = STEPS, judge_steps: int = JUDGE_STEPS) -> Result:
    """A model sees some subjects in all styles and two of them in all but one; then it is asked for just that."""
    vectors = words.train_words(words.corpus() + augment.style_sentences())
    critic = style_judge(progress, judge_steps)
    never, seen = ([work for work in WORKS if work.never == which] for which in (True, False))
    many = [seen[i % len(seen)] for i in range(EACH * len(seen))]
    known = paint(many, torch.arange(len(many)) + FIRST_SEED)
    model = trained(SMALL, known, style_keys(seen, vectors), 0, steps, progress, f"{len(seen)} captions", **TAUGHT)
    figures: dict[str, Any] = {}
    pictures: dict[str, Tensor] = {}
    for name, works, each, kept in (("never seen", never, DRAWN, 4), ("seen", seen, DRAWN // 4, 1)):
        shown = [work for work in works for _ in range(each)]
        drawn = draw(model, style_keys(shown, vectors), 0, guidance=2.0)
        real = paint(shown, torch.arange(len(shown)) + FRESH)
        for what, some in ((name, drawn.split(each)), (f"real, {name}", real.split(each))):
            figures[what] = [
                {"caption": work.caption} | critic.score(one, [work] * each, refuse=False)
                for work, one in zip(works, some, strict=True)
            ]
            pictures[what] = torch.cat([one[:kept] for one in some])
    return figures | {"steps": steps, "captions": [work.caption for work in seen]}, pictures


def style_keys(works: Sequence[Work], vectors: words.Words) -> Tensor:
    return words.caption_keys(vectors, [work.caption for work in works])


def style_judge(progress: Progress, steps: int) -> judge.Judge:
    """A judge of style and subject, taught with pictures of its own seeds; it has to choose, and knows no muddle."""
    torch.manual_seed(JUDGE_SEEDS)
    subjects = tuple(dict.fromkeys(work.subject for work in WORKS))
    critic = judge.Judge({"style": tuple(STYLES), "subject": subjects}, widths=(24, 48, 96))
    optimizer = torch.optim.AdamW(critic.parameters(), lr=2e-3, weight_decay=0.01)
    for number in progress(range(1, steps + 1), "judge of styles", steps):
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * schedule(number, steps)
        works = [WORKS[(48 * number + i) % len(WORKS)] for i in range(48)]
        scores = critic(paint(works, torch.arange(48) + JUDGE_SEEDS + 48 * number))
        losses = [
            F.cross_entropy(scores[factor], torch.tensor([values.index(getattr(work, factor)) for work in works]))
            for factor, values in critic.factors.items()
        ]
        optimizer.zero_grad()
        torch.stack(losses).sum().backward()
        optimizer.step()
    return critic.eval()
