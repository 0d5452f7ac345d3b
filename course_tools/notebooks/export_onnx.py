"""What the site's front page needs to draw in a browser: the shipped model as ONNX, and the words as numbers.

python -m course_tools.notebooks.export_onnx FOLDER (`make site` does); docs/static/draw.js reads what it writes.
"""

import json
import sys
import tempfile
import warnings
from dataclasses import asdict
from pathlib import Path

import torch

from course_lib import world
from course_lib.errors import CourseError
from course_lib.files import atomic_write
from course_lib.pipeline import Pipeline, shipped_pipeline
from course_lib.words import tokens


def export(folder: Path, pipeline: Pipeline | None = None) -> None:
    """Write draw.onnx and draw.json to `folder`: the network, and the words, captions and settings round it.

    pipeline: the shipped one if none.
    Raises CourseError if the page would not draw as this pipeline does.
    """
    pipeline = pipeline or shipped_pipeline()
    settings = pipeline.settings
    if pipeline.model.predicts != "velocity" or settings.order != 2:
        raise CourseError("The front page can't draw as this model does: teach docs/static/draw.js its settings first.")
    captions = [{"text": scene.caption, "subject": scene.subject, "unseen": scene.held_out} for scene in world.scenes()]
    spoken = sorted({word for scene in world.scenes() for word in tokens(scene.caption)})
    vectors = {word: pipeline.words.centred[pipeline.words.row(word)].tolist() for word in spoken}
    described = {"settings": asdict(settings), "captions": captions, "words": vectors}
    atomic_write(folder / "draw.json", json.dumps(described))

    side, names = settings.size, ["noisy", "amount", "key"]
    example = (torch.zeros(2, 3, side, side), torch.ones(2), torch.zeros(2, pipeline.model.key_size))
    model = pipeline.model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    with warnings.catch_warnings(action="ignore"), tempfile.TemporaryDirectory() as scratch:
        exported = Path(scratch, "draw.onnx")
        # The older of torch's two exporters: it takes seconds instead of minutes.
        torch.onnx.export(
            model.eval(),
            example,
            str(exported),
            dynamo=False,
            input_names=names,
            output_names=["output"],
            dynamic_axes={name: {0: "pictures"} for name in [*names, "output"]},
        )
        atomic_write(folder / "draw.onnx", exported.read_bytes())


if __name__ == "__main__":
    export(Path(sys.argv[1]))
