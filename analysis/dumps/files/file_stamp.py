"""Stamps: by which a file that was read before is known to be as it was."""

from __future__ import annotations

import time
from pathlib import Path

Stamp = tuple[int, int, int, int]
"""Number of the file, its size, and the times of its last change and of the last change to what is known of it."""

TICK = 50_000_000  # nanoseconds: two changes within one tick of a file system's clock bear the same time
WORTH_WAITING = 2**20  # bytes


def stamp(path: Path) -> Stamp:
    """The stamp of a file; an `OSError` if there is none."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def settled_stamp(path: Path, *, is_patient: bool = True) -> tuple[Stamp, bool]:
    """The stamp, and whether every change from now on will show: the last one is longer ago than the clock's tick.

    A large file, which takes longer to read than that, is waited for by who is patient.
    """
    found = stamp(path)
    if is_patient and found[1] > WORTH_WAITING and not _is_settled(found):
        time.sleep(TICK / 1e9)
        found = stamp(path)
    return found, _is_settled(found)


def _is_settled(found: Stamp) -> bool:
    return max(found[2:]) + TICK < time.time_ns()
