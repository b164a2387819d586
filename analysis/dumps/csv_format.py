"""Text tables: one row a sample, one column a unit. They have no header worth the name, so that they are read whole."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.dumps.entry import Entry
from analysis.dumps.limits import Limits, in_words
from per_core.errors import BudgetError, InvalidInputError

DELIMITERS = ",;\t"
ROWS_AT_ONCE = 4096
MOST_COLUMNS = 100_000
MISSING = {"", "na", "nan", "null", "none", "n/a"}


@dataclass(frozen=True, slots=True)
class _Table:
    """How a file is to be read: names of the columns, whether the first line names them, and which hold numbers."""

    delimiter: str
    names: list[str]
    has_header: bool
    numeric: NDArray[np.intp]
    rows: int


def list_entries(path: Path, limits: Limits) -> list[Entry]:
    """The one matrix of the file: all columns that hold nothing but numbers. An empty cell is NaN.

    Raises
    ------
    InvalidInputError
        If it is no text, lines differ in length, or no column holds numbers.
    BudgetError
        If it is too large to be read whole.
    """
    table = _survey(path, limits)
    left_out = [name for index, name in enumerate(table.names) if index not in set(table.numeric.tolist())]
    note = f"not numeric and left out: {', '.join(left_out[:5])}{', ...' if left_out[5:] else ''}" if left_out else ""
    return [Entry("", (table.rows, len(table.numeric)), "float64", path.stat().st_size, note=note)]


def read_rows(path: Path, start: int, stop: int, limits: Limits) -> NDArray[Any]:
    """Rows start to stop − 1."""
    table = _survey(path, limits)
    values = np.empty((stop - start, len(table.numeric)))
    position = 0
    for cells in _blocks(path, table.delimiter, len(table.names), skip=table.has_header):
        begin, end = max(start, position), min(stop, position + len(cells))
        for row in range(begin, end):
            line = cells[row - position]
            values[row - start] = [_number(line[column]) for column in table.numeric]
        position += len(cells)
        if position >= stop:
            return values
    raise InvalidInputError(f"The table must have {stop} rows; it has {position} now. Inspect it again.")


def require_size(size: int, limits: Limits) -> None:
    """Check that text of so many bytes may be read; a `BudgetError` if it may not."""
    if size > limits.csv_bytes:
        raise BudgetError(
            f"Text is read whole, up to {in_words(limits.csv_bytes)}; this file has {in_words(size)}. Save it as .npy"
            " or .parquet, which are read in parts and faster."
        )


def _survey(path: Path, limits: Limits) -> _Table:
    require_size(path.stat().st_size, limits)
    delimiter, first = _first_line(path)
    has_header = any(cell.strip().lower() not in MISSING and not _is_number(cell) for cell in first)
    names = [cell.strip() or f"column {index}" for index, cell in enumerate(first)]
    if not has_header:
        names = [f"column {index}" for index in range(len(first))]
    is_numeric, rows = np.ones(len(first), bool), 0
    for cells in _blocks(path, delimiter, len(first), skip=has_header):
        rows += len(cells)
        for column in np.flatnonzero(is_numeric):
            is_numeric[column] = all(
                _is_number(line[column]) or line[column].strip().lower() in MISSING for line in cells
            )
    if has_header and not first[0].strip():
        is_numeric[0] = False  # the index that pandas writes
        names[0] = "the index"
    if not rows:
        raise InvalidInputError("A table must hold rows; this one holds 0. Write one line a sample.")
    if not is_numeric.any():
        raise InvalidInputError(
            "A table must have a column of numbers; in this one all hold text. Write numbers with a decimal point,"
            " separated by commas."
        )
    return _Table(delimiter, names, has_header, np.flatnonzero(is_numeric), rows)


def _first_line(path: Path) -> tuple[str, list[str]]:
    """What separates the cells, and those of the first line."""
    with _opened(path) as file:
        try:
            line = next((line for line in file if line.strip()), "")
        except UnicodeDecodeError as error:
            raise _no_text(error) from error
    if not line:
        raise InvalidInputError("A table must hold rows; this file is empty. Write one line a sample.")
    delimiter = max(DELIMITERS, key=line.count)
    cells = next(_lines(io.StringIO(line), delimiter), [])
    if len(cells) > MOST_COLUMNS:
        raise InvalidInputError(
            f"A table may have {MOST_COLUMNS} columns; this one has {len(cells)}. Save it as .npy: one line a sample."
        )
    return delimiter, cells


def _blocks(path: Path, delimiter: str, width: int, *, skip: bool) -> Iterator[list[list[str]]]:
    """Lines of cells, some thousand at once, empty lines left out."""
    with _opened(path) as file:
        block: list[list[str]] = []
        for number, cells in enumerate(_lines(file, delimiter)):
            if number == 0 and skip:
                continue
            if len(cells) != width:
                raise InvalidInputError(
                    f"All lines of a table have as many cells as its first, {width}; row {number + 1} has {len(cells)}."
                    " It is cut short or no table: write it again."
                )
            block.append(cells)
            if len(block) == ROWS_AT_ONCE:
                yield block
                block = []
        if block:
            yield block


def _opened(path: Path) -> io.TextIOWrapper:
    return path.open(encoding="utf-8-sig", newline="")


def _lines(file: io.TextIOBase, delimiter: str) -> Iterator[list[str]]:
    try:
        yield from (cells for cells in csv.reader(file, delimiter=delimiter) if cells)
    except (csv.Error, UnicodeDecodeError) as error:
        raise _no_text(error) from error


def _number(cell: str) -> float:
    return float("nan") if cell.strip().lower() in MISSING else float(cell)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _no_text(error: Exception) -> InvalidInputError:
    return InvalidInputError(f"A table is text in UTF-8; this file is not: {error!s:.100}. Write it again as CSV.")
