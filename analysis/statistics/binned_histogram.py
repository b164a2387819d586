"""Histograms whose bins are given: of any width, with gaps, without an end or without a width."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.statistics.binned import ENDLESS, check_bins
from analysis.statistics.histogram import TRIMMED_SHARE

Float64Array = NDArray[np.float64]

MOST_STEPS = 2000  # of an outline


@dataclass(frozen=True, slots=True, eq=False)
class BinnedHistogram:
    """Counts in bins as they were given; none is cut or joined.

    Attributes:
        left, right, count: arrays (k,) of the bins that hold values, ascending, without overlap.
    """

    left: Float64Array
    right: Float64Array
    count: Float64Array

    @classmethod
    def of(cls, bins: ArrayLike) -> BinnedHistogram:
        """Of left edge, right edge and count of every bin, (k, 3); errors as of `binned_statistics`."""
        left, right, count = check_bins(bins).T
        return cls(
            np.where(left < -ENDLESS, -np.inf, left),
            np.where(right > ENDLESS, np.inf, right),
            np.ascontiguousarray(count),
        )

    @property
    def n(self) -> float:
        """All values."""
        return float(self.count.sum())

    @property
    def density(self) -> Float64Array:
        """Counts / (n · width), (k,): infinite for a bin without a width, 0 for one without an end."""
        with np.errstate(divide="ignore", over="ignore"):
            density: Float64Array = self.count / self.n / (self.right - self.left)
        return density

    @property
    def has_area(self) -> NDArray[np.bool_]:
        """Which bins can be drawn as an area, (k,)."""
        density = self.density
        return np.isfinite(density) & (density > 0)

    @property
    def at_one_value(self) -> list[tuple[float, float]]:
        """Values that a bin without a width holds, and their shares of all values, the largest share first."""
        is_point = np.isinf(self.density)
        points = zip(self.left[is_point].tolist(), (self.count[is_point] / self.n).tolist(), strict=True)
        return sorted(points, key=lambda point: -point[1])

    def steps(self, low: float, high: float) -> tuple[Float64Array, Float64Array]:
        """The outline of the density from low to high: edges (m + 1,), ascending, and the height between them (m,).

        The height is 0 in gaps. Of more than `MOST_STEPS` bins it is the `mean_density` on so many equal cells.
        """
        drawn = self.has_area & (self.right > low) & (self.left < high)
        if drawn.sum() > MOST_STEPS:
            cells = np.linspace(low, high, MOST_STEPS + 1)
            return cells, self.mean_density(cells)
        left, right = np.maximum(self.left[drawn], low), np.minimum(self.right[drawn], high)
        density = self.density[drawn]
        if not len(left):
            return np.zeros(1), np.zeros(0)
        edges = np.stack([left, right], axis=1).ravel()
        heights = np.stack([density, np.zeros(len(density))], axis=1).ravel()[:-1]
        is_kept = np.diff(edges) > 0
        return np.append(edges[:-1][is_kept], edges[-1]), heights[is_kept]

    def mean_density(self, edges: Float64Array) -> Float64Array:
        """The mean of the density from each of the edges (m + 1,) to the next, (m,).

        Values are taken as evenly spread within their bin; those of a bin without a width belong to the cell that it is
        in, and those of a bin without an end to none.
        """
        is_finite = np.isfinite(self.right - self.left)
        left, right, share = self.left[is_finite], self.right[is_finite], self.count[is_finite] / self.n
        below = np.zeros(len(edges))  # share of the values below each edge
        is_wide = self.has_area[is_finite]
        if is_wide.any():
            knots = np.stack([left[is_wide], right[is_wide]], axis=1).ravel()
            sums = np.cumsum(np.stack([np.zeros(is_wide.sum()), share[is_wide]], axis=1).ravel())
            below += np.interp(edges, knots, sums)
        points, shares = left[~is_wide], np.append(0.0, np.cumsum(share[~is_wide]))
        passed = np.searchsorted(points, edges)
        passed[-1] = np.searchsorted(points, edges[-1], side="right")
        below += shares[passed]
        density: Float64Array = np.diff(below) / np.diff(edges)
        return density

    def share_above(self, density: float) -> float:
        """The share of the values in bins of a larger density than this one; bins without a width are none of them."""
        return float(self.count[self.has_area & (self.density > density)].sum() / self.n)

    def share_inside(self, low: float, high: float) -> float:
        """The share of the values from low to high, as evenly spread within their bins as `mean_density` takes them."""
        return float(self.mean_density(np.array([low, high]))[0] * (high - low))


def shared_range(histograms: Iterable[BinnedHistogram]) -> tuple[float, float]:
    """Ends of an axis, low < high, for histograms that are drawn on it together.

    As of `histogram`: of the values of all of them the smallest and the largest 1 % are set aside, the span of the
    others is extended by itself on both sides, and cut where no bin is.
    """
    every = list(histograms)
    left, right, share = (
        np.concatenate(parts)
        for parts in zip(*((one.left, one.right, one.count / one.n) for one in every), strict=True)
    )
    ends = np.concatenate([left, right])
    ends = ends[np.isfinite(ends)]
    if not len(ends):
        return -1.0, 1.0
    most = TRIMMED_SHARE * len(every)
    low = _first_beyond(np.where(np.isfinite(left), left, right), share, most)
    high = -_first_beyond(-np.where(np.isfinite(right), right, left), share, most)
    span = high - low
    low, high = max(float(ends.min()), low - span), min(float(ends.max()), high + span)
    if not high - low > 1e-9 * max(abs(low), abs(high)):
        half = abs(low) / 2 or 0.5
        return low - half, high + half
    return low, high


def _first_beyond(edges: Float64Array, share: Float64Array, most: float) -> float:
    """The edge, from the smallest on, at which more than so large a share is reached."""
    order = np.argsort(edges, kind="stable")
    position = int(np.searchsorted(np.cumsum(share[order]), most, side="right"))
    return float(edges[order[min(position, len(order) - 1)]])
