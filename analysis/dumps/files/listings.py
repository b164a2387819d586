"""Listings: what was found in files, kept while they are as they were, so that looking again costs nothing."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

from analysis.dumps.entry import Entry
from analysis.dumps.files.file_stamp import Stamp, settled_stamp, stamp
from analysis.dumps.limits import ReadingLimits

Listing = tuple[tuple[tuple[str, ...], Entry], ...]
"""The way to every array within a place, and what is said of it."""

MOST_CHARACTERS = 2**25  # of all that is kept, with an allowance for each entry
ENTRY_CHARACTERS = 300
KEPT_SECONDS = 600.0  # a reason may pass with time: a busy machine, a full disk


class Listings:
    """Entries by place; those that were asked for longest ago are forgotten first. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, ReadingLimits], tuple[tuple[Stamp, ...], float, Listing, int]] = (
            OrderedDict()
        )
        self._characters = 0

    def of(
        self, place: Path, files: Sequence[Path], limits: ReadingLimits, find: Callable[[], tuple[Listing, bool]]
    ) -> Listing:
        """What `find` finds at a place, or what it found when its files had the same stamps.

        Args:
            place: a file, or the folder of a run.
            files: those that what is found depends on; an `OSError` if one is missing.
            limits: within which it is read.
            find: looks, and says whether it would find the same again.
        """
        known = self.known(place, [stamp(file) for file in files], limits)
        if known is not None:
            return known
        before = [settled_stamp(file) for file in files]
        found, is_lasting = find()
        if is_lasting and all(is_settled for _, is_settled in before):
            self.keep(place, [one for one, _ in before], limits, found)
        return found

    def known(self, place: Path, stamps: Sequence[Stamp], limits: ReadingLimits) -> Listing | None:
        """What was found at a place when its files had these stamps; None if that is not known."""
        key = str(place), limits
        with self._lock:
            kept = self._kept.get(key)
            if kept is None or kept[0] != tuple(stamps) or time.monotonic() >= kept[1]:
                return None
            self._kept.move_to_end(key)
            return kept[2]

    def keep(self, place: Path, stamps: Sequence[Stamp], limits: ReadingLimits, found: Listing) -> None:
        """Keep what was found at a place; the stamps were settled before anybody looked."""
        key = str(place), limits
        size = sum([ENTRY_CHARACTERS + len(one.key) + len(one.note) + len(one.refusal) for _, one in found])
        with self._lock:
            if key in self._kept:
                self._characters -= self._kept.pop(key)[3]
            self._kept[key] = tuple(stamps), time.monotonic() + KEPT_SECONDS, found, size
            self._characters += size
            while self._characters > MOST_CHARACTERS:
                self._characters -= self._kept.popitem(last=False)[1][3]


LISTINGS = Listings()
"""The one that all of this program shares."""
