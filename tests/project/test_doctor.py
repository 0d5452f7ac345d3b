"""`course doctor`: each thing that can be wrong is said, with what to do."""

import shutil
import socket
import sys
import types
from importlib import metadata

import pytest

from course_tools import doctor

NEEDS = ["healthy>=2", 'jupyterlab>=4.2; extra == "lab"', 'pytest>=8; extra == "test"']


class Machine:
    """A machine on which all is well, until a test spoils something."""

    def __init__(self) -> None:
        self.needs: list[str] = list(NEEDS)
        self.python = ">=3.11,<4"
        self.versions = {"healthy": "2.1", "jupyterlab": "4.6.6"}
        self.broken: dict[str, Exception] = {}
        self.free_disk = self.free_memory = 50 * doctor.GIGABYTE
        self.gpu = ""

    def requires(self, name: str) -> list[str]:
        if not self.needs:
            raise metadata.PackageNotFoundError(name)
        return self.needs

    def version(self, name: str) -> str:
        if name not in self.versions:
            raise metadata.PackageNotFoundError(name)
        return self.versions[name]

    def import_module(self, name: str) -> None:
        if name in self.broken:
            raise self.broken[name]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    here = Machine()
    monkeypatch.setattr(metadata, "requires", here.requires)
    monkeypatch.setattr(metadata, "metadata", lambda name: {"Requires-Python": here.python})
    monkeypatch.setattr(metadata, "version", here.version)
    monkeypatch.setattr(
        metadata, "packages_distributions", lambda: {"healthy": ["Healthy"], "jupyterlab": ["jupyterlab"]}
    )
    monkeypatch.setattr(doctor, "import_module", here.import_module)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: types.SimpleNamespace(free=here.free_disk))
    memory = types.SimpleNamespace(virtual_memory=lambda: types.SimpleNamespace(available=here.free_memory))
    monkeypatch.setitem(sys.modules, "psutil", memory)
    cuda = types.SimpleNamespace(is_available=lambda: bool(here.gpu), get_device_name=lambda: here.gpu)
    torch = types.SimpleNamespace(cuda=cuda, get_num_threads=lambda: 2)
    monkeypatch.setitem(sys.modules, "torch", torch)
    return here


def failures() -> list[str]:
    return [finding.text for finding in doctor.examine() if not finding.ok]


def test_a_healthy_machine_gets_a_line_a_thing_and_no_failure(machine):
    lines = [str(finding) for finding in doctor.examine()]
    assert all(line.startswith("[OK]   ") for line in lines)
    for thing in ("Python 3.", "healthy 2.1", "jupyterlab 4.6.6", "CPU", "50.0 GB free", "network: not needed"):
        assert any(thing in line for line in lines), thing
    assert not any("pytest" in line for line in lines)


def test_a_gpu_is_named(machine):
    machine.gpu = "Some GPU 9000"
    assert any("Some GPU 9000" in str(finding) for finding in doctor.examine())
    assert failures() == []


def test_a_python_that_is_too_old_is_said_with_what_to_do(machine):
    machine.python = ">=3.99"
    (text,) = failures()
    assert ">=3.99" in text
    assert "make lab PYTHON=" in text


def test_a_missing_package_is_said_with_the_line_that_installs_it(machine):
    del machine.versions["healthy"]
    (text,) = failures()
    assert text.startswith("healthy is missing")
    assert 'pip install "healthy>=2"' in text


@pytest.mark.parametrize("version", ["1.9", "2.0rc1"])
def test_a_package_below_its_bound_is_said_with_both_versions(machine, version):
    machine.versions["healthy"] = version
    (text,) = failures()
    assert f"healthy {version}" in text
    assert 'pip install "healthy>=2"' in text


def test_a_package_that_breaks_while_it_is_imported_is_named_with_the_reason(machine):
    machine.broken["healthy"] = ValueError("numpy.dtype size changed\nand more")
    (text,) = failures()
    assert "healthy 2.1 does not import (ValueError: numpy.dtype size changed)" in text
    assert "--force-reinstall --no-deps healthy==2.1" in text


def test_the_module_of_a_package_need_not_have_its_name(machine, monkeypatch):
    monkeypatch.setattr(metadata, "packages_distributions", lambda: {"extra": ["healthy"], "hlt": ["healthy"]})
    machine.broken["hlt"] = ImportError("no")
    assert len(failures()) == 1


def test_torch_that_does_not_import_leaves_the_device_unknown(machine, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    (text,) = failures()
    assert text.startswith("device: not known")


@pytest.mark.parametrize(("part", "word"), [("free_disk", "make room"), ("free_memory", "close other programs")])
def test_too_little_room_is_said_with_what_to_do(machine, part, word):
    setattr(machine, part, doctor.GIGABYTE // 2)
    (text,) = failures()
    assert "0.5 GB free" in text
    assert word in text


def test_memory_that_can_not_be_measured_is_no_failure(machine, monkeypatch):
    monkeypatch.setitem(sys.modules, "psutil", None)
    assert failures() == []


def test_a_course_that_is_not_installed_is_the_one_thing_said(machine):
    machine.needs = []
    (text,) = [finding.text for finding in doctor.examine()]
    assert "course_lib is not installed" in text
    assert "`make lab`" in text


def test_this_machine_is_examined_without_a_connection(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("the doctor opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert any("network: not needed" in finding.text or "not installed" in finding.text for finding in doctor.examine())
