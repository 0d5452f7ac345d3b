"""`course collect`: what students and their LMS make of a notebook, each case by itself, laid out for nbgrader."""

import copy
import csv
import io
import json
import os
import random
import re
import shutil
import stat
import time
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbgrader.nbgraderformat import MetadataValidator

from course_lib.errors import CourseError
from course_tools.classroom import collect as collect_module
from course_tools.classroom import reading
from course_tools.classroom import submission as submission_module
from course_tools.classroom.collect import REPORT, Collected, Row, collect
from course_tools.classroom.definitions import definitions
from course_tools.classroom.repair import repair
from course_tools.classroom.submission import graded_cells
from course_tools.cli import main
from course_tools.notebooks.lesson import notebook_text
from tests.classroom.conftest import ANSWER, ESSAY, STUB
from tests.support.make_class import WAYS, Answers, answers_of, as_zip, exercises_of, make_class

Notebook = dict[str, Any]


def put(lms: Path, path: str, notebook: Notebook | bytes, *, time: int = 0) -> None:
    file = lms / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(notebook if isinstance(notebook, bytes) else json.dumps(notebook).encode())
    if time:
        os.utime(file, (time, time))


def place(notebook: Notebook, name: str) -> int:
    ids = [cell["metadata"].get("nbgrader", {}).get("grade_id") for cell in notebook["cells"]]
    return ids.index(name)


def cell(notebook: Notebook, name: str) -> Notebook:
    return notebook["cells"][place(notebook, name)]


def code(source: str) -> Notebook:
    return {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": None}


def text(source: str) -> Notebook:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def laid(course: Path, student: str, lesson: str = "01_noise") -> nbformat.NotebookNode:
    """What was laid out of a student, after a look whether nbgrader takes it."""
    notebook = nbformat.read(course / "submitted" / student / lesson / f"{lesson}.ipynb", 4)
    assert_whole(notebook, nbformat.read(course / "release" / lesson / f"{lesson}.ipynb", 4))
    return notebook


def assert_whole(notebook: nbformat.NotebookNode, release: nbformat.NotebookNode) -> None:
    """Each graded cell stands there once, with the released metadata; checks are the released ones; no outputs."""
    nbformat.validate(notebook)
    MetadataValidator().validate_nb(notebook)
    ids = [cell.metadata.nbgrader.grade_id for cell in notebook.cells if "nbgrader" in cell.metadata]
    assert sorted(ids) == sorted(graded_cells(release))
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    for name, ours in graded_cells(notebook).items():
        theirs = graded_cells(release)[name]
        assert (ours.id, ours.cell_type, ours.metadata) == (name, theirs.cell_type, theirs.metadata)
        if ours.metadata.nbgrader.locked:
            assert ours.source == theirs.source
    for part in notebook.cells:
        assert not part.get("outputs")
        assert "nbgrader" in part.metadata or not part.metadata
    order = [cell.id for cell in notebook.cells]
    for name in graded_cells(release):
        if f"check-{name}" in order:
            assert order.index(name) < order.index(f"check-{name}")


def answers(notebook: nbformat.NotebookNode) -> dict[str, bool]:
    """Which exercises hold an answer."""
    cells = graded_cells(notebook)
    return {name: ANSWER in cells[name].source for name in ("blend", "mix")} | {
        "essay": ESSAY in cells["whose_photo"].source
    }


ALL = {"blend": True, "mix": True, "essay": True}


def one(course: Path, lms: Path, notebook: Notebook | bytes) -> tuple[nbformat.NotebookNode, list[str]]:
    """Collect one student's notebook; returns what was laid out and what was done."""
    put(lms, "ana/01_noise.ipynb", notebook)
    collected = collect(lms, course)
    (row,) = collected.rows
    assert row.status == "laid out", row
    return laid(course, "ana"), row.notes


def refused(course: Path, lms: Path, name: str, data: bytes) -> str:
    """Collect one file that can't be used, beside a good one that can; returns the sentence."""
    put(lms, f"ana/{name}", data)
    collected = collect(lms, course)
    (row,) = [row for row in collected.rows if row.student == "ana"]
    assert row.status in ("refused", "left out")
    assert not (course / "submitted/ana").exists()
    assert collected.without == ["ana"]
    return row.notes[0]


# --- Names ------------------------------------------------------------------------------------------------------------


def students(collected: Collected) -> list[str]:
    return [row.student for row in collected.rows if row.status == "laid out"]


def test_moodles_folders_are_understood(course: Path, lms: Path, done: Notebook) -> None:
    put(lms, "Ana Pérez_1234_assignsubmission_file_/my work.ipynb", done)
    put(lms, "Bo van der Berg_77_assignsubmission_file/01_noise.ipynb", done)
    assert students(collect(lms, course)) == ["Ana_Pérez_1234", "Bo_van_der_Berg_77"]
    assert answers(laid(course, "Ana_Pérez_1234")) == ALL


# What learning systems give, by the names of the files, and whose they are.
LAYOUTS: dict[str, tuple[list[str], list[str]]] = {
    "Moodle's flat files": (
        ["Ana Pérez_1234_assignsubmission_file_01_noise.ipynb", "Participant_9_assignsubmission_file_01_noise.ipynb"],
        ["Ana_Pérez_1234", "Participant_9"],
    ),
    "Canvas": (
        ["perezana_1234_56789_01_noise.ipynb", "vandenbergbo_LATE_77_56790_Copy of 01_noise-2.ipynb"],
        ["perezana_1234", "vandenbergbo_77"],
    ),
    "a folder for each student": (["ana/01_noise.ipynb", "bo/drafts/final FINAL.ipynb"], ["ana", "bo"]),
    "nbgrader's own": (
        ["submitted/ana/01_noise/01_noise.ipynb", "submitted/bo/01_noise/01_noise.ipynb"],
        ["ana", "bo"],
    ),
    "the folder of a download": (["lesson one/ana.ipynb", "lesson one/bo.ipynb"], ["ana", "bo"]),
    "a download of a class": ([f"CS/{name}.ipynb" for name in "abcdef"], list("abcdef")),
    "Canvas in a folder": (["CS/ana_1_2_x.ipynb", "CS/bo_2_3_x.ipynb"], ["ana_1", "bo_2"]),
    "Moodle's folder of one student": (["Ana_1_assignsubmission_file_/x.ipynb"], ["Ana_1"]),
    "Moodle's folders in folders of groups": (
        [f"group {who[0]}/{who}_assignsubmission_file_/x.ipynb" for who in ("Ana_1", "Bo_2")],
        ["Ana_1", "Bo_2"],
    ),
    "files that look like Canvas's in a folder for each student": (
        ["ana/homework_2026_01_30.ipynb", "bo/homework_2026_01_30.ipynb"],
        ["ana", "bo"],
    ),
    "a file that says it is another's": (["ana/Bo_7_assignsubmission_file_x.ipynb", "bo/x.ipynb"], ["ana", "bo"]),
}


@pytest.mark.parametrize(("files", "whose"), LAYOUTS.values(), ids=LAYOUTS)
def test_a_layout_is_understood(course: Path, lms: Path, done: Notebook, files: list[str], whose: list[str]) -> None:
    for name in files:
        put(lms, name, done)
    assert students(collect(lms, course)) == whose


def test_a_file_for_each_student_is_understood(course: Path, lms: Path, done: Notebook) -> None:
    for name in ("ana", "bo_01_noise", "01_noise_cem", "Dana Li - 01_noise", "Copy of 01_noise - Eve", "fay (1)"):
        put(lms, f"{name}.ipynb", done)
    assert sorted(students(collect(lms, course))) == ["Dana_Li", "Eve", "ana", "bo", "cem", "fay"]


def test_a_pattern_tells_the_student_where_the_names_do_not(course: Path, lms: Path, done: Notebook) -> None:
    put(lms, "hw1_attempt_2026-01-30_ana_problem.ipynb", done)
    put(lms, "hw1_attempt_2026-01-30.ipynb", done)
    collected = collect(lms, course, students=r"_(?P<student>[a-z]+)_problem")
    assert students(collected) == ["ana"]
    (row,) = [row for row in collected.rows if not row.student]
    assert (row.status, row.notes) == ("refused", ["its path does not tell whose it is; see --students"])


@pytest.mark.parametrize(("pattern", "sentence"), [("(", "no regular expression"), (r"\w+", "no group")])
def test_a_pattern_that_can_not_tell_is_refused(course: Path, lms: Path, blank: Notebook, pattern: str, sentence: str):
    put(lms, "ana.ipynb", blank)
    with pytest.raises(CourseError, match=sentence):
        collect(lms, course, students=pattern)


def test_accents_and_spaces_stay_readable_however_they_are_written(course: Path, lms: Path, done: Notebook) -> None:
    name = "Zoë García Márquez"
    put(lms, f"{unicodedata.normalize('NFD', name)}/01_noise.ipynb", done)
    put(lms, "Nguyễn Đức-Anh [2]/01_noise.ipynb", done)
    put(lms, 'O\'Neill, "Al" */01_noise.ipynb', done)
    put(lms, "李小龍/01_noise.ipynb", done)
    found = sorted(students(collect(lms, course)))
    assert found == sorted(["Zoë_García_Márquez", "Nguyễn_Đức-Anh_2", "O_Neill_Al", "李小龍"])
    assert unicodedata.is_normalized("NFC", "".join(found))


def test_two_students_never_become_one(course: Path, lms: Path, done: Notebook) -> None:
    for name in ("Ana Li", "Ana_Li", "ana li", "***", "???"):
        put(lms, f"{name}/01_noise.ipynb", done)
    found = students(collect(lms, course))
    assert len({name.casefold() for name in found}) == 5
    assert all(re.fullmatch(r"(Ana_Li|ana_li|student)-[0-9a-f]{6}", name) for name in found)
    assert sorted(os.listdir(course / "submitted")) == sorted(found)


def zip_of(files: dict[str, bytes], **settings: Any) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, (2026, 11, 23, 12, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            for key, value in settings.items():
                setattr(entry, key, value)
            archive.writestr(entry, content)
    return data.getvalue()


def as_bytes(notebook: Notebook) -> bytes:
    return json.dumps(notebook).encode()


def collect_zip(course: Path, tmp_path: Path, data: bytes) -> Collected:
    (tmp_path / "all.zip").write_bytes(data)
    return collect(tmp_path / "all.zip", course)


OUT = "../../../out/01_noise.ipynb"


@pytest.mark.parametrize("path", [OUT, f"bo/{OUT}", "/etc/ana/01_noise.ipynb", "C:\\ana\\x.ipynb", "..\\..\\ana.ipynb"])
def test_a_path_that_leads_out_of_a_zip_is_refused(course: Path, tmp_path: Path, done: Notebook, path: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    collected = collect_zip(course, tmp_path, zip_of({path: as_bytes(done), "good/01_noise.ipynb": as_bytes(done)}))
    assert students(collected) == ["good"]
    (row,) = [row for row in collected.rows if row.student != "good"]
    assert (row.status, row.notes) == ("refused", ["its path leads out of the zip; nothing of it was read"])
    new = {path for path in tmp_path.rglob("*") if path not in before} - {tmp_path / "all.zip"}
    assert all(path.is_relative_to(course) for path in new)
    assert os.listdir(course / "submitted") == ["good"]


def test_a_student_whose_name_leads_out_stays_inside(course: Path, tmp_path: Path, done: Notebook) -> None:
    names = ("..\\..\\x_1_assignsubmission_file_", ".hidden_2_assignsubmission_file_", "-rf_3_assignsubmission_file_")
    lms = tmp_path / "lms"
    for name in names:
        put(lms, f"{name}/01_noise.ipynb", done)
    assert sorted(students(collect(lms, course))) == ["hidden_2", "rf_3", "x_1"]
    assert sorted(os.listdir(course / "submitted")) == ["hidden_2", "rf_3", "x_1"]


def test_names_of_a_zip_in_unmarked_utf8_are_read(course: Path, tmp_path: Path, done: Notebook) -> None:
    data = zip_of({"Zoé_7_assignsubmission_file_/01_noise.ipynb": as_bytes(done)})
    unmarked = bytearray(data)
    unmarked[6:8] = b"\0\0"  # flags of the entry, then of the list at the end
    unmarked[data.rindex(b"PK\x01\x02") + 8 :][:2] = b"\0\0"
    at = data.rindex(b"PK\x01\x02") + 8
    unmarked[at : at + 2] = b"\0\0"
    assert students(collect_zip(course, tmp_path, bytes(unmarked))) == ["Zoé_7"]


# --- Zips -------------------------------------------------------------------------------------------------------------


def test_a_zip_is_laid_out_as_a_folder_is(course: Path, tmp_path: Path, done: Notebook) -> None:
    files = {f"Ana_{number}_assignsubmission_file_/01_noise.ipynb": as_bytes(done) for number in (1, 2)}
    junk = {"__MACOSX/Ana_1_assignsubmission_file_/._01_noise.ipynb": b"x", ".DS_Store": b"x"}
    collected = collect_zip(course, tmp_path, zip_of(files | junk))
    assert students(collected) == ["Ana_1", "Ana_2"]
    assert len(collected.rows) == 2
    assert answers(laid(course, "Ana_2")) == ALL


def test_a_students_own_zip_is_opened(course: Path, tmp_path: Path, done: Notebook) -> None:
    inner = zip_of({"work/01_noise.ipynb": as_bytes(done), "work/readme.txt": b"hello", "__MACOSX/x.ipynb": b""})
    collected = collect_zip(course, tmp_path, zip_of({"perezana_12_34_work.zip": inner, "bo.zip": inner}))
    assert students(collected) == ["bo", "perezana_12"]
    assert answers(laid(course, "bo")) == ALL


def test_a_students_zip_without_a_notebook_is_told_of(course: Path, lms: Path) -> None:
    assert refused(course, lms, "work.zip", zip_of({"readme.txt": b""})) == "there is no notebook in it"
    assert refused(course, lms, "work.zip", b"PK not a zip") == "it is no zip that can be read"


def spoiled(where: int, value: bytes) -> bytes:
    """A zip with these bytes at that place of its list of files."""
    data = bytearray(zip_of({"01_noise.ipynb": b"{}"}, flag_bits=0x800))
    at = data.rindex(b"PK\x01\x02") + where
    data[at : at + len(value)] = value
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        spoiled(8, b"\x00\x08").replace(b"01_noise", b"\xff1_noise"),  # said to be UTF-8
        spoiled(6, (99).to_bytes(2, "little")),  # the version that it needs
        spoiled(28, b"\0\0"),  # the length of the name
    ],
    ids=["no UTF-8", "version 99", "no name"],
)
def test_a_students_zip_that_zipfile_can_not_open_stops_nobody_else(
    course: Path, lms: Path, done: Notebook, data: bytes
) -> None:
    put(lms, "good/01_noise.ipynb", done)
    refused(course, lms, "work.zip", data)
    assert answers(laid(course, "good")) == ALL


def test_a_name_in_a_zip_that_is_two_names_stops_nobody_else(course: Path, lms: Path, done: Notebook) -> None:
    put(lms, "good/01_noise.ipynb", done)
    work = zip_of({"é.ipynb": b"{}"}).replace("é".encode(), b"\xff\xff", 1)  # only where the file itself stands
    assert refused(course, lms, "work.zip", work) == "this part of the zip is damaged"
    assert answers(laid(course, "good")) == ALL


@pytest.fixture
def five_hours_west(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "EST5")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.unix
@pytest.mark.usefixtures("five_hours_west")
def test_a_zips_times_are_local_as_it_is_read(course: Path, tmp_path: Path, done: Notebook) -> None:
    collect_zip(course, tmp_path, zip_of({"ana/01_noise.ipynb": as_bytes(done)}))
    assert (course / "submitted/ana/01_noise/timestamp.txt").read_text() == "2026-11-23 17:00:00 UTC\n"


def test_a_file_that_unpacks_to_too_much_is_refused(
    course: Path, tmp_path: Path, done: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect_module, "LARGEST_FILE", 1_000_000)
    bomb = b"0" * 1_000_001
    files = {"ana/01_noise.ipynb": bomb, "bo/01_noise.ipynb": as_bytes(done), "cem/x.zip": zip_of({"x.ipynb": bomb})}
    collected = collect_zip(course, tmp_path, zip_of(files))
    assert students(collected) == ["bo"]
    assert collected.without == ["ana", "cem"]
    assert sum("unpacks to more than" in row.notes[0] for row in collected.rows if row.notes) == 2


def test_all_files_of_a_student_share_one_limit_and_others_have_their_own(
    course: Path, tmp_path: Path, done: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect_module, "MOST_BYTES", 1_500_000)
    filler = b" " * 400_000
    inner = zip_of({f"x{number}.ipynb": filler for number in range(3)})
    files = {f"ana/{number}.zip": inner for number in range(3)} | {"ana/one.ipynb": filler}
    files |= {f"s{number}/01_noise.ipynb": as_bytes(done) + filler for number in range(6)}
    collected = collect_zip(course, tmp_path, zip_of(files))
    assert students(collected) == [f"s{number}" for number in range(6)]
    said = [row.notes[0] for row in collected.rows if row.student == "ana"]
    assert sum(note.startswith("it is not a notebook") for note in said) == 3  # 1.2 MB of them were read
    assert sum(note.startswith("with it the student's files have over 2 MB") for note in said) == len(said) - 3


def test_a_size_that_lies_is_found_out(course: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect_module, "LARGEST_FILE", 1_000_000)
    data = bytearray(zip_of({"ana/01_noise.ipynb": b"0" * 5_000_000}))
    for start, offset in ((0, 22), (data.rindex(b"PK\x01\x02"), 24)):
        data[start + offset : start + offset + 4] = (10).to_bytes(4, "little")
    (row,) = collect_zip(course, tmp_path, bytes(data)).rows
    assert row.status == "refused"


def test_a_link_in_a_zip_is_not_followed(course: Path, tmp_path: Path) -> None:
    data = zip_of({"ana/01_noise.ipynb": b"/etc/passwd"}, create_system=3, external_attr=(stat.S_IFLNK | 0o777) << 16)
    (row,) = collect_zip(course, tmp_path, data).rows
    assert (row.status, row.notes) == ("refused", ["it is a link, not a file; links are not followed"])


def test_a_link_in_a_folder_is_not_followed(course: Path, lms: Path, tmp_path: Path, done: Notebook) -> None:
    put(tmp_path, "elsewhere/01_noise.ipynb", done)
    put(lms, "good/01_noise.ipynb", done)
    (lms / "ana").mkdir()
    (lms / "ana/01_noise.ipynb").symlink_to(tmp_path / "elsewhere/01_noise.ipynb")
    (lms / "bo").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(lms / "good/pipe.ipynb")
    collected = collect(lms, course)
    assert students(collected) == ["good"]
    bad = [row for row in collected.rows if row.status != "laid out"]
    assert len(bad) == 3
    assert sum("links are not followed" in row.notes[0] for row in bad) == 2


def test_a_locked_or_damaged_zip_is_told_of(course: Path, tmp_path: Path, done: Notebook) -> None:
    data = bytearray(zip_of({"ana/01_noise.ipynb": as_bytes(done)}))
    at = data.rindex(b"PK\x01\x02") + 8
    locked = copy.copy(data)
    locked[at] |= 1
    (row,) = collect_zip(course, tmp_path, bytes(locked)).rows
    assert row.notes == ["it is locked with a password"]
    data[80:120] = bytes(40)
    (row,) = collect_zip(course, tmp_path, bytes(data)).rows
    assert row.notes == ["this part of the zip is damaged"]
    with pytest.raises(CourseError, match="is no zip that can be read; download it again"):
        collect_zip(course, tmp_path, b"PK\x03\x04 cut short")


# --- Dialects ---------------------------------------------------------------------------------------------------------


def test_a_notebook_as_jupyter_saves_it_needs_nothing_done(course: Path, lms: Path, done: Notebook) -> None:
    notebook, what = one(course, lms, done)
    assert what == []
    assert answers(notebook) == ALL
    assert [cell.source for cell in notebook.cells] == [cell["source"] for cell in done["cells"]]


def test_a_notebook_as_colab_saves_it(course: Path, lms: Path, done: Notebook) -> None:
    done["nbformat_minor"] = 0
    done["metadata"] = {"colab": {"provenance": []}, "kernelspec": {"name": "python3"}, "accelerator": "GPU"}
    for number, part in enumerate(done["cells"]):
        part["metadata"] |= {"id": f"x{number}", "colab": {"base_uri": "https://localhost"}, "outputId": "y"}
        part.pop("id")
    notebook, what = one(course, lms, done)
    assert what == []
    assert answers(notebook) == ALL
    assert notebook.metadata.kernelspec.display_name == "Python 3"


def test_nbformat_4_4_without_ids(course: Path, lms: Path, done: Notebook) -> None:
    done["nbformat_minor"] = 4
    for part in done["cells"]:
        part.pop("id")
    notebook, what = one(course, lms, done)
    assert (what, answers(notebook), notebook.nbformat_minor) == ([], ALL, 5)


def test_nbformat_3(course: Path, lms: Path, done: Notebook) -> None:
    for part in done["cells"]:
        if part["cell_type"] == "code":
            part["input"] = part.pop("source")
    notebook, _ = one(course, lms, {"nbformat": 3, "worksheets": [{"cells": done["cells"]}]})
    assert answers(notebook) == ALL


def test_missing_metadata(course: Path, lms: Path, done: Notebook) -> None:
    del done["metadata"]
    for part in done["cells"]:
        part.pop("metadata")
        part.pop("id")
    notebook, what = one(course, lms, done)
    assert answers(notebook) == ALL
    assert "blend was found by its name, in a cell without its metadata" in what
    assert "whose_photo was found below its task, in a cell without its metadata" in what
    assert not any("check" in sentence for sentence in what)


def test_metadata_of_the_wrong_kind(course: Path, lms: Path, done: Notebook) -> None:
    for part, odd in zip(
        done["cells"], [[], "x", 3, None, {"nbgrader": 1}, {"nbgrader": {"grade_id": []}}] * 9, strict=False
    ):
        part["metadata"], part["id"] = odd, ["x"]
    notebook, _ = one(course, lms, done)
    assert answers(notebook) == ALL


def test_a_byte_order_mark_and_utf16(course: Path, lms: Path, done: Notebook) -> None:
    for encoding in ("utf-8-sig", "utf-16"):
        shutil.rmtree(course / "submitted", ignore_errors=True)
        notebook, _ = one(course, lms, json.dumps(done).encode(encoding))
        assert answers(notebook) == ALL


# --- Cells ------------------------------------------------------------------------------------------------------------


def test_functions_copied_into_a_new_notebook(course: Path, lms: Path, done: Notebook) -> None:
    copied = [code(cell(done, name)["source"]) for name in ("mix", "blend")]
    notebook, what = one(course, lms, {"cells": copied, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    assert answers(notebook) == ALL | {"essay": False}
    assert notebook.cells[0].source == "from course_lib import checks"
    assert "imports of the lesson were missing above its exercises; they were put back" in what
    assert "whose_photo was missing; its empty cell was put back" in what
    assert "the check of mix was missing; it was put back" in what


def test_an_import_below_an_exercise_does_not_serve_the_one_above(course: Path, lms: Path, done: Notebook) -> None:
    done["cells"].append(
        done["cells"].pop(next(i for i, c in enumerate(done["cells"]) if "import checks" in c["source"]))
    )
    notebook, what = one(course, lms, done)
    assert notebook.cells[0].source == "from course_lib import checks"
    assert what == ["imports of the lesson were missing above its exercises; they were put back"]


def test_moved_cells_stay_where_they_were_moved(course: Path, lms: Path, done: Notebook) -> None:
    done["cells"].append(done["cells"].pop(place(done, "blend")))
    done["cells"].append(done["cells"].pop(place(done, "check-blend")))
    notebook, what = one(course, lms, done)
    assert what == []
    assert [cell.id for cell in notebook.cells[-2:]] == ["blend", "check-blend"]
    assert answers(notebook) == ALL


def test_a_check_moved_above_its_function_comes_after_it(course: Path, lms: Path, done: Notebook) -> None:
    done["cells"].insert(0, done["cells"].pop(place(done, "check-mix")))
    notebook, _ = one(course, lms, done)
    ids = [cell.id for cell in notebook.cells]
    assert ids.index("check-mix") == ids.index("mix") + 1


def test_a_renamed_cell_is_found_by_its_function(course: Path, lms: Path, done: Notebook) -> None:
    cell(done, "blend")["metadata"]["nbgrader"]["grade_id"] = "my_blend"
    for part in done["cells"]:
        part.pop("id")
    notebook, what = one(course, lms, done)
    assert answers(notebook) == ALL
    assert what == ["blend was found by its name, in a cell without its metadata"]


def test_a_renamed_function_is_told_of_and_not_guessed_at(course: Path, lms: Path, done: Notebook) -> None:
    cell(done, "blend")["source"] = cell(done, "blend")["source"].replace("def blend", "def my_blend")
    notebook, what = one(course, lms, done)
    assert "def my_blend" in graded_cells(notebook)["blend"].source
    assert what == ["there is no function blend: its cell defines my_blend"]


def test_a_deleted_exercise_comes_back_empty(course: Path, lms: Path, done: Notebook) -> None:
    for name in ("mix", "check-mix", "whose_photo"):
        del done["cells"][place(done, name)]
    notebook, what = one(course, lms, done)
    assert answers(notebook) == {"blend": True, "mix": False, "essay": False}
    assert STUB in graded_cells(notebook)["mix"].source
    assert what == [
        "mix was missing; its empty cell was put back",
        "the check of mix was missing; it was put back",
        "whose_photo was missing; its empty cell was put back",
    ]
    ids = [cell.id for cell in notebook.cells]
    assert ids.index("exercise-mix") + 1 == ids.index("mix")


def test_a_deleted_check_comes_back(course: Path, lms: Path, done: Notebook) -> None:
    del done["cells"][place(done, "check-blend")]
    notebook, what = one(course, lms, done)
    assert what == ["the check of blend was missing; it was put back"]
    ids = [cell.id for cell in notebook.cells]
    assert ids.index("blend") + 1 == ids.index("check-blend")


def test_a_changed_check_is_the_released_one_again(course: Path, lms: Path, done: Notebook) -> None:
    cell(done, "check-blend")["source"] = "print('Passed: blend.')"
    _, what = one(course, lms, done)
    assert what == ["the check of blend had been changed; the released one is back"]


def test_points_and_locks_changed_in_the_metadata_are_the_released_ones_again(
    course: Path, lms: Path, done: Notebook
) -> None:
    cell(done, "check-blend")["metadata"]["nbgrader"] |= {"points": 100, "locked": False, "solution": True}
    cell(done, "blend")["metadata"]["nbgrader"] |= {"grade": True, "points": 100}
    notebook, _ = one(course, lms, done)  # `laid` compares all metadata
    assert graded_cells(notebook)["check-blend"].metadata.nbgrader.points == 1


def test_a_check_that_stands_there_twice_is_there_once(course: Path, lms: Path, done: Notebook) -> None:
    done["cells"].append(copy.deepcopy(cell(done, "check-blend")))
    done["cells"].append(code("checks.blend(blend)"))
    notebook, what = one(course, lms, done)
    assert what == ["the check of blend stood there 3 times; one is left"]
    assert [cell.source for cell in notebook.cells].count("checks.blend(blend)") == 1


def test_a_stub_beside_an_answer_does_not_count(course: Path, lms: Path, done: Notebook, releases: Any) -> None:
    stub = json.loads(json.dumps(graded_cells(releases["01_noise"])["blend"]))
    for position in (0, len(done["cells"]) + 1):  # before the answer and after it
        done["cells"].insert(position, copy.deepcopy(stub))
    notebook, what = one(course, lms, done)
    assert answers(notebook) == ALL
    assert [cell.source for cell in notebook.cells].count(stub["source"]) == 0
    assert what == []


def test_of_two_answers_the_last_counts(course: Path, lms: Path, done: Notebook) -> None:
    first = copy.deepcopy(cell(done, "blend"))
    first["source"] = first["source"].replace(ANSWER, "return noise")
    done["cells"].insert(2, first)
    notebook, what = one(course, lms, done)
    assert what == ["blend was written 2 times; the last one counts"]
    assert answers(notebook) == ALL
    assert "return noise" in notebook.cells[2].source  # what the student wrote stays


@pytest.mark.parametrize(
    "scratch",
    ["blend = blend(photo, photo, 0.5)", "blend = 0.3", "blend: list = [1, 2]", "for blend in (1, 2):\n    blend = {}"],
)
@pytest.mark.parametrize("same_cell", [True, False])
def test_what_a_function_answered_does_not_take_its_place(
    course: Path, lms: Path, done: Notebook, scratch: str, same_cell: bool
) -> None:
    written = cell(done, "blend")
    if same_cell:
        written["source"] += f"\n{cell(done, 'mix')['source']}\n{scratch}"
        del done["cells"][place(done, "mix")]
    else:
        done["cells"].append(code(scratch))
    notebook, what = one(course, lms, done)
    assert answers(notebook) == ALL
    assert not any("written" in sentence for sentence in what)
    if not same_cell:
        assert (what, notebook.cells[-1].source) == ([], scratch)


@pytest.mark.parametrize(
    "later", ["blend = lambda a, b, c: blend", "blend = my_blend", "blend = functools.partial(my_blend, 1)"]
)
def test_a_later_function_without_def_is_the_last_answer(course: Path, lms: Path, done: Notebook, later: str) -> None:
    done["cells"].append(code(later))
    notebook, what = one(course, lms, done)
    assert graded_cells(notebook)["blend"].source == later
    assert "blend was written 2 times; the last one counts" in what


def test_an_answer_in_the_checks_cell(course: Path, lms: Path, done: Notebook) -> None:
    answer, check = cell(done, "blend"), cell(done, "check-blend")
    check["source"] = f"{answer['source']}\n{check['source']}"
    answer["source"] = answer["source"].replace(ANSWER, STUB)
    notebook, what = one(course, lms, done)
    assert answers(notebook) == ALL
    assert "the check of blend had been changed; the released one is back" in what


def test_two_functions_in_one_cell_get_a_cell_each(course: Path, lms: Path, done: Notebook) -> None:
    answer = cell(done, "mix")
    cell(done, "blend")["source"] = (
        f"half = 0.5\n\n{cell(done, 'blend')['source']}\n\n@staticmethod\n{answer['source']}"
    )
    del done["cells"][place(done, "mix")]
    notebook, what = one(course, lms, done)
    assert answers(notebook) == ALL
    assert [note for note in what if "stood together" in note] == [
        "blend and mix stood together in one cell; each has a cell of its own now"
    ]
    cells = graded_cells(notebook)
    assert cells["mix"].source.startswith("@staticmethod\ndef mix(")
    assert "def mix" not in cells["blend"].source
    ids = [cell.id for cell in notebook.cells]
    shared = next(position for position, part in enumerate(notebook.cells) if part.source.startswith("half = 0.5"))
    assert shared < ids.index("blend") < ids.index("check-blend")
    assert shared < ids.index("mix") < ids.index("check-mix")


@pytest.mark.parametrize(
    "beside", ["from course_lib.noise import mix", "for mix in (1, 2):\n    print(mix)", "mix = 0.3"]
)
def test_a_name_that_is_answered_elsewhere_does_not_share_the_cell(
    course: Path, lms: Path, done: Notebook, beside: str
) -> None:
    cell(done, "blend")["source"] += f"\n{beside}"
    notebook, what = one(course, lms, done)
    assert (what, answers(notebook)) == ([], ALL)
    assert graded_cells(notebook)["blend"].source.endswith(beside)


def test_an_answer_in_a_text_cell_is_code_again(course: Path, lms: Path, done: Notebook) -> None:
    for kind in ("markdown", "raw"):
        shutil.rmtree(course / "submitted", ignore_errors=True)
        cell(done, "blend")["cell_type"] = kind
        notebook, what = one(course, lms, done)
        assert answers(notebook) == ALL
        assert what == ["the cell of blend was no code cell; it is again"]


def test_own_cells_stay_in_their_order(course: Path, lms: Path, done: Notebook) -> None:
    mine = [
        code("import numpy as np"),
        text("My notes"),
        code("def helper(x):\n    return x"),
        code("%matplotlib inline"),
    ]
    mine[2]["metadata"] = {"nbgrader": {"grade": True, "grade_id": "x", "points": 99}, "tags": ["raises-exception"]}
    at = place(done, "blend")
    done["cells"][at:at] = mine
    notebook, what = one(course, lms, done)
    assert what == []
    assert [part.source for part in notebook.cells[at : at + 4]] == [part["source"] for part in mine]
    assert notebook.cells[at + 4].id == "blend"


@pytest.mark.parametrize(
    "answer",
    [
        "blend = lambda picture, noise, amount: picture",
        "blend: object = print",
        "async def blend(picture, noise, amount): ...",
        "if True:\n    def blend(picture, noise, amount):\n        return picture",
        "%%time\ndef blend(picture, noise, amount):\n    return picture",
        "!pip install numpy\ndef blend(picture, noise, amount):\n    return picture",
        "import functools\n\n@functools.cache\ndef blend(picture, noise, amount):\n    return picture",
        "def blend(picture, noise, amount)\n    return picture",  # does not parse
        "def blend(picture, noise, amount):\n\treturn picture\n        return noise",
    ],
)
def test_a_function_is_found_however_it_is_written(course: Path, lms: Path, done: Notebook, answer: str) -> None:
    done["cells"][place(done, "blend")] = code(answer)
    notebook, what = one(course, lms, done)
    assert graded_cells(notebook)["blend"].source == answer
    assert what == ["blend was found by its name, in a cell without its metadata"]


@pytest.mark.parametrize("blank", ["\n", " ", "\t", " \n"])
def test_blanks_without_end_are_read_at_once(blank: str) -> None:
    start = time.perf_counter()
    assert definitions(f"def f(:\n    pass{blank * 45_000}x").keys() == {"f"}
    assert time.perf_counter() - start < 5  # it was a minute


def test_a_magic_deep_in_a_cell_is_no_python_and_keeps_its_place() -> None:
    assert definitions("if True:\n\n    %time x\n\n    def f(): ...\n\n    f?\n")["f"].text == "    def f(): ..."


def test_a_cell_that_the_sandbox_leaves_out_is_not_read_as_python(monkeypatch: pytest.MonkeyPatch) -> None:
    long = "def f(): ...\n" + "x = 1\n" * 20_000
    with monkeypatch.context() as patch:
        patch.setattr("ast.parse", lambda source: 1 / 0)
        found = definitions(long)
    assert found["f"].text == long


def test_a_name_inside_a_function_a_class_or_a_text_is_no_definition() -> None:
    assert set(
        definitions("def f():\n    blend = 1\nclass C:\n    def blend(self): ...\nt = '''\ndef blend(): ...\n'''")
    ) == {
        "f",
        "C",
        "t",
    }
    assert definitions("blend == 3") == {}


def test_a_written_answer_in_several_cells_below_its_task(course: Path, lms: Path, done: Notebook) -> None:
    at = place(done, "whose_photo")
    done["cells"][at : at + 1] = [text(ESSAY), text(""), text("A second thought.")]
    notebook, what = one(course, lms, done)
    assert graded_cells(notebook)["whose_photo"].source == f"{ESSAY}\n\nA second thought."
    assert what == ["whose_photo was found below its task, in a cell without its metadata"]


def test_a_written_answer_keeps_its_pictures_and_nothing_else(course: Path, lms: Path, done: Notebook) -> None:
    cell(done, "whose_photo")["attachments"] = {"a.png": {"image/png": "iVBO", "text/html": "<script>"}, "b": 1}
    notebook, _ = one(course, lms, done)
    assert graded_cells(notebook)["whose_photo"].attachments == {"a.png": {"image/png": "iVBO"}}


def test_a_written_answer_that_became_code_is_text_again(course: Path, lms: Path, done: Notebook) -> None:
    done["cells"][place(done, "whose_photo")] |= {"cell_type": "code", "outputs": [], "execution_count": 1}
    notebook, _ = one(course, lms, done)
    assert answers(notebook) == ALL


def test_broken_cells_are_left_out(course: Path, lms: Path, done: Notebook) -> None:
    done["cells"] += [None, 3, {}, {"cell_type": "spell"}, {"cell_type": "code", "source": [1, "x = 1", None]}]
    done["cells"] += [
        {"cell_type": "code", "source": {"a": 1}, "metadata": []},
        {"cell_type": "code", "source": "\ud800"},
    ]
    notebook, what = one(course, lms, done)
    assert what == ["4 broken cells were left out"]
    assert [part.source for part in notebook.cells[-3:]] == ["x = 1", "", "?"]


def test_cells_of_one_id_get_ids_of_their_own(course: Path, lms: Path, done: Notebook) -> None:
    for part in done["cells"]:
        part["id"] = "blend"
    notebook, _ = one(course, lms, done)
    assert answers(notebook)["mix"]


# --- Outputs and sizes ------------------------------------------------------------------------------------------------


def test_outputs_are_left_out(course: Path, lms: Path, done: Notebook) -> None:
    script = {"output_type": "display_data", "data": {"text/html": "<script>alert(1)</script>"}, "metadata": {}}
    for part in done["cells"]:
        if part["cell_type"] == "code":
            part["outputs"] = [script]
    _, what = one(course, lms, done)
    assert what == []
    assert "script" not in (course / "submitted/ana/01_noise/01_noise.ipynb").read_text()


def test_two_megabytes_of_outputs_are_told_of(course: Path, lms: Path, done: Notebook) -> None:
    cell(done, "check-blend")["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x" * 2_000_000}]
    _, what = one(course, lms, done)
    assert what == ["2 MB of outputs were left out"]


@pytest.mark.slow
def test_a_hundred_megabytes_of_outputs_are_left_out(course: Path, lms: Path, done: Notebook) -> None:
    lines = ["0.1234, 0.5678, 0.9012\n"] * 2_200_000
    cell(done, "check-blend")["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": lines},
        {"output_type": "display_data", "metadata": {}, "data": {"image/png": "A" * 40_000_000}},
    ]
    notebook, what = one(course, lms, done)
    (told,) = what
    assert int(told.split()[0]) > 100
    assert answers(notebook) == ALL
    assert (course / "submitted/ana/01_noise/01_noise.ipynb").stat().st_size < 100_000


def test_a_cell_that_nobody_can_have_written_is_refused(course: Path, lms: Path, done: Notebook) -> None:
    cell(done, "blend")["source"] = "x = 1\n" * 200_000
    assert refused(course, lms, "01_noise.ipynb", as_bytes(done)).startswith(
        "its code has 1.2 million letters; at most 1 million are read"
    )


def test_a_text_with_a_large_picture_in_it_is_no_reason_to_refuse(course: Path, lms: Path, done: Notebook) -> None:
    cell(done, "whose_photo")["source"] = f"{ESSAY} ![](data:image/png;base64,{'A' * 1_200_000})"
    notebook, _ = one(course, lms, done)
    assert answers(notebook) == ALL


def test_a_file_of_more_parts_than_memory_can_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission_module, "MOST_PARTS", 1000)
    with pytest.raises(CourseError, match="more parts than any notebook"):
        repair(b"[" + b"[]," * 1000 + b"[]]", {})


def test_a_file_larger_than_can_be_read_is_refused(course: Path, lms: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect_module, "LARGEST_FILE", 1000)
    assert refused(course, lms, "01_noise.ipynb", b" " * 1001).startswith("it has 0 MB; at most 0 MB")


# --- What is no submission --------------------------------------------------------------------------------------------


def test_a_wrong_lesson_is_named(course: Path, lms: Path, releases: Any) -> None:
    other = as_bytes(json.loads(nbformat.writes(releases["02_more"])))
    said = refused(course, lms, "01_noise.ipynb", other)
    assert said == 'it is another notebook, "Lesson 2: Noise"; assigned here: 01_noise'


def test_a_notebook_goes_to_the_lesson_that_it_is_whatever_its_name(course: Path, lms: Path, releases: Any) -> None:
    release = course / "release/02_more/02_more.ipynb"
    release.parent.mkdir()
    release.write_text(notebook_text(releases["02_more"]))
    put(lms, "ana/01_noise.ipynb", json.loads(nbformat.writes(releases["02_more"])))
    put(lms, "ana/homework.ipynb", json.loads(nbformat.writes(releases["01_noise"])))
    assert sorted(row.lesson for row in collect(lms, course).rows) == ["01_noise", "02_more"]
    laid(course, "ana", "02_more")


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("01_noise.pdf", b"%PDF-1.7", "it is not a notebook"),
        ("01_noise.py", b"def blend(): ...", "it is not a notebook"),
        ("01_noise.ipynb", b"", "it is not a notebook: it can't be read as JSON, or was cut short"),
        ("01_noise.ipynb", b"%PDF-1.7", "it is not a notebook: it can't be read as JSON, or was cut short"),
        ("01_noise.ipynb", b"\xff\xfe\x00\x00\xff", "it is not a notebook: it can't be read as JSON, or was cut short"),
        ("01_noise.ipynb", b"[" * 100_000, "it is not a notebook: it can't be read as JSON, or was cut short"),
        ("01_noise.ipynb", b'{"x": ' + b"1" * 9999 + b"}", "it is not a notebook: it can't be read as JSON"),
        ("01_noise.ipynb", b"[1, 2]", "it is not a notebook: it has no cells"),
        ("01_noise.ipynb", b'{"cells": 3}', "it is not a notebook: it has no cells"),
        ("01_noise.ipynb", b'{"worksheets": 3}', "it is not a notebook: it has no cells"),
        ("01_noise.ipynb", b'{"cells": []}', "it holds no exercise of the course; assigned here: 01_noise"),
    ],
)
def test_what_is_no_notebook_is_told_of(course: Path, lms: Path, done: Notebook, name: str, data: bytes, sentence: str):
    put(lms, "good/01_noise.ipynb", done)
    assert refused(course, lms, name, data).startswith(sentence)
    assert answers(laid(course, "good")) == ALL


def test_a_notebook_that_breaks_the_repair_stops_nobody_else(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "repair", lambda data, releases: 1 / 0)
    said = reading.answer_to({"course": str(course)}, b"breaks")
    assert said == {"error": "it could not be repaired (ZeroDivisionError: division by zero)"}


# --- Several files of one student -------------------------------------------------------------------------------------


def test_of_two_files_the_newer_counts_and_both_are_kept(
    course: Path, lms: Path, done: Notebook, releases: Any
) -> None:
    old = json.loads(nbformat.writes(releases["01_noise"]))
    put(lms, "ana/z_first try.ipynb", old, time=1_700_000_000)
    put(lms, "ana/01_noise.ipynb", done, time=1_700_000_100)
    put(lms, "bo/01_noise.ipynb", done)
    collected = collect(lms, course)
    assert {row.file: row.status for row in collected.rows if row.student == "ana"} == {
        "ana/z_first try.ipynb": "set aside",
        "ana/01_noise.ipynb": "laid out",
    }
    assert "ana/01_noise.ipynb is newer, and counts" in str(collected)
    assert answers(laid(course, "ana")) == ALL
    assert len(os.listdir(course / "originals/ana")) == 2
    assert (course / "submitted/ana/01_noise/timestamp.txt").read_text() == "2023-11-14 22:15:00 UTC\n"


def test_of_two_files_of_one_time_the_later_copy_counts(course: Path, lms: Path, done: Notebook, releases: Any) -> None:
    old = json.loads(nbformat.writes(releases["01_noise"]))
    for number, (name, notebook) in enumerate({"01_noise": old, "01_noise-9": old, "01_noise-10": done}.items()):
        put(lms, f"perezana_1_{number}_{name}.ipynb", notebook, time=1_700_000_000)
    collect(lms, course)
    assert answers(laid(course, "perezana_1")) == ALL


# --- Whole or not at all, and again -----------------------------------------------------------------------------------


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_was_handed_in_is_kept_byte_for_byte(course: Path, lms: Path, done: Notebook) -> None:
    put(lms, "ana/Mein Heft [1].ipynb", done)
    put(lms, "ana/broken.ipynb", b"{")
    put(lms, "bo/01_noise.ipynb", done)
    collect(lms, course)
    kept = {path.name.split("-", 1)[1]: path.read_bytes() for path in (course / "originals/ana").iterdir()}
    assert kept == {"Mein Heft _1_.ipynb": as_bytes(done)}  # what can't be used is in the download alone
    assert (lms / "ana/Mein Heft [1].ipynb").read_bytes() == as_bytes(done)


def test_collecting_again_changes_nothing_where_nothing_is_new(course: Path, lms: Path, done: Notebook) -> None:
    put(lms, "ana/01_noise.ipynb", done)
    collect(lms, course)
    before = tree(course)
    (row,) = collect(lms, course).rows
    after = tree(course)
    assert row.status == "unchanged"
    for name in (f"{REPORT}.txt", f"{REPORT}.csv"):
        assert before.pop(name) != after.pop(name)
    assert before == after


def test_a_newer_submission_takes_the_place_of_the_older(
    course: Path, lms: Path, done: Notebook, releases: Any
) -> None:
    put(lms, "ana/01_noise.ipynb", json.loads(nbformat.writes(releases["01_noise"])), time=1_700_000_000)
    collect(lms, course)
    put(lms, "ana/01_noise.ipynb", done, time=1_700_000_100)
    (row,) = collect(lms, course).rows
    assert row.status == "laid out anew"
    assert answers(laid(course, "ana")) == ALL
    assert sorted(os.listdir(course / "submitted/ana/01_noise")) == ["01_noise.ipynb", "timestamp.txt"]
    assert os.listdir(course / "submitted/ana") == ["01_noise"]
    assert len(os.listdir(course / "originals/ana")) == 2


@pytest.mark.parametrize("where", ["atomic_write", "replace_folder"])
def test_a_student_is_laid_out_whole_or_not_at_all(
    course: Path, lms: Path, done: Notebook, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    put(lms, "ana/01_noise.ipynb", done)
    real = getattr(collect_module, where)
    calls = 0

    def full(*arguments: Any) -> None:
        nonlocal calls
        calls += 1
        if where == "replace_folder" or calls == 2:
            raise OSError(28, "No space left on device")
        real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(collect_module, where, full)
        with pytest.raises(OSError, match="No space"):
            collect(lms, course)
    seen_by_nbgrader = list((course / "submitted").glob("*/*"))
    assert [path for path in seen_by_nbgrader if not path.name.startswith(".")] == []
    assert students(collect(lms, course)) == ["ana"]
    assert os.listdir(course / "submitted/ana") == ["01_noise"]


def test_there_must_be_something_to_collect_and_a_lesson_for_it(course: Path, lms: Path, tmp_path: Path) -> None:
    with pytest.raises(CourseError, match="holds no file"):
        collect(lms, course)
    with pytest.raises(CourseError, match=r"there is no .*nowhere; name the folder or the zip"):
        collect(tmp_path / "nowhere", course)
    with pytest.raises(CourseError, match="lies inside the course directory"):
        collect(course / "release", course)
    with pytest.raises(CourseError, match=r"no lesson is assigned in .*; begin with `course assign LESSON"):
        collect(lms, tmp_path)


# --- The report -------------------------------------------------------------------------------------------------------


def test_the_report_says_what_was_done_to_whom(course: Path, lms: Path, done: Notebook) -> None:
    put(lms, "bo/01_noise.ipynb", b"{")
    del done["cells"][place(done, "check-blend")]
    put(lms, "ana/01_noise.ipynb", done)
    collect(lms, course)
    assert (course / f"{REPORT}.txt").read_text() == (
        "2 files of 2 students: 1 laid out, 1 refused.\n"
        "Nothing can be graded of: bo.\n"
        "\n"
        "ana, 01_noise: laid out (ana/01_noise.ipynb)\n"
        "  - the check of blend was missing; it was put back\n"
        "\n"
        "bo: refused (bo/01_noise.ipynb)\n"
        "  - it is not a notebook: it can't be read as JSON, or was cut short\n"
    )
    rows = list(csv.DictReader((course / f"{REPORT}.csv").open(encoding="utf-8")))
    assert [(row["student"], row["lesson"], row["status"]) for row in rows] == [
        ("ana", "01_noise", "laid out"),
        ("bo", "", "refused"),
    ]


def test_a_spreadsheet_runs_nothing_that_a_student_wrote() -> None:
    made = Collected([Row("=HYPERLINK(1).ipynb", "@ana", notes=["+1", "-2"])]).as_csv().splitlines()[1]
    assert made == "'@ana,,,'=HYPERLINK(1).ipynb,'+1; -2"


@pytest.mark.unix
@pytest.mark.parametrize("name", [b"Zoe\xe9.txt", b"a\x1b[2J\rb\nbo: laid out.txt"])
def test_a_name_that_can_not_be_written_or_would_write_elsewhere_is_made_harmless(
    course: Path, lms: Path, done: Notebook, capsys: pytest.CaptureFixture[str], name: bytes
) -> None:
    put(lms, "ana/01_noise.ipynb", done)
    (lms / "ana" / os.fsdecode(name)).write_bytes(b"x")
    (lms / os.fsdecode(name.replace(b".txt", b".ipynb"))).write_bytes(b"x")
    assert main(["collect", str(lms), "--to", str(course)]) == 1
    said = capsys.readouterr().out
    assert "ana, 01_noise: laid out" in said
    for text in (said, *((course / f"{REPORT}.{kind}").read_text() for kind in ("txt", "csv"))):
        assert "�" in text
        assert all(letter.isprintable() or letter == "\n" for letter in text)
        assert not any(line.startswith("bo:") for line in text.splitlines())


@pytest.mark.unix
def test_two_students_whose_names_can_not_be_read_stay_two(course: Path, lms: Path, done: Notebook) -> None:
    for name in (b"Ana\xe9", b"Ana\xe8"):
        put(lms, f"{os.fsdecode(name)}/01_noise.ipynb", done)
    assert len(set(students(collect(lms, course)))) == 2


def test_the_command_says_whose_work_is_missing(
    course: Path, lms: Path, done: Notebook, capsys: pytest.CaptureFixture[str]
) -> None:
    put(lms, "ana/01_noise.ipynb", done)
    assert main(["collect", str(lms), "--to", str(course)]) == 0
    assert "ana, 01_noise: laid out" in capsys.readouterr().out
    put(lms, "bo/01_noise.pdf", b"x")
    assert main(["collect", str(lms), "--to", str(course)]) == 1
    assert "Nothing can be graded of: bo." in capsys.readouterr().out
    assert main(["collect", str(lms / "none"), "--to", str(course)]) == 1
    assert capsys.readouterr().err.startswith("course: there is no ")


# --- A class ----------------------------------------------------------------------------------------------------------

TOY = {
    name: Answers([ANSWER.replace("return", f"{name} = lambda picture, noise, amount:")], [f"{name} = max"])
    for name in ("blend", "mix")
}


def toy_class(blank: Notebook, **settings: Any) -> bytes:
    solutions = {name: cell(blank, name)["source"] for name in TOY}
    solutions = {name: "".join(source).replace(STUB, ANSWER) for name, source in solutions.items()}
    return as_zip(make_class(blank, solutions, TOY, "01_noise", **settings))


def test_a_class_is_the_same_for_the_same_seed(blank: Notebook) -> None:
    assert toy_class(blank, count=30, seed=1) == toy_class(blank, count=30, seed=1)
    assert toy_class(blank, count=30, seed=1) != toy_class(blank, count=30, seed=2)


def test_a_class_is_laid_out_with_every_answer_in_its_place(course: Path, tmp_path: Path, blank: Notebook) -> None:
    collected = collect_zip(course, tmp_path, toy_class(blank, count=30, seed=0))
    assert len(collected.without) == 2
    solutions = {name: "".join(cell(blank, name)["source"]).replace(STUB, ANSWER) for name in TOY}
    for student in make_class(blank, solutions, TOY, "01_noise", count=30, seed=0):
        folder = next((course / "submitted").glob(f"*_{student.number}"), None)
        if folder is None:
            assert not any(student.passes.values())
            continue
        cells = graded_cells(laid(course, folder.name))
        found = {name: ANSWER.removeprefix("return ") in cells[name].source for name in TOY}
        assert found == student.passes, student.name


@pytest.mark.parametrize("way", [way for way in WAYS if way], ids=lambda way: way.__name__)
def test_no_way_of_a_notebook_changes_an_answer(
    course: Path, lms: Path, done: Notebook, way: Callable[..., None]
) -> None:
    way(done, "mix")
    notebook, _ = one(course, lms, done)
    assert answers(notebook) | {"essay": True} == ALL


def damage(cells: list[Notebook], chance: random.Random) -> None:
    at, other = chance.randrange(len(cells)), chance.randrange(len(cells))
    one = cells[at]
    match chance.randrange(9):
        case 0:
            del cells[at]
        case 1:
            cells.insert(other, copy.deepcopy(one))
        case 2:
            chance.shuffle(cells)
        case 3:
            one["metadata"] = {}
        case 4:
            one.pop("id", None)
        case 5:
            one["cell_type"] = chance.choice(["code", "markdown", "raw", "x"])
        case 6:
            one["source"] = one["source"][: chance.randrange(200)]
        case 7:
            one["source"] += cells[other]["source"]
        case 8:
            one |= {"id": cells[other].get("id"), "metadata": cells[other]["metadata"]}


def test_no_damage_to_a_notebook_stops_the_repair(releases: dict[str, Any], done: Notebook) -> None:
    release = {"01_noise": releases["01_noise"]}
    laid_out = 0
    for seed in range(40):
        chance, damaged = random.Random(seed), copy.deepcopy(done)
        for _ in range(chance.randrange(1, 9)):
            damage(damaged["cells"], chance)
        try:
            repaired = repair(as_bytes(damaged), release)
        except CourseError:
            continue
        laid_out += 1
        assert_whole(repaired.notebook, releases["01_noise"])
        assert repair(notebook_text(repaired.notebook).encode(), release).notebook == repaired.notebook
    assert laid_out > 35


@pytest.mark.slow
def test_every_answer_of_the_checks_tests_is_a_cell_that_the_check_judges_as_the_tests_say(
    checkout: Path, one_thread: None
) -> None:
    from course_lib import checks

    found = answers_of(checkout / "tests/checks")
    assert min(len(answers.right) for answers in found.values()) >= 4
    assert min(len(answers.wrong) for answers in found.values()) >= 6
    for exercise, both in found.items():
        for wanted, several in ((True, both.right), (False, both.wrong)):
            for source in several:
                names: dict[str, Any] = {}
                exec(source, names)
                for seed in (0, 1_234_567_890):
                    assert getattr(checks, exercise)(names[exercise], seed=seed).passed == wanted, source


@pytest.mark.slow
def test_plain_nbgrader_takes_what_is_laid_out(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The class's good students only: their own code runs here, unguarded, as nbgrader does it."""
    from nbgrader.api import Gradebook
    from nbgrader.converters import Autograde
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config import Config
    from traitlets.config.loader import PyFileConfigLoader

    from course_tools.classroom.assign import assign
    from tests.support.make_class import solutions_of

    course = tmp_path / "class"
    list(assign(checkout, ["1"], course))
    released, source = (
        json.loads((course / step / "01_noise/01_noise.ipynb").read_text()) for step in ("release", "source")
    )
    for notebook in (released, source):
        for part in notebook["cells"]:
            part["source"] = "".join(part["source"])
    everyone = make_class(
        released, solutions_of(source), answers_of(checkout / "tests/checks"), "01_noise", count=13, seed=0
    )
    few = [everyone[4], everyone[8], everyone[12]]  # moved cells, a check twice, only the functions
    collect_zip(course, tmp_path, as_zip(few))
    config = Config(PyFileConfigLoader("nbgrader_config.py", path=str(course)).load_config())
    config.KernelManager.transport_encryption = "auto"
    directory = CourseDirectory(config=config, root=str(course), assignment_id="01_noise")
    Autograde(coursedir=directory, config=config).start()
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        for student in few:
            (folder,) = (course / "submitted").glob(f"*_{student.number}")
            graded = gradebook.find_submission_notebook("01_noise", "01_noise", folder.name)
            scores = {grade.name.removeprefix("check-"): grade.auto_score == grade.max_score for grade in graded.grades}
            assert scores == student.passes, student.name
    assert set(exercises_of(released)) == set(few[0].passes)
