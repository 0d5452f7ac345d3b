"""The solved lessons as `make solved` executes them, each with the cells of tests/promises/ after its own.

    python -m tests.support.solved_lessons FOLDER

A promise is asserted on what the lesson itself has trained and drawn, so that no test trains it again.
"""

import shutil
import sys
from pathlib import Path

import jupytext
import nbformat


def write(checkout: Path, folder: Path) -> None:
    """Make `folder` hold the solved lessons of a checkout, each with its promises, and nothing else.

    Raises FileNotFoundError for promises of a lesson that is not there.
    """
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(checkout / "notebooks/solutions", folder, ignore=shutil.ignore_patterns(".*"))
    for promises in sorted((checkout / "tests/promises").glob("*.py")):
        path = folder / f"{promises.stem}.ipynb"
        lesson = nbformat.read(path, as_version=4)
        lesson.cells += jupytext.read(promises, fmt="py:percent").cells
        nbformat.write(lesson, path)


if __name__ == "__main__":
    write(Path(__file__).resolve().parents[2], Path(sys.argv[1]))
