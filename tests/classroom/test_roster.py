"""Whose it is: what each LMS calls its files, one person across lessons and downloads, and who is refused and why."""

import csv
import json
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath

import pytest

from course_lib.errors import CourseError
from course_tools.classroom import collect as collect_module
from course_tools.classroom import roster as roster_module
from course_tools.classroom.collect import Collected, collect
from course_tools.classroom.ledger import LEDGER, Ledger
from course_tools.classroom.lms import Owner, find_owners
from course_tools.classroom.roster import ROSTER, Person, Roster, import_roster, read_roster
from course_tools.cli import main
from tests.classroom.conftest import Notebook

LESSONS = {"01_noise", "02_more"}


def owners(*names: str) -> list[Owner]:
    return find_owners([PurePosixPath(name) for name in names], None, "download", LESSONS)


def put(lms: Path, notebook: Notebook, *names: str) -> Path:
    for name in names:
        (lms / name).parent.mkdir(parents=True, exist_ok=True)
        (lms / name).write_text(json.dumps(notebook))
    return lms


def table(path: Path, *rows: Sequence[str], delimiter: str = ",") -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


def roster_of(course: Path, *rows: str) -> None:
    (course / ROSTER).write_text("\n".join(["name,id,mail,other", *rows]) + "\n")


def laid_out(collected: Collected) -> dict[str, str]:
    """The file and the student of each row that is laid out."""
    return {row.file: row.student for row in collected.rows if row.status.startswith("laid out")}


def refused(collected: Collected) -> dict[str, str]:
    """The file and the reason of each row that is nobody's."""
    return {row.file: row.notes[0] for row in collected.rows if row.status == "refused"}


# --- What an LMS calls its files --------------------------------------------------------------------------------------

MOODLE = "Ana Pérez_4400_assignsubmission_file"
NAMES = {
    "Moodle's folder": (f"{MOODLE}/x.ipynb", "moodle", "Ana Pérez", "4400", f"{MOODLE}/"),
    "Moodle's older folder": (f"{MOODLE}_/x.ipynb", "moodle", "Ana Pérez", "4400", f"{MOODLE}_/"),
    "Moodle's flat file": (f"{MOODLE}_01_noise.ipynb", "moodle", "Ana Pérez", "4400", f"{MOODLE}_"),
    "Canvas": ("perezana_104_5001_01_noise-1.ipynb", "canvas", "perezana", "104", "perezana_104_5001_"),
    "Canvas, late": ("perezana_LATE_104_5001_a.ipynb", "canvas", "perezana", "104", "perezana_LATE_104_5001_"),
    "Canvas, anonymous": ("anon_Xy9Zq_5001_a.ipynb", "canvas", "anon_Xy9Zq", "", "anon_Xy9Zq_5001_"),
    "Blackboard": (
        "Noise_aabbott_attempt_2026-11-30-10-05-09_01_noise.ipynb",
        "blackboard",
        "aabbott",
        "",
        "Noise_aabbott_attempt_2026-11-30-10-05-09_",
    ),
    "Brightspace's folder": (
        "397063-2557369 - Mary-Ann Smith - Sep 24, 2024 926 PM/a.ipynb",
        "brightspace",
        "Mary-Ann Smith",
        "397063",
        "397063-2557369 - Mary-Ann Smith - Sep 24, 2024 926 PM/",
    ),
    "Brightspace's flat file": (
        "397063-2557369 - Mary-Ann Smith - a.ipynb",
        "brightspace",
        "Mary-Ann Smith",
        "397063",
        "397063-2557369 - Mary-Ann Smith - ",
    ),
    "Google Classroom": ("Bob Baker - 01_noise.ipynb", "classroom", "Bob Baker", "", ""),
    "Google Classroom's copy": ("Bob Baker - Copy of 01_noise.ipynb", "classroom", "Bob Baker", "", ""),
    "Google Classroom in Spanish": ("Bob Baker - Copia de 01_noise.ipynb", "classroom", "Bob Baker", "", ""),
    "a folder": ("Bob Baker/x.ipynb", "", "Bob Baker", "", ""),
    "a file": ("bob_01_noise (1).ipynb", "", "bob", "", ""),
}


@pytest.mark.parametrize(("path", "lms", "name", "number", "handle"), NAMES.values(), ids=NAMES)
def test_a_name_tells_whose_it_is(path: str, lms: str, name: str, number: str, handle: str) -> None:
    owner = owners(path, "zoe/x.ipynb")[0]
    assert (owner.lms, owner.name, owner.number, owner.handle) == (lms, name, number, handle)
    assert owner.late == ("LATE" in path)


def test_the_time_in_a_name_is_when_it_was_handed_in() -> None:
    names = (
        "Noise_ann_attempt_2026-11-30-10-05-09_a.ipynb",
        "1-2 - Ann Lee - Nov 30, 2026 1005 AM/a.ipynb",
        "1-2 - Bo Lee - Nov 30, 2026 126 PM/a.ipynb",
        "1-2 - Cy Lee - Nov 30, 2026 1326/a.ipynb",
        "1-2 - Di Lee - 30 listopada/a.ipynb",
        "Noise_eve_attempt_2026-99-99-99-99-99_a.ipynb",
    )
    times = [datetime.fromtimestamp(owner.time) if owner.time else None for owner in owners(*names)]
    day = datetime(2026, 11, 30)
    assert times == [
        day.replace(hour=10, minute=5, second=9),
        day.replace(hour=10, minute=5),
        day.replace(hour=13, minute=26),
        day.replace(hour=13, minute=26),
        None,
        None,
    ]


def test_blackboards_user_names_are_what_comes_after_the_assignments_name() -> None:
    time = "attempt_2026-11-30-10-05-09"
    found = owners(*(f"gradebook_ART27_Noise_{name}_{time}_a.ipynb" for name in ("ann_lee", "bob_lee", "cy")))
    assert [owner.name for owner in found] == ["ann_lee", "bob_lee", "cy"]
    (alone,) = owners(f"gradebook_ART27_Noise_ann_lee_{time}_a.ipynb")
    assert (alone.name, "roster" in alone.reason) == ("", True)
    several = owners(f"Noise_ann_{time}_a.ipynb", f"More_bob_{time}_a.ipynb")
    assert [owner.name for owner in several] == ["ann", "bob"]


TIME = "attempt_2026-11-30-10-05-09"
IN_ANOTHERS_NAME = {
    "Moodle": f"{MOODLE}_Bo Li_4401_assignsubmission_file_x.ipynb",
    "Moodle's folders": f"{MOODLE}/Bo Li_4401_assignsubmission_file/x.ipynb",
    "Canvas": "perezana_104_5001_boli_105_5002_x.ipynb",
    "Blackboard": f"Noise_aperez_{TIME}_Noise_boli_{TIME}_x.ipynb",
    "Brightspace": "1-9 - Ana Pérez - 2-9 - Bo Li - x.ipynb",
    "Brightspace's folders": "1-9 - Ana Pérez - Nov 30, 2026 1005 AM/2-9 - Bo Li - Nov 30, 2026 1005 AM/x.ipynb",
    "folders": "Ana Pérez/Bo Li_4401_assignsubmission_file/x.ipynb",
}


@pytest.mark.parametrize("path", IN_ANOTHERS_NAME.values(), ids=IN_ANOTHERS_NAME)
def test_a_students_own_names_do_not_make_it_anothers(path: str) -> None:
    found = owners(path, "zoe/own/x.ipynb", f"Noise_zoe_{TIME}_x.ipynb")[0]
    assert found.name in ("Ana Pérez", "perezana", "aperez")
    assert "Bo" not in found.handle


def test_what_an_lms_adds_is_nobodys(course: Path, lms: Path, done: Notebook) -> None:
    put(lms, done, "1-2 - Ann Lee - Nov 30, 2026 1005 AM/a.ipynb")
    (lms / "index.html").write_text("<html>")
    (lms / "Noise_ann_attempt_2026-11-30-10-05-09.txt").write_text("Name: Ann Lee (ann)")
    collected = collect(lms, course)
    assert [(row.student, row.status) for row in collected.rows if row.file == "index.html"] == [("", "left out")]
    assert list(laid_out(collected).values()) == ["Ann_Lee_1"]


def test_another_attempt_is_the_same_student_and_the_later_counts(course: Path, lms: Path, done: Notebook) -> None:
    put(lms, done, "1-2 - Ann Lee - Nov 30, 2026 1000 AM/a.ipynb", "1-2 - Ann Lee - Nov 30, 2026 900 PM/a.ipynb")
    put(lms, done, "1-2 - Bo Lee - Nov 30, 2026 900 PM/a.ipynb")
    collected = collect(lms, course)
    assert set(laid_out(collected)) == {f"1-2 - {name} Lee - Nov 30, 2026 900 PM/a.ipynb" for name in ("Ann", "Bo")}
    stamp = (course / "submitted/Ann_Lee_1/01_noise/timestamp.txt").read_text()
    when = datetime.strptime(stamp.strip(), "%Y-%m-%d %H:%M:%S UTC").timestamp()
    assert when - datetime(1970, 1, 1).timestamp() == datetime(2026, 11, 30, 21).timestamp()


def test_that_canvas_calls_it_late_is_said_and_kept(course: Path, lms: Path, done: Notebook) -> None:
    collected = collect(put(lms, done, "diazdora_LATE_104_51_a.ipynb", "libo_105_52_a.ipynb"), course)
    notes = {row.student: row.notes for row in collected.rows}
    assert notes == {"diazdora_104": ["Canvas says that it came late"], "libo_105": []}
    kept = Ledger.read(course).handed_in["01_noise"]
    assert {student: owner.late for student, owner in kept.items()} == {"diazdora_104": True, "libo_105": False}


# --- Without a roster -------------------------------------------------------------------------------------------------


def test_two_students_of_two_downloads_never_become_one(
    course: Path, lms: Path, done: Notebook, blank: Notebook
) -> None:
    collect(put(lms / "one", done, "Ana Perez/01_noise.ipynb"), course)
    before = (course / "submitted/Ana_Perez/01_noise/01_noise.ipynb").read_bytes()
    new = set()
    for name in ("Ana_Perez", "ana perez"):  # one at a time: it is the earlier downloads that they must not meet
        new |= set(laid_out(collect(put(lms / name, done, f"{name}/01_noise.ipynb"), course)).values())
    assert (course / "submitted/Ana_Perez/01_noise/01_noise.ipynb").read_bytes() == before
    assert len({name.casefold() for name in new | {"Ana_Perez"}}) == 3
    assert laid_out(collect(lms / "Ana_Perez", course)) == {}  # each keeps the folder that it got
    again = collect(put(lms / "one", blank, "Ana Perez/01_noise.ipynb"), course)
    assert [row.student for row in again.rows] == ["Ana_Perez"]


def test_killed_after_the_layout_a_folder_still_has_its_owner(
    course: Path, lms: Path, done: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(collect_module, "_remember", stop)
        with pytest.raises(KeyboardInterrupt):
            collect(put(lms / "one", done, "Ana Perez/x.ipynb"), course)
    assert os.listdir(course / "submitted") == ["Ana_Perez"]
    (row,) = collect(put(lms / "two", done, "Ana_Perez/x.ipynb"), course).rows
    assert row.student != "Ana_Perez"


def test_files_with_a_day_in_their_names_are_not_one_student_of_canvas(course: Path, lms: Path, done: Notebook) -> None:
    for name in ("ana", "bo"):
        collect(put(lms / name, done, f"{name}_2026_11_30.ipynb"), course)
    assert len(os.listdir(course / "submitted")) == 2


def test_moodle_without_a_roster_is_safe_and_says_what_would_be_better(course: Path, lms: Path, done: Notebook) -> None:
    put(lms, done, "Ana Li_1_assignsubmission_file_/x.ipynb", "Ana Li_2_assignsubmission_file_/x.ipynb")
    collected = collect(lms, course)
    assert sorted(laid_out(collected).values()) == ["Ana_Li_1", "Ana_Li_2"]
    assert "course roster" in str(collected)


def test_a_damaged_ledger_is_said_and_nothing_is_laid_out(course: Path, lms: Path, done: Notebook) -> None:
    (course / LEDGER).write_text("{")
    with pytest.raises(CourseError, match=r"collected\.json can't be read"):
        collect(put(lms, done, "ana/a.ipynb"), course)
    assert not (course / "submitted").exists()


# --- With a roster ----------------------------------------------------------------------------------------------------

CLASS = (
    "Ana Pérez,104,ana.perez@uni.example,",
    "Bo van der Berg,105,bvdb@uni.example,bo",
    "李小龍,106,bruce@uni.example,",
    "Mary-Ann Smith,107,mas@uni.example,",
)
EACH = {
    "Moodle": "Ana Pérez_4400_assignsubmission_file_/x.ipynb",
    "Moodle without accents": "Ana Perez_4400_assignsubmission_file_/x.ipynb",
    "Canvas by number": "diazana_104_5001_x.ipynb",
    "Canvas by name": "pérezana_999_5001_x.ipynb",
    "Blackboard by mail": "gradebook_ART_27_Noise_ana.perez_attempt_2026-11-30-10-05-09_x.ipynb",
    "Brightspace": "7-8 - Ana Pérez - Nov 30, 2026 1005 AM/x.ipynb",
    "Google Classroom": "Ana Pérez - Copy of 01_noise.ipynb",
    "a folder": "Pérez, Ana/x.ipynb",
    "a file": "ana_perez_01_noise.ipynb",
    "nbgrader's own": "Ana_Pérez/01_noise/01_noise.ipynb",
    "an id": "104.ipynb",
    "a mail": "ana.perez@uni.example/x.ipynb",
}


@pytest.mark.parametrize("path", EACH.values(), ids=EACH)
def test_one_person_whatever_the_lms(course: Path, lms: Path, done: Notebook, path: str) -> None:
    roster_of(course, *CLASS)
    assert laid_out(collect(put(lms, done, path), course)) == {path: "Ana_Pérez"}


def test_a_pattern_tells_a_name_of_the_roster(course: Path, lms: Path, done: Notebook) -> None:
    roster_of(course, *CLASS)
    put(lms, done, "hw_perez-ana_x.ipynb", "hw_nobody_x.ipynb")
    collected = collect(lms, course, students="hw_(?P<student>[^_]+)_")
    assert laid_out(collected) == {"hw_perez-ana_x.ipynb": "Ana_Pérez"}
    assert set(refused(collected)) == {"hw_nobody_x.ipynb"}


def test_two_lessons_of_one_moodle_student_are_one_person(course: Path, lms: Path, releases: dict) -> None:
    from course_tools.notebooks.lesson import notebook_text

    release = course / "release/02_more/02_more.ipynb"
    release.parent.mkdir()
    release.write_text(notebook_text(releases["02_more"]))
    roster_of(course, *CLASS)
    for number, lesson in ((4400, "01_noise"), (9100, "02_more")):
        put(lms / lesson, releases[lesson], f"Ana Pérez_{number}_assignsubmission_file_/{lesson}.ipynb")
        collect(lms / lesson, course)
    assert os.listdir(course / "submitted") == ["Ana_Pérez"]
    assert sorted(os.listdir(course / "submitted/Ana_Pérez")) == ["01_noise", "02_more"]
    # Both in one folder are no two students, either.
    assert not refused(collect(lms, course))


def test_who_is_not_in_the_class_is_refused_with_the_nearest_name(course: Path, lms: Path, done: Notebook) -> None:
    roster_of(course, *CLASS)
    put(lms, done, "Anna Peres_1_assignsubmission_file_/x.ipynb", "Zzyzx_2_assignsubmission_file_/x.ipynb")
    collected = collect(lms, course)
    near, far = sorted(refused(collected).values(), key=len, reverse=True)
    assert "'Anna Peres'" in near
    assert "the nearest is Ana Pérez" in near
    assert "'Zzyzx'" in far
    assert "nearest" not in far
    assert not (course / "submitted").exists()


def test_who_handed_in_nothing_is_listed(
    course: Path, lms: Path, done: Notebook, capsys: pytest.CaptureFixture
) -> None:
    roster_of(course, *CLASS)
    put(lms, done, "Ana Pérez/x.ipynb", "bo/x.ipynb")
    assert main(["collect", str(lms), "--to", str(course)]) == 0
    assert "01_noise: 2 of roster.csv handed in nothing: 李小龍, Mary-Ann Smith." in capsys.readouterr().out
    assert "Mary-Ann Smith,01_noise,nothing handed in,," in (course / "collect-report.csv").read_text()
    late = lms.parent / "late"
    assert "1 of roster.csv" in str(collect(put(late, done, "李小龍/x.ipynb"), course))


@pytest.mark.parametrize(
    "names",
    [
        ("Ana Pérez_1_assignsubmission_file_/x.ipynb", "Ana Pérez_2_assignsubmission_file_/x.ipynb"),
        ("pérezana_7_1_x.ipynb", "pérezana_8_2_x.ipynb"),
        ("Ana Pèrez/x.ipynb", "Ana Perèz/x.ipynb"),
    ],
)
def test_two_whom_the_download_tells_apart_are_not_one_person(
    course: Path, lms: Path, done: Notebook, names: tuple[str, str]
) -> None:
    roster_of(course, *CLASS)
    collected = collect(put(lms, done, *names), course)
    assert set(refused(collected)) == set(names)
    assert "not the only one here that fits Ana Pérez" in " ".join(refused(collected).values())


def test_whom_the_number_names_stays_beside_a_namesake(course: Path, lms: Path, done: Notebook) -> None:
    roster_of(course, *CLASS)
    collected = collect(put(lms, done, "pérezana_104_1_x.ipynb", "pérezana_8_2_x.ipynb"), course)
    assert laid_out(collected) == {"pérezana_104_1_x.ipynb": "Ana_Pérez"}
    assert set(refused(collected)) == {"pérezana_8_2_x.ipynb"}


def test_two_of_one_name_need_what_tells_them_apart(course: Path, lms: Path, done: Notebook) -> None:
    roster_of(course, "Ana Li,,one@uni.example,", "Ana Li,,two@uni.example,Participant 7")
    put(lms, done, "Ana Li_6_assignsubmission_file_/x.ipynb", "Ana Li_7_assignsubmission_file_/x.ipynb")
    collected = collect(lms, course)
    assert list(laid_out(collected).values()) == ["Ana_Li_two_uni.example"]
    (reason,) = refused(collected).values()
    assert "may be Ana Li (one@uni.example) or Ana Li (two@uni.example)" in reason


# --- The file ---------------------------------------------------------------------------------------------------------

CANVAS = (
    ("Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Noise (456)", "Final Score"),
    ("", "", "", "", "", "Manual Posting", ""),
    ("    Points Possible", "", "", "", "", "8.00", "(read only)"),
    ("Pérez, Ana", "104", "S1", "ana.perez@uni.example", "A", "", ""),
    ("van der Berg, Bo", "105", "S2", "bvdb@uni.example", "A", "", ""),
    ("Student, Test", "106", "", "9f8", "A", "", ""),
)
WORKSHEET = (
    ("Identifier", "Full name", "Email address", "Status", "Grade", "Maximum Grade", "Grade can be changed",
     "Last modified (submission)", "Last modified (grade)", "Feedback comments"),
    ("Participant 4400", "Ana Pérez", "ana.perez@uni.example", "Submitted", "", "8.00", "Yes",
     "Monday, 23 November 2026, 11:59 PM", "-", ""),
    ("Participant 4401", "Bo van der Berg", "bvdb@uni.example", "No submission", "", "8.00", "Yes", "-", "-", ""),
)  # fmt: skip


def people(course: Path) -> list[tuple[str, str, str, str]]:
    roster = read_roster(course)
    assert roster
    return [(person.student, person.name, person.id, person.mail) for person in roster.people]


ANA, BO = (("Ana_Pérez", "Ana Pérez"), ("Bo_van_der_Berg", "Bo van der Berg"))
ANAS, BOS = "ana.perez@uni.example", "bvdb@uni.example"
EXPORTS = {
    "Canvas": (CANVAS, ",", ("104", "105")),
    "Canvas with semicolons": (CANVAS, ";", ("104", "105")),
    "Moodle's grading worksheet": (WORKSHEET, ",", ("", "")),
    "Moodle's participants": (
        (("First name", "Last name", "Email address"), ("Ana", "Pérez", ANAS), ("Bo", "van der Berg", BOS)),
        ",",
        ("", ""),
    ),
    "Blackboard": (
        (
            ("Last Name", "First Name", "Username", "Student ID", "Email", "Last Access", "Availability"),
            ("Pérez", "Ana", "aperez", "S1", ANAS, "", "Yes"),
            ("van der Berg", "Bo", "bvdb", "S2", BOS, "", "Yes"),
        ),
        "\t",
        ("aperez", "bvdb"),
    ),
    "Brightspace": (
        (
            ("OrgDefinedId", "Username", "Last Name", "First Name", "Email", "End-of-Line Indicator"),
            ("#S1", "#aperez", "Pérez", "Ana", ANAS, "#"),
            ("#S2", "#bvdb", "van der Berg", "Bo", BOS, "#"),
        ),
        ",",
        ("S1", "S2"),
    ),
    "a list that somebody typed": (
        (("name", "mail"), ("Ana Pérez", ANAS), ("Bo van der Berg", BOS)),
        ",",
        ("", ""),
    ),
}


@pytest.mark.parametrize(("rows", "delimiter", "ids"), EXPORTS.values(), ids=EXPORTS)
def test_a_class_is_read_from_what_the_lms_exports(course: Path, rows: Sequence, delimiter: str, ids: tuple) -> None:
    export = table(course.parent / "export.csv", *rows, delimiter=delimiter)
    import_roster(course, [export])
    assert people(course) == [(*ANA, ids[0], ANAS), (*BO, ids[1], BOS)]
    before = (course / ROSTER).read_bytes()
    import_roster(course, [export])  # who is there is not there twice
    assert (course / ROSTER).read_bytes() == before


def test_several_exports_are_one_class(course: Path) -> None:
    files = [table(course.parent / f"{number}.csv", *rows) for number, rows in enumerate((CANVAS, WORKSHEET))]
    other = table(course.parent / "3.csv", *(row[:2] for row in WORKSHEET))  # the names alone
    lines = import_roster(course, [*files, other])
    assert people(course) == [(*ANA, "104", ANAS), (*BO, "105", BOS)]
    assert lines[0] == "0.csv: 2 students, 2 of them new."
    assert lines[1] == "1.csv: 2 students, 0 of them new."
    roster = read_roster(course)
    assert roster
    (found,), tier = roster.find(Owner("Somebody Else", "moodle", "4400"))
    assert (found.name, tier) == ("Ana Pérez", 0)
    assert Ledger.read(course).times == {"4400": datetime(2026, 11, 23, 23, 59).timestamp()}


def test_two_of_one_name_in_an_export_are_two(course: Path) -> None:
    export = table(course.parent / "x.csv", ("name", "mail"), ("Ana Li", "one@x.example"), ("Ana Li", "two@x.example"))
    import_roster(course, [export])
    import_roster(course, [export])
    assert [row[0] for row in people(course)] == ["Ana_Li_one_x.example", "Ana_Li_two_x.example"]


def test_another_mail_is_another_person_and_none_is_not(course: Path) -> None:
    for mail in ("one@x.example", "two@x.example"):
        import_roster(course, [table(course.parent / "x.csv", ("name", "mail"), ("Ana Li", mail), ("Bo Li", ""))])
    assert [row[0] for row in people(course)] == ["Ana_Li", "Bo_Li", "Ana_Li_two_x.example"]


def test_what_was_collected_before_the_roster_keeps_its_folder(course: Path, lms: Path, done: Notebook) -> None:
    collect(put(lms / "canvas", done, "perezana_104_51_a.ipynb"), course)
    collect(put(lms / "moodle", done, *(f"Bo van der Berg_{n}_assignsubmission_file/a.ipynb" for n in (1, 2))), course)
    lines = import_roster(course, [table(course.parent / "canvas.csv", *CANVAS)])
    assert people(course) == [("perezana_104", "Ana Pérez", "104", ANAS), (*BO, "105", BOS)]
    collected = collect(lms / "canvas", course)
    assert [(row.student, row.status) for row in collected.rows] == [("perezana_104", "unchanged")]
    assert len(lines) == 2


def test_a_roster_is_no_formula_and_comes_back_as_it_was(course: Path) -> None:
    export = table(course.parent / "x.csv", ("name", "mail"), ("=1+1", "-a@x.example"), ("@home", "+b@x.example"))
    import_roster(course, [export])
    assert not [cell for row in csv.reader((course / ROSTER).open()) for cell in row if cell[:1] in tuple("=+-@")]
    assert [row[1::2] for row in people(course)] == [("=1+1", "-a@x.example"), ("@home", "+b@x.example")]


BAD = {
    "two people of one mail": ("name,mail\nAna,x@x.example\nBo,x@x.example\n", "Ana and Bo are both called"),
    "a folder that leads out": ("student,name\n../x,Ana\n", "is no name for a folder"),
    "two of one folder": ("student,name\nana,Ana\nANA,Bo\n", "two have the folder ANA"),
    "two of one name": ("name\nAna\nAna\n", "two are called Ana; give each a mail or an id"),
    "no header": ("\n", "is no table"),
}


@pytest.mark.parametrize(("text", "sentence"), BAD.values(), ids=BAD)
def test_a_roster_that_can_not_be_right_is_refused(course: Path, text: str, sentence: str) -> None:
    (course / ROSTER).write_text(text)
    with pytest.raises(CourseError, match=sentence):
        read_roster(course)


def test_a_namesake_who_joins_later_changes_nobodys_folder(course: Path, lms: Path, done: Notebook) -> None:
    (course / ROSTER).write_text("name;mail;section;group\nAna Li;one@x.example;;red\n")
    collect(put(lms, done, "Ana Li/x.ipynb"), course)
    assert (course / ROSTER).read_text() == "student;name;mail;section;group\nAna_Li;Ana Li;one@x.example;;red\n"
    with (course / ROSTER).open("a") as file:
        file.write(";Ana Li;two@x.example;;blue\n")
    collect(put(lms, done, "two@x.example/x.ipynb"), course)
    assert [row[0] for row in people(course)] == ["Ana_Li", "Ana_Li_two_x.example"]
    assert sorted(os.listdir(course / "submitted")) == ["Ana_Li", "Ana_Li_two_x.example"]


@pytest.mark.parametrize("rows", ["student,mail\nAna Li,x@x.example", "Last name,First name\nLi,Ana"])
def test_a_roster_with_other_columns_keeps_them(course: Path, lms: Path, done: Notebook, rows: str) -> None:
    (course / ROSTER).write_text(rows + "\n")
    for _ in range(2):
        collected = collect(put(lms, done, "Ana Li/x.ipynb"), course)
        assert [row.student for row in collected.rows] == ["Ana_Li"]
        assert [row[:2] for row in people(course)] == [("Ana_Li", "Ana Li")]
    text = (course / ROSTER).read_text()
    assert text == "student," + rows.replace("student", "name").replace("\n", "\nAna_Li,") + "\n"


def test_what_is_no_list_of_students_is_refused(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = course.parent / "x.csv"
    for data, sentence in (
        (b"a,b\n1,2\n", "names no student"),
        (b"PK\x03\x04\xff\xfe", "save it as CSV in UTF-8"),
        (b"name,mail\n", "names no student"),
    ):
        file.write_bytes(data)
        assert main(["roster", str(file), "--to", str(course)]) == 1
        assert sentence in capsys.readouterr().err
    assert main(["roster", str(course.parent / "none.csv"), "--to", str(course)]) == 1
    assert "can't be read" in capsys.readouterr().err
    assert main(["roster", str(file), "--to", str(course.parent)]) == 1
    assert "course assign" in capsys.readouterr().err
    assert not (course / ROSTER).exists()


def test_a_roster_is_written_whole_or_not_at_all(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export = table(course.parent / "canvas.csv", *CANVAS)
    import_roster(course, [export])
    before = (course / ROSTER).read_bytes()

    def stop(source: object, target: object) -> None:
        raise KeyboardInterrupt

    more = table(course.parent / "more.csv", ("name", "mail"), ("Cy", "cy@x.example"))
    with monkeypatch.context() as patch:
        patch.setattr("course_lib.files.os.replace", stop)
        with pytest.raises(KeyboardInterrupt):
            import_roster(course, [more])
    assert (course / ROSTER).read_bytes() == before
    assert not list(course.rglob("*.part"))
    import_roster(course, [more])
    assert len(people(course)) == 3


def test_a_name_that_an_instructor_types_is_one_of_the_class(course: Path) -> None:
    roster = Roster((Person("Ana_Li", "Ana Li", mail="one@x.example"), Person("Bo_Li", "Bo Li")))
    assert roster.called("li ana").student == "Ana_Li"
    assert roster.called("one@x.example").student == "Ana_Li"
    with pytest.raises(CourseError, match="nearest is Ana Li"):
        roster.called("Anna Li")
    assert roster_module.squeeze("A-n_a  ") == "ana"
