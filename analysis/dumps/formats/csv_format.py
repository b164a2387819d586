"""Text tables, only ever in the reading process: one row a sample, one column a unit.

They have no header worth the name, so that they are read whole; the last one is kept, for whoever asks for its rows
next.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.dumps.entry import Entry
from analysis.dumps.file_stamp import Stamp, settled_stamp
from analysis.dumps.formats.csv_dialect import Dialect, DialectError, candidates
from analysis.dumps.formats.csv_scan import Scan
from analysis.dumps.formats.csv_table import Table, table_of
from analysis.dumps.limits import ReadingLimits, require_text_size
from per_core.errors import InvalidInputError

SAMPLE = 1000  # lines by which most dialects are ruled out
RULE = (
    "The lines of a table are separated alike and have as many cells, and its numbers have one decimal mark and no"
    " thousands separators"
)
REMEDY = 'Write it again, for example with numpy.savetxt(path, array, delimiter=",").'


def list_entries(path: Path, limits: ReadingLimits) -> list[Entry]:
    """The one matrix of the file: all columns that hold nothing but numbers. A missing value is NaN.

    Raises:
        InvalidInputError: If it is no text, no dialect or more than one reads it without contradiction, or no column
            holds numbers.
        BudgetError: If it is too large to be read whole.
    """
    table = _table(path, limits)
    return [Entry("", table.values.shape, "float64", path.stat().st_size, note=table.note)]


def read_rows(path: Path, key: str, start: int, stop: int, limits: ReadingLimits) -> NDArray[Any]:  # noqa: ARG001
    """Rows start to stop − 1; the key says nothing, there is one table in a file."""
    values = _table(path, limits).values
    if stop > len(values):
        raise InvalidInputError(f"The table must have {stop} rows; it has {len(values)} now. Inspect it again.")
    return values[start:stop]


def _table(path: Path, limits: ReadingLimits) -> Table:
    found, is_settled = settled_stamp(path)
    require_text_size(found[1], limits)
    return _kept(path, found) if is_settled else _parsed(path)


@lru_cache(maxsize=1)
def _kept(path: Path, found: Stamp) -> Table:  # noqa: ARG001
    return _parsed(path)


def _parsed(path: Path) -> Table:
    """The table as the one dialect reads it that nothing in the text contradicts."""
    tables: list[tuple[Dialect, Table]] = []
    against: list[tuple[tuple[float, float], str]] = []  # what spoke for a dialect, and what contradicted it
    for dialect in candidates(path):
        scan = Scan(path, dialect)
        try:
            scan.take(SAMPLE)
            scan.take()
            tables.append((dialect, table_of(scan)))
        except DialectError as error:
            against.append((scan.support, f"{dialect}, {error}"))
    if not tables:
        raise InvalidInputError(f"{RULE}; {max(against, key=lambda one: one[0])[1]}. {REMEDY}")
    return _the_one(tables)


def _the_one(tables: Sequence[tuple[Dialect, Table]]) -> Table:
    """What all readings agree in; those without words count more than others, those by spaces less."""
    rank = [(*table.rank, table.has_words and dialect.separator == " ") for dialect, table in tables]
    best = [one for one, its in zip(tables, rank, strict=True) if its == min(rank)]
    first, table = best[0]
    for other, same in best[1:] if not all(one.refusal for _, one in best) else ():
        if not np.array_equal(same.values, table.values, equal_nan=True) or same.refusal or table.refusal:
            raise InvalidInputError(
                f"A table must be readable in one way; this one is {_shape(table)} if {first}, and {_shape(same)} if"
                f" {other}. Write one number with a decimal point, 1.0, or names of the columns into the first line."
            )
    if table.refusal:
        raise InvalidInputError(table.refusal)
    return table


def _shape(table: Table) -> str:
    return " x ".join(map(str, table.values.shape))
