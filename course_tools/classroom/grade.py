"""Grades a class without trusting what it handed in: `course grade COURSE_DIR`.

For each submission the judge, out here, asks the functions inside a sandbox (`sandbox.py`) what the lesson's own checks
ask, with the lesson's inputs and with those of the hidden tests that `course assign` drew.  What it finds goes into
nbgrader's gradebook; feedback is nbgrader's.
"""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from course_lib.errors import CourseError
from course_lib.files import atomic_write
from course_tools.classroom import sandbox
from course_tools.classroom.collect import without_submission
from course_tools.classroom.feedback import ExerciseResult, harmless
from course_tools.classroom.gradebook import Course, Submission
from course_tools.classroom.report import as_csv, plot_summary, summary
from course_tools.classroom.sandbox import Sandbox, unavailable_reason
from course_tools.files import printable

UNSAFE = (
    "With --no-sandbox the submissions run as you, on this machine: they can read, change and delete your files, the "
    "gradebook too, and use the network.  Time and memory are still limited, and points still come from the judge's "
    "own process.  Do this only in a machine made for it, that you can throw away."
)
_OTHER = "It is right for the inputs in the lesson, but not for others."


def grade(
    folder: Path,
    *,
    jobs: int = 1,
    isolated: bool = True,
    scheduler: str | None = None,
    say: Callable[[str], None] = print,
) -> list[dict[str, Any]]:
    """Grade everything below `submitted/` that is not graded yet, and write feedback, grades.csv and grades.png.

    jobs: how many submissions at once on this machine.  scheduler: the address of a dask.distributed scheduler, say
    tcp://10.0.0.1:8786, whose workers judge instead; gradebook and files stay with this process.
    Returns the rows of grades.csv; of whom nothing could be laid out, stands there by name alone, and not in these.
    Killed at any moment, it goes on where it was when it is called again.
    Raises CourseError if this is no course directory, or if submissions can't be run here.
    """
    course = Course(folder)
    if isolated and scheduler is None and (reason := unavailable_reason()) is not None:
        raise CourseError(f"{reason} Without it, --no-sandbox would run them as you.")
    if not isolated:
        say(UNSAFE)
    found = course.submissions()
    if not found:
        raise CourseError(f"there is no notebook of a known lesson in {course.submitted}; run `course collect` first.")
    waiting = []
    for student, lesson in found:
        state = course.state(student, lesson)
        if state.get("digest") != course.digest(student, lesson):
            waiting.append((student, lesson))
        elif not state.get("entered"):  # killed between the two
            course.enter(student, lesson, state)
    say(f"{len(found)} submissions, {len(found) - len(waiting)} of them graded before.")
    submissions = (course.read_submission(student, lesson, isolated=isolated) for student, lesson in waiting)
    for number, (submission, results, seconds) in enumerate(_all_judged(submissions, jobs, scheduler), start=1):
        student, lesson = submission.student, submission.lesson
        state = {"digest": submission.digest, "findings": {name: asdict(result) for name, result in results.items()}}
        course.keep(student, lesson, state)
        course.enter(student, lesson, state)
        score, most, by_hand = course.points(student, lesson)
        hand = ", the rest by hand" if by_hand else ""
        say(f"{number}/{len(waiting)} {printable(student)} {lesson}: {score:g} of {most:g}{hand}, {seconds:.1f} s")
    course.write_feedback(found, say)
    rows = course.rows(found)
    missing = without_submission(course.root)
    atomic_write(course.root / "grades.csv", as_csv([*rows, *({"student": student} for student in missing)]))
    failed = course.most_failed(found)
    for line in summary(rows, failed):
        say(line)
    if missing:
        say(f"Nothing could be graded of: {', '.join(map(printable, missing))}; collect-report.txt says why.")
    plot_summary(rows, failed, course.root / "grades.png")
    return rows


# --- Judging: in a process that never runs a line of the submission --------------------------------------------------


def judge(submission: Submission) -> dict[str, ExerciseResult]:
    """What the checks say of each exercise.  Raises SandboxError if the sandbox itself does not work."""
    os.environ.pop("NBGRADER_EXECUTION", None)  # by which a check raises its verdict instead of returning it
    with Sandbox(submission.limits, isolated=submission.isolated) as box:
        return {name: _judge_exercise(box, submission, name) for name in submission.exercises}


def _judge_exercise(box: Sandbox, submission: Submission, name: str) -> ExerciseResult:
    from course_lib import checks

    check = getattr(checks, name)
    with box.function(name, submission.cells, submission.made_for.get(name, ())) as function:
        for seed in (0, *submission.exercises[name]):
            try:
                verdict = check(function, seed=seed)
                passed, message = verdict.passed, repr(verdict)
            except Exception as error:  # an answer of a kind that no one thought of
                passed, message = (
                    False,
                    f"Not yet. The check can't read what your function gives back ({type(error).__name__}).",
                )
            if not passed:
                return ExerciseResult(False, harmless(message) if seed == 0 else _OTHER)
    return ExerciseResult(True, "Passed.")


def _timed(submission: Submission) -> tuple[dict[str, ExerciseResult], float]:
    start = time.monotonic()
    return judge(submission), time.monotonic() - start


def _all_judged(
    submissions: Iterator[Submission], jobs: int, scheduler: str | None
) -> Iterator[tuple[Submission, dict[str, ExerciseResult], float]]:
    """Each submission with its results and the seconds they took, as they are done; few are read ahead."""
    if scheduler is not None:
        with _cluster(scheduler) as client:
            workers = sum(client.nthreads().values())
            # A worker that is lost took nothing with it: what it judged is judged by another.
            yield from _run_bounded(client.get_executor(pure=False, retries=3), submissions, 2 * max(1, workers))
    elif jobs == 1:
        try:
            for submission in submissions:
                yield submission, *_timed(submission)
        finally:
            sandbox.shared.end()
    else:
        # A new Python for each: a process that was forked from one with threads may hang.
        pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_end_with_parent)
        try:
            yield from _run_bounded(pool, submissions, 2 * jobs)
        finally:
            pool.shutdown(cancel_futures=True)


def _cluster(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise CourseError('--scheduler needs dask.distributed: python -m pip install "distributed>=2024.8".') from None
    try:
        return Client(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError):
        raise CourseError(
            f"no scheduler answers at {address}: start one with `dask scheduler`, and its workers."
        ) from None


def _run_bounded(
    pool: Executor, submissions: Iterator[Submission], at_once: int
) -> Iterator[tuple[Submission, dict[str, ExerciseResult], float]]:
    """Judge all in the pool, of which at most `at_once` are there at a time: a class would fill the memory."""
    running: dict[Future[Any], Submission] = {}
    for submission in submissions:
        running[pool.submit(_timed, submission)] = submission
        while len(running) >= at_once:
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(done), *done.result()
    while running:
        for done in wait(running, return_when=FIRST_COMPLETED).done:
            yield running.pop(done), *done.result()


def _end_with_parent() -> None:
    from course_tools.classroom.worker import die_with_parent

    die_with_parent()
