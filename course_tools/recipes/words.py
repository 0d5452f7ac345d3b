"""`course train words`: the words' vectors, out of which caption keys are made.  Lesson 4."""

from pathlib import Path
from typing import Any

import torch

from course_lib.errors import CourseError
from course_lib.words import Words, analogies, analogy_score, corpus, train_words
from course_tools.recipes.run import save


def make_words(output: Path, working: Path, device: torch.device) -> dict[str, Any]:
    """Train the course's vectors on its corpus: seconds, on the CPU whatever the device.

    Raises CourseError without gensim: other vectors would make all models useless that are keyed by these.
    """
    try:
        import gensim
    except ImportError as error:
        raise CourseError("The course's words are made by gensim, which is not here: use Python 3.13.") from error
    words = train_words(corpus())
    score = analogy_score(words, analogies())
    recipe = {"command": "course train words", "seed": 0, "gensim": gensim.__version__, "analogies": round(score, 3)}
    save_words(words, output, recipe=recipe)
    return recipe


def save_words(words: Words, path: Path, *, recipe: dict[str, Any]) -> None:
    """Write vectors with their vocabulary and `recipe` (what made them) inside."""
    save({"vectors": words.vectors}, path, recipe={"vocabulary": words.vocabulary} | recipe)
