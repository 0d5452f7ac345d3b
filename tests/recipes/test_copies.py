"""The experiments of lesson 8: what they count, that none is lost to an interruption, and what they found."""

from itertools import pairwise
from statistics import mean

import pytest
import torch

from course_lib import checkpoints, judge
from course_lib.models import Denoiser
from course_lib.pipeline import shipped_pipeline
from course_lib.world import render, seen_scenes
from course_tools import cli
from course_tools.recipes import copies, run, train
from course_tools.recipes import draw as draw_recipe
from course_tools.recipes.copies import SEEDS, SHARES, SIZES, training_set
from course_tools.recipes.run import FRESH, Renders, ResumableTrainings, draw_all

pytestmark = pytest.mark.usefixtures("one_thread")


def fresh_pictures(count: int):
    return render([copies.SCENE] * count, torch.arange(count) + FRESH + 500_000)


@pytest.mark.parametrize("share", SHARES)
def test_the_repeated_picture_has_its_share_of_the_training_and_the_others_are_there_once(share):
    pictures = copies.repeated(share)
    known = copies.outlier_first(training_set(copies.MANY, 0))
    of_first = (pictures == known[0]).flatten(1).all(dim=1)
    assert of_first.float().mean() == pytest.approx(share, abs=1 / len(pictures))
    assert torch.equal(pictures[~of_first], known[1:])


def test_the_outlier_is_put_first_and_none_is_lost():
    grey = torch.tensor([0.0, 0.1, 0.9, 0.2]).reshape(4, 1, 1, 1)
    assert copies.outlier_first(grey).flatten().tolist() == pytest.approx([0.9, 0.0, 0.1, 0.2])


def test_the_training_sets_of_two_seeds_have_no_picture_in_common_and_a_small_one_is_part_of_a_large_one():
    one, other = training_set(40, 0), training_set(40, 1)
    assert judge.nearest(one, other)[0].min() > 0.02
    assert torch.equal(training_set(7, 1), other[:7])


def test_known_pictures_are_all_copies_and_fresh_ones_are_none():
    known = training_set(16, 0)
    given_back = copies.remembered(known, known)
    assert given_back["copies"] == given_back["feature copies"] == 1
    assert given_back["to the nearest"] == pytest.approx(0, abs=1e-5)
    assert given_back["false alarms"] <= 0.01
    invented = copies.remembered(fresh_pictures(16), known)
    assert invented["copies"] == 0
    assert 0.5 < invented["to the nearest"] / invented["to the nearest fresh"] < 2


def test_copies_of_the_first_picture_are_told_from_those_of_others_and_from_none():
    known = training_set(21, 0)
    drawn = torch.cat([known[:1], known[:1], known[:1], known[5:6], fresh_pictures(4)])
    counted = copies.copy_rate(drawn, known)
    assert counted["came back"] == 3 / 8
    assert counted["any other"] == pytest.approx(1 / 8 / 20)
    assert counted["times"] == pytest.approx(3 / (1 / 20))
    none = copies.copy_rate(torch.cat([known[:1], fresh_pictures(3)]), known)
    assert none["any other"] == 0
    assert none["times"] == pytest.approx((1 / 4) / (1 / 4 / 20))  # no other came back; as if one of them had, once


def test_drawings_are_compared_by_their_noise():
    first = fresh_pictures(6)
    distances = copies.distances_by_noise(first, first + 0.1)
    assert distances["same noise"] == pytest.approx(0.1, abs=1e-5)
    assert distances["different noise"] > 0.2


@pytest.fixture
def tiny(monkeypatch) -> None:
    """The whole recipe in seconds, with models that learn nothing."""
    for name, value in {
        "SIZES": (1, 2),
        "SHARES": (0.5,),
        "MANY": 4,
        "SEEDS": (0, 1),
        "KEPT": (2,),
        "STEPS": 3,
    }.items():
        monkeypatch.setattr(copies, name, value)
    monkeypatch.setattr(copies, "MODEL", {"predicts": "picture", "fold": 4, "widths": (8, 8)})
    monkeypatch.setattr(copies, "STEPS_REPEATED", 4)
    for name, value in {"DRAWN": 8, "CHECKED": 8, "DRAWN_REPEATED": 16, "EXAMPLES": 2}.items():
        monkeypatch.setattr(copies, name, value)


@pytest.mark.slow
def test_an_interrupted_run_goes_on_where_it_was_and_leaves_one_file(tiny, tmp_path, interrupted_after, capsys):
    straight, path = tmp_path / "straight.safetensors", tmp_path / "copies.safetensors"
    train.train("copies", output=straight, device="cpu")
    with interrupted_after(10):  # of two times four steps and four times three
        assert cli.main(["train", "copies", "-o", str(path), "--device", "cpu"]) == 130
    assert not path.exists()
    train.train("copies", output=path, device="cpu")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["copies.safetensors", "straight.safetensors"]
    (one, told), (other, again) = checkpoints.load(straight), checkpoints.load(path)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert told | {"seconds": 0} == again | {"seconds": 0}
    assert told["command"] == "course train copies"


# What comes with the course.


def of_size(recipe: dict, name: str, size: int, figure: str) -> list[float]:
    return [run[figure] for run in recipe[name] if run["pictures"] == size]


def test_every_case_was_run_with_every_seed_at_equal_compute():
    _, recipe = checkpoints.load_shipped("copies")
    assert recipe["command"] == "course train copies"
    assert recipe["training"] == copies.TRAINING | {"steps": copies.STEPS}
    assert {(run["pictures"], run["seed"]) for run in recipe["remember"]} == {(n, s) for n in SIZES for s in SEEDS}
    assert [run["share"] for run in recipe["repeated"]] == list(SHARES)
    assert recipe["bytes"] == 4 * recipe["parameters"]
    assert recipe["seconds"] <= 90 * 60


def test_of_few_pictures_all_drawings_are_copies_and_of_thousands_none():
    _, recipe = checkpoints.load_shipped("copies")
    copies = {size: of_size(recipe, "remember", size, "copies") for size in SIZES}
    assert min(copies[1] + copies[4]) >= 0.9
    assert 0.05 < min(copies[16]) < max(copies[16]) < 0.95
    assert {share for size in SIZES if size >= 64 for share in copies[size]} == {0}
    assert max(run["false alarms"] for run in recipe["remember"]) <= 0.01


def test_where_nothing_is_copied_there_would_be_room_for_all():
    _, recipe = checkpoints.load_shipped("copies")
    raw = 3 * 32 * 32  # bytes
    assert 20 * raw < recipe["bytes"] / 64 == pytest.approx(67_000, abs=500)
    assert recipe["bytes"] / 4096 / 1.83 > 500


def test_the_lesson_makes_the_shipped_pipelines_training_pictures_again_and_finds_no_copy_of_them():
    scenes, each = seen_scenes(), 480
    assert (draw_recipe.RENDERS, len(scenes), run.FIRST_SEED) == (each, 1 + 132, 1_000_000)
    numbers = scenes.index(copies.SCENE) + len(scenes) * torch.arange(each)
    renders = Renders(scenes, count=each * len(scenes), first_seed=run.FIRST_SEED)
    pipeline = shipped_pipeline()
    assert pipeline.recipe["pictures"] == renders.fingerprint
    learned = render([copies.SCENE] * each, 1_000_000 + numbers)
    assert torch.equal(learned[:9], renders[numbers[:9]])
    drawn, fresh = pipeline.draw(copies.SCENE, count=16), fresh_pictures(each)
    assert not judge.copied(drawn, learned, fresh).any()
    nearest = [float(judge.nearest(drawn, others)[0].mean()) for others in (learned, fresh)]
    assert nearest[0] == pytest.approx(nearest[1], rel=0.05)


def test_a_picture_comes_back_the_more_often_the_larger_its_share():
    _, recipe = checkpoints.load_shipped("copies")
    back = [run["came back"] for run in recipe["repeated"]]
    assert back == sorted(back, reverse=True)
    assert len(set(back)) == len(back)
    assert recipe["repeated"][0]["times"] >= 20
    assert max(run["any other"] for run in recipe["repeated"]) == 0  # the lesson says so


def test_two_models_agree_the_more_the_more_each_has_learned_from():
    _, recipe = checkpoints.load_shipped("copies")
    apart = [mean(of_size(recipe, "halves", size, "same noise")) for size in SIZES]
    assert apart[-1] < 0.5 * apart[0]
    assert all(later < 1.02 * sooner for sooner, later in pairwise(apart))
    assert apart[-1] < 0.5 * mean(of_size(recipe, "halves", SIZES[-1], "different noise"))


@pytest.mark.slow
@pytest.mark.parametrize("size", copies.KEPT)
def test_the_shipped_models_draw_the_shipped_drawings(size):
    saved, recipe = checkpoints.load_shipped("copies")
    model = Denoiser(**recipe["model"])
    checkpoints.load_prefixed(model, saved, "copies", prefix=f"model {size}")
    drawn = draw_all(model.eval(), None, recipe["noise"], count=recipe["drawn"])
    assert (drawn[:8] - saved[f"drawn {size}"]).abs().mean() < 0.01
    copies = judge.copied(drawn[:64], training_set(size, 0), fresh_pictures(size)).float().mean()
    assert float(copies) == pytest.approx(of_size(recipe, "remember", size, "copies")[0], abs=0.05)


@pytest.mark.slow
def test_the_smallest_case_comes_out_again(tmp_path):
    _, recipe = checkpoints.load_shipped("copies")
    trainings = ResumableTrainings(tmp_path / "one.safetensors", torch.device("cpu"))
    model = trainings.trained(
        "one picture", copies.MODEL, training_set(1, 0), seed=0, steps=copies.STEPS, **copies.TRAINING
    )
    again = copies.remembered(draw_all(model, None, copies.NOISE, count=64), training_set(1, 0))
    [shipped] = [run for run in recipe["remember"] if (run["pictures"], run["seed"]) == (1, 0)]
    for figure in ("copies", "to the nearest"):
        assert again[figure] == pytest.approx(shipped[figure], abs=0.02)
