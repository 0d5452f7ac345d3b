"""A course of two small lessons, to assign and to collect in a moment."""

from pathlib import Path

from tests.notebooks.test_build import DOT, LESSON

WRITTEN = """\
# %% [markdown] exercise={"name": "whose_photo", "minutes": 15, "difficulty": "a challenge"}
# ### Exercise 1.3: Whose photo?
# Say whose it is.
#
# | What counts | Points |
# | --- | ---: |
# | Both sides | 2 |
# | What would change your mind | 1 |

# %% [markdown] nbgrader={"grade": true, "grade_id": "whose_photo", "locked": false, "points": 3, "schema_version": 3, "solution": true, "task": false}
# An answer that no student should be shown.

"""  # noqa: E501
_SECOND = LESSON.replace("Lesson 1", "Lesson 2").replace(" 1.", " 2.")
LESSONS = {  # by name: their sources, the first with a written exercise
    "01_noise": LESSON.replace(
        "# %% [markdown]\n# ## What was measured", f"{WRITTEN}# %% [markdown]\n# ## What was measured"
    ),
    "02_more": _SECOND.replace("blend", "b").replace("mix", "m"),
}


def make_small_course(root: Path) -> Path:
    """A course of two small lessons, 01_noise with a written exercise."""
    for folder in ("notebooks/source", "images", "docs", "course_lib"):
        (root / folder).mkdir(parents=True)
    (root / "pyproject.toml").write_text('[tool.course]\nrepository = ""\n')
    (root / "course_lib/__init__.py").write_text('__version__ = "0.1.0"\n')
    marks = [f"<!-- {name}:{end} -->\n" for name in ("colab", "lessons") for end in ("begin", "end")]
    (root / "README.md").write_text("".join(marks))
    (root / "images/dot.png").write_bytes(DOT)
    for name, text in LESSONS.items():
        (root / f"notebooks/source/{name}.py").write_text(text)
    return root
