"""Parquet files, only ever in the reading process: what columns there are is told by the footer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from analysis.dumps.entry import Entry
from analysis.dumps.formats.arrow_table import Shape, fixed_lengths, is_list, list_columns, plain_array, read_column
from analysis.dumps.limits import ReadingLimits
from per_core.errors import InvalidInputError
from per_core.text import N_, Phrase

ROWS_AT_ONCE = 4096


def list_entries(path: Path, limits: ReadingLimits) -> list[Entry]:
    """Every array of the table, from the footer; of lists without a fixed size, the first row says the shape.

    Raises:
        InvalidInputError: If Arrow cannot open the file, or there are too many columns or no rows in it.
    """
    try:
        with _opened(path) as file:
            return list_columns(ParquetTable(file), limits)
    except (MemoryError, InvalidInputError):
        raise
    except Exception as error:  # whatever a damaged file makes the library raise
        raise _unreadable(error) from error


def read_rows(path: Path, key: str, start: int, stop: int, limits: ReadingLimits) -> NDArray[Any]:
    """Rows start to stop − 1 of a column, or of all columns of single floating-point numbers."""
    try:
        with _opened(path) as file:
            return read_column(ParquetTable(file), key, start, stop, limits)
    except (MemoryError, InvalidInputError):
        raise
    except Exception as error:
        raise _unreadable(error) from error


class ParquetTable:
    """A file that pyarrow has opened."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.schema, self.rows = file.schema_arrow, file.metadata.num_rows
        self._sizes = _column_sizes(file)

    def stored(self, index: int) -> int:
        """Compressed bytes of all its pieces."""
        return self._sizes.get(self.schema.names[index], (0, 0))[0]

    def lengths(self, index: int) -> Shape | str:
        """Those that the type fixes, or else those of the first row, if as many values are there as they come to."""
        field = self.schema.field(index)
        fixed = tuple(length for length in fixed_lengths(field.type) if length is not None)
        if len(fixed) == len(fixed_lengths(field.type)):
            return fixed
        found = _first_lengths(self._file, field.name)
        values = self._sizes.get(field.name, (0, 0))[1]
        if self.rows * math.prod(found) == values:
            return found
        return Phrase(
            N_(
                "Lists in a column are equally long, one row as many units as another; here they are not: the"
                " first row is {found}, {rows} rows have {values} values. Pad or cut them."
            ),
            found=found,
            rows=self.rows,
            values=values,
        )

    def batches(self, indices: Sequence[int], start: int, stop: int) -> Iterator[tuple[int, Any]]:
        """Only the row groups that hold these rows are read."""
        names = [self.schema.names[index] for index in indices]
        groups, position = _row_groups(self._file, start, stop)
        for batch in self._file.iter_batches(
            batch_size=ROWS_AT_ONCE, row_groups=groups, columns=names, use_threads=False
        ):
            yield position, batch
            position += batch.num_rows
            if position >= stop:
                return


def _opened(path: Path) -> Any:
    import pyarrow.parquet

    return pyarrow.parquet.ParquetFile(path)


def _column_sizes(file: Any) -> dict[str, tuple[int, int]]:
    """Column -> its bytes in the file, and how many single values it is said to have."""
    metadata = file.metadata
    sizes: dict[str, tuple[int, int]] = {}
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for index in range(metadata.num_columns):
            chunk = row_group.column(index)
            name = _top_name(file, chunk.path_in_schema)
            stored, values = sizes.get(name, (0, 0))
            sizes[name] = (stored + chunk.total_compressed_size, values + chunk.num_values)
    return sizes


def _top_name(file: Any, path: str) -> str:
    """The column that a leaf belongs to; names of columns may hold dots themselves."""
    names = file.schema_arrow.names
    if path in names:
        return path
    return max((name for name in names if path.startswith(f"{name}.")), key=len, default=path)


def _first_lengths(file: Any, name: str) -> Shape:
    """How long the lists of the first row are, one within another."""
    batch = next(file.iter_batches(batch_size=1, columns=[name], use_threads=False), None)
    part = plain_array(batch.column(0))[0] if batch is not None and batch.num_rows else None
    lengths = []
    while part is not None and is_list(part.type):
        length = 0 if part.values is None else len(part.values)
        lengths.append(length)
        part = part.values[0] if length else None
    return tuple(lengths)


def _row_groups(file: Any, start: int, stop: int) -> tuple[list[int], int]:
    """The row groups that hold these rows, and the first row of the first of them."""
    groups: list[int] = []
    first, position = 0, 0
    for group in range(file.metadata.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        if position < stop and position + rows > start:
            first = first if groups else position
            groups.append(group)
        position += rows
    return groups, first


def _unreadable(error: BaseException) -> InvalidInputError:
    return InvalidInputError(
        N_(
            "Arrow must be able to read the file; it cannot: {error!s:.200}. It is damaged or cut short: write it"
            " again."
        ),
        error=error,
    )
