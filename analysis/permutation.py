"""What the distance between two batches is when both come from one law: their rows, dealt out anew.

If two samples are of one law, which row stands in which of them is chance, so the distance after the rows are pooled,
shuffled and dealt out again is as likely as the one that was found (a permutation test: Pitman 1937).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from analysis.batch import Float32Matrix

Float64Array = NDArray[np.float64]


def shuffled_distances(
    values: Float32Matrix, others: Float32Matrix, directions: Tensor, *, count: int, seed: int = 0
) -> Float64Array:
    """SW1 between two batches whose rows were pooled and dealt out anew, `count` times: an array (count,).

    Along each direction W1 = ∫ |F − G|, F and G the two distribution functions: the pooled rows are sorted once, and
    every deal costs a cumulative sum.

    Parameters
    ----------
    values : (n, d). others : (m, d). directions : (k, d) unit rows. seed : of the shuffling.
    """
    projections = directions.numpy() @ np.concatenate([values, others]).T  # (k, n + m)
    order = np.argsort(projections, axis=1)
    gaps = np.diff(np.take_along_axis(projections, order, axis=1), axis=1)
    steps = np.repeat(np.array([1 / len(values), -1 / len(others)], np.float32), [len(values), len(others)])
    rng = np.random.default_rng(seed)
    distances = [
        (np.abs(np.cumsum(rng.permutation(steps)[order], axis=1)[:, :-1]) * gaps).sum(axis=1).mean()
        for _ in range(count)
    ]
    return np.array(distances, np.float64)
