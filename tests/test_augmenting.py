"""The experiments of lesson 6: fair comparisons, whose results say what they were, and that come with the course."""

from collections import Counter
from statistics import mean

import pytest
import torch

from course_lib import augment, files, judge
from course_lib.teaching import augmenting
from course_lib.teaching.augmenting import NEVER, STYLES, WORKS, Work, paint
from course_lib.teaching.experiments import LIBRARY
from course_lib.words import Words
from tests.test_artist import tiny_words


def silent(steps, what, count):
    return steps


@pytest.fixture
def tiny(monkeypatch) -> list[dict]:
    """Experiments of seconds; what each model was taught: its pictures, keys, seed and steps."""
    taught = []
    real = augmenting.trained

    def noted(make, pictures, keys, seed, steps, progress, name, **how):
        taught.append({"pictures": pictures, "keys": keys, "seed": seed, "steps": steps, "how": how})
        return real(make, pictures, keys, seed, steps, progress, name, **how)

    monkeypatch.setattr(augmenting, "trained", noted)
    monkeypatch.setattr(augmenting, "SMALL", {"fold": 4, "widths": (8, 8), "key_size": 64})
    monkeypatch.setitem(augmenting.TAUGHT, "batch", 2)
    monkeypatch.setattr(augmenting, "DRAWN", 4)
    monkeypatch.setattr(augmenting, "EACH", 2)
    monkeypatch.setattr(augmenting, "SIZES", (8, 16))
    monkeypatch.setattr(augmenting, "FINISH", {"steps": 1, "start": 0.5})
    monkeypatch.setattr(augmenting, "draw", lambda model, keys, seed, guidance=1.0: torch.zeros(len(keys), 3, 32, 32))
    return taught


def test_augmented_or_not_a_model_has_the_same_pictures_captions_seed_and_steps(tiny):
    figures, pictures = augmenting.augmentation(silent, seeds=(0, 1), steps=2)
    assert len(tiny) == 8
    for plain, changing in zip(tiny[0::2], tiny[1::2], strict=True):
        assert torch.equal(plain["pictures"], changing["pictures"].pictures)
        assert torch.equal(plain["keys"], changing["keys"])
        assert changing["pictures"].captions == [LIBRARY[i % 8].caption for i in range(len(plain["pictures"]))]
        for same in ("seed", "steps", "how"):
            assert plain[same] == changing[same]
        assert len(changing["pictures"].using) > 0
    assert [len(run["keys"]) for run in tiny] == [8, 8, 16, 16] * 2
    assert not torch.equal(tiny[0]["pictures"], tiny[4]["pictures"])  # another seed has other pictures
    assert torch.equal(tiny[0]["pictures"], tiny[2]["pictures"][:8])  # many hold the few
    assert [run["pictures"] for run in figures["with"]] == [8, 16] * 2
    assert figures["real"][0]["distance"] < 60  # of 32 pictures: no small number, and no muddle's
    assert {part.shape for part in pictures.values()} == {(8, 3, 32, 32)}
    assert len(pictures) == 2 + 2 * 2 * 2


def test_the_nearest_picture_of_a_known_one_is_itself():
    known = torch.rand(5, 3, 8, 8)
    assert augmenting.nearest(known[2:3], known) < 1e-3
    assert augmenting.nearest(known[:1] + 0.5, known[:1]) == pytest.approx(0.5, abs=1e-4)


def test_pictures_are_painted_in_the_style_that_their_caption_names():
    works = [Work(LIBRARY[0], style) for style in STYLES]
    plain, cubist, oily = paint(works, torch.tensor([7, 7, 7]))
    assert [work.caption for work in works] == [
        "Maine coon cat laying on grass.",
        "Maine coon cat laying on grass. Cubism.",
        "Maine coon cat laying on grass. Oil painting.",
    ]
    for change, got in ((augment.cubism, cubist), (augment.oil_painting, oily)):
        changed, [said] = change(plain[None], ["Maine coon cat laying on grass."], [7])
        assert torch.equal(changed[0], got)
        assert said in [work.caption for work in works]


def test_the_model_sees_every_subject_and_every_style_but_not_the_pairs_it_is_asked_for(tiny, monkeypatch):
    vectors = with_styles(tiny_words())
    monkeypatch.setattr(augmenting.words, "train_words", lambda sentences: vectors)
    monkeypatch.setitem(augmenting.SMALL, "key_size", vectors.vectors.shape[1])
    figures, pictures = augmenting.style(silent, steps=2, judge_steps=1)
    seen = [work for work in WORKS if work.caption in figures["captions"]]
    assert not any((work.subject, work.style) in NEVER for work in seen)
    assert {work.caption for work in WORKS} - set(figures["captions"]) == {
        run["caption"] for run in figures["never seen"]
    }
    pairs = Counter((work.subject, work.style) for work in seen)
    for subject, style in NEVER:
        assert sum(pairs[subject, other] for other in STYLES) == 4  # the subject in its other styles
        assert sum(pairs[work.subject, style] for work in seen if work.style == style) > 0
    assert len(tiny[0]["pictures"]) == 2 * len(seen)
    assert len(tiny[0]["keys"]) == len(seen)
    assert {name: len(part) for name, part in pictures.items()} == {
        "never seen": 16, "real, never seen": 16, "seen": 20, "real, seen": 20,
    }  # fmt: skip


def with_styles(words: Words) -> Words:
    more = torch.randn(3, words.vectors.shape[1], generator=torch.Generator().manual_seed(5))
    return Words([*words.vocabulary, "cubism", "oil", "painting"], torch.cat([words.vectors, more]))


@pytest.mark.slow
def test_a_judge_of_styles_learns_to_tell_them_within_a_short_training():
    critic = augmenting.style_judge(silent, 80)
    works = [work for work in WORKS for _ in range(4)]
    score = critic.score(paint(works, torch.arange(len(works)) + augmenting.FRESH), works, refuse=False)
    assert score["style"] > 0.9


# What comes with the course.


def means(recipe: dict, way: str, size: int, figure: str) -> list[float]:
    return [run[figure] for run in recipe[way] if run["pictures"] == size]


def test_at_100_pictures_augmentation_helps_with_what_is_new_and_at_1600_no_more():
    _, recipe = files.shipped("augmentation")
    assert recipe["command"] == "course train augmentation"
    assert recipe["real"][0]["all"] > 0.97
    for way in augmenting.WAYS:
        assert sorted({run["seed"] for run in recipe[way]}) == [0, 1, 2]
        assert [len(means(recipe, way, size, "distance")) for size in augmenting.SIZES] == [3, 3, 3]
    few, many = (
        mean(means(recipe, "with", size, figure)) / mean(means(recipe, "without", size, figure))
        for size, figure in ((100, "finished distance"), (1600, "finished distance"))
    )
    assert few <= 0.75
    assert many > 0.9


def test_styles_reach_the_subjects_that_never_had_them():
    pictures, recipe = files.shipped("style")
    assert recipe["command"] == "course train style"
    real = recipe["real, never seen"] + recipe["real, seen"]
    assert min(run["style"] for run in real) > 0.9
    assert mean(run["style"] for run in recipe["never seen"]) > 0.5  # of three styles a guess gets a third
    assert {work.caption for work in WORKS if work.never} == {run["caption"] for run in recipe["never seen"]}
    assert pictures["never seen"].shape == (16, 3, 32, 32)


def test_the_judge_of_styles_is_the_courses_judge_with_other_factors():
    critic = augmenting.style_judge(silent, 1)
    assert isinstance(critic, judge.Judge)
    assert critic.factors["style"] == tuple(STYLES)
