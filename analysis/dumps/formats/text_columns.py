"""What a text holds once it is read: arrays by key, and entries that tell of them and of its columns of words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.dumps.entry import Entry
from analysis.dumps.files.file_stamp import Stamp, settled_stamp
from analysis.dumps.limits import ReadingLimits, require_text_size
from per_core.errors import InvalidInputError
from per_core.text import N_

UNITS = ""  # the key of all columns of single numbers together
Found = NDArray[Any] | str | int
"""An array of its own, why there is none, or the number of words."""


@dataclass(frozen=True, slots=True)
class TextColumns:
    """Arrays of a text.

    Attributes:
        entries: what there is.
        arrays: the values of those that can be read, by key.
    """

    entries: Sequence[Entry]
    arrays: Mapping[str, NDArray[Any]]

    def rows(self, key: str, start: int, stop: int) -> NDArray[Any]:
        """Rows start to stop − 1 of an array; an `InvalidInputError` if there are none such."""
        if key not in self.arrays:
            raise InvalidInputError(N_("There must be an array {key!r}; there is none now. Inspect it again."), key=key)
        values = self.arrays[key]
        if stop > len(values):
            raise InvalidInputError(
                N_("The table must have {stop} rows; it has {received} now. Inspect it again."),
                stop=stop,
                received=len(values),
            )
        return values[start:stop]


def columns_of(path: Path, limits: ReadingLimits, gather: Callable[[Path], TextColumns]) -> TextColumns:
    """What `gather` finds in a text, or what it found last if the text is as it was; a `BudgetError` if it is large."""
    found, is_settled = settled_stamp(path)
    require_text_size(found[1], limits)
    return _kept(path, found, gather) if is_settled else gather(path)


@lru_cache(maxsize=1)
def _kept(path: Path, found: Stamp, gather: Callable[[Path], TextColumns]) -> TextColumns:  # noqa: ARG001
    return gather(path)


def gathered(
    matrix: NDArray[Any] | None,
    names: tuple[str, ...],
    others: Mapping[str, Found],
    size: int,
    note: str = "",
) -> TextColumns:
    """The arrays of a table.

    Args:
        matrix: of the columns of single numbers that are units; None if there are none.
        names: of these columns; empty if they have none.
        others: key -> what there is beside it.
        size: bytes of the text, which the arrays share.
        note: what is worth knowing of the table, told with its first entry.
    """
    arrays = {} if matrix is None else {UNITS: matrix}
    arrays |= {key: values for key, values in others.items() if isinstance(values, np.ndarray)}
    total = sum(values.nbytes for values in arrays.values())
    entries = [] if matrix is None else [_of_array(UNITS, matrix, size, total, names)]
    for key, values in others.items():
        if isinstance(values, np.ndarray):
            entries.append(_of_array(key, values, size, total))
        elif isinstance(values, str):
            entries.append(Entry(key, refusal=values))
        else:
            entries.append(Entry(key, (values,), "text"))
    if entries:
        entries[0] = replace(entries[0], note=note)
    return TextColumns(entries, arrays)


def _of_array(key: str, values: NDArray[Any], size: int, total: int, names: tuple[str, ...] = ()) -> Entry:
    stored = round(size * values.nbytes / total) if total else 0
    return Entry(key, values.shape, values.dtype.name, stored, columns=names)
