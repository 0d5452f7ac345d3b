"""`course collect`: what an LMS gives, a folder or a zip of files named by student, laid out for nbgrader."""

import csv
import gzip
import hashlib
import io
import os
import re
import shutil
import stat
import time
import unicodedata
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from course_lib.errors import CourseError
from course_lib.files import atomic_write
from course_tools.classroom.ledger import Ledger
from course_tools.classroom.lms import HANDED_IN, Owner, attempt, find_owners, student_pattern
from course_tools.classroom.reading import Reader, shared_reader
from course_tools.classroom.roster import ROSTER, Roster, settle_roster
from course_tools.classroom.submission import LARGEST_FILE
from course_tools.files import no_formula, printable, replace_folder

# What all files of one student may cost together, those in zips as well; the newest are read first.
MOST_BYTES = 300_000_000  # unpacked
MOST_NOTEBOOKS = 20
MOST_SECONDS = 60.0  # of computing, to read them
MOST_ENTRIES = 10_000  # files in a student's zip
LONGEST_PATH = 1000  # letters; no system writes as many into a zip
LARGEST_PLAIN = 1_000_000  # bytes of an original that is kept as it is; a larger one is kept zipped
LONGEST_SHOWN = 200  # letters of a path, a name or a sentence in the report
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


_NOTHING = "nothing handed in"  # what the report says of somebody of the roster
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
            writer.writerows([no_formula(name), lesson, _NOTHING, "", ""] for name in names)
        return text.getvalue()


def _on_a_line(text: str) -> str:
    return printable(_shortened(text, LONGEST_SHOWN)).replace("\n", "�")


def _shortened(text: str, most: int) -> str:
    """The text, or its beginning and end if it is longer: a path tells there whose it is, and what it is."""
    return text if len(text) <= most else f"{text[: most // 2]} ... {text[-most // 3 :]}"


@dataclass
class _Allowance:
    """What a student's files may still cost."""

    size: int = field(default_factory=lambda: MOST_BYTES)
    notebooks: int = field(default_factory=lambda: MOST_NOTEBOOKS)
    seconds: float = field(default_factory=lambda: MOST_SECONDS)

    def check(self) -> None:
        """Raises CourseError if all is used up."""
        if self.size < 0:
            raise CourseError(f"with it the student's files have over {MOST_BYTES / 1e6:.0f} MB; ask for one file")
        if self.seconds < 0:
            raise CourseError(f"the student's other files took {MOST_SECONDS:.0f} seconds to read; ask for one file")

    def take(self, data: bytes) -> bytes:
        """The bytes, counted.  Raises CourseError if they are too many."""
        self.size -= len(data)
        self.check()
        return data

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count the time that what follows computes here.  Raises CourseError if there is none left."""
        self.check()
        before = time.process_time()
        try:
            yield
        finally:
            self.seconds -= time.process_time() - before


@dataclass(frozen=True)
class _File:
    """A file that was handed in: where, when (seconds, or none), and how to read it, which may raise CourseError."""

    path: PurePosixPath
    time: float
    read: Callable[[_Allowance], bytes]

    @property
    def age(self) -> tuple[float, int, str]:
        """By which the newest file is found."""
        return self.time, attempt(self.path.stem), str(self.path)


def collect(source: Path, course: Path, *, students: str = "") -> Collected:
    """Lay out the notebooks in the folder or zip `source` as `submitted/STUDENT/LESSON/LESSON.ipynb` in `course`.

    Whose a file is, is told by the names that the LMS gives (lms.py); with a roster.csv in `course` it has to be one
    of the class.  students: a regular expression with a group `student`, searched in each path, where these don't tell.
    Each notebook that can be used is kept in `originals/STUDENT`, byte for byte, a large one zipped (.gz).  A
    student's lesson is laid out whole or not at all; a file that can't be used is named in the report
    (collect-report.txt and .csv), leaves nothing behind and stops nobody else's.
    Raises CourseError if there is nothing to collect, or no lesson is assigned in `course`.
    """
    source, course = source.resolve(), course.resolve()
    if not (releases := _releases(course)):
        raise CourseError(f"no lesson is assigned in {course}; begin with `course assign LESSON --to {course}`.")
    if source.is_relative_to(course):
        raise CourseError(f"{source} lies inside the course directory; collect from a folder or a zip outside it.")
    roster, ledger = settle_roster(course), Ledger.read(course)
    files = [file for file in _files(source) if not any(_JUNK.fullmatch(part) for part in file.path.parts)]
    if not files:
        raise CourseError(f"{source} holds no file.")
    owners = find_owners([file.path for file in files], student_pattern(students), source.stem, releases)
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
        rows += _Student(student, course, shared_reader()).collect(theirs)
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


def without_submission(course: Path) -> list[str]:
    """The students whom the last report of `course collect` names, and of whom nothing is laid out."""
    try:
        with (course / f"{REPORT}.csv").open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["status"] != _NOTHING]
    except (OSError, ValueError, KeyError, csv.Error):  # it was never called, or somebody changed its report
        return []
    named = {row["student"] for row in rows if row["student"]}
    return sorted(student for student in named if not any((course / "submitted" / student).glob("*/*.ipynb")))


def _releases(course: Path) -> set[str]:
    """The lessons that are assigned."""
    return {path.stem for path in course.glob("release/*/*.ipynb") if path.stem == path.parent.name}


# --- One student ------------------------------------------------------------------------------------------------------


@dataclass
class _Best:
    """Of a student's notebooks of one lesson the one that counts as yet, and all rows of the lesson."""

    row: Row
    file: _File
    text: str
    rows: list[Row]


class _Student:
    """Lays out what one student handed in, within what one student may cost."""

    def __init__(self, name: str, course: Path, reader: Reader) -> None:
        self.name, self.course, self.reader = name, course, reader
        self.allowance = _Allowance()
        self.best: dict[str, _Best] = {}
        self.more: list[Row] = []  # for files found in a zip

    def collect(self, theirs: Sequence[tuple[Row, _File]]) -> list[Row]:
        """Lay out the newest notebook of each lesson, and fill in the rows; returns a row more for each in a zip."""
        for row, outer in sorted(theirs, key=lambda item: item[1].age, reverse=True):
            try:
                with self.allowance.counting():
                    inner = _expand_zip(outer, self.allowance)
            except CourseError as error:
                row.status, row.notes = "refused", [str(error)]
                continue
            for number, file in enumerate(inner):
                inner_row = Row("", self.name) if number else row
                if number:
                    self.more.append(inner_row)
                inner_row.file = str(file.path)
                self._take(inner_row, file)
        for lesson, best in self.best.items():
            for other in best.rows:
                if other is not best.row:
                    other.status = "set aside"
                    other.notes.insert(0, f"{best.row.file} is newer, and counts")
            best.row.status = _lay_out(self.course / "submitted" / self.name / lesson, best.text, best.file.time)
        if self.best:
            for row in (*(row for row, _ in theirs), *self.more):
                if row.status == "refused":
                    row.notes.append("another file of this student is laid out")
        return self.more

    def _take(self, row: Row, file: _File) -> None:
        """Read a file; if it can be used, keep it, and its text if it is the newest of its lesson."""
        if file.path.suffix.lower() != ".ipynb":
            row.status, row.notes = "left out", ["it is not a notebook"]
            return
        try:
            if not self.allowance.notebooks:
                raise CourseError(f"only the newest {MOST_NOTEBOOKS} notebooks of a student are read")
            self.allowance.notebooks -= 1
            with self.allowance.counting():
                data = file.read(self.allowance)
                lesson, text, notes = self._repaired(data)
                _keep(self.course / "originals" / self.name, file.path.name, data)
        except CourseError as error:
            row.status, row.notes = "refused", [str(error)]
            return
        row.lesson, row.notes = lesson, list(notes)
        best = self.best.setdefault(lesson, _Best(row, file, text, []))
        best.rows.append(row)
        if file.age > best.file.age:
            best.row, best.file, best.text = row, file, text

    def _repaired(self, data: bytes) -> tuple[str, str, list[str]]:
        try:
            return self.reader.repair(data, self.course)
        finally:
            self.allowance.seconds -= self.reader.seconds


def _lay_out(place: Path, text: str, handed_in: float) -> str:
    notebook = place / f"{place.name}.ipynb"
    there = notebook.exists()
    if there and notebook.read_bytes() == text.encode():
        return "unchanged"
    part = place.with_name(f".{place.name}.part")  # nbgrader does not see names with a dot
    shutil.rmtree(part, ignore_errors=True)
    when = datetime.fromtimestamp(handed_in, UTC) if handed_in else datetime.now(UTC)
    atomic_write(part / "timestamp.txt", when.strftime("%Y-%m-%d %H:%M:%S UTC\n"))  # nbgrader's own file
    atomic_write(part / notebook.name, text)
    replace_folder(part, place)
    return "laid out anew" if there else "laid out"


def _keep(folder: Path, name: str, data: bytes) -> None:
    """Keep a file as it was handed in, a large one zipped; the digest tells two of one name apart."""
    safe = re.sub(r"[^\w. ()-]", "_", unicodedata.normalize("NFC", name))[-80:]
    path = folder / f"{hashlib.sha256(data).hexdigest()[:8]}-{safe}"
    if len(data) > LARGEST_PLAIN:
        path = path.with_name(f"{path.name}.gz")
        data = b"" if path.exists() else gzip.compress(data, 1, mtime=0)
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
            yield from _entries(zipfile.ZipFile(source), PurePosixPath())
        except Exception:
            raise CourseError(f"{source} is no zip that can be read; download it again.") from None
    else:
        raise CourseError(f"there is no {source}; name the folder or the zip that the LMS gave you.")


def _reader(path: Path, status: os.stat_result) -> Callable[[_Allowance], bytes]:
    def read(allowance: _Allowance) -> bytes:
        if not stat.S_ISREG(status.st_mode):
            raise CourseError("it is a link or a device, not a file; links are not followed")
        if status.st_size > LARGEST_FILE:
            raise CourseError(f"it has {status.st_size / 1e6:.0f} MB; at most {LARGEST_FILE / 1e6:.0f} MB are read")
        try:
            return allowance.take(path.read_bytes())
        except OSError as error:
            raise CourseError(f"it can't be read: {error.strerror}") from None

    return read


def _expand_zip(file: _File, allowance: _Allowance) -> list[_File]:
    """The notebooks in a student's zip, the newest first; any other file is alone in the list."""
    if file.path.suffix.lower() != ".zip":
        return [file]
    data = file.read(allowance)
    if data.count(b"PK\x01\x02") > MOST_ENTRIES:  # with these each file begins in a zip's list
        raise CourseError(f"it holds more than {MOST_ENTRIES:,} files")
    try:
        entries = list(_entries(zipfile.ZipFile(io.BytesIO(data)), file.path))
    except Exception:  # zipfile has many: for a name that is not UTF-8, a version that it does not know, ...
        raise CourseError("it is no zip that can be read") from None
    notebooks = [
        entry
        for entry in entries
        if entry.path.suffix.lower() == ".ipynb" and not any(_JUNK.fullmatch(part) for part in entry.path.parts)
    ]
    if not notebooks:
        raise CourseError("there is no notebook in it")
    notebooks.sort(key=lambda entry: entry.age, reverse=True)
    return notebooks[: MOST_NOTEBOOKS + 1]  # the last of them says that there are too many


def _entries(archive: zipfile.ZipFile, above: PurePosixPath) -> Iterator[_File]:
    for entry in archive.infolist():
        if not entry.is_dir():
            name = _entry_name(entry)
            try:
                when = datetime(*entry.date_time).timestamp()  # a zip's times are local
            except (ValueError, OverflowError, OSError):
                when = 0.0
            path = above / _shortened(name.lstrip("/"), LONGEST_PATH)
            yield _File(path, when, _unpacker(archive, entry, name))


def _entry_name(entry: zipfile.ZipInfo) -> str:
    """The name of a file in a zip; some programs write it in UTF-8 and don't say so."""
    if not entry.flag_bits & 0x800:
        try:
            return entry.filename.encode("cp437").decode("utf-8")
        except (UnicodeEncodeError, UnicodeDecodeError):
            pass
    return entry.filename


def _unpacker(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> Callable[[_Allowance], bytes]:
    def read(allowance: _Allowance) -> bytes:
        if len(name) > LONGEST_PATH:
            raise CourseError(f"its path has {len(name):,} letters; at most {LONGEST_PATH:,} are read")
        parts = re.split(r"[/\\]", name)
        if ".." in parts or name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
            raise CourseError("its path leads out of the zip; nothing of it was read")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise CourseError("it is a link, not a file; links are not followed")
        if entry.flag_bits & 1:
            raise CourseError("it is locked with a password")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # zipfile unpacks no other bit by bit
            raise CourseError("it is packed in a way that is not read; ask for an ordinary zip")
        try:
            with archive.open(entry) as stream:  # what it says of its size may be a lie
                data = stream.read(min(LARGEST_FILE, allowance.size) + 1)
        except Exception:  # of zipfile, or of what unpacks
            raise CourseError("this part of the zip is damaged") from None
        if len(data) > LARGEST_FILE:
            raise CourseError(f"it unpacks to more than {LARGEST_FILE / 1e6:.0f} MB")
        return allowance.take(data)

    return read
