"""Runs the solved lessons as a learner would, stores what they show, and measures the wait; made for lesson 1 on."""

import base64
import contextlib
import copy
import json
import os
import platform
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from traitlets.config import Config

from course_lib.errors import CourseError
from course_lib.files import atomic_write
from course_tools.notebooks.build import build
from course_tools.notebooks.lesson import Lesson, notebook_text
from course_tools.notebooks.project import Project
from course_tools.notebooks.render import copy_outputs
from course_tools.notebooks.source import choose

CELL_SECONDS = 600  # a cell that takes longer hangs

_PICTURE = re.compile(r'<img\b[^>]*\bsrc="data:image/(\w+);base64,([^"]+)"')
_PROGRESS_LINE = re.compile(r"\d+%\||\d+it \[")  # what tqdm writes, with and without a known end
_WIDGET = "application/vnd.jupyter.widget-view+json"
_WIDGET_NOTE = "The controls that belong here appear when you run this cell."


@dataclass(frozen=True)
class Timing:
    """What one run of a lesson took.  The waits count from the start of the kernel, as a learner's do."""

    seconds: float
    first_picture_seconds: float | None  # None if the lesson shows none
    peak_memory_mb: float
    size_mb: float  # of the stored notebook

    @property
    def over(self) -> list[str]:
        """The limits that the run broke, in words."""
        limits = (
            (self.seconds, 180, "180 s"),
            (self.first_picture_seconds or 0, 15, "15 s to the first picture"),
            (self.peak_memory_mb, 3000, "3000 MB"),
            (self.size_mb, 1.5, "1.5 MB stored"),
        )
        return [words for value, limit, words in limits if value > limit]

    def rounded(self) -> dict[str, float | None]:
        """The figures as docs/timings.json keeps them."""
        first = self.first_picture_seconds
        return {
            "seconds": round(self.seconds, 1),
            "first_picture_seconds": None if first is None else round(first, 1),
            "peak_memory_mb": round(self.peak_memory_mb),
            "size_mb": round(self.size_mb, 2),
        }


def run(root: Path, wanted: Sequence[str] = ()) -> bool:
    """Build the course in the folder `root`, execute its solved lessons, store them and print a table of their times.

    wanted: names or numbers of lessons, all if empty.  Stored are the notebook, the pictures that a cell's metadata
    `image` names (to images/) and the times (to docs/timings.json, where lessons that did not run keep theirs).
    A lesson that fails is said in one sentence and keeps what was stored before.
    Returns whether all ran, within the limits.  Raises CourseError for an unknown lesson or what the build finds.
    """
    project = Project.read(root)
    chosen = choose(project.lessons, wanted)
    # The build drops outputs whose code has changed; a lesson that then does not run gets its old file back.
    unfinished = {lesson.solved: lesson.solved.read_text("utf-8") for lesson in chosen if lesson.solved.exists()}
    width = max(len(lesson.name) for lesson in chosen)
    good = True
    try:
        build(project)
        print(f"{'lesson':{width}}  seconds  first picture     memory    stored", flush=True)
        for lesson in chosen:
            try:
                timing = run_lesson(lesson, root / "images")
            except CourseError as error:
                print(f"{lesson.name:{width}}  failed", flush=True)
                print(f"course: {error}", file=sys.stderr, flush=True)
                good = False
                continue
            unfinished.pop(lesson.solved, None)
            _store_timing(project, lesson, timing)
            print(_row(lesson.name, width, timing), flush=True)
            good = good and not timing.over
        for line in build(Project.read(root)):  # README and the lessons tell the new times
            print(line)
    finally:
        for path, text in unfinished.items():
            atomic_write(path, text)
    return good


def run_lesson(lesson: Lesson, images: Path) -> Timing:
    """Execute a solved lesson in a fresh kernel, store it with what it shows, and its named pictures in `images`.

    The kernel is told that this is no lesson (NBGRADER_EXECUTION), so that a check that does not pass stops it.
    Raises CourseError, with nothing stored, if a cell fails, hangs or kills its kernel.
    """
    built = nbformat.read(lesson.solved, as_version=4)
    executed = copy.deepcopy(built)
    client = _Client(
        executed,
        kernel_name="python3",
        timeout=CELL_SECONDS,
        record_timing=False,
        shutdown_kernel="immediate",
        resources={"metadata": {"path": str(lesson.solved.parent)}},
        # Without encryption each kernel prints a warning about it into the table.
        config=Config({"KernelManager": {"transport_encryption": "auto"}}),
    )
    # The times are those of a laptop without a GPU.
    environment = os.environ | {"NBGRADER_EXECUTION": "validate", "CUDA_VISIBLE_DEVICES": ""}
    start = time.perf_counter()
    with client.setup_kernel(env=environment), _peak_memory(client) as peak:
        for position, cell in enumerate(executed.cells):
            _execute(client, lesson.name, position, cell)
        seconds = time.perf_counter() - start
    for cell in executed.cells:
        if cell.cell_type == "code":
            cell.outputs = stored_outputs(cell.outputs, client.widget_state)
    pictures = dict(named_pictures(lesson.name, executed))
    copy_outputs(executed, built)
    text = notebook_text(built)
    for name, (ending, data) in pictures.items():
        store_picture(images / f"{name}.{ending}", data)
    atomic_write(lesson.solved, text)
    first = None if client.first_picture is None else client.first_picture - start
    return Timing(seconds, first, peak[0] / 1e6, len(text.encode()) / 1e6)


class _Client(NotebookClient):
    """Notes when the first picture arrives, which is when the learner sees it: often before its cell ends."""

    first_picture: float | None = None

    def output(
        self, outs: list[NotebookNode], msg: dict[str, Any], display_id: str | None, cell_index: int
    ) -> NotebookNode | None:
        shown = msg["content"].get("data", {})
        if self.first_picture is None and "<img" in shown.get("text/html", ""):
            self.first_picture = time.perf_counter()
        return super().output(outs, msg, display_id, cell_index)


def _execute(client: NotebookClient, lesson: str, position: int, cell: NotebookNode) -> None:
    try:
        client.execute_cell(cell, position)
        return
    except CellExecutionError as error:
        reason = " ".join(f"{error.ename}: {error.evalue}".split())
        reason = reason if len(reason) <= 300 else f"{reason[:300]} ..."
    except CellTimeoutError:
        reason = f"it ran for more than {CELL_SECONDS} seconds"
    except DeadKernelError:
        reason = "its kernel died, perhaps for want of memory"
    opening = next((line for line in cell.source.split("\n") if line.strip()), "")
    raise CourseError(f"lesson {lesson}, cell {position + 1} (`{opening.strip()}`): {reason}")


@contextlib.contextmanager
def _peak_memory(client: NotebookClient) -> Iterator[list[int]]:
    """Watch the kernel and its children; the list's one number is the most bytes that they held together."""
    assert client.km is not None
    kernel = psutil.Process(client.km.provisioner.pid)  # type: ignore[union-attr]
    peak = [0]
    end = threading.Event()

    def watch() -> None:
        done = False
        while not done:
            held = 0
            with contextlib.suppress(psutil.NoSuchProcess):
                for process in (kernel, *kernel.children(recursive=True)):
                    held += process.memory_info().rss
            peak[0] = max(peak[0], held)
            done = end.wait(0.1)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        end.set()
        watcher.join()


# --- What is stored ---------------------------------------------------------------------------------------------------


def stored_outputs(outputs: Sequence[NotebookNode], widgets: Mapping[str, Mapping[str, Any]]) -> list[NotebookNode]:
    """A cell's outputs as they are stored: small, the same after each run, and readable where no kernel is.

    Progress bars go.  Other widgets, which a page without a kernel can't draw, become the texts and pictures in
    them and a note.  Streams cut into pieces by chance become whole.  widgets: the state of each widget model.
    """
    kept: list[NotebookNode] = []
    for output in map(copy.deepcopy, outputs):
        if output.output_type == "stream":
            if output.name == "stderr":
                lines = re.split(r"[\r\n]+", output.text)
                output.text = "".join(f"{line}\n" for line in lines if line.strip() and not _PROGRESS_LINE.search(line))
            if kept and kept[-1].output_type == "stream" and kept[-1].name == output.name:
                kept[-1].text += output.text
                continue
            if not output.text:
                continue
        elif _WIDGET in output.get("data", {}):
            parts = list(_parts(output.data[_WIDGET]["model_id"], widgets))
            if any("Progress" in part.get("_model_name", "") for part in parts):
                continue
            texts = [part["value"] for part in parts if part.get("_model_name") == "HTMLModel" and part.get("value")]
            note = f"<p><em>{_WIDGET_NOTE}</em></p>"
            output.data = NotebookNode({"text/html": "\n".join([*texts, note]), "text/plain": _WIDGET_NOTE})
        kept.append(output)
    return kept


def _parts(model: str, widgets: Mapping[str, Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The state of a widget and of all widgets in it, in the order in which they stand."""
    state = widgets.get(model, {})
    yield state
    for child in state.get("children", ()):
        yield from _parts(child.removeprefix("IPY_MODEL_"), widgets)


def named_pictures(lesson: str, notebook: NotebookNode) -> Iterator[tuple[str, tuple[str, bytes]]]:
    """For each cell whose metadata has `image`: that name, and the kind and bytes of the first picture it shows."""
    for cell in notebook.cells:
        if name := cell.metadata.get("image"):
            shown = [output.get("data", {}).get("text/html", "") for output in cell.get("outputs", ())]
            found = _PICTURE.search("\n".join(shown))
            if found is None:
                raise CourseError(f"lesson {lesson}: the cell with image={name!r} in its metadata shows no picture")
            yield name, (found[1], base64.b64decode(found[2]))


def store_picture(path: Path, data: bytes) -> None:
    """Write a picture, unless it is there already."""
    if not path.exists() or path.read_bytes() != data:
        atomic_write(path, data)


def _store_timing(project: Project, lesson: Lesson, timing: Timing) -> None:
    path = project.root / "docs/timings.json"
    times = json.loads(path.read_text("utf-8")).get("lessons", {}) if path.exists() else {}
    times[lesson.name] = timing.rounded()
    python = ".".join(platform.python_version_tuple()[:2])
    torch = ".".join(metadata.version("torch").split(".")[:2])
    report = {
        "machine": f"{os.cpu_count()} CPU cores, Python {python}, torch {torch}",
        "lessons": {known.name: times[known.name] for known in project.lessons if known.name in times},
    }
    atomic_write(path, json.dumps(report, indent=1) + "\n")


def _row(name: str, width: int, timing: Timing) -> str:
    first = "none" if timing.first_picture_seconds is None else f"{timing.first_picture_seconds:.1f} s"
    row = (
        f"{name:{width}}  {timing.seconds:7.1f}  {first:>13}  {timing.peak_memory_mb:6.0f} MB  {timing.size_mb:5.2f} MB"
    )
    return f"{row}  OVER: {', '.join(timing.over)}" if timing.over else row
