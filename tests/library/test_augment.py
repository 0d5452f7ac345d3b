"""Augmentations: picture and caption change together, by seed, in any batch; the filters do what is said of them."""

from dataclasses import replace

import pytest
import torch
from scipy import ndimage

from course_lib import augment, words, world
from course_lib.augment import AUGMENTATIONS, KEEPING, Augmented, colour, crop, cubism, flip, oil_painting
from course_lib.errors import CourseError

CAPTIONS = [scene.caption for scene in world.seen_scenes()[::10]]
BY_NAME = {change.name: change for change in AUGMENTATIONS}
always = replace(flip, probability=1.0)


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    return world.render([world.parse(caption) for caption in CAPTIONS], range(len(CAPTIONS)), size=32)


def shape(high: int, wide: int, *, count: int = 1) -> torch.Tensor:
    return torch.rand(count, 3, high, wide, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("name", BY_NAME)
def test_a_picture_and_its_caption_depend_on_the_seed_and_not_on_the_batch(name, pictures):
    change, seeds = BY_NAME[name], [7 * i for i in range(len(CAPTIONS))]
    together, captions = change(pictures, CAPTIONS, seeds)
    for i in (0, 5, len(CAPTIONS) - 1):
        alone, caption = change(pictures[i : i + 1], CAPTIONS[i : i + 1], seeds[i : i + 1])
        assert torch.equal(alone[0], together[i])
        assert caption == captions[i : i + 1]
    assert torch.equal(change(pictures, CAPTIONS, torch.tensor(seeds))[0], together)
    assert not torch.equal(change(pictures, CAPTIONS, [seed + 1 for seed in seeds])[0], together)


@pytest.mark.parametrize("name", BY_NAME)
def test_the_result_is_pictures_again_and_the_inputs_stay(name):
    for high, wide in ((32, 32), (16, 64), (96, 96)):
        given = shape(high, wide, count=3)
        before, captions = given.clone(), ["Grass."] * 3
        changed, said = BY_NAME[name](given, captions, range(3))
        assert changed.shape == given.shape
        assert changed.isfinite().all()
        assert changed.abs().max() <= 1
        assert torch.equal(given, before)
        assert captions == ["Grass."] * 3
        assert len(said) == 3


def test_nothing_comes_of_nothing(pictures):
    for change in AUGMENTATIONS:
        changed, captions = change(pictures[:0], [], [])
        assert changed.shape == (0, 3, 32, 32)
        assert captions == []


@pytest.mark.parametrize(
    ("count", "captions", "seeds", "said"),
    [
        (2, ["Grass."], [1, 2], "2, 1 and 2"),
        (2, ["Grass."] * 2, [1], "2, 2 and 1"),
    ],
)
def test_every_picture_needs_its_caption_and_its_seed(count, captions, seeds, said, pictures):
    with pytest.raises(CourseError, match=said):
        crop(pictures[:count], captions, seeds)


def test_one_picture_without_a_batch_is_refused(pictures):
    with pytest.raises(CourseError, match="B x 3 x H x W"):
        crop(pictures[0], ["Grass."] * 3, range(3))


# What becomes of the caption.


@pytest.mark.parametrize(
    ("caption", "mirrored"),
    [
        ("Maine coon cat laying on grass.", "Maine coon cat laying on grass."),
        ("Black cat looking left.", "Black cat looking right."),
        (
            "Left of the dog, right of the bright copyright lamp.",
            "Right of the dog, left of the bright copyright lamp.",
        ),
        ("Number plate KEN 481.", None),
        ('A sign that says "LEFT".', None),
        ("The letter R on a wooden floor.", None),
    ],
)
def test_a_mirror_image_has_another_caption_where_it_needs_one_and_sometimes_none(caption, mirrored):
    picture = shape(16, 64)
    changed, [said] = always(picture, [caption], [3])
    assert said == (caption if mirrored is None else mirrored)
    assert torch.equal(changed, picture if mirrored is None else picture.flip(3))
    assert flip.keeps(caption) == (mirrored == caption)


def test_half_of_the_pictures_are_flipped_and_only_their_captions_change():
    picture = shape(8, 8).expand(1000, -1, -1, -1)
    changed, captions = flip(picture, ["Cat looking left."] * 1000, range(1000))
    turned = torch.tensor([caption == "Cat looking right." for caption in captions])
    assert 440 < turned.sum() < 560
    assert torch.equal(changed[turned], picture[turned].flip(3))
    assert torch.equal(changed[~turned], picture[~turned])


def test_the_filters_say_what_they_are_and_the_others_say_nothing(pictures):
    assert cubism(pictures[:1], CAPTIONS[:1], [0])[1] == [CAPTIONS[0] + " Cubism."]
    assert oil_painting(pictures[:1], CAPTIONS[:1], [0])[1] == [CAPTIONS[0] + " Oil painting."]
    assert all(change.keeps(caption) for change in KEEPING for caption in CAPTIONS)
    assert not any(change.keeps(caption) for change in (cubism, oil_painting) for caption in CAPTIONS)
    assert [change.name for change in AUGMENTATIONS if change.keeps("Number plate KEN 481.")] == ["crop", "colour"]


# What becomes of the picture.


@pytest.mark.parametrize(("high", "wide"), [(32, 32), (64, 64), (16, 64)])
def test_a_crop_is_the_picture_moved_by_whole_pixels(high, wide):
    picture = shape(high, wide)
    moves = set()
    for seed in range(40):
        (moved,), _ = crop(picture, ["Grass."], [seed])
        far, wider = high // 16, wide // 16
        inner = moved[:, far : high - far, wider : wide - wider]
        found = [
            (down, across)
            for down in range(-far, far + 1)
            for across in range(-wider, wider + 1)
            if torch.equal(inner, picture[0, :, far + down : high - far + down, wider + across : wide - wider + across])
        ]
        assert len(found) == 1
        moves.add(found[0])
    assert len(moves) > 5


def test_other_light_is_one_factor_a_channel_and_a_small_one():
    picture = shape(16, 16) * 0.8
    (lit,), _ = colour(picture, ["Grass."], [5])
    factors = ((lit + 1) / (picture[0] + 1)).flatten(1)
    assert factors.std(dim=1).max() < 1e-5
    assert not torch.allclose(factors[0], factors[2])
    for seed in range(50):
        assert 0.87 < (colour(picture, ["Grass."], [seed])[0] + 1).mean() / (picture + 1).mean() < 1.13


def test_flat_paints_each_region_in_its_mean_colour():
    picture = torch.tensor([[[0.0, 1.0], [0.5, -0.5]]]).expand(3, -1, -1)[None].clone()
    regions = torch.tensor([[[0, 0], [4, 4]]])
    assert augment.flat(picture, regions)[0, 1].tolist() == [[0.5, 0.5], [0.0, 0.0]]
    many, labels = shape(12, 10, count=2), torch.randint(9, (2, 12, 10), generator=torch.Generator().manual_seed(1))
    painted = augment.flat(many, labels)
    for picture, region, got in zip(many, labels, painted, strict=True):
        for channel, wanted in zip(picture, got, strict=True):
            means = ndimage.mean(channel.numpy(), region.numpy(), range(9))
            assert torch.allclose(wanted, torch.tensor(means, dtype=torch.float32)[region], atol=1e-6)


def test_cubism_cuts_a_plain_picture_into_facets_along_dark_lines():
    white = torch.ones(20, 3, 64, 64)
    painted, _ = cubism(white, ["White."] * 20, range(20))
    grey = painted.mean(dim=1).numpy()
    dark = grey < ndimage.median_filter(grey, (1, 5, 5)) - 0.1  # darker than what lies around
    assert 0.03 < dark.mean() < 0.2
    facets = [ndimage.label(~seams)[1] for seams in dark]
    assert sum(facets) / 20 > 6  # five cuts that never met would make six
    light = [[grey[i][places == k].mean() for k in range(1, facets[i] + 1)] for i, places in enumerate(labels(dark))]
    assert min(max(each) - min(each) for each in light) > 0.1  # each facet in its own light


def labels(seams):
    return [ndimage.label(~each)[0] for each in seams]


def test_kuwahara_takes_the_mean_of_the_quietest_of_four_windows():
    picture, reach = shape(9, 7, count=2), 2
    cleared = augment.kuwahara(picture, reach=reach)
    padded = torch.nn.functional.pad(picture, (reach,) * 4, mode="replicate")
    for n in range(2):
        for y in range(9):
            for x in range(7):
                windows = [padded[n, :, y + dy : y + dy + 3, x + dx : x + dx + 3] for dy in (0, 2) for dx in (0, 2)]
                quiet = min(windows, key=lambda window: float(window.flatten(1).var(dim=1, correction=0).sum()))
                assert torch.allclose(cleared[n, :, y, x], quiet.mean(dim=(1, 2)), atol=1e-5)


def test_kuwahara_keeps_an_edge_and_takes_a_speck_away():
    edge = torch.ones(1, 3, 12, 12)
    edge[..., 6:] = -1
    assert torch.allclose(augment.kuwahara(edge, reach=2), edge, atol=1e-6)
    speck = torch.zeros(1, 3, 12, 12)
    speck[..., 6, 6] = 1
    assert augment.kuwahara(speck, reach=2).abs().max() < 0.12  # a ninth of it is left, on itself alone


@pytest.mark.parametrize(("across", "down"), [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, -1.0)])
def test_strokes_run_along_an_edge_whichever_way_it_lies(across, down):
    x, y = augment.pixel_grid(torch.zeros(1, 3, 32, 32))
    light = ((x * down - y * across) * 8).clamp(-1, 1)  # the edge goes through the middle, along (across, down)
    dx, dy = augment.strokes(light[:, None].expand(1, 3, -1, -1), augment.SeededDetails(torch.tensor([4])))
    length = (across**2 + down**2) ** 0.5
    along = (dx * across + dy * down).abs() / length
    assert along[0, 14:18, 14:18].min() > 0.97
    assert torch.allclose(dx**2 + dy**2, torch.ones(1, 32, 32), atol=1e-4)


def test_oil_leaves_strokes_where_a_picture_was_plain_but_no_other_colours_on_the_whole():
    plain = torch.zeros(8, 3, 64, 64) + torch.tensor([0.4, 0.0, -0.4])[:, None, None]
    painted, _ = oil_painting(plain, ["Brown."] * 8, range(8))
    assert painted.mean(dim=1).flatten(1).std(dim=1).min() > 0.05
    hue = painted.mean(dim=(0, 2, 3))
    assert hue[0] > 0.3
    assert abs(hue[1]) < 0.1
    assert hue[2] < -0.3


# Few pictures that never look twice the same.


def test_augmented_pictures_stay_with_their_captions_and_differ_from_time_to_time(pictures):
    few = Augmented(pictures[:4], CAPTIONS[:4], times=50)
    assert len(few) == 200
    first, again, later = few[torch.arange(4)], few[torch.arange(4)], few[torch.arange(4) + 40]
    assert torch.equal(first, again)
    assert not torch.equal(first, later)
    far = torch.cdist(later.flatten(1), pictures[:4].flatten(1))
    assert far.argmin(dim=1).tolist() == [0, 1, 2, 3]  # still nearest to the picture whose key they get


def test_augmentations_that_change_a_caption_are_refused_where_the_keys_stay(pictures):
    with pytest.raises(CourseError, match='"cubism" does not keep the caption'):
        Augmented(pictures[:1], CAPTIONS[:1], using=(flip, cubism))
    with pytest.raises(CourseError, match='"flip" does not keep the caption "Cat looking left'):
        Augmented(pictures[:1], ["Cat looking left."])


# Words.


def test_the_shipped_words_know_no_style_and_its_sentences_teach_it():
    with pytest.raises(CourseError, match="cubism"):
        words.caption_key(words.shipped_words(), "Dog sitting on grass. Cubism.")
    learnt = words.train_words(words.corpus(sentences=400) + augment.style_sentences(count=200), epochs=1)
    key = words.caption_key(learnt, "Dog sitting on grass. Cubism.")
    plain = words.caption_key(learnt, "Dog sitting on grass.")
    assert torch.allclose(key - words.caption_key(learnt, "Cubism.", offset=5), plain, atol=1e-5)


def test_the_sentences_of_styles_are_the_same_every_time_and_speak_of_every_word():
    assert augment.style_sentences(count=50) == augment.style_sentences(count=50)
    assert augment.style_sentences(count=50, seed=1) != augment.style_sentences(count=50)
    said = {word for sentence in augment.style_sentences(count=200) for word in sentence}
    assert {"cubism", "oil", "painting"} < said
