"""An entry: what a file says of one array in it, before any value is read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from operator import attrgetter
from typing import Any

from per_core.recording.rows import Rows
from per_core.text import as_json, from_json

ITEM_BYTES = {
    "bool": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "int64": 8, "uint64": 8,
    "float8_e4m3fn": 1, "float8_e4m3fnuz": 1, "float8_e5m2": 1, "float8_e5m2fnuz": 1,
    "float16": 2, "bfloat16": 2, "float32": 4, "float64": 8,
}  # fmt: skip
"""Bytes of one value of every type that can be read."""

TEXT = "text"
"""The type of what is no numbers but words: labels, names, descriptions."""

HISTOGRAM = "histogram"
"""The type of bins, (bins, 3): left edge, right edge and count of each; the values themselves are not there."""

MOST_AXES = 16
MOST_VALUES = 2**62  # larger shapes are refused before their product meets a 64-bit integer


@dataclass(frozen=True, slots=True)
class Entry:
    """One array as its file declares it.

    Attributes:
        key: its name within the file; empty if the file holds one array without a name.
        shape: as stored; None if unknown.
        dtype: a key of `ITEM_BYTES`, `TEXT`, `HISTOGRAM`, or whatever else the file calls it.
        stored: bytes that it takes in the file, compressed or not; of what is in an archive its share of the compressed
            bytes; None if unknown.
        refusal: why it cannot be read and what to do, or empty.
        note: what else is worth knowing.
        layer, epoch: if the file states them, instead of a name that has to be parsed.
        row: what a row is, if the file states it.
        unused: rows behind those in use, which the file itself says are none ('count'); `shape` is without them.
        columns: names of the columns of a table whose single numbers are its units; empty of any other array.
        counted: values that the bins of a histogram count; None of any other array.
    """

    key: str
    shape: tuple[int, ...] | None = None
    dtype: str = ""
    stored: int | None = None
    refusal: str = ""
    note: str = ""
    layer: str | None = None
    epoch: float | None = None
    row: Rows | None = None
    unused: int = 0
    columns: tuple[str, ...] = ()
    counted: int | None = None

    @property
    def declared(self) -> int | None:
        """Bytes that shape and type come to."""
        if self.shape is None or self.dtype not in ITEM_BYTES:
            return None
        return math.prod(self.shape) * ITEM_BYTES[self.dtype]


_values = attrgetter(*(field.name for field in fields(Entry)))


def as_values(entry: Entry) -> tuple[Any, ...]:
    """What an entry says, in the order of its attributes, for JSON."""
    return tuple(as_json(value) for value in _values(entry))


def of_values(values: Sequence[Any]) -> Entry:
    """The entry of which `as_values` are these, or were before they went through JSON."""
    entry = Entry(*values)
    shape = None if entry.shape is None else tuple(entry.shape)
    row = None if entry.row is None else Rows(*entry.row)
    refusal, note = from_json(entry.refusal), from_json(entry.note)
    return replace(entry, shape=shape, columns=tuple(entry.columns), row=row, refusal=refusal, note=note)


@lru_cache(maxsize=4096)
def shared(entry: Entry) -> Entry:
    """An equal entry that was there before: arrays of one kind come by the thousand."""
    return entry


def is_plain_shape(shape: object) -> bool:
    """Whether it is a list or tuple of whole numbers of at least 0, not too many and not too large."""
    return (
        isinstance(shape, list | tuple)
        and len(shape) <= MOST_AXES
        and all(type(length) is int and 0 <= length <= MOST_VALUES for length in shape)
        and math.prod(shape) <= MOST_VALUES
    )
