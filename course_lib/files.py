"""Files that are replaced whole or not at all, from lesson 0 on: pictures, checkpoints, notebooks, reports."""

import contextlib
import os
from pathlib import Path


def atomic_write(path: Path | str, data: bytes | str) -> None:
    """Write a file, a text as UTF-8: whenever the machine stops, there is the old one or the new one, never half of it.

    Makes the folder that it belongs in.  Raises OSError if that can't be done; what stood there before stays.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())  # else a power cut after the rename could leave an empty file
        os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):  # the disk may be full, or the folder gone
            part.unlink()
        raise
