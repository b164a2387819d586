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
from torch import Tensor

from analysis.batch import Float32Matrix
from per_core.errors import InvalidInputError

Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]


def shuffles_that_fit(rows: int) -> int:
    """How many permutations are worth their time with so many rows in both batches: 99 (level 1 %) or 19 (5 %)."""
    return 99 if rows <= 50_000 else 19


def shuffled_distances(
    values: Float32Matrix, others: Float32Matrix, directions: Tensor, *, count: int, seed: int = 0
) -> Float64Array:
    """SW1 between two batches whose rows were pooled and permuted, `count` times: an array (count,).

    Args:
        values: (n, d).
        others: (m, d).
        directions: (k, d) unit rows.
        seed: of the shuffling.
    """
    steps = np.repeat(np.array([1 / len(values), -1 / len(others)], np.float32), [len(values), len(others)])
    rng = np.random.default_rng(seed)
    return _permuted_distances(values, others, directions, lambda: rng.permutation(steps), count)


def swapped_distances(
    values: Float32Matrix, others: Float32Matrix, directions: Tensor, *, count: int, seed: int = 0
) -> Float64Array:
    """SW1 between two batches of which each pair of rows i changed places or not, `count` times: an array (count,).

    Args:
        values, others: (n, d), row i of both of the same input.
        directions: (k, d) unit rows.
        seed: of the swaps.

    Raises:
        InvalidInputError: If the batches have different numbers of rows.
    """
    n = len(values)
    if len(others) != n:
        raise InvalidInputError(
            f"Pairs need as many rows in both batches; received {n:,} and {len(others):,}. Pass the rows they share."
        )
    rng = np.random.default_rng(seed)

    def swap() -> Float32Array:
        signs = rng.choice(np.array([1 / n, -1 / n], np.float32), n)
        return np.concatenate([signs, -signs])

    return _permuted_distances(values, others, directions, swap, count)


def _permuted_distances(
    values: Float32Matrix, others: Float32Matrix, directions: Tensor, permute: Callable[[], Float32Array], count: int
) -> Float64Array:
    """W1 = ∫ |F − G| along each direction: the pooled rows are sorted once, then a permutation is a cumulative sum.

    `permute` gives what each pooled row adds to F − G: 1/n in the first batch, −1/m in the second.
    """
    projections = directions.numpy() @ np.concatenate([values, others]).T  # (k, n + m)
    order = np.argsort(projections, axis=1)
    gaps = np.diff(np.take_along_axis(projections, order, axis=1), axis=1)
    distances = [(np.abs(np.cumsum(permute()[order], axis=1)[:, :-1]) * gaps).sum(axis=1).mean() for _ in range(count)]
    return np.array(distances, np.float64)
