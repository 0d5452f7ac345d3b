"""A command that is stopped between two of its writes, wherever that may be."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from course_lib import files


@contextmanager
def stopped_before_renames(monkeypatch: pytest.MonkeyPatch, after: int) -> Iterator[None]:
    """Raise KeyboardInterrupt in place of the rename that follows the first `after` ones."""
    real, left = files.os.replace, after

    def stop(source: Any, target: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "replace", stop)
        yield
