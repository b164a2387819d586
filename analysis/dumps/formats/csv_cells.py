"""Cells of a text table: which are numbers or lists of them, and what the columns hold, block by block.

pyarrow judges and converts all cells of a block at once. Its own reader of tables is not used: it takes 007 and 1e400
for numbers, knows neither comments nor columns aligned by spaces, and does not tell the line of a cell.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from analysis.dumps.formats.csv_dialect import DialectError
from analysis.dumps.formats.csv_numbers import shortened
from analysis.dumps.formats.written_list import numbers_of
from per_core.text import N_

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
SOME = 2**15  # cells that tell whether many are alike

Codes = NDArray[np.int32] | slice


@dataclass(frozen=True, slots=True)
class CellValues:
    """What n cells are. A cell that is neither a number nor missing nor odd is a word.

    Attributes:
        text: (n,), the cells without spaces around them.
        is_number: (n,).
        is_missing: (n,).
        is_odd: (n,), whether there are digits that another dialect may explain.
        numbers: (n,), NaN where there is none.
        is_beyond: (n,), whether it is a finite number that is too large for float64.
    """

    text: pa.StringArray
    is_number: NDArray[np.bool_]
    is_missing: NDArray[np.bool_]
    is_odd: NDArray[np.bool_]
    numbers: NDArray[np.float64]
    is_beyond: NDArray[np.bool_]

    @property
    def is_word(self) -> NDArray[np.bool_]:
        """Whether it is none of these, of each."""
        return ~(self.is_number | self.is_missing | self.is_odd)


def read_cells(text: pa.StringArray, decimal: str) -> CellValues:
    """What cells are and the numbers in them, by the mark before the decimals."""
    signs = np.frombuffer(text.buffers()[2] or b"", np.uint8)
    if np.any((signs <= ord(" ")) | (signs > ord("~"))):  # most texts have no space of any kind, and no other minus
        text = pa.array([cell.strip() for cell in text.to_pylist()], pa.string())
    plain = pc.replace_substring(text, "−", "-") if np.any(signs > ord("~")) else text
    is_finite = _match(plain, NUMBER[decimal])
    others = np.flatnonzero(~is_finite)
    rest = plain.take(pa.array(others))
    is_number, is_missing, is_odd = is_finite.copy(), np.zeros(len(text), bool), np.zeros(len(text), bool)
    is_missing[others] = _mask(pc.is_in(pc.utf8_lower(text.take(pa.array(others))), value_set=MISSING))
    is_number[others] = _match(rest, INFINITE) & ~is_missing[others]
    is_odd[others] = _match(rest, ODD) & ~is_missing[others] & ~is_number[others]
    pointed = plain if decimal == "." else pc.replace_substring(plain, decimal, ".")
    if not is_number.all():
        pointed = pc.if_else(pa.array(is_number), pointed, None)
    numbers = pointed.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return CellValues(text, is_number, is_missing, is_odd, numbers, is_finite & np.isinf(numbers))


def beyond_float64(cell: str, line: int) -> DialectError:
    """Why a number cannot be read."""
    return DialectError(N_("line {line} holds {cell!r}, which is beyond float64"), line=line, cell=cell[:40])


def is_rounded(cell: str) -> bool:
    """Whether a cell is a whole number beyond 2^53, which float64 may round."""
    return BARE.fullmatch(cell) is not None and abs(int(cell)) > EXACT


class Cells:
    """The cells of all lines but the first: their numbers, and what else the columns hold.

    Args:
        width: number of columns.
        decimal: the mark before the decimals.
        line_of: number of the line of a record, which counts from 0 and the first line as well.

    Attributes:
        blocks: their numbers, (lines, width) each, as int16 where these take them; NaN where there is none.
        words: column -> the record and the text of the first cell that is a word.
        lists: column -> the lists of numbers in it, one cell after another.
        is_filled: (width,), whether a column has a cell that is not empty.
        bare: (width,), how many numbers of a column are written without decimals.
        has_digits: (width,), whether a column has a number, or digits that another dialect may explain.
        is_rounded: whether a whole number is beyond 2^53.
        may_be_thousands: whether every number with a comma may be a whole one in groups of three digits.
    """

    def __init__(self, width: int, decimal: str, line_of: Callable[[int], int]) -> None:
        self._decimal, self._line_of = decimal, line_of
        self._odd: dict[int, tuple[int, str]] = {}
        self._marks = 0
        self.blocks: list[NDArray[Any]] = []
        self.words: dict[int, tuple[int, str]] = {}
        self.lists: dict[int, list[NDArray[Any]]] = {}
        self.is_filled = np.zeros(width, bool)
        self.bare = np.zeros(width, np.int64)
        self.has_digits = np.zeros(width, bool)
        self.is_rounded = False
        self.may_be_thousands = decimal == ","

    @property
    def rows(self) -> int:
        """Number of the lines."""
        return sum(map(len, self.blocks))

    def add(self, cells: pa.StringArray, record: int) -> None:
        """Take the cells of lines, the first of which is that record; a `DialectError` if one is beyond float64."""
        width = len(self.is_filled)
        texts, codes = _distinct(cells)
        read = read_cells(texts, self._decimal)
        if read.is_beyond.any():
            place = int(read.is_beyond[codes].argmax())
            raise beyond_float64(cells[place].as_py().strip(), self._line_of(record + place // width))
        if read.is_odd.any():
            for place in np.flatnonzero(read.is_odd[codes]).tolist():
                self._odd.setdefault(place % width, (record + place // width, cells[place].as_py().strip()))
                if len(self._odd) == width:
                    break
        if read.is_word.any():
            self._add_words(cells, np.flatnonzero(read.is_word[codes]), record)
        self.look_for_thousands(read.text)
        self.is_filled |= self._counts(_mask(pc.binary_length(read.text)) > 0, codes) > 0
        self.has_digits |= self._counts(read.is_number | read.is_odd, codes) > 0
        whole = np.flatnonzero(read.numbers == np.floor(read.numbers))
        is_bare = np.zeros(len(texts), bool)
        is_bare[whole] = _match(read.text if len(whole) == len(texts) else read.text.take(pa.array(whole)), WHOLE)
        self.bare += self._counts(is_bare, codes)
        self.is_rounded = self.is_rounded or bool(np.any(np.abs(read.numbers[is_bare]) > EXACT))
        self.blocks.append(shortened(read.numbers)[codes].reshape(-1, width))

    def require_consistent(self) -> None:
        """Raise a `DialectError` if cells are neither numbers nor words, or decimal commas are none."""
        for column, (record, cell) in self._odd.items():
            if column not in self.words:
                raise DialectError(
                    N_("line {line} holds {cell!r}, neither a number nor a word"),
                    line=self._line_of(record),
                    cell=cell[:40],
                )
        if self._decimal == "," and not self._marks:
            raise DialectError(N_("there is no decimal comma"))

    def look_for_thousands(self, text: pa.StringArray) -> None:
        """Look whether every number with a comma may be a whole one, in groups of three digits."""
        if self._decimal != "," or (self._marks and not self.may_be_thousands):
            return
        is_marked = _match(text, NUMBER[","]) & _mask(pc.match_substring(text, ","))
        self._marks += int(is_marked.sum())
        self.may_be_thousands &= not ((is_marked & ~_match(text, THOUSANDS)) | _match(text, NO_THOUSANDS)).any()

    def _counts(self, is_so: NDArray[np.bool_], codes: Codes) -> NDArray[np.int64]:
        """How many cells of each column have a text that is so."""
        if not is_so.any():
            return np.zeros_like(self.bare)
        counts: NDArray[np.int64] = np.count_nonzero(is_so[codes].reshape(-1, len(self.bare)), axis=0)
        return counts

    def _add_words(self, cells: pa.StringArray, places: NDArray[np.intp], record: int) -> None:
        """Take what is no number: lists of numbers, as long as there are only such in a column, or words."""
        width = len(self.is_filled)
        is_open = np.ones(width, bool)
        is_open[list(self.words)] = False
        places = places[is_open[places % width]]
        for place, cell in zip(places.tolist(), cells.take(pa.array(places)).to_pylist(), strict=True):
            column, cell = place % width, cell.strip()
            if column in self.words:
                continue
            values = numbers_of(cell)
            if values is None:
                self.words[column] = record + place // width, cell
                self.lists.pop(column, None)
            else:
                self.lists.setdefault(column, []).append(values)


def _distinct(cells: pa.StringArray) -> tuple[pa.StringArray, Codes]:
    """The texts of cells, each once, and which of them each cell has; the cells themselves where few are alike."""
    some = cells[:SOME]
    if len(some.unique()) > len(some) // 2:
        return cells, slice(None)
    encoded = cells.dictionary_encode()
    return encoded.dictionary, encoded.indices.to_numpy()


def _match(cells: pa.StringArray, pattern: str) -> NDArray[np.bool_]:
    """Whether a pattern is that of a whole cell, of each."""
    return _mask(pc.match_substring_regex(cells, f"^(?:{pattern})$"))


def _mask(values: Any) -> NDArray[Any]:
    mask: NDArray[Any] = values.to_numpy(zero_copy_only=False)
    return mask
