"""The project's own files agree with each other: bounds, locks, licences, and nothing that names this machine."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

# The locks, and the extras in each.
LOCKS = {"dev": ("inside", "lab", "site", "teach", "test", "dev"), "lab": ("lab",), "lowest": ("test",)}
CONDA_NAMES = {"torch": "pytorch-cpu", "matplotlib": "matplotlib-base"}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


@pytest.fixture(scope="module")
def project(checkout: Path) -> dict:
    return tomllib.loads((checkout / "pyproject.toml").read_text())["project"]


def requirements(project: dict, *extras: str) -> list[Requirement]:
    """What the course asks for with some of its extras, but for itself."""
    lines = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    return [need for need in map(Requirement, lines) if need.name != project["name"]]


def locked(checkout: Path, lock: str) -> list[Requirement]:
    text = (checkout / f"requirements/{lock}.txt").read_text().replace("\\\n", "")
    return [Requirement(line.partition("--hash")[0]) for line in text.splitlines() if line.strip()]


def version(need: Requirement) -> str:
    (pin,) = need.specifier
    assert pin.operator == "=="
    return pin.version


def applies(marker: Marker | None, python: str) -> bool:
    return marker is None or marker.evaluate({"python_version": python, "python_full_version": f"{python}.9"})


# --- Bounds -----------------------------------------------------------------------------------------------------------


def conda_environment(checkout: Path) -> dict:
    return yaml.safe_load((checkout / "environment.yml").read_text())


def test_conda_gets_the_bounds_that_pip_gets(checkout, project):
    lines = [line for line in conda_environment(checkout)["dependencies"] if isinstance(line, str)]
    lines = [line for line in lines if not line.startswith("python =")]
    found = {need.name: need.specifier for need in map(conda_need, lines)}
    wanted = {
        CONDA_NAMES.get(need.name, canonicalize_name(need.name)): need.specifier
        for need in requirements(project, "lab")
    }
    wanted["python"] = SpecifierSet(project["requires-python"])
    wanted["pip"] = SpecifierSet()  # conda asks that it be named where it is used
    assert found == wanted


def conda_need(line: str) -> Requirement:
    """A line of environment.yml: a name, a space and bounds, which conda and pip read alike.  Raises for all else."""
    bounds = r"[<>]=?\d+(\.\d+)*"
    if not re.fullmatch(rf"[a-z][a-z0-9-]*( {bounds}(,{bounds})*)?", line):
        raise InvalidRequirement(line)
    return Requirement(line)


@pytest.mark.parametrize(
    "line", ["numpy >>1", "numpy >=1.26,<", "pytorch-cpu 2.6>=", "numpy >= 1.26", "numpy ~=1.26", "numpy[x] >=1"]
)
def test_a_line_that_conda_may_read_otherwise_is_found(line):
    with pytest.raises(InvalidRequirement):
        conda_need(line)


def test_the_environment_names_what_conda_and_binder_know_and_no_more(checkout):
    environment = conda_environment(checkout)
    assert environment.keys() == {"name", "channels", "dependencies"}
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    assert [line for line in environment["dependencies"] if not isinstance(line, str)] == [{"pip": ["-e ."]}]


def test_repo2docker_is_told_a_python_within_the_bounds(checkout, project):
    lines = conda_environment(checkout)["dependencies"]
    (named,) = [
        line.removeprefix("python =") for line in lines if isinstance(line, str) and line.startswith("python =")
    ]
    assert named in PYTHONS
    assert SpecifierSet(project["requires-python"]).contains(f"{named}.0")


def test_binder_finds_the_environment(checkout):
    assert not (checkout / "binder").exists(), "an empty folder of this name hides environment.yml"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_version_is_within_its_bounds_on_every_python(checkout, project, lock):
    pins = locked(checkout, lock)
    assert len(requirements(project, *LOCKS[lock])) > len(requirements(project)) > 1
    for python in PYTHONS:
        versions = {pin.name: version(pin) for pin in pins if applies(pin.marker, python)}
        for need in requirements(project, *LOCKS[lock]):
            if need.name != "torch" and applies(need.marker, python):
                found = versions.get(canonicalize_name(need.name), "none")
                assert found != "none", f"{lock}, Python {python}: {need} is not locked"
                assert need.specifier.contains(found), f"{lock}, Python {python}: {need.name} {found}"


@pytest.mark.parametrize("lock", LOCKS)
def test_gensim_is_asked_for_and_locked_only_where_it_has_a_wheel(checkout, project, lock):
    (need,) = (need for need in requirements(project) if need.name == "gensim")
    pins = {pin.name: pin for pin in locked(checkout, lock)}
    for python in PYTHONS:
        has_a_wheel = python != "3.14"
        assert applies(need.marker, python) == has_a_wheel
        for name in ("gensim", "smart-open"):  # only gensim wants smart-open
            assert applies(pins[name].marker, python) == has_a_wheel


def test_the_oldest_versions_allowed_are_the_ones_tried(checkout, project):
    versions = {pin.name: version(pin) for pin in locked(checkout, "lowest") if applies(pin.marker, "3.11")}
    for need in requirements(project):
        if need.name != "torch":
            (lowest,) = (bound.version for bound in need.specifier if bound.operator == ">=")
            found = versions[canonicalize_name(need.name)]
            assert found.split(".")[: lowest.count(".") + 1] == lowest.split("."), f"{need}: {found} is tried"


def test_the_torch_that_is_installed_apart_is_within_its_bounds(checkout, project):
    (pin,) = map(Requirement, (checkout / "requirements/torch.txt").read_text().split())
    (need,) = (need for need in requirements(project) if need.name == "torch")
    assert need.specifier.contains(version(pin))


def test_learners_and_developers_get_the_same_versions(checkout):
    developers = {(pin.name, version(pin)) for pin in locked(checkout, "dev")}
    learners = {(pin.name, version(pin)) for pin in locked(checkout, "lab")}
    assert learners <= developers


@pytest.mark.parametrize("lock", LOCKS)
def test_locks_hold_hashes_and_leave_torch_to_its_own_file(checkout, lock):
    text = (checkout / f"requirements/{lock}.txt").read_text()
    assert all("--hash=sha256:" in block for block in re.split(r"\n(?=\w)", text))
    assert "torch" not in {pin.name for pin in locked(checkout, lock)}


# --- What is committed ------------------------------------------------------------------------------------------------


def committed(checkout: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file that is committed, or would be."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (checkout / name).is_file():
            yield name, (checkout / name).read_bytes()


HOSTS = re.compile(
    r"(pypi|pythonhosted|anaconda|npmjs|download\.pytorch)\.(org|com)\b"
    r"|https?://[^\s\"]*/(simple|packages)/|https?://[^\s\"]*\.(whl|deb|tgz)\b|index-url[ =]+https?:"
)
# Not inside base64, where a slash can stand before anything.
MACHINE_PATHS = re.compile(r"(?<![\w+/.=-])/(home|root|Users|work|opt)/\w")


def test_the_patterns_find_what_they_are_for():
    address = "https://" + "pypi" + ".org/x"
    assert HOSTS.search(address)
    assert HOSTS.search("--index-url " + "https:" + "//somewhere.example")
    assert MACHINE_PATHS.search('cd "' + "/" + 'home/somebody"')
    assert not MACHINE_PATHS.search("iVBORw0KGgo/opt/AA==")


@pytest.mark.parametrize("pattern", [HOSTS, MACHINE_PATHS], ids=["package registry", "machine path"])
def test_no_committed_file_names_a_package_registry_or_a_path_of_a_machine(checkout, pattern):
    texts = {name: data.decode() for name, data in committed(checkout) if b"\0" not in data}
    assert {name: match[0] for name, text in texts.items() if (match := pattern.search(text))} == {}


def test_no_committed_file_is_over_a_megabyte_and_a_half_and_no_weights_over_eight(checkout):
    def most(name: str) -> int:
        return 8_000_000 if name.startswith("course_lib/shipped/") else 1_500_000

    assert {name: len(data) for name, data in committed(checkout) if len(data) > most(name)} == {}


def test_the_licences_are_there_and_shipped(checkout, project):
    assert project["license-files"] == ["LICENSE", "LICENSE-lessons"]
    assert (checkout / "LICENSE").read_text().startswith("MIT License\n")
    lessons = (checkout / "LICENSE-lessons").read_text()
    assert lessons.startswith("Attribution 4.0 International\n")
    assert [int(number) for number in re.findall(r"^Section (\d) --", lessons, re.M)] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_the_issue_form_asks_lesson_cell_and_environment(checkout):
    form = yaml.safe_load((checkout / ".github/ISSUE_TEMPLATE/lesson.yml").read_text())
    required = {field["id"] for field in form["body"] if field["validations"]["required"]}
    assert {"lesson", "cell", "environment"} <= required
    (environment,) = [field for field in form["body"] if field["id"] == "environment"]
    assert "course doctor --report" in environment["attributes"]["description"]


# --- make and CI ------------------------------------------------------------------------------------------------------


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make as from a shell, not as a part of the make that may run these tests."""
    outside = {name: value for name, value in os.environ.items() if not re.match("MAKE|MFLAGS", name)}
    return subprocess.run(["make", "-s", *arguments], cwd=folder, env=outside, capture_output=True, text=True)


def pretended(folder: Path, version: tuple[int, ...]) -> Path:
    """A Python that says it is of another version, and runs what stands behind -c."""
    python = folder / "python"
    pretend = f"import sys; sys.version_info = {version}; exec(sys.argv[1])"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{pretend}" "$2"\n')
    python.chmod(0o755)
    return python


@pytest.mark.unix
@pytest.mark.parametrize("other_version", [(3, 10, 14), (3, 15, 0)])
def test_a_python_that_is_too_old_or_too_new_gets_one_sentence(checkout, tmp_path, other_version):
    (tmp_path / "Makefile").write_text((checkout / "Makefile").read_text())
    made = make(tmp_path, ".venv/.python", f"PYTHON={pretended(tmp_path, other_version)}")
    assert made.returncode
    assert made.stdout == "The course needs a Python from 3.11 to 3.14; name one, say: make lab PYTHON=python3.12\n"
    assert not (tmp_path / ".venv").exists()


@pytest.mark.unix
def test_an_install_that_breaks_off_is_begun_again(checkout, tmp_path):
    for name in ("Makefile", "pyproject.toml", "requirements/torch.txt", "requirements/lab.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((checkout / name).read_bytes())
    pip = tmp_path / ".venv/bin/pip"
    pip.parent.mkdir(parents=True)
    (tmp_path / ".venv/.python").touch()
    pip.write_text('#!/bin/sh\necho "$@" >> asked\ncase "$*" in *torch*) exit 0;; *) exit 1;; esac\n')
    pip.chmod(0o755)

    def asked() -> list[str]:
        """What `make lab` asks of pip."""
        (tmp_path / "asked").unlink(missing_ok=True)
        make(tmp_path, ".venv/.lab", "TORCH_INDEX=here")
        return (tmp_path / "asked").read_text().splitlines()

    assert asked() == ["install -r requirements/torch.txt --index-url here", "install -r requirements/lab.txt"]
    assert not (tmp_path / ".venv/.lab").exists()
    assert asked() == ["install -r requirements/lab.txt"]
    pip.write_text('#!/bin/sh\necho "$@" >> asked\n')
    assert len(asked()) == 2
    assert (tmp_path / ".venv/.lab").exists()


@pytest.mark.unix
@pytest.mark.parametrize("minor", [11, 12, 13])
def test_the_oldest_versions_are_left_out_by_name_where_they_have_no_wheels(checkout, tmp_path, minor):
    for name in ("Makefile", "pyproject.toml", "requirements/torch.txt", "requirements/lowest.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(checkout / name, tmp_path / name)
    program = tmp_path / ".venv-lowest/bin/python"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)
    (tmp_path / ".venv-lowest/.done").touch()
    made = make(tmp_path, "lowest", f"PYTHON={pretended(tmp_path, (3, minor, 9))}")
    assert made.returncode == 0, made.stderr
    left_out = tmp_path / ".reports/lowest.left-out"
    if minor == 11:
        assert "-m pytest" in made.stdout
        assert not left_out.exists()
    else:
        assert made.stdout == left_out.read_text()
        assert made.stdout.startswith("Left out: lowest. The oldest versions have wheels for Python 3.11 only;")


def test_the_oldest_versions_are_tried_with_every_folder_of_tests_that_needs_no_more_packages(checkout):
    """So that a folder is left out for a reason, and none because somebody forgot it."""
    (tried,) = re.findall(r"^LOWEST := (.+)$", (checkout / "Makefile").read_text(), re.M)
    need_more = {"notebooks", "classroom", "project", "browser", "colab"}  # the authors' tools, or a whole lab
    there = {path.relative_to(checkout / "tests").parts[0] for path in checkout.glob("tests/**/test_*.py")}
    assert there - need_more <= {Path(folder).name for folder in tried.split()}


@pytest.mark.parametrize(
    ("suites", "left_out", "said", "status"),
    [
        (['tests="5" failures="0" errors="0" skipped="1"', 'tests="2"'], "", "6 passed, 0 failed, 1 skipped\n", 0),
        (['tests="5" failures="1" errors="1" skipped="0"'], "", "3 passed, 2 failed, 0 skipped\n", 1),
        (['tests="2"'], "Left out: x.\n", "Left out: x.\n2 passed, 0 failed, 0 skipped\n", 0),
        ([], "", "0 passed, 0 failed, 0 skipped\n", 1),
    ],
)
def test_the_closing_line_adds_all_reports_up(checkout, tmp_path, suites, left_out, said, status):
    for number, suite in enumerate(suites):
        (tmp_path / f"{number}.xml").write_text(f'<testsuites><testsuite name="pytest" {suite}/></testsuites>')
    if left_out:
        (tmp_path / "x.left-out").write_text(left_out)
    command = [sys.executable, checkout / ".ci/total.py", tmp_path]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert (ended.stdout, ended.returncode) == (said, status)


def test_make_test_runs_every_part_once(checkout):
    """All but what the workflow runs beside it, or at night."""
    makefile = (checkout / "Makefile").read_text()
    parts = [
        word
        for words in re.findall(r"\$\(MAKE\) --keep-going (?:--jobs=\d )?([\w ]+)", makefile)
        for word in words.split()
    ]
    assert sorted(parts) == ["beside", "browser", "lint", "lowest", "quick", "slow", "solved"]


# --- The workflow -----------------------------------------------------------------------------------------------------


def workflow_targets(workflow: dict) -> list[str]:
    """What the workflow's steps ask of make."""
    targets = []
    for job in workflow["jobs"].values():
        for line in [step.get("run", "") for step in job["steps"]]:
            for words in re.findall(r"\bmake ([^&|;\n]+)", line):
                several = job["strategy"]["matrix"]["targets"] if "${{ matrix.targets }}" in words else [words]
                targets += [word for words in several for word in words.split() if "=" not in word]
    return targets


@pytest.fixture(scope="module")
def workflow(checkout: Path) -> dict:
    return yaml.safe_load((checkout / ".github/workflows/tests.yml").read_text())


def test_the_workflow_calls_targets_that_make_knows(checkout, workflow):
    known = re.search(r"^\.PHONY: (.+)$", (checkout / "Makefile").read_text(), re.M)[1].split()
    asked = workflow_targets(workflow)
    assert sorted(asked) == ["browser", "browser-all", "check", "colab", "lowest", "site", "slow", "solved"]
    assert [target for target in asked if target not in known] == []
    one = {"steps": [{"run": "make lab && make gone A=b"}, {"uses": "make it"}]}
    two = {"strategy": {"matrix": {"targets": ["a b"]}}, "steps": [{"run": "make ${{ matrix.targets }} C=d"}]}
    assert workflow_targets({"jobs": {"one": one, "two": two}}) == ["lab", "gone", "a", "b"]


def test_the_workflow_runs_on_three_systems_and_every_python_that_is_allowed(project, workflow):
    matrix = workflow["jobs"]["check"]["strategy"]["matrix"]
    assert [system.partition("-")[0] for system in matrix["os"]] == ["ubuntu", "macos", "windows"]
    allowed = SpecifierSet(project["requires-python"])
    assert matrix["python"] == [f"3.{minor}" for minor in range(30) if allowed.contains(f"3.{minor}.0")]
    solved = workflow["jobs"]["solved"]["strategy"]["matrix"]["include"]
    assert {job["os"] for job in solved} == set(matrix["os"])
    assert [job["python"] for job in solved] == matrix["python"]


@pytest.mark.parametrize("job", ["linux", "nightly"])
def test_the_rest_runs_with_the_python_of_the_oldest_versions(workflow, job):
    steps = workflow["jobs"][job]["steps"]
    assert [step["with"]["python-version"] for step in steps if "python-version" in step.get("with", {})] == ["3.11"]


def test_every_job_keeps_what_it_has_installed_for_the_next(workflow):
    for name, job in workflow["jobs"].items():
        (python,) = (step["with"] for step in job["steps"] if "setup-python" in step.get("uses", ""))
        assert (name, python["cache"], python["cache-dependency-path"]) == (name, "pip", "requirements/*.txt")


def test_at_night_every_blank_lesson_runs_whole_in_a_browser_and_nothing_else_runs(workflow):
    assert workflow[True]["schedule"]  # YAML takes the word `on` for a truth
    at_night = {name for name, job in workflow["jobs"].items() if job["if"] == "github.event_name == 'schedule'"}
    assert at_night == {"nightly"}
    others = {job["if"] for name, job in workflow["jobs"].items() if name != "nightly"}
    assert others == {"github.event_name != 'schedule'"}


def test_on_windows_make_finds_an_environments_programs(checkout):
    def programs(*settings: str) -> set[str]:
        wanted = make(checkout, "--dry-run", "--always-make", "check", *settings).stdout
        return set(re.findall(r"\.venv/(\w+)/(?:pip|ruff|mypy|python|course)\b", wanted))

    assert programs("OS=Windows_NT") == {"Scripts"}
    assert programs("OS=") == {"bin"}


# --- Spelling ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "dictionary", "wrong"),
    [
        ("T" + "eh picture", "-", "==> The"),
        ("the color", "docs/british.txt", "color ==> colour"),
        ("the colour of a plate", "docs/british.txt", ""),
    ],
)
def test_spelling_is_checked_with_the_courses_settings(checkout, tmp_path, text, dictionary, wrong):
    (tmp_path / "text.md").write_text(text)
    command = [sys.executable, "-m", "codespell_lib", "--dictionary", dictionary, tmp_path / "text.md"]
    ended = subprocess.run(command, cwd=checkout, capture_output=True, text=True)
    assert wrong in ended.stdout
    assert bool(ended.returncode) == bool(wrong)
