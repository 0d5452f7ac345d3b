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
from course_lib.pipeline import Pipeline, shipped_pipeline
from course_lib.training import train
from course_lib.world import Scene, render, seen_scenes
from course_tools.recipes.augmentation import DRAWN, FIRST_SEED
from course_tools.recipes.run import FRESH, LIBRARY, Progress, Result, classifier_steps, loss_and_settings

STYLES = {"none": None, "Cubism": augment.cubism, "Oil painting": augment.oil_painting}
NEVER = (("Maine coon cat", "Cubism"), ("plane", "Oil painting"))  # no picture of these is in the training
PER_WORK = 12  # training pictures of each scene in each style
LOUDER = 0.5  # how much more than once the style is said
TRAINING: dict[str, Any] = {"batch": 32, "learning_rate": 1e-3, "amounts": "logit-normal", "ema_decay": 0.99}
JUDGE_SEEDS = 1_500_000_000


@dataclass(frozen=True)
class StyledScene:
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


def works(scenes: Sequence[Scene]) -> list[StyledScene]:
    """These scenes in every style."""
    return [StyledScene(scene, style) for scene in scenes for style in STYLES]


def paint(shown: Sequence[StyledScene], seeds: Tensor) -> Tensor:
    """The pictures of these works, (B, 3, 32, 32)."""
    pictures = render([work.scene for work in shown], seeds)
    for style, change in STYLES.items():
        own = torch.tensor([work.style == style for work in shown])
        if change is not None and own.any():
            captions = [work.scene.caption for work in shown if work.style == style]
            pictures[own], _ = change(pictures[own], captions, seeds[own])
    return pictures


def style(progress: Progress, *, steps: int = 1200, judge_steps: int = 400) -> Result:
    """The shipped model learns two styles on all subjects but one each; then it is asked for just those.

    It is asked twice: as the caption says, and with the style said louder.
    """
    critic = style_judge(progress, judge_steps)
    shipped = shipped_pipeline()
    learned = words.joined(shipped.words, words.train_words(words.corpus() + augment.style_sentences()))
    pipeline = dataclasses.replace(shipped, model=copy.deepcopy(shipped.model), words=learned)
    learned_from = [work for work in works(seen_scenes()) if not work.never]
    pictures = paint(learned_from * PER_WORK, torch.arange(PER_WORK * len(learned_from)) + FIRST_SEED)
    keys = torch.stack([ways_to_say(work, learned) for work in learned_from])
    learner = copy.deepcopy(pipeline.model)  # the pipeline gets the moving average of its weights
    loss, settings = loss_and_settings(pictures, keys, **TRAINING)
    run = train(learner, loss, steps=steps, seed=0, ema_model=pipeline.model, **settings)
    for _ in progress(run, f"{len(learned_from)} captions", steps):
        pass
    pipeline.model.eval()
    asked = works(LIBRARY)
    never, seen = ([work for work in asked if work.never == which] for which in (True, False))
    figures: dict[str, Any] = {}
    shown: dict[str, Tensor] = {}

    def judged(name: str, made: Tensor, those: Sequence[StyledScene], kept: int) -> None:
        each = len(made) // len(those)
        figures[name] = [
            {"caption": work.caption} | critic.score(part, [work] * each, allow_reject=False)
            for work, part in zip(those, made.split(each), strict=True)
        ]
        shown[name] = torch.cat([part[:kept] for part in made.split(each)])

    for name, those, each, kept in (("never seen", never, DRAWN, 4), ("seen", seen, DRAWN // 4, 1)):
        many = [work for work in those for _ in range(each)]
        judged(f"{name}, said plainly", pipeline.draw_each(many), those, kept)
        judged(name, pipeline.draw_key(louder(pipeline, many), len(many)), those, kept)
        judged(f"real, {name}", paint(many, torch.arange(len(many)) + FRESH), those, kept)
    return figures | {"steps": steps, "louder": LOUDER, "captions": [work.caption for work in learned_from]}, shown


def ways_to_say(work: StyledScene, vectors: words.Words) -> Tensor:
    """Keys of a work, 8 x D: five whole captions, then parts of it: two without the subject, one of the style alone."""
    whole, subject = (words.caption_key(vectors, text) for text in (work.caption, work.subject))
    alone = whole - subject if work.style == "none" else style_key(work, vectors)
    return torch.stack([whole] * 5 + [whole - subject] * 2 + [alone])


def style_key(work: StyledScene, vectors: words.Words) -> Tensor:
    """The part of a work's key that names its style, D numbers: at its offset, behind the scene's words."""
    if work.style == "none":
        return torch.zeros(vectors.vectors.shape[1])
    return words.caption_key(vectors, work.style, offset=1 + len(words.tokens(work.scene.caption)))


def louder(pipeline: Pipeline, asked: Sequence[StyledScene]) -> Callable[[float], Tensor]:
    """The keys of works with the style said louder, as a key for each amount of noise."""
    plain, styles = pipeline.keys(asked), torch.stack([style_key(work, pipeline.words) for work in asked])
    return lambda amount: plain(amount) + LOUDER * styles


def style_judge(progress: Progress, steps: int) -> judge.Judge:
    """A judge of style and subject, taught with pictures of its own seeds; it has to choose, and knows no muddle."""
    torch.manual_seed(JUDGE_SEEDS)
    everything = works(LIBRARY)
    subjects = tuple(dict.fromkeys(work.subject for work in everything))
    critic = judge.Judge({"style": tuple(STYLES), "subject": subjects}, widths=(24, 48, 96))

    def error(number: int) -> Tensor:
        shown = [everything[(48 * number + i) % len(everything)] for i in range(48)]
        scores = critic(paint(shown, torch.arange(48) + JUDGE_SEEDS + 48 * number))
        losses = [
            F.cross_entropy(scores[factor], torch.tensor([values.index(getattr(work, factor)) for work in shown]))
            for factor, values in critic.factors.items()
        ]
        return torch.stack(losses).sum()

    for _ in progress(classifier_steps(critic, error, steps=steps), "judge of styles", steps):
        pass
    return critic
