"""What the front page's caption box is given: numbers, captions and settings of the shipped artist."""

import json
from dataclasses import replace

import pytest
import torch

from course_lib import artist, words, world
from course_lib.errors import CourseError
from course_tools.notebooks import export_onnx


@pytest.mark.slow
def test_the_page_gets_every_caption_and_the_vectors_that_make_its_key(tmp_path):
    drawer = artist.shipped_artist()
    export_onnx.export(tmp_path, drawer)
    assert {path.name for path in tmp_path.iterdir()} == {"draw.json", "draw.onnx"}
    told = json.loads((tmp_path / "draw.json").read_text())
    assert [caption["text"] for caption in told["captions"]] == world.captions()
    assert told["how"] == drawer.recipe["draw"]
    vectors = words.Words(list(told["words"]), torch.tensor(list(told["words"].values())))
    scene = world.parse("Maine coon cat laying on runway on Mars")
    said = torch.stack([vectors.vectors[vectors.row(word)] for word in words.tokens(scene.caption)])
    key = words.bind(said, torch.arange(1, len(said) + 1)).sum(0)
    torch.testing.assert_close(key, words.caption_key(drawer.words, scene.caption))


def test_a_model_that_the_page_can_not_walk_with_is_refused(tmp_path):
    drawer = artist.shipped_artist()
    other = replace(drawer, recipe={"draw": drawer.recipe["draw"] | {"start": 0.5}})
    with pytest.raises(CourseError, match=r"teach docs/static/draw\.js its settings"):
        export_onnx.export(tmp_path, other)
    assert list(tmp_path.iterdir()) == []
