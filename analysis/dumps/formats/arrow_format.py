"""Arrow's own files and streams (.arrow, Feather), only ever in the reading process, as datasets of Hugging Face are.

A file is mapped: its arrays are used where they lie, and only compressed ones are unpacked.
"""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.dumps.entry import Entry
from analysis.dumps.formats.arrow_table import (
    Shape,
    fixed_lengths,
    is_list,
    list_columns,
    plain_array,
    plain_type,
    read_column,
)
from analysis.dumps.limits import ReadingLimits
from per_core.errors import InvalidInputError
from per_core.text import N_, Phrase

MAGIC = b"ARROW1"  # of a file, which ends with a directory of its batches; a stream has none


def list_entries(path: Path, limits: ReadingLimits) -> list[Entry]:
    """Every array of the table; how long its lists are is told by where each of them ends.

    Raises:
        InvalidInputError: If Arrow cannot open the file, or there are too many columns or no rows in it.
    """
    with _opened(path) as table:
        return list_columns(table, limits)


def read_rows(path: Path, key: str, start: int, stop: int, limits: ReadingLimits) -> NDArray[Any]:
    """Rows start to stop − 1 of a column, or of all columns of single floating-point numbers."""
    with _opened(path) as table:
        return read_column(table, key, start, stop, limits)


class IpcTable:
    """The table of a file or stream that is mapped at `data`."""

    def __init__(self, data: Any) -> None:
        self._data = data
        self.schema = self._reader().schema
        self.rows = 0
        self._sizes = np.zeros(len(self.schema), np.int64)
        self._lengths: dict[int, Shape | str] = {}
        for batch in self._all_batches(range(len(self.schema))):
            self._look_at(batch)

    def stored(self, index: int) -> int:
        """The column's share of the file, by what it takes unpacked."""
        return int(self._sizes[index] / max(1, self._sizes.sum()) * self._data.size())

    def lengths(self, index: int) -> Shape | str:
        """Those of all lists of the column."""
        return self._lengths[index]

    def batches(self, indices: Sequence[int], start: int, stop: int) -> Iterator[tuple[int, Any]]:
        """Every batch is found by the one before it, which costs little: it is not copied."""
        position = 0
        for batch in self._all_batches(indices):
            if position + batch.num_rows > start:
                batch.validate(full=True)
                yield position, batch
            position += batch.num_rows
            if position >= stop:
                return

    def _reader(self, indices: Sequence[int] | None = None) -> Any:
        from pyarrow import ipc

        self._data.seek(0)
        head = self._data.read(len(MAGIC))
        self._data.seek(0)
        options = ipc.IpcReadOptions(use_threads=False, included_fields=None if indices is None else list(indices))
        return (ipc.open_file if head == MAGIC else ipc.open_stream)(self._data, options=options)

    def _all_batches(self, indices: Sequence[int]) -> Iterator[Any]:
        reader = self._reader(indices)
        count = getattr(reader, "num_record_batches", None)
        yield from reader if count is None else map(reader.get_batch, range(count))

    def _look_at(self, batch: Any) -> None:
        """Count what is in a batch, and how long its lists are."""
        batch.validate()
        self.rows += batch.num_rows
        for index, array in enumerate(batch.columns):
            self._sizes[index] += array.nbytes
            if is_list(plain_type(array.type)) and batch.num_rows:
                found, known = _lengths(array), self._lengths.get(index)
                self._lengths[index] = found if known in (None, found) or isinstance(found, str) else _uneven()


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[IpcTable]:
    """The table of a file; what the library raises of a damaged one, while it is used as well, is told."""
    import pyarrow as pa

    try:
        with _address_space(path.stat().st_size), pa.memory_map(str(path)) as data:
            yield IpcTable(data)
    except (MemoryError, InvalidInputError):
        raise
    except Exception as error:
        raise InvalidInputError(
            N_(
                "Arrow must be able to read the file; it cannot: {error!s:.200}. It is damaged or cut short: write it"
                " again."
            ),
            error=error,
        ) from error


@contextlib.contextmanager
def _address_space(size: int) -> Iterator[None]:
    """Let this process map so many bytes more: those of a mapped file are no memory that it takes."""
    before, most = resource.getrlimit(resource.RLIMIT_AS)
    if before != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_AS, (before + size, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (before, most))


def _lengths(array: Any) -> Shape | str:
    """How long the lists of a batch are, one within another; or why they have no one length."""
    fixed = fixed_lengths(array.type)
    if None not in fixed:
        return tuple(length for length in fixed if length is not None)
    array, lengths = plain_array(array), []
    array.validate(full=True)  # where lists end is a stranger's word
    while is_list(array.type):
        found = array.value_lengths()
        if array.null_count or len(found.unique()) != 1:
            return _uneven()
        lengths.append(int(found[0].as_py()))
        if not lengths[-1]:
            break
        array = plain_array(array.flatten())
    return tuple(lengths)


def _uneven() -> str:
    return Phrase(
        N_(
            "Lists in a column are equally long, one row as many units as another; here they are not, or one is"
            " missing. Pad or cut them."
        )
    )
