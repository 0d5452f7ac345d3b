"""What the front page's caption box is given: numbers, captions and settings of the shipped pipeline."""

import json
from dataclasses import replace

import pytest
import torch

from course_lib import words, world
from course_lib.errors import CourseError
from course_lib.pipeline import shipped_pipeline
from course_tools.notebooks import export_onnx


@pytest.mark.slow
def test_the_page_gets_every_caption_and_the_vectors_that_make_its_key(tmp_path):
    pipeline = shipped_pipeline()
    export_onnx.export(tmp_path, pipeline)
    assert {path.name for path in tmp_path.iterdir()} == {"draw.json", "draw.onnx"}
    page = json.loads((tmp_path / "draw.json").read_text())
    assert [caption["text"] for caption in page["captions"]] == world.captions()
    assert page["settings"] == pipeline.recipe["draw"]
    vectors = words.Words(list(page["words"]), torch.tensor(list(page["words"].values())))
    scene = world.parse("Maine coon cat laying on runway on Mars")
    spoken = torch.stack([vectors.vectors[vectors.row(word)] for word in words.tokens(scene.caption)])
    key = words.bind(spoken, torch.arange(1, len(spoken) + 1)).sum(0)
    torch.testing.assert_close(key, words.caption_key(pipeline.words, scene.caption))


def test_a_model_that_the_page_can_not_walk_with_is_refused(tmp_path):
    pipeline = shipped_pipeline()
    other = replace(pipeline, settings=replace(pipeline.settings, order=1))
    with pytest.raises(CourseError, match=r"teach docs/static/draw\.js its settings"):
        export_onnx.export(tmp_path, other)
    assert list(tmp_path.iterdir()) == []
