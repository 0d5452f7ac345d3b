"""The page that says what to expect of several GPUs: docs/scaling.md."""

import itertools
import json
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from course_lib.models import Denoiser, parameter_count
from course_lib.training import DenoisingLoss
from course_tools import bench
from course_tools.recipes.draw import MODEL, WHOLE


def rows(page: str, heads: str) -> list[list[str]]:
    """The cells of the table that begins with this line of heads."""
    lines = page.partition(heads)[2].strip().splitlines()[1:]
    return [line.strip("| ").split(" | ") for line in itertools.takewhile(lambda line: line.startswith("|"), lines)]


def test_the_page_on_scaling_says_what_was_measured(checkout: Path):
    page = (checkout / "docs/scaling.md").read_text()
    results = json.loads((checkout / "benchmarks/results/course.json").read_text())["results"]
    rate = {result["name"]: f"{result['value']:.2f}" for result in results}
    assert rows(page, "| processes | steps/s |") == [["1", rate["training"]], ["2", rate["processes"]]]


@pytest.mark.usefixtures("one_thread")
def test_the_page_on_scaling_reckons_right(checkout: Path):
    page, batch = (checkout / "docs/scaling.md").read_text(), WHOLE["batch"]
    model = Denoiser(**MODEL, key_size=64)
    with FlopCounterMode(display=False) as counter:
        DenoisingLoss(torch.zeros(1, 3, 32, 32), torch.zeros(1, 64), batch)(model, torch.Generator()).backward()
    work, sent = counter.get_total_flops(), 4 * parameter_count(model)
    assert bench.step_flops() == work
    assert f"batch of {batch} pictures at 32 px. A step takes {work / 1e9:.1f} GFLOP" in page
    assert f"its gradients are {sent / 1e6:.1f} MB" in page
    assert "reach 20 TFLOP/s and send 20 GB/s" in page
    expected = []
    for count in (1, 2, 4, 8):
        computing, sending = 1e3 * work / 20e12 / count, 1e3 * 2 * (count - 1) / count * sent / 20e9
        cells = f"{computing:.2f}", f"{sending:.2f}", f"{computing + sending:.2f}"
        expected.append([str(count), str(batch // count), *cells, f"{1e3 * work / 20e12 / (computing + sending):.1f}"])
    assert (
        rows(page, "| GPUs | pictures each | computing | gradients, around a ring | together | times faster |")
        == expected
    )
