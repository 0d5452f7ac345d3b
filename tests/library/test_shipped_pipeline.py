"""The model that comes with the course: what it is, what it scores, and that the stored scores are true."""

from dataclasses import replace

import pytest
import torch

from course_lib import judge, sampling, words, world
from course_lib.checkpoints import SHIPPED
from course_lib.pipeline import Pipeline, shipped_pipeline
from course_tools.recipes.run import Renders, fingerprint


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return shipped_pipeline()


def test_it_is_small_and_says_what_made_it(pipeline):
    assert (SHIPPED / "draw.safetensors").stat().st_size <= 8e6
    recipe = pipeline.recipe
    assert recipe["command"] == "course train draw"
    assert {"seed", "device", "training", "pictures", "keys", "draw", "scores"} <= recipe.keys()
    assert recipe["scores"]["seconds"] > 0


def test_the_words_are_still_those_it_was_trained_with(pipeline):
    captions = [scene.caption for scene in world.seen_scenes()]
    assert fingerprint(words.caption_keys(words.shipped_words(), captions)) == pipeline.recipe["keys"]


def test_it_calls_the_network_at_most_10_times_a_picture(pipeline, monkeypatch):
    calls = []
    real = sampling.call_model
    monkeypatch.setattr(
        sampling, "call_model", lambda model, noisy, *rest: calls.append(len(noisy)) or real(model, noisy, *rest)
    )
    pipeline.draw("Dog sitting on a sofa", 2)
    assert sum(calls) <= 2 * 10


def test_the_stored_scores_are_those_that_the_lesson_speaks_of(pipeline):
    scores = pipeline.recipe["scores"]
    assert len(scores["by caption"]) == len(world.held_out_scenes()) >= 12
    assert scores["known"]["all"] > 0.99
    assert scores["held out"]["all"] >= 0.95 * scores["real"]["all"]
    assert min(scores["by caption"].values()) >= 0.8
    assert scores["distance of real"] < scores["distance"] < 5 * scores["distance of real"]


def test_drawings_of_what_it_never_saw_are_right_and_those_of_a_model_without_training_are_not(pipeline):
    critic = judge.shipped_judge()
    asked = [scene for scene in world.held_out_scenes() for _ in range(2)]
    drawn = pipeline.draw_each(asked, seed=7)
    assert critic.score(drawn, asked)["all"] > 0.8
    torch.manual_seed(0)
    untrained = Pipeline(type(pipeline.model)(**pipeline.model.config), pipeline.words, pipeline.settings)
    assert critic.score(untrained.draw_each(asked[:8], seed=7), asked[:8])["all"] == 0


def test_without_emphasis_the_dog_is_drowned_and_with_it_it_is_not(pipeline):
    """What lesson 5 shows, and why the shipped model draws as it does."""
    critic, dogs = judge.shipped_judge(), [world.parse("Dog sitting on a white and black salt and pepper rug")] * 12
    plainly = replace(pipeline, settings=replace(pipeline.settings, emphasis=0.0))
    plain, loud = (critic.score(speaker.draw_each(dogs, seed=9), dogs)["all"] for speaker in (plainly, pipeline))
    assert plain < 0.75
    assert loud >= 0.75
    assert loud > plain


@pytest.mark.slow
def test_the_stored_scores_are_found_again_on_other_seeds(pipeline):
    critic, scores = judge.shipped_judge(), pipeline.recipe["scores"]
    asked = [scene for scene in world.held_out_scenes() for _ in range(12)]
    drawn = pipeline.draw_each(asked, seed=11)
    share, count = scores["held out"]["all"], len(asked)
    assert abs(critic.score(drawn, asked)["all"] - share) < 4 * (0.02 * 0.98 / count) ** 0.5 + 0.01


@pytest.mark.slow
def test_what_it_draws_is_no_copy_of_a_training_picture(pipeline):
    scene = world.parse("Dog sitting on a sofa")
    seen = world.seen_scenes()
    first, count = training_seeds(pipeline.recipe["pictures"])
    own = torch.arange(seen.index(scene), count, len(seen))  # the numbers of this scene's training pictures
    photos = Renders(seen, count=count, first_seed=first)[own].flatten(1)

    def far(pictures):
        return torch.cdist(pictures.flatten(1), photos).min(dim=1).values

    drawn = far(pipeline.draw(scene, 16, seed=3))
    fresh = far(world.render([scene] * 16, torch.arange(16) + 2_000_000_000))
    assert drawn.mean() > 0.7 * fresh.mean()
    assert far(photos[:16].reshape(16, 3, 32, 32)).max() < 0.02 * fresh.mean()  # a copy would be found


def training_seeds(fingerprint: str) -> tuple[int, int]:
    """The first seed and the count in a fingerprint of Renders, "63840 of 133 scenes, 32 px, from seed 1000000"."""
    numbers = [int(word) for word in fingerprint.replace(",", " ").split() if word.isdigit()]
    return numbers[-1], numbers[0]
