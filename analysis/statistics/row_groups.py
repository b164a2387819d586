"""Rows that fall into few tight groups: what a classifier that has converged shows in its last layers."""

from __future__ import annotations

import warnings
from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2

Float64Array = NDArray[np.float64]

TIGHT = 0.5  # of what Gaussian rows of the same covariance keep within groups: converged digits have 0.41, uniform 0.6
MOST_ROWS = 512
STARTS = 3  # of k-means
MOST_GROUPS = 128


def rows_are_grouped(centred: Float64Array, rank: float) -> bool:
    """Whether the rows fall into few tight groups, as classes do.

    Classes that a network tells apart come close to points at equal distances, so that k classes have an effective
    rank of k − 1 (neural collapse), and of half as many where some are nearer to each other. Rows are grouped if
    k-means with 2·(rank + 1) groups (2 if the rank is below 1.5) leaves at most half of the squares within them that it
    leaves of Gaussian rows of the same covariance.

    Args:
        centred: values (n, d) less the mean of each unit.
        rank: their effective rank.

    Source: Papyan, Han and Donoho (2020), "Prevalence of neural collapse during the terminal phase of deep learning
    training".
    """
    some = centred[np.linspace(0, len(centred) - 1, min(len(centred), MOST_ROWS)).astype(int)]
    most = 2 if rank < 1.5 else min(MOST_GROUPS, 2 * (ceil(rank) + 1))
    if most >= len(some) / 2 or not some.any():
        return False
    left, singular, _ = np.linalg.svd(some / np.abs(some).max(), full_matrices=False)
    scores = left[:, :most] * singular[:most]
    beyond = float(np.square(singular[most:]).sum())
    gaussian = np.random.default_rng(0).normal(size=scores.shape) * singular[:most] / np.sqrt(len(scores))
    return _within(scores, most) + beyond <= TIGHT * (_within(gaussian, most) + beyond)


def _within(scores: Float64Array, groups: int) -> float:
    """The least sum of squares that k-means leaves within so many groups."""
    least = np.inf
    for seed in range(STARTS):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an empty group is a group less
            centres, group = kmeans2(scores, groups, minit="++", seed=seed)
        least = min(least, float(np.square(scores - centres[group]).sum()))
    return least
