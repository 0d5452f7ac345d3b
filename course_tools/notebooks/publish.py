"""`course publish`: names the public repository in the settings, and builds all that links to it."""

import re
from pathlib import Path

from course_lib.errors import CourseError
from course_lib.files import atomic_write
from course_tools.notebooks.build import build
from course_tools.notebooks.project import Project
from course_tools.notebooks.release import REPOSITORY_NAME

_SETTING = re.compile(r'(?m)^repository = ".*"$')


def publish(root: Path, repository: str) -> list[str]:
    """Name the repository OWNER/NAME in the settings of the course in `root`, and build everything that links to it.

    An empty name takes the links back.  Returns a sentence for each file written: none the second time.
    Raises CourseError if the name is not OWNER/NAME or the settings have no line for it; then nothing is written.
    """
    path = root / "pyproject.toml"
    text = path.read_text(encoding="utf-8")
    if repository and not REPOSITORY_NAME.fullmatch(repository):
        raise CourseError(f"{repository!r} is no repository's name: write OWNER/NAME, as in its address on GitHub.")
    if len(_SETTING.findall(text)) != 1:
        raise CourseError('pyproject.toml needs one line `repository = ""` under [tool.course]; put it back.')
    lines = []
    if (named := _SETTING.sub(f'repository = "{repository}"', text)) != text:
        atomic_write(path, named)
        lines.append("pyproject.toml: written.")
    return lines + build(Project.read(root))
