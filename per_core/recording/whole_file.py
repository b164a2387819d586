"""Files that are whole or not there, also for one who reads meanwhile, and what to say where that cannot be."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal

from per_core.errors import StorageError
from per_core.text import N_, Phrase

TEMPORARY = ".tmp"
Access = Literal["written", "read", "deleted", "restored"]
_TOLD: Mapping[Access, str] = {
    "written": N_("{path} cannot be written: {error}. {advice}."),
    "read": N_("{path} cannot be read: {error}. {advice}."),
    "deleted": N_("{path} cannot be deleted: {error}. {advice}."),
    "restored": N_("{path} cannot be restored: {error}. {advice}."),
}
_WHAT_TO_DO = {
    errno.ENOSPC: N_("Free some space on that disk"),
    errno.EDQUOT: N_("Free some space, or have your quota raised"),
    errno.EFBIG: N_("Raise the limit of the size of a file, ulimit -f"),
    errno.EROFS: N_("Mount the disk for writing"),
    errno.EACCES: N_("Give this user the right to"),
    errno.EPERM: N_("Give this user the right to"),
    errno.ENOENT: N_("Bring the folder back"),
    errno.ENOTDIR: N_("Name another folder"),
    errno.EIO: N_("Check the disk"),
}


@contextmanager
def told(path: Path, what: Access = "written") -> Iterator[None]:
    """A block that reads or writes; its `OSError` becomes a `StorageError`: the path, the reason, and what to do.

    Args:
        path: of what is read or written.
        what: what could not be done with it.
    """
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        advice = _WHAT_TO_DO.get(error.errno or 0, N_("Check the disk, or name another folder"))
        raise StorageError(_TOLD[what], path=path, error=error.strerror or error, advice=Phrase(advice)) from error


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write that has its name once the block has ended, and not at all if it raises.

    Raises:
        StorageError: it cannot be written; what was there before still is.
    """
    part = path.with_name(path.name + TEMPORARY)
    with told(path):
        try:
            with part.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            raise


def write_whole(path: Path, data: bytes) -> None:
    """Write a file at once, see `whole_file`."""
    with whole_file(path) as file:
        file.write(data)
