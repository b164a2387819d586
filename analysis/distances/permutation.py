"""What the distance between two batches is when both come from one distribution: their rows, permuted.

If two samples are of one distribution, which row stands in which of them is chance, so the distance after the rows are
pooled and permuted is as likely as the one that was found (a permutation test: Pitman 1937). Where
row i of both belongs to the same input, the rows of a pair are alike, and shuffling all of them would call far too
large a distance chance: then only the two rows of a pair change places, each with probability 1/2 (Fisher 1935).
Swapped pairs are as good a test for rows that are independent.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from analysis.batch import ActivationBatch
from analysis.distances.directions import shared_directions
from analysis.statistics.null_band import NullBand, band_of
from per_core.errors import InvalidInputError
from per_core.text import N_

Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]


def shuffles_that_fit(rows: int) -> int:
    """How many permutations are worth their time with so many rows in both batches: 99 (level 1 %) or 19 (5 %)."""
    return 99 if rows <= 50_000 else 19


def permutation_band(batch: ActivationBatch, other: ActivationBatch, *, slices: int, paired: bool) -> NullBand:
    """SW1 after the rows of both batches, or of each pair, were permuted, as often as fits."""
    permute = swapped_distances if paired else shuffled_distances
    return band_of(permute(batch, other, slices=slices, count=shuffles_that_fit(batch.n + other.n)))


def shuffled_distances(
    batch: ActivationBatch, other: ActivationBatch, *, slices: int, count: int, seed: int = 0
) -> Float64Array:
    """SW1 between two batches whose rows were pooled and permuted, `count` times: an array (count,).

    Args:
        batch, other: finite, (n, d) and (m, d).
        slices: number of shared directions.
        seed: of the shuffling.
    """
    steps = np.repeat(np.array([1 / batch.n, -1 / other.n], np.float32), [batch.n, other.n])
    rng = np.random.default_rng(seed)
    return _permuted_distances(batch, other, slices, lambda: rng.permutation(steps), count)


def swapped_distances(
    batch: ActivationBatch, other: ActivationBatch, *, slices: int, count: int, seed: int = 0
) -> Float64Array:
    """SW1 between two batches of which each pair of rows i changed places or not, `count` times: an array (count,).

    Args:
        batch, other: finite, (n, d), row i of both of the same input.
        slices: number of shared directions.
        seed: of the swaps.

    Raises:
        InvalidInputError: If the batches have different numbers of rows.
    """
    n = batch.n
    if other.n != n:
        raise InvalidInputError(
            N_("Pairs need as many rows in both batches; received {n:,} and {other_n:,}. Pass the rows they share."),
            n=n,
            other_n=other.n,
        )
    rng = np.random.default_rng(seed)

    def swap() -> Float32Array:
        signs = rng.choice(np.array([1 / n, -1 / n], np.float32), n)
        return np.concatenate([signs, -signs])

    return _permuted_distances(batch, other, slices, swap, count)


def _permuted_distances(
    batch: ActivationBatch, other: ActivationBatch, slices: int, permute: Callable[[], Float32Array], count: int
) -> Float64Array:
    """W1 = ∫ |F − G| along each direction: the pooled rows are sorted once, then a permutation is a cumulative sum.

    `permute` gives what each pooled row adds to F − G: 1/n in the first batch, −1/m in the second.
    """
    directions = shared_directions(batch.d, slices).numpy()
    projections = directions @ np.concatenate([batch.values, other.values]).T  # (k, n + m)
    order = np.argsort(projections, axis=1)
    gaps = np.diff(np.take_along_axis(projections, order, axis=1), axis=1)
    distances = [(np.abs(np.cumsum(permute()[order], axis=1)[:, :-1]) * gaps).sum(axis=1).mean() for _ in range(count)]
    return np.array(distances, np.float64)
