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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from course_lib.errors import CourseError
from course_lib.files import atomic_write
from course_tools.classroom.reading import Reader, shared_reader
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

# What the LMS puts before a file's name, or makes the name of a folder.
# Moodle: "Ana Pérez_1234_assignsubmission_file_01_noise.ipynb", or a folder of that name up to "file_".
_MOODLE = re.compile(r"(?P<student>.+)_(?P<number>\d+)_assignsubmission_[a-z]+_?(?P<file>.*)")
# Canvas: "perezana_LATE_1234_56789_01_noise-1.ipynb", always a file, never in a folder of the student's.
_CANVAS = re.compile(r"(?P<student>[^_]+)(?:_LATE)?_(?P<number>\d+)_\d+_(?P<file>.+)")
# A copy of a file: "Copy of x", "x (1)", "x-Copy1", "x-1".
_AGAIN = re.compile(r"(?:^copy of |[ _-]*(?:\((\d+)\)|-copy(\d*)|-(\d+)))", re.I)
_JUNK = re.compile(r"__MACOSX|\.DS_Store|\._.*|\.ipynb_checkpoints|Thumbs\.db|desktop\.ini")


@dataclass
class Row:
    """What became of one file, in the report."""

    file: str
    student: str = ""
    lesson: str = ""
    status: str = ""  # laid out, unchanged, laid out anew, set aside, refused, left out
    notes: list[str] = field(default_factory=list)  # what was done to it, or why it was not used; a sentence each


@dataclass(frozen=True)
class Collected:
    """All rows, in the order of the students."""

    rows: Sequence[Row]

    @property
    def without(self) -> list[str]:
        """The students of whom nothing is laid out."""
        there = {row.student for row in self.rows if row.status in ("laid out", "laid out anew", "unchanged")}
        return sorted({row.student for row in self.rows if row.student} - there)

    def __str__(self) -> str:
        counts = Counter(row.status for row in self.rows)
        students = {row.student for row in self.rows if row.student}
        outcome = ", ".join(f"{count} {status}" for status, count in sorted(counts.items())) or "none"
        lines = [f"{len(self.rows)} files of {len(students)} students: {outcome}."]
        if self.without:
            lines.append(f"Nothing can be graded of: {', '.join(self.without)}.")
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
        return self.time, _attempt(self.path.stem), str(self.path)


def collect(source: Path, course: Path, *, students: str = "") -> Collected:
    """Lay out the notebooks in the folder or zip `source` as `submitted/STUDENT/LESSON/LESSON.ipynb` in `course`.

    students: a regular expression with a group `student`, searched in each path, where the patterns of Moodle and
    Canvas, a folder for each student and a file for each student don't tell whose it is.
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
    rows: list[Row] = []
    handed_in: dict[str, list[tuple[Row, _File]]] = defaultdict(list)
    files = [file for file in _files(source) if not any(_JUNK.fullmatch(part) for part in file.path.parts)]
    if not files:
        raise CourseError(f"{source} holds no file.")
    names = _students([file.path for file in files], _pattern(students), source.stem, releases)
    for file, student in zip(files, names, strict=True):
        row = Row(str(file.path), student)
        rows.append(row)
        if not student:
            row.status, row.notes = "refused", ["its path does not tell whose it is; see --students"]
        else:
            handed_in[student].append((row, file))
    for student, theirs in sorted(handed_in.items()):
        rows += _Student(student, course, shared_reader()).collect(theirs)
    rows.sort(key=lambda row: (row.student, row.file))
    collected = Collected(rows)
    atomic_write(course / f"{REPORT}.txt", str(collected))
    atomic_write(course / f"{REPORT}.csv", collected.as_csv())
    return collected


def without_submission(course: Path) -> list[str]:
    """The students whom the last report of `course collect` names, and of whom nothing is laid out."""
    try:
        with (course / f"{REPORT}.csv").open(encoding="utf-8", newline="") as file:
            named = {row["student"] for row in csv.DictReader(file) if row["student"]}
    except (OSError, ValueError, KeyError, csv.Error):  # it was never called, or somebody changed its report
        return []
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


def _attempt(stem: str) -> int:
    """Which copy a file is, by the number that an LMS or a browser puts behind its name."""
    found = re.search(r"(?:\((\d+)\)|-(?:copy)?(\d+))$", stem, re.I)
    return int(next(filter(None, found.groups()))[:9]) if found else 0


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


# --- Whose it is ------------------------------------------------------------------------------------------------------


def _pattern(students: str) -> re.Pattern[str] | None:
    try:
        pattern = re.compile(students) if students else None
    except re.error as error:
        raise CourseError(f"--students is no regular expression: {error}.") from None
    if pattern and "student" not in pattern.groupindex:
        raise CourseError("--students has no group (?P<student>...), which says what part of a path is the student.")
    return pattern


def _students(
    paths: Sequence[PurePosixPath], pattern: re.Pattern[str] | None, archive: str, lessons: set[str]
) -> list[str]:
    """Whose each file is, "" where its path does not tell; two students never get one name."""
    inner = [_identifying_parts(path, lessons) for path in paths]
    # A folder that all lie in is the download's own, unless the LMS made it for one student, or there is but one file:
    # then it may be the student's.
    while all(len(parts) > 1 for parts in inner) and len({parts[0] for parts in inner}) == 1:
        if _MOODLE.fullmatch(inner[0][0]) or (len(inner) == 1 and inner[0][0] != archive):
            break
        inner = [parts[1:] for parts in inner]
    owners = [_student(path, parts, pattern, lessons) for path, parts in zip(paths, inner, strict=True)]
    same = defaultdict(set)
    for name, number in owners:
        same[_safe_name(name, number).casefold()].add((name, number))
    return [
        _safe_name(name, number, disambiguate=len(same[_safe_name(name, number).casefold()]) > 1) if name else ""
        for name, number in owners
    ]


def _identifying_parts(path: PurePosixPath, lessons: set[str]) -> list[str]:
    """The parts of a path without folders that are named after a lesson, and those that lead out."""
    parts = [unicodedata.normalize("NFC", part) for part in path.parts]
    return [*(part for part in parts[:-1] if part not in lessons and part not in ("..", "/")), parts[-1]]


def _student(
    path: PurePosixPath, parts: Sequence[str], pattern: re.Pattern[str] | None, lessons: set[str]
) -> tuple[str, str]:
    """A student's name, and the number that the LMS gives them, if any."""
    if pattern:
        found = pattern.search(unicodedata.normalize("NFC", str(path)))
        return (found["student"] or "", "") if found else ("", "")
    # A file in a student's folder may have any name: that one tells nothing.
    patterns = [_MOODLE] if len(parts) > 1 else [_MOODLE, _CANVAS]
    matches = (lms.fullmatch(part) for part in parts[:-1] or parts for lms in patterns)
    if found := next(filter(None, matches), None):
        return found["student"], found["number"]
    if len(parts) > 1:
        return parts[0], ""
    stem = re.sub(r"\.(ipynb|zip)$", "", parts[0], flags=re.I)
    for lesson in sorted(lessons, key=len, reverse=True):
        stem = re.sub(re.escape(lesson), " ", stem, flags=re.I)
    stem = _AGAIN.sub(" ", stem).strip(" _-.")
    if not stem and len(path.parts) > 1:
        return unicodedata.normalize("NFC", path.parts[-2]), ""
    return stem, ""


def _safe_name(name: str, number: str, *, disambiguate: bool = False) -> str:
    """A name that serves as a folder's: letters of any script and digits, the rest as "_"."""
    safe = re.sub(r"[^\w.-]+", "_", name).strip("._-")[:60]
    if not safe and name:
        safe = "student"
        disambiguate = True
    if disambiguate:
        safe += "-" + hashlib.sha256(f"{name}\n{number}".encode(errors="surrogatepass")).hexdigest()[:6]
    return f"{safe}_{number}" if number else safe
