"""What `course collect` has to remember: whose each folder is, and by what name the LMS knows each submission."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from course_lib.errors import CourseError
from course_lib.files import atomic_write
from course_tools.classroom.lms import Owner, folder_names

LEDGER = "collected.json"


@dataclass
class Ledger:
    """The file collected.json of a course directory."""

    path: Path
    folders: dict[str, Owner] = field(default_factory=dict)  # without a roster: whose each folder is
    handed_in: dict[str, dict[str, Owner]] = field(default_factory=dict)  # by lesson, then by student
    times: dict[str, float] = field(default_factory=dict)  # of Moodle's worksheets: when each number handed in

    @classmethod
    def read(cls, course: Path) -> "Ledger":
        """Raises CourseError if the file is damaged."""
        path = course / LEDGER
        if not path.exists():
            return cls(path)
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            folders = {folder: Owner(**owner) for folder, owner in kept["folders"].items()}
            handed_in = {
                lesson: {student: Owner(**owner) for student, owner in theirs.items()}
                for lesson, theirs in kept["handed_in"].items()
            }
            return cls(path, folders, handed_in, {number: float(time) for number, time in kept["times"].items()})
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            raise CourseError(
                f"{path} can't be read; take it from a backup, or delete it and collect all downloads again."
            ) from None

    def write(self) -> None:
        kept = {
            "folders": {folder: asdict(owner) for folder, owner in self.folders.items()},
            "handed_in": {
                lesson: {student: asdict(owner) for student, owner in theirs.items()}
                for lesson, theirs in self.handed_in.items()
            },
            "times": self.times,
        }
        atomic_write(self.path, json.dumps(kept, indent=1, ensure_ascii=True, sort_keys=True) + "\n")

    def assign(self, owners: Sequence[Owner]) -> list[tuple[str, str]]:
        """For each owner the folder of their work, or "" and the reason; what is new is remembered."""
        by_key = folder_names(owners, {folder: owner.key for folder, owner in self.folders.items()})
        for owner in owners:
            if owner.name:
                self.folders.setdefault(by_key[owner.key], owner)
        return [(by_key[owner.key], "") if owner.name else ("", owner.reason) for owner in owners]

    def record(self, found: Mapping[tuple[str, str], Owner]) -> None:
        """Remember by what name the LMS knows what was laid out, by student and lesson."""
        for (student, lesson), owner in found.items():
            self.handed_in.setdefault(lesson, {})[student] = owner

    def owner(self, student: str, lesson: str) -> Owner | None:
        return self.handed_in.get(lesson, {}).get(student)

    def time_of(self, owner: Owner) -> float:
        """When that was handed in, in seconds, by its name or by Moodle's worksheet; 0 if neither tells."""
        return owner.time or (self.times.get(owner.number, 0.0) if owner.lms == "moodle" else 0.0)
