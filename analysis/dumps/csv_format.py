"""Text tables, only ever in the reading process: one row a sample, one column a unit. They have no header worth the
name, so that they are read whole; the last one is kept, for whoever asks for its rows next."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.dumps.entry import Entry
from analysis.dumps.file_stamp import Stamp, settled_stamp
from analysis.dumps.limits import Limits, in_words
from per_core.errors import BudgetError, InvalidInputError

DELIMITERS = ",;\t"
CELLS_AT_ONCE = 2**19
MOST_COLUMNS = 100_000
MISSING = {"", "na", "nan", "null", "none", "n/a"}


@dataclass(frozen=True, slots=True)
class _Table:
    """The columns that hold numbers, and the names of the others."""

    values: NDArray[np.float64]
    left_out: tuple[str, ...]


def list_entries(path: Path, limits: Limits) -> list[Entry]:
    """The one matrix of the file: all columns that hold nothing but numbers. An empty cell is NaN.

    Raises
    ------
    InvalidInputError
        If it is no text, lines differ in length, or no column holds numbers.
    BudgetError
        If it is too large to be read whole.
    """
    table = _table(path, limits)
    more = ", ..." if table.left_out[5:] else ""
    note = f"not numeric and left out: {', '.join(table.left_out[:5])}{more}" if table.left_out else ""
    return [Entry("", table.values.shape, "float64", path.stat().st_size, note=note)]


def read_rows(path: Path, key: str, start: int, stop: int, limits: Limits) -> NDArray[Any]:  # noqa: ARG001
    """Rows start to stop − 1; the key says nothing, there is one table in a file."""
    values = _table(path, limits).values
    if stop > len(values):
        raise InvalidInputError(f"The table must have {stop} rows; it has {len(values)} now. Inspect it again.")
    return values[start:stop]


def require_size(size: int, limits: Limits) -> None:
    """Check that text of so many bytes may be read; a `BudgetError` if it may not."""
    if size > limits.csv_bytes:
        raise BudgetError(
            f"Text is read whole, up to {in_words(limits.csv_bytes)}; this file has {in_words(size)}. Save it as .npy"
            " or .parquet, which are read in parts and faster."
        )


def _table(path: Path, limits: Limits) -> _Table:
    found, is_settled = settled_stamp(path)
    require_size(found[1], limits)
    return _kept(path, found) if is_settled else _parsed(path)


@lru_cache(maxsize=1)
def _kept(path: Path, found: Stamp) -> _Table:  # noqa: ARG001
    return _parsed(path)


def _parsed(path: Path) -> _Table:
    delimiter, first = _first_line(path)
    has_header = any(cell.strip().lower() not in MISSING and not _is_number(cell) for cell in first)
    names = [cell.strip() or f"column {index}" for index, cell in enumerate(first)]
    if not has_header:
        names = [f"column {index}" for index in range(len(first))]
    is_numeric = np.ones(len(first), bool)
    if has_header and not first[0].strip():
        is_numeric[0] = False  # the index that pandas writes
        names[0] = "the index"
    blocks = [_numbers(cells, is_numeric) for cells in _blocks(path, delimiter, len(first), skip=has_header)]
    if not blocks:
        raise InvalidInputError("A table must hold rows; this one holds 0. Write one line a sample.")
    if not is_numeric.any():
        raise InvalidInputError(
            "A table must have a column of numbers; in this one all hold text. Write numbers with a decimal point,"
            " separated by commas."
        )
    left_out = tuple(name for name, is_read in zip(names, is_numeric, strict=True) if not is_read)
    return _Table(np.concatenate([block[:, is_numeric] for block in blocks]), left_out)


def _numbers(cells: list[list[str]], is_numeric: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The cells as numbers; columns in which one is none are marked as not numeric, and NaN."""
    try:
        return np.array(cells, np.float64)
    except ValueError:  # text or gaps, somewhere
        values = np.full((len(cells), len(is_numeric)), np.nan)
    for column in np.flatnonzero(is_numeric):
        try:
            values[:, column] = [_number(line[column]) for line in cells]
        except ValueError:
            is_numeric[column] = False
    return values


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
    """Lines of cells, some at once, empty lines left out."""
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
            if len(block) * width >= CELLS_AT_ONCE:
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
