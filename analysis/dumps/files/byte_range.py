"""Ranges of bytes that can be read in parts: a file, a piece of a file, or a compressed piece of a file.

Positioned reads rather than a memory map: a mapped file that somebody cuts short kills the process that looks at it.
"""

from __future__ import annotations

import errno
import os
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from analysis.dumps.files.file_stamp import Stamp, stamp_of
from per_core.errors import InvalidInputError
from per_core.text import N_

Bytes = NDArray[np.uint8]
CHUNK = 2**20
HEAD = 10_000  # bytes that are read of a file when it is opened: the longest header of numpy's
HEADER = 2**12  # bytes that are inflated for fewer
MOST_INFLATION = 1032  # times: what deflate can do at most, of nothing but equal bytes
SHORT = 2**16  # bytes that are read in addition if a checksum can be checked then


class ByteRange(Protocol):
    """Bytes 0 to size − 1, wherever they are."""

    @property
    def size(self) -> int:
        """Number of bytes."""

    def read(self, offset: int, count: int) -> Bytes:
        """So many of them from `offset` on.

        Raises:
            InvalidInputError: If the file has fewer, or a checksum does not fit.
        """

    def chunks(self) -> Iterator[bytes]:
        """All of them in pieces; errors as of `read`."""


@dataclass(frozen=True, slots=True)
class FileRange:
    """A file or a piece of one.

    Attributes:
        path: the file.
        offset, size: of the piece, in bytes.
        checksum: its CRC-32, checked whenever the piece is read to the end from near its beginning.
        head, stamp: its first bytes and the stamp of the file, if it was opened for them.
    """

    path: Path
    offset: int
    size: int
    checksum: int | None = None
    head: bytes = field(default=b"", repr=False, compare=False)
    stamp: Stamp = field(default=(0, 0, 0, 0), repr=False, compare=False)

    @classmethod
    def opened(cls, path: Path) -> FileRange:
        """A plain file from its first byte to its last; what formats are told by is read at once, and no link followed.

        Raises:
            InvalidInputError: If it is a link, or no plain file.
            OSError: If it cannot be opened.
        """
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise InvalidInputError(
                    N_("Links are not followed; this one is. Copy the file into the folder.")
                ) from error
            raise
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                raise InvalidInputError(N_("A dump is made of plain files; this is none. Copy its content into one."))
            return cls(path, 0, status.st_size, head=os.pread(file, HEAD, 0), stamp=stamp_of(status))
        finally:
            os.close(file)

    @classmethod
    def whole(cls, path: Path) -> FileRange:
        """A file from its first byte to its last."""
        return cls(path, 0, path.stat().st_size)

    @property
    def is_whole(self) -> bool:
        """Whether it is a file of its own."""
        return self.checksum is None and self.offset == 0

    def read(self, offset: int, count: int) -> Bytes:
        """So many bytes from `offset` on, and those before it if a checksum can be checked with little more reading."""
        if offset + count > self.size:
            raise _truncated(self.path, offset + count, self.size)
        values = self._bytes(offset, count)
        if self.checksum is not None and offset <= SHORT and offset + count == self.size:
            before = zlib.crc32(self._bytes(0, offset).data)
            _require_checksum(zlib.crc32(values.data, before), self.checksum, self.path)
        return values

    def _bytes(self, offset: int, count: int) -> Bytes:
        """Bytes that are there, whatever their checksum."""
        if offset + count <= len(self.head):
            return np.frombuffer(self.head, np.uint8, count, offset)
        values = np.empty(count, np.uint8)
        found = _fill(values, self.path, self.offset + offset)
        if found < count:
            raise _truncated(self.path, count, found)
        return values

    def chunks(self) -> Iterator[bytes]:
        """All bytes in pieces of a megabyte; the checksum is checked at the end."""
        found = 0
        for offset in range(0, self.size, CHUNK):
            chunk = FileRange(self.path, self.offset, self.size).read(offset, min(CHUNK, self.size - offset)).tobytes()
            found = zlib.crc32(chunk, found)
            yield chunk
        if self.checksum is not None:
            _require_checksum(found, self.checksum, self.path)


@dataclass(frozen=True, slots=True)
class InflatedRange:
    """A deflated piece of a file, inflated while it is read and never beyond the size that is declared.

    Attributes:
        deflated: the piece.
        size: bytes that it is said to inflate to.
        checksum: CRC-32 of these.
    """

    deflated: FileRange
    size: int
    checksum: int

    def read(self, offset: int, count: int) -> Bytes:
        """So many inflated bytes from `offset` on; everything before it is inflated as well."""
        if offset + count > self.size:
            raise _truncated(self.deflated.path, offset + count, self.size)
        values = np.empty(count, np.uint8)
        position = 0  # of the chunk, within this range
        for chunk in self._inflated(min(CHUNK, max(HEADER, offset + count))):
            begin, end = max(offset, position), min(offset + count, position + len(chunk))
            if begin < end:
                values[begin - offset : end - offset] = np.frombuffer(chunk, np.uint8)[
                    begin - position : end - position
                ]
            position += len(chunk)
            if offset + count <= position < self.size - SHORT:
                break
        return values

    def chunks(self) -> Iterator[bytes]:
        """All bytes inflated, in pieces of at most a megabyte; size and checksum are checked at the end."""
        yield from self._inflated(CHUNK)

    def _inflated(self, most: int) -> Iterator[bytes]:
        """All bytes, at most so many at once: whoever needs a header does not wait for more."""
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        total, found, left = 0, 0, self.deflated.size
        for compressed in self.deflated.chunks():
            left -= len(compressed)
            while compressed or inflater.unconsumed_tail:
                try:
                    chunk = inflater.decompress(compressed or inflater.unconsumed_tail, most)
                except zlib.error as error:
                    raise InvalidInputError(
                        N_(
                            "Compressed bytes in {name} must be whole; they are damaged: {error}. Write the file again."
                        ),
                        name=self.deflated.path.name,
                        error=error,
                    ) from error
                compressed = b""
                total += len(chunk)
                if total > self.size:
                    raise InvalidInputError(
                        N_(
                            "A compressed member must unpack to the {size} bytes that its archive declares; in {name}"
                            " one unpacks to more. The archive lies: do not use it."
                        ),
                        size=self.size,
                        name=self.deflated.path.name,
                    )
                found = zlib.crc32(chunk, found)
                if chunk:
                    yield chunk
                if inflater.eof:
                    break
            if inflater.eof:
                break
        if total < self.size:
            raise _truncated(self.deflated.path, self.size, total)
        if inflater.unused_data or left:
            raise InvalidInputError(
                N_(
                    "Compressed bytes end with the member that they unpack to; in {name} {more} more are behind them."
                    " Write the file again."
                ),
                name=self.deflated.path.name,
                more=len(inflater.unused_data) + left,
            )
        _require_checksum(found, self.checksum, self.deflated.path)


def _fill(values: Bytes, path: Path, offset: int) -> int:
    """Read bytes of a file from `offset` on until there are no more, and say how many were there.

    Thousands of headers are read so; numpy.fromfile takes ten times as long to begin.
    """
    file, found = os.open(path, os.O_RDONLY | os.O_CLOEXEC), 0
    try:
        while found < len(values) and (more := os.preadv(file, [values[found:].data], offset + found)):
            found += more
    finally:
        os.close(file)
    return found


def _require_checksum(found: int, declared: int, path: Path) -> None:
    if found != declared:
        raise InvalidInputError(
            N_(
                "The bytes of an archive's member must have the checksum {declared:08x} that is written beside them;"
                " in {name} they have {found:08x}. The file is damaged: copy or write it again."
            ),
            declared=declared,
            name=path.name,
            found=found,
        )


def _truncated(path: Path, needed: int, found: int) -> InvalidInputError:
    return InvalidInputError(
        N_(
            "{name} must hold the bytes that its header declares, {needed} from there on; it holds {found}. It is cut"
            " short or was changed while it was read: copy or write it again."
        ),
        name=path.name,
        needed=needed,
        found=found,
    )
