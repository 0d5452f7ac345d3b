"""The captioned world: scenes with their captions, and a renderer that draws them.  Lesson 2, and 4 to 8."""

# ruff: noqa: F401 - the names that the package offers

from .render import DETAILS, random_details, render, render_parts
from .scenes import (
    FACTORS,
    HELD_OUT,
    PLACES,
    POSES,
    SUBJECTS,
    Scene,
    captions,
    held_out_scenes,
    parse,
    scenes,
    seen_scenes,
    small_library,
)
from .shapes import GivenDetails
from .subjects import PARTS
