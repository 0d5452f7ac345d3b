"""`course bench`: how it measures, not how fast this machine is."""

import json
import time

import pytest

from course_lib import cli
from course_lib.errors import CourseError
from course_lib.teaching import bench


@pytest.fixture
def measured(monkeypatch) -> list[str]:
    """The benches that would have run, with a result for each."""
    names: list[str] = []

    def apart(name: str) -> bench.Result:
        names.append(name)
        return bench.Result(name, 12.5, "cats/s", 100.0)

    monkeypatch.setattr(bench, "apart", apart)
    return names


def test_a_line_is_printed_for_each_bench_and_nothing_is_written(measured, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["bench"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert measured == list(bench.BENCHES)
    assert [line.split()[0] for line in lines] == measured
    assert lines[0].split() == ["imports", "12.50", "cats/s", "100", "MB"]
    assert list(tmp_path.iterdir()) == []


def test_the_benches_that_are_named_run_and_are_written_where_asked(measured, tmp_path):
    path = tmp_path / "deep" / "report.json"
    assert cli.main(["bench", "renderer", "-o", str(path)]) == 0
    report = json.loads(path.read_text())
    assert report["results"] == [{"name": "renderer", "value": 12.5, "unit": "cats/s", "memory_mb": 100.0}]
    assert "CPU cores" in report["machine"]
    assert [file.name for file in path.parent.iterdir()] == ["report.json"]


def test_an_unknown_bench_stops_before_any_other_runs(measured, capsys):
    assert cli.main(["bench", "renderer", "unicorn"]) == 1
    assert capsys.readouterr().err == (
        "course: there is no bench 'unicorn'; "
        "there are imports, renderer, filters, words, training, processes, drawing.\n"
    )
    assert measured == []


def test_a_report_that_can_not_be_written_is_one_sentence(measured, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert cli.main(["bench", "imports", "-o", str(tmp_path / "file" / "report.json")]) == 1
    assert "can't be written" in capsys.readouterr().err


def test_a_process_of_its_own_measures(monkeypatch):
    program = "import course_lib.teaching.bench as b, sys; b.BENCHES['cats'] = lambda: (3, 'cats'); b.measure('cats')"
    monkeypatch.setattr(bench, "PROGRAM", program)
    result = bench.apart("cats")
    assert (result.value, result.unit) == (3, "cats")
    assert result.memory_mb is None or 5 < result.memory_mb < 1000


@pytest.mark.parametrize(
    ("program", "sentence"),
    [("from course_lib.errors import CourseError\nraise CourseError('no cat is here.')", "failed: no cat is here."),
     ("import os; os._exit(7)", "it ended with status 7")],
)  # fmt: skip
def test_a_bench_that_fails_is_one_sentence(monkeypatch, program, sentence):
    monkeypatch.setattr(bench, "PROGRAM", program)
    with pytest.raises(CourseError, match=sentence):
        bench.apart("cats")


def test_seconds_are_the_median_without_the_first_time(monkeypatch):
    clock = iter([0, 100, 100, 101, 200, 203, 300, 310])  # 100 s to warm up, then 1, 3 and 10
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    assert bench.seconds(lambda: None, repeats=3) == 3


def test_the_benches_of_the_library_run(monkeypatch):
    """What needs the shipped model is tested with the artist."""
    monkeypatch.setattr(bench, "seconds", lambda work, **_: [work(), 0.5][1])
    assert bench.renderer() == (2560, "pictures/s rendered at 32 px")
    assert bench.training() == (2, "steps/s of 64 pictures")
