"""Tables as Arrow has them, of Parquet files and of its own: which columns are arrays, and their rows.

A column of lists is an array of its own, and so is a column of single whole numbers; those of single floating-point
numbers are one array together, a unit each.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from analysis.dumps.entry import ITEM_BYTES, MOST_AXES, Entry
from analysis.dumps.limits import ReadingLimits, in_words
from per_core.errors import InvalidInputError
from per_core.text import N_, Phrase

FLOATS = ""  # the key of all columns of single floating-point numbers together
TEXT = "text"
TYPES = {"halffloat": "float16", "float": "float32", "double": "float64"}
LONGEST_TYPE = 80  # characters of a type that is not read
SHOWN_COLUMNS = 8
MOST_COMPRESSION = 10**6  # times: runs of one value take a few bytes a page

Shape = tuple[int, ...]


class ArrowTable(Protocol):
    """A file that holds a table."""

    @property
    def schema(self) -> Any:
        """Names and types of its columns."""

    @property
    def rows(self) -> int:
        """Number of its rows, as the file declares it."""

    def stored(self, index: int) -> int:
        """Bytes that a column takes in the file."""

    def lengths(self, index: int) -> Shape | str:
        """How long the lists of a column of lists are, one within another; or why they have no one length."""

    def batches(self, indices: Sequence[int], start: int, stop: int) -> Iterator[tuple[int, Any]]:
        """Batches of these columns that hold rows start to stop − 1, each with the number of its first row."""


@dataclass(frozen=True, slots=True)
class Column:
    """What the type of a column says.

    Attributes:
        index: its place among the columns.
        key: its name, or its number if it has none.
        dtype: of its values: a key of `ITEM_BYTES`, "text", or Arrow's name of what is not read.
        is_list: whether each row is a list, of lists perhaps.
    """

    index: int
    key: str
    dtype: str
    is_list: bool

    @property
    def is_unit(self) -> bool:
        """Whether it is one of the columns that are an array together."""
        return not self.is_list and self.dtype.startswith("float")


def list_columns(table: ArrowTable, limits: ReadingLimits) -> list[Entry]:
    """Every array of a table, and its columns of text.

    Raises:
        InvalidInputError: If there are too many columns, two of one name, or no rows.
    """
    columns = _columns(table.schema, limits)
    if table.rows <= 0:
        raise InvalidInputError(N_("A table must hold rows; this one holds 0. Write the activations into it."))
    units = [column for column in columns if column.is_unit]
    entries = [_entry(table, column) for column in columns if not column.is_unit]
    if units:
        names = tuple(column.key for column in units)
        shown = ", ".join(names[:SHOWN_COLUMNS]) + (", ..." if names[SHOWN_COLUMNS:] else "")
        note = Phrase(N_("one unit a column: {shown}"), shown=shown)
        stored = sum(table.stored(column.index) for column in units)
        shape, dtype = (table.rows, len(units)), _common_dtype(units)
        refusal = _refusal(shape, dtype, stored)
        entries.insert(0, Entry(FLOATS, shape, dtype, stored, refusal, note, columns=names))
    return entries


def read_column(table: ArrowTable, key: str, start: int, stop: int, limits: ReadingLimits) -> NDArray[Any]:
    """Rows start to stop − 1 of an array of a table; a missing floating-point number is NaN.

    Raises:
        InvalidInputError: If there is no such array, it has fewer rows than are declared, or a list of another length.
    """
    columns = _columns(table.schema, limits)
    chosen = [column for column in columns if (column.is_unit if key == FLOATS else column.key == key)]
    entry = next((entry for entry in list_columns(table, limits) if entry.key == key), None)
    if entry is None or entry.refusal or entry.shape is None or entry.dtype not in ITEM_BYTES:
        raise InvalidInputError(
            N_("There must be a readable column {key!r}; there is none now. Inspect it again."), key=key
        )
    values = np.empty((stop - start, *entry.shape[1:]), entry.dtype)
    found = 0
    for first, batch in table.batches([column.index for column in chosen], start, stop):
        begin, end = max(start, first), min(stop, first + batch.num_rows)
        if begin < end:
            part = batch.slice(begin - first, end - begin)
            for place, array in enumerate(part.columns):
                target = values[begin - start : end - start]
                if key == FLOATS:
                    target[:, place] = _numbers(array, entry.dtype, key)
                else:
                    target[...] = _rows(array, entry.shape[1:], entry.dtype, key)
            found += end - begin
    if found < stop - start:
        raise InvalidInputError(
            N_("The table must hold {stop} rows, as it declares; it holds {row}. Write it again."),
            stop=stop,
            row=start + found,
        )
    return values


def is_list(kind: Any) -> bool:
    """Whether a type is one of lists, of one length or of several."""
    from pyarrow import types

    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def plain_type(kind: Any) -> Any:
    """The type by which an extension type is stored, or the type itself."""
    return getattr(kind, "storage_type", kind)


def plain_array(array: Any) -> Any:
    """The array by which one of an extension type is stored, or the array itself."""
    return getattr(array, "storage", array)


def fixed_lengths(kind: Any) -> tuple[int | None, ...]:
    """How long the lists of a type are, one within another; None where each has a length of its own."""
    shape = getattr(kind, "shape", None)  # of a tensor, whose storage is flat
    if shape is not None:
        return tuple(shape)
    kind, lengths = plain_type(kind), []
    while is_list(kind):
        lengths.append(getattr(kind, "list_size", None))
        kind = plain_type(kind.value_type)
    return tuple(lengths)


def _columns(schema: Any, limits: ReadingLimits) -> list[Column]:
    names = schema.names
    if len(names) > limits.members:
        raise InvalidInputError(
            N_("A file may hold {members} columns; this one holds {columns}. Split it."),
            members=limits.members,
            columns=len(names),
        )
    if len(set(names)) < len(names):
        raise InvalidInputError(N_("Columns have names of their own; here one is there twice. Rename it."))
    return [_column(index, field) for index, field in enumerate(schema)]


def _column(index: int, field: Any) -> Column:
    from pyarrow import types

    kind = plain_type(field.type)
    holds_lists = is_list(kind)
    while is_list(kind):
        kind = plain_type(kind.value_type)
    name = str(kind)
    word = kind.value_type if types.is_dictionary(kind) else kind
    if types.is_string(word) or types.is_large_string(word) or types.is_string_view(word):
        dtype = TEXT
    elif len(fixed_lengths(field.type)) >= MOST_AXES:
        dtype = str(field.type)[:LONGEST_TYPE]
    else:
        dtype = TYPES.get(name, name[:LONGEST_TYPE])
    return Column(index, field.name or f"column {index + 1}", dtype, holds_lists)


def _entry(table: ArrowTable, column: Column) -> Entry:
    """The entry of a column that is an array alone, or none."""
    stored = table.stored(column.index)
    if column.dtype not in ITEM_BYTES:
        return Entry(column.key, (table.rows,), column.dtype, stored)
    lengths = table.lengths(column.index) if column.is_list else ()
    if isinstance(lengths, str):
        return Entry(column.key, dtype=column.dtype, stored=stored, refusal=lengths)
    shape = (table.rows, *lengths)
    return Entry(column.key, shape, column.dtype, stored, _refusal(shape, column.dtype, stored))


def _common_dtype(units: Sequence[Column]) -> str:
    return np.result_type(*(np.dtype(column.dtype) for column in units)).name


def _refusal(shape: Shape, dtype: str, stored: int) -> str:
    declared = math.prod(shape) * ITEM_BYTES[dtype]
    if declared <= MOST_COMPRESSION * stored:
        return ""
    return Phrase(
        N_(
            "A column must hold what it declares; {shape} of {dtype} is {declared}, stored are {stored}. The file"
            " lies: write it again."
        ),
        shape=shape,
        dtype=dtype,
        declared=in_words(declared),
        stored=in_words(stored),
    )


def _rows(array: Any, lengths: Shape, dtype: str, key: str) -> NDArray[Any]:
    """Rows of a column of lists, or of one of single numbers."""
    rows, shape, array = len(array), getattr(array.type, "shape", None), plain_array(array)
    for length in lengths if shape is None else (math.prod(shape),):
        known = array.value_lengths().to_numpy(zero_copy_only=False) if hasattr(array, "value_lengths") else [length]
        if array.null_count or np.any(known != length):
            raise InvalidInputError(
                N_(
                    "Lists in a column are equally long, {length} values in {key!r}; one is shorter, longer or"
                    " missing. Pad or cut it."
                ),
                length=length,
                key=key,
            )
        array = plain_array(array.flatten())
    flat = _numbers(array, dtype, key)
    if len(flat) != rows * math.prod(lengths):
        raise InvalidInputError(
            N_("Lists in {key!r} must have {values} values; some have others. Pad or cut them."),
            key=key,
            values=math.prod(lengths),
        )
    return flat.reshape(rows, *lengths)


def _numbers(array: Any, dtype: str, key: str) -> NDArray[Any]:
    """Single numbers; one that is missing is NaN."""
    array = plain_array(array)
    if array.null_count and not dtype.startswith("float"):
        raise InvalidInputError(
            N_(
                "Whole numbers cannot be missing; of {key!r}, {null_count} are. Save the column as floating-point"
                " numbers, in which they are NaN."
            ),
            key=key,
            null_count=array.null_count,
        )
    return np.asarray(array.to_numpy(zero_copy_only=False))
