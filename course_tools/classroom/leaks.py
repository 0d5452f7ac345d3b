"""The proof that no solution and no hidden test goes out with a released lesson."""

import base64
import binascii
import contextlib
import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from nbformat import NotebookNode

from course_tools.classroom.submission import graded_cells, hidden_seeds, squeezed

_LONG = 20  # a line of a solution with fewer letters may well stand elsewhere, too
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{24,}(?:\s{1,3}[A-Za-z0-9+/_-]+)*")
_DEEP = 6  # packed in packed in packed


def secrets_of(marked: NotebookNode, blank: NotebookNode) -> dict[str, str]:
    """What may not go out: each text, without its blanks, and what it is.

    Solutions as a whole and line by line, hidden tests, written answers; but not what the blank lesson says openly.
    """
    public = "\n".join(squeezed(cell.source) for cell in blank.cells)
    found = {"HIDDENTESTS": "a hidden test's marker", "BEGINSOLUTION": "a solution's marker"}
    for grade_id, cell in graded_cells(marked).items():
        solutions = re.findall(r"### BEGIN SOLUTION\n(.*?)\n\s*### END SOLUTION", cell.source, re.S)
        if cell.metadata.nbgrader.get("solution") and cell.cell_type == "markdown":
            solutions = [cell.source]
        for solution in solutions:
            lines = [squeezed(line).removeprefix("return") for line in solution.split("\n")]
            lines = [line for line in lines if len(line) >= _LONG]
            for text in (squeezed(solution), *lines):
                if text not in public:
                    found[text] = f"the solution of {grade_id}"
        for seed in hidden_seeds(cell.source):
            found[str(seed)] = f"a hidden test of {grade_id}"
    return found


def find_leaks(folder: Path, secret: Mapping[str, str]) -> list[str]:
    """A sentence for each file under `folder` and each secret that it holds, however packed."""
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        inside = {what for text in opened(path.read_bytes()) for piece, what in secret.items() if piece in text}
        found += [f"{path.relative_to(folder)} holds {what}" for what in sorted(inside)]
    return found


def opened(data: bytes, deep: int = _DEEP) -> Iterator[str]:
    """All texts in `data`, squeezed: as it stands, and out of zip, gzip, zlib, PNG, JSON and base64, one in another."""
    text = data.decode("utf-8", "replace")
    yield squeezed(text)
    if deep:
        for inner in _unpacked(data, text):
            yield from opened(inner, deep - 1)


def _unpacked(data: bytes, text: str) -> Iterator[bytes]:
    if data.startswith(b"PK"):
        with contextlib.suppress(zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.infolist():
                yield entry.filename.encode() + entry.comment
                with contextlib.suppress(Exception):  # one that is spoilt holds nothing
                    yield archive.read(entry)
    if data[:2] == b"\x1f\x8b" or data[:1] == b"\x78":
        with contextlib.suppress(zlib.error):
            yield zlib.decompress(data, wbits=47)  # gzip or zlib, as its header says
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        yield from _chunks(data)
        return
    if text[:1] in '{["':
        with contextlib.suppress(ValueError, RecursionError):
            strings = list(_strings(json.loads(text)))
            yield "\n".join(strings).encode()  # with escapes undone
    for packed in _BASE64.findall(text):
        pieces = packed.split()
        for piece in ("".join(pieces), *pieces):  # lines of one block, or words that happen to follow each other
            letters = piece.translate(str.maketrans("-_", "+/"))
            with contextlib.suppress(binascii.Error):
                yield base64.b64decode(letters[: len(letters) - (len(letters) % 4 == 1)] + "==")


def _chunks(data: bytes) -> Iterator[bytes]:
    """What stands in a PNG: its texts, packed or not, what follows them, and the numbers of the picture."""
    from PIL import Image

    position = 8
    while position + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[position : position + 8])
        chunk = data[position + 8 : position + 8 + length]
        if kind != b"IDAT":
            yield chunk
            for start in (found.start() for found in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", chunk)):
                with contextlib.suppress(zlib.error):
                    yield zlib.decompressobj().decompress(chunk[start:])
        position += 12 + length
    yield data[position:]
    with contextlib.suppress(Exception):  # a picture that is spoilt shows nothing
        yield Image.open(io.BytesIO(data)).tobytes()


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield key
            yield from _strings(part)
    elif isinstance(value, Collection):
        for part in value:
            yield from _strings(part)
