"""The hostile submissions through `course grade`'s judge and through plain nbgrader: the table in docs/grading.md.

    python -m tests.support.against_nbgrader > table.md

nbgrader runs what it grades as the grader's own user.  So that this can be measured without harm, each of its runs is
in a bubblewrap sandbox of its own here, with 6 GB of memory for each process, 1 GB of disk and a copy of the course
directory that is thrown away.  Its settings are those that `course assign` writes.  Half an hour.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from course_lib import checks
from course_tools.classroom.sandbox import Limits, Sandbox
from tests.support.classroom import LESSON, hand_in, make_course_directory, read
from tests.support.hostile import HARMLESS, HOSTILE, RIGHT, SPIES
from tests.support.make_class import filled

CHECKOUT = Path(__file__).parents[2]
TO_SCREEN = "def to_screen(picture):\n    return ((picture + 1) * 127.5).round().clamp(0, 255)\n"
PATIENCE = 120  # seconds for a whole run of nbgrader
# Nothing but a limit of the whole machine ends these; the machine that measures is spared.
NOT_RUN = {"a fork bomb", "20 GB in many processes"}


def ours(source: str, *, spy: bool) -> tuple[str, float]:
    """What `blend` and the honest exercise beside it earned, or what a spy found; and the seconds."""
    start = time.monotonic()
    with Sandbox(Limits()) as box:
        with box.function("blend", [source, TO_SCREEN], [0]) as blend:
            answer = blend(0, 0, 0) if spy else str(int(checks.blend(blend).passed))
        with box.function("to_screen", [source, TO_SCREEN], [1]) as to_screen:
            other = str(int(checks.to_screen(to_screen).passed))
    said = ("finds nothing" if answer == "[]" else f"finds {answer}") if spy else f"{answer} + {other}"
    return said, time.monotonic() - start


def nbgraders(root: Path, student: str, *, spy: bool) -> tuple[str, float]:
    """The same from plain nbgrader, in a copy of the course directory."""
    with tempfile.TemporaryDirectory(prefix="plain-") as folder:
        course = Path(folder) / "course"
        shutil.copytree(root, course)
        program = [sys.executable, "-m", "nbgrader", "autograde", LESSON, f"--student={student}"]
        walls = ["bwrap", "--die-with-parent", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--ro-bind", "/", "/"]
        walls += ["--dev", "/dev", "--proc", "/proc", "--size", str(2**30), "--tmpfs", "/tmp"]
        walls += ["--bind", str(course), "/tmp/course", "--ro-bind", str(CHECKOUT), "/tmp/checkout"]
        walls += ["--chdir", "/tmp/course", "--"]
        path = str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]
        settled = {**os.environ, "PATH": path, "PYTHONPATH": "/tmp/checkout", "HOME": "/tmp", "SECRET": "SECRET"}
        start = time.monotonic()
        limited = ["prlimit", f"--as={6 * 2**30}", f"--fsize={2**30}", "--", *walls, *program]
        run = subprocess.Popen(limited, env=settled, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            ended = "" if run.wait(PATIENCE) in (0, 1) else ", the run itself is ended"
        except subprocess.TimeoutExpired:
            run.kill()
            run.wait()
            ended = f", the run still hangs after {PATIENCE} s"
        took = time.monotonic() - start
        if spy:
            evidence = course / "autograded" / student / LESSON / "evidence"
            kept = list(course.rglob("evidence")) or [evidence]
            answer = kept[0].read_text() if kept[0].exists() else "no answer"
            return ("finds nothing" if answer == "[]" else f"finds: {answer[:60]}") + ended, took
        return points(course, student) + ended, took


def points(course: Path, student: str) -> str:
    from nbgrader.api import Gradebook, MissingEntry

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        try:
            grades = {one.name: one for one in book.find_submission_notebook(LESSON, LESSON, student).grades}
        except MissingEntry:
            return "not graded"
        answer = [grades[f"check-{name}"].auto_score for name in ("blend", "to_screen")]
        return "not graded" if None in answer else " + ".join(f"{score:g}" for score in answer)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = make_course_directory(Path(folder) / "course", CHECKOUT, only=("blend", "to_screen"))
        empty = read(root, "release")
        print("| Submission | `course grade` | s | plain nbgrader | s |")
        print("| --- | --- | ---: | --- | ---: |", flush=True)
        everything = {"a right answer": RIGHT, **HARMLESS, **HOSTILE, **SPIES}
        for number, (name, source) in enumerate(everything.items()):
            spy = name in SPIES
            answer, seconds = ours(source, spy=spy)
            more = "\nopen('evidence', 'w').write(blend(0, 0, 0))" if spy else ""
            student = f"student{number}"
            hand_in(root, student, filled(empty, {"blend": source + more, "to_screen": TO_SCREEN}))
            theirs, theirs_took = ("not run: it could harm this machine", 0.0)
            if name not in NOT_RUN:
                theirs, theirs_took = nbgraders(root, student, spy=spy)
            shutil.rmtree(root / "submitted" / student)
            shown = theirs.replace("|", "\\|").replace("\n", " ")
            print(f"| {name} | {answer} | {seconds:.0f} | {shown} | {theirs_took:.0f} |", flush=True)


if __name__ == "__main__":
    main()
