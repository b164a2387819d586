"""Stamps: by which a file that was read before is known to be as it was."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

Stamp = tuple[int, int, int, int]
"""Number of the file, its size, and the times of its last change and of the last change to what is known of it."""

TICK = 50_000_000  # nanoseconds: two changes within one tick of a file system's clock bear the same time
WORTH_WAITING = 2**20  # bytes


def stamp(path: Path) -> Stamp:
    """The stamp of a file; an `OSError` if there is none."""
    return stamp_of(path.stat())


def stamp_of(status: os.stat_result) -> Stamp:
    """The stamp of a file by what the system says of it."""
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def joined(stamps: Sequence[Stamp]) -> Stamp:
    """One stamp of several files, at least one: any change to one of them bears the latest time, and shows."""
    numbers, sizes, changes, known = zip(*stamps, strict=True)
    return sum(numbers), sum(sizes), max(changes), max(known)


def settled_stamp(path: Path) -> tuple[Stamp, bool]:
    """The stamp, and whether every change from now on will show; a large file, which is read slowly, is waited for."""
    before, found = time.time_ns(), stamp(path)
    if found[1] > WORTH_WAITING and not is_settled(found, before):
        time.sleep(TICK / 1e9)
        before, found = time.time_ns(), stamp(path)
    return found, is_settled(found, before)


def is_settled(found: Stamp, now: int) -> bool:
    """Whether every change behind a time will show: the last one before it is longer ago than the clock's tick.

    Args:
        found: the stamp.
        now: a time in nanoseconds, no later than the stamp was taken.
    """
    return max(found[2:]) + TICK < now
