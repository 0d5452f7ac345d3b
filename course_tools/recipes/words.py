"""`course train words`: the words' vectors, out of which caption keys are made.  Lesson 4."""

from pathlib import Path
from typing import Any

import torch

from course_lib import words


def make_words(output: Path, working: Path, device: torch.device) -> dict[str, Any]:
    """The words' vectors: seconds, on the CPU whatever the device."""
    return words.make_words(output)
