"""Check this machine before the first lesson: a line a thing, and what to do where something is missing (lesson 0)."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import course_lib

GIGABYTE = 10**9
FREE_DISK_GB = 1  # checkpoints, pictures and executed notebooks of the whole course
FREE_MEMORY_GB = 3  # what the hungriest lesson may use


@dataclass(frozen=True)
class Diagnosis:
    """One thing that was looked at.  ok: it serves; text: what was found and, if it does not serve, what to do."""

    ok: bool
    text: str

    def __str__(self) -> str:
        return f"{'[OK]  ' if self.ok else '[FAIL]'} {self.text}"


def examine() -> Iterator[Diagnosis]:
    """Look at Python, the packages, the device, memory and disk.  Opens no connection and changes nothing."""
    try:
        needs = [Requirement(line) for line in metadata.requires("course_lib") or []]
        python = metadata.metadata("course_lib")["Requires-Python"]
    except metadata.PackageNotFoundError:
        yield Diagnosis(
            False, "course_lib is not installed: type `make lab` in its folder, or `python -m pip install .`."
        )
        return
    yield _python(python)
    modules = _modules()
    for need in needs:
        if need.marker is None or need.marker.evaluate({"extra": "lab"}):
            yield _package(need, modules.get(canonicalize_name(need.name), need.name))
    yield _device()
    yield _memory()
    yield _disk(Path.cwd())
    yield Diagnosis(True, "network: not needed; what the lessons use is on this machine")


def environment() -> str:
    """The course's version and the kind of machine, for whoever reads a report; no folder and no name of anyone."""
    colab = ", in Google Colab" if os.environ.get("COLAB_RELEASE_TAG") else ""
    machine = f"{platform.system()} {platform.release()}, {platform.machine()}, {os.cpu_count()} CPU cores"
    return f"course_lib {course_lib.__version__} on {machine}{colab}"


def _python(wanted: str) -> Diagnosis:
    found = ".".join(map(str, sys.version_info[:3]))
    if SpecifierSet(wanted).contains(found, prereleases=True):
        return Diagnosis(True, f"Python {found}")
    return Diagnosis(
        False, f"Python {found}, the course needs {wanted}: install one, then `make lab PYTHON=python3.12`."
    )


def _modules() -> dict[str, str]:
    """The module to import for each installed package (Pillow's is PIL); its namesake where it brings several."""
    found: dict[str, str] = {}
    for module, packages in metadata.packages_distributions().items():
        for name in map(canonicalize_name, packages):
            found[name] = name if name in (module, found.get(name)) else module
    return found


def _package(need: Requirement, module: str) -> Diagnosis:
    install = f'`python -m pip install "{need.name}{need.specifier}"`.'
    try:
        version = metadata.version(need.name)
    except metadata.PackageNotFoundError:
        return Diagnosis(False, f"{need.name} is missing: {install}")
    if not need.specifier.contains(version, prereleases=True):
        return Diagnosis(False, f"{need.name} {version}, the course needs {need.specifier}: {install}")
    try:
        import_module(module)
    except Exception as error:  # a broken package can raise anything, and the reader needs to hear which one it was
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        again = f"`python -m pip install --force-reinstall --no-deps {need.name}=={version}`."
        return Diagnosis(False, f"{need.name} {version} does not import ({reason}): {again}")
    return Diagnosis(True, f"{need.name} {version}")


def _device() -> Diagnosis:
    try:
        import torch
    except Exception:  # its own line above says what is wrong with torch
        return Diagnosis(False, "device: not known without torch; mend torch first.")
    if torch.cuda.is_available():
        return Diagnosis(True, f"device: GPU, {torch.cuda.get_device_name()}")
    return Diagnosis(True, f"device: CPU, {torch.get_num_threads()} threads; the lessons' times are for a CPU")


def _memory() -> Diagnosis:
    try:
        import psutil
    except ImportError:  # comes with JupyterLab's kernel; a plain library install works without
        return Diagnosis(True, f"memory: not measured here; the lessons need {FREE_MEMORY_GB} GB free")
    free = psutil.virtual_memory().available / GIGABYTE
    if free >= FREE_MEMORY_GB:
        return Diagnosis(True, f"memory: {free:.1f} GB free")
    return Diagnosis(False, f"memory: {free:.1f} GB free, a lesson may need {FREE_MEMORY_GB} GB: close other programs.")


def _disk(folder: Path) -> Diagnosis:
    free = shutil.disk_usage(folder).free / GIGABYTE
    if free >= FREE_DISK_GB:
        return Diagnosis(True, f"disk: {free:.1f} GB free")
    return Diagnosis(
        False, f"disk: {free:.1f} GB free in {folder}, the course needs {FREE_DISK_GB} GB: make room there."
    )
