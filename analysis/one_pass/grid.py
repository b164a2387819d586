"""The fixed grid on which projections are counted."""

from __future__ import annotations

import math
from dataclasses import dataclass

from per_core.errors import InvalidInputError

MOST_BINS = 2**16


@dataclass(frozen=True, slots=True)
class Grid:
    """Bins of equal width over [−limit, limit), each with its left edge and without its right one.

    Attributes:
        limit: in units of the projections; N(0, 1) has 1e-15 of its mass outside 8.
        bins: how many, even, at most 65536. 2·limit/bins is a power of two, so that the bin of a float32 is found
            without rounding.

    Raises:
        InvalidInputError: If `bins` is no such number, or the width no power of two.
    """

    limit: float = 8.0
    bins: int = 4096

    def __post_init__(self) -> None:
        counted = type(self.bins) is int and 2 <= self.bins <= MOST_BINS and self.bins % 2 == 0
        if not counted or not 0 < self.limit < 2**20 or math.frexp(self.width)[0] != 0.5:
            raise InvalidInputError(
                f"A grid has an even number of bins, {MOST_BINS} at most, and a width 2 limit/bins that is a power of"
                f" two; received limit={self.limit!r}, bins={self.bins!r}. Take limit=8 and bins=4096, say."
            )

    @property
    def width(self) -> float:
        """Of a bin, in units of the projections."""
        return 2 * self.limit / self.bins
