"""Grades a class without trusting what it handed in: `course grade COURSE_DIR`.

For each submission the judge, out here, asks the functions inside a sandbox (`sandbox.py`) what the lesson's own checks
ask, with the lesson's inputs and with those of the hidden tests that `course assign` drew.  What it finds goes into
nbgrader's gradebook; feedback is nbgrader's.
"""

import difflib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from course_lib.errors import CourseError
from course_tools.classroom import sandbox
from course_tools.classroom.collect import without_submission
from course_tools.classroom.feedback import ExerciseResult, harmless, result_of
from course_tools.classroom.gradebook import Course, Submission
from course_tools.classroom.grades import finished_rows, rules, write_grades
from course_tools.classroom.history import Clock, grading, said, write_log
from course_tools.classroom.report import plot_summary, summary
from course_tools.classroom.sandbox import Sandbox, unavailable_reason
from course_tools.files import printable

UNSAFE = (
    "With --no-sandbox the submissions run as you, on this machine: they can read, change and delete your files, the "
    "gradebook too, and use the network.  Time and memory are still limited, and points still come from the judge's "
    "own process.  Do this only in a machine made for it, that you can throw away."
)
_OTHER = "It is right for the inputs in the lesson, but not for others."


@dataclass(frozen=True)
class Again:
    """What an instructor wants judged once more, though nothing changed: "" stands for all."""

    student: str = ""
    lesson: str = ""
    exercise: str = ""

    def __bool__(self) -> bool:
        return bool(self.student or self.lesson or self.exercise)


def grade(
    folder: Path,
    *,
    jobs: int = 1,
    isolated: bool = True,
    scheduler: str | None = None,
    again: Again = Again(),
    say: Callable[[str], None] = print,
) -> list[dict[str, Any]]:
    """Grade everything below `submitted/` that is not graded yet, and write feedback, grades.csv and grades.png.

    jobs: how many submissions at once on this machine.  scheduler: the address of a dask.distributed scheduler, say
    tcp://10.0.0.1:8786, whose workers judge instead; gradebook and files stay with this process.
    again: if it names anything, that is judged, graded before or not, and nothing else.
    Returns the rows of grades.csv; of whom nothing could be laid out, stands there by name alone, and not in these.
    Killed at any moment, it goes on where it was when it is called again.
    Raises CourseError if this is no course directory, if submissions can't be run here, or for a name that nobody has.
    """
    course = Course(folder)
    rules(course)  # a slip in course.toml is said before anything is judged
    if isolated and scheduler is None and (reason := unavailable_reason()) is not None:
        raise CourseError(f"{reason} Without it, --no-sandbox would run them as you.")
    if not isolated:
        say(UNSAFE)
    found = course.submissions()
    if not found:
        raise CourseError(f"there is no notebook of a known lesson in {course.submitted}; run `course collect` first.")
    waiting = _waiting(course, found, again)
    if again:
        say(f"{len(waiting)} of {len(found)} submissions are judged again.")
    else:
        say(f"{len(found)} submissions, {len(found) - len(waiting)} of them graded before.")
    clock = Clock(len(waiting))
    submissions = _announced(course, waiting, again, clock, say, isolated=isolated)
    for number, (submission, results, seconds) in enumerate(_all_judged(submissions, jobs, scheduler), start=1):
        student, lesson = submission.student, submission.lesson
        before = course.state(student, lesson)
        if len(results) < len(course.exercises(lesson)):  # one exercise alone was judged
            results = {name: ExerciseResult(**result) for name, result in before["findings"].items()} | results
        history = [*before.get("history", []), grading(course, lesson, before, results, asked=bool(again))]
        findings = {name: asdict(result) for name, result in results.items()}
        state = {"digest": submission.digest, "findings": findings, "history": history}
        course.keep(student, lesson, state)
        course.enter(student, lesson, state)
        clock.tick()
        score, most, by_hand = course.points(student, lesson)
        hand = ", the rest by hand" if by_hand else ""
        say(f"{number}/{len(waiting)} {printable(student)} {lesson}: {score:g} of {most:g}{hand}, {seconds:.1f} s")
        for line in said(history):
            say(line)
    graded = course.graded(found)
    course.write_feedback(graded, say)
    return _tell(course, graded, say)


def _waiting(course: Course, found: Sequence[tuple[str, str]], again: Again) -> list[tuple[str, str]]:
    """What is to be judged; what was judged and not entered, because the run was killed between, is entered."""
    if again:
        return _chosen(course, found, again)
    waiting = []
    for student, lesson in found:
        state = course.state(student, lesson)
        if state.get("digest") != course.digest(student, lesson):
            waiting.append((student, lesson))
        elif not state.get("entered"):  # killed between the two
            course.enter(student, lesson, state)
    return waiting


def _chosen(course: Course, found: Sequence[tuple[str, str]], again: Again) -> list[tuple[str, str]]:
    """The submissions that an instructor means.  Raises CourseError for a name that none has."""
    student, lesson = again.student, again.lesson
    if student and course.roster:
        student = course.roster.called(student).student
    lessons = sorted({one for _, one in found})
    exercises = sorted({name for one in lessons if lesson in ("", one) for name in course.exercises(one)})
    for what, name, names in (
        ("student", student, [one for one, _ in found]),
        ("lesson", lesson, lessons),
        ("exercise with a check", again.exercise, exercises),
    ):
        if name and name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"; the nearest is {near[0]}" if near else f"; there are {', '.join(names[:10])}"
            raise CourseError(f"there is no {what} {name!r} in what was handed in{hint}.")
    chosen = [(one, its) for one, its in found if student in ("", one) and lesson in ("", its)]
    chosen = [(one, its) for one, its in chosen if again.exercise in ("", *course.exercises(its))]
    if not chosen:
        raise CourseError(f"{student} handed in no {lesson or 'lesson'} with {again.exercise or 'a check'}.")
    return chosen


def _announced(
    course: Course,
    waiting: Sequence[tuple[str, str]],
    again: Again,
    clock: Clock,
    say: Callable[[str], None],
    *,
    isolated: bool,
) -> Iterator[Submission]:
    """The submissions, each named before it is judged, so that a run that stands still says where."""
    for student, lesson in waiting:
        say(f"Judging {printable(student)} {lesson}{clock}.")
        submission = course.read_submission(student, lesson, isolated=isolated)
        # One exercise alone only where the others were judged as they are now.
        if again.exercise and course.state(student, lesson).get("digest") == submission.digest:
            one = {again.exercise: submission.exercises[again.exercise]}
            submission = replace(submission, exercises=one)
        yield submission


def _tell(course: Course, graded: Sequence[tuple[str, str]], say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Write the tables and the picture of what is graded, and say what is in them."""
    rows, notes = finished_rows(course, graded)
    refused = without_submission(course.root)
    write_grades(course, rows, refused)
    write_log(course, graded)
    heard = course.heard(graded)
    for line in (*summary(rows, heard), *notes):
        say(line)
    if refused:
        say(f"Nothing could be graded of: {', '.join(map(printable, refused))}; collect-report.txt says why.")
    plot_summary(rows, heard, course.root / "grades.png")
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
                result = result_of(verdict)
            except Exception as error:  # an answer of a kind that no one thought of
                message = f"Not yet. The check can't read what your function gives back ({type(error).__name__})."
                result = ExerciseResult(False, harmless(message))
            if not result.passed:
                return result if seed == 0 else ExerciseResult(False, _OTHER)
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
