"""The fixed grid on which projections are counted."""

from __future__ import annotations

from dataclasses import dataclass

from per_core.errors import InvalidInputError
from per_core.text import N_

MOST_BINS = 2**14
FIXED_BITS = 23  # whole numbers of so many bits are exact in float32, with the implicit one above them


@dataclass(frozen=True, slots=True)
class Grid:
    """Bins of equal width over [−limit, limit), each with its left edge and without its right one.

    Projections are taken as fixed-point numbers: as whole numbers of quanta, 2^p of them to a bin.

    Attributes:
        limit: in units of the projections; N(0, 1) has 6e-7 of its mass outside 5.
        bins: how many, even, at most 16384.

    Raises:
        InvalidInputError: If `bins` is no such number, or the limit not from 2^-6 to 2^6.
    """

    limit: float = 5.0
    bins: int = 3072

    def __post_init__(self) -> None:
        counted = type(self.bins) is int and 2 <= self.bins <= MOST_BINS and self.bins % 2 == 0
        if not counted or not 2**-6 <= self.limit <= 2**6:
            raise InvalidInputError(
                N_(
                    "A grid has an even number of bins, {most_bins} at most, and a limit from 1/64 to 64; received"
                    " limit={limit!r}, bins={bins!r}. Take limit=5 and bins=3072, say."
                ),
                most_bins=MOST_BINS,
                limit=self.limit,
                bins=self.bins,
            )

    @property
    def width(self) -> float:
        """Of a bin, in units of the projections."""
        return 2 * self.limit / self.bins

    @property
    def precision(self) -> int:
        """The binary digits p of a place within a bin: those that float32 has left, beside both tails."""
        return FIXED_BITS - (self.bins + 1).bit_length()

    @property
    def quantum(self) -> float:
        """The unit of the fixed-point numbers, in units of the projections."""
        return float(self.width / 2**self.precision)
