"""PSNR and SSIM against answers worked by hand."""

import math

import pytest
import torch

from course_lib import judge
from course_lib.errors import CourseError


def test_psnr_of_a_constant_error_is_worked_by_hand():
    truth = torch.zeros(1, 3, 16, 16)
    assert judge.psnr(truth + 0.2, truth) == pytest.approx(20)  # 10 log10(2 ** 2 / 0.2 ** 2)
    assert judge.psnr(truth + 2.0, truth) == pytest.approx(0)


def test_psnr_is_the_mean_over_the_batch_and_one_truth_serves_all():
    truth = torch.zeros(1, 3, 16, 16)
    assert judge.psnr(torch.cat([truth + 0.2, truth + 2.0]), truth) == pytest.approx(10)


def test_equal_pictures_give_infinity_and_1_without_a_warning(recwarn):
    picture = torch.rand(1, 3, 16, 16)
    assert judge.psnr(picture, picture) == math.inf
    assert judge.ssim(picture, picture) == pytest.approx(1)
    assert not recwarn.list


def test_ssim_sees_lost_structure_where_psnr_sees_the_same_error():
    torch.manual_seed(0)
    picture = torch.rand(1, 3, 32, 32) * 2 - 1
    noise = torch.randn_like(picture)
    brighter = picture + 0.3
    noisier = picture + 0.3 * noise / (noise**2).mean().sqrt()
    assert judge.psnr(brighter, picture) == pytest.approx(judge.psnr(noisier, picture), abs=0.01)
    assert judge.ssim(brighter, picture) > judge.ssim(noisier, picture)


def test_ssim_is_near_0_for_unrelated_noise():
    torch.manual_seed(0)
    assert abs(judge.ssim(torch.randn(4, 3, 32, 32), torch.randn(4, 3, 32, 32))) < 0.05


def test_shapes_that_do_not_go_together_are_refused_in_one_sentence():
    with pytest.raises(CourseError, match="can't be compared"):
        judge.psnr(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 9))
    with pytest.raises(CourseError, match="can't be compared"):
        judge.psnr(torch.zeros(3, 3, 8, 8), torch.zeros(2, 3, 8, 8))
