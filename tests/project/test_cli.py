"""The command `course`: what it says, what it returns, and what it starts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import course_lib
from course_lib import pipeline
from course_lib.errors import CourseError
from course_tools import cli, doctor, files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A course with two lessons, and a folder inside it."""
    for name in ("03_later.ipynb", "02_first.ipynb", "notes.ipynb", "source/02_first.py", "deep/er/file"):
        path = tmp_path / "notebooks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return tmp_path


@pytest.fixture
def jupyter(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The arguments of each JupyterLab that would have been started."""
    labapp = pytest.importorskip("jupyterlab.labapp", reason="a library without the lab starts no JupyterLab")
    started: list[list[str]] = []
    monkeypatch.setattr(labapp.LabApp, "launch_instance", lambda argv: started.append(argv))
    monkeypatch.setenv("PATH", "/elsewhere")
    return started


def test_the_lab_opens_the_lesson_of_the_lowest_number(folder, jupyter, monkeypatch):
    monkeypatch.chdir(folder)
    assert cli.main(["lab"]) == 0
    assert "--LabApp.default_url=/lab/tree/02_first.ipynb" in jupyter[0]
    assert f"--ServerApp.root_dir={folder / 'notebooks'}" in jupyter[0]


def test_the_lab_passes_other_arguments_on_after_its_own(folder, jupyter, monkeypatch):
    monkeypatch.chdir(folder)
    cli.main(["lab", "--no-browser", "--port=0", "-y"])
    assert jupyter[0][-3:] == ["--no-browser", "--port=0", "-y"]


def test_programs_of_this_environment_are_found_from_the_lab(folder, jupyter, monkeypatch):
    monkeypatch.chdir(folder)
    cli.main(["lab"])
    assert os.environ["PATH"].split(os.pathsep) == [str(Path(sys.executable).parent), "/elsewhere"]


def test_the_lab_asks_for_no_news(folder, jupyter, monkeypatch):
    monkeypatch.chdir(folder)
    cli.main(["lab"])
    assert {"--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"} <= set(
        jupyter[0]
    )


@pytest.mark.parametrize(("user", "allowed"), [(0, True), (1000, False)])
def test_only_the_root_user_is_allowed_to_be_root(folder, jupyter, monkeypatch, user, allowed):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(os, "geteuid", lambda: user, raising=False)
    cli.main(["lab"])
    assert ("--allow-root" in jupyter[0]) is allowed


def test_a_lab_without_a_built_lesson_says_how_to_build(folder, capsys, monkeypatch):
    for path in folder.glob("notebooks/0*.ipynb"):
        path.unlink()
    monkeypatch.chdir(folder)
    assert cli.main(["lab"]) == 1
    assert "course build" in capsys.readouterr().err


def test_a_lab_without_jupyterlab_says_how_to_install_it(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setitem(sys.modules, "jupyterlab.labapp", None)
    assert cli.main(["lab"]) == 1
    assert "`make lab`" in capsys.readouterr().err


def test_the_course_is_found_from_any_folder_in_it(folder):
    for place in (folder, folder / "notebooks", folder / "notebooks/deep/er"):
        assert files.course_folder(place) == folder


def test_the_course_is_found_by_its_sources_alone(folder):
    for path in folder.glob("notebooks/0*.ipynb"):
        path.unlink()
    assert files.course_folder(folder) == folder


def test_the_course_is_found_beside_its_package_from_anywhere(folder, tmp_path_factory, monkeypatch):
    package = folder / "course_tools"
    package.mkdir()
    monkeypatch.setattr(files, "__file__", str(package / "files.py"))
    assert files.course_folder(tmp_path_factory.mktemp("elsewhere")) == folder


def test_where_there_is_no_course_one_sentence_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(files, "__file__", str(tmp_path / "lib/files.py"))
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks/mine.ipynb").write_text("")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["lab"]) == 1
    printed = capsys.readouterr().err
    assert printed.startswith("course: no folder `notebooks` with lessons")
    assert printed.count("\n") == 1


def test_a_course_error_is_one_line_and_status_1(monkeypatch, capsys):
    def fail():
        raise CourseError("the cat is out; close the door.")

    monkeypatch.setattr(doctor, "examine", fail)
    assert cli.main(["doctor"]) == 1
    assert capsys.readouterr() == ("", "course: the cat is out; close the door.\n")


def test_an_interrupt_is_quiet(monkeypatch, capsys):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor, "examine", interrupt)
    assert cli.main(["doctor"]) == 130
    assert capsys.readouterr().err == "course: interrupted\n"


def test_a_report_says_first_which_course_and_machine_it_is(monkeypatch, capsys):
    monkeypatch.delenv("COLAB_RELEASE_TAG", raising=False)
    monkeypatch.setattr(doctor, "examine", lambda: [doctor.Diagnosis(True, "a thing")])
    assert cli.main(["doctor", "--report"]) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith(f"course_lib {course_lib.__version__} on ")
    assert first.endswith("CPU cores")
    assert str(Path.home()) not in first
    assert rest == ["[OK]   a thing"]
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release")
    cli.main(["doctor", "--report"])
    assert "CPU cores, in Google Colab\n" in capsys.readouterr().out
    assert cli.main(["doctor"]) == 0
    assert capsys.readouterr().out == "[OK]   a thing\n"


@pytest.mark.parametrize(("findings", "status"), [([True, True], 0), ([True, False], 1)])
def test_the_doctor_prints_a_line_a_finding_and_fails_with_any_of_them(monkeypatch, capsys, findings, status):
    monkeypatch.setattr(doctor, "examine", lambda: [doctor.Diagnosis(ok, "a thing") for ok in findings])
    assert cli.main(["doctor"]) == status
    assert len(capsys.readouterr().out.splitlines()) == 2


class Painter:
    """A pipeline that paints grey squares, and remembers what it was asked for."""

    def draw(self, scene, count, *, seed):
        import torch

        self.asked = (scene.caption, count, seed)
        if count < 1:
            raise CourseError(f"At least 1 picture can be drawn, and {count} were asked for.")
        return torch.zeros(count, 3, 32, 32)


@pytest.fixture
def painter(tmp_path, monkeypatch) -> Painter:
    painter = Painter()
    monkeypatch.setattr(pipeline, "shipped_pipeline", lambda: painter)
    monkeypatch.chdir(tmp_path)
    return painter


def test_a_caption_is_drawn_on_one_sheet_and_one_line_says_so(painter, tmp_path, capsys):
    from PIL import Image

    assert cli.main(["draw", "black cat laying on grass", "-n", "6", "--seed", "-3", "-o", "cats.png"]) == 0
    assert painter.asked == ("Black cat laying on grass.", 6, -3)
    assert capsys.readouterr().out == "cats.png: Black cat laying on grass. 6 pictures, drawn from noise.\n"
    assert [path.name for path in tmp_path.iterdir()] == ["cats.png"]
    with Image.open("cats.png") as sheet:  # four in a row, enlarged enough to be seen
        assert sheet.width > 600
        assert sheet.height == sheet.width // 2


@pytest.mark.parametrize("name", ["cats.png", "CATS.PNG", "cats.webp"])
def test_the_sheet_has_the_format_that_its_name_says(painter, name, capsys):
    from PIL import Image

    assert cli.main(["draw", "black cat laying on grass", "-o", name]) == 0
    with Image.open(name) as sheet:
        assert sheet.format == name.rpartition(".")[2].upper()


def test_a_caption_needs_no_quotes_and_the_rest_may_be_left_out(painter, tmp_path, capsys):
    assert cli.main(["draw", "Maine", "coon", "cat", "laying", "on", "runway", "on", "Mars"]) == 0
    assert painter.asked == ("Maine coon cat laying on runway on Mars.", 8, 0)
    assert "The model was never shown this subject in this place." in capsys.readouterr().out
    assert (tmp_path / "out.png").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["unicorn laying on grass"], "The world has no word 'unicorn'"),
        (["black cat laying on grass", "-n", "0"], "At least 1 picture"),
        (
            ["black cat laying on grass", "-o", "cat.jpg"],
            "'cat.jpg' is no name for a picture: end it in .png or .webp.",
        ),
        (["black cat laying on grass", "-o", "nowhere/cat.png"], "'nowhere/cat.png' can't be written"),
    ],
)
def test_what_can_not_be_drawn_is_one_sentence_and_leaves_nothing_behind(
    painter, tmp_path, capsys, arguments, sentence
):
    assert cli.main(["draw", *arguments]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"course: {sentence}")
    assert printed.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_sheet_that_can_not_be_written_leaves_the_old_one(painter, tmp_path, capsys, monkeypatch):
    (tmp_path / "cat.png").write_bytes(b"the one before")

    def full(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert cli.main(["draw", "black cat laying on grass", "-o", "cat.png"]) == 1
    assert "No space left on device" in capsys.readouterr().err
    assert (tmp_path / "cat.png").read_bytes() == b"the one before"
    assert [path.name for path in tmp_path.iterdir()] == ["cat.png"]


def test_publishing_without_a_name_or_with_an_address_says_what_a_name_is(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "pyproject.toml").write_text('[tool.course]\nrepository = ""\n')
    assert cli.main(["publish", "--repo", "https://github.com/OWNER/NAME"]) == 1
    assert "write OWNER/NAME" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [[], ["draw"], ["publish"], ["train"], ["run", "--fast"], ["doctor", "--no-browser"]]
)
def test_what_is_no_command_or_option_is_refused(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith("usage: course")


def test_the_command_starts_without_torch():
    program = (
        "import sys, course_tools.cli; sys.exit(any(name in sys.modules for name in ('torch', 'numpy', 'nbformat')))"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=Path(cli.__file__).parents[1]).returncode == 0
