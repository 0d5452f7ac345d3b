"""The enhance button: a camera that loses what it should, a count of what is left, and answers that are read."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from scipy.stats import norm
from torch import nn

from course_lib import enhance
from course_lib.enhance import (
    BLURS,
    ROUNDING,
    SENSOR,
    Library,
    PictureConditionedDenoiser,
    Reader,
    Remaining,
    count_plates,
    photograph,
)
from course_lib.errors import CourseError
from course_lib.models import parameter_count
from course_lib.world.plates import CHARACTERS, LAYOUTS, layout_of, plate_texts, render_plates

LAYOUT = LAYOUTS["LLLDDD"]


def plates(count, first=0):
    seeds = torch.arange(first, first + count)
    return plate_texts(seeds), render_plates(plate_texts(seeds), seeds)


# --- The camera ---


@pytest.mark.parametrize(("blur", "shrink"), [(0, 1), (0.5, 1), (1.9, 1), (2, 2), (3.9, 2), (4, 4), (7, 4), (8, 8)])
def test_a_plate_is_shrunk_by_no_more_than_its_blur(blur, shrink):
    assert enhance.shrink_factor(blur) == shrink
    assert enhance.blur_and_shrink(torch.zeros(2, 3, 16, 64), blur).shape == (2, 3, 16 // shrink, 64 // shrink)


@pytest.mark.parametrize("blur", [0.7, 2.0, 3.0, 8.0])
def test_the_blur_is_scipys_gaussian_and_the_shrinking_a_mean_of_blocks(blur):
    _, pictures = plates(2)
    picture = pictures[0, 0].double().numpy()
    bell = {"sigma": blur, "mode": "constant", "truncate": 12.0}
    smooth = gaussian_filter(picture, **bell) / gaussian_filter(np.ones_like(picture), **bell)
    side = enhance.shrink_factor(blur)
    blocks = smooth.reshape(16 // side, side, 64 // side, side).mean(axis=(1, 3))
    ours = enhance.blur_and_shrink(pictures, blur)[0, 0].numpy()
    # A mean of blocks of weights is the weights' mean, whatever the border: both are means of rows.
    assert np.abs(ours - blocks).max() < 1e-4


def test_no_blur_leaves_the_plate_and_a_flat_picture_stays_flat():
    _, pictures = plates(3)
    assert torch.allclose(enhance.blur_and_shrink(pictures, 0), pictures, atol=1e-5)
    for blur in BLURS:
        assert torch.allclose(enhance.blur_and_shrink(torch.full((1, 3, 16, 64), 0.3), blur), torch.tensor(0.3))


def test_the_blur_of_a_sum_is_the_sum_of_the_blurs():
    _, pictures = plates(2)
    one, other = pictures
    whole = enhance.blur_and_shrink(2 * one - 3 * other, 3.0)
    parts = 2 * enhance.blur_and_shrink(one, 3.0) - 3 * enhance.blur_and_shrink(other, 3.0)
    assert torch.allclose(whole, parts, atol=1e-5)


@pytest.mark.parametrize(("shape", "blur"), [((16, 64), -1), ((16, 64), 65), ((18, 64), 8), ((16, 30), 4)])
def test_a_blur_or_side_that_does_not_go_is_refused_in_one_sentence(shape, blur):
    with pytest.raises(CourseError, match=r"\.?$") as error:
        enhance.blur_and_shrink(torch.zeros(1, 3, *shape), blur)
    assert "\n" not in str(error.value)


def test_a_photo_has_the_sensors_noise_and_only_levels_of_8_bits():
    grey = torch.zeros(40, 3, 16, 64)
    photo = photograph(grey, 0, seed=1)
    assert photo.std() == pytest.approx((SENSOR**2 + ROUNDING**2 / 12) ** 0.5, rel=0.01)
    levels = (photo + 1) / ROUNDING
    assert (levels - levels.round()).abs().max() < 1e-3
    assert torch.equal(photo, photograph(grey, 0, seed=1))
    assert not torch.equal(photo, photograph(grey, 0, seed=2))
    assert photograph(torch.ones(1, 3, 16, 64), 0, seed=0).max() <= 1


def test_an_enlarged_photo_says_the_same_in_blocks():
    small = torch.randn(2, 3, 4, 16)
    large = enhance.enlarge(small)
    assert large.shape == (2, 3, 16, 64)
    assert torch.equal(large[:, :, 1::4, 2::4], small)
    assert torch.allclose(large.mean(), small.mean(), atol=1e-5)


# --- What is left ---


def counted(seed, blur):
    text = plate_texts([seed])[0]
    photo = photograph(render_plates([text], [seed]), blur, seed=7 + seed)[0]
    return text, photo, count_plates(photo, blur, layout_of(text), seed=seed)


def test_the_count_gives_every_plate_its_chance_by_bayes_rule():
    # Compared with the definition, plate by plate: render it whole, photograph it without noise, see what is left.
    text, photo, left = counted(3, 4.0)
    assert left.chances.sum() == pytest.approx(1)
    generator = torch.Generator().manual_seed(0)
    numbers = [int(left.chances.argmax()), *torch.randint(10**6, (40,), generator=generator).tolist()]
    texts = [text, *(left.text_of(number) for number in numbers)]
    drawn = enhance.blur_and_shrink(render_plates(texts, [3] * len(texts)), 4.0).double()
    squares = (drawn - photo.double()).square().sum(dim=(1, 2, 3))
    score = -squares / (2 * (SENSOR**2 + ROUNDING**2 / 12))
    chances = [chance_of(left, one) for one in texts]
    for i in range(1, len(texts)):
        if min(chances[0], chances[i]) > 1e-280:
            assert math.log(chances[i] / chances[0]) == pytest.approx(float(score[i] - score[0]), abs=0.05)
    assert sum(chance > 1e-280 for chance in chances) > 10


def chance_of(left, text):
    return float(
        left.chances[tuple(alphabet.index(c) for alphabet, c in zip(left.layout.alphabets, text, strict=True))]
    )


def test_rounding_is_noise_as_the_count_takes_it():
    # The true likelihood of a rounded value is the share of the bell curve between its two neighbours' borders.
    _, photo, left = counted(5, 4.0)
    texts = [text for text, _ in left.likeliest(12)]
    drawn = enhance.blur_and_shrink(render_plates(texts, [5] * 12), 4.0).double().numpy()
    value = photo.double().numpy()
    upper, lower = ((value + side * ROUNDING / 2 - drawn) / SENSOR for side in (1, -1))
    exact = np.log(norm.cdf(upper) - norm.cdf(lower)).sum(axis=(1, 2, 3))
    ours = np.log([chance for _, chance in left.likeliest(12)])
    assert np.abs((exact - exact[0]) - (ours - ours[0])).max() < 0.05


def test_without_blur_the_plate_is_certain_and_at_the_strongest_nearly_open():
    text, _, left = counted(0, 0.0)
    assert left.text == text
    assert left.best > 0.999
    assert left.bits < 0.01
    _, _, left = counted(0, BLURS[-1])
    assert left.best < 0.05
    assert 8 < left.bits < math.log2(10**6)


def test_the_likeliest_plate_is_right_as_often_as_the_count_says():
    results = [counted(seed, 4.0) for seed in range(100, 140)]
    expected = sum(left.best for _, _, left in results)
    hits = sum(left.text == text for text, _, left in results)
    spread = sum(left.best * (1 - left.best) for _, _, left in results) ** 0.5
    assert 4 < expected < 36  # neither certain nor hopeless, else this says little
    assert abs(hits - expected) < 3.5 * spread


def test_bits_of_beliefs_worked_by_hand():
    even = Remaining(LAYOUT, torch.full([10] * 6, 1e-6, dtype=torch.float64))
    assert even.bits == pytest.approx(math.log2(10**6), abs=1e-3)
    one = torch.zeros([10] * 6, dtype=torch.float64)
    one[0, 1, 2, 3, 4, 5] = 1
    sure = Remaining(LAYOUT, one)
    assert (sure.bits, sure.best, sure.text) == (0, 1, "ABE345")
    one[0, 1, 2, 3, 4, 5], one[0, 1, 2, 3, 4, 8] = 0.25, 0.75
    torn = Remaining(LAYOUT, one)
    assert torn.bits == pytest.approx(0.811278, abs=1e-5)
    assert torn.likeliest(2) == [("ABE348", 0.75), ("ABE345", 0.25)]


def test_a_photo_of_another_size_is_refused():
    with pytest.raises(CourseError, match=r"3, 4, 16"):
        count_plates(torch.zeros(3, 16, 64), 4.0, LAYOUT, seed=0)


# --- The reader ---


class Scripted(Reader):
    """A reader whose scores are given."""

    def __init__(self, scores):
        super().__init__()
        self.scores = scores

    def forward(self, plates):
        return self.scores


def test_a_plate_is_as_legible_as_its_least_sure_character():
    scores = torch.full((3, 6, 21), -20.0)
    for place, letter in enumerate("KEN481"):
        scores[:, place, CHARACTERS.index(letter)] = 20.0
    scores[1, 2, CHARACTERS.index("H")] = 20 - math.log(4)  # one character in five: sure at 0.8
    scores[2, 4, 20] = 40.0  # no character that it knows
    reader = Scripted(scores)
    texts, sure = reader.read(torch.zeros(3, 3, 16, 64))
    assert texts == ["KEN481", "KEN481", "KEN4?1"]
    assert torch.allclose(sure, torch.tensor([1.0, 0.8, 0.0]), atol=1e-4)
    scored = reader.score(torch.zeros(3, 3, 16, 64), ["KEN481", "KEN481", "KEN481"])
    assert scored == pytest.approx({"legible": 1 / 3, "right": 2 / 3})


def test_the_reader_reads_plates_of_one_size_only():
    assert Reader()(torch.zeros(2, 3, 16, 64)).shape == (2, 6, 21)
    with pytest.raises(CourseError, match="3 x 16 x 64"):
        Reader()(torch.zeros(2, 3, 32, 32))


# --- The button ---


def shown_beside() -> PictureConditionedDenoiser:
    """A small denoiser whose zeroed layers have been given numbers, so that all of it takes part."""
    torch.manual_seed(0)
    model = PictureConditionedDenoiser(fold=4, widths=(16, 32))
    for parameter in model.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.1)
    return model.eval()


def test_a_picture_shown_beside_is_seen_where_it_lies():
    model = shown_beside()
    noisy, amount = torch.zeros(1, 3, 128, 128), torch.tensor([0.5])
    shown = torch.zeros(1, 3, 128, 128)
    plain = model(noisy, amount, shown.flatten(1))
    shown[:, :, :4, :4] = 3.0
    changed = (model(noisy, amount, shown.flatten(1)) - plain).abs().sum(dim=1)[0]
    assert changed[:8, :8].mean() > 20 * changed[-32:, -32:].mean()


def test_nothing_shown_beside_is_the_same_as_grey_to_the_bit():
    model, noisy, amount = shown_beside(), torch.randn(2, 3, 32, 64), torch.tensor([0.2, 0.9])
    assert torch.equal(model(noisy, amount), model(noisy, amount, torch.zeros(2, 3 * 32 * 64)))
    assert not torch.allclose(model(noisy, amount), model(noisy, amount, torch.ones(2, 3 * 32 * 64)))


def test_what_is_shown_beside_must_be_as_large_as_the_picture():
    with pytest.raises(CourseError, match="a key of 6144 numbers for each picture, so 2 x 6144, and was given 2 x 64"):
        shown_beside()(torch.zeros(2, 3, 32, 64), torch.tensor([0.5, 0.5]), torch.zeros(2, 64))


def test_a_denoiser_that_is_shown_a_picture_says_how_to_make_it_again():
    model = shown_beside()
    assert parameter_count(PictureConditionedDenoiser(**model.config)) == parameter_count(model)


class Copier:
    """Takes the photo beside the noise for the plate."""

    predicts = "picture"

    def __call__(self, noisy, amount, key=None):
        return key.reshape(noisy.shape)


def test_enhancing_shows_the_model_its_own_photo_enlarged():
    _, pictures = plates(5)
    for blur in (0.0, 4.0):
        photos = photograph(pictures, blur, seed=0)
        assert torch.allclose(enhance.enhance(Copier(), photos, seed=3), enhance.enlarge(photos), atol=1e-5)


class Noisy:
    predicts = "picture"

    def __call__(self, noisy, amount, key=None):
        return noisy


def test_another_seed_is_another_answer():
    photos = torch.zeros(2, 3, 4, 16)
    one, again, other = (enhance.enhance(Noisy(), photos, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert not torch.equal(one[0], one[1])


class KnowsAll(Reader):
    """Reads plates of the first hundred seeds by comparing, unless they are blurred."""

    def __init__(self):
        super().__init__()
        self.texts, self.known = plates(100)

    def read(self, pictures):
        apart = torch.cdist(pictures.flatten(1), self.known.flatten(1)).min(dim=1)
        clear = apart.values < 4  # the sensor's noise alone makes 0.04 * sqrt(3072) = 2.2
        texts = [
            self.texts[i] if ok else "??????" for i, ok in zip(apart.indices.tolist(), clear.tolist(), strict=True)
        ]
        return texts, clear.float()


def test_measuring_puts_the_answers_beside_what_nobody_can_beat():
    sharp, blurred = (
        enhance.measure(Copier(), KnowsAll(), blur, count=70, first_seed=0, counted=3) for blur in (0.0, 6.0)
    )
    assert sharp["legible"] == sharp["right"] == sharp["photo right"] == 1
    assert sharp["bound"] > 0.99 > 0.5 > blurred["bound"] > 0
    assert blurred["legible"] == blurred["right"] == 0
    assert blurred["bits"] > 2 > 0.1 > sharp["bits"]


# --- Specialists ---


class Painter(nn.Module):
    predicts = "picture"

    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, noisy, amount, key=None):
        return torch.full_like(noisy, self.value)


class Signs:
    """A router that goes by the picture's mean."""

    def name(self, pictures, *, allow_reject):
        assert not allow_reject
        return {"specialist": ["light" if value > 0 else "dark" for value in pictures.mean(dim=(1, 2, 3))]}


LIBRARY = Library({"dark": Painter(-0.5), "light": Painter(0.5)}, Signs(), {})


def test_each_picture_is_denoised_by_the_specialist_it_was_sent_to():
    noisy = torch.stack([torch.full((3, 32, 32), value) for value in (0.2, -0.1, 0.9)])
    routed = LIBRARY.route(noisy)
    assert routed == ["light", "dark", "light"]
    cleaned = LIBRARY.denoise(noisy, 0.7, routed)
    assert torch.allclose(cleaned.mean(dim=(1, 2, 3)), torch.tensor([0.5, -0.5, 0.5]), atol=1e-5)


@pytest.mark.parametrize("captions", [["light"], ["light", "unicorn"]])
def test_a_caption_without_a_specialist_is_refused(captions):
    with pytest.raises(CourseError, match=r"\."):
        LIBRARY.denoise(torch.zeros(2, 3, 32, 32), 0.5, captions)


def test_what_lesson_3_says_of_its_plate_holds():
    text, seed = "KFX940", 2
    plate = render_plates([text], [seed])
    bits = {}
    for blur in (3.0, 6.0):
        photo = photograph(plate, blur, seed=0)[0]
        left = count_plates(photo, blur, layout_of(text), seed=seed)
        bits[blur] = left.bits
        if blur == 3:
            assert left.text == text
            assert left.best > 0.99  # the photo settles it
    assert bits[6.0] > math.log2(100)  # more than a hundred plates
