"""The set-up cell that the build puts into every lesson, from lesson 1 on: it finds `course_lib`, or installs it."""

from course_tools.notebooks.release import Release

# Runs in the reader's kernel, wherever that is, so it leans on nothing but the standard library, pip and `packaging`
# (every Jupyter kernel brings it).  pip gets the version of all that is there as constraints: it can add, not replace.
_CELL = """\
#@title Set-up: finds the course's library, or installs it and changes nothing else
import contextlib, importlib.metadata, importlib.util, pathlib, re, subprocess, sys, tempfile

class SetUpError(Exception):
    def _render_traceback_(self):  # a notebook shows the sentence, not where it was raised
        return [f"Set-up stopped: {self}"]

def install_course(release):
    from packaging.requirements import Requirement
    wheels = sorted(pathlib.Path.cwd().glob("course_lib-*.whl"), key=lambda wheel: wheel.stat().st_mtime)
    source, pins = str(wheels[-1]) if wheels else release, {}
    if not source:
        raise SetUpError("the course's library is not here: run `make wheel` in the course's folder, put the wheel it "
                         "makes beside this notebook (in Colab: into the Files pane) and run this cell again.")
    for package in importlib.metadata.distributions():
        with contextlib.suppress(Exception):  # a broken installation has no name or version that could be kept
            pin = Requirement(f"{package.metadata.get('Name')}=={package.version}")
            pins.setdefault(pin.name.lower(), str(pin))
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "here.txt").write_text("\\n".join(pins.values()))
        command = [sys.executable, "-m", "pip", "install", "--constraint", f"{folder}/here.txt", source]
        pip = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if pip.returncode:
        reasons = re.findall(r"(?m)^ *(?:ERROR:|×) *(.+)", pip.stderr) + pip.stderr.splitlines()[-1:] + ["stopped"]
        raise SetUpError(f"the course's library could not be installed beside what is here (pip says: {reasons[0]}); "
                         "use an environment of its own, as the course's README says.")
    importlib.invalidate_caches()

if importlib.util.find_spec("course_lib") is None:
    install_course(release="@RELEASE@")
"""


def set_up_source(release: Release | None) -> str:
    """The text of the set-up cell, the same for all lessons: it names the released course, or none."""
    return _CELL.replace("@RELEASE@", release.requirement if release else "").rstrip()
