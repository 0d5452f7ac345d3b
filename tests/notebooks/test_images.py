"""images/ can be made again: what lies there is what the stored lessons show and what the shipped model draws."""

import re
import shutil
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from course_lib import world
from course_tools.notebooks import images

BADGES = {"open_in_colab.svg", "open_in_binder.svg"}  # drawn by hand
README = {"from_noise.webp", "novel.webp"}
MEASURED = {"benchmark.png"}  # python -m benchmarks.report makes it of what was measured


def test_the_lessons_pictures_are_those_of_the_stored_lessons(checkout: Path):
    made = images.lesson_pictures(checkout)
    assert {path.name for path in (checkout / "images").iterdir()} - MEASURED == made.keys() | README | BADGES
    assert [name for name, data in made.items() if (checkout / "images" / name).read_bytes() != data] == []


def frames(data: bytes) -> list[np.ndarray]:
    image = Image.open(BytesIO(data))
    stills = []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        stills.append(np.asarray(image.convert("RGB"), dtype=float))
    return stills


@pytest.mark.slow
def test_make_images_makes_them_all_again(checkout: Path, tmp_path: Path):
    shutil.copytree(checkout / "notebooks", tmp_path / "notebooks")
    shutil.copytree(checkout / "images", tmp_path / "images")
    for path in (tmp_path / "images").glob("*.[pw]*"):
        path.unlink()
    assert set(images.make(tmp_path)) == {path.name for path in (checkout / "images").iterdir()} - BADGES - MEASURED
    for name in README:  # drawn anew: another machine's arithmetic may round a shade differently
        stored, made = (frames((root / "images" / name).read_bytes()) for root in (checkout, tmp_path))
        assert len(stored) == len(made)
        assert max(np.abs(one - other).mean() for one, other in zip(stored, made, strict=True)) < 2
    stored = frames((checkout / "images/novel.webp").read_bytes())[0]
    assert np.abs(stored - stored[:, ::-1]).mean() > 10  # so another picture would not pass


def test_the_walk_moves_and_is_small(checkout: Path):
    path = checkout / "images/from_noise.webp"
    assert path.stat().st_size < 600_000
    assert len(frames(path.read_bytes())) == 9  # the noise, and eight steps


def test_the_grid_shows_every_pair_that_was_held_out(checkout: Path):
    shown = [world.parse(caption) for caption in images.NOVEL]
    assert all(scene.held_out for scene in shown)
    pairs = {(scene.subject, scene.place) for scene in world.held_out_scenes()}
    assert {(scene.subject, scene.place) for scene in shown} == pairs


def test_readme_describes_each_of_its_pictures(checkout: Path):
    described = re.findall(r"!\[([^\]]*)\]\(images/([\w.]+)\)", (checkout / "README.md").read_text())
    assert {name for _, name in described} >= README
    assert all(len(about.split()) > 8 for about, name in described if name not in BADGES)
