"""What the judge is trained on: real pictures, and muddles of five kinds that it has to refuse."""

import itertools

import pytest
import torch
from scipy.ndimage import gaussian_filter

from course_lib.judge import Judge
from course_lib.models import Denoiser
from course_lib.world import FACTORS, render, scenes
from course_tools.recipes import judge

KINDS = ("blends", "halves", "blurs", "noises", "half_denoised")


@pytest.fixture(scope="module")
def beginner():
    torch.manual_seed(0)
    model = Denoiser(predicts="picture", fold=4, widths=(8, 8)).eval()
    torch.nn.init.normal_(model.conv_out[-1].weight, std=0.1)  # a new one says nothing at all
    return model


@pytest.fixture(scope="module")
def pictures():
    """Ten pictures, and ten of other scenes."""
    everything = scenes()
    return render(everything[::7][:20], torch.arange(20) + judge.SEEDS).split(10)


@pytest.mark.parametrize("sigma", [0.4, 1.3, 2.2, 4.0])
def test_a_blur_is_the_one_of_another_library(sigma, pictures):
    reach = max(1, -int(-3 * sigma // 1))  # the number of pixels on each side, as scipy's `truncate` says it
    theirs = gaussian_filter(
        pictures[0].double().numpy(), sigma=(0, 0, sigma, sigma), mode="nearest", truncate=(reach + 0.01) / sigma
    )
    assert (judge.blurred(pictures[0], sigma).double() - torch.from_numpy(theirs)).abs().max() < 1e-4


def test_a_blur_leaves_flat_pictures_flat_and_takes_no_light_away():
    flat = torch.full((2, 3, 8, 8), 0.3)
    assert torch.allclose(judge.blurred(flat, 2.0), flat, atol=1e-6)
    dot = torch.zeros(1, 3, 33, 33)
    dot[..., 16, 16] = 1
    assert judge.blurred(dot, 2.0).sum((2, 3)).tolist() == [pytest.approx([1, 1, 1], abs=1e-5)]
    assert torch.allclose(judge.blurred(dot, 2.0), judge.blurred(dot, 2.0).mT, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_muddle_differs_from_what_it_is_made_of(kind, pictures, beginner):
    some, others = pictures
    muddles = getattr(judge, kind)(some, others, beginner, torch.Generator().manual_seed(0))
    again = getattr(judge, kind)(some, others, beginner, torch.Generator().manual_seed(0))
    assert muddles.shape == some.shape
    assert torch.equal(muddles, again)
    for made_of in pictures:
        assert (muddles - made_of).square().mean((1, 2, 3)).sqrt().min() > 0.05
    assert all((one - other).abs().max() > 0.1 for one, other in itertools.combinations(muddles, 2))


def test_halves_are_each_from_one_picture_and_both_ways_occur(beginner):
    whole = judge.halves(torch.ones(40, 3, 32, 32), torch.zeros(40, 3, 32, 32), beginner, torch.Generator())
    assert set(whole.unique().tolist()) == {0, 1}
    upright = (whole[:, 0, 0] == 0).any(1)  # the first row is of both
    assert 0 < upright.sum() < 40
    assert (whole[:, :, 0, 0] == 1).all()
    assert (whole[:, :, -1, -1] == 0).all()
    assert 3 / 8 - 0.01 <= whole.mean((1, 2, 3)).min() <= whole.mean((1, 2, 3)).max() <= 5 / 8


@pytest.mark.parametrize("batch", [1, 2, 9, 30])
def test_a_third_of_a_batch_are_muddles_which_show_nothing(batch, beginner):
    pictures, shown = judge.judged_batch(1, beginner, batch=batch)
    assert pictures.shape == (batch, 3, 32, 32)
    assert len(shown) == batch
    assert shown.count(None) == batch - 2 * batch // 3
    assert None not in shown[: 2 * batch // 3]
    assert pictures.isfinite().all()


def test_a_batch_is_the_same_at_every_asking_and_another_at_every_step(beginner):
    pictures, shown = judge.judged_batch(3, beginner, batch=15)
    again, shown_again = judge.judged_batch(3, beginner, batch=15)
    assert torch.equal(pictures, again)
    assert shown == shown_again
    others, shown_others = judge.judged_batch(4, beginner, batch=15)
    assert shown != shown_others
    assert (pictures - others).abs().flatten(1).max(1).values.min() > 0.1


def test_real_pictures_of_a_batch_still_look_like_their_scenes(beginner):
    number, batch = 5, 12
    pictures, shown = judge.judged_batch(number, beginner, batch=batch)
    real = [scene for scene in shown if scene is not None]
    clean = render(real, torch.arange(len(real)) + judge.SEEDS + number * 2 * batch)
    assert (pictures[: len(real)] - clean).square().mean((1, 2, 3)).sqrt().max() < 0.2


def test_a_muddles_right_answer_is_none_for_every_factor():
    scene = scenes()[40]
    assert FACTORS
    for name, values in FACTORS.items():
        right = judge.right_answers([scene, None], name, values)
        assert right.tolist() == [values.index(getattr(scene, name)), len(values)]


def test_training_lowers_the_loss_and_is_the_same_twice(beginner, monkeypatch):
    batch = judge.judged_batch(1, beginner, batch=12)
    monkeypatch.setattr(judge, "train", lambda *inputs, **settings: iter(()))  # the beginner stays one
    monkeypatch.setattr(judge, "judged_batch", lambda number, beginner, *, batch: given)
    given = batch
    losses = []
    for _ in range(2):
        torch.manual_seed(0)
        critic = Judge(FACTORS, widths=(8, 16, 24))
        steps = list(judge.train_judge(critic, steps=12, batch=12, learning_rate=1e-2))
        assert [step.number for step in steps] == list(range(1, 13))
        assert not critic.training
        losses.append([step.loss for step in steps])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert losses[0][-1] < losses[0][0] - 0.3


def test_an_exam_measures_each_factor_and_each_kind_of_muddle():
    class Sceptic(Judge):
        def forward(self, pictures):
            return {name: torch.eye(len(values) + 1)[[-1] * len(pictures)] for name, values in FACTORS.items()}

    results = judge.exam(Sceptic(FACTORS, widths=(8, 8, 8)), count=6)
    assert {name: share for name, share in results.items() if name.startswith("real")} == {
        f"real {name}": 0 for name in (*FACTORS, "all")
    }
    refused = {name: share for name, share in results.items() if name.startswith("refused")}
    assert set(refused.values()) == {1}
    assert len(refused) == 3
