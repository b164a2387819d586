"""Parquet files, only ever in the reading process. A column of lists is a member; columns of single numbers are one."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.dumps.entry import ITEM_BYTES, Entry
from analysis.dumps.limits import ReadingLimits, in_words
from per_core.errors import InvalidInputError

SCALARS = ""  # the key of all columns of single floating-point numbers together
MOST_COMPRESSION = 10**6  # times: runs of one value take a few bytes a page
ROWS_AT_ONCE = 4096
TYPES = {"halffloat": "float16", "float": "float32", "double": "float64"}


def list_entries(path: Path, limits: ReadingLimits) -> list[Entry]:
    """Every column of the file, from its footer; of lists without a fixed size, the first row says the shape.

    Raises:
        InvalidInputError: If Arrow cannot open the file, or there are too many columns or no rows in it.
    """
    try:
        with _opened(path) as file:
            return _list(file, limits)
    except (MemoryError, InvalidInputError):
        raise
    except Exception as error:  # whatever a damaged file makes the library raise
        raise _unreadable(error) from error


def read_rows(path: Path, key: str, start: int, stop: int, limits: ReadingLimits) -> NDArray[Any]:
    """Rows start to stop − 1 of a column of lists, or of all columns of single numbers."""
    try:
        with _opened(path) as file:
            entry = next((entry for entry in _list(file, limits) if entry.key == key), None)
            if entry is None or entry.refusal or entry.shape is None:
                raise InvalidInputError(
                    f"There must be a readable column {key!r}; there is none now. Inspect it again."
                )
            return _read(file, entry.key, entry.shape, entry.dtype, start, stop)
    except (MemoryError, InvalidInputError):
        raise
    except Exception as error:
        raise _unreadable(error) from error


def _opened(path: Path) -> Any:
    import pyarrow.parquet

    return pyarrow.parquet.ParquetFile(path)


def _list(file: Any, limits: ReadingLimits) -> list[Entry]:
    schema, rows = file.schema_arrow, file.metadata.num_rows
    if len(schema.names) > limits.members:
        raise InvalidInputError(
            f"A file may hold {limits.members} columns; this one holds {len(schema.names)}. Split it."
        )
    if len(set(schema.names)) < len(schema.names):
        raise InvalidInputError("Columns have names of their own; here one is there twice. Rename it.")
    if rows <= 0:
        raise InvalidInputError("A table must hold rows; this one holds 0. Write the activations into it.")
    sizes = _column_sizes(file)
    entries, scalars = [], []
    for field in schema:
        stored, values = sizes.get(field.name, (0, 0))
        if str(field.type) in TYPES:
            scalars.append((field.name, TYPES[str(field.type)], stored))
        else:
            entries.append(_column(file, field, rows, stored, values))
    if scalars:
        width = np.result_type(*(dtype for _, dtype, _ in scalars)).name
        note = "one unit a column: " + ", ".join(name for name, _, _ in scalars[:8]) + (", ..." if scalars[8:] else "")
        entries.insert(0, _checked(SCALARS, (rows, len(scalars)), width, sum(size for *_, size in scalars), note))
    return entries


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


def _column(file: Any, field: Any, rows: int, stored: int, values: int) -> Entry:
    """The entry of a column of lists, or of what is not read."""
    fixed, kind = [], field.type
    while _is_list(kind):
        fixed.append(getattr(kind, "list_size", None))
        kind = kind.value_type
    dtype = TYPES.get(str(kind), str(kind))
    if not fixed or dtype not in ITEM_BYTES:
        refusal = ""
        if dtype in ITEM_BYTES:
            refusal = (
                f"A column of single whole numbers is an index or a label, not an activation; this one is of {dtype}."
                " Save it as floating-point numbers to look at it."
            )
        return Entry(field.name, (rows,), dtype, stored, refusal)
    shape = (rows, *(fixed if None not in fixed else _first_shape(file, field.name)))
    if None in fixed and math.prod(shape) != values:
        return Entry(
            field.name,
            dtype=dtype,
            stored=stored,
            refusal="Lists in a column are equally long, one row as many units as another; here they are not: the"
            f" first row is {shape[1:]}, {rows} rows have {values} values. Pad or cut them.",
        )
    return _checked(field.name, shape, dtype, stored, "")


def _first_shape(file: Any, name: str) -> tuple[int, ...]:
    """How long the lists of the first row are, one within another."""
    batch = next(file.iter_batches(batch_size=1, columns=[name], use_threads=False), None)
    part = batch.column(0)[0] if batch is not None and batch.num_rows else None
    lengths = []
    while part is not None and _is_list(part.type):
        length = 0 if part.values is None else len(part.values)
        lengths.append(length)
        part = part.values[0] if length else None
    return tuple(lengths)


def _is_list(kind: Any) -> bool:
    import pyarrow.types

    return bool(
        pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind) or pyarrow.types.is_fixed_size_list(kind)
    )


def _checked(key: str, shape: tuple[int, ...], dtype: str, stored: int, note: str) -> Entry:
    declared = math.prod(shape) * ITEM_BYTES[dtype]
    refusal = ""
    if declared > MOST_COMPRESSION * stored:
        refusal = (
            f"A column must hold what it declares; {shape} of {dtype} is {in_words(declared)}, stored are"
            f" {in_words(stored)}. The footer lies: write the file again."
        )
    return Entry(key, shape, dtype, stored, refusal, note)


def _read(file: Any, key: str, shape: tuple[int, ...], dtype: str, start: int, stop: int) -> NDArray[Any]:
    schema = file.schema_arrow
    columns = [key] if key != SCALARS else [field.name for field in schema if str(field.type) in TYPES]
    values = np.empty((stop - start, *shape[1:]), dtype)
    groups, first = _row_groups(file, start, stop)
    position = first  # of the next row of the table
    for batch in file.iter_batches(batch_size=ROWS_AT_ONCE, row_groups=groups, columns=columns, use_threads=False):
        begin, end = max(start, position), min(stop, position + batch.num_rows)
        if begin < end:
            part = batch.slice(begin - position, end - begin)
            values[begin - start : end - start] = _as_array(part, columns, shape[1:], key)
        position += batch.num_rows
        if position >= stop:
            return values
    raise InvalidInputError(
        f"The table must hold {stop} rows, as its footer says; it holds {position}. Write it again."
    )


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


def _as_array(batch: Any, columns: list[str], shape: tuple[int, ...], key: str) -> NDArray[Any]:
    """Rows of a piece of the table; nothing (null) is NaN."""
    if len(columns) > 1 or not _is_list(batch.schema.field(0).type):
        parts = [batch.column(index).to_numpy(zero_copy_only=False) for index in range(batch.num_columns)]
        return np.stack(parts, axis=1)
    part, rows = batch.column(0), batch.num_rows
    for length in shape:
        lengths = part.value_lengths().to_numpy(zero_copy_only=False) if hasattr(part, "value_lengths") else [length]
        if part.null_count or np.any(lengths != length):
            raise InvalidInputError(
                f"Lists in a column are equally long, {length} values in {key!r}; one is shorter, longer or missing."
                " Pad or cut it."
            )
        part = part.flatten()
    flat = part.to_numpy(zero_copy_only=False)
    if len(flat) != rows * math.prod(shape):
        raise InvalidInputError(
            f"Lists in {key!r} must have {math.prod(shape)} values; some have others. Pad or cut them."
        )
    return np.asarray(flat).reshape(rows, *shape)


def _unreadable(error: BaseException) -> InvalidInputError:
    return InvalidInputError(
        f"Arrow must be able to read the file; it cannot: {error!s:.200}. It is damaged or cut short: write it again."
    )
