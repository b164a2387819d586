"""Plain lines of a text table, cut into cells many at once: those without quotes, comments, blanks or odd signs.

Most tables are plain but for their first line. What is not is left to `analysis.dumps.formats.csv_dialect`; both cut
alike what is plain.
"""

from __future__ import annotations

import csv
import io
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa

BLOCK = 2**20  # bytes of the lines that are cut at once
SIGNS = bytes({*range(ord(" "), ord("~") + 1), *b"\t\n"} - {*b'"#'})
LINE_END = ord("\n")


class PlainLines:
    """The lines of a file behind its first ones, as far as they are plain.

    Args:
        path: of the file.
        first: how many lines come before; the last one is that of the first cells.
        separator: between cells, of one byte.
        width: number of cells that every line has.
    """

    def __init__(self, path: Path, first: int, separator: str, width: int) -> None:
        self._path, self._separator, self._width = path, separator.encode(), width
        with path.open(encoding="utf-8", newline="") as file:
            head = [line.encode() for line in islice(file, first)]
        self._next, self._size = sum(map(len, head)), path.stat().st_size
        # Spaces align the columns of all lines or of none.
        self._are_plain = separator != " " or plain_cells(head[-1], b" ", width) is not None

    @property
    def is_at_end(self) -> bool:
        """Whether no line is left."""
        return self._next >= self._size

    def take(self, most: int) -> pa.StringArray | None:
        """The cells of the next lines, so many at most; None if there are none, or they are not plain."""
        if self.is_at_end or not self._are_plain:
            return None
        with self._path.open("rb") as file:
            file.seek(self._next)
            lines = file.read(BLOCK)
            lines += file.readline()
        if most < lines.count(b"\n"):
            lines = b"".join(islice(io.BytesIO(lines), most))
        cells = plain_cells(lines, self._separator, self._width)
        if cells is not None:
            self._next += len(lines)
        return cells


def plain_cells(lines: bytes, separator: bytes, width: int) -> pa.StringArray | None:
    """The cells of lines one after another; None unless all lines are plain and have so many.

    Spaces that separate cells stand alone and not at the ends of a line; a single cell has no spaces.
    """
    text = lines.replace(b"\r\n", b"\n")
    text += b"\n" * (not text.endswith(b"\n"))
    if text.translate(None, SIGNS) or not _separates_plainly(text, separator, width):
        return None
    signs = np.frombuffer(text, np.uint8)
    is_end = (signs == ord(separator)) | (signs == LINE_END)
    ends = np.flatnonzero(is_end)
    if len(ends) % width:
        return None
    is_line_end = (signs[ends] == LINE_END).reshape(-1, width)
    if not is_line_end[:, -1].all() or is_line_end[:, :-1].any():
        return None
    offsets = np.zeros(len(ends) + 1, np.int32)
    np.subtract(ends, np.arange(len(ends)), out=offsets[1:], casting="unsafe")
    if np.diff(offsets).max() > csv.field_size_limit():
        return None
    return pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(signs[~is_end]))


def _separates_plainly(text: bytes, separator: bytes, width: int) -> bool:
    if width == 1 and (b" " in text or b"\t" in text or b"\n\n" in text or text.startswith(b"\n")):
        return False  # a line of blanks has no cell
    if separator != b" ":
        return True
    return not (text.startswith(b" ") or any(pair in text for pair in (b"  ", b" \n", b"\n ")))
