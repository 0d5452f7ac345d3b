"""The pipeline: what it draws depends on the caption, the seed and the picture's number, and on nothing else."""

from dataclasses import replace

import pytest
import torch

from course_lib import pipeline, sampling, words, world
from course_lib.errors import CourseError
from course_lib.models import Denoiser
from course_lib.pipeline import Pipeline, shipped_pipeline, starting_noise
from course_tools.recipes.run import save_model

CAPTION = "Maine coon cat laying on runway on Mars."
STORED = {"size": 16, "steps": 4, "guidance": 2.0, "guidance_between": [0.3, 0.8], "order": 2}


def tiny_words() -> words.Words:
    """Every word of the world, with a vector drawn at random."""
    vocabulary = sorted({word for caption in world.captions() for word in words.tokens(caption)})
    return words.Words(vocabulary, torch.randn(len(vocabulary), 8, generator=torch.Generator().manual_seed(0)))


def tiny_model() -> Denoiser:
    torch.manual_seed(0)
    model = Denoiser(predicts="velocity", fold=2, widths=(8, 8), key_size=8)
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    return model.eval()


@pytest.fixture
def tiny(tmp_path, monkeypatch) -> Pipeline:
    """A pipeline that was stored and loaded; it draws muddles."""
    path = tmp_path / "shipped" / "draw.safetensors"
    save_model(tiny_model(), path, recipe={"draw": STORED})
    monkeypatch.setattr(pipeline.words, "shipped_words", tiny_words)
    return shipped_pipeline(path)


def test_pictures_have_the_size_of_the_recipe_and_lie_in_range(tiny):
    pictures = tiny.draw(CAPTION, 3)
    assert pictures.shape == (3, 3, 16, 16)
    assert pictures.abs().max() <= 1


def test_the_same_caption_and_seed_give_the_same_pictures_and_others_give_others(tiny):
    drawn = tiny.draw(CAPTION, 2, seed=5)
    assert torch.equal(tiny.draw(CAPTION, 2, seed=5), drawn)
    assert torch.equal(tiny.draw(world.parse(CAPTION), 2, seed=5), drawn)
    assert torch.equal(tiny.draw("  maine coon cat LAYING on a runway on mars", 2, seed=5), drawn)
    assert not torch.allclose(tiny.draw(CAPTION, 2, seed=6), drawn, atol=1e-2)
    assert not torch.allclose(tiny.draw("Plane flying over grass", 2, seed=5), drawn, atol=1e-3)
    assert not torch.allclose(drawn[0], drawn[1], atol=1e-2)


def test_a_picture_is_the_same_however_many_are_drawn_with_it(tiny, monkeypatch):
    assert torch.equal(starting_noise(2, 16, seed=3), starting_noise(9, 16, seed=3)[:2])
    five = tiny.draw(CAPTION, 5)
    assert torch.allclose(tiny.draw(CAPTION, 1), five[:1], atol=1e-5)
    monkeypatch.setattr(pipeline, "BATCH", 2)
    assert torch.allclose(tiny.draw(CAPTION, 5), five, atol=1e-5)


def test_the_starting_noise_of_two_seeds_has_none_in_common():
    both = torch.cat([starting_noise(40, 4, seed=seed) for seed in (0, 1, -1, 2**31)]).flatten(1)
    assert len(both.unique(dim=0)) == 160


def test_it_draws_as_its_recipe_says(tiny):
    key = words.caption_keys(tiny.words, [CAPTION])
    settings = {name: value for name, value in STORED.items() if name != "size"}
    expected = sampling.draw(tiny.model, starting_noise(2, 16, seed=0), key=key, **settings)
    assert torch.equal(tiny.draw(CAPTION, 2), expected)
    assert torch.equal(tiny.draw_key(key, 2), expected)


def test_a_key_may_change_on_the_way(tiny):
    one, other = (words.caption_keys(tiny.words, [text]) for text in (CAPTION, "Plane flying over grass"))
    half = tiny.draw_key(lambda amount: one if amount > 0.5 else other, 2)
    assert not torch.allclose(half, tiny.draw_key(one, 2), atol=1e-4)
    assert not torch.allclose(half, tiny.draw_key(other, 2), atol=1e-4)


def test_the_subject_is_said_louder_while_there_is_guidance_and_not_after(tiny):
    scenes = [world.parse(CAPTION), world.parse("Dog sitting on a sofa")]
    loud = replace(tiny, settings=replace(tiny.settings, emphasis=0.5))
    plain = words.caption_keys(tiny.words, [scene.caption for scene in scenes])
    subjects = torch.stack([words.caption_key(tiny.words, text) for text in ("Maine coon cat", "dog")])
    assert torch.allclose(loud.keys(scenes)(0.9), plain + 0.5 * subjects)
    assert torch.equal(loud.keys(scenes)(0.2), plain)
    assert torch.equal(tiny.keys(scenes)(0.9), plain)
    both = loud.draw_each(scenes, seed=4)
    assert not torch.allclose(both, tiny.draw_each(scenes, seed=4), atol=1e-4)
    assert torch.allclose(both[:1], loud.draw(CAPTION, 1, seed=4), atol=1e-5)


def test_what_it_can_not_draw_is_said_in_one_sentence(tiny):
    for caption in ("Maine coon cat laying on a unicorn", "", "black cat flying over grass"):
        with pytest.raises(CourseError):
            tiny.draw(caption)
    with pytest.raises(CourseError, match="At least 1 picture"):
        tiny.draw(CAPTION, 0)


def test_a_missing_or_foreign_checkpoint_is_said_in_one_sentence(tmp_path):
    with pytest.raises(CourseError, match="no checkpoint"):
        shipped_pipeline(tmp_path / "none.safetensors")
    path = tmp_path / "lesson.safetensors"
    for recipe in ({"steps": 3}, {"draw": {"steps": 3}}, {"draw": STORED | {"start": 0.5}}):
        save_model(tiny_model(), path, recipe=recipe)
        with pytest.raises(CourseError, match="does not say how to draw"):
            shipped_pipeline(path)
