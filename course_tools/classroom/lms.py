"""Whose a file is, by its name: what Moodle, Canvas, Blackboard, Brightspace and Google Classroom call their files."""

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import PurePosixPath

from course_lib.errors import CourseError

# Students choose their files' names, and in Moodle and Brightspace their folders': only what stands first is the LMS's.
#
# Moodle, mod/assign/classes/downloader.php: "Ana Pérez_1234_assignsubmission_file" is a folder, in older ones with "_"
# at its end, or goes on as a file's name.  Underscores of a name became blanks.  The number is not the user's: it is
# another one in each assignment (get_uniqueid_for_user).
_MOODLE = re.compile(r"(?P<student>[^_]+)_(?P<number>\d+)_(?P<plugin>assignsubmission_[a-z]+)_?(?P<file>.*)")
# Canvas, lib/content_zipper.rb: the sortable name, small letters only; LATE; the user's number; the attachment's.
# What was typed into Canvas has no attachment; graded anonymously it has no name, and another number.
_CANVAS = re.compile(
    r"(?:(?P<student>[^_]+)(?P<late>_LATE)?_(?P<number>\d+)|(?P<hidden>LATE_anon|anon)_(?P<anonymous>[^_]+))"
    r"_(?:(?P<attachment>\d+)_(?P<file>.+)|(?:text|link)\.html)"
)
# Blackboard: ASSIGNMENT_USERNAME_attempt_TIME_FILE, and a receipt that ends in .txt; nbgrader's zip collector expects
# the same (nbgrader/plugins/zipcollect.py).
_BLACKBOARD = re.compile(r"(?P<head>.+?)_attempt_(?P<time>\d{4}(?:-\d\d){5})(?:_(?P<file>.*)|\.txt)")
# Brightspace: "397063-2557369 - Ana Pérez - Sep 24, 2024 926 PM" is a folder, or goes on as a file's name.
_TIME = r"[^\W\d]+\.? \d{1,2}, \d{4} \d{3,4}(?: [AP]M)?"
_BRIGHTSPACE = re.compile(rf"(?P<number>\d+)-\d+ - (?P<student>.+) - (?P<time>{_TIME})")
_BRIGHTSPACE_FILE = re.compile(rf"(?P<number>\d+)-\d+ - (?P<student>.+?) - (?:(?P<time>{_TIME}) - )?(?P<file>.+)")
# A copy of a file: "Copy of x", "x (1)", "x-Copy1", "x-1".
_AGAIN = re.compile(r"(?:^copy of |[ _-]*(?:\((\d+)\)|-copy(\d*)|-(\d+)))", re.I)
HANDED_IN = (".ipynb", ".zip")  # the ends of the names of what can be graded


@dataclass(frozen=True)
class Owner:
    """What a file's name tells of whose it is; without a name there is a reason."""

    name: str
    lms: str = ""  # moodle, canvas, blackboard, brightspace, classroom; "" for plain files and folders
    number: str = ""  # what the LMS puts beside the name
    handle: str = ""  # what a file's name has to begin with to find its way back to this student
    late: bool = False  # the LMS says so
    time: float = 0.0  # when it was handed in, in seconds, where the name tells it
    place: str = ""  # the folder of the download in which the name stands
    reason: str = ""  # why there is no name

    @property
    def key(self) -> str:
        """What tells this student from all others, as far as the LMS goes.

        The name belongs to it even where the number is enough: a file that somebody called ana_2026_11_30 looks like
        one of Canvas', too.
        """
        return " ".join(filter(None, (self.lms, self.name, self.number)))


def student_pattern(students: str) -> re.Pattern[str] | None:
    """The regular expression that an instructor gives.  Raises CourseError if it can't tell the student."""
    try:
        pattern = re.compile(students) if students else None
    except re.error as error:
        raise CourseError(f"--students is no regular expression: {error}.") from None
    if pattern and "student" not in pattern.groupindex:
        raise CourseError("--students has no group (?P<student>...), which says what part of a path is the student.")
    return pattern


def find_owners(
    paths: Sequence[PurePosixPath], pattern: re.Pattern[str] | None, archive: str, lessons: Collection[str]
) -> list[Owner]:
    """Whose each file is.

    pattern: of `student_pattern`; then nothing else is asked.  archive: what the download is called, without its end.
    """
    if pattern:
        return [_by_pattern(path, pattern) for path in paths]
    inner = [_identifying_parts(path, lessons) for path in paths]
    # A folder that all lie in is the download's own, unless the LMS made it for one student, or there is but one file:
    # then it may be the student's.
    while all(len(parts) > 1 for parts in inner) and len({parts[0] for parts in inner}) == 1:
        first = inner[0][0]
        if _of_folder(first) or (len(inner) == 1 and first != archive):
            break
        inner = [parts[1:] for parts in inner]
    depth = _depth([parts for parts in inner if PurePosixPath(parts[-1]).suffix.lower() in HANDED_IN])
    owners = [_owner(path, parts, depth, lessons) for path, parts in zip(paths, inner, strict=True)]
    return _with_usernames(owners)


def _by_pattern(path: PurePosixPath, pattern: re.Pattern[str]) -> Owner:
    found = pattern.search(unicodedata.normalize("NFC", str(path)))
    name = (found["student"] or "") if found else ""
    return Owner(name, reason="" if name else "its path does not tell whose it is; see --students")


def _identifying_parts(path: PurePosixPath, lessons: Collection[str]) -> list[str]:
    """The parts of a path without folders that are named after a lesson, and those that lead out."""
    parts = [unicodedata.normalize("NFC", part) for part in path.parts]
    return [*(part for part in parts[:-1] if part not in lessons and part not in ("..", "/")), parts[-1]]


def _depth(inner: Sequence[Sequence[str]]) -> int:
    """How deep the folders lie that an LMS made for students: 0 but where all lie in folders of groups.

    A folder of such a name that lies deeper than somebody else's is a student's own, and may bear another's name.
    """
    folders = [parts[:-1] for parts in inner if len(parts) > 1]
    for depth in range(1, min(map(len, folders), default=0)):
        if all(_of_folder(parts[depth]) and not _of_folder(parts[depth - 1]) for parts in folders):
            return depth
    return 0


def _owner(path: PurePosixPath, parts: Sequence[str], depth: int, lessons: Collection[str]) -> Owner:
    if len(parts) > 1:  # a file in a student's folder may have any name: that one tells nothing
        name = parts[min(depth, len(parts) - 2)]
        return replace(_of_folder(name) or Owner(name), place=_above(path, name))
    found = _of_file(parts[0], lessons) or _plain(path, parts[0], lessons)
    return replace(found, place=_above(path, parts[0]))


def _above(path: PurePosixPath, part: str) -> str:
    parts = [unicodedata.normalize("NFC", one) for one in path.parts]
    return "/".join(parts[: parts.index(part)])


def _of_folder(name: str) -> Owner | None:
    """The student for whom an LMS made a folder of this name."""
    if found := _MOODLE.fullmatch(name):
        return Owner(found["student"], "moodle", found["number"], f"{name}/")
    if found := _BRIGHTSPACE.fullmatch(name):
        return Owner(found["student"], "brightspace", found["number"], f"{name}/", time=_day_and_time(found["time"]))
    return None


def _of_file(name: str, lessons: Collection[str]) -> Owner | None:
    """The student for whom an LMS gave a file this name."""
    if found := _MOODLE.fullmatch(name):
        handle = f"{found['student']}_{found['number']}_{found['plugin']}_"
        return Owner(found["student"], "moodle", found["number"], handle)
    if found := _BLACKBOARD.fullmatch(name):
        when = datetime.strptime(found["time"], "%Y-%m-%d-%H-%M-%S").timestamp() if _is_time(found["time"]) else 0.0
        return Owner(found["head"], "blackboard", handle=f"{found['head']}_attempt_{found['time']}_", time=when)
    if found := _BRIGHTSPACE_FILE.fullmatch(name):
        handle = name.removesuffix(found["file"])
        when = _day_and_time(found["time"] or "")
        return Owner(found["student"], "brightspace", found["number"], handle, time=when)
    if found := _CANVAS.fullmatch(name):
        late = bool(found["late"]) or (found["hidden"] or "").startswith("LATE")
        handle = name.removesuffix(found["file"]) if found["file"] else ""
        student = found["student"] or f"anon_{found['anonymous']}"
        return Owner(student, "canvas", found["number"] or "", handle, late)
    # Google Classroom puts the student's name before that of the file that it copied for them; Apple's Schoolwork does
    # the same ("FamilyName GivenName - OriginalFilename").  The file's own name may begin with "Copy of", translated.
    student, dash, rest = name.partition(" - ")
    copied = rest.casefold().startswith("copy of ") or any(lesson in rest for lesson in lessons)
    if dash and copied and not _AGAIN.match(student) and not any(lesson in student for lesson in lessons):
        return Owner(student, "classroom")
    return None


def _plain(path: PurePosixPath, name: str, lessons: Collection[str]) -> Owner:
    """The student after whom a file is called."""
    if path.suffix.lower() not in HANDED_IN:
        return Owner("", reason="it is not a notebook")  # the index.html of a download is nobody's
    stem = re.sub(r"\.(ipynb|zip)$", "", name, flags=re.I)
    for lesson in sorted(lessons, key=len, reverse=True):
        stem = re.sub(re.escape(lesson), " ", stem, flags=re.I)
    stem = _AGAIN.sub(" ", stem).strip(" _-.")
    if not stem and len(path.parts) > 1:
        stem = unicodedata.normalize("NFC", path.parts[-2])
    return Owner(stem, reason="" if stem else "its path does not tell whose it is; see --students")


def _is_time(text: str) -> bool:
    try:
        datetime.strptime(text, "%Y-%m-%d-%H-%M-%S")
    except ValueError:
        return False
    return True


def _day_and_time(text: str) -> float:
    """The seconds of "Sep 24, 2024 926 PM" in this machine's time zone, 0 if it is another language's."""
    found = re.fullmatch(r"(.+) (\d{3,4})( [AP]M)?", text)
    if not found:
        return 0.0
    clock = f"{found[1]} {found[2].zfill(4)}{found[3] or ''}"
    for form in ("%b %d, %Y %I%M %p", "%b %d, %Y %H%M"):
        try:
            return datetime.strptime(clock, form).timestamp()
        except ValueError:
            continue
    return 0.0


# --- Blackboard: the name of the assignment and the user name, with "_" between and inside ----------------------------


def _with_usernames(owners: list[Owner]) -> list[Owner]:
    """The owners with Blackboard's user names: what all have before it is the assignment's name."""
    heads = sorted({owner.name for owner in owners if owner.lms == "blackboard"})
    names = _usernames(heads)
    return [
        replace(owner, name=names[owner.name], reason="" if names[owner.name] else _UNCLEAR)
        if owner.lms == "blackboard"
        else owner
        for owner in owners
    ]


_UNCLEAR = "Blackboard's name does not tell where the user name begins; import a roster, or see --students"


def _usernames(heads: Sequence[str]) -> dict[str, str]:
    """The user name in each of these ASSIGNMENT_USERNAME, "" where it can't be told."""
    if len(heads) == 1:
        assignment, _, username = heads[0].rpartition("_")
        return {heads[0]: "" if "_" in assignment else username}
    shared = 0
    for parts in zip(*(head.split("_")[:-1] for head in heads), strict=False):
        if len(set(parts)) > 1:
            break
        shared += 1
    names = {head: "_".join(head.split("_")[shared:]) for head in heads}
    # Several assignments in one folder have no beginning in common: then it is the last part, if that tells all apart.
    last = {head: head.rpartition("_")[2] for head in heads}
    return last if shared == 0 and len(set(last.values())) == len(heads) else names


def username_candidates(handle: str) -> list[str]:
    """What may be the user name in the name of a Blackboard file, the longest first."""
    found = _BLACKBOARD.match(handle)
    parts = found["head"].split("_") if found else []
    return ["_".join(parts[place:]) for place in range(len(parts))]


# --- Names of folders -------------------------------------------------------------------------------------------------


def folder_names(owners: Sequence[Owner], taken: dict[str, str]) -> dict[str, str]:
    """For each owner's key the folder that is theirs; two students never get one.

    taken: whose each folder is that is given away already, by its name; a key of it keeps its folder.
    """
    known = {key: folder for folder, key in taken.items()}
    used = {folder.casefold(): key for folder, key in taken.items()}
    new = {owner.key: owner for owner in owners if owner.name and owner.key not in known}
    same: dict[str, set[str]] = defaultdict(set)
    for key, owner in new.items():
        same[safe_name(owner.name, owner.number).casefold()].add(key)
    for key, owner in new.items():
        plain = safe_name(owner.name, owner.number)
        shared = len(same[plain.casefold()]) > 1 or plain.casefold() in used
        known[key] = safe_name(owner.name, owner.number, disambiguate=shared)
    return known


def safe_name(name: str, number: str = "", *, disambiguate: bool = False) -> str:
    """A name that serves as a folder's: letters of any script and digits, the rest as "_"."""
    safe = re.sub(r"[^\w.-]+", "_", name).strip("._-")[:60]
    if not safe and name:
        safe = "student"
        disambiguate = True
    if disambiguate:
        safe += "-" + hashlib.sha256(f"{name}\n{number}".encode(errors="surrogatepass")).hexdigest()[:6]
    return f"{safe}_{number}" if number else safe


def attempt(stem: str) -> int:
    """Which copy a file is, by the number that an LMS or a browser puts behind its name."""
    found = re.search(r"(?:\((\d+)\)|-(?:copy)?(\d+))$", stem, re.I)
    return int(next(filter(None, found.groups()))[:9]) if found else 0
