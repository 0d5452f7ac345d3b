"""A course of made-up lessons in a folder of its own, for tests that build, run, assign and grade."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from course_tools.notebooks import build as build_module
from course_tools.notebooks.project import Project

CHECKOUT = Path(__file__).parents[2]
HEADER = """\
# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec: {display_name: Python 3.99, language: python, name: somewhere}
#   course: {reading_minutes: 20, summary: Walk a photo into noise}
# ---

"""


def exercise(name: str, number: str, body: str = "    return (1 - amount) * picture + amount * noise") -> str:
    """The four cells of an exercise; `body` is its solution."""
    return f"""\
# %% [markdown] exercise="{name}" minutes=5 difficulty="first steps"
# ### Exercise {number}: The {name}
# Write `{name}(picture, noise, amount)`.

# %% solution="{name}"
def {name}(picture, noise, amount):
    \"\"\"Blend two pictures.\"\"\"
    ### BEGIN SOLUTION
{body}
    ### END SOLUTION

# %% check="{name}" points=1

# %% [markdown] hints="{name}"
# <details><summary>Hint 1</summary>
#
# What is left of {name} at amount 1?
#
# </details>
# <details><summary>Hint 2</summary> Each share is a number. </details>

"""


LESSON = (
    HEADER
    + """\
# %% [markdown]
# # Lesson 1: Noise
# It takes {{minutes}} minutes, and runs in {{run_time}}.
#
# ![A grey dot](../../images/dot.png)
# and <img alt="The dot again" src="../../images/dot.png">

# %%
from course_lib import checks
picture = 1

# %% [markdown]
# ## A first look
# ```python
# # not a heading
# ```

# %%
show(picture, about="A cat")

"""
    + exercise("blend", "1.1")
    + exercise("mix", "1.2")
    + """\
# %% [markdown]
# ## What was measured

# %%
show(picture, about=f"A cat after {picture} step")
"""
)


def written(number: str, answer: str = "An answer of some lines.\n\nWith a second paragraph.") -> str:
    """The two cells of an exercise whose answer is prose, worth three points."""
    quoted = "\n".join(f"# {line}".rstrip() for line in answer.split("\n"))
    return f"""\
# %% [markdown] exercise="whose_photo" minutes=15 difficulty="a challenge"
# ### Exercise {number}: Whose photo?
# Say whose it is.
#
# | What counts | Points |
# | --- | ---: |
# | Both sides | 2 |
# | What would change your mind | 1 |

# %% [markdown] answer="whose_photo" points=3
{quoted}

"""


def with_written(lesson: str, exercise: str) -> str:
    """A lesson with one exercise more, before its end."""
    end = "# %% [markdown]\n# ## What was measured"
    assert lesson.count(end) == 1
    return lesson.replace(end, exercise + end)


# A lesson as `LESSON` with other names, so that both can stand in one course.
SECOND = LESSON.replace("Lesson 1", "Lesson 2").replace(" 1.", " 2.").replace("blend", "b").replace("mix", "m")
README = """\
# Course

<!-- colab:begin -->
<!-- colab:end -->

<!-- lessons:begin -->
<!-- lessons:end -->

The end.
"""

DOT = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010804000000b51c0c020000000b4944415478da6364f80f00010501012718e366"
    "0000000049454e44ae426082"
)


def make_course(root: Path, sources: Mapping[str, str], *, images: Path | None = None, repository: str = "") -> Path:
    """Lay out a course in the folder `root`, which is made; returns it.

    sources: the text of each lesson by its name ("01_noise").  images: a folder of pictures that the lessons show; the
    made-up lessons need but `dot.png`, which is always there.  repository: where the course is published.
    """
    for folder in ("notebooks/source", "docs", "course_lib"):
        (root / folder).mkdir(parents=True)
    if images:
        shutil.copytree(images, root / "images")
    else:
        (root / "images").mkdir()
        shutil.copy(CHECKOUT / "images/open_in_colab.svg", root / "images")
    (root / "images/dot.png").write_bytes(DOT)
    (root / "pyproject.toml").write_text(f'[tool.course]\nrepository = "{repository}"\n')
    (root / "course_lib/__init__.py").write_text('"""About."""\n\n__version__ = "0.1.0"\n')
    (root / "README.md").write_text(README)
    for name, text in sources.items():
        write(root, text, name)
    return root


def write(root: Path, text: str, name: str = "01_noise") -> None:
    """Put a lesson's source where the build looks for it."""
    (root / f"notebooks/source/{name}.py").write_text(text)


def build(root: Path, *, check: bool = False) -> list[str]:
    """Read the course and build it; returns what `course build` says."""
    return build_module.build(Project.read(root), check=check)
