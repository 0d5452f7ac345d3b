"""`course grades`: points in the tables that the LMS exported, and feedback under the names that it wants back."""

import io
import re
import zipfile
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from typing import Any

from course_lib.errors import CourseError
from course_lib.files import atomic_write
from course_tools.classroom.exports import (
    GradeColumn,
    Table,
    full_name,
    grade_columns,
    identity_places,
    is_student,
    moodle_column,
    read_table,
)
from course_tools.classroom.gradebook import Course
from course_tools.classroom.grades import finished_rows, rules, write_grades
from course_tools.classroom.lms import Owner, username_candidates
from course_tools.classroom.roster import person_of, same_person, squeeze
from course_tools.files import printable, replace_folder

FOLDER = "to-lms"


def send_back(folder: Path, exports: Sequence[Path]) -> list[str]:
    """Write `to-lms/` in a course directory: what the LMS takes back; returns lines that tell what is in it.

    exports: gradebooks of Canvas, Blackboard or Brightspace, and grading worksheets of Moodle; each is filled with
    points and keeps its name.  Without them such tables are made of the names in the downloads, as far as these go.
    Feedback pages are zipped for each lesson and LMS.  grades.csv is written anew, since due dates may have changed.
    Raises CourseError if nothing is graded, or if a table can't be filled.
    """
    course = Course(folder)
    found = course.submissions()
    graded = course.graded(found)
    if not graded:
        raise CourseError(f"nothing is graded in {folder}; run `course grade {folder}` first.")
    rows, notes = finished_rows(course, graded)
    class_ = _Class(course, rows)
    lines = [*_left_out("not graded as it is now", set(found) - set(graded)), *notes]
    by_hand = {(row["student"], row["lesson"]) for row in rows if row["needs_manual_grade"]}
    lines += _left_out("waiting for a person's points", by_hand)
    if exports and not class_.points:
        raise CourseError("all that is graded waits for a person's points; give them in formgrader first.")
    files: dict[str, bytes] = {}
    for path in exports:
        if path.name in files:
            raise CourseError(f"two of these files are called {path.name}; rename one.")
        files[path.name], more = _filled(class_, read_table(path))
        lines += more
    if not exports:
        files |= _made(class_)
    files |= _feedback(class_)
    part = course.root / f".{FOLDER}.part"
    rmtree(part, ignore_errors=True)
    part.mkdir()
    for name, data in files.items():
        atomic_write(part / name, data)
    replace_folder(part, course.root / FOLDER)
    write_grades(course, rows)
    return [*lines, *(f"{course.root / FOLDER / name}" for name in files), f"{course.root / 'grades.csv'}"]


def _left_out(why: str, which: Collection[tuple[str, str]]) -> list[str]:
    return [f"Left out, {why}: {printable(student)} {lesson}." for student, lesson in sorted(which)]


@dataclass
class _Class:
    """What is known of a class: its points, and by what name the LMS knows whom."""

    course: Course
    rows: Sequence[Mapping[str, Any]]
    points: dict[str, dict[str, Mapping[str, Any]]] = field(default_factory=lambda: defaultdict(dict))

    def __post_init__(self) -> None:
        self.deadlines, self.ledger = rules(self.course)
        for row in self.rows:
            if not row["needs_manual_grade"]:
                self.points[row["lesson"]][row["student"]] = row

    def titles(self, lesson: str) -> set[str]:
        """What a column of the LMS may be called that takes this lesson's points, squeezed."""
        if column := self.deadlines.of(lesson).column:
            return {squeeze(column)}
        title = self.title(lesson)
        return {squeeze(lesson), squeeze(title), squeeze(title.partition(":")[2])} - {""}

    def title(self, lesson: str) -> str:
        texts = (cell.source for cell in self.course.released[lesson].cells if cell.cell_type == "markdown")
        heading = next((found[1] for text in texts if (found := re.search(r"^#\s+(.+)", text, re.M))), lesson)
        return heading.strip()

    def most(self, lesson: str) -> float:
        return float(next(iter(self.points[lesson].values()))["max_score"])

    def handed_in(self, lms: str) -> Iterator[tuple[str, str, Owner]]:
        """Lesson, student and name of all that came from one LMS and is graded."""
        for lesson, theirs in sorted(self.points.items()):
            for student in sorted(theirs):
                owner = self.ledger.owner(student, lesson)
                if owner and owner.lms == lms:
                    yield lesson, student, owner

    def username(self, student: str, owner: Owner) -> str:
        """What Blackboard calls a student: what the roster knows of the file's name, or where it began for all."""
        person = self.course.roster.of(student) if self.course.roster else None
        known = person.sure | person.names if person else set()
        return next((one for one in username_candidates(owner.handle) if squeeze(one) in known), owner.name)


# --- Tables that the LMS exported -------------------------------------------------------------------------------------


def _filled(class_: _Class, table: Table) -> tuple[bytes, list[str]]:
    """The table with the points of all lessons that it has a column for, and what there is to say of it."""
    if table.kind == "moodle":
        columns = {_lesson_of_worksheet(class_, table): moodle_column(table)}
    elif table.kind:
        columns = _lesson_columns(class_, table)
    else:
        raise CourseError(
            f"{table.path} is no gradebook of Canvas, Blackboard or Brightspace and no grading worksheet of Moodle; "
            "for any other LMS take grades.csv."
        )
    rows = [[*row] for row in table.rows]
    lines = []
    for lesson, column in columns.items():
        done = set()
        for row, student in zip(rows, _whose(class_, table, lesson), strict=True):
            mine = class_.points[lesson].get(student)
            if mine is None:
                continue
            done.add(student)
            if reason := _kept(table, row, column):
                lines.append(f"{table.path.name}: {printable(student)} {lesson} stays as it is ({reason}).")
            else:
                row[column.place] = _as_number(mine["points"], class_.most(lesson), column, table)
        if column.most and column.most != class_.most(lesson):
            scale = f"{class_.most(lesson):g} points are {column.most:g} there"
            lines.append(f"{table.path.name}: {lesson} is worth another sum: {scale}, and all are scaled.")
        if without := sorted(set(class_.points[lesson]) - done):
            names = ", ".join(map(printable, without))
            lines.append(f"{table.path.name} has no row for {len(without)} who are graded in {lesson}: {names}.")
        lines.append(f"{table.path.name}: points of {lesson} for {len(done)}.")
    if table.kind == "moodle":
        places = [*range(len(table.header))]
    else:  # a column that is not there changes nothing in the LMS
        end = [place for place, name in enumerate(table.header) if name.strip().casefold() == "end-of-line indicator"]
        places = [*identity_places(table), *sorted(column.place for column in columns.values()), *end]
    return table.with_columns(places, rows), lines


def _lesson_columns(class_: _Class, table: Table) -> dict[str, GradeColumn]:
    columns = grade_columns(table)
    found = {}
    for lesson in sorted(class_.points):
        names = class_.titles(lesson)
        fits = [one for one in columns if names & {squeeze(one.title), squeeze(table.header[one.place])}]
        if len(fits) > 1:
            raise CourseError(f"{table.path} has two columns for {lesson}; {_say_column(lesson, table, fits)}")
        if fits:
            found[lesson] = fits[0]
    if not found:
        lesson = min(class_.points)
        raise CourseError(f"{table.path} has no column for {lesson}; {_say_column(lesson, table, columns)}")
    return found


def _say_column(lesson: str, table: Table, columns: Sequence[GradeColumn]) -> str:
    names = ", ".join(f'"{table.header[column.place]}"' for column in columns[:10]) or "none"
    return f"say in course.toml, under [lessons.{lesson}], which it is: column = ... (there are {names})."


def _lesson_of_worksheet(class_: _Class, table: Table) -> str:
    """The lesson whose numbers are in a grading worksheet, or after which the file is called."""
    numbers = {_moodle_number(table, row) for row in table.rows}
    counts = Counter(lesson for lesson, _, owner in class_.handed_in("moodle") if owner.number in numbers)
    if counts:
        return counts.most_common(1)[0][0]
    name = squeeze(table.path.stem)
    called = [lesson for lesson in class_.points if any(title in name for title in class_.titles(lesson))]
    if len(called) != 1:
        raise CourseError(
            f"{table.path} is of no assignment whose files were collected; name it after its lesson, say 01_noise.csv."
        )
    return called[0]


def _moodle_number(table: Table, row: Sequence[str]) -> str:
    found = re.search(r"\d+$", table.cell(row, "moodle"))
    return found[0] if found else ""


def _whose(class_: _Class, table: Table, lesson: str) -> list[str]:
    """For each row the student's folder, "" if it is none's."""
    known = {
        "canvas": lambda owner, row: owner.number == table.cell(row, "id"),
        "moodle": lambda owner, row: owner.number == _moodle_number(table, row),
        "blackboard": lambda owner, row: owner.name == table.cell(row, "id"),
        "brightspace": lambda owner, row: squeeze(owner.name) == squeeze(full_name(table, row)),
    }[table.kind]
    owners = [(student, owner) for its, student, owner in class_.handed_in(table.kind) if its == lesson]
    names = Counter(squeeze(full_name(table, row)) for row in table.rows)
    people = class_.course.roster.people if class_.course.roster else ()
    answers = []
    for row in table.rows:
        fits = [student for student, owner in owners if is_student(table, row) and known(owner, row)]
        if people and is_student(table, row) and (table.kind in ("blackboard", "brightspace") or not fits):
            place = same_person(people, person_of(table, row), alone=names[squeeze(full_name(table, row))] == 1)
            fits = [people[place].student] if place is not None else []
        answers.append(fits[0] if len(fits) == 1 else "")
    return answers


def _kept(table: Table, row: Sequence[str], column: GradeColumn) -> str:
    """Why a cell must not be changed, if there is a reason."""
    names = [name.strip().casefold() for name in table.header]
    if row[column.place].strip().casefold() == "ex":
        return "excused in Canvas"
    locked = "grade can be changed" in names and row[names.index("grade can be changed")].strip().casefold() == "no"
    return "Moodle does not let it be changed" if locked else ""


def _as_number(points: float, most: float, column: GradeColumn, table: Table) -> str:
    """Points as the LMS counts them, and writes numbers."""
    scaled = points * column.most / most if column.most and most else points
    text = f"{round(scaled, 2):.10g}"
    return text.replace(".", ",") if table.kind == "moodle" and _has_comma(table) else text


def _has_comma(table: Table) -> bool:
    names = [name.strip().casefold() for name in table.header]
    return "maximum grade" in names and any("," in row[names.index("maximum grade")] for row in table.rows)


# --- Tables out of the names in the downloads -------------------------------------------------------------------------


def _made(class_: _Class) -> dict[str, bytes]:
    """What can be made without an export: the names in the downloads are those by which the LMS knows whose it is."""
    files = {}
    moodle: dict[str, list[list[str]]] = defaultdict(list)
    for lesson, student, owner in class_.handed_in("moodle"):
        points = f"{class_.points[lesson][student]['points']:.10g}"
        moodle[lesson].append([f"Participant {owner.number}", owner.name, points, "-"])
    for lesson, rows in moodle.items():
        header = ["Identifier", "Full name", "Grade", "Last modified (grade)"]
        files[f"moodle-{lesson}.csv"] = _table(header, rows)
    for lms, first in (("canvas", ["Student", "ID", "Section"]), ("blackboard", ["Username"])):
        lessons = sorted({lesson for lesson, *_ in class_.handed_in(lms)})
        people: dict[str, list[str]] = {}
        for lesson, student, owner in class_.handed_in(lms):
            who = [owner.name, owner.number, ""] if lms == "canvas" else [class_.username(student, owner)]
            row = people.setdefault(student, [*who, *[""] * len(lessons)])
            row[len(first) + lessons.index(lesson)] = f"{class_.points[lesson][student]['points']:.10g}"
        if people:
            columns = [class_.deadlines.of(lesson).column or class_.title(lesson) for lesson in lessons]
            above = [["    Points Possible", "", "", *(f"{class_.most(one):g}" for one in lessons)]]
            rows = [*(above if lms == "canvas" else []), *people.values()]
            files[f"{lms}.csv"] = _table([*first, *columns], rows)
    return files


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    table = Table(Path(), tuple(header), (), ",", "utf-8")
    return table.with_columns(range(len(header)), rows)


# --- Feedback ---------------------------------------------------------------------------------------------------------


def _feedback(class_: _Class) -> dict[str, bytes]:
    """For each lesson and LMS a zip of pages, named so that the LMS knows whose each is; always the same bytes."""
    pages: dict[str, dict[str, bytes]] = defaultdict(dict)
    for row in class_.rows:
        student, lesson = row["student"], row["lesson"]
        page = class_.course.root / class_.course.directory.feedback_directory / student / lesson / f"{lesson}.html"
        if not page.is_file():
            continue
        owner = class_.ledger.owner(student, lesson) or Owner(student)
        name = _feedback_name(class_, student, lesson, owner)
        pages[f"feedback-{lesson}{f'-{owner.lms}' if owner.lms else ''}.zip"][name] = page.read_bytes()
    files = {}
    for name, found in pages.items():
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, page in sorted(found.items()):
                entry = zipfile.ZipInfo(path)  # of 1980: the same each time
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, page)
        files[name] = data.getvalue()
    return files


def _feedback_name(class_: _Class, student: str, lesson: str, owner: Owner) -> str:
    """Where the page of a student stands in the zip.

    Moodle (mod/assign/feedback/file/importziplib.php) reads name, number and plugin in front, be it of a folder or of a
    file; Canvas (infer_comment_context_from_filename in its model of an assignment) the user's and the attachment's
    number; Brightspace the folder.  Blackboard takes no zip back: there the folder says whose it is.
    """
    if owner.lms in ("moodle", "canvas", "brightspace") and owner.handle:
        return f"{owner.handle}{lesson}.html"
    return f"{class_.username(student, owner) if owner.lms == 'blackboard' else student}/{lesson}.html"
