"""The command `course`: open the lessons, run them, build them, check this machine.  Lesson 0 introduces it."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from course_lib.errors import CourseError
from course_tools.files import commands_on_path, course_folder


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; the result is the process's exit status, and a `CourseError` is one line on stderr."""
    parser = argparse.ArgumentParser(prog="course", description='The course "What Are AI Art Models?"')
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_commands(commands.add_parser)
    _add_class_commands(commands.add_parser)
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


def _add_commands(add: Callable[..., argparse.ArgumentParser]) -> None:
    """What readers and authors type, each command with its options."""
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
    publish = add("publish", help="name the public repository, and make all badges and links that lead there")
    publish.add_argument("--repo", required=True, metavar="OWNER/NAME", help='as on GitHub; "" takes the links back')
    publish.set_defaults(run=_publish)
    doctor = add("doctor", help="check this machine, a line a thing")
    doctor.add_argument("--report", action="store_true", help="say also what someone who helps has to know")
    doctor.set_defaults(run=_doctor)
    draw = add("draw", help="draw what a caption says, with the model that comes with the course")
    draw.add_argument("caption", nargs="+", metavar="CAPTION", help='say "Maine coon cat laying on runway on Mars"')
    draw.add_argument("-n", "--count", type=int, default=8, help="how many pictures (8)")
    draw.add_argument("--seed", type=int, default=0, help="another seed gives other pictures (0)")
    draw.add_argument("-o", "--output", type=Path, default=Path("out.png"), help="the picture to write (out.png)")
    draw.set_defaults(run=_draw)
    train = add("train", help="make a file that comes with the course again: words, judge or draw")
    train.add_argument("name", metavar="NAME")
    train.add_argument("-o", "--output", type=Path, help="the file to write instead of the course's own")
    train.add_argument("--device", help="say cpu or cuda; the best there is, if not said")
    train.add_argument("--bf16", action="store_true", help="bfloat16 where it is enough, on a GPU (draw)")
    train.add_argument("--compile", action="store_true", help="compile the training's steps, on a GPU (draw)")
    train.set_defaults(run=_train)
    bench = add("bench", help="measure how fast the course is on this machine")
    bench.add_argument("names", nargs="*", metavar="NAME", help="say renderer, training or drawing; all if none")
    bench.add_argument("-o", "--output", type=Path, help="write the results to this file, as JSON")
    bench.set_defaults(run=_bench)


def _add_class_commands(add: Callable[..., argparse.ArgumentParser]) -> None:
    """What instructors type."""
    assign = add("assign", help="make lessons assignments of a class, in an nbgrader course directory")
    assign.add_argument("lessons", nargs="+", metavar="LESSON", help='a name or number, say "01_noise" or "1"')
    assign.add_argument("--to", type=Path, required=True, metavar="COURSE_DIR", help="the class's course directory")
    assign.add_argument("--points", type=Path, metavar="FILE", help="a TOML file with other points")
    assign.add_argument(
        "--solutions", nargs="+", default=[], metavar="LESSON", help="lessons that go out with solutions (none)"
    )
    assign.set_defaults(run=_assign)
    roster = add("roster", help="take the students of a class from what the LMS exports, into roster.csv")
    roster.add_argument(
        "exports", nargs="+", type=Path, metavar="CSV", help="a gradebook, a grading worksheet, a list of participants"
    )
    roster.add_argument("--to", type=Path, required=True, metavar="COURSE_DIR", help="the class's course directory")
    roster.set_defaults(run=_roster)
    collect = add("collect", help="lay out what students handed in, for grading, and say what was mended")
    collect.add_argument("source", type=Path, metavar="DIR_OR_ZIP", help="what the LMS gave you")
    collect.add_argument("--to", type=Path, required=True, metavar="COURSE_DIR", help="the class's course directory")
    collect.add_argument(
        "--students", default="", metavar="PATTERN", help='which part of a path is the student: "(?P<student>\\w+)/"'
    )
    collect.set_defaults(run=_collect)
    grade = add("grade", help="grade what a class handed in, each submission in a sandbox of its own")
    grade.add_argument("folder", type=Path, metavar="COURSE_DIR", help="the course directory of nbgrader")
    grade.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at once (one for each core)")
    grade.add_argument("--no-sandbox", action="store_true", help="run the submissions as you; it says what that means")
    grade.add_argument(
        "--scheduler", metavar="ADDRESS", help="a dask.distributed scheduler whose workers judge instead"
    )
    grade.add_argument("--student", default="", metavar="NAME", help="judge this student's work again, and no other")
    grade.add_argument("--lesson", default="", metavar="LESSON", help="judge this lesson again, and no other")
    grade.add_argument("--exercise", default="", metavar="NAME", help="judge this exercise again, and no other")
    grade.set_defaults(run=_grade)
    grades = add("grades", help="fill the tables that the LMS exported with points, and pack feedback for it")
    grades.add_argument("folder", type=Path, metavar="COURSE_DIR", help="the class's course directory")
    grades.add_argument(
        "exports", nargs="*", type=Path, metavar="CSV", help="a gradebook or a grading worksheet of the LMS"
    )
    grades.set_defaults(run=_grades)
    compare = add("compare", help="list pairs of submissions that are more alike than the class, side by side")
    compare.add_argument("folder", type=Path, metavar="COURSE_DIR", help="the course directory of nbgrader")
    compare.add_argument("lessons", nargs="*", metavar="LESSON", help="the name of a lesson; all if none")
    compare.set_defaults(run=_compare)


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
    commands_on_path()  # for the terminals and tools that are opened in JupyterLab
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
    from course_tools.notebooks.execute import run

    return 0 if run(course_folder(), options.lessons) else 1


def _build(options: argparse.Namespace) -> int:
    from course_tools.notebooks.build import build
    from course_tools.notebooks.project import Project

    lines = build(Project.read(course_folder()), check=options.check)
    for line in lines:
        print(line)
    return 1 if options.check and lines else 0


def _publish(options: argparse.Namespace) -> int:
    from course_tools.notebooks.publish import publish

    for line in publish(course_folder(), options.repo):
        print(line)
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from course_tools.doctor import environment, examine

    if options.report:
        print(environment(), flush=True)
    healthy = True
    for diagnosis in examine():
        print(diagnosis, flush=True)
        healthy = healthy and diagnosis.ok
    return 0 if healthy else 1


def _draw(options: argparse.Namespace) -> int:
    output: Path = options.output
    from course_lib.pictures import FORMATS, show

    if output.suffix.lower() not in FORMATS:  # which `save` would say only when all is drawn
        raise CourseError(f"'{output}' is no name for a picture: end it in {' or '.join(FORMATS)}.")
    if not output.parent.is_dir() or output.is_dir():
        raise CourseError(f"'{output}' can't be written: name a file in a folder that is there.")
    from course_lib import world
    from course_lib.pipeline import shipped_pipeline

    scene = world.parse(" ".join(options.caption))
    pictures = shipped_pipeline().draw(scene, options.count, seed=options.seed)
    show(pictures, about=scene.caption, columns=4).save(output)
    unseen = " The model was never shown this subject in this place." if scene.held_out else ""
    print(f"{output}: {scene.caption} {len(pictures)} pictures, drawn from noise.{unseen}")
    return 0


def _train(options: argparse.Namespace) -> int:
    from course_tools.recipes.train import train

    speed = {"bf16": options.bf16, "compile": options.compile}
    if line := train(options.name, output=options.output, device=options.device, **speed):
        print(line)
    return 0


def _bench(options: argparse.Namespace) -> int:
    from course_tools.bench import bench

    for result in bench(options.names, output=options.output):
        print(result, flush=True)
    return 0


def _assign(options: argparse.Namespace) -> int:
    _need_nbgrader()
    from course_tools.classroom.assign import assign

    settings = {"points": options.points, "solutions": options.solutions}
    for assigned in assign(course_folder(), options.lessons, options.to, **settings):
        print(assigned, flush=True)
    return 0


def _roster(options: argparse.Namespace) -> int:
    _need_nbgrader()
    from course_tools.classroom.roster import import_roster

    for line in import_roster(options.to.resolve(), options.exports):
        print(line)
    return 0


def _collect(options: argparse.Namespace) -> int:
    _need_nbgrader()
    from course_tools.classroom.collect import REPORT, collect

    collected = collect(options.source, options.to, students=options.students)
    print(collected, end="")
    print(f"\nThe same stands in {options.to / REPORT}.txt and .csv.")
    lost = any(row.status == "refused" and not row.student for row in collected.rows)
    return 1 if collected.without or lost else 0


def _grade(options: argparse.Namespace) -> int:
    _need_nbgrader()
    if options.jobs < 1:
        raise CourseError(f"--jobs {options.jobs} is too few: say 1 or more.")
    from functools import partial

    from course_tools.classroom.grade import Again, grade

    again = Again(options.student, options.lesson, options.exercise)
    settings = {"jobs": options.jobs, "isolated": not options.no_sandbox, "scheduler": options.scheduler}
    grade(options.folder, **settings, again=again, say=partial(print, flush=True))
    return 0


def _grades(options: argparse.Namespace) -> int:
    _need_nbgrader()
    from course_tools.classroom.send_back import send_back

    for line in send_back(options.folder, options.exports):
        print(line)
    return 0


def _compare(options: argparse.Namespace) -> int:
    _need_nbgrader()
    from course_tools.classroom.compare import compare

    for compared in compare(options.folder, options.lessons):
        print(compared, flush=True)
    return 0


def _need_nbgrader() -> None:
    from importlib.util import find_spec

    if find_spec("nbgrader") is None:
        raise CourseError('nbgrader is not installed; type `python -m pip install "course_lib[teach]"`.')


if __name__ == "__main__":
    sys.exit(main())
