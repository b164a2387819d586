"""Cells of a text table: which are numbers, and what the columns hold, block by block.

pyarrow judges and converts all cells of a block at once. Its own reader of tables is not used: it takes 007 and 1e400
for numbers, knows neither comments nor columns aligned by spaces, and does not tell the line of a cell.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from analysis.dumps.formats.csv_dialect import DialectError, Record

MISSING = pa.array([
    "", "na", "nan", "+nan", "-nan", "null", "none", "n/a", "#n/a", "#na", "<na>", "1.#qnan", "-1.#qnan", "1.#ind",
    "-1.#ind", "nan(ind)", "-nan(ind)",
])  # fmt: skip
INFINITE = "[+-]?(?i:inf|infinity)"
WHOLE = "[+-]?(?:0|[1-9][0-9]*)"  # 007 numbers nothing: it is a name
EXPONENT = "(?:[eE][+-]?[0-9]+)?"
NUMBER = {
    ".": rf"(?:{WHOLE}(?:\.[0-9]*)?|[+-]?\.[0-9]+){EXPONENT}",
    ",": f"{WHOLE}(?:,[0-9]+)?{EXPONENT}",
}
BARE = re.compile(WHOLE)
SIGNS = r".,;|'\s\pZ\x0b\x1c-\x1f\x85"  # that numbers of other dialects have, spaces of all kinds among them
ODD = f"[-+0-9eE{SIGNS}]*(?:[0-9][-+0-9eE]*[{SIGNS}]|[{SIGNS}][-+eE]*[0-9])[-+0-9eE{SIGNS}]*"  # digits and such signs
THOUSANDS = "[+-]?[1-9][0-9]{0,2},[0-9]{3}"
NO_THOUSANDS = "[+-]?[1-9][0-9]{3,}"
EXACT = 2.0**53


@dataclass(frozen=True, slots=True)
class CellValues:
    """What n cells are.

    Attributes:
        kinds: (n,), "number", "missing", "word", or "odd": digits that another dialect may explain.
        numbers: (n,), NaN where there is none.
        is_beyond: (n,), whether it is a finite number that is too large for float64.
    """

    kinds: NDArray[np.str_]
    numbers: NDArray[np.float64]
    is_beyond: NDArray[np.bool_]


def read_cells(cells: Sequence[str], decimal: str) -> CellValues:
    """What cells are and the numbers in them, by the mark before the decimals."""
    written = pa.array(cells, pa.string())
    text = pc.replace_substring(written, "−", "-")
    is_missing = _mask(pc.is_in(pc.utf8_lower(written), value_set=MISSING))
    is_finite = _match(text, NUMBER[decimal])
    is_number = is_finite | _match(text, INFINITE)
    kinds = np.select([is_missing, is_number, _match(text, ODD)], ["missing", "number", "odd"], "word")
    pointed = pc.if_else(pa.array(is_number), pc.replace_substring(text, decimal, "."), None)
    numbers = pointed.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return CellValues(kinds, numbers, is_finite & np.isinf(numbers))


def beyond_float64(cell: str, line: int) -> DialectError:
    """Why a number cannot be read."""
    return DialectError(f"line {line} holds {cell[:40]!r}, which is beyond float64")


def is_rounded(cell: str) -> bool:
    """Whether a cell is a whole number beyond 2^53, which float64 may round."""
    return BARE.fullmatch(cell) is not None and abs(int(cell)) > EXACT


class Cells:
    """The cells of all lines but the first: their numbers, and what else the columns hold.

    Attributes:
        blocks: their numbers, (lines, width) each; NaN where there is none.
        words: column -> the line and the text of the first cell that is a word.
        is_filled: (width,), whether a column has a cell that is not empty.
        is_rounded: whether a whole number is beyond 2^53.
        may_be_thousands: whether every number with a comma may be a whole one in groups of three digits.
    """

    def __init__(self, width: int, decimal: str) -> None:
        self._decimal = decimal
        self._odd: dict[int, tuple[int, str]] = {}
        self._marks = 0
        self.blocks: list[NDArray[np.float64]] = []
        self.words: dict[int, tuple[int, str]] = {}
        self.is_filled = np.zeros(width, bool)
        self.is_rounded = False
        self.may_be_thousands = decimal == ","

    def add(self, block: Sequence[Record]) -> None:
        """Take lines; a `DialectError` if a number is beyond float64."""
        flat = [cell for _, cells in block for cell in cells]
        shape = len(block), len(self.is_filled)
        read = read_cells(flat, self._decimal)
        if read.is_beyond.any():
            place = int(read.is_beyond.argmax())
            raise beyond_float64(flat[place], block[place // shape[1]][0])
        for kind, found in (("word", self.words), ("odd", self._odd)):
            rows, columns = np.nonzero((read.kinds == kind).reshape(shape))
            for column, index in zip(*np.unique(columns, return_index=True), strict=True):
                line, cells = block[rows[index]]
                found.setdefault(int(column), (line, cells[column]))
        self.look_for_thousands(flat)
        self.is_filled |= np.fromiter(map(bool, flat), bool, len(flat)).reshape(shape).any(axis=0)
        if not self.is_rounded:
            self.is_rounded = any(is_rounded(flat[index]) for index in np.flatnonzero(np.abs(read.numbers) > EXACT))
        self.blocks.append(read.numbers.reshape(shape))

    def require_consistent(self) -> None:
        """Raise a `DialectError` if cells are neither numbers nor words, or decimal commas are none."""
        for column, (line, cell) in self._odd.items():
            if column not in self.words:
                raise DialectError(f"line {line} holds {cell[:40]!r}, neither a number nor a word")
        if self._decimal == "," and not self._marks:
            raise DialectError("there is no decimal comma")

    def look_for_thousands(self, cells: Sequence[str]) -> None:
        """Look whether every number with a comma may be a whole one, in groups of three digits."""
        if self._decimal != "," or (self._marks and not self.may_be_thousands):
            return
        text = pa.array(cells, pa.string())
        is_marked = _match(text, NUMBER[","]) & _mask(pc.match_substring(text, ","))
        self._marks += int(is_marked.sum())
        self.may_be_thousands &= not ((is_marked & ~_match(text, THOUSANDS)) | _match(text, NO_THOUSANDS)).any()


def _match(cells: pa.StringArray, pattern: str) -> NDArray[np.bool_]:
    """Whether a pattern is that of a whole cell, of each."""
    return _mask(pc.match_substring_regex(cells, f"^(?:{pattern})$"))


def _mask(values: Any) -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = values.to_numpy(zero_copy_only=False)
    return mask
