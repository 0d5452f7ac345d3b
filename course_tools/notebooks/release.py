"""Where the course is published, from lesson 0 on: the one setting that names the repository, and the links made of it.

While the setting is empty no link is made, so that nothing in a lesson, in README or on the site leads nowhere.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from course_lib.errors import CourseError

REPOSITORY_NAME = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class Release:
    """This version of the course in its public repository.

    All links lead to the tag, so that a lesson and the library that it installs belong together.
    """

    repository: str  # OWNER/NAME
    tag: str  # "v0.1.0"

    @property
    def requirement(self) -> str:
        """What pip installs the library from."""
        return f"course_lib @ git+https://github.com/{self.repository}@{self.tag}"

    def colab(self, notebook: str) -> str:
        """The address that opens a notebook, `notebook` its path in the repository, in Google Colab."""
        return f"https://colab.research.google.com/github/{self.repository}/blob/{self.tag}/{notebook}"

    def binder(self, notebook: str) -> str:
        """The address that starts the course on Binder and opens a notebook there."""
        return f"https://mybinder.org/v2/gh/{self.repository}/{self.tag}?labpath={quote(notebook, safe='')}"


def read_release(root: Path) -> Release | None:
    """The release that `[tool.course] repository` names for the course in the folder `root`; None while it is empty.

    Raises CourseError if the setting is not OWNER/NAME or the version can't be read.
    """
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    repository = settings.get("tool", {}).get("course", {}).get("repository", "")
    if not repository:
        return None
    if not REPOSITORY_NAME.fullmatch(repository):
        raise CourseError(f"pyproject.toml: [tool.course] repository is {repository!r}; write OWNER/NAME, or nothing.")
    package = (root / "course_lib/__init__.py").read_text(encoding="utf-8")
    version = re.search(r'^__version__ = "([^"]+)"', package, re.M)
    if version is None:
        raise CourseError('course_lib/__init__.py has no line `__version__ = "..."`; the released tag is made of it.')
    return Release(repository, f"v{version[1]}")
