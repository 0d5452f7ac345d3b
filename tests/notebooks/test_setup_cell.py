"""The set-up cell, run as a reader's kernel runs it: where the library is, a wheel or a release is, none is.

Each environment is a venv that borrows, by links, all that the running one has but `course_lib`: no network is needed.
Nothing but the test's own packages can be changed in it: pip is given no index and no folder with others.
"""

import json
import os
import re
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from course_lib.errors import CourseError
from course_tools.notebooks.release import read_release
from course_tools.notebooks.setup_cell import set_up_source

ROOT = Path(__file__).parents[2]

# Runs the cell in IPython, as a kernel does, and tells what the reader sees and what is installed.
KERNEL = """
import importlib.metadata, json, sys
from pathlib import Path
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

def installed():
    return sorted(f"{d.metadata['Name']}=={d.version}" for d in importlib.metadata.distributions())

before = installed()
sys.path.insert(0, "")
shell = InteractiveShell.instance()
shell.run_line_magic("colors", "NoColor")
with capture_output() as seen:
    result = shell.run_cell(Path(sys.argv[1]).read_text())
try:
    import course_lib
    where = course_lib.__file__
except ModuleNotFoundError:
    where = None
after = installed()
print(json.dumps({"seen": seen.stdout + seen.stderr, "ok": result.success, "where": where,
                  "added": sorted(set(after) - set(before)), "lost": sorted(set(before) - set(after))}))
"""


@pytest.fixture
def pyproject(tmp_path: Path) -> Callable[[str], Path]:
    """A course's folder of nothing but its settings, which name the given repository."""

    def make(repository: str) -> Path:
        root = tmp_path / "settings"
        (root / "course_lib").mkdir(parents=True)
        (root / "pyproject.toml").write_text(f'[tool.course]\nrepository = "{repository}"\n')
        (root / "course_lib/__init__.py").write_text('"""About."""\n\n__version__ = "0.1.0"\n')
        return root

    return make


def test_the_cell_is_short_and_says_on_its_first_line_what_it_does() -> None:
    lines = set_up_source(read_release(ROOT)).split("\n")
    assert len(lines) <= 30
    assert max(map(len, lines)) <= 120
    assert lines[0].startswith("#@title ")


def test_no_address_is_named_while_the_setting_is_empty(pyproject: Callable[[str], Path]) -> None:
    assert not re.search(r"github|https?:|git\+|0\.1\.0", set_up_source(read_release(pyproject(""))))


def test_a_set_repository_is_named_at_this_versions_tag(pyproject: Callable[[str], Path]) -> None:
    assert '"course_lib @ git+https://github.com/OWNER/NAME@v0.1.0"' in set_up_source(
        read_release(pyproject("OWNER/NAME"))
    )


@pytest.mark.parametrize("repository", ["OWNER", "https://github.com/OWNER/NAME", "OWNER/NAME/more", "OWNER/NA ME"])
def test_a_repository_that_is_not_owner_and_name_is_refused(pyproject: Callable[[str], Path], repository: str) -> None:
    with pytest.raises(CourseError, match="write OWNER/NAME, or nothing"):
        read_release(pyproject(repository))


def test_a_package_without_a_version_is_refused(pyproject: Callable[[str], Path]) -> None:
    root = pyproject("OWNER/NAME")
    (root / "course_lib/__init__.py").write_text("")
    with pytest.raises(CourseError, match="__version__"):
        read_release(root)


# --- In an environment of its own -------------------------------------------------------------------------------------


@pytest.fixture
def reader(tmp_path: Path) -> Path:
    """A reader's Python, with all but `course_lib`, with a package that can be replaced and two that are broken."""
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    site = next((tmp_path / "venv").glob("lib/python*/site-packages"))
    for entry in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if "course" not in entry.name.lower():
            (site / entry.name).symlink_to(entry)
    install_by_hand(site, "replaceable", "Name: replaceable\nVersion: 1.0\n")
    install_by_hand(site, "nameless", "")
    install_by_hand(site, "odd", "Name: odd\nVersion: 2.22ubuntu?\n")
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "wheels").mkdir()
    return tmp_path / "venv/bin/python"


def install_by_hand(site: Path, name: str, metadata: str) -> None:
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\n{metadata}")
    (info / "RECORD").write_text(
        f"{name}.py,,\n{info.name}/METADATA,,\n{info.name}/RECORD,,\n{info.name}/INSTALLER,,\n"
    )
    (info / "INSTALLER").write_text("pip\n")
    (site / f"{name}.py").write_text("")


def run_cell(python: Path, code: str, **environment: str) -> dict:
    """Run the cell in the notebooks' folder; what the reader sees, where the library is, what was added and lost."""
    folder = python.parents[2]
    (folder / "cell.py").write_text(code)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "PYTHON", "GIT_"))}
    pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder / "wheels"), "PIP_CONFIG_FILE": os.devnull}
    done = subprocess.run(
        [python, "-c", KERNEL, folder / "cell.py"],
        cwd=folder / "notebooks",
        env={**kept, **pip, "PYTHONDONTWRITEBYTECODE": "1", "IPYTHONDIR": str(folder / "ipython"), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def course(folder: Path, *more_dependencies: str) -> Path:
    """A copy of this repository as far as a wheel needs it: its settings, and a package that is small to copy."""
    (folder / "course_lib").mkdir(parents=True)
    settings = (ROOT / "pyproject.toml").read_text()
    more = "".join(f'    "{requirement}",\n' for requirement in more_dependencies)
    assert settings.count("dependencies = [\n") == 1
    (folder / "pyproject.toml").write_text(settings.replace("dependencies = [\n", f"dependencies = [\n{more}"))
    for name in ("README.md", "LICENSE", "LICENSE-lessons"):
        (folder / name).write_text("")
    (folder / "course_lib/__init__.py").write_text('__version__ = "0.1.0"\n')
    return folder


def wheel(folder: Path, to: Path) -> Path:
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", to], cwd=folder, check=True)
    return next(to.glob("course_lib-*.whl"))


def assert_one_sentence(seen: str) -> None:
    assert seen.startswith("Set-up stopped: ")
    assert len(seen.strip().split("\n")) == 1
    assert "Traceback" not in seen


@pytest.mark.slow
def test_nothing_happens_where_the_library_is(reader: Path) -> None:
    course(reader.parents[2] / "notebooks")
    seen = run_cell(reader, set_up_source(read_release(ROOT)))
    assert (seen["seen"], seen["ok"], seen["added"], seen["lost"]) == ("", True, [], [])
    assert seen["where"] == str(reader.parents[2] / "notebooks/course_lib/__init__.py")


@pytest.mark.slow
def test_a_wheel_beside_the_notebook_is_installed_and_nothing_else_changes(reader: Path) -> None:
    folder = reader.parents[2]
    wheel(course(folder / "course"), folder / "notebooks")
    seen = run_cell(reader, set_up_source(read_release(ROOT)))
    assert (seen["seen"], seen["ok"], seen["added"], seen["lost"]) == ("", True, ["course_lib==0.1.0"], [])
    assert "site-packages" in seen["where"]


@pytest.mark.slow
def test_a_wheel_that_would_replace_a_package_is_refused_in_one_sentence(reader: Path) -> None:
    folder = reader.parents[2]
    newer = course(folder / "newer")
    (newer / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "replaceable"\nversion = "2.0"\n'
        '[tool.hatch.build.targets.wheel]\npackages = ["course_lib"]\n'
    )
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder / "wheels"], cwd=newer, check=True
    )
    wheel(course(folder / "course", "replaceable>=2"), folder / "notebooks")
    seen = run_cell(reader, set_up_source(read_release(ROOT)))
    assert (seen["ok"], seen["where"], seen["added"], seen["lost"]) == (False, None, [], [])
    assert_one_sentence(seen["seen"])
    assert "could not be installed beside what is here" in seen["seen"]
    assert "conflicting dependencies" in seen["seen"]


@pytest.mark.slow
def test_the_released_tag_of_the_repository_is_installed_where_there_is_no_wheel(
    reader: Path, pyproject: Callable[[str], Path]
) -> None:
    folder = reader.parents[2]
    stand_in = course(folder / "remote/OWNER/NAME")
    # pip builds it apart from all that is installed, and there is no index to fetch hatchling from: lend it this one.
    settings = (stand_in / "pyproject.toml").read_text()
    lent = 'requires = []\nbuild-backend = "lent"\nbackend-path = ["."]'
    settings, count = re.subn(r"requires = \[\"hatchling.*\]\nbuild-backend = .*", lent, settings)
    assert count == 1
    (stand_in / "pyproject.toml").write_text(settings)
    site = sysconfig.get_paths()["purelib"]
    (stand_in / "lent.py").write_text(f"import sys\nsys.path.append({site!r})\nfrom hatchling.build import *\n")

    def git(*arguments: str) -> None:
        author = ("-c", "user.name=a", "-c", "user.email=a@localhost", "-c", "init.defaultBranch=main")
        subprocess.run(["git", *author, *arguments], cwd=stand_in, check=True, capture_output=True)

    git("init")
    git("add", ".")
    git("commit", "-m", "released")
    git("tag", "v0.1.0")
    (stand_in / "course_lib/__init__.py").write_text('__version__ = "9.9.9"\n')
    git("commit", "-am", "later work")
    elsewhere = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{(folder / 'remote').as_uri()}/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/",
    }
    seen = run_cell(reader, set_up_source(read_release(pyproject("OWNER/NAME"))), **elsewhere)
    assert (seen["seen"], seen["ok"], seen["added"], seen["lost"]) == ("", True, ["course_lib==0.1.0"], [])
    assert "site-packages" in seen["where"]


@pytest.mark.slow
def test_a_wheel_comes_before_the_repository(reader: Path, pyproject: Callable[[str], Path]) -> None:
    folder = reader.parents[2]
    wheel(course(folder / "course"), folder / "notebooks")
    seen = run_cell(reader, set_up_source(read_release(pyproject("OWNER/NAME"))), GIT_ALLOW_PROTOCOL="none")
    assert (seen["ok"], seen["added"]) == (True, ["course_lib==0.1.0"])


@pytest.mark.slow
def test_with_neither_wheel_nor_repository_one_sentence_says_what_to_do(reader: Path) -> None:
    seen = run_cell(reader, set_up_source(read_release(ROOT)))
    assert (seen["ok"], seen["where"], seen["added"], seen["lost"]) == (False, None, [], [])
    assert_one_sentence(seen["seen"])
    assert "make wheel" in seen["seen"]


@pytest.mark.slow
def test_a_repository_out_of_reach_gives_one_sentence(reader: Path, pyproject: Callable[[str], Path]) -> None:
    seen = run_cell(reader, set_up_source(read_release(pyproject("OWNER/NAME"))), GIT_ALLOW_PROTOCOL="none")
    assert (seen["ok"], seen["added"], seen["lost"]) == (False, [], [])
    assert_one_sentence(seen["seen"])


@pytest.mark.slow
def test_a_python_without_pip_gives_one_sentence(reader: Path) -> None:
    folder = reader.parents[2]
    wheel(course(folder / "course"), folder / "notebooks")
    next(folder.glob("venv/lib/python*/site-packages/pip")).unlink()
    seen = run_cell(reader, set_up_source(read_release(ROOT)))
    assert (seen["ok"], seen["added"], seen["lost"]) == (False, [], [])
    assert_one_sentence(seen["seen"])
    assert "No module named pip" in seen["seen"]
