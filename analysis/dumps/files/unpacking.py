"""Unpacking: what libraries can only read from a file of its own is copied out of archives, within a budget."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from analysis.dumps.files.byte_range import ByteRange, FileRange
from analysis.dumps.limits import in_words
from per_core.errors import BudgetError
from per_core.recording.whole_file import told
from per_core.text import N_

EXPANSION = 20  # times the archive's own size; activations pack two- to tenfold
ALWAYS = 2**26  # bytes that an archive may unpack to whatever its size
PLAIN = re.compile(r"\w[\w. -]{0,99}", re.ASCII)  # names that the copy may have as well
SPARE = 2**28  # bytes of the disk that are left to others


class Unpacking:
    """How much may still be unpacked to temporary files: of a whole inspection, or of one archive within it.

    Args:
        most: bytes, all archives and those within them together.
        outer: what this one is a part of, and takes from as well.

    Attributes:
        is_in_want: whether it had to refuse what it would grant if others had taken less or the disk were emptier.
    """

    def __init__(self, most: int, outer: Unpacking | None = None) -> None:
        self._most, self._left, self._outer = most, most, outer
        self.is_in_want = False

    def of_archive(self, size: int) -> Unpacking:
        """What an archive of so many bytes may unpack to: its size decides, so that no small file asks for much."""
        return Unpacking(ALWAYS + EXPANSION * size, self)

    @contextlib.contextmanager
    def as_file(self, data: ByteRange, name: str) -> Iterator[FileRange]:
        """A file with this content and nothing else: the file itself, or a temporary copy of what is in an archive.

        Raises:
            BudgetError: If the copy would be too large, before it is made.
        """
        if isinstance(data, FileRange) and data.is_whole:
            yield data
            return
        self._require(data.size, name)
        try:
            if self._outer is not None:
                self._outer.take(data.size, name)
            _require_disk(data.size, name)
        except BudgetError:
            self.is_in_want = True
            raise
        self._left -= data.size
        with tempfile.TemporaryDirectory(prefix="perscope-") as folder:
            plain = PurePosixPath(name).name
            path = Path(folder) / (plain if PLAIN.fullmatch(plain) else f"member{PurePosixPath(name).suffix[:12]}")
            with told(path), path.open("wb") as file:
                for chunk in data.chunks():
                    file.write(chunk)
            yield FileRange.whole(path)

    def take(self, size: int, name: str) -> None:
        """Count so many bytes as unpacked; a `BudgetError` if they are too many."""
        self._require(size, name)
        self._left -= size

    def _require(self, size: int, name: str) -> None:
        if size > self._left:
            raise BudgetError(
                N_(
                    "What is unpacked from archives may come to {most} together, for this dump; {name} has {size} and"
                    " {left} are left. If it is no zip bomb, unpack it yourself and name the file or its folder."
                ),
                most=in_words(self._most),
                name=PurePosixPath(name).name,
                size=in_words(size),
                left=in_words(self._left),
            )


def _require_disk(size: int, name: str) -> None:
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if size + SPARE > free:
        raise BudgetError(
            N_(
                "What is unpacked must fit the disk for temporary files, of which {free} are free; {name} takes"
                " {size}. Make room, or unpack it yourself and name the file."
            ),
            free=in_words(free),
            name=PurePosixPath(name).name,
            size=in_words(size),
        )
