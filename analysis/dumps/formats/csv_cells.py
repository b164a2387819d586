"""Cells of a text table: which are numbers, and what the columns hold, block by block."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analysis.dumps.formats.csv_dialect import NO_SEPARATOR, DialectError, Record

CellKind = Literal["number", "missing", "word", "odd"]

MISSING = {
    "", "na", "nan", "+nan", "-nan", "null", "none", "n/a", "#n/a", "#na", "<na>", "1.#qnan", "-1.#qnan", "1.#ind",
    "-1.#ind", "nan(ind)", "-nan(ind)",
}  # fmt: skip
INFINITE = re.compile(r"([+-]?)inf(?:inity)?", re.IGNORECASE)
WHOLE = r"[+-]?(?:0|[1-9][0-9]*)"  # 007 numbers nothing: it is a name
EXPONENT = r"(?:[eE][+-]?[0-9]+)?"
NUMBER = {
    ".": re.compile(rf"(?:{WHOLE}(?:\.[0-9]*)?|[+-]?\.[0-9]+){EXPONENT}"),
    ",": re.compile(rf"{WHOLE}(?:,[0-9]+)?{EXPONENT}"),
}
BARE = re.compile(WHOLE)
ODD = re.compile(r"(?=.*[.,;|'\s])(?=.*[0-9])[-+0-9.,;|'\seE]+")  # digits with other signs than a number has
PLAIN = {  # what a block of cells must not have for all of them to be converted at once
    ".": re.compile(rf"[^-+0-9.eE{NO_SEPARATOR}]|(?:^|{NO_SEPARATOR})[+-]?0[0-9]"),
    ",": re.compile(rf"[^-+0-9,eE{NO_SEPARATOR}]|(?:^|{NO_SEPARATOR})[+-]?0[0-9]|,(?![0-9])|(?<![0-9]),"),
}
THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")
MINUS = str.maketrans("−", "-")
EXACT = 2.0**53


def cell_kind(cell: str, decimal: str) -> CellKind:
    """What a cell is: a number, a missing one, a word, or none of these: digits that another dialect may explain."""
    if cell.lower() in MISSING:
        return "missing"
    if NUMBER[decimal].fullmatch(cell.translate(MINUS)) or INFINITE.fullmatch(cell.translate(MINUS)):
        return "number"
    return "odd" if ODD.fullmatch(cell.translate(MINUS)) else "word"


def to_number(cell: str, decimal: str, line: int) -> float:
    """The number in a cell of that kind.

    Raises:
        DialectError: If it is finite and too large for float64.
    """
    if cell.lower() in MISSING:
        return float("nan")
    number = float(cell.translate(MINUS).replace(decimal, "."))
    if np.isinf(number) and not INFINITE.fullmatch(cell.translate(MINUS)):
        raise DialectError(f"line {line} holds {cell[:40]!r}, which is beyond float64")
    return number


def is_rounded(cell: str) -> bool:
    """Whether a cell is a whole number beyond 2^53, which float64 may round."""
    return BARE.fullmatch(cell) is not None and abs(int(cell)) > EXACT


class Cells:
    """The cells of all lines but the first: their numbers, and what else the columns hold.

    Attributes:
        blocks: their numbers, (lines, width) each; NaN where there is none.
        words: column -> the line and the text of the first cell that is a word.
        is_filled, has_numbers: (width,), whether a column has a cell that is not empty, and one that is a number.
        is_rounded: whether a whole number is beyond 2^53.
        may_be_thousands: whether every number with a comma may be a whole one in groups of three digits.
    """

    def __init__(self, width: int, decimal: str) -> None:
        self._decimal = decimal
        self._odd: dict[int, tuple[int, str]] = {}
        self._marks = 0
        self.blocks: list[NDArray[np.float64]] = []
        self.words: dict[int, tuple[int, str]] = {}
        self.is_filled, self.has_numbers = np.zeros((2, width), bool)
        self.is_rounded = False
        self.may_be_thousands = decimal == ","

    def add(self, block: Sequence[Record]) -> None:
        """Take lines; a `DialectError` if a number is beyond float64."""
        flat = [cell for _, cells in block for cell in cells]
        if self._decimal == ",":
            self.look_for_thousands(flat)
        values = self._at_once(flat)
        if values is None:
            values = self._one_by_one(block)
        else:
            self.is_filled[:] = self.has_numbers[:] = True
        if not self.is_rounded and (np.abs(values) > EXACT).any():
            self.is_rounded = any(is_rounded(cell) for cell in flat)
        self.blocks.append(values)

    def require_consistent(self) -> None:
        """Raise a `DialectError` if cells are neither numbers nor words, or decimal commas are none."""
        for column, (line, cell) in self._odd.items():
            if column not in self.words:
                raise DialectError(f"line {line} holds {cell[:40]!r}, neither a number nor a word")
        if self._decimal == "," and not self._marks:
            raise DialectError("there is no decimal comma")

    def _at_once(self, flat: list[str]) -> NDArray[np.float64] | None:
        """The numbers of a block if it holds nothing else."""
        text = NO_SEPARATOR.join(flat)
        if PLAIN[self._decimal].search(text):
            return None
        try:
            values = np.array(text.replace(self._decimal, ".").split(NO_SEPARATOR), np.float64)
        except ValueError:
            return None
        return None if np.isinf(values).any() else values.reshape(-1, len(self.is_filled))

    def _one_by_one(self, block: Sequence[Record]) -> NDArray[np.float64]:
        values = np.full((len(block), len(self.is_filled)), np.nan)
        for row, (line, cells) in enumerate(block):
            for column, cell in enumerate(cells):
                match cell_kind(cell, self._decimal):
                    case "word":
                        self.words.setdefault(column, (line, cell))
                    case "odd":
                        self._odd.setdefault(column, (line, cell))
                    case "number":
                        values[row, column] = to_number(cell, self._decimal, line)
                        self.has_numbers[column] = True
                self.is_filled[column] |= cell != ""
        return values

    def look_for_thousands(self, flat: Iterable[str]) -> None:
        """Look whether every number with a comma may be a whole one, in groups of three digits."""
        if self._marks and not self.may_be_thousands:
            return
        for cell in flat:
            if "," in cell and NUMBER[","].fullmatch(cell):
                self._marks += 1
                self.may_be_thousands &= bool(THOUSANDS.fullmatch(cell))
            elif BARE.fullmatch(cell) and len(cell.lstrip("+-")) > 3:
                self.may_be_thousands = False
            if self._marks and not self.may_be_thousands:
                return
