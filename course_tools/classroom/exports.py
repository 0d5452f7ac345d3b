"""The tables that an LMS writes and reads: its gradebook, its grading worksheet, its list of participants, as CSV."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from course_lib.errors import CourseError

LARGEST_TABLE = 20_000_000  # bytes; a gradebook of a thousand students has about one
# What the columns are called, in small letters: Canvas (lib/gradebook_exporter.rb), Moodle (mod/assign/gradingtable.php
# and its list of participants), Blackboard and Brightspace as their grade centers write them, and what people type.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "name": ("name", "full name", "student", "student name"),
    "first": ("first name", "firstname", "given name"),
    "last": ("last name", "lastname", "surname", "family name"),
    "mail": ("mail", "email", "e-mail", "email address", "mail address"),
    "id": (
        "id",
        "orgdefinedid",
        "username",
        "id number",
        "student id",
        "sis user id",
        "sis login id",
        "integration id",
    ),
    "moodle": ("identifier",),
    "other": ("other",),
}


@dataclass(frozen=True)
class Table:
    """A CSV file with a header; each row has as many cells as the header."""

    path: Path
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    delimiter: str
    encoding: str  # utf-8, utf-8-sig with a byte order mark, or utf-16

    @property
    def kind(self) -> str:
        """Whose it is: canvas, moodle, blackboard, brightspace, or "" for any other list."""
        names = {name.casefold() for name in self.header}
        if {"id", "section"} <= names and names & {"student", "lastname"} and "name" not in names:
            return "canvas"
        if {"identifier", "grade"} <= names:
            return "moodle"
        if "end-of-line indicator" in names:
            return "brightspace"
        if "username" in names and (names & {"last access", "availability"} or any("[total pts:" in n for n in names)):
            return "blackboard"
        return ""

    def places(self, what: str) -> list[int]:
        """The numbers of the columns that hold this, a key of COLUMNS, the most telling first."""
        names = [name.strip().casefold() for name in self.header]
        return [names.index(name) for name in COLUMNS[what] if name in names]

    def cell(self, row: Sequence[str], what: str) -> str:
        """What a row says of this, a key of COLUMNS; "" if nothing."""
        return next((row[place].strip() for place in self.places(what) if row[place].strip()), "")

    def with_columns(self, places: Sequence[int], rows: Sequence[Sequence[str]]) -> bytes:
        """A CSV of these columns, these rows below their header, written as the file was."""
        text = io.StringIO()
        writer = csv.writer(text, delimiter=self.delimiter, lineterminator="\n")
        writer.writerow([self.header[place] for place in places])
        writer.writerows([[row[place] for place in places] for row in rows])
        return text.getvalue().encode(self.encoding)


def read_table(path: Path) -> Table:
    """Read what an LMS exported, comma, semicolon or tab between the cells.  Raises CourseError if it is no table."""
    try:
        if path.stat().st_size > LARGEST_TABLE:
            raise CourseError(f"{path} is too large for a list of students; export it anew.")
        data = path.read_bytes()
    except OSError as error:
        raise CourseError(f"{path} can't be read: {error.strerror}.") from None
    marks = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb": "utf-8-sig"}  # Blackboard's .xls is UTF-16
    encoding = marks.get(data[:2], "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        raise CourseError(f"{path} is no CSV in UTF-8; save it as CSV in UTF-8, not as a workbook.") from None
    first_line = text.partition("\n")[0]
    delimiter = max(",;\t", key=first_line.count)
    try:
        lines = [
            line for line in csv.reader(io.StringIO(text), delimiter=delimiter) if any(cell.strip() for cell in line)
        ]
    except csv.Error as error:
        raise CourseError(f"{path} is no CSV that can be read: {error}.") from None
    if not lines or (len(lines[0]) < 2 and lines[0][0].casefold() not in COLUMNS["name"]):
        raise CourseError(f"{path} is no table with a header; export it as CSV.")
    width = len(lines[0])
    rows = tuple(tuple([*line, *[""] * width][:width]) for line in lines[1:])
    return Table(path, tuple(lines[0]), rows, delimiter, encoding)


def full_name(table: Table, row: Sequence[str]) -> str:
    """The name of the student in this row, the first name first; Canvas writes "Pérez, Ana"."""
    first, last = table.cell(row, "first"), table.cell(row, "last")
    if first or last:
        return f"{first} {last}".strip()
    name = table.cell(row, "name")
    before, comma, after = name.partition(", ")
    return f"{after} {before}" if comma and table.kind == "canvas" else name


def is_student(table: Table, row: Sequence[str]) -> bool:
    """Whether the row is a student's: Canvas has two rows of its own below the header, and a test student."""
    if table.kind != "canvas":
        return bool(full_name(table, row) or table.cell(row, "id"))
    first = row[0].strip()
    return bool(first) and "Points Possible" not in first and first != "Student, Test"


def identity_places(table: Table) -> list[int]:
    """The columns that say whose a row is, in the order of the file; with Canvas all up to Section."""
    names = [name.casefold() for name in table.header]
    if table.kind == "canvas":
        return [*range(names.index("section") + 1)]
    whose = {place for what in ("name", "first", "last", "mail", "id", "moodle") for place in table.places(what)}
    return sorted(whose)


def moodle_times(table: Table) -> dict[str, float]:
    """When each number of a Moodle grading worksheet handed in, in seconds, by this machine's time zone.

    Moodle writes "Monday, 23 November 2026, 11:59 PM" (strftimedaydatetime in lang/en/langconfig.php).
    """
    names = [name.strip().casefold() for name in table.header]
    if table.kind != "moodle" or "last modified (submission)" not in names:
        return {}
    times = {}
    for row in table.rows:
        number = re.search(r"\d+$", table.cell(row, "moodle"))
        try:
            when = datetime.strptime(row[names.index("last modified (submission)")].strip(), "%A, %d %B %Y, %I:%M %p")
        except ValueError:  # "-", or another language
            continue
        if number:
            times[number[0]] = when.timestamp()
    return times


# --- Columns of grades ------------------------------------------------------------------------------------------------

# Canvas: "Noise (456)"; Blackboard: "Noise [Total Pts: 8 Score] |664617"; Brightspace: "Noise Points Grade <Numeric
# MaxPoints:8 Weight:5>".
_COLUMN = re.compile(
    r"(?P<title>.+?)"
    r"(?: \((?P<id>\d+)\)"
    r"| \[Total Pts: (?:up to )?(?P<most>[\d.,]+)[^\]]*\](?: ?\|\d+)?"
    r"| Points Grade(?: <Numeric MaxPoints:(?P<maximum>[\d.]+)[^>]*>)?)"
)


@dataclass(frozen=True)
class GradeColumn:
    """A column of a gradebook that takes points."""

    place: int
    title: str  # the assignment's name, without what the LMS puts behind it
    most: float | None  # points that there are, where the file says it


def grade_columns(table: Table) -> list[GradeColumn]:
    """The columns of assignments in a gradebook of Canvas, Blackboard or Brightspace."""
    found = []
    for place, name in enumerate(table.header):
        match = _COLUMN.fullmatch(name.strip())
        if match and (match["id"] is not None) == (table.kind == "canvas"):
            most = _number(match["most"] or match["maximum"] or "")
            if table.kind == "canvas":
                above = (row[place] for row in table.rows if "Points Possible" in row[0])
                most = _number(next(above, ""))
            found.append(GradeColumn(place, match["title"], most))
    return found


def moodle_column(table: Table) -> GradeColumn:
    """The column of grades in a grading worksheet, which is of one assignment."""
    names = [name.strip().casefold() for name in table.header]
    most = None
    if "maximum grade" in names and table.rows:
        most = _number(table.rows[0][names.index("maximum grade")])
    return GradeColumn(names.index("grade"), "", most)


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", ".")) or None
    except ValueError:
        return None
