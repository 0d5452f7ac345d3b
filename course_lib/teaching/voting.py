"""The experiments of lesson 7: what votes do to a model, round after round, and what captions do to one.

`course train votes` and `course train captions` make them again.  Results as in `experiments`.
"""

import copy
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from .. import judge, training, words, world
from ..artist import Artist, shipped_artist
from ..judge import Judge
from ..votes import (
    Crowd,
    best_of,
    compared,
    diversity,
    learn_taste,
    reweighted,
    statistics,
    thumbnails,
)
from ..world import Scene
from .experiments import FRESH, KEYED, Progress, Result, caption_keys, draw, trained

# The captions that are voted on, and some that are not: every subject and every place is among both.
VOTED, OTHERS = tuple(world.seen_scenes()[2::8]), tuple(world.seen_scenes()[5::8])
EACH, KEEP = 8, 2  # drawings of each caption in a round, and those of them that are learned from
REAL = 48  # pictures of each caption in the data
VOTERS = 10
GUIDANCE = 1.2  # less than the shipped model's own: what is drawn differs more, so there is more to vote on
TEACH: dict[str, Any] = {"steps": 60, "batch": 32, "learning_rate": 1.5e-4, "amounts": "bell", "average": 0.9}
DATA = 1_500_000  # seeds of the data

Picker = Callable[[Tensor, int], Tensor]  # from the drawings of a round, and its number, to what is learned from


def votes(progress: Progress, *, rounds: int = 5, only: Sequence[str] = ()) -> Result:
    """Rounds of drawing, voting and learning, by several ways to pick what is learned from.

    All begin with the shipped model, and learn as long, from as many pictures of the same captions: those picked in
    this round and in all before, so that the first ones, drawn while the model was still good, are not forgotten.
    only: these ways; all, if none is named.
    """
    critic, crowd = judge.shipped_judge(), Crowd(VOTED)
    shipped = shipped_artist()
    start = dataclasses.replace(shipped, recipe={"draw": shipped.recipe["draw"] | {"guidance": GUIDANCE}})
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
        artist = dataclasses.replace(start, model=copy.deepcopy(start.model))
        figures[name], picked = [], []
        for number in progress(range(rounds + 1), name, rounds + 1):
            drawn = artist.draw_each([*VOTED] * EACH, seed=100 + number)
            others = {"others obeyed": critic.score(artist.draw_each(OTHERS, seed=200 + number), OTHERS)["all"]}
            figures[name].append(measured(drawn, crowd, critic) | others)
            if number < rounds:
                picked.append(ways[name](drawn, number))
                learn(artist, torch.cat(picked), VOTED, seed=number)
        pictures[name] = examples(artist)
    return figures, pictures


def learn(artist: Artist, pictures: Tensor, scenes: Sequence[Scene], *, seed: int) -> None:
    """Go on with the training of an artist's model, on these pictures: picture i shows scene i % len(scenes)."""
    keys = words.caption_keys(artist.words, [scene.caption for scene in scenes])
    learner = copy.deepcopy(artist.model)  # the artist gets the running mean of its weights
    for _ in training.train(learner, pictures, keys=keys, seed=seed, averaged=artist.model, **TEACH):
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
        seen.append(compared(thumbnails(drawn), scenes=scenes))
        voted.append(ups(crowd, drawn, number))
        taste = learn_taste(torch.cat(seen), torch.cat(voted), voters=VOTERS)
        chance = taste(compared(thumbnails(data), scenes=scenes))
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


def examples(artist: Artist) -> Tensor:
    """Two drawings of each of some captions, from the same noises whatever the artist has learned."""
    return artist.draw_each([scene for scene in VOTED[::3] for _ in range(2)], seed=7)


def seeded(number: int) -> torch.Generator:
    return torch.Generator().manual_seed(number)


# --- Captions --------------------------------------------------------------------------------------------------------

# Two cats and two sofas: what a coarse caption leaves out is what tells them apart.
DESCRIBED = tuple(
    world.parse(f"{subject} sitting on {place}")
    for subject in ("Maine coon cat", "black cat", "dog")
    for place in ("grass", "wooden floor", "white sofa", "black sofa")
)
MANY, FEW = 200, 5  # training pictures of each caption
WRONG = 0.3
BRIEF: dict[str, Any] = {"batch": 32, "average": 0.98}
DRAWN = 8  # drawings of each caption that are scored


def captions(progress: Progress, *, seeds: Sequence[int] = (0, 1, 2), steps: int = 500) -> Result:
    """The same small model and training, with better and worse captions, and with fewer pictures.

    Each is asked for what the whole captions say; the one that learned from coarse captions in their words, the only
    ones that it knows.  So short a training leaves muddles: the judge has to say what each comes nearest to.
    """
    critic = judge.shipped_judge()
    whole, rough = caption_keys(DESCRIBED), coarse_keys(DESCRIBED)
    shown = [*DESCRIBED] * DRAWN
    real, again = (world.render(shown, torch.arange(len(shown)) + FRESH + start) for start in (0, len(shown)))
    ways: dict[str, tuple[int, Callable[[int], Tensor], Tensor]] = {  # pictures, keys to learn by, keys to ask by
        "whole captions": (MANY, lambda seed: whole, whole),
        "coarse captions": (MANY, lambda seed: rough, rough),
        f"{WRONG:.0%} wrong captions": (MANY, lambda seed: muddled(whole, MANY * len(whole), seed), whole),
        "few pictures": (FEW, lambda seed: whole, whole),
    }
    figures: dict[str, Any] = {
        "captions": [scene.caption for scene in DESCRIBED],
        "coarse": [coarse(scene) for scene in DESCRIBED],
        "pictures of each": {name: count for name, (count, _, _) in ways.items()},
        "real": [described(critic, again, real)],
    }
    pictures: dict[str, Tensor] = {}
    for name, (count, learned_by, asked_by) in ways.items():
        figures[name] = []
        for seed in seeds:
            numbers = torch.arange(count * len(DESCRIBED)) + DATA + 100_000 * (seed + 1)
            known, keys = world.render([*DESCRIBED] * count, numbers), learned_by(seed)
            model = trained(KEYED, known, keys, seed, steps, progress, f"{name}, seed {seed}", **BRIEF)
            drawn = draw(model, asked_by.repeat(DRAWN, 1), seed, guidance=1.5)
            figures[name].append(described(critic, drawn, real))
            pictures.setdefault(name, drawn[: len(DESCRIBED)])
    return figures, pictures


def described(critic: Judge, drawn: Tensor, real: Tensor) -> dict[str, float]:
    """What the judge says of drawings of the whole captions, in turn, and how far they are from real pictures."""
    nearest = critic.score(drawn, [*DESCRIBED] * DRAWN, refuse=False)
    return nearest | {"distance": critic.distance(drawn, real)}


def coarse(scene: Scene) -> str:
    """A caption as somebody in a hurry would write it: no breed, no pose, no colour."""
    subject = "cat" if scene.subject.endswith("cat") else scene.subject
    place = "a sofa" if scene.place.endswith("sofa") else world.PLACES[scene.place]
    return f"{subject} on {place}."


def coarse_keys(scenes: Sequence[Scene]) -> Tensor:
    return words.caption_keys(words.shipped_words(), [coarse(scene) for scene in scenes])


def muddled(keys: Tensor, count: int, seed: int) -> Tensor:
    """Keys of `count` pictures, picture i being of key i % len(keys), a share WRONG of them with another one."""
    random = seeded(seed)
    own = torch.arange(count) % len(keys)
    other = (own + torch.randint(1, len(keys), (count,), generator=random)) % len(keys)
    return keys[torch.where(torch.rand(count, generator=random) < WRONG, other, own)]
