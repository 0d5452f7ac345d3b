"""The experiments of lesson 7: what differs is what is picked, or how pictures are described, and nothing else."""

import pytest
import torch

from course_lib import checkpoints, judge, world
from course_lib.models import Denoiser
from course_lib.pipeline import DrawSettings, Pipeline
from course_lib.votes import Crowd, centred_by_scene, thumbnails
from course_lib.words import shipped_words
from course_tools.recipes import captions, votes
from course_tools.recipes.run import caption_keys

SCENES = tuple(world.parse(caption) for caption in ("Dog sitting on a sofa", "Plane flying over grass"))


def silent(steps, what, count):
    return steps


@pytest.fixture
def tiny(monkeypatch) -> list[torch.Tensor]:
    """Experiments of seconds, of a model that knows nothing; what was learned from, in turn."""
    torch.manual_seed(0)
    model = Denoiser(predicts="velocity", fold=4, widths=(8, 8), key_size=64)
    pipeline = Pipeline(model.eval(), shipped_words(), DrawSettings(size=32, steps=1, guidance=2.0))
    monkeypatch.setattr(votes, "shipped_pipeline", lambda: pipeline)
    monkeypatch.setattr(votes, "VOTED", SCENES * 4)
    monkeypatch.setattr(votes, "OTHERS", SCENES[:1])
    monkeypatch.setattr(votes, "REAL", 6)
    monkeypatch.setattr(votes, "TRAINING", votes.TRAINING | {"steps": 2, "batch": 4})
    learned = []
    real = votes.learn

    def noted(pipeline, pictures, scenes, *, seed):
        learned.append(pictures)
        real(pipeline, pictures, scenes, seed=seed)

    monkeypatch.setattr(votes, "learn", noted)
    return learned


@pytest.mark.slow
def test_every_round_of_every_way_tells_the_score_the_diversity_and_the_captions_obeyed(tiny):
    figures, pictures = votes.votes(silent, rounds=2)
    ways = [name for name in figures if name not in ("captions", "real")]
    assert len(ways) == 5
    for name in ways:
        assert len(figures[name]) == 3
        for told in figures[name]:
            assert 0 <= told["score"] <= 100
            assert told["diversity"] > 0
            assert 0 <= told["obeyed"] <= 1
            assert 0 <= told["others obeyed"] <= 1
        assert figures[name][0] == figures[ways[0]][0]  # all begin with the same model
        assert not torch.equal(pictures[name], pictures["before"])
    assert figures["real"][0]["obeyed"] == 1
    assert len({pictures[name].sum().item() for name in ways}) == 5
    assert {part.shape for part in pictures.values()} == {(6, 3, 32, 32)}


@pytest.mark.slow
def test_every_way_learns_from_as_many_pictures_and_forgets_none_that_were_picked(tiny):
    votes.votes(silent, rounds=2)
    count = votes.KEEP * len(SCENES) * 4
    assert [len(pictures) for pictures in tiny] == [count, 2 * count] * 5
    for first, both in zip(tiny[::2], tiny[1::2], strict=True):
        assert torch.equal(first, both[:count])


def test_the_shipped_model_is_not_changed(tiny):
    before = [value.clone() for value in votes.shipped_pipeline().model.parameters()]
    votes.votes(silent, rounds=1, only=["any of its own"])
    assert all(map(torch.equal, before, votes.shipped_pipeline().model.parameters()))


def test_what_is_rewarded_is_what_is_picked(tiny):
    drawn = world.render(SCENES * 20, range(40))
    data = world.render(SCENES * 60, torch.arange(120) + 500)
    crowd = Crowd(SCENES)
    ups = votes.ups(crowd, drawn, 0)
    assert torch.equal(ups, votes.ups(crowd, drawn, 0))
    assert not torch.equal(ups, votes.ups(crowd, drawn, 1))
    pick = votes.weighted_by_taste(crowd, data)
    picked = torch.cat([pick(drawn, number) for number in range(20)])
    assert crowd.score(picked) > crowd.score(data) + 8
    assert all(any(torch.equal(one, other) for other in data) for one in picked[:6])  # real ones, none of its own


def test_the_taste_model_is_told_all_votes_so_far(tiny, monkeypatch):
    told = []
    real = votes.learn_taste

    def noted(features, given, **rest):
        told.append((features, given))
        return real(features, given, **rest)

    monkeypatch.setattr(votes, "learn_taste", noted)
    crowd, data = Crowd(SCENES), world.render(SCENES * 6, range(12))
    pick = votes.weighted_by_taste(crowd, data)
    first, second = (world.render(SCENES * 4, torch.arange(8) + start) for start in (100, 200))
    pick(first, 0)
    pick(second, 1)
    (one, _), (both, given) = told
    assert torch.equal(one, centred_by_scene(thumbnails(first), scenes=2))
    assert torch.equal(both, torch.cat([one, centred_by_scene(thumbnails(second), scenes=2)]))
    assert torch.equal(given, torch.cat([votes.ups(crowd, first, 0), votes.ups(crowd, second, 1)]))


def test_the_judges_confidence_is_low_for_the_wrong_caption_and_never_above_0():
    critic, real = judge.shipped_judge(), world.render(SCENES * 4, range(8))
    right, wrong = votes.confidence(critic, real, SCENES), votes.confidence(critic, real, SCENES[::-1])
    assert (wrong < right - 2).all()
    assert right.max() <= 0
    chances = [critic(real[1:2])[name].softmax(dim=1) for name in critic.factors]
    by_hand = sum(
        float(chance[0, critic.factors[name].index(getattr(SCENES[1], name))].log().detach())
        for name, chance in zip(critic.factors, chances, strict=True)
    )
    assert float(right[1]) == pytest.approx(by_hand, abs=1e-4)


def test_what_is_voted_on_and_what_is_not_share_no_caption_and_nothing_held_out():
    assert not set(votes.VOTED) & set(votes.OTHERS)
    assert not any(scene.held_out for scene in votes.VOTED + votes.OTHERS + captions.DESCRIBED)
    for part in (votes.VOTED, votes.OTHERS):
        assert {scene.subject for scene in part} == set(world.SUBJECTS)
        assert {scene.place for scene in part} == set(world.PLACES)


# Captions.


@pytest.mark.parametrize(
    ("caption", "said"),
    [
        ("Maine coon cat laying on a white sofa", "cat on a sofa."),
        ("Dog sitting on runway on Mars", "dog on runway on Mars."),
        (
            "Black cat standing on a white and black salt and pepper rug",
            "cat on a white and black salt and pepper rug.",
        ),
    ],
)
def test_a_coarse_caption_leaves_out_breed_pose_and_the_colour_of_a_sofa(caption, said):
    assert captions.coarse(world.parse(caption)) == said


def test_thirty_percent_of_the_keys_are_of_another_scene():
    keys = torch.eye(12)
    given = captions.muddled(keys, 12 * 500, 0)
    own = given.argmax(dim=1) == torch.arange(12 * 500) % 12
    assert float(own.float().mean()) == pytest.approx(0.7, abs=0.02)
    taken = given[~own].argmax(dim=1)
    assert torch.bincount(taken, minlength=12).min() > 100  # any other scene, not always the same
    assert torch.equal(given, captions.muddled(keys, 12 * 500, 0))


def test_captions_compares_one_model_and_training_that_differ_in_keys_or_pictures_alone(monkeypatch):
    taught = []
    real = captions.train_ema

    def noted(make, pictures, keys, **how):
        taught.append((pictures, keys))
        return real(make, pictures, keys, **how)

    monkeypatch.setattr(captions, "train_ema", noted)
    monkeypatch.setattr(captions, "KEYED", captions.KEYED | {"widths": (8, 8)})
    monkeypatch.setattr(captions, "MANY", 6)
    monkeypatch.setattr(captions, "FEW", 2)
    monkeypatch.setattr(captions, "DRAWN", 2)
    figures, pictures = captions.captions(silent, seeds=(0,), steps=2)
    (many, whole), (same, coarse), (again, wrong), (few, also_whole) = taught
    assert torch.equal(many, same)
    assert torch.equal(many, again)
    assert torch.equal(few, many[: len(few)])
    assert len(few) == 2 * len(captions.DESCRIBED)
    assert torch.equal(whole, caption_keys(captions.DESCRIBED))
    assert torch.equal(whole, also_whole)
    assert len(coarse.unique(dim=0)) == len({captions.coarse(scene) for scene in captions.DESCRIBED}) == 6
    assert wrong.shape == (72, 64)
    assert figures["real"][0]["all"] == 1
    assert figures.keys() > set(pictures) == set(figures["pictures of each"])
    assert {part.shape for part in pictures.values()} == {(12, 3, 32, 32)}


# What comes with the course.


@pytest.mark.parametrize("name", ["votes", "captions"])
def test_the_results_that_come_with_the_course_are_of_these_experiments(name):
    pictures, recipe = checkpoints.load_shipped(name)
    assert (checkpoints.SHIPPED / f"{name}.safetensors").stat().st_size < 2e6
    assert recipe["command"] == f"course train {name}"
    assert recipe["seconds"] > 0
    assert pictures.keys() - {"before"} <= recipe.keys()


def test_what_lesson_7_says_of_the_votes_holds():
    _, recipe = checkpoints.load_shipped("votes")
    before, best = recipe["the best of its own"][0], recipe["the best of its own"][-1]
    assert len(recipe["the best of its own"]) == 6
    assert best["score"] >= before["score"] + 20
    assert best["diversity"] < before["diversity"]
    any_own, real = recipe["any of its own"][-1], recipe["real pictures by taste"][-1]
    assert any_own["score"] < best["score"] - 10
    # The votes cost variety, more than chance does, and captions.
    assert best["diversity"] == pytest.approx(recipe["real"][0]["diversity"], abs=0.15)
    by_chance = [told["diversity"] for told in recipe["any of its own"]]
    assert recipe["real"][0]["diversity"] < min(by_chance) < by_chance[-1] < before["diversity"]
    assert best["diversity"] < by_chance[-1] - 0.1
    assert best["obeyed"] < any_own["obeyed"] < real["obeyed"]
    assert real["score"] >= before["score"] + 20
    bright, pupil = recipe["rewarded for bright areas"][-1], recipe["rewarded by the judge"][-1]
    assert bright["score"] > before["score"] + 10
    assert bright["obeyed"] < best["obeyed"]
    assert pupil["obeyed"] >= before["obeyed"] > max(best["obeyed"], bright["obeyed"])
    assert pupil["score"] < before["score"] - 10
    assert pupil["diversity"] < min(best["diversity"], bright["diversity"], real["diversity"])
    assert recipe["real"][0]["score"] == pytest.approx(50, abs=5)


def test_what_lesson_7_says_of_captions_holds():
    _, recipe = checkpoints.load_shipped("captions")

    def mean(name, figure):
        return sum(run[figure] for run in recipe[name]) / len(recipe[name])

    for worse in ("coarse captions", "30% wrong captions"):
        assert mean(worse, "all") < mean("whole captions", "all") - 0.3, worse
        assert mean(worse, "distance") > mean("whole captions", "distance") * 1.3, worse
    # Sixty pictures serve as well as 2,400 in so short a training.
    assert mean("few pictures", "all") == pytest.approx(mean("whole captions", "all"), abs=0.06)
    assert mean("few pictures", "distance") < mean("whole captions", "distance") * 1.1
