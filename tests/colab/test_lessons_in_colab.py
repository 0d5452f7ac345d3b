"""The blank lessons, whole, in a stand-in for Google Colab: its versions, and the course's wheel in its file pane."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode

pytestmark = pytest.mark.colab

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-colab" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
LESSONS = sorted(path.name for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
NEWEST = sorted(Path(__file__).parent.glob("colab-*.txt"))[-1]
CELL_SECONDS = 900
# As Colab's kernels do: its own package is there before anything else runs.
KERNEL = "import google.colab, ipykernel.kernelapp as app; app.launch_new_instance()"
Run = Callable[..., NotebookNode]
# All widgets of the kernel: class, description, and a digest of what each shows.
WIDGETS = """
import hashlib, ipywidgets, json
print(json.dumps({number: [type(widget).__name__, getattr(widget, "description", ""),
    hashlib.md5(str(getattr(widget, "value", "")).encode()).hexdigest()]
    for number, widget in ipywidgets.Widget.widgets.items()}))
"""


def installed() -> dict[str, str]:
    listed = subprocess.run([PYTHON, "-m", "pip", "list", "--format=json"], capture_output=True, check=True).stdout
    return {package["name"]: package["version"] for package in json.loads(listed)}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs a notebook beside the course's wheel, in a Python that at first has what Colab has and nothing else."""
    assert PYTHON.exists(), "there is no stand-in for Colab; `make colab` makes it"
    content = tmp_path_factory.mktemp("content")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", content], cwd=ROOT, check=True)
    subprocess.run([PYTHON, "-m", "pip", "uninstall", "--yes", "course_lib", "gensim"], check=True)
    kernel = tmp_path_factory.mktemp("jupyter") / "kernels/colab/kernel.json"
    kernel.parent.mkdir(parents=True)
    stub = {"PYTHONPATH": str(Path(__file__).parent / "stub")}
    command = [str(PYTHON), "-c", KERNEL, "-f", "{connection_file}"]
    kernel.write_text(json.dumps({"argv": command, "display_name": "Colab", "language": "python", "env": stub}))

    def run(notebook: NotebookNode, then: Callable[[NotebookClient], None] = lambda client: None) -> NotebookNode:
        kernels = KernelSpecManager(kernel_dirs=[str(kernel.parents[1])])
        manager = AsyncKernelManager(kernel_name="colab", kernel_spec_manager=kernels)
        where = {"metadata": {"path": str(content)}}
        client = NotebookClient(notebook, km=manager, timeout=CELL_SECONDS, resources=where)
        with client.setup_kernel():
            for position, cell in enumerate(notebook.cells):
                client.execute_cell(cell, position)
            then(client)
        return notebook

    return run


def test_the_first_cell_adds_gensim_and_the_course_and_changes_nothing(run: Run):
    lesson = nbformat.read(ROOT / "notebooks" / LESSONS[0], as_version=4)
    lesson.cells = [cell for cell in lesson.cells if cell.id == "set-up"]
    before = installed()
    colabs = dict(line.split("==") for line in NEWEST.read_text().splitlines() if "==" in line)
    other = {name for name in before.keys() & colabs.keys() if before[name] != colabs[name]}
    assert other <= {"torch", "setuptools", "tifffile"}, "this is not what Colab has; `make colab` makes it anew"
    assert {"numpy", "ipywidgets", "ipython", "matplotlib", "transformers"} <= before.keys() & colabs.keys()
    run(lesson)
    after = installed()
    assert {name: after[name] for name in before} == before
    assert after.keys() - before.keys() == {"course_lib", "gensim"}


@pytest.mark.parametrize("name", LESSONS)
def test_a_blank_lesson_runs_whole(run: Run, name: str):
    silent: list[str] = []
    lesson = run(nbformat.read(ROOT / "notebooks" / name, as_version=4), lambda client: silent.extend(mute(client)))
    assert silent == []
    code = [cell for cell in lesson.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    shown = [output for cell in code for output in cell.outputs]
    assert [output.evalue for output in shown if output.output_type == "error"] == []
    if re.search(r"from course_lib\.(widgets|votes_gallery) import", "".join(cell.source for cell in code)):
        assert any(is_widget(output) for output in shown)


def is_widget(output: NotebookNode) -> bool:
    """Whether it is a widget of the lesson's own, and no progress bar."""
    data = output.get("data", {})
    return "application/vnd.jupyter.widget-view+json" in data and "%|" not in data.get("text/plain", "")


def mute(client: NotebookClient) -> list[str]:
    """Use each kind of control once, as a page does, and say which of them changed nothing in the kernel."""
    uses = {
        "FloatSlider": {"method": "update", "state": {"value": 2.0}, "buffer_paths": []},  # or its end
        "Text": {"method": "update", "state": {"value": "Rocket parked on grass"}, "buffer_paths": []},
        "Button": {"method": "custom", "content": {"event": "click"}},
    }
    silent = []
    for kind, use in uses.items():
        before = widgets(client)
        if kind == "Button" and any(found == "Text" for found, *_ in before.values()):
            continue  # it would ask what its field has asked already
        control = next((number for number, (found, *_) in before.items() if found == kind), None)
        if control is None:
            continue
        message = client.kc.session.msg("comm_msg", {"comm_id": control, "data": use})
        client.kc.shell_channel.send(message)
        after = widgets(client)  # the kernel answers one message after the other
        if not [number for number in after if after[number] != before.get(number) and number != control]:
            silent.append(f"{kind} {before[control][1]!r}")
    return silent


def widgets(client: NotebookClient) -> dict[str, list[str]]:
    """The kernel's widgets by number; see WIDGETS."""
    cell = nbformat.v4.new_code_cell(WIDGETS)
    client.nb.cells.append(cell)
    try:
        client.execute_cell(cell, len(client.nb.cells) - 1)
    finally:
        client.nb.cells.pop()
    return json.loads(cell.outputs[0].text)


MUTE = """
import ipywidgets
knob, button, shown = ipywidgets.FloatSlider(), ipywidgets.Button(description="mute"), ipywidgets.HTML()
knob.observe(lambda change: setattr(shown, "value", str(change["new"])), names="value")
"""


def test_a_control_that_does_nothing_is_found(run: Run):
    lesson = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(MUTE)])
    silent: list[str] = []
    run(lesson, lambda client: silent.extend(mute(client)))
    assert silent == ["Button 'mute'"]
