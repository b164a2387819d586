"""A changed file: what depends on bytes that are said to be free shows in what a library then says of the file."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from analysis.dumps.files.likeness import Span


class ChangedFile(io.RawIOBase):
    """A file of which some bytes are read as others, each anew at random: no file can be made to foresee them.

    Args:
        path: the file, which stays as it is.
        spans: of the bytes that are read as others.
    """

    def __init__(self, path: Path, spans: Sequence[Span]) -> None:
        self._file = path.open("rb", buffering=0)
        self._spans = spans
        self._random = np.random.default_rng()

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Where the next byte is read; as of any file."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Where the next byte is read."""
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        """As many bytes as there are and fit into a buffer."""
        begin = self._file.tell()
        end = begin + self._file.readinto(buffer)
        values = np.frombuffer(buffer, np.uint8)
        for first, count in self._spans:
            free = values[max(first - begin, 0) : max(min(first + count, end) - begin, 0)]
            free ^= self._random.integers(1, 256, free.size, np.uint8)
        return end - begin

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()
