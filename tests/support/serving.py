"""What the tests in the browser share: how chromium is started, and a Jupyter server as a reader starts it."""

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

# Chromium looks up hosts at every start unless it is told not to, and won't start in a container as root.
CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Lab:
    """A running JupyterLab.  url: as it is printed for the reader, with the token."""

    url: str

    def at(self, path: str) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}/{path}?{parts.query}"


def outside_make() -> dict[str, str]:
    """The environment as from a shell, not as a part of the make that may run this test."""
    return {name: value for name, value in os.environ.items() if not re.match("MAKE|MFLAGS", name)}


@contextmanager
def serving(command: Sequence[str], folder: Path, more: Mapping[str, str]) -> Iterator[Lab]:
    """Run a command that starts a Jupyter server in `folder`, until the block ends.

    Its settings, history and log stay in the folder.  more: variables of the environment.
    """
    own = {name: str(folder / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    own |= {f"JUPYTERLAB_{name}_DIR": str(folder / name.lower()) for name in ("SETTINGS", "WORKSPACES")}
    log = folder / "server.log"
    with log.open("w") as output:
        environment = {**outside_make(), **own, **more}
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 120
        while not (found := re.search(r"http://127\.0\.0\.1:\d+/\S+", log.read_text())):
            assert process.poll() is None, f"{command} ended:\n{log.read_text()}"
            assert time.monotonic() < deadline, f"{command} does not answer:\n{log.read_text()}"
            time.sleep(0.2)
        yield Lab(found[0])
    finally:
        for how in (signal.SIGTERM, signal.SIGKILL):  # Jupyter ends its kernels when it is asked to stop
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(process.pid, how)
                process.wait(timeout=30)
