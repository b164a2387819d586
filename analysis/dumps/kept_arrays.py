"""Arrays that hold several layers, kept for a while: the layers are asked for in turn, and each needs all of the array.

Unpacked once for all of them, and not once for each.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from analysis.dumps.files.file_stamp import Stamp
from analysis.dumps.member import Location

Key = tuple[Path, Location, int, int, Stamp]
"""The dump, an array in it, its rows from start to stop − 1, and the stamp of its file."""

KEPT_SECONDS = 30.0  # after the last use: whoever reads all layers has read the next one by then


class KeptArrays:
    """Arrays by what they are; those used longest ago are dropped first, and all after a while. Threads may share it.

    Args:
        seconds: after which nothing is kept that nobody has used.
    """

    def __init__(self, seconds: float = KEPT_SECONDS) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, NDArray[Any]] = OrderedDict()
        self._timer: threading.Timer | None = None

    @property
    def size(self) -> int:
        """Bytes that are kept."""
        with self._lock:
            return self._size()

    def get(self, key: Key) -> NDArray[Any] | None:
        """What is kept, to be looked at and not written to; None if it is not."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                self._wait_anew()
            return found

    def put(self, key: Key, array: NDArray[Any], most: int) -> None:
        """Keep an array, of all together no more than so many bytes."""
        with self._lock:
            self._kept[key] = array
            self._kept.move_to_end(key)
            while self._size() > most:
                self._kept.popitem(last=False)
            self._wait_anew()

    def clear(self) -> None:
        """Keep nothing any more."""
        with self._lock:
            self._kept.clear()

    def _size(self) -> int:
        return sum(array.nbytes for array in self._kept.values())

    def _wait_anew(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(self._seconds, self.clear)
        self._timer.daemon = True
        self._timer.start()


KEPT_ARRAYS = KeptArrays()
"""The one that all of this program shares."""
