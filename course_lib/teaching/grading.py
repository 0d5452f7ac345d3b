"""Grades a class without trusting what it handed in: `course grade COURSE_DIR`.

For each submission the judge, out here, asks the functions inside a sandbox (`sandbox.py`) what the lesson's own checks
ask, with the lesson's inputs and with those of the hidden tests that `course assign` drew.  What it finds goes into
nbgrader's gradebook; feedback is nbgrader's.
"""

import copy
import csv
import hashlib
import html
import io
import json
import os
import re
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import suppress
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from course_lib.errors import CourseError
from course_lib.teaching.assign import hidden_seeds
from course_lib.teaching.build import notebook_text, write_beside
from course_lib.teaching.collect import printable
from course_lib.teaching.repair import has_too_many_parts
from course_lib.teaching.sandbox import Limits, Sandbox, missing

LARGEST = 200 * 2**20  # bytes of a notebook
LONGEST = 20_000  # letters of a cell, or of an answer, that a feedback page shows
TOGETHER = 10  # feedback pages that nbgrader makes in one go
MOST_CELLS = 50  # of a submission's own, that a feedback page shows
UNSAFE = (
    "With --no-sandbox the submissions run as you, on this machine: they can read, change and delete your files, the "
    "gradebook too, and use the network.  Time and memory are still limited, and points still come from the judge's "
    "own process.  Do this only in a machine made for it, that you can throw away."
)
_OTHER = "It is right for the inputs in the lesson, but not for others."
_PICTURE = re.compile(r"data:image/[\w.+-]+;base64,[\w+/=]*")  # as Colab keeps one in a text
# What a page would take for a tag, a link or a formula, as letters that look alike.
_HARMLESS = str.maketrans({"<": "＜", ">": "＞", "&": "＆", "#": "＃", "$": "＄", "\\": "＼", "[": "［", "]": "］"})


@dataclass(frozen=True)
class Work:
    """What the judge has to know of one submission: plain data, so that it can go to another machine."""

    student: str
    lesson: str
    digest: str  # of the file, the inputs and the limits: what was judged once by it is not judged again
    exercises: Mapping[str, tuple[int, ...]]  # for each the seeds of its hidden tests
    cells: tuple[str, ...]  # the sources of the code cells
    homes: Mapping[str, tuple[int, ...]]  # for each exercise the numbers of the cells made for it
    limits: Limits
    isolated: bool


@dataclass(frozen=True)
class Finding:
    """Whether an exercise is right, and what its author reads of it."""

    passed: bool
    message: str


@dataclass
class Part:
    """A cell of the gradebook that gives points: an exercise with a check, or an answer that a person grades."""

    cell: str  # the grade_id that has the points
    name: str  # of the exercise
    points: float
    by_hand: bool
    seeds: tuple[int, ...]  # of its hidden tests


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
    Returns the rows of grades.csv.  Killed at any moment, it goes on where it was when it is called again.
    Raises CourseError if this is no course directory, or if submissions can't be run here.
    """
    course = Course(folder)
    if isolated and scheduler is None and (why := missing()) is not None:
        raise CourseError(f"{why} Without it, --no-sandbox would run them as you.")
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
    works = (course.work(student, lesson, isolated=isolated) for student, lesson in waiting)
    for number, (work, findings, seconds) in enumerate(_all_judged(works, jobs, scheduler), start=1):
        state = {"digest": work.digest, "findings": {name: asdict(one) for name, one in findings.items()}}
        course.keep(work.student, work.lesson, state)
        course.enter(work.student, work.lesson, state)
        score, most, by_hand = course.points(work.student, work.lesson)
        hand = ", the rest by hand" if by_hand else ""
        points = f"{score:g} of {most:g}{hand}"
        say(f"{number}/{len(waiting)} {printable(work.student)} {work.lesson}: {points}, {seconds:.1f} s")
    course.write_feedback(found, say)
    rows = course.rows(found)
    write_beside(course.root / "grades.csv", _csv(rows))
    failed = course.most_failed(found)
    for line in summary(rows, failed):
        say(line)
    draw(rows, failed, course.root / "grades.png")
    return rows


# --- Judging: in a process that never runs a line of the submission --------------------------------------------------


def judged(work: Work) -> dict[str, Finding]:
    """What the checks find of each exercise.  Raises SandboxError if the sandbox itself does not work."""
    os.environ.pop("NBGRADER_EXECUTION", None)  # by which a check raises what it found
    with Sandbox(work.limits, isolated=work.isolated) as box:
        return {name: _finding(box, work, name) for name in work.exercises}


def _finding(box: Sandbox, work: Work, name: str) -> Finding:
    from course_lib import checks

    check = getattr(checks, name)
    with box.function(name, work.cells, work.homes.get(name, ())) as function:
        for seed in (0, *work.exercises[name]):
            try:
                verdict = check(function, seed=seed)
                passed, said = verdict.passed, repr(verdict)
            except Exception as error:  # an answer of a kind that no one thought of
                passed, said = (
                    False,
                    f"Not yet. The check can't read what your function gives back ({type(error).__name__}).",
                )
            if not passed:
                return Finding(False, harmless(said) if seed == 0 else _OTHER)
    return Finding(True, "Passed.")


def harmless(text: str) -> str:
    """A text that holds words of a submission, as letters that no terminal, page or formula does anything with."""
    text = printable(text)[:1000]
    return text.translate(_HARMLESS)


def _timed(work: Work) -> tuple[dict[str, Finding], float]:
    start = time.monotonic()
    return judged(work), time.monotonic() - start


def _all_judged(
    works: Iterator[Work], jobs: int, scheduler: str | None
) -> Iterator[tuple[Work, dict[str, Finding], float]]:
    """Each submission with what was found, as they are done; no more than is needed is read ahead."""
    if scheduler is not None:
        with _cluster(scheduler) as client:
            workers = sum(client.nthreads().values())
            # A worker that is lost took nothing with it: what it judged is judged by another.
            yield from _through(client.get_executor(pure=False, retries=3), works, 2 * max(1, workers))
    elif jobs == 1:
        for work in works:
            yield work, *_timed(work)
    else:
        # A new Python for each: a process that was forked from one with threads may hang.
        pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_end_with_parent)
        try:
            yield from _through(pool, works, 2 * jobs)
        finally:
            pool.shutdown(cancel_futures=True)


def _cluster(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise CourseError('--scheduler needs dask.distributed: python -m pip install "course_lib[cluster]".') from None
    try:
        return Client(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError):
        raise CourseError(
            f"no scheduler answers at {address}: start one with `dask scheduler`, and its workers."
        ) from None


def _through(pool: Executor, works: Iterator[Work], ahead: int) -> Iterator[tuple[Work, dict[str, Finding], float]]:
    running: dict[Future[Any], Work] = {}
    for work in works:
        running[pool.submit(_timed, work)] = work
        while len(running) >= ahead:
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(done), *done.result()
    while running:
        for done in wait(running, return_when=FIRST_COMPLETED).done:
            yield running.pop(done), *done.result()


def _end_with_parent() -> None:
    from course_lib.teaching.worker import die_with_parent

    die_with_parent()


# --- The course directory ---------------------------------------------------------------------------------------------


class Course:
    """An nbgrader course directory: its submissions, its gradebook, and what this module keeps beside them."""

    def __init__(self, folder: Path) -> None:
        self.root = folder.resolve()
        if not (self.root / "gradebook.db").exists():
            raise CourseError(f"there is no gradebook.db in {folder}; make a course directory with `course assign`.")
        # nbgrader starts alembic by name.
        os.environ["PATH"] = str(Path(sys.executable).parent) + os.pathsep + os.environ.get("PATH", os.defpath)
        from nbgrader.coursedir import CourseDirectory
        from traitlets.config.loader import PyFileConfigLoader

        settings = self.root / "nbgrader_config.py"
        self.config = (
            PyFileConfigLoader(settings.name, path=str(self.root)).load_config() if settings.exists() else None
        )
        self.directory = CourseDirectory(config=self.config)
        self.directory.root = str(self.root)
        self.submitted = self.root / self.directory.submitted_directory
        self.limits = self._limits()
        self.parts: dict[str, list[Part]] = {}
        with self.gradebook() as book:
            for assignment in book.assignments:
                names = [notebook.name for notebook in assignment.notebooks]
                if assignment.name in names:
                    notebook = next(one for one in assignment.notebooks if one.name == assignment.name)
                    self.parts[assignment.name] = _parts(notebook)
        self.released = {lesson: self._released(lesson) for lesson in self.parts}

    def gradebook(self) -> Any:
        from nbgrader.api import Gradebook

        return Gradebook(self.directory.db_url, self.directory.course_id)

    def _limits(self) -> Limits:
        """The limits of this class, in a file that an instructor may change."""
        path = self.root / "grading.json"
        if not path.exists():
            write_beside(path, json.dumps(asdict(Limits()), indent=1) + "\n")
        try:
            return Limits(**{name: int(most) for name, most in json.loads(path.read_text(encoding="utf-8")).items()})
        except (ValueError, TypeError, AttributeError):
            raise CourseError(f"{path} can't be read; mend it, or delete it and the usual limits hold.") from None

    def _released(self, lesson: str) -> NotebookNode:
        path = self.root / self.directory.release_directory / lesson / f"{lesson}.ipynb"
        try:
            return nbformat.read(path, as_version=4)
        except Exception:
            raise CourseError(f"{path} is missing or no notebook; release it anew with `course assign`.") from None

    # --- What was handed in

    def submissions(self) -> list[tuple[str, str]]:
        """Student and lesson of each notebook that was handed in.  Links are left out: they may lead anywhere."""
        found = []
        for path in sorted(self.submitted.glob("*/*/*.ipynb")):
            lesson = path.parent.name
            linked = any(part.is_symlink() for part in (path, path.parent, path.parent.parent))
            if lesson in self.parts and path.stem == lesson and path.is_file() and not linked:
                found.append((path.parent.parent.name, lesson))
        return found

    def path(self, student: str, lesson: str) -> Path:
        return self.submitted / student / lesson / f"{lesson}.ipynb"

    def digest(self, student: str, lesson: str) -> str:
        """Of all that a judgement depends on."""
        seeds = [part.seeds for part in self.parts[lesson]]
        told = hashlib.sha256(json.dumps([seeds, asdict(self.limits)]).encode())
        with self.path(student, lesson).open("rb") as file:
            while some := file.read(2**20):
                told.update(some)
        return told.hexdigest()

    def work(self, student: str, lesson: str, *, isolated: bool) -> Work:
        exercises = {part.name: part.seeds for part in self.parts[lesson] if not part.by_hand}
        cells = [cell for cell in _cells(self.path(student, lesson)) if cell["kind"] == "code"]
        homes = {name: tuple(i for i, cell in enumerate(cells) if cell["id"] == name) for name in exercises}
        digest, sources = self.digest(student, lesson), tuple(cell["source"] for cell in cells)
        return Work(student, lesson, digest, exercises, sources, homes, self.limits, isolated)

    # --- What is known of it: a file for each, written whole or not at all

    def _kept(self, student: str, lesson: str) -> Path:
        return self.root / "graded" / student / f"{lesson}.json"

    def state(self, student: str, lesson: str) -> dict[str, Any]:
        try:
            state = json.loads(self._kept(student, lesson).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return state if isinstance(state, dict) else {}

    def keep(self, student: str, lesson: str, state: dict[str, Any]) -> None:
        write_beside(self._kept(student, lesson), json.dumps(state, indent=1) + "\n")

    def enter(self, student: str, lesson: str, state: dict[str, Any]) -> None:
        """Enter into the gradebook what was found; twice is as once."""
        findings = {name: Finding(**one) for name, one in state["findings"].items()}
        answers = self._write_autograded(student, lesson, findings)
        time_of = self.directory.get_existing_timestamp(str(self.path(student, lesson).parent))
        with self.gradebook() as book, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of nbgrader's own way with its database
            book.update_or_create_student(student)
            book.update_or_create_submission(lesson, student, **({"timestamp": time_of} if time_of else {}))
            for part in self.parts[lesson]:
                row = book.find_grade(part.cell, lesson, lesson, student)
                comment = book.find_comment(part.name, lesson, lesson, student)
                before = row.auto_score
                if part.by_hand:
                    written = part.name in answers
                    row.auto_score, comment.auto_comment = (None, None) if written else (0, "No response.")
                    row.needs_manual_grade = written
                else:
                    row.auto_score = part.points if findings[part.name].passed else 0
                    comment.auto_comment = findings[part.name].message
                    # As nbgrader does: what a person changed has to be looked at again when it changes under them.
                    changed = row.manual_score is not None and before != row.auto_score
                    row.needs_manual_grade = changed or (row.manual_score is not None and row.needs_manual_grade)
            book.db.commit()
        self.keep(student, lesson, state | {"entered": True})

    def points(self, student: str, lesson: str) -> tuple[float, float, bool]:
        """Points, the most that there are, and whether a person has to give some of them."""
        with self.gradebook() as book:
            notebook = book.find_submission_notebook(lesson, lesson, student)
            return notebook.score, notebook.max_score, notebook.needs_manual_grade

    def _write_autograded(self, student: str, lesson: str, findings: Mapping[str, Finding]) -> set[str]:
        """Write what formgrader and feedback show; returns the names of the answers for a person that were written."""
        notebook, answers = shown(self.released[lesson], _cells(self.path(student, lesson)), findings)
        folder = self.root / self.directory.autograded_directory / student / lesson
        write_beside(folder / f"{lesson}.ipynb", notebook_text(notebook))
        stamp = self.path(student, lesson).parent / "timestamp.txt"
        if stamp.is_file() and not stamp.is_symlink():
            write_beside(folder / "timestamp.txt", stamp.read_text(encoding="utf-8", errors="replace")[:100])
        return answers

    # --- What comes of it

    def write_feedback(self, found: Sequence[tuple[str, str]], say: Callable[[str], None]) -> None:
        """Have nbgrader write the pages whose grades or comments changed since they were written, by a person too."""
        from nbgrader.converters import GenerateFeedback

        class These(GenerateFeedback):
            def init_notebooks(self) -> None:
                """Nothing to search: nbgrader's search takes a name with brackets for a pattern."""

        stale: dict[str, list[tuple[str, str]]] = {}
        for student, lesson in found:
            told = self._told(student, lesson)
            page = self.root / self.directory.feedback_directory / student / lesson / f"{lesson}.html"
            if self.state(student, lesson).get("feedback") != told or not page.exists():
                with suppress(FileNotFoundError):
                    page.unlink()
                stale.setdefault(lesson, []).append((student, told))
        for lesson, students in stale.items():
            say(f"Feedback of {lesson} for {len(students)}.")
            for start in range(0, len(students), TOGETHER):
                some = students[start : start + TOGETHER]
                folders = [self.root / self.directory.autograded_directory / student / lesson for student, _ in some]
                converter = These(coursedir=self.directory, config=self.config)
                converter.assignments = {str(folder): [str(folder / f"{lesson}.ipynb")] for folder in folders}
                converter.log.setLevel("ERROR")
                converter.force = True
                converter.start()
                for student, told in some:
                    self.keep(student, lesson, self.state(student, lesson) | {"feedback": told})

    def _told(self, student: str, lesson: str) -> str:
        """A digest of what a feedback page says."""
        with self.gradebook() as book:
            notebook = book.find_submission_notebook(lesson, lesson, student)
            grades = sorted([one.name, one.score, one.max_score] for one in notebook.grades)
            comments = sorted([one.name, str(one.comment)] for one in notebook.comments)
        findings = self.state(student, lesson).get("digest")
        return hashlib.sha256(json.dumps([grades, comments, findings]).encode()).hexdigest()

    def rows(self, found: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
        rows = []
        for student, lesson in found:
            score, most, by_hand = self.points(student, lesson)
            row = {"student": student, "lesson": lesson, "score": score, "max_score": most}
            rows.append(row | {"needs_manual_grade": by_hand})
        return rows

    def most_failed(self, found: Sequence[tuple[str, str]]) -> list[tuple[str, str, int, int, str]]:
        """Lesson, exercise, how many failed, of how many, and what most of them heard; the hardest first."""
        heard: dict[tuple[str, str], list[str | None]] = {}
        for student, lesson in found:
            for name, one in self.state(student, lesson).get("findings", {}).items():
                first = one["message"].partition("\n")[0]
                heard.setdefault((lesson, name), []).append(None if one["passed"] else first)
        told = []
        for (lesson, name), messages in heard.items():
            wrong = Counter(message for message in messages if message)
            if wrong:
                told.append((lesson, name, wrong.total(), len(messages), wrong.most_common(1)[0][0]))
        return sorted(told, key=lambda one: -one[2] / one[3])


def _parts(notebook: Any) -> list[Part]:
    """What gives points in a lesson, and how many: from the gradebook, never from a submission."""
    from course_lib import checks

    solutions = {cell.name for cell in notebook.solution_cells}
    sources = {cell.name: cell.source for cell in notebook.source_cells}
    parts = []
    for cell in notebook.grade_cells:
        name = cell.name.removeprefix("check-")
        by_hand = cell.name in solutions
        if not by_hand and not (cell.name.startswith("check-") and callable(getattr(checks, name, None))):
            raise CourseError(
                f"{notebook.name} gives points for {cell.name}, for which there is no check in course_lib."
            )
        seeds = tuple(hidden_seeds(sources.get(cell.name) or ""))
        if not by_hand and not seeds:
            raise CourseError(
                f"{notebook.name} has no hidden test for {name} in the gradebook; release it anew with `course assign`."
            )
        parts.append(Part(cell.name, name, cell.max_score, by_hand, seeds))
    return parts


def _cells(path: Path) -> list[dict[str, str]]:
    """The cells of a notebook that nobody vouches for: kind, source and grade_id, "" where there is none."""
    try:
        if path.stat().st_size > LARGEST:
            return []
        data = path.read_bytes()
        if has_too_many_parts(data):
            return []
        told = json.loads(data)
        cells = told["cells"] if "cells" in told else told["worksheets"][0]["cells"]
    except (OSError, ValueError, TypeError, KeyError, IndexError, RecursionError):
        return []
    found = []
    for cell in cells if isinstance(cells, list) else []:
        if isinstance(cell, dict):
            source = cell.get("source", cell.get("input", ""))
            source = "".join(map(str, source)) if isinstance(source, list) else str(source)
            kept: Any = cell.get("metadata")
            kept = kept.get("nbgrader") if isinstance(kept, dict) else None
            name = kept.get("grade_id") if isinstance(kept, dict) else ""
            source = source.encode("utf-8", "replace").decode()  # half a letter can't be written anywhere
            found.append(
                {"kind": str(cell.get("cell_type")), "source": source, "id": name if isinstance(name, str) else ""}
            )
    return found


def shown(
    released: NotebookNode, cells: Sequence[dict[str, str]], findings: Mapping[str, Finding]
) -> tuple[NotebookNode, set[str]]:
    """The released notebook with a submission's code and answers as text, the verdicts under the checks.

    Nothing else of the submission is in it: no outputs, no metadata, no markdown that a page would render.
    Returns it and the names of the answers for a person that differ from what was released.
    """
    notebook, answers = copy.deepcopy(released), set()
    own = [cell for cell in cells if cell["kind"] == "code"]
    used = {cell.source for cell in released.cells}
    for cell in notebook.cells:
        graded = cell.metadata.get("nbgrader", {})
        name = graded.get("grade_id", "")
        if graded.get("solution") and cell.cell_type == "code":
            told = _code_of(own, name)
            used.add(told or "")
            cell.source = _code_to_show(told) if told else cell.source
        elif graded.get("solution"):
            written = [
                one["source"] for one in cells if one["id"] == name and one["source"].strip() != cell.source.strip()
            ]
            if written and written[-1].strip():
                answers.add(name)
                cell.source = as_written(written[-1])
        elif graded.get("grade") and name.removeprefix("check-") in findings:
            said = findings[name.removeprefix("check-")].message
            cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=said + "\n")]
    more = [one["source"] for one in own if one["source"].strip() and one["source"] not in used]
    if more:
        notebook.cells.append(nbformat.v4.new_markdown_cell("## Other code of this submission", id="other-code"))
    for number, source in enumerate(more[:MOST_CELLS]):
        notebook.cells.append(nbformat.v4.new_code_cell(_code_to_show(source), id=f"other-{number}"))
    return notebook, answers


def _code_to_show(source: str) -> str:
    """The code with at most two blank lines in a row: the pages' highlighter takes minutes for thousands."""
    kept: list[str] = []
    for line in source.splitlines(keepends=True):
        if line.strip() or any(before.strip() for before in kept[-2:]):
            kept.append(line)
    return _cut("".join(kept), "# [The rest is not shown.]")


def _cut(text: str, note: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}\n{note}"


def _code_of(cells: Sequence[dict[str, str]], name: str) -> str | None:
    """The cell to show for an exercise: the last made for it and filled in, else the last that defines its name."""
    from course_lib.teaching.worker import STUB

    defines = re.compile(rf"^(?:async )?(?:def|class) +{re.escape(name)}\b|^{re.escape(name)} *=", re.M)
    blank = re.compile(rf"^\s*raise .*{re.escape(STUB)}", re.M)
    there = [cell for cell in cells if defines.search(cell["source"])]
    tried = [cell for cell in there if not blank.search(cell["source"])]
    for choice in (
        [one for one in tried if one["id"] == name],
        tried,
        there,
        [one for one in cells if one["id"] == name],
    ):
        if choice:
            return choice[-1]["source"]
    return None


def as_written(text: str) -> str:
    """A text as markdown that shows it letter for letter: no tag, link or formula of it does anything."""
    text = _cut(_PICTURE.sub("[picture]", text), "[The rest is not shown.]")
    letters = html.escape(printable(text)).translate(
        {ord(letter): f"&#{ord(letter)};" for letter in "\n$\\`*_[]()#!~|"}
    )
    return f'<pre class="tex2jax_ignore" style="white-space: pre-wrap">{letters}</pre>'


# --- What an instructor reads -----------------------------------------------------------------------------------------


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        name = row["student"]
        # A spreadsheet takes what begins so for a formula.
        writer.writerow({**row, "student": f"'{name}" if name[:1] in "=+-@" else name})
    return text.getvalue()


def summary(rows: Sequence[Mapping[str, Any]], failed: Sequence[tuple[str, str, int, int, str]]) -> Iterator[str]:
    """Lines that tell how a class did: for each lesson its scores, then the exercises that most failed."""
    for lesson in dict.fromkeys(row["lesson"] for row in rows):
        some = [row for row in rows if row["lesson"] == lesson]
        scores = sorted(row["score"] for row in some)
        waiting = sum(row["needs_manual_grade"] for row in some)
        hand = f"; {waiting} to be graded by hand: open formgrader" if waiting else ""
        low, middle, high = scores[0], scores[len(scores) // 2], scores[-1]
        most = some[0]["max_score"]
        yield f"{lesson}: {len(some)} submissions, {low:g} to {high:g} of {most:g}, the middle one {middle:g}{hand}."
        for number in range(5):
            these = [row for row in some if number == min(4, int(5 * row["score"] / (most or 1)))]
            bar = "#" * round(40 * len(these) / len(some))
            yield f"  {20 * number:3} to {20 * number + 20:3} %  {bar:40} {len(these)}"
    for lesson, name, count, total, message in failed[:5]:
        yield f"{name} ({lesson}): {count} of {total} failed, most with: {message}"


def draw(rows: Sequence[Mapping[str, Any]], failed: Sequence[tuple[str, str, int, int, str]], path: Path) -> None:
    """The same as a picture; its two colours (of Okabe and Ito) differ for colour-blind eyes, too."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    shares = [100 * row["score"] / (row["max_score"] or 1) for row in rows]
    left.hist(shares, bins=range(0, 101, 10), color="#0072B2", edgecolor="white")
    left.set(xlabel="score, %", ylabel="submissions", xlim=(0, 100))
    some = failed[:12][::-1]
    right.barh([name for _, name, *_ in some], [100 * count / total for _, _, count, total, _ in some], color="#D55E00")
    right.set(xlabel="submissions that failed it, %", xlim=(0, 100))
    part = path.with_name(path.name + ".part")
    figure.savefig(part, format="png", dpi=120)
    os.replace(part, path)
