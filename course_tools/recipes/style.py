"""`course train style`: two styles for those that never had them.  Lesson 6."""

import copy
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib import augment, judge, words
from course_lib.artist import Artist, shipped_artist
from course_lib.training import schedule, train
from course_lib.world import Scene, render, seen_scenes
from course_tools.recipes.augmentation import DRAWN, FIRST_SEED
from course_tools.recipes.judge import FRESH
from course_tools.recipes.run import LIBRARY, Progress, Result

STYLES = {"none": None, "Cubism": augment.cubism, "Oil painting": augment.oil_painting}
NEVER = (("Maine coon cat", "Cubism"), ("plane", "Oil painting"))  # no picture of these is in the training
EACH = 12  # training pictures of each scene in each style
LOUDER = 0.5  # how much more than once the style is said
STYLING: dict[str, Any] = {"batch": 32, "learning_rate": 1e-3, "amounts": "bell", "average": 0.99}
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
        """Whether the model saw no picture of this subject in this style."""
        return (self.subject, self.style) in NEVER


def works(scenes: Sequence[Scene]) -> list[Work]:
    """These scenes in every style."""
    return [Work(scene, style) for scene in scenes for style in STYLES]


def paint(shown: Sequence[Work], seeds: Tensor) -> Tensor:
    """The pictures of these works, (B, 3, 32, 32)."""
    pictures = render([work.scene for work in shown], seeds)
    for style, change in STYLES.items():
        some = torch.tensor([work.style == style for work in shown])
        if change is not None and some.any():
            captions = [work.scene.caption for work in shown if work.style == style]
            pictures[some], _ = change(pictures[some], captions, seeds[some])
    return pictures


def style(progress: Progress, *, steps: int = 1200, judge_steps: int = 400) -> Result:
    """The shipped model learns two styles on all subjects but one each; then it is asked for just those.

    It is asked twice: as the caption says, and with the style said louder.
    """
    critic = style_judge(progress, judge_steps)
    shipped = shipped_artist()
    learned = words.joined(shipped.words, words.train_words(words.corpus() + augment.style_sentences()))
    artist = dataclasses.replace(shipped, model=copy.deepcopy(shipped.model), words=learned)
    told = [work for work in works(seen_scenes()) if not work.never]
    pictures = paint(told * EACH, torch.arange(EACH * len(told)) + FIRST_SEED)
    keys = torch.stack([ways_to_say(work, learned) for work in told])
    learner = copy.deepcopy(artist.model)  # the artist gets the running mean of its weights
    run = train(learner, pictures, keys=keys, steps=steps, seed=0, averaged=artist.model, **STYLING)
    for _ in progress(run, f"{len(told)} captions", steps):
        pass
    artist.model.eval()
    asked = works(LIBRARY)
    never, seen = ([work for work in asked if work.never == which] for which in (True, False))
    figures: dict[str, Any] = {}
    shown: dict[str, Tensor] = {}

    def judged(name: str, made: Tensor, those: Sequence[Work], kept: int) -> None:
        each = len(made) // len(those)
        figures[name] = [
            {"caption": work.caption} | critic.score(part, [work] * each, allow_reject=False)
            for work, part in zip(those, made.split(each), strict=True)
        ]
        shown[name] = torch.cat([part[:kept] for part in made.split(each)])

    for name, those, each, kept in (("never seen", never, DRAWN, 4), ("seen", seen, DRAWN // 4, 1)):
        many = [work for work in those for _ in range(each)]
        judged(f"{name}, said plainly", artist.draw_each(many), those, kept)
        judged(name, artist.draw_key(louder(artist, many), len(many)), those, kept)
        judged(f"real, {name}", paint(many, torch.arange(len(many)) + FRESH), those, kept)
    return figures | {"steps": steps, "louder": LOUDER, "captions": [work.caption for work in told]}, shown


def ways_to_say(work: Work, vectors: words.Words) -> Tensor:
    """Keys of a work, 8 x D: five whole captions, then parts of it: two without the subject, one of the style alone."""
    whole, subject = (words.caption_key(vectors, text) for text in (work.caption, work.subject))
    alone = whole - subject if work.style == "none" else style_key(work, vectors)
    return torch.stack([whole] * 5 + [whole - subject] * 2 + [alone])


def style_key(work: Work, vectors: words.Words) -> Tensor:
    """The part of a work's key that names its style, D numbers: at its offset, behind the scene's words."""
    if work.style == "none":
        return torch.zeros(vectors.vectors.shape[1])
    return words.caption_key(vectors, work.style, offset=1 + len(words.tokens(work.scene.caption)))


def louder(artist: Artist, asked: Sequence[Work]) -> Callable[[float], Tensor]:
    """The keys of works with the style said louder, as a key for each amount of noise."""
    plain, styles = artist.keys(asked), torch.stack([style_key(work, artist.words) for work in asked])
    return lambda amount: plain(amount) + LOUDER * styles


def style_judge(progress: Progress, steps: int) -> judge.Judge:
    """A judge of style and subject, taught with pictures of its own seeds; it has to choose, and knows no muddle."""
    torch.manual_seed(JUDGE_SEEDS)
    everything = works(LIBRARY)
    subjects = tuple(dict.fromkeys(work.subject for work in everything))
    critic = judge.Judge({"style": tuple(STYLES), "subject": subjects}, widths=(24, 48, 96))
    optimizer = torch.optim.AdamW(critic.parameters(), lr=2e-3, weight_decay=0.01)
    for number in progress(range(1, steps + 1), "judge of styles", steps):
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * schedule(number, steps)
        shown = [everything[(48 * number + i) % len(everything)] for i in range(48)]
        scores = critic(paint(shown, torch.arange(48) + JUDGE_SEEDS + 48 * number))
        losses = [
            F.cross_entropy(scores[factor], torch.tensor([values.index(getattr(work, factor)) for work in shown]))
            for factor, values in critic.factors.items()
        ]
        optimizer.zero_grad()
        torch.stack(losses).sum().backward()
        optimizer.step()
    return critic.eval()
