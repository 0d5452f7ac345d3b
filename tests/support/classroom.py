"""A class to try grading with: lesson 1 as `course assign` makes it, an essay at its end, and what students hand in."""

import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_tools.classroom.assign import assign

LESSON = "01_noise"
ESSAY = """\
# %% [markdown] exercise={"name": "essay", "minutes": 15, "difficulty": "a challenge"}
# ### Exercise 1.6: Whose photo?
# Say whose it is.
#
# | What counts | Points |
# | --- | ---: |
# | Both sides | 6 |
# | What would change your mind | 4 |

# %% [markdown] nbgrader={"grade": true, "grade_id": "essay", "locked": false, "points": 10, "schema_version": 3, "solution": true, "task": false}
# There is no model answer."""  # noqa: E501


def make_course(root: Path, checkout: Path, *, only: Sequence[str] = ()) -> Path:
    """A course directory with lesson 1 and an essay, or with `only` these exercises of the lesson and little else."""
    text = (checkout / f"notebooks/source/{LESSON}.py").read_text()
    with tempfile.TemporaryDirectory() as folder:
        course = Path(folder)
        for name in ("pyproject.toml", "README.md", "course_lib/__init__.py"):
            (course / name).parent.mkdir(exist_ok=True)
            shutil.copy(checkout / name, course / name)
        shutil.copytree(checkout / "images", course / "images")
        source = course / f"notebooks/source/{LESSON}.py"
        source.parent.mkdir(parents=True)
        source.write_text(_with_only(text, only) if only else f"{text.rstrip()}\n\n{ESSAY}\n")
        list(assign(course, [LESSON], root))
    return root


def _with_only(text: str, exercises: Sequence[str]) -> str:
    """The source of a lesson with its title, its imports and four cells for each of these exercises."""
    header, *cells = re.split(r"(?m)^(?=# %%)", text)
    kept = [cells[0], next(cell for cell in cells if cell.startswith("# %%\nfrom course_lib import"))]
    kept.append("# %% [markdown]\n# ## Exercises\n\n")
    for number, name in enumerate(exercises, start=1):
        place = next(place for place, cell in enumerate(cells) if f'exercise={{"name": "{name}"' in cell)
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
