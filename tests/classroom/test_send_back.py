"""The way back: a download as the LMS names it, collected and graded, gives tables and zips with the LMS's own ids."""

import csv
import io
import json
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
import pytest

from course_lib.errors import CourseError
from course_tools.classroom.collect import collect
from course_tools.classroom.gradebook import Course
from course_tools.classroom.roster import import_roster, read_roster
from course_tools.classroom.send_back import FOLDER, send_back
from course_tools.cli import main
from tests.support.classroom import LESSON, read
from tests.support.killed import stopped_before_renames


@pytest.fixture
def course(two_exercises: Path, tmp_path: Path) -> Path:
    """A course directory in which two exercises of lesson 1 are assigned: 3 points."""
    return Path(shutil.copytree(two_exercises, tmp_path / "course"))


def download(course: Path, *names: str) -> None:
    """Collect what an LMS gave: the released notebook under each of these names."""
    notebook = nbformat.writes(read(course, "release"))
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name in names:
            archive.writestr(name, notebook)
    (course.parent / "download.zip").write_bytes(data.getvalue())
    collect(course.parent / "download.zip", course)


def grade_by_hand(course: Path, **right: Sequence[str]) -> None:
    """Enter what a judge would have found: the exercises that each student has right; and a page for each."""
    book = Course(course)
    for student, lesson in book.submissions():
        found = {name: {"passed": name in right[student], "message": "?"} for name in ("blend", "psnr")}
        book.enter(student, lesson, {"digest": book.digest(student, lesson), "findings": found})
        page = course / "feedback" / student / lesson / f"{lesson}.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(f"page of {student}")


def table(path: Path, *rows: Sequence[str], delimiter: str = ",", encoding: str = "utf-8") -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


def written(course: Path, name: str, delimiter: str = ",", encoding: str = "utf-8") -> list[list[str]]:
    return [*csv.reader(io.StringIO((course / FOLDER / name).read_text(encoding)), delimiter=delimiter)]


def pages(course: Path, name: str) -> dict[str, str]:
    with zipfile.ZipFile(course / FOLDER / name) as archive:
        return {entry: archive.read(entry).decode() for entry in archive.namelist()}


# --- Each LMS, from the download to the upload ------------------------------------------------------------------------

CANVAS = (
    ("Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Noise (456)", "Essay (457)", "Final Score"),
    ("", "", "", "", "", "Manual Posting", "", ""),
    ("    Points Possible", "", "", "", "", "3.00", "10.00", "(read only)"),
    ("Pérez, Ana", "104", "S1", "ana@x.example", "A", "", "7", "70"),
    ("van der Berg, Bo", "105", "S2", "bo@x.example", "A", "", "", ""),
    ("Young, Cy", "106", "S3", "cy@x.example", "A", "1.00", "5", "50"),
    ("Student, Test", "107", "", "9f8", "A", "", "", ""),
)
FROM_CANVAS = ("perezana_LATE_104_5001_01_noise.ipynb", "vanderbergbo_105_5002_01_noise-1.ipynb")
BY_CANVAS = {"perezana_104": ["blend"], "vanderbergbo_105": ["blend", "psnr"]}


def test_canvas_gets_its_gradebook_back(course: Path) -> None:
    download(course, *FROM_CANVAS)
    grade_by_hand(course, **BY_CANVAS)
    lines = send_back(course, [table(course.parent / "gradebook.csv", *CANVAS)])
    rows = written(course, "gradebook.csv")
    # Whose a row is, and the one column; another column would take back what was changed there since.
    assert rows[0] == [*CANVAS[0][:6]]
    assert rows[1:3] == [[*CANVAS[1][:6]], [*CANVAS[2][:6]]]
    assert {row[1]: row[5] for row in rows[3:]} == {"104": "1", "105": "3", "106": "1.00", "107": ""}
    assert [row[:5] for row in rows[3:]] == [[*row[:5]] for row in CANVAS[3:]]
    assert "gradebook.csv: points of 01_noise for 2." in lines
    # Canvas reads the first two numbers of a name (infer_comment_context_from_filename).
    zipped = pages(course, "feedback-01_noise-canvas.zip")
    numbers = {tuple([part for part in name.split("_") if part.isdigit()][:2]): page for name, page in zipped.items()}
    assert numbers == {("104", "5001"): "page of perezana_104", ("105", "5002"): "page of vanderbergbo_105"}


def test_canvas_with_a_roster_finds_everybody_again(course: Path) -> None:
    export = table(course.parent / "gradebook.csv", *CANVAS, delimiter=";", encoding="utf-8-sig")
    import_roster(course, [export])
    download(course, *FROM_CANVAS, "Cy Young - Copy of 01_noise.ipynb")
    grade_by_hand(course, Ana_Pérez=["blend"], Bo_van_der_Berg=["psnr"], Cy_Young=["blend", "psnr"])
    send_back(course, [export])
    rows = written(course, "gradebook.csv", ";", "utf-8-sig")
    assert {row[1]: row[5] for row in rows[3:]} == {"104": "1", "105": "2", "106": "3", "107": ""}
    assert (course / FOLDER / "gradebook.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert set(pages(course, "feedback-01_noise-classroom.zip")) == {"Cy_Young/01_noise.html"}


WORKSHEET = (
    ("Identifier", "Full name", "Email address", "Status", "Grade", "Maximum Grade", "Grade can be changed",
     "Last modified (submission)", "Last modified (grade)", "Feedback comments"),
    ("Participant 4400", "Ana Pérez", "ana@x.example", "Submitted", "", "3.00", "Yes",
     "Monday, 23 November 2026, 11:59 PM", "-", ""),
    ("Participant 4401", "Bo van der Berg", "bo@x.example", "Submitted", "", "3.00", "No", "-", "-", ""),
    ("Participant 4402", "Cy Young", "cy@x.example", "No submission", "", "3.00", "Yes", "-", "-", ""),
)  # fmt: skip
FROM_MOODLE = ("Ana Pérez_4400_assignsubmission_file/x.ipynb", "Bo van der Berg_4401_assignsubmission_file/x.ipynb")


@pytest.mark.parametrize("with_roster", [False, True])
def test_moodle_gets_its_grading_worksheet_back(course: Path, with_roster: bool) -> None:
    worksheet = table(course.parent / "Grades-CS-Noise-99.csv", *WORKSHEET)
    if with_roster:
        import_roster(course, [worksheet])
    download(course, *FROM_MOODLE)
    ana, bo = ("Ana_Pérez", "Bo_van_der_Berg") if with_roster else ("Ana_Pérez_4400", "Bo_van_der_Berg_4401")
    grade_by_hand(course, **{ana: ["psnr"], bo: ["blend"]})
    lines = send_back(course, [worksheet])
    rows = written(course, worksheet.name)
    assert [row[4] for row in rows] == ["Grade", "2", "", ""]
    for before, after in zip(WORKSHEET, rows, strict=True):
        assert [*before[:4], *before[5:]] == [*after[:4], *after[5:]]
    assert any("Moodle does not let it be changed" in line for line in lines)
    # Moodle splits a part of a path at "_": name, number, plugin's type and name (importziplib.php).
    zipped = pages(course, "feedback-01_noise-moodle.zip")
    read_back = {}
    for name, page in zipped.items():
        parts = name.split("/")[0].split("_", 4)
        assert parts[2:4] == ["assignsubmission", "file"]
        read_back[parts[1]] = page
    assert read_back == {"4400": f"page of {ana}", "4401": f"page of {bo}"}


def test_moodles_flat_files_come_back_as_flat_files(course: Path) -> None:
    download(course, *(f"{name.replace('/', '_')}" for name in FROM_MOODLE))
    grade_by_hand(course, **{"Ana_Pérez_4400": [], "Bo_van_der_Berg_4401": []})
    send_back(course, [])
    assert set(pages(course, "feedback-01_noise-moodle.zip")) == {
        "Ana Pérez_4400_assignsubmission_file_01_noise.html",
        "Bo van der Berg_4401_assignsubmission_file_01_noise.html",
    }


FROM_BLACKBOARD = tuple(f"Noise_{who}_attempt_2026-11-30-10-05-09_x.ipynb" for who in ("aperez", "bvdb"))
BLACKBOARD = (
    ("Last Name", "First Name", "Username", "Student ID", "Last Access", "Noise [Total Pts: 3 Score] |664617", "Total"),
    ("Pérez", "Ana", "aperez", "S1", "", "", "0"),
    ("van der Berg", "Bo", "bvdb", "S2", "", "", "0"),
    ("Young", "Cy", "cyoung", "S3", "", "", "0"),
)


@pytest.mark.parametrize("with_roster", [False, True])
def test_blackboard_gets_its_grade_center_back(course: Path, with_roster: bool) -> None:
    export = table(course.parent / "gc.xls", *BLACKBOARD, delimiter="\t", encoding="utf-16")
    if with_roster:
        import_roster(course, [export])
    download(course, *FROM_BLACKBOARD)
    names = ("Ana_Pérez", "Bo_van_der_Berg") if with_roster else ("aperez", "bvdb")
    grade_by_hand(course, **dict(zip(names, (["psnr"], ["blend"]), strict=True)))
    send_back(course, [export])
    rows = written(course, "gc.xls", "\t", "utf-16")
    assert rows[0] == [*BLACKBOARD[0][:4], BLACKBOARD[0][5]]
    assert {row[2]: row[4] for row in rows[1:]} == {"aperez": "2", "bvdb": "1", "cyoung": ""}
    assert set(pages(course, "feedback-01_noise-blackboard.zip")) == {"aperez/01_noise.html", "bvdb/01_noise.html"}


FROM_BRIGHTSPACE = tuple(f"{n}-9 - {who} - Nov 30, 2026 1005 AM/x.ipynb" for n, who in ((7, "Ana Pérez"), (8, "Bo Li")))
BRIGHTSPACE = (
    ("OrgDefinedId", "Username", "Last Name", "First Name", "Email",
     "Noise Points Grade <Numeric MaxPoints:3 Weight:5>", "Essay Points Grade", "End-of-Line Indicator"),
    ("#S1", "#aperez", "Pérez", "Ana", "ana@x.example", "", "4", "#"),
    ("#S2", "#boli", "Li", "Bo", "bo@x.example", "", "", "#"),
)  # fmt: skip


@pytest.mark.parametrize("with_roster", [False, True])
def test_brightspace_gets_its_grades_back(course: Path, with_roster: bool) -> None:
    export = table(course.parent / "grades.csv", *BRIGHTSPACE)
    if with_roster:
        import_roster(course, [export])
    download(course, *FROM_BRIGHTSPACE)
    names = ("Ana_Pérez", "Bo_Li") if with_roster else ("Ana_Pérez_7", "Bo_Li_8")
    grade_by_hand(course, **dict(zip(names, (["psnr"], ["blend"]), strict=True)))
    send_back(course, [export])
    rows = written(course, "grades.csv")
    assert rows[0] == [*BRIGHTSPACE[0][:6], "End-of-Line Indicator"]
    assert [[row[0], row[5], row[6]] for row in rows[1:]] == [["#S1", "2", "#"], ["#S2", "1", "#"]]
    wanted = {name.replace("x.ipynb", "01_noise.html") for name in FROM_BRIGHTSPACE}
    assert set(pages(course, "feedback-01_noise-brightspace.zip")) == wanted


def test_any_other_way_has_grades_csv_with_names_and_mails(course: Path) -> None:
    import_roster(course, [table(course.parent / "x.csv", ("name", "mail"), ("Ana Pérez", "a@x.example"), ("Bo", ""))])
    download(course, "Ana Pérez - Copy of 01_noise.ipynb")
    grade_by_hand(course, Ana_Pérez=["blend"])
    send_back(course, [])
    rows = [*csv.DictReader((course / "grades.csv").open(encoding="utf-8"))]
    assert [(row["name"], row["mail"], row["points"]) for row in rows] == [
        ("Ana Pérez", "a@x.example", "1.0"),
        ("Bo", "", ""),
    ]
    assert pages(course, "feedback-01_noise-classroom.zip") == {"Ana_Pérez/01_noise.html": "page of Ana_Pérez"}
    with Course(course).gradebook() as book:
        ana = book.find_student("Ana_Pérez")
        assert (ana.first_name, ana.last_name, ana.email) == ("Ana", "Pérez", "a@x.example")


def test_without_an_export_the_tables_are_made_of_the_names(course: Path) -> None:
    download(course, *FROM_CANVAS, *FROM_MOODLE, *FROM_BLACKBOARD)
    both = {"aperez": ["psnr"], "bvdb": []} | {"Ana_Pérez_4400": ["blend"], "Bo_van_der_Berg_4401": ["psnr"]}
    grade_by_hand(course, **BY_CANVAS, **both)
    assert main(["grades", str(course)]) == 0
    title = "Lesson 1: Noise"
    assert written(course, "canvas.csv") == [
        ["Student", "ID", "Section", title],
        ["    Points Possible", "", "", "3"],
        ["perezana", "104", "", "1"],
        ["vanderbergbo", "105", "", "3"],
    ]
    assert written(course, f"moodle-{LESSON}.csv") == [
        ["Identifier", "Full name", "Grade", "Last modified (grade)"],
        ["Participant 4400", "Ana Pérez", "1", "-"],
        ["Participant 4401", "Bo van der Berg", "2", "-"],
    ]
    assert written(course, "blackboard.csv") == [["Username", title], ["aperez", "2"], ["bvdb", "0"]]


def test_where_nothing_can_be_made_there_is_grades_csv(course: Path) -> None:
    download(course, "ana.ipynb", "bo.ipynb")
    grade_by_hand(course, ana=["blend"], bo=[])
    shutil.rmtree(course / "feedback")
    send_back(course, [])
    assert list((course / FOLDER).iterdir()) == []
    assert [row["points"] for row in csv.DictReader((course / "grades.csv").open())] == ["1.0", "0.0"]


# --- Points -----------------------------------------------------------------------------------------------------------


def test_what_is_late_goes_back_with_what_is_left_of_it(course: Path) -> None:
    (course / "course.toml").write_text("[late]\npenalty = 10\n")
    download(course, *FROM_CANVAS)
    grade_by_hand(course, **BY_CANVAS)
    lines = send_back(course, [table(course.parent / "gradebook.csv", *CANVAS)])
    assert {row[1]: row[5] for row in written(course, "gradebook.csv")[3:5]} == {"104": "0.9", "105": "3"}
    rows = {row["student"]: row for row in csv.DictReader((course / "grades.csv").open(encoding="utf-8"))}
    assert [rows["perezana_104"][name] for name in ("score", "days_late", "points")] == ["1.0", "1", "0.9"]
    assert any("Canvas says LATE" in line and "perezana_104" in line for line in lines)


def test_another_sum_in_the_lms_scales_the_points_and_says_so(course: Path) -> None:
    rows = [[*row] for row in CANVAS]
    rows[2][5] = "100"
    download(course, *FROM_CANVAS)
    grade_by_hand(course, **BY_CANVAS)
    lines = send_back(course, [table(course.parent / "gradebook.csv", *rows)])
    assert [row[5] for row in written(course, "gradebook.csv")[3:5]] == ["33.33", "100"]
    assert any("3 points are 100 there" in line for line in lines)


def test_an_excused_student_stays_excused(course: Path) -> None:
    rows = [[*row] for row in CANVAS]
    rows[3][5] = "EX"
    download(course, *FROM_CANVAS)
    grade_by_hand(course, **BY_CANVAS)
    send_back(course, [table(course.parent / "gradebook.csv", *rows)])
    assert [row[5] for row in written(course, "gradebook.csv")[3:5]] == ["EX", "3"]


def test_what_waits_for_a_person_or_for_a_judge_is_left_out_and_named(course: Path) -> None:
    download(course, *FROM_CANVAS)
    grade_by_hand(course, **BY_CANVAS)
    with Course(course).gradebook() as book:
        book.find_grade("check-blend", LESSON, LESSON, "perezana_104").needs_manual_grade = True
        book.db.commit()
    path = course / f"submitted/vanderbergbo_105/{LESSON}/{LESSON}.ipynb"
    path.write_text(path.read_text() + " ")
    with pytest.raises(CourseError, match="waits for a person's points"):
        send_back(course, [table(course.parent / "gradebook.csv", *CANVAS)])
    lines = send_back(course, [])
    assert f"Left out, not graded as it is now: vanderbergbo_105 {LESSON}." in lines
    assert f"Left out, waiting for a person's points: perezana_104 {LESSON}." in lines
    assert not (course / FOLDER / "canvas.csv").exists()


def test_a_column_of_another_name_is_asked_for_and_taken_from_the_settings(course: Path) -> None:
    rows = [[cell.replace("Noise", "Homework 1") for cell in row] for row in CANVAS]
    export = table(course.parent / "gradebook.csv", *rows)
    download(course, *FROM_CANVAS)
    grade_by_hand(course, **BY_CANVAS)
    with pytest.raises(CourseError, match=r'\[lessons.01_noise\].* "Homework 1 \(456\)", "Essay \(457\)"'):
        send_back(course, [export])
    assert not (course / FOLDER).exists()
    (course / "course.toml").write_text('[lessons.01_noise]\ncolumn = "Homework 1"\n')
    send_back(course, [export])
    assert [row[5] for row in written(course, "gradebook.csv")[3:5]] == ["1", "3"]


def test_refusals(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["grades", str(course)]) == 1
    assert "nothing is graded" in capsys.readouterr().err
    download(course, *FROM_CANVAS)
    grade_by_hand(course, **BY_CANVAS)
    plain = table(course.parent / "x.csv", ("name", "mail"), ("Ana", "a@x.example"))
    assert main(["grades", str(course), str(plain)]) == 1
    assert "take grades.csv" in capsys.readouterr().err
    other = table(course.parent / "Grades-other.csv", *WORKSHEET)
    assert main(["grades", str(course), str(other)]) == 1
    assert "is of no assignment whose files were collected" in capsys.readouterr().err


# --- Whole or not at all ----------------------------------------------------------------------------------------------


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_killed_anywhere_the_files_are_the_old_ones_or_the_new_ones(course: Path, monkeypatch: Any) -> None:
    """Stopped before each rename in turn, and called again: the same roster, names and files for the LMS."""

    export = table(course.parent / "gradebook.csv", *CANVAS)

    def all_of_it(course: Path) -> None:
        import_roster(course, [export])
        download(course, *FROM_CANVAS)
        grade_by_hand(course, Ana_Pérez=["blend"], Bo_van_der_Berg=["psnr"])
        send_back(course, [export])

    calm = Path(shutil.copytree(course, course.parent / "calm"))
    all_of_it(calm)
    made = (f"{FOLDER}/gradebook.csv", f"{FOLDER}/feedback-01_noise-canvas.zip")
    kills = 0
    while True:
        try:
            with stopped_before_renames(monkeypatch, kills):
                all_of_it(course)
            break
        except KeyboardInterrupt:
            kills += 1
        people = read_roster(course)
        assert people is None or len(people.people) == 3
        json.loads((course / "collected.json").read_text() if (course / "collected.json").exists() else "{}")
        assert not list(course.rglob("*.csv.part"))
    assert kills > 8
    for name in ("roster.csv", "collected.json", "grades.csv", *made):
        assert (course / name).read_bytes() == (calm / name).read_bytes(), name
    assert set(contents(course / FOLDER)) == set(contents(calm / FOLDER))
