"""Gzip: one file, deflated, with its size and checksum at the end."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import PurePosixPath

from analysis.dumps.files.byte_range import MOST_INFLATION, FileRange, InflatedRange
from per_core.errors import InvalidInputError
from per_core.text import N_, Phrase

MAGIC = b"\x1f\x8b"
DEFLATED = 8
HEADER_SIZE, TRAILER_SIZE = 10, 8
CHECKSUM_OF_HEADER, EXTRA, NAME, COMMENT, RESERVED = 2, 4, 8, 16, 0xE0
LONGEST_HEADER = 2**16 + 2**12
OTHERWISE = Phrase(
    N_(
        "A gzip file is unpacked here if it holds one file of less than 4 GiB in one piece; this one does not, or"
        " it is damaged. Unpack it yourself, which tells: gunzip FILE"
    )
)


def inner_name(name: str) -> str:
    """What the file within is called: layer.npy of layer.npy.gz, x.tar of x.tgz."""
    pure = PurePosixPath(name)
    return f"{name.removesuffix(pure.suffix)}{'.tar' if pure.suffix.lower() == '.tgz' else ''}"


def open_content(file: FileRange) -> InflatedRange:
    """The file within, inflated while it is read and never beyond the size at the end.

    Raises:
        InvalidInputError: If it is no whole gzip file, or one that unpacks to more than can be.
    """
    head = file.read(0, min(LONGEST_HEADER, file.size)).tobytes()
    begin = _end_of_header(head)
    if not begin or begin + TRAILER_SIZE > file.size:
        raise InvalidInputError(OTHERWISE)
    checksum, size = struct.unpack("<LL", file.read(file.size - TRAILER_SIZE, TRAILER_SIZE).tobytes())
    if size > MOST_INFLATION * file.size:
        raise InvalidInputError(OTHERWISE)
    deflated = replace(file, offset=file.offset + begin, size=file.size - begin - TRAILER_SIZE, checksum=None)
    return InflatedRange(deflated, size, checksum)


def _end_of_header(head: bytes) -> int:
    """Where the deflated bytes begin; 0 if the header is damaged."""
    if len(head) < HEADER_SIZE or not head.startswith(MAGIC) or head[2] != DEFLATED or head[3] & RESERVED:
        return 0
    flags, end = head[3], HEADER_SIZE
    if flags & EXTRA:
        end += 2 + int.from_bytes(head[end : end + 2], "little")
    for flag in (NAME, COMMENT):
        if flags & flag:
            end = head.find(b"\0", end) + 1
            if not end:
                return 0
    return end + 2 * bool(flags & CHECKSUM_OF_HEADER)
