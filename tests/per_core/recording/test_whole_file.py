import contextlib
import errno
import os
import re
from pathlib import Path

import pytest

from per_core.errors import StorageError
from per_core.recording.whole_file import told, whole_file, write_whole


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old")
    with contextlib.suppress(KeyError), whole_file(path) as file:
        file.write(b"half of the new")
        assert path.read_bytes() == b"old"
        raise KeyError
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"old"
    write_whole(path, b"new")
    assert (list(tmp_path.iterdir()), path.read_bytes()) == ([path], b"new")


def test_a_full_device_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old")
    (tmp_path / "file.tmp").symlink_to("/dev/full")  # what is written ends in "no space left on device"
    with pytest.raises(StorageError, match=r"file cannot be written: No space left on device\. Free some space"):
        write_whole(path, b"new")
    assert (list(tmp_path.iterdir()), path.read_bytes()) == ([path], b"old")


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("EDQUOT", "Free some space, or have your quota raised"),
        ("EROFS", "Mount the disk for writing"),
        ("EACCES", "Give this user the right to"),
        ("ENOENT", "Bring the folder back"),
        ("EIO", "Check the disk"),
        ("EBUSY", "Check the disk, or name another folder"),
    ],
)
def test_every_reason_comes_with_what_to_do(name: str, advice: str) -> None:
    number = getattr(errno, name)
    reason = re.escape(f"runs/first cannot be read: {os.strerror(number)}. {advice}")
    with pytest.raises(StorageError, match=reason) as caught, told(Path("runs/first"), "read"):
        raise OSError(number, os.strerror(number))
    with pytest.raises(StorageError) as again, told(Path("elsewhere")):  # what is told already stays as it is
        raise caught.value
    assert again.value is caught.value
