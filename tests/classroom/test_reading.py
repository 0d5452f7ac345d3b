"""A file that is made to cost a class its time, memory or disk costs its author a sentence, and nobody anything."""

import bz2
import copy
import gzip
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest

from course_lib.errors import CourseError
from course_tools.classroom import collect as collect_module
from course_tools.classroom.collect import REPORT, collect, without_submission
from course_tools.classroom.definitions import LONGEST_CELL
from course_tools.classroom.reading import TOO_COSTLY, Reader
from course_tools.classroom.submission import MOST_CELLS, MOST_LINES, graded_cells
from course_tools.notebooks.lesson import notebook_text
from course_tools.notebooks.project import Project
from course_tools.notebooks.render import render
from tests.classroom.test_assign import COURSE
from tests.support.made_course import make_course

pytestmark = pytest.mark.slow

Notebook = dict[str, Any]
ANSWER = "return (1 - amount) * picture + amount * noise"
# So little that an attack ends at once, and ten times what an honest notebook takes.
SMALL_READER = {"memory": 80_000_000, "cpu_seconds": 3}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    root = make_course(tmp_path_factory.mktemp("course") / "root", COURSE)
    return next(one.blank for one in render(Project.read(root)) if one.lesson.name == "01_noise")


@pytest.fixture
def course(release: nbformat.NotebookNode, tmp_path: Path) -> Path:
    path = tmp_path / "class/release/01_noise/01_noise.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text(notebook_text(release))
    return tmp_path / "class"


@pytest.fixture
def done(release: nbformat.NotebookNode) -> Notebook:
    notebook = json.loads(nbformat.writes(release))
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"]).replace('raise NotImplementedError("your code here")', ANSWER)
    return notebook


@pytest.fixture(scope="module")
def small_reader() -> Iterator[Reader]:
    with Reader(**SMALL_READER) as reader:
        yield reader


def with_cells(notebook: Notebook, *cells: Notebook, **more: Any) -> bytes:
    notebook = copy.deepcopy(notebook) | more
    notebook["cells"] += cells
    return json.dumps(notebook).encode()


def code(source: str, **metadata: Any) -> Notebook:
    return {"cell_type": "code", "metadata": metadata, "source": source, "outputs": [], "execution_count": None}


def text(source: str) -> Notebook:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def packed(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


def overlapping(notebook: bytes, count: int) -> bytes:
    """A zip with one file in it and `count` entries in its list that all lead to it."""
    data = packed({"x.ipynb": notebook})
    start = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    tail = bytearray(data[end:])
    tail[8:12] = min(count, 0xFFFF).to_bytes(2, "little") * 2
    tail[12:16] = (count * (end - start)).to_bytes(4, "little")
    return data[:start] + data[start:end] * count + bytes(tail)


def bzipped(size: int) -> bytes:
    """A zip whose file of `size` blanks is packed with bzip2, in a few hundred bytes."""
    assert len(bz2.compress(b" " * size)) < size / 1e4
    return packed({"x.ipynb": b" " * size}, zipfile.ZIP_BZIP2)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


BLANKS = b" " * 5_000_000
# Each makes a file of the solved notebook: its name, its bytes, and what of its author's report begins so, or "" where
# the file is used like any other.
Attack = tuple[str, Callable[[Notebook], bytes], str]
ATTACKS: dict[str, Attack] = {
    "very many cells": ("x.ipynb", lambda n: with_cells(n, *[code("1")] * 120_000), "it has 120,0"),
    "very many broken cells": ("x.ipynb", lambda n: with_cells(n, *[{}] * 50_000), "it has 50,0"),
    "cells of the year 2014, very many": (
        "x.ipynb",
        lambda n: json.dumps({"worksheets": [{"cells": [code("1")]}] * 3000}).encode(),
        "it has 3,000 cells",
    ),
    "very many numbers in metadata": (
        "x.ipynb",
        lambda n: with_cells(n, metadata={"a": [0.5] * 2_500_000}),
        TOO_COSTLY,
    ),
    "very many small lists": (
        "x.ipynb",
        lambda n: with_cells(n)[:-1] + b', "a": [' + b"[]," * 1_500_000 + b"0]}",
        TOO_COSTLY,
    ),
    "a table of very many names": (
        "x.ipynb",
        lambda n: with_cells(n, metadata={f"{number}": 0 for number in range(600_000)}),
        TOO_COSTLY,
    ),
    "more quotes than texts": ("x.ipynb", lambda n: b'{"a":"' + b'\\"' * 21_000_000 + b'"}', "it has more parts"),
    "metadata without a bottom": ("x.ipynb", lambda n: with_cells(n)[:-1] + b', "a": ' + b"[" * 10**6, "it is not a n"),
    "deep metadata": ("x.ipynb", lambda n: with_cells(n, metadata={"a": nested(500)}), ""),
    "a name for cells a thousand times": (
        "x.ipynb",
        lambda n: b"{" + b'"cells": [],' * 200_000 + with_cells(n)[1:],
        "",
    ),
    "numbers of very many digits": (
        "x.ipynb",
        lambda n: with_cells(n)[:-1] + b', "a": ' + b"7" * 10**6 + b"}",
        "it is not a n",
    ),
    "fractions of very many digits": (
        "x.ipynb",
        lambda n: with_cells(n)[:-1] + b', "a": 0.' + b"7" * 10**6 + b"e-9}",
        "",
    ),
    "code of megabytes": ("x.ipynb", lambda n: with_cells(n, *[code("x = 1\n" * 10_000)] * 20), "its code has 1.2"),
    "text of megabytes": (
        "x.ipynb",
        lambda n: with_cells(n, text("word " * 2_200_000)),
        "its texts and their pictures",
    ),
    "a picture of megabytes": (
        "x.ipynb",
        lambda n: with_cells(n, text("") | {"attachments": {"a.png": {"image/png": "A" * 11_000_000}}}),
        "its texts and their pictures",
    ),
    "pictures with very long names": (
        "x.ipynb",
        lambda n: with_cells(n, text("") | {"attachments": {"a" * 11_000_000: {"image/png": ""}}}),
        "its texts and their pictures",
    ),
    "a cell in a million pieces": (
        "x.ipynb",
        lambda n: with_cells(n, code("") | {"source": ["1"] * 1_000_001}),
        "its code has",
    ),
    "names of cells of a megabyte": (
        "x.ipynb",
        lambda n: with_cells(n, *[code("1", nbgrader={"grade_id": "x" * 100_000}) | {"id": "y" * 100_000}] * 10),
        "",
    ),
    "names of cells that we would give": (
        "x.ipynb",
        lambda n: with_cells(n, *[code("1") | {"id": f"cell-{MOST_CELLS // 2}-{k}"} for k in range(MOST_CELLS // 2)]),
        "",
    ),
    "every cell is an exercise": (
        "x.ipynb",
        lambda n: with_cells(n, *[code("def blend(): pass\ndef mix(): pass", nbgrader={"grade_id": "blend"})] * 1500),
        "",
    ),
    "a cell that defines everything": (
        "x.ipynb",
        lambda n: with_cells(n, code("\n".join(f"a{number} = 1" for number in range(9000)))),
        "",
    ),
    "blank lines without end": ("x.ipynb", lambda n: with_cells(n, *[code("\n" * 95_000)] * 9), "its cells have 855,"),
    "as many blank lines as may be": ("x.ipynb", lambda n: with_cells(n, code("blend\n" + "\n" * 19_000)), ""),
    "lines that end in another way": (
        "x.ipynb",
        lambda n: with_cells(n, text("\x1e\u2028\r" * 9000)),
        "its cells have 27,",
    ),
    "headings without end": ("x.ipynb", lambda n: with_cells(n, text("#\n" * 19_000), text("# " * 500_000)), ""),
    "names that get values in a row": (
        "x.ipynb",
        lambda n: with_cells(n, *[code("a=" * (LONGEST_CELL // 2 - 1) + "1")] * 5),
        "",
    ),
    "brackets that the parser chokes on": (
        "x.ipynb",
        lambda n: with_cells(n, *[code("(" * 190 + "{" * 5 + ")" * 100 + "\n")] * 50, *[code("[" * 90_000)] * 5),
        "",
    ),
    "lines that are nearly magics": (
        "x.ipynb",
        lambda n: with_cells(
            n, *[code("a, " * 30_000), code("a" * 90_000 + "?" + " " * 9000 + "x"), code("%%" * 45_000)]
        ),
        "",
    ),
    "signs of four bytes": ("x.ipynb", lambda n: json.dumps(n | {"a": "\U0001f600" * 9}).encode("utf-32"), ""),
    "a gzip with its name": ("x.ipynb", lambda n: gzip.compress(BLANKS * 20), "it is not a notebook"),
    "a zip of blanks, nine times": (
        "x.zip",
        lambda n: packed({f"{number}.ipynb": BLANKS for number in range(9)}),
        "it is not a notebook",
    ),
    "a zip in bzip2": ("x.zip", lambda n: bzipped(30_000_000), "it is packed in a way"),
    "a zip in lzma": ("x.zip", lambda n: packed({"x.ipynb": BLANKS}, zipfile.ZIP_LZMA), "it is packed in a way"),
    "a zip of very many files": (
        "x.zip",
        lambda n: packed({f"{number}.ipynb": b"" for number in range(10_001)}),
        "it holds more than 10,000 files",
    ),
    "a zip whose files are all one": ("x.zip", lambda n: overlapping(BLANKS, 9000), "it is not a notebook"),
    "a zip with a path of 60,000 letters": (
        "x.zip",
        lambda n: packed({"a/" * 30_000 + "x.ipynb": b"{}"}),
        "its path has 60,0",
    ),
    "a zip with the good one beside bombs": (
        "x.zip",
        lambda n: packed({"good.ipynb": with_cells(n)} | {f"{number}.ipynb": BLANKS for number in range(9)}),
        "it is not a notebook",
    ),
    "a zip whose comment is a list": (
        "x.zip",
        lambda n: overlapping(BLANKS, 1)[:-2] + (60_000).to_bytes(2, "little") + b"PK\x01\x02" * 15_000,
        "it holds more than 10,000 files",
    ),
}


def kept(course: Path) -> int:
    return sum(path.stat().st_size for path in course.rglob("*") if path.is_file() and "release" not in path.parts)


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_costs_its_author_a_sentence_and_the_class_nothing(
    course: Path, tmp_path: Path, done: Notebook, small_reader: Reader, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(collect_module, "shared_reader", lambda: small_reader)
    monkeypatch.setattr(collect_module, "MOST_BYTES", 60_000_000)
    file, make, said = ATTACKS[name]
    data, good = make(done), json.dumps(done).encode()
    lms = tmp_path / "class.zip"
    lms.write_bytes(packed({"ana/x.ipynb": good, f"bad/{file}": data, "cem/x.ipynb": good}))
    rows = collect(lms, course).rows
    whose = {student: [row for row in rows if row.student == student] for student in ("ana", "bad", "cem")}
    assert [row.status for student in ("ana", "cem") for row in whose[student]] == ["laid out"] * 2
    notes = [note for row in whose["bad"] for note in row.notes]
    if said:
        assert any(note.startswith(said) for note in notes), notes
        assert all(len(note) < 300 for note in notes)
    used = not said or "good one" in name
    assert (course / "submitted/bad").exists() == (course / "originals/bad").exists() == used
    assert kept(course) <= 4 * (2 * len(good) + (len(data) if used else 0)) + 12 * MOST_LINES * used
    assert max(map(len, (course / f"{REPORT}.txt").read_text().splitlines())) < 300


def test_twenty_zips_of_one_student_share_one_limit(
    course: Path, tmp_path: Path, done: Notebook, small_reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect_module, "shared_reader", lambda: small_reader)
    monkeypatch.setattr(collect_module, "MOST_BYTES", 30_000_000)
    lms = tmp_path / "lms/bad"
    lms.mkdir(parents=True)
    bombs = packed({f"{k}.ipynb": BLANKS for k in range(9)})
    for number in range(20):
        (lms / f"{number}.zip").write_bytes(bombs)
    (tmp_path / "lms/good.ipynb").write_text(json.dumps(done))
    rows = collect(tmp_path / "lms", course).rows
    assert [row.student for row in rows if row.status == "laid out"] == ["good"]
    read = [row for row in rows if row.notes and row.notes[0].startswith("it is not a notebook")]
    assert len(read) == 5  # of 180
    assert kept(course) < 4 * len(json.dumps(done)) + 100_000


def test_only_so_many_notebooks_of_a_student_are_read_and_the_newest_first(
    course: Path, tmp_path: Path, done: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect_module, "MOST_NOTEBOOKS", 2)
    folder = tmp_path / "lms/ana"
    folder.mkdir(parents=True)
    for number in range(4):
        path = folder / f"{number}.ipynb"
        path.write_bytes(with_cells(done, text(f"try {number}")))
        os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))
    (tmp_path / "lms/bo.ipynb").write_bytes(b"{}")
    rows = {row.file[4:]: row for row in collect(tmp_path / "lms", course).rows if row.student == "ana"}
    assert [rows[f"{number}.ipynb"].status for number in range(4)] == ["refused", "refused", "set aside", "laid out"]
    assert rows["0.ipynb"].notes == [
        "only the newest 2 notebooks of a student are read",
        "another file of this student is laid out",
    ]
    assert "try 3" in (course / "submitted/ana/01_noise/01_noise.ipynb").read_text()


def test_a_student_who_took_all_the_time_is_read_no_further_and_others_are(
    course: Path, tmp_path: Path, done: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect_module, "MOST_SECONDS", 3.5)

    class Slow(Reader):
        asked = 0

        def repair(self, data: bytes, course: Path) -> tuple[str, str, list[str]]:
            self.seconds = 2.0
            Slow.asked += 1
            raise CourseError(TOO_COSTLY)

    monkeypatch.setattr(collect_module, "shared_reader", Slow)
    files = {f"{student}/{k}.ipynb": b"{}" for student in ("ana", "bo") for k in range(9)}
    (tmp_path / "x.zip").write_bytes(packed(files))
    rows = collect(tmp_path / "x.zip", course).rows
    assert Slow.asked == 4  # two of each
    assert sum("took 4 seconds to read" in row.notes[0] for row in rows) == 14


def test_a_large_original_is_kept_zipped_and_comes_back_byte_for_byte(
    course: Path, tmp_path: Path, done: Notebook
) -> None:
    stream = {"output_type": "stream", "name": "stdout", "text": "x" * 3_000_000}
    data = with_cells(done, code("1") | {"outputs": [stream]})
    (tmp_path / "lms").mkdir()
    (tmp_path / "lms/ana.ipynb").write_bytes(data)
    for _ in range(2):
        collect(tmp_path / "lms", course)
        (original,) = (course / "originals/ana").iterdir()
        assert original.name.endswith("-ana.ipynb.gz")
        assert gzip.decompress(original.read_bytes()) == data
        assert original.stat().st_size < 100_000


def test_what_is_refused_beside_what_is_laid_out_says_so(course: Path, tmp_path: Path, done: Notebook) -> None:
    files = {"ana/good.ipynb": json.dumps(done).encode(), "ana/z.ipynb": b"{", "bo/z.ipynb": b"{"}
    (tmp_path / "x.zip").write_bytes(packed(files))
    notes = {row.file: row.notes for row in collect(tmp_path / "x.zip", course).rows if row.status == "refused"}
    assert notes["ana/z.ipynb"][1:] == ["another file of this student is laid out"]
    assert notes["bo/z.ipynb"][1:] == []
    assert without_submission(course) == ["bo"]
    (course / f"{REPORT}.csv").write_text("changed")
    assert without_submission(course) == []


# --- The process that reads -------------------------------------------------------------------------------------------


def test_a_reader_goes_on_after_a_file_that_ended_it(course: Path, done: Notebook, small_reader: Reader) -> None:
    good, deep = json.dumps(done).encode(), b'{"cells": [' + b'"a",' * 9_000_000 + b'"a"]}'
    lesson, laid_out, notes = small_reader.repair(good, course)
    assert (lesson, notes) == ("01_noise", [])
    with pytest.raises(CourseError, match=TOO_COSTLY):
        small_reader.repair(deep, course)
    assert small_reader.process is not None
    small_reader.process.kill()
    with pytest.raises(CourseError, match=TOO_COSTLY):  # nobody can tell whose fault that was
        small_reader.repair(good, course)
    assert small_reader.repair(good, course) == (lesson, laid_out, notes)


def test_a_file_that_computes_too_long_is_ended(course: Path, done: Notebook) -> None:
    with Reader(cpu_seconds=1) as reader:
        reader.repair(json.dumps(done).encode(), course)
        busy = with_cells(done, *[code("a=" * (LONGEST_CELL // 2 - 1) + "1")] * 9)
        with pytest.raises(CourseError, match=TOO_COSTLY):
            reader.repair(busy, course)
        assert reader.seconds == 1
        assert reader.process is None


def test_a_release_that_changed_is_read_anew(course: Path, done: Notebook, small_reader: Reader) -> None:
    data = json.dumps(done).encode()
    before = small_reader.repair(data, course)[1]
    path = course / "release/01_noise/01_noise.ipynb"
    release = nbformat.read(path, 4)
    graded_cells(release)["blend"].metadata.nbgrader.points = 9
    path.write_text(notebook_text(release))
    os.utime(path, (1, 1))
    assert small_reader.repair(data, course)[1] != before


def test_a_readers_cells_are_those_of_the_file(tmp_path: Path, done: Notebook, small_reader: Reader) -> None:
    path = tmp_path / "x.ipynb"
    path.write_bytes(with_cells(done, text("\ud800 and é"), code("x = 'é'", nbgrader={"grade_id": "x\udc00"})))
    found = small_reader.cells(path)
    assert (found[-2].kind, found[-2].source) == ("markdown", "? and é")
    assert (found[-1].source, found[-1].grade_id) == ("x = 'é'", "x\udc00")
    path.write_bytes(with_cells(done, *[code("1")] * (MOST_CELLS + 1)))
    assert small_reader.cells(path) == []
    assert small_reader.cells(tmp_path / "none.ipynb") == []


def test_nothing_that_lies_where_the_instructor_is_is_imported(tmp_path: Path, course: Path, done: Notebook) -> None:
    (tmp_path / "nbformat.py").write_text("raise SystemExit('of a student')")
    (tmp_path / "json.py").write_text("raise SystemExit('of a student')")
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom course_tools.classroom.reading import Reader\n"
        "os.chdir(sys.argv[1])\n"
        "with Reader() as reader:\n    print(reader.repair(sys.stdin.buffer.read(), Path(sys.argv[2]))[0])\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path), str(course)],
        input=json.dumps(done).encode(),
        capture_output=True,
        cwd=Path(__file__).parents[2],
    )
    assert said.stdout == b"01_noise\n" or said.stdout == b"01_noise\r\n", said.stderr


def test_a_reader_ends_with_whoever_started_it() -> None:
    program = (
        "from course_tools.classroom.reading import shared_reader\n"
        "from pathlib import Path\nshared_reader().cells(Path('none'))\n"
        "print(shared_reader().process.pid, flush=True)\nimport os; os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=Path(__file__).parents[2])
    reader = int(done.stdout)
    _, alive = psutil.wait_procs([psutil.Process(reader)] if psutil.pid_exists(reader) else [], timeout=30)
    assert alive == []
