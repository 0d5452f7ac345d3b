"""Muon and Adam: steps of known lengths, beside torch's own, and which weights each moves."""

import pytest
import torch

from course_lib.errors import CourseError
from course_lib.models import Denoiser
from course_lib.optimizers import Muon, optimizers_of, orthogonal


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(8, 40), (40, 8), (24, 24)])
def test_a_turned_matrix_is_about_as_long_in_every_direction_and_keeps_its_axes(shape):
    matrix = random(*shape)
    left, lengths, right = torch.linalg.svd(matrix, full_matrices=False)
    turned = orthogonal(1e3 * matrix)
    seen = left.T @ turned @ right.T  # diagonal: the axes are those of the matrix
    assert torch.allclose(seen, torch.diag(seen.diag()), atol=1e-3)
    clear = lengths > 0.05 * lengths[0]  # what is very short five turns do not bring up
    assert seen.diag()[clear].min() > 0.6
    assert seen.diag().max() < 1.25


def test_a_turned_matrix_is_that_of_the_whole_iteration_which_turns_the_matrix_itself():
    matrix = random(12, 100).double()
    expected = matrix / matrix.norm()
    for _ in range(5):
        square = expected @ expected.T
        expected = 3.4445 * expected + (-4.7750 * square + 2.0315 * square @ square) @ expected
    assert torch.allclose(orthogonal(matrix), expected, atol=1e-6)
    assert torch.allclose(orthogonal(matrix.float()).double(), expected, atol=1e-3)


def test_a_gradient_of_zeros_moves_nothing():
    weight = torch.nn.Parameter(random(3, 4))
    before = weight.detach().clone()
    weight.grad = torch.zeros(3, 4)
    Muon([weight], 1.0).step()
    assert torch.equal(weight, before)


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch has had a Muon of its own since 2.9")
def test_steps_are_those_of_torchs_own_muon():
    ours, theirs = (torch.nn.Parameter(random(16, 60)) for _ in range(2))
    one = Muon([ours], 0.01)
    other = torch.optim.Muon([theirs], lr=0.01, weight_decay=0.0, momentum=0.95, adjust_lr_fn="match_rms_adamw")
    for step in range(1, 4):
        ours.grad = theirs.grad = random(16, 60, seed=step)
        one.step()
        other.step()
    moved = (theirs - random(16, 60)).norm()
    assert (ours - theirs).norm() < 0.02 * moved  # theirs turns in bfloat16
    assert moved > 0.1


def test_a_convolution_counts_as_a_matrix_with_a_row_for_each_channel_that_comes_out():
    kernel, matrix = torch.nn.Parameter(random(8, 5, 3, 3)), torch.nn.Parameter(random(8, 5, 3, 3).flatten(1))
    kernel.grad = random(8, 5, 3, 3, seed=1)
    matrix.grad = kernel.grad.flatten(1)
    Muon([kernel, matrix], 0.1).step()
    assert torch.allclose(kernel.flatten(1), matrix, atol=1e-6)


def test_muon_moves_the_matrices_within_and_adam_all_else():
    model = Denoiser(widths=(16, 16), key_size=5)
    names = {weight: name for name, weight in model.named_parameters()}
    adam, muon = ([names[w] for w in one.param_groups[0]["params"]] for one in optimizers_of(model, "muon", 1e-3))
    assert sorted(adam + muon) == sorted(names.values())
    assert {"conv_in.weight", "conv_out.2.weight", "key.0.weight", "middle.second.bias", "middle.norm.weight"} <= set(
        adam
    )
    assert {"middle.second.weight", "middle.modulate.1.weight", "key.2.weight", "downsample.0.weight"} <= set(muon)
    (alone,) = optimizers_of(model, "adam", 1e-3)
    assert len(alone.param_groups[0]["params"]) == len(names)


def test_another_name_is_refused():
    with pytest.raises(CourseError, match="'adam' or 'muon', not 'sgd'"):
        optimizers_of(Denoiser(), "sgd", 1e-3)
