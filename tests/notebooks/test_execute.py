"""`course run`: what a run stores, measures and says."""

import base64
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_output

from course_lib.errors import CourseError
from course_tools import cli
from course_tools.notebooks.execute import Timing, run, stored_outputs
from tests.support.made_course import make_course, write

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
HEADER = """\
# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
#   course:
#     reading_minutes: 3
#     summary: looks at a pixel
# ---
"""
PICTURE = f"""\
# %% image="pixel"
from IPython.display import HTML, display
display(HTML('<img alt="one pixel" src="data:image/png;base64,{base64.b64encode(PIXEL).decode()}">'))
"""
SLIDER = """\
# %%
import ipywidgets
from tqdm.auto import tqdm
for _ in tqdm(range(3)):
    pass
print("one")
print("two")
ipywidgets.VBox([ipywidgets.FloatSlider(description="noise"), ipywidgets.HTML('<img alt="a slide" src="data:,">')])
"""


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """An empty course; `add_lesson` fills it."""
    return make_course(tmp_path / "course", {})


def add_lesson(course: Path, number: int, *cells: str) -> None:
    text = f"\n# %% [markdown]\n# # Lesson {number}: A pixel\n# It takes {{{{run_time}}}}.\n\n"
    write(course, HEADER + text + "\n".join(cells), f"0{number}_pixel")


def solved(course: Path, number: int) -> Path:
    return course / f"notebooks/solutions/0{number}_pixel.ipynb"


def files(course: Path) -> dict[str, bytes]:
    """Everything that a run may change, but for README's numbers."""
    return {
        path.name: path.read_bytes()
        for part in ("solutions", "../images")
        for path in (course / "notebooks" / part).glob("*")
    }


def test_the_command_builds_and_fails_a_check_only_while_something_is_stale(course, capsys, monkeypatch):
    add_lesson(course, 1, "# %%\n1")
    monkeypatch.chdir(course)
    assert cli.main(["build", "--check"]) == 1
    assert not solved(course, 1).exists()
    assert cli.main(["build"]) == 0
    assert "notebooks/01_pixel.ipynb: written." in capsys.readouterr().out
    assert cli.main(["build", "--check"]) == 0


@pytest.mark.parametrize(("good", "status"), [(True, 0), (False, 1)])
def test_the_command_fails_with_a_run_that_was_not_good(course, monkeypatch, good, status):
    asked = []
    add_lesson(course, 1, "# %%\n1")
    monkeypatch.chdir(course)
    monkeypatch.setattr("course_tools.notebooks.execute.run", lambda *arguments: asked.append(arguments) or good)
    assert cli.main(["run", "01_pixel", "2"]) == status
    assert asked == [(course, ["01_pixel", "2"])]


@pytest.mark.slow
def test_a_run_stores_the_outputs_the_named_picture_and_the_times(course, capsys):
    add_lesson(course, 1, PICTURE, SLIDER)
    assert run(course)
    notebook = nbformat.read(solved(course, 1), as_version=4)
    picture, slider = notebook.cells[-2:]
    assert 'alt="one pixel"' in picture.outputs[0].data["text/html"]
    assert (course / "images/pixel.png").read_bytes() == PIXEL
    assert [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"] == [1, 2, 3]
    assert slider.outputs[0].text == "one\ntwo\n"
    assert "a slide" in slider.outputs[-1].data["text/html"]
    timing = json.loads((course / "docs/timings.json").read_text())["lessons"]["01_pixel"]
    assert 0 < timing["first_picture_seconds"] <= timing["seconds"] < 60
    assert 20 < timing["peak_memory_mb"] < 2000
    assert "| not run yet |" not in (course / "README.md").read_text()
    assert "about 10 seconds" in notebook.cells[0].source
    header, row = capsys.readouterr().out.splitlines()[:2]
    assert len(header) == len(row)
    assert row.startswith("01_pixel")


@pytest.mark.slow
def test_two_runs_store_the_same_bytes(course):
    add_lesson(course, 1, PICTURE, SLIDER)
    run(course)
    first = files(course)
    run(course)
    assert files(course) == first
    assert {"01_pixel.ipynb", "pixel.png"} <= set(first)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("# %%\n\n1 / 0", "cell 3 (`1 / 0`): ZeroDivisionError: division by zero"),
        ('# %%\nimport os\nassert os.environ["NBGRADER_EXECUTION"] != "validate"', "AssertionError"),
        ("# %%\nimport os\nos._exit(1)", "its kernel died"),
        ('# %% image="nothing"\n1', "shows no picture"),
    ],
)
def test_a_lesson_that_fails_is_named_and_keeps_what_was_stored(course, capsys, cell, reason):
    add_lesson(course, 1, "# %%\nprint('good')")
    assert run(course)
    before = files(course)
    times = (course / "docs/timings.json").read_bytes()
    add_lesson(course, 1, cell)
    add_lesson(course, 2, "# %%\nprint('runs all the same')")
    assert not run(course)
    assert files(course).items() >= before.items()
    assert "runs all the same" in solved(course, 2).read_text()
    assert (
        json.loads((course / "docs/timings.json").read_text())["lessons"]["01_pixel"]
        == (json.loads(times)["lessons"]["01_pixel"])
    )
    said = capsys.readouterr().err.splitlines()[-1]
    assert "lesson 01_pixel" in said
    assert reason in said


@pytest.mark.unix
@pytest.mark.slow
def test_an_interrupted_run_leaves_everything_as_it_was(course):
    add_lesson(course, 1, "# %%\nprint('good')")
    run(course)
    before = files(course)
    add_lesson(course, 1, "# %%\nopen('begun', 'w').close()\nimport time; time.sleep(100)")
    # A shell starts what runs in the background with interrupts ignored, and children inherit that.
    program = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    program += "from course_tools.cli import main; sys.exit(main(['run']))"
    path = os.pathsep.join([str(Path(cli.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        # -P: the made-up course in this folder has a course_lib, too.
        [sys.executable, "-P", "-c", program],
        cwd=course,
        env=os.environ | {"PYTHONPATH": path},
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 60
    while not (course / "notebooks/solutions/begun").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    (course / "notebooks/solutions/begun").unlink()
    process.send_signal(2)
    assert b"course: interrupted" in process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert files(course) == before


@pytest.mark.slow
def test_a_lesson_is_chosen_by_name_or_number_and_the_others_keep_their_times(course):
    add_lesson(course, 0, "# %%\n0")
    add_lesson(course, 1, "# %%\n1")
    report = {"seconds": 99.0, "first_picture_seconds": None, "peak_memory_mb": 1, "size_mb": 0.1}
    (course / "docs/timings.json").write_text(json.dumps({"lessons": {"01_pixel": report, "07_gone": report}}))
    run(course, ["0"])
    times = json.loads((course / "docs/timings.json").read_text())["lessons"]
    assert list(times) == ["00_pixel", "01_pixel"]
    assert times["01_pixel"] == report
    assert times["00_pixel"]["seconds"] < 60


def test_a_lesson_that_is_not_there_is_said_with_those_that_are(course):
    add_lesson(course, 1, "# %%\n1")
    with pytest.raises(CourseError, match=r"no lesson '02_noise'; there are 01_pixel\."):
        run(course, ["01_pixel", "02_noise"])


def test_limits_that_are_broken_are_named():
    assert Timing(180, 15, 3000, 1.5).over == []
    assert Timing(10, None, 100, 0.1).over == []
    assert len(Timing(180.1, 15.1, 3001, 1.501).over) == 4
    assert Timing(20, 16, 100, 0.1).over == ["15 s to the first picture"]


def test_progress_bars_go_and_other_words_on_stderr_stay():
    bar = "\r  0%|          | 0/3 [00:00<?, ?it/s]\r100%|####| 3/3 [00:00<00:00, 99.1it/s]\n"
    outputs = [
        new_output("stream", name="stdout", text="a\n"),
        new_output("stream", name="stderr", text=bar),
        new_output("stream", name="stdout", text="b\n"),
        new_output("stream", name="stderr", text=f"Careful: 50 % is left.\n{bar}"),
        new_output("stream", name="stderr", text="12it [00:01, 9.8it/s]"),
    ]
    kept = stored_outputs(outputs, {})
    assert [(output.name, output.text) for output in kept] == [
        ("stdout", "a\nb\n"),
        ("stderr", "Careful: 50 % is left.\n"),
    ]
    assert outputs[1].text == bar


def test_a_widget_is_stored_as_the_picture_in_it_and_a_progress_widget_not_at_all():
    def view(model):
        return new_output("display_data", {"application/vnd.jupyter.widget-view+json": {"model_id": model}})

    widgets = {
        "box": {"_model_name": "VBoxModel", "children": ["IPY_MODEL_slider", "IPY_MODEL_picture"]},
        "slider": {"_model_name": "FloatSliderModel", "value": 0.5},
        "picture": {"_model_name": "HTMLModel", "value": '<img alt="a cat" src="data:,">'},
        "bar": {"_model_name": "HBoxModel", "children": ["IPY_MODEL_percent"]},
        "percent": {"_model_name": "FloatProgressModel", "value": 3.0},
    }
    (kept,) = stored_outputs([view("box"), view("bar")], widgets)
    assert kept.data["text/html"].startswith('<img alt="a cat" src="data:,">\n')
    assert "run this cell" in kept.data["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" not in kept.data
