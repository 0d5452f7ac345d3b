"""Votes: none is lost, the crowd votes as it is said to, and what is learned and picked follows the votes."""

import itertools
import json
import os
import subprocess
import sys
import warnings

import pytest
import torch

from course_lib import votes, world
from course_lib.errors import CourseError
from course_lib.votes import Crowd, Votes, best_of, diversity, effective_count, learn_taste, reweighted, statistics

# The record.


def test_votes_are_found_again_and_the_last_on_a_picture_counts(tmp_path):
    record = Votes(tmp_path / "votes.jsonl")
    record.add("cat, 1", True)
    record.add("cat, 2", False)
    record.add("cat, 1", True, voter="you")
    record.add("cat, 1", False)
    again = Votes(tmp_path / "votes.jsonl")
    for read in (record, again):
        assert read.of("me") == {"cat, 1": False, "cat, 2": False}
        assert read.of("you") == {"cat, 1": True}
        assert read.of("nobody") == {}
    assert len(again.lines) == 4


@pytest.mark.unix
def test_a_vote_is_in_the_file_when_it_has_been_cast_even_if_the_process_is_killed(tmp_path):
    path = tmp_path / "votes.jsonl"
    program = f"""
import os, signal
from course_lib.votes import Votes
record = Votes({str(path)!r})
for number in range(3):
    record.add(f"cat, {{number}}", number != 1)
os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert killed.returncode != 0
    assert Votes(path).of() == {"cat, 0": True, "cat, 1": False, "cat, 2": True}


def test_wherever_the_last_line_was_torn_the_others_stay_and_the_next_vote_is_whole(tmp_path):
    path = tmp_path / "votes.jsonl"
    whole = b'{"voter": "me", "picture": "cat, 1", "up": true}\n'
    for length in range(1, len(whole)):
        path.write_bytes(whole + whole[:length])
        with pytest.warns(UserWarning, match="cut short, and is dropped"):
            record = Votes(path)
        assert record.of() == {"cat, 1": True}
        record.add("dog, 1", False)
        with warnings.catch_warnings(action="error"):
            assert Votes(path).of() == {"cat, 1": True, "dog, 1": False}


@pytest.mark.parametrize(
    "text", ["a shopping list", "a shopping list\n", '{"voter": "me"}\n', '[1]\n{"voter', "\x00\n", "\xff\n", "\n"]
)
def test_a_file_of_something_else_is_refused_and_left_alone(text, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text(text, encoding="latin-1")
    before = path.read_bytes()
    with pytest.raises(CourseError, match="something else than votes; move it away"):
        Votes(path)
    assert path.read_bytes() == before


def test_a_folder_is_no_record(tmp_path):
    with pytest.raises(CourseError, match="choose another file"):
        Votes(tmp_path)


def test_a_vote_that_can_not_be_saved_is_not_counted(tmp_path, monkeypatch):
    record = Votes(tmp_path / "votes.jsonl")
    record.add("cat, 1", True)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(CourseError, match=r"not saved .*No space left.*vote again"):
            record.add("cat, 2", True)
    assert record.of() == {"cat, 1": True}
    record.add("cat, 3", False)
    assert Votes(tmp_path / "votes.jsonl").of() == {"cat, 1": True, "cat, 3": False}


def test_a_folder_that_is_not_there_is_said_in_one_sentence(tmp_path):
    with pytest.raises(CourseError, match="not saved"):
        Votes(tmp_path / "missing" / "votes.jsonl").add("cat, 1", True)


def test_any_name_of_a_picture_comes_back(tmp_path):
    name = 'a "cat"\nüber \u2028 grass'
    Votes(tmp_path / "votes.jsonl").add(name, True)
    assert Votes(tmp_path / "votes.jsonl").of() == {name: True}
    assert json.loads((tmp_path / "votes.jsonl").read_text())["picture"] == name


# The crowd.

SCENES = [
    world.parse(caption)
    for caption in ("Dog sitting on a sofa", "Plane flying over grass", "White cat laying on grass")
]


def flat(red, green, blue, *, size=8):
    """A picture of one colour."""
    return torch.tensor([red, green, blue]).reshape(1, 3, 1, 1).expand(1, 3, size, size)


def test_the_statistics_of_pictures_worked_by_hand():
    half = torch.cat([flat(1.0, 1.0, 1.0)[..., :4], flat(-1.0, -1.0, -1.0)[..., :4]], dim=3)
    measured = statistics(torch.cat([flat(0.5, 0.0, -0.25), flat(0.41, 0.41, 0.41), half]))
    wanted = {"warmth": [0.75, 0.0, 0.0], "contrast": [0.0, 0.0, 1.0], "bright area": [0.0, 1.0, 0.5]}
    assert measured.keys() == wanted.keys() == votes.TASTE.keys()
    for name, values in wanted.items():
        assert torch.allclose(measured[name], torch.tensor(values), atol=1e-6), name


def test_the_usual_spread_is_that_of_the_worlds_pictures_of_one_caption():
    scenes = world.scenes()[::9]
    measured = statistics(world.render(scenes * 24, torch.arange(24 * len(scenes)) + 2_200_000_000))
    assert measured.keys() == votes.SPREAD.keys()
    for name, values in measured.items():
        spread = float(values.reshape(24, -1).std(dim=0).mean())
        assert spread == pytest.approx(votes.SPREAD[name], rel=0.25), name


def test_half_of_the_crowd_votes_for_real_pictures_whatever_they_show():
    crowd = Crowd(SCENES)
    real = world.render(SCENES * 100, range(300))
    of_scene = 100 * crowd.approval(real).reshape(100, 3).mean(dim=0)
    assert torch.allclose(of_scene, torch.tensor(50.0), atol=8)
    assert crowd.score(real) == pytest.approx(float(of_scene.mean()), abs=1e-3)


def test_the_crowd_likes_warm_pictures_and_a_crowd_of_other_taste_does_not():
    real = world.render(SCENES, range(3))
    warmer = real + 0.1 * torch.tensor([1.0, 0.0, -1.0]).reshape(3, 1, 1)
    assert (Crowd(SCENES).utility(warmer) > Crowd(SCENES).utility(real) + 2).all()
    cool = Crowd(SCENES, {"warmth": -1.0})
    assert (cool.utility(warmer) < cool.utility(real) - 2).all()


def test_votes_come_out_as_the_approval_says_and_differ_from_voter_to_voter():
    crowd, real = Crowd(SCENES), world.render(SCENES * 4, range(12))
    cast = crowd.vote(real, voters=4000, seed=1)
    assert cast.shape == (4000, 12)
    assert cast.dtype == torch.bool
    approval = crowd.approval(real)
    assert torch.allclose(cast.float().mean(dim=0), approval, atol=4 * 0.5 / 4000**0.5)
    assert approval.min() < 0.4 < 0.6 < approval.max()
    assert torch.equal(cast, crowd.vote(real, voters=4000, seed=1))
    assert not torch.equal(cast, crowd.vote(real, voters=4000, seed=2))
    one, other = cast[:2]
    assert not torch.equal(one, other)


# What votes teach.


def test_a_taste_is_learned_from_votes_and_tells_what_the_crowd_likes_of_new_pictures():
    crowd, count = Crowd(SCENES), len(SCENES)
    first, new = (world.render(SCENES * 40, torch.arange(120) + start) for start in (0, 1000))

    def special(pictures):
        return votes.centred_by_scene(votes.thumbnails(pictures), scenes=count)

    def agreement(ups):
        guessed = learn_taste(special(first), ups, voters=20)(special(new))
        assert 0 <= guessed.min() <= guessed.max() <= 1
        return float(torch.corrcoef(torch.stack([guessed.logit(), crowd.utility(new)]))[0, 1])

    cast = crowd.vote(first, voters=20, seed=0).float().mean(dim=0)
    assert agreement(cast) > 0.8
    assert abs(agreement(cast[torch.randperm(120, generator=torch.Generator().manual_seed(0))])) < 0.5


def test_one_feature_that_decides_is_found_and_a_penalty_keeps_its_weight_small():
    features = torch.randn(400, 5, generator=torch.Generator().manual_seed(0))
    ups = (features[:, 2] > 0).float()
    sure, careful = (learn_taste(features, ups, penalty=penalty) for penalty in (1.0, 1000.0))
    assert sure.weights.argmax() == 2
    assert sure.weights[2] > 5 * sure.weights[[0, 1, 3, 4]].abs().max()
    assert 0 < careful.weights[2] < sure.weights[2] / 5
    assert ((sure(features) > 0.5) == (ups == 1)).float().mean() > 0.95


def test_a_feature_that_is_always_the_same_teaches_nothing():
    features = torch.tensor([[0.0, 3.0], [1.0, 3.0], [2.0, 3.0], [3.0, 3.0]])
    weights = learn_taste(features, torch.tensor([0.0, 0.0, 1.0, 1.0])).weights
    assert weights[0] > 0
    assert weights[1] == 0


def test_logistic_regression_agrees_with_newtons_method():
    random = torch.Generator().manual_seed(1)
    features, ups = torch.randn(60, 3, generator=random, dtype=torch.float64), torch.rand(60, generator=random)
    taste = learn_taste(features.float(), ups, voters=7, penalty=2.0)
    seen = (features - features.mean(dim=0)) / features.std(dim=0)
    design = torch.cat([seen, torch.ones(60, 1)], dim=1).double()
    penalty = torch.diag(torch.tensor([2.0, 2.0, 2.0, 0.0], dtype=torch.float64))
    weights = torch.zeros(4, dtype=torch.float64)
    for _ in range(20):
        chance = (design @ weights).sigmoid()
        slope = 7 * design.T @ (chance - ups.double()) + penalty @ weights
        bend = 7 * design.T @ (design * (chance * (1 - chance))[:, None]) + penalty
        weights -= torch.linalg.solve(bend, slope)
    assert torch.allclose(torch.cat([taste.weights, taste.bias[None]]).double(), weights, atol=1e-3)


@pytest.mark.parametrize(
    ("ups", "sentence"),
    [(torch.ones(4), "votes are alike"), (torch.ones(3), "votes on 3"), (torch.zeros(0), "votes on 0")],
)
def test_votes_that_teach_nothing_are_refused(ups, sentence):
    with pytest.raises(CourseError, match=sentence):
        learn_taste(torch.randn(4, 2), ups)


def test_thumbnails_keep_colours_and_what_is_special_has_mean_zero_in_each_scene():
    pictures = world.render(SCENES * 5, range(15))
    small = votes.thumbnails(pictures)
    assert small.shape == (15, 48)
    assert torch.allclose(small.reshape(15, 3, 16).mean(dim=2), pictures.mean(dim=(2, 3)), atol=1e-5)
    special = votes.centred_by_scene(small, scenes=3)
    assert torch.allclose(special.reshape(5, 3, 48).mean(dim=0), torch.zeros(3, 48), atol=1e-5)
    assert torch.allclose(special[4] - special[1], small[4] - small[1], atol=1e-5)  # both of scene 1


# What votes pick.


def test_the_best_of_each_scene_by_hand():
    scores = torch.tensor([1.0, 9.0, 5.0, 3.0, 2.0, 8.0])  # scene 0: 1, 5, 2; scene 1: 9, 3, 8
    assert best_of(scores, scenes=2, keep=1).tolist() == [2, 1]
    assert best_of(scores, scenes=2, keep=2).tolist() == [2, 1, 4, 5]
    assert best_of(scores, scenes=1, keep=2).tolist() == [1, 5]


def test_what_is_picked_shows_the_scenes_in_turn():
    scores = torch.rand(60, generator=torch.Generator().manual_seed(0))
    for picked in (best_of(scores, scenes=5, keep=3), reweighted(scores, scenes=5, each=7, seed=0)):
        assert (picked % 5).tolist() == [i % 5 for i in range(len(picked))]


def test_heavy_pictures_come_up_as_often_as_their_weight_says():
    weights = torch.tensor([1.0, 0.0, 3.0, 2.0])  # scene 0: 1 and 3; scene 1: 0 and 2
    picked = reweighted(weights, scenes=2, each=4000, seed=3)
    counts = torch.bincount(picked, minlength=4) / 4000
    assert torch.allclose(counts, torch.tensor([0.25, 0.0, 0.75, 1.0]), atol=0.03)
    assert torch.equal(picked, reweighted(weights, scenes=2, each=4000, seed=3))


@pytest.mark.parametrize(
    ("weights", "count"), [([1.0, 1.0, 1.0], 3), ([0.0, 5.0], 1), ([1.0, 1.0, 2.0], 16 / 6), ([0.1] * 7, 7)]
)
def test_the_effective_count(weights, count):
    assert effective_count(torch.tensor(weights)) == pytest.approx(count)


def test_diversity_is_the_mean_distance_of_two_drawings_of_a_scene():
    features = torch.randn(12, 5, generator=torch.Generator().manual_seed(0))
    pairs = [(features[i] - features[j]).norm() for i, j in itertools.combinations(range(12), 2) if i % 3 == j % 3]
    assert diversity(features, scenes=3) == pytest.approx(float(torch.stack(pairs).mean()), rel=1e-5)
    assert diversity(features[:3].repeat(4, 1), scenes=3) == pytest.approx(0, abs=1e-6)  # scenes differ, drawings don't


@pytest.mark.parametrize(("count", "scenes"), [(7, 2), (4, 4), (4, 0), (0, 1)])
def test_drawings_that_are_not_as_many_of_each_scene_are_refused(count, scenes):
    with pytest.raises(CourseError, match="draw every scene equally often"):
        diversity(torch.randn(count, 3), scenes=scenes)
    with pytest.raises(CourseError, match="draw every scene equally often"):
        best_of(torch.rand(count), scenes=scenes, keep=2)
