"""What the tests share: where the checkout is, and what happens to tests whose program is not installed."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.register_assert_rewrite(
    "tests.support.exercises", "tests.support.built_site"
)  # pytest explains a failed assert in test files only

# What a marked test drives: the program, and Debian's package of it.
NEEDS = {"browser": ("chromium", "chromium"), "sandbox": ("bwrap", "bubblewrap")}


@pytest.fixture(scope="session")
def checkout() -> Path:
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    import torch  # here, because the process that hands out tests to workers needs none

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # what is this small is faster so, above all beside other tests
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def interrupted_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], AbstractContextManager[None]]:
    """While `interrupted_after(steps)` lasts, training is interrupted after so many steps, of whatever models."""
    from course_tools.recipes import run

    real = run.resumable

    @contextmanager
    def interrupted(steps: int) -> Iterator[None]:
        left = steps

        def resumable(*arguments: Any, **settings: Any) -> Iterator[Any]:
            nonlocal left
            for step in real(*arguments, **settings | {"save_every": 2}):
                yield step
                left -= 1
                if not left:
                    raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(run, "resumable", resumable)
            yield

    return interrupted


def pytest_runtest_setup(item: pytest.Item) -> None:
    if os.name == "nt" and item.get_closest_marker("unix"):
        pytest.skip("Windows has no such signals, limits, rights or shell")
    for marker, (program, package) in NEEDS.items():
        if item.get_closest_marker(marker) and shutil.which(program) is None:
            sentence = f"{program} is missing; install it with: sudo apt-get install {package}"
            if os.environ.get("CI"):
                pytest.fail(sentence, pytrace=False)  # the machine that decides must run every test
            pytest.skip(sentence)  # a reader's machine may well have no such program
