"""The denoiser U-Net: shapes, what conditions it, and what it refuses."""

import pytest
import torch
import torch.nn.functional as F

from course_lib import checkpoints
from course_lib.errors import CourseError
from course_lib.models import (
    Denoiser,
    SelfAttention,
    load_denoiser,
    parameter_count,
    position_channels,
    sinusoidal_embedding,
)


def awake(**settings) -> Denoiser:
    """A small denoiser whose zeroed layers have been given numbers, so that all of it takes part."""
    torch.manual_seed(0)
    model = Denoiser(widths=(16, 32), **settings)
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    return model.eval()


@pytest.mark.parametrize(("height", "width", "fold"), [(32, 32, 4), (16, 48, 8), (64, 32, 2)])
def test_the_guess_has_the_shape_of_the_picture(height, width, fold):
    noisy = torch.randn(2, 3, height, width)
    assert awake(fold=fold)(noisy, torch.tensor([0.1, 0.9])).shape == noisy.shape


def test_pictures_of_a_batch_do_not_touch_each_other():
    model, noisy, amount = awake(fold=4), torch.randn(3, 3, 32, 32), torch.tensor([0.2, 0.5, 0.9])
    alone = torch.cat([model(noisy[i : i + 1], amount[i : i + 1]) for i in range(3)])
    assert torch.allclose(model(noisy, amount), alone, atol=1e-5)


def test_the_guess_depends_on_the_amount_and_on_the_key():
    model, noisy = awake(fold=4, key_size=5), torch.randn(1, 3, 32, 32)
    amount = torch.tensor([0.5])
    plain = model(noisy, amount)
    assert not torch.allclose(model(noisy, amount + 0.2), plain)
    assert not torch.allclose(model(noisy, amount, torch.ones(1, 5)), plain)


def test_no_key_is_the_same_as_a_key_of_zeros_to_the_bit():
    model, noisy, amount = awake(fold=4, key_size=5), torch.randn(2, 3, 32, 32), torch.tensor([0.2, 0.9])
    assert torch.equal(model(noisy, amount), model(noisy, amount, torch.zeros(2, 5)))


def test_each_picture_of_a_batch_obeys_its_own_key():
    model, noisy, amount = awake(fold=4, key_size=5), torch.randn(2, 3, 32, 32), torch.tensor([0.5, 0.5])
    keys = torch.randn(2, 5)
    alone = torch.cat([model(noisy[i : i + 1], amount[:1], keys[i : i + 1]) for i in range(2)])
    assert torch.allclose(model(noisy, amount, keys), alone, atol=1e-5)
    assert not torch.allclose(model(noisy, amount, keys.flip(0)), alone, atol=1e-2)


def test_how_a_keyed_model_lies_in_memory_changes_its_speed_only():
    model, noisy, amount = awake(fold=4, key_size=5), torch.randn(2, 3, 32, 32), torch.tensor([0.2, 0.9])
    said = model(noisy, amount, torch.ones(2, 5))
    rows = awake(fold=4, key_size=5).to(memory_format=torch.contiguous_format)
    assert torch.allclose(rows(noisy, amount, torch.ones(2, 5)), said, atol=1e-5)


@pytest.mark.parametrize(
    ("key_size", "shape", "sentence"),
    [(5, (2, 4), "a key of 5 numbers for each picture, so 2 x 5, and was given 2 x 4"), (5, (1, 5), "given 1 x 5"),
     (5, (5,), "given 5"), (0, (2, 5), "a key of no numbers")],
)  # fmt: skip
def test_a_key_that_does_not_fit_is_refused_in_one_sentence(key_size, shape, sentence):
    with pytest.raises(CourseError, match=sentence):
        awake(fold=4, key_size=key_size)(torch.zeros(2, 3, 32, 32), torch.tensor([0.5, 0.5]), torch.zeros(shape))


def test_every_pixel_of_the_guess_sees_the_whole_picture():
    model = awake(fold=8)
    noisy = torch.randn(1, 3, 96, 96, requires_grad=True)
    model(noisy, torch.tensor([0.5]))[0, 0, 0, 0].backward()
    assert noisy.grad[0, :, -8:, -8:].abs().max() > 0


def test_the_same_patch_is_seen_differently_in_different_places():
    """With a picture of one colour only `position_channels` tells left from right."""
    guess = awake(fold=4)(torch.zeros(1, 3, 64, 64), torch.tensor([0.5]))
    middle = guess[..., 24:40, 16:48]  # away from the edges, where padding shows too
    assert not torch.allclose(middle, middle.flip(-1), atol=1e-3)


def test_position_channels_have_the_same_corners_at_every_size():
    small, large = position_channels(torch.zeros(1, 1, 4, 4)), position_channels(torch.zeros(1, 1, 9, 17))
    assert torch.allclose(small[..., 0, 0], large[..., 0, 0])
    assert torch.allclose(small[..., -1, -1], large[..., -1, -1])


def test_the_embedding_tells_near_amounts_from_far_ones():
    amounts = torch.tensor([0.5, 0.51, 0.9])
    one, near, far = sinusoidal_embedding(amounts)
    assert sinusoidal_embedding(amounts).shape == (3, 32)
    assert (one - near).norm() < (one - far).norm()


def test_parameters_are_counted_by_hand():
    assert parameter_count(torch.nn.Conv2d(3, 5, 3)) == 3 * 5 * 9 + 5


def test_folding_is_pixel_unshuffle_and_comes_back():
    picture = torch.arange(48.0).reshape(1, 3, 4, 4)
    folded = F.pixel_unshuffle(picture, 2)
    assert folded[0, :4, 0, 0].tolist() == [0, 1, 4, 5]  # the first block of red, row by row
    assert torch.equal(F.pixel_shuffle(folded, 2), picture)


def test_a_side_that_does_not_fold_is_refused_in_one_sentence():
    with pytest.raises(CourseError, match="multiple of 16 pixels, and the picture is 40 x 96"):
        Denoiser()(torch.zeros(1, 3, 96, 40), torch.tensor([0.5]))


def test_an_unknown_question_is_refused_in_one_sentence():
    with pytest.raises(CourseError, match="predicts one of picture, noise, velocity, not 'cat'"):
        Denoiser(predicts="cat")


def test_folding_leaves_144_places_of_192_channels_as_lesson_2_says():
    folded = F.pixel_unshuffle(torch.zeros(1, 3, 96, 96), Denoiser().fold)
    assert folded.shape == (1, 192, 12, 12)


# ---- attention


def test_attention_is_pytorchs_own_with_the_same_weights():
    torch.manual_seed(0)
    attention = SelfAttention(16, heads=4)
    torch.nn.init.normal_(attention.say.weight, std=0.3)
    theirs = torch.nn.MultiheadAttention(16, 4, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(attention.ask.weight.flatten(1))
        theirs.in_proj_bias.copy_(attention.ask.bias)
        theirs.out_proj.weight.copy_(attention.say.weight.flatten(1))
        theirs.out_proj.bias.copy_(attention.say.bias)
    x = torch.randn(2, 16, 3, 5)
    places = attention.norm(x).flatten(2).transpose(1, 2)  # B x N x C
    heard, _ = theirs(places, places, places)
    torch.testing.assert_close(attention(x), x + heard.transpose(1, 2).reshape(x.shape))


def test_a_new_model_begins_as_it_would_without_attention():
    with_it = Denoiser(fold=2, widths=(8, 16), attention=True)
    without = Denoiser(fold=2, widths=(8, 16))
    without.load_state_dict({name: with_it.state_dict()[name] for name in without.state_dict()})
    noisy, amount = torch.randn(2, 3, 16, 16), torch.tensor([0.3, 0.9])
    assert torch.equal(with_it(noisy, amount), without(noisy, amount))


def test_only_the_finest_level_has_no_attention():
    model = Denoiser(fold=2, widths=(8, 16, 24), attention=True)
    blocks = [*model.down, model.middle, *model.up]
    assert [isinstance(block.attention, SelfAttention) for block in blocks] == [False, *[True] * 5, False]
    assert not any(isinstance(part, SelfAttention) for part in Denoiser(fold=2, widths=(8, 16)).modules())


def test_a_stored_model_with_attention_comes_back(tmp_path):
    model = Denoiser(fold=2, widths=(8, 16), attention=True).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    checkpoints.save(tensors, tmp_path / "some.safetensors", recipe={"model": model.config})
    again, _ = load_denoiser(tmp_path / "some.safetensors")
    noisy, amount = torch.randn(1, 3, 8, 8), torch.tensor([0.5])
    assert torch.equal(again(noisy, amount), model(noisy, amount))
    assert "attention" not in Denoiser().config  # so that files of earlier versions are those of today
