"""`course collect`: what an LMS gives, a folder or a zip of files named by student, laid out for nbgrader."""

import csv
import hashlib
import io
import os
import re
import shutil
import stat
import unicodedata
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import nbformat
from nbformat import NotebookNode

from course_lib.errors import CourseError
from course_lib.files import atomic_write
from course_tools.classroom.ledger import Ledger
from course_tools.classroom.lms import HANDED_IN, Owner, attempt, find_owners, student_pattern
from course_tools.classroom.repair import Repaired, repair
from course_tools.classroom.roster import ROSTER, Roster, settle_roster
from course_tools.classroom.submission import LARGEST_FILE
from course_tools.files import no_formula, printable, replace_folder
from course_tools.notebooks.lesson import notebook_text

LARGEST_ZIP = 2**30  # bytes that a zip may hold unpacked, or 200 times its own size if that is more
REPORT = "collect-report"

_JUNK = re.compile(r"__MACOSX|\.DS_Store|\._.*|\.ipynb_checkpoints|Thumbs\.db|desktop\.ini")


@dataclass
class Row:
    """What became of one file, in the report."""

    file: str
    student: str = ""
    lesson: str = ""
    status: str = ""  # laid out, unchanged, laid out anew, set aside, refused, left out
    notes: list[str] = field(default_factory=list)  # what was done to it, or why it was not used; a sentence each


_THERE = ("laid out", "laid out anew", "unchanged")  # what a row says of a file that counts


@dataclass(frozen=True)
class Collected:
    """All rows, in the order of the students."""

    rows: Sequence[Row]
    missing: Mapping[str, Sequence[str]] = field(default_factory=dict)  # by lesson, who of the roster did nothing
    advice: str = ""  # a sentence on what would be surer

    @property
    def without(self) -> list[str]:
        """The students of whom nothing is laid out."""
        there = {row.student for row in self.rows if row.status in _THERE}
        return sorted({row.student for row in self.rows if row.student} - there)

    def __str__(self) -> str:
        counts = Counter(row.status for row in self.rows)
        students = {row.student for row in self.rows if row.student}
        outcome = ", ".join(f"{count} {status}" for status, count in sorted(counts.items())) or "none"
        lines = [f"{len(self.rows)} files of {len(students)} students: {outcome}."]
        if self.without:
            lines.append(f"Nothing can be graded of: {', '.join(self.without)}.")
        for lesson, names in self.missing.items():
            lines.append(f"{lesson}: {len(names)} of {ROSTER} handed in nothing: {', '.join(names)}.")
        if self.advice:
            lines.append(self.advice)
        for row in self.rows:
            who = f"{row.student}, {row.lesson}" if row.lesson else row.student or "nobody"
            entry = [f"{who}: {row.status} ({row.file})", *(f"  - {sentence}" for sentence in row.notes)]
            lines += ["", *map(_on_a_line, entry)]
        return "\n".join(lines) + "\n"

    def as_csv(self) -> str:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["student", "lesson", "status", "file", "what was done"])
        for row in self.rows:
            cells = [*map(_on_a_line, (row.student, row.lesson, row.status, row.file, "; ".join(row.notes)))]
            writer.writerow(map(no_formula, cells))  # students choose their files' names
        for lesson, names in self.missing.items():
            writer.writerows([no_formula(name), lesson, "nothing handed in", "", ""] for name in names)
        return text.getvalue()


def _on_a_line(text: str) -> str:
    return printable(text).replace("\n", "�")


@dataclass(frozen=True)
class _File:
    """A file that was handed in: where, when (seconds, or none), and how to read it, which may raise CourseError."""

    path: PurePosixPath
    time: float
    read: Callable[[], bytes]


def collect(source: Path, course: Path, *, students: str = "") -> Collected:
    """Lay out the notebooks in the folder or zip `source` as `submitted/STUDENT/LESSON/LESSON.ipynb` in `course`.

    Whose a file is, is told by the names that the LMS gives (lms.py); with a roster.csv in `course` it has to be one
    of the class.  students: a regular expression with a group `student`, searched in each path, where these don't tell.
    What was handed in is kept in `originals/STUDENT`, byte for byte.  A student's lesson is laid out whole or not at
    all; a file that can't be used is named in the report (collect-report.txt and .csv) and stops nobody else's.
    Raises CourseError if there is nothing to collect, or no lesson is assigned in `course`.
    """
    source, course = source.resolve(), course.resolve()
    releases = _releases(course)
    if source.is_relative_to(course):
        raise CourseError(f"{source} lies inside the course directory; collect from a folder or a zip outside it.")
    roster, ledger = settle_roster(course), Ledger.read(course)
    files = [file for file in _files(source) if not any(_JUNK.fullmatch(part) for part in file.path.parts)]
    if not files:
        raise CourseError(f"{source} holds no file.")
    owners = find_owners([file.path for file in files], student_pattern(students), source.stem, set(releases))
    places = roster.assign(owners) if roster else ledger.assign(owners)
    ledger.write()  # before anything is laid out: a folder without an owner could be given away twice
    rows: list[Row] = []
    handed_in: dict[str, list[tuple[Row, _File]]] = defaultdict(list)
    for file, owner, (student, reason) in zip(files, owners, places, strict=True):
        row = Row(str(file.path), student)
        rows.append(row)
        if student:
            handed_in[student].append((row, replace(file, time=owner.time or file.time)))
        else:
            row.status, row.notes = "refused" if file.path.suffix.lower() in HANDED_IN else "left out", [reason]
    for student, theirs in sorted(handed_in.items()):
        rows += _collect_student(student, theirs, course, releases)
    _remember(ledger, rows, {str(file.path): owner for file, owner in zip(files, owners, strict=True)})
    rows.sort(key=lambda row: (row.student, row.file))
    missing = _missing(roster, rows, course) if roster else {}
    collected = Collected(rows, missing, "" if roster else _advice(owners))
    atomic_write(course / f"{REPORT}.txt", str(collected))
    atomic_write(course / f"{REPORT}.csv", collected.as_csv())
    return collected


def _remember(ledger: Ledger, rows: Sequence[Row], owners: Mapping[str, Owner]) -> None:
    """Keep by what name the LMS knows what was laid out, and say of whom it says that it came late."""
    found = {}
    for row in rows:
        if row.status in _THERE:
            outer = (str(path) for path in (PurePosixPath(row.file), *PurePosixPath(row.file).parents))
            owner = next(owners[path] for path in outer if path in owners)  # of a file in a zip the zip's
            found[row.student, row.lesson] = owner
            if owner.late:
                row.notes.append("Canvas says that it came late")
    ledger.record(found)
    ledger.write()


def _missing(roster: Roster, rows: Sequence[Row], course: Path) -> dict[str, list[str]]:
    """Who of the class handed in nothing, now or before, of the lessons that are in this download."""
    lessons = sorted({row.lesson for row in rows if row.status in _THERE})
    without = {
        lesson: [
            person.name
            for person in roster.people
            if not (course / "submitted" / person.student / lesson / f"{lesson}.ipynb").exists()
        ]
        for lesson in lessons
    }
    return {lesson: names for lesson, names in without.items() if names}


def _advice(owners: Sequence[Owner]) -> str:
    if not any(owner.lms == "moodle" for owner in owners):
        return ""
    return (
        "Moodle gives a student another number in each assignment, so each lesson makes new students: "
        "`course roster` makes them one."
    )


def _releases(course: Path) -> dict[str, NotebookNode]:
    paths = sorted(course.glob("release/*/*.ipynb"))
    found = {path.stem: nbformat.read(path, as_version=4) for path in paths if path.stem == path.parent.name}
    if not found:
        raise CourseError(f"no lesson is assigned in {course}; begin with `course assign LESSON --to {course}`.")
    return found


# --- One student ------------------------------------------------------------------------------------------------------


def _collect_student(
    student: str, theirs: Sequence[tuple[Row, _File]], course: Path, releases: Mapping[str, NotebookNode]
) -> list[Row]:
    """Lay out what one student handed in, and fill in the rows; returns a row more for each file found in a zip."""
    more: list[Row] = []
    found: dict[str, list[tuple[Row, _File, Repaired]]] = defaultdict(list)
    for row, outer in theirs:
        try:
            inner = _expand_zip(outer)
        except CourseError as error:
            row.status, row.notes = "refused", [str(error)]
            continue
        for number, file in enumerate(inner):
            inner_row = row
            if number:
                inner_row = Row(str(file.path), student)
                more.append(inner_row)
            inner_row.file = str(file.path)
            if file.path.suffix.lower() != ".ipynb":
                inner_row.status, inner_row.notes = "left out", ["it is not a notebook"]
                continue
            try:
                data = file.read()
                _keep(course / "originals" / student, file.path.name, data)
                repaired = repair(data, releases)
            except CourseError as error:
                inner_row.status, inner_row.notes = "refused", [str(error)]
                continue
            except Exception as error:  # whatever is wrong with one notebook, the others are laid out
                inner_row.status, inner_row.notes = (
                    "refused",
                    [f"it could not be repaired ({type(error).__name__}: {error})"],
                )
                continue
            inner_row.lesson, inner_row.notes = repaired.lesson, list(repaired.notes)
            found[repaired.lesson].append((inner_row, file, repaired))
    for lesson, several in found.items():
        several.sort(key=lambda item: (item[1].time, attempt(item[1].path.stem), str(item[1].path)))
        *older, (row, file, repaired) = several
        for other, _, _ in older:
            other.status = "set aside"
            other.notes.insert(0, f"{row.file} is newer, and counts")
        row.status = _lay_out(course / "submitted" / student / lesson, repaired, file.time)
    return more


def _lay_out(place: Path, repaired: Repaired, time: float) -> str:
    text = notebook_text(repaired.notebook)
    notebook = place / f"{place.name}.ipynb"
    there = notebook.exists()
    if there and notebook.read_bytes() == text.encode():
        return "unchanged"
    part = place.with_name(f".{place.name}.part")  # nbgrader does not see names with a dot
    shutil.rmtree(part, ignore_errors=True)
    when = datetime.fromtimestamp(time, UTC) if time else datetime.now(UTC)
    atomic_write(part / "timestamp.txt", when.strftime("%Y-%m-%d %H:%M:%S UTC\n"))  # nbgrader's own file
    atomic_write(part / notebook.name, text)
    replace_folder(part, place)
    return "laid out anew" if there else "laid out"


def _keep(folder: Path, name: str, data: bytes) -> None:
    """Keep a file as it was handed in; the digest tells two of one name disambiguate."""
    safe = re.sub(r"[^\w. ()-]", "_", unicodedata.normalize("NFC", name))[-80:]
    path = folder / f"{hashlib.sha256(data).hexdigest()[:8]}-{safe}"
    if not path.exists():
        atomic_write(path, data)


# --- Files and archives -----------------------------------------------------------------------------------------------


def _files(source: Path) -> Iterator[_File]:
    if source.is_dir():
        for folder, folders, names in os.walk(source):
            folders.sort()
            for name in sorted([*names, *(name for name in folders if Path(folder, name).is_symlink())]):
                path = Path(folder, name)
                status = path.lstat()
                yield _File(PurePosixPath(path.relative_to(source)), status.st_mtime, _reader(path, status))
    elif source.is_file():
        try:
            yield from _entries(zipfile.ZipFile(source), PurePosixPath(), source.stat().st_size)
        except Exception:
            raise CourseError(f"{source} is no zip that can be read; download it again.") from None
    else:
        raise CourseError(f"there is no {source}; name the folder or the zip that the LMS gave you.")


def _reader(path: Path, status: os.stat_result) -> Callable[[], bytes]:
    def read() -> bytes:
        if not stat.S_ISREG(status.st_mode):
            raise CourseError("it is a link or a device, not a file; links are not followed")
        if status.st_size > LARGEST_FILE:
            raise CourseError(f"it has {status.st_size / 1e6:.0f} MB; at most {LARGEST_FILE / 1e6:.0f} MB are read")
        try:
            return path.read_bytes()
        except OSError as error:
            raise CourseError(f"it can't be read: {error.strerror}") from None

    return read


def _expand_zip(file: _File) -> list[_File]:
    """The notebooks in a student's zip; any other file is alone in the list."""
    if file.path.suffix.lower() != ".zip":
        return [file]
    data = file.read()
    try:
        entries = list(_entries(zipfile.ZipFile(io.BytesIO(data)), file.path, len(data)))
    except Exception:  # zipfile has many: for a name that is not UTF-8, a version that it does not know, ...
        raise CourseError("it is no zip that can be read") from None
    notebooks = [
        entry
        for entry in entries
        if entry.path.suffix.lower() == ".ipynb" and not any(_JUNK.fullmatch(part) for part in entry.path.parts)
    ]
    if not notebooks:
        raise CourseError("there is no notebook in it")
    return notebooks[:20]


def _entries(archive: zipfile.ZipFile, above: PurePosixPath, size: int) -> Iterator[_File]:
    left = [max(LARGEST_ZIP, 200 * size)]
    for entry in archive.infolist():
        if not entry.is_dir():
            name = _entry_name(entry)
            try:
                time = datetime(*entry.date_time).timestamp()  # a zip's times are local
            except ValueError:
                time = 0.0
            yield _File(above / name.lstrip("/"), time, _unpacker(archive, entry, name, left))


def _entry_name(entry: zipfile.ZipInfo) -> str:
    """The name of a file in a zip; some programs write it in UTF-8 and don't say so."""
    if not entry.flag_bits & 0x800:
        try:
            return entry.filename.encode("cp437").decode("utf-8")
        except (UnicodeEncodeError, UnicodeDecodeError):
            pass
    return entry.filename


def _unpacker(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str, left: list[int]) -> Callable[[], bytes]:
    def read() -> bytes:
        parts = re.split(r"[/\\]", name)
        if ".." in parts or name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
            raise CourseError("its path leads out of the zip; nothing of it was read")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise CourseError("it is a link, not a file; links are not followed")
        if entry.flag_bits & 1:
            raise CourseError("it is locked with a password")
        try:
            with archive.open(entry) as stream:  # what it says of its size may be a lie
                data = stream.read(min(LARGEST_FILE, left[0]) + 1)
        except Exception:  # of zipfile, or of what unpacks
            raise CourseError("this part of the zip is damaged") from None
        left[0] -= len(data)
        if len(data) > LARGEST_FILE:
            raise CourseError(f"it unpacks to more than {LARGEST_FILE / 1e6:.0f} MB")
        if left[0] < 0:
            raise CourseError("the zip unpacks to more than a class can have handed in; ask for its files one by one")
        return data

    return read
