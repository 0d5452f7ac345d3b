"""The course directory: what was handed in, what was found of it, and nbgrader's gradebook."""

import hashlib
import json
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from course_lib.errors import CourseError
from course_lib.files import atomic_write
from course_tools.classroom.feedback import ExerciseResult, FeedbackPages, Graded, feedback_notebook
from course_tools.classroom.reading import shared_reader
from course_tools.classroom.report import Heard
from course_tools.classroom.roster import read_roster
from course_tools.classroom.sandbox import Limits
from course_tools.classroom.submission import graded_cells, hidden_seeds, made_for
from course_tools.files import commands_on_path
from course_tools.notebooks.lesson import notebook_text


@dataclass(frozen=True)
class Submission:
    """What the judge has to know of one submission: plain data, so that it can go to another machine."""

    student: str
    lesson: str
    digest: str  # of the file, the inputs and the limits: what was judged once by it is not judged again
    exercises: Mapping[str, tuple[int, ...]]  # for each the seeds of its hidden tests
    cells: tuple[str, ...]  # the sources of the code cells
    made_for: Mapping[str, tuple[int, ...]]  # for each exercise the numbers of the cells made for it
    limits: Limits
    isolated: bool


@dataclass
class GradedItem:
    """A cell of the gradebook that gives points: an exercise with a check, or an answer that a person grades."""

    cell: str  # the grade_id that has the points
    name: str  # of the exercise
    points: float
    by_hand: bool
    seeds: tuple[int, ...]  # of its hidden tests


class Course:
    """An nbgrader course directory: its submissions, its gradebook, and what this module keeps beside them."""

    def __init__(self, folder: Path) -> None:
        self.root = folder.resolve()
        if not (self.root / "gradebook.db").exists():
            raise CourseError(f"there is no gradebook.db in {folder}; make a course directory with `course assign`.")
        commands_on_path()
        from nbgrader.coursedir import CourseDirectory
        from traitlets.config.loader import PyFileConfigLoader

        settings = self.root / "nbgrader_config.py"
        self.config = (
            PyFileConfigLoader(settings.name, path=str(self.root)).load_config() if settings.exists() else None
        )
        self.directory = CourseDirectory(config=self.config)
        self.directory.root = str(self.root)
        self.submitted = self.root / self.directory.submitted_directory
        self.roster = read_roster(self.root)
        self.limits = self._limits()
        self.items: dict[str, list[GradedItem]] = {}
        with self.gradebook() as book:
            for assignment in book.assignments:
                names = [notebook.name for notebook in assignment.notebooks]
                if assignment.name in names:
                    notebook = next(one for one in assignment.notebooks if one.name == assignment.name)
                    self.items[assignment.name] = _graded_items(notebook)
        self.released = {lesson: self._released(lesson) for lesson in self.items}
        self.items = {lesson: _in_order(items, self.released[lesson]) for lesson, items in self.items.items()}

    def gradebook(self) -> Any:
        from nbgrader.api import Gradebook

        return Gradebook(self.directory.db_url, self.directory.course_id)

    def _limits(self) -> Limits:
        """The limits of this class, in a file that an instructor may change."""
        path = self.root / "grading.json"
        if not path.exists():
            atomic_write(path, json.dumps(asdict(Limits()), indent=1) + "\n")
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
            if lesson in self.items and path.stem == lesson and path.is_file() and not linked:
                found.append((path.parent.parent.name, lesson))
        return found

    def path(self, student: str, lesson: str) -> Path:
        return self.submitted / student / lesson / f"{lesson}.ipynb"

    def digest(self, student: str, lesson: str) -> str:
        """Of all that a judgement depends on."""
        seeds = [item.seeds for item in self.items[lesson]]
        digest = hashlib.sha256(json.dumps([seeds, asdict(self.limits)]).encode())
        with self.path(student, lesson).open("rb") as file:
            while block := file.read(2**20):
                digest.update(block)
        return digest.hexdigest()

    def read_submission(self, student: str, lesson: str, *, isolated: bool) -> Submission:
        exercises = self.exercises(lesson)
        cells = [cell for cell in shared_reader().cells(self.path(student, lesson)) if cell.kind == "code"]
        own = {name: made_for(cells, name) for name in exercises}
        digest, sources = self.digest(student, lesson), tuple(cell.source for cell in cells)
        return Submission(student, lesson, digest, exercises, sources, own, self.limits, isolated)

    def exercises(self, lesson: str) -> dict[str, tuple[int, ...]]:
        """The exercises of a lesson that have a check, each with the seeds of its hidden tests."""
        return {item.name: item.seeds for item in self.items[lesson] if not item.by_hand}

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
        atomic_write(self._kept(student, lesson), json.dumps(state, indent=1) + "\n")

    def enter(self, student: str, lesson: str, state: dict[str, Any]) -> None:
        """Enter into the gradebook what was found; to do it again changes nothing."""
        results = {name: ExerciseResult(**result) for name, result in state["findings"].items()}
        answers = self._write_autograded(student, lesson, results)
        time_of = self.directory.get_existing_timestamp(str(self.path(student, lesson).parent))
        with self.gradebook() as book, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of nbgrader's own way with its database
            book.update_or_create_student(student, **self._names(student))
            book.update_or_create_submission(lesson, student, **({"timestamp": time_of} if time_of else {}))
            for item in self.items[lesson]:
                row = book.find_grade(item.cell, lesson, lesson, student)
                comment = book.find_comment(item.name, lesson, lesson, student)
                before = row.auto_score
                if item.by_hand:
                    written = item.name in answers
                    row.auto_score, comment.auto_comment = (None, None) if written else (0, "No response.")
                    row.needs_manual_grade = written
                else:
                    row.auto_score = item.points if results[item.name].passed else 0
                    comment.auto_comment = results[item.name].message
                    # As nbgrader does: what a person changed has to be looked at again when it changes under them.
                    changed = row.manual_score is not None and before != row.auto_score
                    row.needs_manual_grade = changed or (row.manual_score is not None and row.needs_manual_grade)
            book.db.commit()
        self.keep(student, lesson, state | {"entered": True})

    def _names(self, student: str) -> dict[str, str]:
        """What nbgrader keeps of a student beside the folder's name, as far as the roster has it."""
        person = self.roster.of(student) if self.roster else None
        if person is None:
            return {}
        first, _, last = person.name.rpartition(" ")
        return {"first_name": first, "last_name": last, "email": person.mail}

    def graded(self, found: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """Those of the submissions that are in the gradebook as they are."""
        states = ((one, self.state(*one)) for one in found)
        return [one for one, state in states if state.get("entered") and state.get("digest") == self.digest(*one)]

    def stamp(self, student: str, lesson: str) -> datetime | None:
        """The time in the submission's timestamp.txt; none if there is none that can be read."""
        path = self.path(student, lesson).parent / "timestamp.txt"
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                text = "" if path.is_symlink() else file.read(19)
            return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        except (OSError, ValueError):
            return None

    def points(self, student: str, lesson: str) -> tuple[float, float, bool]:
        """Points, the most that there are, and whether a person has to give some of them."""
        with self.gradebook() as book:
            notebook = book.find_submission_notebook(lesson, lesson, student)
            return notebook.score, notebook.max_score, notebook.needs_manual_grade

    def _write_autograded(self, student: str, lesson: str, results: Mapping[str, ExerciseResult]) -> set[str]:
        """Write what formgrader and feedback show; returns the names of the answers for a person that were written."""
        cells = shared_reader().cells(self.path(student, lesson))
        notebook, answers = feedback_notebook(self.released[lesson], cells, results)
        folder = self.root / self.directory.autograded_directory / student / lesson
        atomic_write(folder / f"{lesson}.ipynb", notebook_text(notebook))
        stamp = self.path(student, lesson).parent / "timestamp.txt"
        if stamp.is_file() and not stamp.is_symlink():
            atomic_write(folder / "timestamp.txt", stamp.read_text(encoding="utf-8", errors="replace")[:100])
        return answers

    # --- What comes of it

    def write_feedback(self, found: Sequence[tuple[str, str]], say: Callable[[str], None]) -> None:
        """Write the pages whose grades or comments changed since they were written, by a person too."""
        stale: dict[str, list[tuple[str, str, list[Graded]]]] = {}
        for student, lesson in found:
            exercises = self.graded_exercises(student, lesson)
            digest = self._feedback_digest(student, lesson, exercises)
            if self.state(student, lesson).get("feedback") != digest or not self.page(student, lesson).exists():
                stale.setdefault(lesson, []).append((student, digest, exercises))
        for lesson, students in stale.items():
            say(f"Feedback of {lesson} for {len(students)}.")
            pages = FeedbackPages(self.released[lesson])
            for student, digest, exercises in students:
                page = pages.page(student, exercises, shared_reader().cells(self.path(student, lesson)))
                atomic_write(self.page(student, lesson), page)
                self.keep(student, lesson, self.state(student, lesson) | {"feedback": digest})

    def page(self, student: str, lesson: str) -> Path:
        return self.root / self.directory.feedback_directory / student / lesson / f"{lesson}.html"

    def graded_exercises(self, student: str, lesson: str) -> list[Graded]:
        """The exercises of a lesson, in its order: points and a person's comment of the gradebook, what was found."""
        findings = self.state(student, lesson).get("findings", {})
        with self.gradebook() as book:
            notebook = book.find_submission_notebook(lesson, lesson, student)
            grades = {one.name: (one.score, one.max_score, one.needs_manual_grade) for one in notebook.grades}
            comments = {one.name: one.manual_comment for one in notebook.comments}
        exercises = []
        for item in self.items[lesson]:
            result = ExerciseResult(**findings[item.name]) if item.name in findings else None
            score, most, waits = grades[item.cell]
            said = comments.get(item.name) or ""
            exercises.append(Graded(item.name, score, most, waits, item.by_hand, result, said))
        return exercises

    def _feedback_digest(self, student: str, lesson: str, exercises: Sequence[Graded]) -> str:
        """A digest of what a feedback page says."""
        judged = self.state(student, lesson).get("digest")
        return hashlib.sha256(json.dumps([[asdict(one) for one in exercises], judged]).encode()).hexdigest()

    def rows(self, found: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
        rows = []
        for student, lesson in found:
            score, most, by_hand = self.points(student, lesson)
            row = {"student": student, "lesson": lesson, "score": score, "max_score": most}
            rows.append(row | {"needs_manual_grade": by_hand})
        return rows

    def heard(self, found: Sequence[tuple[str, str]]) -> list[Heard]:
        """What a class was told of each exercise, in the order of lessons and exercises."""
        messages: dict[tuple[str, str], list[str]] = {
            (lesson, item.name): [] for lesson in self.items for item in self.items[lesson] if not item.by_hand
        }
        judged: Counter[tuple[str, str]] = Counter()
        for student, lesson in found:
            for name, result in self.state(student, lesson).get("findings", {}).items():
                judged[lesson, name] += 1
                if not result["passed"] and (lesson, name) in messages:
                    messages[lesson, name].append(result["message"].partition("\n")[0])
        return [Heard(*key, judged[key], Counter(wrong)) for key, wrong in messages.items() if judged[key]]


def _in_order(items: Sequence[GradedItem], released: NotebookNode) -> list[GradedItem]:
    """The exercises in the order of the lesson; the gradebook keeps none."""
    places = {name: place for place, name in enumerate(graded_cells(released))}
    return sorted(items, key=lambda item: places.get(item.cell, len(places)))


def _graded_items(notebook: Any) -> list[GradedItem]:
    """What gives points in a lesson, and how many: from the gradebook, never from a submission."""
    from course_lib import checks

    solutions = {cell.name for cell in notebook.solution_cells}
    sources = {cell.name: cell.source for cell in notebook.source_cells}
    items = []
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
        items.append(GradedItem(cell.name, name, cell.max_score, by_hand, seeds))
    return items
