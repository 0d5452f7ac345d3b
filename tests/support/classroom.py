"""A class to try grading with: lesson 1 as `course assign` makes it, an essay at its end, and what students hand in."""

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_tools.classroom.assign import assign
from tests.support.made_course import make_course

LESSON = "01_noise"
ESSAY = """\
# %% [markdown] exercise="essay" minutes=15 difficulty="a challenge"
# ### Exercise 1.6: Whose photo?
# Say whose it is.
#
# | What counts | Points |
# | --- | ---: |
# | Both sides | 6 |
# | What would change your mind | 4 |

# %% [markdown] answer="essay" points=10
# There is no model answer."""


def make_course_directory(root: Path, checkout: Path, *, only: Sequence[str] = ()) -> Path:
    """A course directory with lesson 1 and an essay, or with `only` these exercises of the lesson and little else."""
    text = (checkout / f"notebooks/source/{LESSON}.py").read_text()
    with tempfile.TemporaryDirectory() as folder:
        source = _with_only(text, only) if only else f"{text.rstrip()}\n\n{ESSAY}\n"
        course = make_course(Path(folder, "course"), {LESSON: source}, images=checkout / "images")
        list(assign(course, [LESSON], root))
    return root


def _with_only(text: str, exercises: Sequence[str]) -> str:
    """The source of a lesson with its title, its imports and four cells for each of these exercises."""
    header, *cells = re.split(r"(?m)^(?=# %%)", text)
    kept = [cells[0], next(cell for cell in cells if cell.startswith("# %%\nfrom course_lib import"))]
    kept.append("# %% [markdown]\n# ## Exercises\n\n")
    for number, name in enumerate(exercises, start=1):
        place = next(place for place, cell in enumerate(cells) if f'exercise="{name}"' in cell)
        kept.append(re.sub(r"### Exercise 1\.\d", f"### Exercise 1.{number}", cells[place]))
        kept += cells[place + 1 : place + 4]
    return header + "".join(kept)


def read(course: Path, step: str, lesson: str = LESSON) -> NotebookNode:
    """A lesson's notebook in the course directory's `release` or `source`."""
    return nbformat.read(course / step / lesson / f"{lesson}.ipynb", as_version=4)


def hand_in(course: Path, student: str, notebook: NotebookNode) -> None:
    """Put a notebook where `course collect` lays out what a student handed in."""
    path = course / "submitted" / student / LESSON / f"{LESSON}.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text(nbformat.writes(notebook), encoding="utf-8")
