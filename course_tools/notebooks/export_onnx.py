"""What the site's front page needs to draw in a browser: the shipped model as ONNX, and the words as numbers.

python -m course_tools.notebooks.export_onnx FOLDER (`make site` does); docs/static/draw.js reads what it writes.
"""

import json
import sys
import tempfile
import warnings
from pathlib import Path

import torch

from course_lib import artist, world
from course_lib.errors import CourseError
from course_lib.files import atomic_write
from course_lib.words import tokens

HOW = {"size", "steps", "order", "guidance", "guidance_between", "emphasis"}  # what draw.js knows of walks


def export(folder: Path, drawer: artist.Artist | None = None) -> None:
    """Write draw.onnx and draw.json to `folder`: the artist's network, and the words, captions and settings round it.

    drawer: the shipped artist if none.
    Raises CourseError if the page would not draw as this artist does.
    """
    drawer = drawer or artist.shipped_artist()
    how = drawer.recipe["draw"]
    if drawer.model.predicts != "velocity" or set(how) != HOW or how["order"] != 2:
        raise CourseError("The front page can't draw as this model does: teach docs/static/draw.js its settings first.")
    captions = [{"text": scene.caption, "subject": scene.subject, "unseen": scene.held_out} for scene in world.scenes()]
    spoken = sorted({word for scene in world.scenes() for word in tokens(scene.caption)})
    vectors = {word: drawer.words.centred[drawer.words.row(word)].tolist() for word in spoken}
    atomic_write(folder / "draw.json", json.dumps({"how": how, "captions": captions, "words": vectors}))

    side, names = how["size"], ["noisy", "amount", "key"]
    example = (torch.zeros(2, 3, side, side), torch.ones(2), torch.zeros(2, drawer.model.key_size))
    model = drawer.model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    with warnings.catch_warnings(action="ignore"), tempfile.TemporaryDirectory() as scratch:
        exported = Path(scratch, "draw.onnx")
        # The older of torch's two exporters: it takes seconds instead of minutes.
        torch.onnx.export(
            model.eval(),
            example,
            str(exported),
            dynamo=False,
            input_names=names,
            output_names=["said"],
            dynamic_axes={name: {0: "pictures"} for name in [*names, "said"]},
        )
        atomic_write(folder / "draw.onnx", exported.read_bytes())


if __name__ == "__main__":
    export(Path(sys.argv[1]))
