"""Makes images/ again: the lessons' pictures out of the stored lessons, and README's own with the shipped model.

python -m course_tools.notebooks.images (`make images`).
"""

from pathlib import Path

import nbformat
import torch.nn.functional as F
from torch import Tensor

from course_lib import sampling, world
from course_lib.pictures import Figure, animate, show
from course_lib.pipeline import Pipeline, shipped_pipeline, starting_noise
from course_tools.files import course_folder
from course_tools.notebooks.execute import named_pictures, store_picture

WALK = "Maine coon cat laying on runway on Mars."
# One scene of each pair of subject and place that the model was never shown, and one cat more.
NOVEL = (
    WALK,
    "Siamese cat sitting on grass.",
    "Black cat standing on a runway.",
    "White cat laying on a black sofa.",
    "Dog standing on a white and black salt and pepper rug.",
    "Plane flying over a sofa.",
    "Rocket parked on a wooden floor.",
    "Maine coon cat sitting on runway on Mars.",
)


def lesson_pictures(root: Path) -> dict[str, bytes]:
    """File name -> content of each picture that a stored lesson names for images/."""
    found = {}
    # Not by way of the sources: the build refuses those that show a picture which is not in images/ yet.
    for path in sorted((root / "notebooks/solutions").glob("[0-9][0-9]_*.ipynb")):
        for name, (ending, data) in named_pictures(path.stem, nbformat.read(path, as_version=4)):
            found[f"{name}.{ending}"] = data
    return found


def from_noise(pipeline: Pipeline) -> Figure:
    """Four drawings of `WALK`, moving from noise to picture."""
    settings = pipeline.settings
    noise = starting_noise(4, settings.size, seed=0)
    walk = sampling.walk(pipeline.model, noise, key=pipeline.keys([world.parse(WALK)]), **settings.walk())
    stops = [noise.clamp(-1, 1), *(drawn for _, drawn in walk)]
    about = f"Four squares of coloured noise turn, step by step, into four pictures: {WALK}"
    return animate([side_by_side(stop) for stop in stops], about=about, seconds=3.5)


def side_by_side(pictures: Tensor, *, enlarged: int = 5, gap: int = 1) -> Tensor:
    """B x 3 x H x W as one row, 1 x 3 x ..., pixel by pixel `enlarged`, on white."""
    framed = F.pad(pictures, (gap, gap, gap, gap), value=1.0)
    return F.interpolate(framed.permute(1, 2, 0, 3).flatten(2)[None], scale_factor=float(enlarged))


def novel(pipeline: Pipeline) -> Figure:
    """A drawing of each of `NOVEL`, over its caption."""
    pictures = pipeline.draw_each([world.parse(caption) for caption in NOVEL], seed=0)
    return show(pictures, about="Drawings of what the model never saw", labels=NOVEL)


def make(root: Path) -> list[str]:
    """Write all pictures of the course in the folder `root` to its images/; returns the names of those written."""
    pipeline = shipped_pipeline()
    pictures = lesson_pictures(root)
    pictures |= {"from_noise.webp": from_noise(pipeline).data, "novel.webp": novel(pipeline).data}
    for name, data in pictures.items():
        store_picture(root / "images" / name, data)
    return sorted(pictures)


if __name__ == "__main__":
    print("images:", ", ".join(make(course_folder())))
