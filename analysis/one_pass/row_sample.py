"""A sample of rows that can be merged: the rows with the smallest random keys."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

GAMMA = 0x9E3779B97F4A7C15


@dataclass(frozen=True, slots=True, eq=False)
class RowSample:
    """At most `size` rows, drawn without replacement, each row of the data as likely as any other.

    A row's key depends on the seed and on its place in the whole data only, and the rows with the smallest keys are
    kept. So parts merge into exactly the sample of the whole, however the data was cut and in whatever order.

    Attributes:
        size: most rows.
        keys: (m,), uint64, growing; all differ.
        places: (m,), int64, of the rows in the whole data.
        rows: (m, d), float32.
    """

    size: int
    keys: NDArray[np.uint64]
    places: NDArray[np.int64]
    rows: NDArray[np.float32]

    @classmethod
    def empty(cls, size: int, d: int) -> RowSample:
        """No row yet."""
        return cls(size, np.zeros(0, np.uint64), np.zeros(0, np.int64), np.zeros((0, d), np.float32))

    @classmethod
    def of(cls, rows: NDArray[np.float32], places: NDArray[np.int64], size: int, seed: int) -> RowSample:
        """The sample of rows (n, d) at these places."""
        keys = splitmix64(places, seed)
        kept = np.argsort(keys)[:size]
        return cls(size, keys[kept], places[kept], rows[kept])

    def merge(self, other: RowSample) -> RowSample:
        """The sample of both data sets together."""
        keys = np.concatenate([self.keys, other.keys])
        kept = np.argsort(keys)[: self.size]
        places = np.concatenate([self.places, other.places])[kept]
        return RowSample(self.size, keys[kept], places, np.concatenate([self.rows, other.rows])[kept])


def splitmix64(places: NDArray[np.int64], seed: int) -> NDArray[np.uint64]:
    """Numbers `places` of the stream of random 64-bit integers with this seed; different for different places.

    Source: Steele, Lea and Flood (2014), "Fast splittable pseudorandom number generators".
    """
    z = (places.astype(np.uint64) + np.uint64(1)) * np.uint64(GAMMA) + np.uint64(seed % 2**64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: NDArray[np.uint64] = z ^ (z >> np.uint64(31))
    return mixed
