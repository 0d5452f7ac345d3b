"""What recipes share: pictures that are made when asked for, and trainings that go on with the same pictures only."""

import pytest
import torch

from course_lib import world
from course_lib.augment import Augmented, flip
from course_lib.errors import CourseError
from course_lib.models import Denoiser
from course_lib.training import DenoisingLoss, Step
from course_lib.world import render
from course_tools.recipes.run import Renders, resumable

CAPTIONS = ["Maine coon cat laying on runway on Mars."] * 8


def test_renders_are_pictures_drawn_when_asked_for():
    scenes = world.seen_scenes()
    pictures = Renders(scenes, count=1000, first_seed=50)
    assert len(pictures) == 1000
    asked = pictures[torch.tensor([3, 999, 3])]
    assert asked.shape == (3, 3, 32, 32)
    assert torch.equal(asked[0], asked[2])
    assert torch.equal(asked[1], render([scenes[999 % len(scenes)]], [50 + 999])[0])
    assert pictures.fingerprint != Renders(scenes, count=1000, first_seed=51).fingerprint
    assert pictures.fingerprint != Renders(scenes[:-1], count=1000, first_seed=50).fingerprint


def test_a_model_trains_on_augmented_pictures_and_goes_on_only_with_the_same_ones(tmp_path):
    pictures = render(list(map(world.parse, CAPTIONS)), range(8))
    keys = torch.randn(4, 8, generator=torch.Generator().manual_seed(0))

    def steps(few: Augmented) -> list[Step]:
        torch.manual_seed(0)
        model, loss = Denoiser(fold=8, widths=(8,), key_size=8), DenoisingLoss(few, keys, batch=2)
        return list(resumable(model, loss, checkpoint=tmp_path / "run.safetensors", steps=2, seed=0))

    few = Augmented(pictures[:4], CAPTIONS[:4])
    assert len(steps(few)) == 2
    assert steps(few) == []
    for other in (
        Augmented(pictures[4:8], CAPTIONS[4:8]),
        Augmented(pictures[:4], CAPTIONS[:4], using=(flip,)),
        Augmented(pictures[:4], CAPTIONS[:4], first_seed=1),
        Augmented(pictures[:4], CAPTIONS[:4], times=7),
    ):
        with pytest.raises(CourseError, match="another run"):
            steps(other)
