"""Prose: text that is no table, as notes, captions and logs are."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from analysis.dumps.files.byte_range import ByteRange

SUFFIXES = (".txt", ".dat")  # of which a file may be a matrix or anything
HEAD = 2**16  # bytes that tell
TOKEN = re.compile(rb"[^\s,;|]+")
NUMBER = re.compile(
    rb"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?(?:nan|inf|infinity)", re.IGNORECASE
)
SHARE = 0.6  # of numbers, that a table has at least: a name before two units is one


def is_prose(name: str, data: ByteRange) -> bool:
    """Whether a file of text is no table of numbers, by its first lines behind one of names and without comments."""
    if PurePosixPath(name).suffix.lower() not in SUFFIXES:
        return False
    lines = data.read(0, min(HEAD, data.size)).tobytes().split(b"\n")
    if data.size > HEAD and len(lines) > 1:
        lines.pop()  # which is cut
    lines = [line for line in lines if line.strip() and not line.startswith(b"#")]
    tokens = [token for line in (lines[1:] or lines) for token in TOKEN.findall(line)]
    return sum(NUMBER.fullmatch(token) is not None for token in tokens) < SHARE * len(tokens)
