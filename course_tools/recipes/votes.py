"""`course train votes`: what votes do to a model, round after round.  Lesson 7."""

import copy
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from course_lib import judge, words, world
from course_lib.judge import Judge
from course_lib.pipeline import Pipeline, shipped_pipeline
from course_lib.training import train
from course_lib.votes import (
    Crowd,
    best_of,
    centred_by_scene,
    diversity,
    learn_taste,
    reweighted,
    statistics,
    thumbnails,
)
from course_lib.world import Scene
from course_tools.recipes.run import Progress, Result, loss_and_settings

# The captions that are voted on, and some that are not: every subject and every place is among both.
VOTED, OTHERS = tuple(world.seen_scenes()[2::8]), tuple(world.seen_scenes()[5::8])
EACH, KEEP = 8, 2  # drawings of each caption in a round, and those of them that are learned from
REAL = 48  # pictures of each caption in the data
VOTERS = 10
GUIDANCE = 1.2  # less than the shipped model's own: what is drawn differs more, so there is more to vote on
TRAINING: dict[str, Any] = {
    "steps": 60, "batch": 32, "learning_rate": 1.5e-4, "amounts": "logit-normal", "ema_decay": 0.9,
}  # fmt: skip
DATA = 1_500_000  # seeds of the data

Picker = Callable[[Tensor, int], Tensor]  # from the drawings of a round, and its number, to what is learned from


def votes(progress: Progress, *, rounds: int = 5, only: Sequence[str] = ()) -> Result:
    """Rounds of drawing, voting and learning, by several ways to pick what is learned from.

    All begin with the shipped model, and learn as long, from as many pictures of the same captions: those picked in
    this round and in all before, so that the first ones, drawn while the model was still good, are not forgotten.
    only: these ways; all, if none is named.
    """
    critic, crowd = judge.shipped_judge(), Crowd(VOTED)
    shipped = shipped_pipeline()
    start = dataclasses.replace(shipped, settings=dataclasses.replace(shipped.settings, guidance=GUIDANCE))
    count = REAL * len(VOTED)
    data = world.render([*VOTED] * REAL, torch.arange(count) + DATA)

    def own(reward: Callable[[Tensor, int], Tensor]) -> Picker:
        return lambda drawn, number: drawn[best_of(reward(drawn, number), scenes=len(VOTED), keep=KEEP)]

    ways: dict[str, Picker] = {
        "the best of its own": own(lambda drawn, number: ups(crowd, drawn, number)),
        "real pictures by taste": weighted_by_taste(crowd, data),
        "any of its own": own(lambda drawn, number: torch.rand(len(drawn), generator=seeded(number))),
        "rewarded for bright areas": own(lambda drawn, number: statistics(drawn)["bright area"]),
        "rewarded by the judge": own(lambda drawn, number: confidence(critic, drawn, VOTED)),
    }
    figures: dict[str, Any] = {
        "captions": [scene.caption for scene in VOTED],
        "real": [measured(data[: EACH * len(VOTED)], crowd, critic)],
    }
    pictures = {"before": examples(start)}
    for name in only or ways:
        pipeline = dataclasses.replace(start, model=copy.deepcopy(start.model))
        figures[name], picked = [], []
        for number in progress(range(rounds + 1), name, rounds + 1):
            drawn = pipeline.draw_each([*VOTED] * EACH, seed=100 + number)
            others = {"others obeyed": critic.score(pipeline.draw_each(OTHERS, seed=200 + number), OTHERS)["all"]}
            figures[name].append(measured(drawn, crowd, critic) | others)
            if number < rounds:
                picked.append(ways[name](drawn, number))
                learn(pipeline, torch.cat(picked), VOTED, seed=number)
        pictures[name] = examples(pipeline)
    return figures, pictures


def learn(pipeline: Pipeline, pictures: Tensor, scenes: Sequence[Scene], *, seed: int) -> None:
    """Go on with the training of a pipeline's model, on these pictures: picture i shows scene i % len(scenes)."""
    keys = words.caption_keys(pipeline.words, [scene.caption for scene in scenes])
    learner = copy.deepcopy(pipeline.model)  # the pipeline gets the moving average of its weights
    loss, settings = loss_and_settings(pictures, keys, **TRAINING)
    for _ in train(learner, loss, seed=seed, ema_model=pipeline.model, **settings):
        pass


def ups(crowd: Crowd, pictures: Tensor, number: int) -> Tensor:
    """The share of votes up for each picture in round `number`."""
    return crowd.vote(pictures, voters=VOTERS, seed=number).float().mean(dim=0)


def weighted_by_taste(crowd: Crowd, data: Tensor) -> Picker:
    """Pick from the data, not from drawings: by what a model of taste makes of them, learned from all votes so far."""
    scenes = len(crowd.scenes)
    seen: list[Tensor] = []
    voted: list[Tensor] = []

    def pick(drawn: Tensor, number: int) -> Tensor:
        seen.append(centred_by_scene(thumbnails(drawn), scenes=scenes))
        voted.append(ups(crowd, drawn, number))
        taste = learn_taste(torch.cat(seen), torch.cat(voted), voters=VOTERS)
        chance = taste(centred_by_scene(thumbnails(data), scenes=scenes))
        weights = chance / (1 - chance)  # the odds
        return data[reweighted(weights, scenes=scenes, each=KEEP, seed=number)]

    return pick


@torch.no_grad()
def confidence(critic: Judge, pictures: Tensor, scenes: Sequence[Scene]) -> Tensor:
    """How sure the judge is that a picture shows its caption, (B,): the logarithm of the chance that it gives it."""
    total = torch.zeros(len(pictures))
    for factor, scores in critic(pictures).items():
        right = [critic.factors[factor].index(getattr(scene, factor)) for scene in scenes]
        wanted = torch.tensor(right).repeat(len(pictures) // len(scenes))
        total += scores.log_softmax(dim=1)[torch.arange(len(pictures)), wanted]
    return total


@torch.no_grad()
def measured(pictures: Tensor, crowd: Crowd, critic: Judge) -> dict[str, float]:
    """The crowd's score, how different the drawings of a caption are, and the share that shows what it should."""
    scenes = [*crowd.scenes] * (len(pictures) // len(crowd.scenes))
    return {
        "score": crowd.score(pictures),
        "diversity": diversity(critic.features(pictures), scenes=len(crowd.scenes)),
        "obeyed": critic.score(pictures, scenes)["all"],
    }


def examples(pipeline: Pipeline) -> Tensor:
    """Two drawings of each of some captions, from the same noises whatever the model has learned."""
    return pipeline.draw_each([scene for scene in VOTED[::3] for _ in range(2)], seed=7)


def seeded(number: int) -> torch.Generator:
    return torch.Generator().manual_seed(number)
