"""Files that are whole or not there, also for one who reads at the same time, and what to say if they cannot be."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from per_core.errors import StorageError

TEMPORARY = ".tmp"
_WHAT_TO_DO = {
    errno.ENOSPC: "Free some space on that disk",
    errno.EDQUOT: "Free some space, or have your quota raised",
    errno.EFBIG: "Raise the limit of the size of a file, ulimit -f",
    errno.EROFS: "Mount the disk for writing",
    errno.EACCES: "Let this user write there",
    errno.EPERM: "Let this user write there",
    errno.ENOENT: "Bring the folder back",
    errno.ENOTDIR: "Bring the folder back",
    errno.EIO: "Check the disk",
}


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write that has its name once the block has ended, and not at all if it raises.

    Raises:
        StorageError: it cannot be written; what was there before still is.
    """
    part = path.with_name(path.name + TEMPORARY)
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise unwritable(path, error) from error
        raise


def write_whole(path: Path, data: bytes) -> None:
    """Write a file at once, see `whole_file`."""
    with whole_file(path) as file:
        file.write(data)


def unwritable(path: Path, error: OSError) -> StorageError:
    """What to raise where something cannot be written: the file, the reason, and what to do."""
    if isinstance(error, StorageError):
        return error
    advice = _WHAT_TO_DO.get(error.errno or 0, "Check the disk, or name another folder")
    return StorageError(f"{path} cannot be written: {error.strerror or error}. {advice}.")
