"""Binned values: what counts in bins still tell of the values, as bounds that hold wherever these lie in their bins.

A histogram of a layer pools the values of all units: d = 1. The values are n numbers of which those of bin i, a share
p_i, lie anywhere in [l_i, r_i].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from per_core.errors import InvalidInputError
from per_core.text import N_

Float64Array = NDArray[np.float64]

ENDLESS = 1e150  # edges beyond, of which some writers put ±1.8e308 for infinity, are taken for infinite


@dataclass(frozen=True, slots=True)
class Bounds:
    """The smallest and the largest value that a statistic can have; infinite where nothing bounds it."""

    lower: float
    upper: float

    @property
    def middle(self) -> float:
        """Half-way between; infinite or NaN if one bound is infinite."""
        return (self.lower + self.upper) / 2

    @property
    def width(self) -> float:
        """By how much the statistic can vary."""
        return self.upper - self.lower


@dataclass(frozen=True, slots=True)
class BinnedStatistics:
    """What bins tell of n values of one unit.

    Attributes:
        n: sum of the counts.
        used_bins: bins with a value.
        mean, variance: of the values, the variance biased (ddof = 0).
        w1: their exact Wasserstein-1 distance to N(0, 1).
    """

    n: float
    used_bins: int
    mean: Bounds
    variance: Bounds
    w1: Bounds


def binned_statistics(bins: ArrayLike) -> BinnedStatistics:
    """Bounds of mean, variance and distance to N(0, 1) of values of which only counts in bins are known.

    The bounds are the best that the bins allow, if values may be any: some choice within the bins comes as close as
    wanted. They close as the bins shrink; those of mean and distance are at most Σ p_i (r_i − l_i) apart.

    Args:
        bins: (k, 3) of left edge, right edge and count, in ascending order, without overlap. Edges may be infinite, and
            gaps between bins hold no value.

    Raises:
        InvalidInputError: If the bins are not so, or no count is positive.
    """
    left, right, count = check_bins(bins).T
    left, right = np.where(left < -ENDLESS, -np.inf, left), np.where(right > ENDLESS, np.inf, right)
    n = float(count.sum())
    p = count / n
    return BinnedStatistics(
        n,
        len(p),
        mean=Bounds(float(p @ left), float(p @ right)),
        variance=Bounds(_least_variance(left, right, p), _largest_variance(left, right, p)),
        w1=_w1_bounds(left, right, p),
    )


def check_bins(received: ArrayLike) -> Float64Array:
    """The bins that hold values, (k, 3), of those that `binned_statistics` takes; errors as of it."""
    bins = np.asarray(received)
    if bins.ndim != 2 or bins.shape[1] != 3 or bins.dtype.kind not in "fiu":
        raise InvalidInputError(
            N_(
                "Bins are numbers of shape (k, 3): left edge, right edge, count; received dtype {dtype}, shape"
                " {shape}. Stack the three as columns."
            ),
            dtype=bins.dtype,
            shape=bins.shape,
        )
    values = bins.astype(np.float64)
    left, right, count = values.T
    with np.errstate(over="ignore"):
        total = count.sum()
    if not (np.isfinite(total) and (count >= 0).all() and count.any()):
        raise InvalidInputError(
            N_("Counts are finite numbers of at least 0, one of them positive; received others. Leave out empty ones.")
        )
    used: Float64Array = values[count > 0]
    ends = (left == np.inf).any() or (right == -np.inf).any()
    if ends or not ((left <= right).all() and (used[:-1, 1] <= used[1:, 0]).all()):
        raise InvalidInputError(
            N_(
                "Bins ascend and do not overlap: each left edge is at most its right one, and that at most the next"
                " left one; received others. Sort the bins by their left edges."
            )
        )
    return used


def _least_variance(left: Float64Array, right: Float64Array, p: Float64Array) -> float:
    """min over c of Σ p_i dist(c, [l_i, r_i])²: every value as near to the mean as its bin allows.

    The minimum is at c = Σ p_i clip(c, l_i, r_i): at most one bin holds c, those below count with r_i, those above with
    l_i. A bin without end counts with its finite edge, which is the nearer one.
    """
    near_left = np.where(np.isfinite(left), left, np.where(np.isfinite(right), right, 0.0))
    near_right = np.where(np.isfinite(right), right, near_left)
    below = np.concatenate([[0.0], np.cumsum(p * near_right)[:-1]])  # Σ over i < j
    above = np.concatenate([np.cumsum((p * near_left)[::-1])[::-1][1:], [0.0]])  # Σ over i > j
    from_left = near_left - below - p * near_left - above  # c − Σ p clip(c) at c = l_j, ascending in j
    j = max(0, int(np.searchsorted(from_left, 0.0, side="right")) - 1)
    rest = 1 - p[j]
    within = (below[j] + above[j]) / rest if len(p) > 1 and rest > 0 else near_left[j]
    c = within if within <= near_right[j] else below[j] + above[j] + p[j] * near_right[j]
    distance = np.maximum(np.maximum(near_left - c, c - near_right), 0.0)
    return float(p @ distance**2)


def _largest_variance(left: Float64Array, right: Float64Array, p: Float64Array) -> float:
    """max over values of min over c = min over c of Σ p_i max((l_i − c)², (r_i − c)²): the values at edges of bins.

    Below its middle a bin counts with its right edge, above with its left one. The derivative ascends, and jumps at the
    middles of bins.
    """
    if not (np.isfinite(left).all() and np.isfinite(right).all()):
        return np.inf
    middle = (left + right) / 2
    # with the first j bins counted by their left edges and the others by their right ones, j = 0 to k
    mean = np.concatenate([[0.0], np.cumsum(p * left)]) + np.concatenate([np.cumsum((p * right)[::-1])[::-1], [0.0]])
    j = int(np.searchsorted(middle - mean[1:], 0.0, side="left"))
    c = min(mean[j], middle[j]) if j < len(middle) else mean[j]
    return float(p @ np.maximum((left - c) ** 2, (right - c) ** 2))


def _w1_bounds(left: Float64Array, right: Float64Array, p: Float64Array) -> Bounds:
    """Bounds of ∫ |Q(u) − z(u)| du, Q the quantiles of the values and z = Φ⁻¹ those of N(0, 1).

    In bin i, u goes from a to b, and z from α to β. Q is any ascending function with values in [l_i, r_i]. The integral
    is least where Q is the value nearest to z, ∫ (l − z)⁺ + (z − r)⁺ du. It is convex in Q, so that it is largest where
    Q jumps from l to r once, and then at an end of the bin: all values at l, or all at r.
    """
    total = np.concatenate([[0.0], np.cumsum(p)]).clip(0.0, 1.0)
    total[-1] = 1.0
    a, b = total[:-1], total[1:]
    lower = _below(left, a, b) + _above(right, a, b)
    upper = np.maximum(_below(left, a, b) + _above(left, a, b), _below(right, a, b) + _above(right, a, b))
    return Bounds(max(0.0, float(lower.sum())), float(upper.sum()))


def _below(edge: Float64Array, a: Float64Array, b: Float64Array) -> Float64Array:
    """∫ (edge − z(u))⁺ du from a to b: edge (Φ(κ) − a) − (φ(α) − φ(κ)), κ the edge within [α, β]."""
    alpha, beta = ndtri(a), ndtri(b)
    inner = np.clip(edge, alpha, beta)
    share = np.where(edge <= alpha, 0.0, np.where(edge >= beta, b, ndtr(inner)) - a)
    with np.errstate(invalid="ignore"):  # −∞ · 0, where nothing is below
        found = edge * share - (_density(alpha) - _density(inner))
    return np.where(edge <= alpha, 0.0, found)


def _above(edge: Float64Array, a: Float64Array, b: Float64Array) -> Float64Array:
    """∫ (z(u) − edge)⁺ du from a to b, that of `_below` mirrored."""
    return _below(-edge[::-1], 1 - b[::-1], 1 - a[::-1])[::-1]


def _density(z: Float64Array) -> Float64Array:
    density: Float64Array = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    return density
