"""Who is in the class: one person for each student, whatever a lesson's download calls them (roster.csv)."""

import csv
import difflib
import io
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from course_lib.errors import CourseError
from course_lib.files import atomic_write
from course_tools.classroom.exports import COLUMNS, Table, full_name, is_student, moodle_times, read_table
from course_tools.classroom.ledger import Ledger
from course_tools.classroom.lms import Owner, safe_name, username_candidates
from course_tools.files import no_formula

ROSTER = "roster.csv"
_HEADER = ("student", "name", "id", "mail", "other")


@dataclass(frozen=True)
class Person:
    """A student: the folder of their work, their name, the LMS's id, mail, and whatever else they are called."""

    student: str
    name: str
    id: str = ""
    mail: str = ""
    other: tuple[str, ...] = ()

    @cached_property
    def sure(self) -> set[str]:
        """What is nobody else's: id, mail, and what an instructor or an LMS wrote down as another name."""
        return {squeezed for word in (self.id, self.mail, *self.other) if (squeezed := squeeze(word))}

    @cached_property
    def names(self) -> set[str]:
        """The name, in each order of its parts, as LMS differ in it; other names; the beginning of the mail."""
        parts = self.name.split()
        turned = (" ".join([*parts[place:], *parts[:place]]) for place in range(len(parts)))
        return {squeeze(name) for name in (*turned, *self.other, self.mail.partition("@")[0])} - {""}

    @cached_property
    def parts(self) -> frozenset[str]:
        """The parts of the name without accents."""
        return _without_accents(self.name)


def squeeze(text: str) -> str:
    """A name without what differs from LMS to LMS: letters of any script and digits, all small."""
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFC", text).casefold())


def _without_accents(text: str) -> frozenset[str]:
    """The parts of a name in no order, without accents."""
    plain = "".join(one for one in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(one))
    return frozenset(re.findall(r"[^\W_]+", plain))


@dataclass(frozen=True)
class Roster:
    """The class."""

    people: tuple[Person, ...]

    def of(self, student: str) -> Person | None:
        """Whose folder this is."""
        return next((person for person in self.people if person.student == student), None)

    def called(self, name: str) -> Person:
        """The one whom an instructor calls so.  Raises CourseError, with the nearest name, if it is nobody."""
        squeezed = squeeze(name)
        found = [person for person in self.people if squeezed in person.sure | person.names]
        if len(found) != 1:
            raise CourseError(f"{self._nobody(name) if not found else _several(name, found)}.")
        return found[0]

    def find(self, owner: Owner) -> tuple[list[Person], int]:
        """Who that may be, and how sure it is: 0 by what is nobody else's, 1 by name, 2 by name without accents."""
        if owner.lms == "blackboard":
            for tier in (0, 1):
                for candidate in map(squeeze, username_candidates(owner.handle)):
                    if found := [one for one in self.people if candidate in (one.names if tier else one.sure)]:
                        return found, tier
            return [], 2
        numbers = {"canvas": owner.number, "moodle": f"Participant {owner.number}"}
        sure = {squeeze(numbers.get(owner.lms, "")), "" if owner.number else squeeze(owner.name)} - {""}
        squeezed, parts = squeeze(owner.name), _without_accents(owner.name)
        tiers = (
            lambda one: bool(one.sure & sure) or (not owner.lms and one.student == owner.name),
            lambda one: squeezed in one.names,
            lambda one: bool(parts) and parts == one.parts,
        )
        for tier, fits in enumerate(tiers):
            if found := [person for person in self.people if fits(person)]:
                return found, tier
        return [], 2

    def assign(self, owners: Sequence[Owner]) -> list[tuple[str, str]]:
        """For each owner the folder of their work, or "" and the reason why it is nobody's."""
        matches = [self.find(owner) for owner in owners]
        answers = []
        rivals: dict[tuple[str, str, str], dict[str, int]] = defaultdict(dict)  # who else is taken for a person here
        for owner, (found, tier) in zip(owners, matches, strict=True):
            if len(found) == 1:
                same = rivals[found[0].student, owner.lms, owner.place]
                same[owner.key] = min(tier, same.get(owner.key, tier))
        for owner, (found, tier) in zip(owners, matches, strict=True):
            student, reason = "", ""
            if not found:
                name = owner.name or next(iter(username_candidates(owner.handle)), "")
                reason = self._nobody(name) if name else owner.reason
            elif len(found) > 1:
                reason = _several(owner.name, found)
            elif tier and _has_rival(owner, tier, rivals[found[0].student, owner.lms, owner.place]):
                who = found[0].name
                reason = f"it is not the only one here that fits {who} of {ROSTER}; {_TELL_APART}"
            else:
                student = found[0].student
            answers.append((student, reason))
        return answers

    def _nobody(self, name: str) -> str:
        near = difflib.get_close_matches(squeeze(name), [squeeze(person.name) for person in self.people], n=1)
        nearest = next((person.name for person in self.people if near and squeeze(person.name) == near[0]), "")
        hint = (
            f"; the nearest is {nearest}: if that is who it is, write it into their column `other`" if nearest else ""
        )
        return f"nobody in {ROSTER} is called {name[:80]!r}{hint}"


_TELL_APART = "write into its column `other` what tells them apart, or import this assignment's list"


def _several(name: str, found: Sequence[Person]) -> str:
    who = " or ".join(f"{person.name} ({person.mail or person.id or person.student})" for person in found[:3])
    return f"{name[:80]!r} may be {who} of {ROSTER}; {_TELL_APART}"


def _has_rival(owner: Owner, tier: int, same: Mapping[str, int]) -> bool:
    """Whether a student whom the LMS tells from this one was taken for the same person, and fits as well or better."""
    others = [theirs for key, theirs in same.items() if key != owner.key]
    return any(theirs < tier or (theirs == tier and (owner.number or tier == 2)) for theirs in others)


# --- The file ---------------------------------------------------------------------------------------------------------


def read_roster(course: Path) -> Roster | None:
    """The class of a course directory; None if it has no roster.csv.  Raises CourseError if two rows are one person."""
    path = course / ROSTER
    if not path.exists():
        return None
    table = read_table(path)
    people = [person_of(table, row) for row in table.rows if is_student(table, row)]
    people = _with_folders(people, {}, path)
    _check(people, path)
    return Roster(tuple(people))


def settle_roster(course: Path) -> Roster | None:
    """The class, after each has a folder in roster.csv itself: a namesake who joins later must not change it.

    All else in the file stays, columns of an instructor's own, too.  Raises CourseError as `read_roster` does.
    """
    roster, path = read_roster(course), course / ROSTER
    if roster is None:
        return None
    table = read_table(path)
    place = _folder_place(table)
    if place is None:
        header = ("name" if name.strip().casefold() == "student" else name for name in table.header)
        rows = tuple(("", *row) for row in table.rows)
        table, place = replace(table, header=("student", *header), rows=rows), 0
    people = iter(roster.people)
    settled = [
        (*row[:place], no_formula(next(people).student), *row[place + 1 :]) if is_student(table, row) else row
        for row in table.rows
    ]
    if settled != [*table.rows]:
        atomic_write(path, table.with_columns(range(len(table.header)), settled))
    return roster


def _folder_place(table: Table) -> int | None:
    """Which column of a roster holds the folder: `student`, where another one has the name."""
    names = [name.strip().casefold() for name in table.header]
    named = {*COLUMNS["name"], *COLUMNS["first"], *COLUMNS["last"]} - {"student"}
    return names.index("student") if not table.kind and "student" in names and named & {*names} else None


def person_of(table: Table, row: Sequence[str]) -> Person:
    """The student in a row of what an LMS exported."""
    name = full_name(table, row) or table.cell(row, "id") or table.cell(row, "mail")
    ids = [row[place].strip().removeprefix("#") for place in table.places("id")]
    ids = [one for one in dict.fromkeys(ids) if one]
    other = [part.strip() for part in table.cell(row, "other").split(";")]
    other += [*ids[1:], table.cell(row, "moodle")]
    mail = table.cell(row, "mail") or next((one for one in ids if "@" in one), "")
    place = _folder_place(table)
    student = _as_typed(row[place].strip()) if place is not None else ""
    words = tuple(dict.fromkeys(word for word in map(_as_typed, other) if word))
    return Person(student, _as_typed(name), _as_typed(ids[0]) if ids else "", _as_typed(mail), words)


def _as_typed(cell: str) -> str:
    """A cell without the mark that keeps a spreadsheet from taking it for a formula."""
    return cell[1:] if cell[:1] == "'" and no_formula(cell[1:]) == cell else cell


def _with_folders(people: Sequence[Person], folders: Mapping[int, str], path: Path) -> list[Person]:
    """The people, each with a folder: their own, or that in `folders` by number, or a new one of their name."""
    used = {person.student.casefold() for person in people if person.student}
    names = Counter(safe_name(person.name).casefold() for person in people)
    done = []
    for number, person in enumerate(people):
        student = person.student or folders.get(number, "")
        if not student:
            student = safe_name(person.name)
            if names[student.casefold()] > 1 or student.casefold() in used:
                student = safe_name(f"{person.name} {person.mail or person.id}")
            if student.casefold() in used:
                raise CourseError(f"{path}: two are called {person.name}; give each a mail or an id.")
        used.add(student.casefold())
        done.append(replace(person, student=student))
    return done


def _check(people: Iterable[Person], path: Path) -> None:
    seen: dict[str, Person] = {}
    folders: set[str] = set()
    for person in people:
        if safe_name(person.student) != person.student:
            raise CourseError(f"{path}: {person.student!r} is no name for a folder; leave the column `student` empty.")
        if person.student.casefold() in folders:
            raise CourseError(f"{path}: two have the folder {person.student}; leave one of them empty.")
        folders.add(person.student.casefold())
        for word in person.sure:
            if word in seen:
                one, two = seen[word].name, person.name
                raise CourseError(f"{path}: {one} and {two} are both called {word!r}; one of them has to go.")
            seen[word] = person


def write_roster(course: Path, people: Sequence[Person]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    for person in people:
        cells = (person.student, person.name, person.id, person.mail, "; ".join(person.other))
        writer.writerow(map(no_formula, cells))
    atomic_write(course / ROSTER, text.getvalue())


def import_roster(course: Path, exports: Sequence[Path]) -> list[str]:
    """Take the students of what an LMS exported into roster.csv; returns lines that say what was done.

    Who is there stays, and learns what is new of them: they are found again by id, mail or login, or by a name that
    nobody else has.  Whose work was laid out before there was a roster keeps that folder.  Of Moodle's grading
    worksheet the times are kept, too: its downloads don't have them.
    Raises CourseError if `course` is no course directory, or if a file is no list of students.
    """
    if not (course / "release").is_dir():
        raise CourseError(f"{course} is no course directory; make one with `course assign`.")
    ledger = Ledger.read(course)
    there = read_roster(course)
    people = [*there.people] if there else []
    lines = []
    for path in exports:
        table = read_table(path)
        rows = [person_of(table, row) for row in table.rows if is_student(table, row)]
        if not rows or not (table.places("name") or table.places("first") or table.places("last")):
            raise CourseError(f"{path} names no student: it needs a column called one of {', '.join(COLUMNS['name'])}.")
        names = Counter(squeeze(row.name) for row in rows)
        new = 0
        for row in rows:
            place = same_person(people, row, alone=names[squeeze(row.name)] == 1)
            if place is None:
                people.append(row)
                new += 1
            else:
                people[place] = _merged(people[place], row)
        lines.append(f"{path.name}: {len(rows)} students, {new} of them new.")
        ledger.times |= moodle_times(table)
    before, more = _folders_before(people, ledger.folders)
    people = _with_folders(people, before, course / ROSTER)
    _check(people, course / ROSTER)
    ledger.write()
    write_roster(course, people)
    return [*lines, *more, f"{len(people)} students stand in {course / ROSTER}."]


def _folders_before(people: Sequence[Person], folders: Mapping[str, Owner]) -> tuple[dict[int, str], list[str]]:
    """For the number of each new person the one folder that was theirs before, and a line for those with several."""
    numbered = Roster(tuple(replace(person, student=f"\0{number}") for number, person in enumerate(people)))
    theirs: dict[int, list[str]] = defaultdict(list)
    for folder, (student, _) in zip(folders, numbered.assign([*folders.values()]), strict=True):
        if student and people[number := int(student[1:])].student != folder:
            theirs[number].append(folder)
    kept, lines = {}, []
    for number, names in theirs.items():
        if len(names) == 1 and not people[number].student:
            kept[number] = names[0]
        else:
            lines.append(
                f"{people[number].name} has work that was collected without the roster, as {', '.join(names)}: "
                "collect those downloads again, and delete these folders in submitted/."
            )
    return kept, lines


def same_person(people: Sequence[Person], new: Person, *, alone: bool) -> int | None:
    """The number of the one of the people that is; by the name only if nobody else has it, here or there (`alone`)."""
    words = new.sure
    for place, person in enumerate(people):
        if person.sure & words:
            return place
    by_name = [place for place, person in enumerate(people) if person.names & new.names]
    if len(by_name) != 1 or not alone:
        return None
    mine = people[by_name[0]]
    # Two mails, or two ids of one LMS, are two people, whatever they are called.
    differ = mine.mail and new.mail and squeeze(mine.mail) != squeeze(new.mail)
    return None if differ else by_name[0]


def _merged(old: Person, new: Person) -> Person:
    """What is known of a person from two lists; the first one's id and name stay."""
    more = [new.id, new.mail, *new.other] + ([new.name] if squeeze(new.name) not in old.names else [])
    known = {old.id or new.id, old.mail or new.mail, *old.other}
    other = (*old.other, *(word for word in dict.fromkeys(more) if word and word not in known))
    return replace(old, id=old.id or new.id, mail=old.mail or new.mail, other=other)
