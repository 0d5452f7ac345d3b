"""What the tests share: where the checkout is, and what happens to tests whose program is not installed."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.exercises")  # pytest explains a failed assert in test files only

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


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, (program, package) in NEEDS.items():
        if item.get_closest_marker(marker) and shutil.which(program) is None:
            sentence = f"{program} is missing; install it with: sudo apt-get install {package}"
            if os.environ.get("CI"):
                pytest.fail(sentence, pytrace=False)  # the machine that decides must run every test
            pytest.skip(sentence)  # a reader's machine may well have no such program
