"""Files that are replaced whole or not at all."""

from pathlib import Path

import pytest

from course_lib.files import atomic_write


@pytest.mark.parametrize(("data", "stored"), [("ein Käfer\n", "ein Käfer\n".encode()), (b"\x00\r\n", b"\x00\r\n")])
def test_texts_and_bytes_are_written_as_they_are_into_a_folder_that_is_made(tmp_path: Path, data, stored) -> None:
    path = tmp_path / "new/folder/file"
    atomic_write(str(path), data)
    assert path.read_bytes() == stored
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("what_stops_it", [KeyboardInterrupt, OSError(28, "No space left on device")])
@pytest.mark.parametrize("where", ["os.fsync", "os.replace"])
def test_a_write_that_is_cut_off_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, what_stops_it: BaseException
) -> None:
    path = tmp_path / "file.txt"
    atomic_write(path, "old")

    def stop(*_: object) -> None:
        raise what_stops_it

    monkeypatch.setattr(where, stop)
    with pytest.raises((KeyboardInterrupt, OSError)):
        atomic_write(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written_is_an_error_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(OSError):  # noqa: PT011 (Windows says it otherwise)
        atomic_write(tmp_path / "file", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
