"""The course's site, built once for all the tests that look at it, in whatever process they run."""

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

# What the site is made of, and what in it is not: of the shipped weights the pages tell nothing.
FOLDERS = ("docs", "images", "notebooks", "course_lib", "course_tools")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "lessons", "*.safetensors")


def copied(checkout: Path, to: Path, repository: str = "") -> Path:
    """The course as far as the site is made of it, in a folder of its own."""
    for name in FOLDERS:
        shutil.copytree(checkout / name, to / name, ignore=LEFT_OUT)
    settings = (checkout / "pyproject.toml").read_text()
    (to / "pyproject.toml").write_text(re.sub(r'(?m)^repository = ".*"$', f'repository = "{repository}"', settings))
    return to


def sphinx(root: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", root / "docs", out]
    return subprocess.run(command, cwd=root, capture_output=True, text=True)


def built_site(checkout: Path) -> Path:
    """The site of a course that was not published yet: to look at, not to change.

    It is built where it has not been yet, or not of these files; who comes meanwhile waits.  Raises AssertionError if
    the build says anything.
    """
    folder = checkout / "build/tests"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "site.lock"):
        shutil.rmtree(folder / "course", ignore_errors=True)
        course, site, stamp = copied(checkout, folder / "course"), folder / "site", folder / "site.made-of"
        made_of = digest(course, checkout / "requirements/dev.txt")
        if not stamp.exists() or stamp.read_text() != made_of:
            stamp.unlink(missing_ok=True)
            shutil.rmtree(site, ignore_errors=True)
            built = sphinx(course, site)
            assert (built.stdout + built.stderr, built.returncode) == ("", 0)
            stamp.write_text(made_of)
    return site


def digest(folder: Path, *more: Path) -> str:
    """One number for what stands in all files of a folder and in some others."""
    number = hashlib.sha256()
    for path in [*sorted(path for path in folder.rglob("*") if path.is_file()), *more]:
        name = path.relative_to(folder) if path.is_relative_to(folder) else path.name
        number.update(f"{name}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return number.hexdigest()
