"""What a text table holds as one dialect reads it: which columns are numbers, and what names lines and columns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from analysis.dumps.formats.csv_cells import BARE, beyond_float64, is_rounded, read_cells
from analysis.dumps.formats.csv_dialect import NO_SEPARATOR, Dialect, DialectError
from analysis.dumps.formats.csv_scan import Scan
from per_core.errors import InvalidInputError

SHOWN_COLUMNS = 5
SIGNS = re.compile(r"[,;|\t]")  # that separate cells, and do not stand in a name alone
ONE_WITH_COMMAS = Dialect(NO_SEPARATOR, ",")  # or two columns, of which a line has lost one
INDEX_NAMES = {"", "index", "idx", "id", "unnamed: 0", "row", "rownames"}


@dataclass(frozen=True, slots=True)
class Table:
    """A text as one dialect reads it.

    Attributes:
        values: (n, d), of the columns that hold numbers.
        has_words: whether a column holds words.
        note: what was taken for what.
        refusal: why it is no table although nothing contradicts the dialect, and what to do; or empty.
    """

    values: NDArray[np.float64]
    has_words: bool
    note: str
    refusal: str = ""

    @property
    def rank(self) -> tuple[bool, bool]:
        """Lower for the more likely of several readings: it has no words, or has numbers beside them."""
        return self.has_words, self.has_words and bool(self.refusal)


def table_of(scan: Scan) -> Table:
    """The columns that hold numbers, and what the others and the first line were taken for."""
    if scan.first is None:
        raise InvalidInputError("A table must hold rows; this file is empty. Write one line a sample.")
    line, first = scan.first
    top = read_cells(first, scan.dialect.decimal)
    kinds = top.kinds
    values = np.concatenate([np.empty((0, scan.width)), *scan.cells.blocks])
    words = dict(scan.cells.words)
    try:
        is_header = _is_header(scan, kinds, values)
        if not is_header:
            words |= {column: (line, first[column]) for column, kind in enumerate(kinds) if kind == "word"}
            numbers = [kind in ("number", "missing") and column not in words for column, kind in enumerate(kinds)]
            for column in np.flatnonzero(top.is_beyond & numbers):
                raise beyond_float64(first[column], line)
            values = np.concatenate([[np.where(numbers, top.numbers, np.nan)], values])
            if scan.dialect == ONE_WITH_COMMAS:
                raise _UndecidedError("1,5 may be two numbers or one with a decimal comma")
        if scan.cells.may_be_thousands:
            raise _UndecidedError("1,234 may be 1234 or 1.234, and so may every number in it")
        numeric = [
            c
            for c in range(scan.width)
            if c not in words and (scan.cells.is_filled[c] or not (is_header or first[c] == ""))
        ]
        if not len(values) or not numeric:
            return Table(values, bool(words), "", _nothing(values, scan.cells.words or words))
        names = [cell if is_header and cell else f"column {column + 1}" for column, cell in enumerate(first)]
        left_out = [_reason(names[c], words.get(c)) for c in range(scan.width) if c not in numeric]
        if _is_index(scan, values, numeric, name=first[0].lower() if is_header else None):
            numeric = numeric[1:]
            left_out.insert(0, f"{names[0]} (numbers the rows)")
    except _UndecidedError as error:
        return Table(values, bool(words), "", str(error))
    return Table(np.ascontiguousarray(values[:, numeric]), bool(words), _note(scan, left_out, is_header=is_header))


def _note(scan: Scan, left_out: Sequence[str], *, is_header: bool) -> str:
    """What was taken for what."""
    assert scan.first is not None
    some = ", ".join(left_out[:SHOWN_COLUMNS])
    rounded = scan.cells.is_rounded or (not is_header and any(is_rounded(cell) for cell in scan.first[1]))
    more = f" and {len(left_out) - SHOWN_COLUMNS} more" if len(left_out) > SHOWN_COLUMNS else ""
    parts = [
        str(scan.dialect),
        f"line {scan.first[0]} names the columns" if is_header else "no names of columns",
        f"left out: {some}{more}" if left_out else "",
        "whole numbers beyond 2^53 are rounded" if rounded else "",
    ]
    return "; ".join(filter(None, parts))


def _reason(name: str, word: tuple[int, str] | None) -> str:
    """A column that is left out, and why."""
    return f"{name[:40]} (empty)" if word is None else f"{name[:40]} ({word[1][:20]!r} in line {word[0]})"


def _nothing(values: NDArray[np.float64], words: Mapping[int, tuple[int, str]]) -> str:
    if not len(values):
        return "A table must hold rows; this one holds 0, under names of columns. Write one line a sample."
    line, word = next(iter(words.values()), (1, ""))
    return (
        f"A table must have a column of numbers; in this one all hold words or nothing, {word[:40]!r} in line {line}."
        " Write numbers alone, below one line of names."
    )


def _is_header(scan: Scan, kinds: NDArray[np.str_], rest: NDArray[np.float64]) -> bool:
    """Whether the first line names the columns.

    Args:
        kinds: of its cells.
        rest: the numbers in the other lines.

    Raises:
        DialectError: If a cell of it is neither a name nor a number.
        _UndecidedError: If it may be both.
    """
    assert scan.first is not None
    line, first = scan.first
    columns = [c for c in range(scan.width) if c not in scan.cells.words and (scan.cells.is_filled[c] or not len(rest))]
    for column in columns:
        is_split = scan.dialect.separator == NO_SEPARATOR and kinds[column] == "word" and SIGNS.search(first[column])
        if kinds[column] == "odd" or is_split:
            raise DialectError(f"line {line} holds {first[column][:40]!r}, neither a number nor a word")
    numbers = [first[column] for column in columns if kinds[column] == "number"]
    if any(kinds[column] == "word" for column in columns):
        if not numbers or numbers in (_counting(0, len(numbers)), _counting(1, len(numbers))):
            return True
        raise _UndecidedError(f"line {line} holds both, {first[columns[0]][:40]!r} and {numbers[0]}")
    if not numbers or not all(BARE.fullmatch(number) for number in numbers):
        return False
    is_counting = numbers == _counting(0, len(numbers))
    if not len(rest):
        if is_counting:
            raise _UndecidedError(f"{', '.join(numbers[:3])} in line {line} may be the names that pandas gives")
        return False
    under_nothing = columns[0] == 0 and not first[0]
    if under_nothing and _counts(rest[:, 0], 0) and _all_bare(scan, 0):
        return True  # the index of pandas
    others = columns[1:] if under_nothing or (len(columns) > 1 and _counts(rest[:, columns[0]], 0)) else columns
    is_whole = _any_bare(scan, others)
    if is_counting and not is_whole:
        return True  # the names that pandas gives, over numbers with decimals
    if is_counting or not is_whole:
        raise _UndecidedError(
            f"line {line} holds {', '.join(numbers[:3])}, "
            + ("as pandas names columns" if is_counting else "whole numbers as no other line")
        )
    return False


def _is_index(scan: Scan, values: NDArray[np.float64], numeric: Sequence[int], *, name: str | None) -> bool:
    """Whether the first column numbers the rows; `_UndecidedError` if that cannot be told.

    Args:
        values: all rows.
        numeric: the columns that hold numbers.
        name: of the column, in small letters; None if columns have no names.
    """
    if numeric[0] != 0 or len(numeric) < 2:
        return False
    if name == "":
        return True
    start = next((start for start in (0, 1) if _counts(values[:, 0], start)), None)
    if start is None or not _all_bare(scan, 0, with_first=name is None):
        return False
    if name in INDEX_NAMES:
        return True
    if not _any_bare(scan, numeric[1:], with_first=name is None):
        return start == 0 or len(values) > 2
    if start == 0 and name is None:
        raise _UndecidedError("the first column counts 0, 1, 2 and may be the index of pandas or a unit")
    return False


class _UndecidedError(InvalidInputError):
    """Whether lines and columns hold values or names cannot be told."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"Values, names and separators must be told from each other; here {what}. Write words as names into the"
            " first line, and no numbers of the rows: DataFrame(array, columns=[...]).to_csv(path, index=False)."
        )


def _counts(values: NDArray[np.float64], start: int) -> bool:
    return bool(np.array_equal(values, np.arange(start, start + len(values))))


def _counting(start: int, count: int) -> list[str]:
    return [str(number) for number in range(start, start + count)]


def _any_bare(scan: Scan, columns: Sequence[int], *, with_first: bool = False) -> bool:
    """Whether a number in these columns is written without decimals, in the first line or behind it."""
    records = islice(scan.dialect.records(scan.path), 0 if with_first else 1, None)
    return any(BARE.fullmatch(cells[column]) is not None for _, cells in records for column in columns)


def _all_bare(scan: Scan, column: int, *, with_first: bool = False) -> bool:
    """Whether all numbers of a column are written without decimals."""
    records = islice(scan.dialect.records(scan.path), 0 if with_first else 1, None)
    return all(BARE.fullmatch(cells[column]) is not None for _, cells in records)
