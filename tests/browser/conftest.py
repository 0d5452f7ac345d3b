"""What the tests in a browser share: a chromium, and the built site."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from course_tools.notebooks import export_onnx
from tests.support.built_site import built_site
from tests.support.serving import CHROMIUM


@pytest.fixture(scope="session")
def site(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site with what its front page draws with: the model, exported anew, and what `make site` fetched."""
    out = tmp_path_factory.mktemp("site") / "html"
    shutil.copytree(built_site(checkout), out)
    for path in (checkout / "build/live").glob("ort*"):
        shutil.copy(path, out / "_static")
    export_onnx.export(out / "_static")
    return out


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM)
        yield chromium
        chromium.close()
