"""The numbers of a text table, in blocks of lines: only the columns that are asked for are put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

MOST_SHORT = 2**15


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """Lines of numbers, NaN where there is none.

    Attributes:
        width: number of all columns.
        blocks: (lines, width) each, of any type that is exact.
    """

    width: int
    blocks: Sequence[NDArray[Any]]

    def __len__(self) -> int:
        """Number of the lines."""
        return sum(map(len, self.blocks))

    @property
    def whole_type(self) -> type[np.signedinteger[Any]]:
        """The type that takes all of them if they are whole numbers."""
        return np.int16 if all(block.dtype == np.int16 for block in self.blocks) else np.int64

    def column(self, column: int) -> NDArray[np.float64]:
        """One column, (n,)."""
        return self.matrix([column])[:, 0]

    def matrix(self, columns: Sequence[int], dtype: DTypeLike = np.float64) -> NDArray[Any]:
        """Some columns, (n, d)."""
        values = np.empty((len(self), len(columns)), dtype)
        chosen = slice(None) if list(columns) == list(range(self.width)) else columns
        done = 0
        for block in self.blocks:
            values[done : done + len(block)] = block[:, chosen]
            done += len(block)
        return values


def shortened(numbers: NDArray[np.float64]) -> NDArray[Any]:
    """The numbers as int16 if all are whole and take two bytes: much that is written as text does."""
    is_short = np.all((numbers == np.floor(numbers)) & (np.abs(numbers) < MOST_SHORT))
    return numbers.astype(np.int16) if is_short else numbers
