"""`course bench`: how it measures, not how fast this machine is."""

import json
import time

import pytest

from course_lib.errors import CourseError
from course_tools import bench, cli


@pytest.fixture
def measured(monkeypatch) -> list[str]:
    """The benches that would have run, with a result for each."""
    names: list[str] = []

    def apart(name: str) -> bench.Result:
        names.append(name)
        return bench.Result(name, 12.5, "cats/s", 100.0)

    monkeypatch.setattr(bench, "apart", apart)
    return names


def test_a_line_is_printed_for_each_bench_and_written_only_where_asked(measured, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["bench"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert measured == [line.split()[0] for line in lines] == list(bench.BENCHES)
    assert lines[0].split() == ["imports", "12.50", "cats/s", "100", "MB"]
    assert list(tmp_path.iterdir()) == []
    assert cli.main(["bench", "renderer", "-o", "deep/report.json"]) == 0
    report = json.loads((tmp_path / "deep/report.json").read_text())
    assert report["results"] == [{"name": "renderer", "value": 12.5, "unit": "cats/s", "memory_mb": 100.0}]
    assert "CPU cores" in report["machine"]


def test_an_unknown_bench_and_a_report_that_can_not_be_written_are_one_sentence(measured, tmp_path, capsys):
    assert cli.main(["bench", "renderer", "unicorn"]) == 1
    assert capsys.readouterr().err.startswith("course: there is no bench 'unicorn'; there are imports, renderer, ")
    assert measured == []
    (tmp_path / "file").write_text("")
    assert cli.main(["bench", "imports", "-o", str(tmp_path / "file" / "report.json")]) == 1
    assert "can't be written" in capsys.readouterr().err


def test_a_process_of_its_own_measures(monkeypatch):
    program = "import course_tools.bench as b, sys; b.BENCHES['cats'] = lambda: (3, 'cats'); b.measure('cats')"
    monkeypatch.setattr(bench, "PROGRAM", program)
    result = bench.apart("cats")
    assert (result.value, result.unit) == (3, "cats")
    assert result.memory_mb is None or 5 < result.memory_mb < 1000


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        ("from course_lib.errors import CourseError\nraise CourseError('no cat is here.')", "failed: no cat is here."),
        ("import os; os._exit(7)", "it ended with status 7"),
    ],
)
def test_a_bench_that_fails_is_one_sentence(monkeypatch, program, sentence):
    monkeypatch.setattr(bench, "PROGRAM", program)
    with pytest.raises(CourseError, match=sentence):
        bench.apart("cats")


def test_seconds_are_the_median_without_the_first_time_and_a_rate_is_that_of_the_quickest(monkeypatch):
    clock = iter([0, 100, 100, 101, 200, 203, 300, 310, 400, 405, 410, 412, 420, 424])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    assert bench.seconds(lambda: None, repeats=3) == 3  # 100 s to warm up, then 1, 3 and 10
    assert bench.matrix_rate(side=10, times=3) == 2 * 10**3 / 2


def test_the_share_of_the_machine_is_that_of_its_products(monkeypatch, capsys):
    """By hand: 4 steps of 1 GFLOP in each second, where products reach 8 GFLOP/s."""
    monkeypatch.setattr(bench, "training_steps", lambda: iter(int, 1))
    monkeypatch.setattr(bench, "step_flops", lambda: 1e9)
    monkeypatch.setattr(bench, "matrix_rate", lambda: 8e9)
    clock = iter(range(6))
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    bench.one_of_them(turns=3)
    assert json.loads(capsys.readouterr().out) == {"steps/s": 4, "share": 0.5}


@pytest.mark.slow
@pytest.mark.xdist_group("processes")
def test_two_processes_make_something_of_the_machine_and_not_more_than_all():
    told = bench.by_two()
    assert 0.02 < told["share"] < 1.5
    assert told["steps/s"] > 0


def test_the_benches_of_the_library_run(monkeypatch):
    """What needs the shipped model is tested with the pipeline."""
    monkeypatch.setattr(bench, "seconds", lambda work, **_: [work(), 0.5][1])
    assert bench.renderer() == (2560, "pictures/s rendered at 32 px")
    assert bench.training() == (2, "steps/s of 64 pictures")
