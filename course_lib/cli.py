"""The command `course`: open the lessons, run them, build them, check this machine.  Lesson 0 introduces it."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from course_lib.errors import CourseError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; the result is the process's exit status, and a `CourseError` is one line on stderr."""
    parser = argparse.ArgumentParser(prog="course", description='The course "What Are AI Art Models?"')
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    add = commands.add_parser
    lab = add("lab", help="open the lessons in JupyterLab", epilog="Any other argument goes to JupyterLab as it is.")
    lab.set_defaults(run=_lab)
    run = add("run", help="execute the solved lessons and store them, their pictures and their times")
    run.add_argument(
        "lessons", nargs="*", metavar="LESSON", help='a name or number, say "01_noise" or "1"; all if none'
    )
    run.set_defaults(run=_run)
    build = add("build", help="make the notebooks from notebooks/source")
    build.add_argument("--check", action="store_true", help="change nothing; fail if a notebook is stale")
    build.set_defaults(run=_build)
    add("doctor", help="check this machine, a line a thing").set_defaults(run=_doctor)

    options, extra = parser.parse_known_args(arguments)
    options.extra = extra
    if extra and options.run is not _lab:
        parser.error(f"unrecognized arguments: {' '.join(extra)}")
    command: Callable[[argparse.Namespace], int] = options.run
    try:
        return command(options)
    except CourseError as error:
        print(f"course: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("course: interrupted", file=sys.stderr)
        return 130


def course_folder(start: Path | None = None) -> Path:
    """The folder that holds `notebooks/`: `start` (by default the current one), one above it, or the package's own.

    Raises CourseError if no lesson is there.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents, Path(__file__).resolve().parents[1]):
        notebooks = folder / "notebooks"
        if any(notebooks.glob("[0-9][0-9]_*.ipynb")) or any(notebooks.glob("source/[0-9][0-9]_*.py")):
            return folder
    raise CourseError(f"no folder `notebooks` with lessons is in {here} or above it; go to the course's folder first.")


def _lab(options: argparse.Namespace) -> int:
    notebooks = course_folder() / "notebooks"
    lessons = sorted(notebooks.glob("[0-9][0-9]_*.ipynb"))
    if not lessons:
        raise CourseError(f"{notebooks} holds no lesson yet; make them with `course build`.")
    try:
        from jupyterlab.labapp import LabApp
    except ImportError:
        raise CourseError(
            "JupyterLab is not installed; type `make lab`, or `python -m pip install jupyterlab`."
        ) from None
    # Terminals and tools opened in JupyterLab (nbgrader, alembic) must find this environment's commands.
    os.environ["PATH"] = str(Path(sys.executable).parent) + os.pathsep + os.environ.get("PATH", os.defpath)
    settings = [
        f"--ServerApp.root_dir={notebooks}",
        f"--LabApp.default_url=/lab/tree/{lessons[0].name}",
        # JupyterLab asks its makers for news and newer versions otherwise; the course opens no connection by itself.
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.news_url=None",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        settings.append("--allow-root")  # the only user of many a container; the server listens on this machine alone
    LabApp.launch_instance(argv=[*settings, *options.extra])
    return 0


def _run(options: argparse.Namespace) -> int:
    from course_lib.teaching.run import run

    return 0 if run(course_folder(), options.lessons) else 1


def _build(options: argparse.Namespace) -> int:
    from course_lib.teaching.build import build

    lines = build(course_folder(), check=options.check)
    for line in lines:
        print(line)
    return 1 if options.check and lines else 0


def _doctor(options: argparse.Namespace) -> int:
    from course_lib.teaching.doctor import examine

    healthy = True
    for finding in examine():
        print(finding, flush=True)
        healthy = healthy and finding.ok
    return 0 if healthy else 1


if __name__ == "__main__":
    sys.exit(main())
