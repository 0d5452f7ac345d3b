"""The experiments of lesson 5: fair comparisons, whose results say what they were, and that come with the course."""

from collections import Counter

import pytest
import torch

from course_lib import checkpoints, world
from course_lib.world import Scene
from course_tools import cli
from course_tools.recipes import library, order, run, sharing
from course_tools.recipes.run import LIBRARY, bag_keys, caption_keys


@pytest.fixture
def tiny(monkeypatch) -> list[tuple[list[Scene], torch.Tensor | None, int]]:
    """Experiments of seconds; what each model was taught: its scenes, keys and number of pictures."""
    taught, shown = [], []
    make_pictures, train_ema = run.training_pictures, run.train_ema

    def noted_pictures(scenes, seed):
        shown.append(list(scenes))
        return make_pictures(scenes, seed)

    def noted(make, pictures, keys, *, steps, batch=run.BATCH, **how):
        taught.append((shown[-1], keys, steps * batch))
        return train_ema(make, pictures, keys, steps=steps, batch=batch, **how)

    for module in (run, library):
        monkeypatch.setattr(module, "training_pictures", noted_pictures)
        monkeypatch.setattr(module, "train_ema", noted)
        monkeypatch.setattr(module, "DRAWN", 2)
    monkeypatch.setattr(run, "PER_SCENE", 2)
    monkeypatch.setattr(run, "WALK", {"steps": 1})
    return taught


def silent(steps, what, count):
    return steps


@pytest.mark.slow
def test_the_library_has_as_many_pictures_and_at_least_as_many_parameters_as_the_keyed_model(tiny):
    figures, pictures = library.library(silent, seeds=(0,), steps=8)
    assert figures["parameters"]["one keyed model"] <= figures["parameters"]["library of specialists"]
    keyed, *specialists = tiny
    assert len(keyed[0]) == len(specialists) == len(LIBRARY)
    assert keyed[2] == sum(pictures for _, _, pictures in specialists)
    assert [scenes for scenes, _, _ in specialists] == [[scene] for scene in LIBRARY]
    assert not any(scene.held_out for scene in LIBRARY)
    assert figures["real"][0]["all"] > 0.9
    assert {name: part.shape for name, part in pictures.items()} == {
        "one keyed model": (8, 3, 32, 32),
        "library of specialists": (8, 3, 32, 32),
    }


@pytest.mark.slow
def test_sharing_compares_as_many_maine_coons_and_shows_neither_model_one_on_mars(tiny):
    sharing.sharing(silent, seeds=(0,), steps=2)
    (three, _, _), (one, _, _) = tiny

    def subjects(scenes):
        return Counter(scene.subject for scene in scenes)

    assert subjects(three) == subjects(one)
    for scenes in (three, one):
        assert not any((scene.subject, scene.place) == ("Maine coon cat", "runway on Mars") for scene in scenes)
    assert {scene.place for scene in one if scene.subject == "Maine coon cat"} == {"wooden floor"}
    assert len({scene.place for scene in three if scene.subject == "Maine coon cat"}) == 3
    assert any(scene.place == "runway on Mars" for scene in one)


def test_order_compares_the_same_scenes_with_keys_that_differ_in_order_alone(tiny):
    order.order(silent, seeds=(0,), steps=2)
    (ordered, keys, _), (bag, bags, _) = tiny
    assert ordered == bag
    assert not any(scene.held_out for scene in ordered)
    assert torch.equal(keys, caption_keys(ordered))
    assert torch.equal(bags, bag_keys(bag))
    one, other = Scene("black cat", "laying", "white sofa"), Scene("white cat", "laying", "black sofa")
    assert torch.allclose(*bag_keys([one, other]), atol=1e-5)
    assert not torch.allclose(*caption_keys([one, other]), atol=0.1)


def test_the_command_stores_pictures_and_figures_with_what_made_them(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(order.order, "__kwdefaults__", {"seeds": (0,), "steps": 2})
    path = tmp_path / "order.safetensors"
    assert cli.main(["train", "order", "-o", str(path)]) == 0
    pictures, recipe = checkpoints.load(path)
    assert recipe["command"] == "course train order"
    assert recipe["seconds"] >= 0
    assert recipe.keys() > set(pictures) == {"words in their places", "words in a bag"}


@pytest.mark.parametrize("name", ["library", "sharing", "order"])
def test_the_results_that_come_with_the_course_are_of_these_experiments(name):
    pictures, recipe = checkpoints.load_shipped(name)
    assert recipe["command"] == f"course train {name}"
    assert recipe["real"][0]["all"] > 0.97
    for shown in pictures:
        assert all(0 <= run["all"] <= 1 for run in recipe[shown])


def test_what_lesson_5_says_of_the_experiments_holds():
    def runs(name, figure, *shown):
        _, recipe = checkpoints.load_shipped(name)
        return [[run[figure] for run in recipe[one]] for one in shown]

    for name, better, worse in (
        ("library", "one keyed model", "library of specialists"),
        ("sharing", "in three places", "in one place"),
    ):
        high, low = runs(name, "all", better, worse)
        assert min(high) > max(low), name  # with every seed
    assert len(checkpoints.load_shipped("library")[1]["one keyed model"]) == 3
    near, far = runs("library", "distance", "one keyed model", "library of specialists")
    assert max(near) < min(far)
    _, order = checkpoints.load_shipped("order")
    assert all(scene.held_out for scene in map(world.parse, order["captions"]))
    bag, ordered = order["words in a bag"][0], order["words in their places"][0]
    assert bag["subject"] == bag["place"] == 0 < ordered["subject"]  # black cats on white sofas, every one
    assert bag["of the known"] > 0.9
    scores = checkpoints.load_shipped("draw")[1]["scores"]["by caption"]
    assert min(scores[caption] for caption in order["captions"]) > 0.9
