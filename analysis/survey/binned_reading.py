"""What a histogram tells of a layer: bounds, of all its values pooled."""

from __future__ import annotations

import math
from dataclasses import dataclass

from numpy.typing import ArrayLike

from analysis.statistics.binned import Bounds, binned_statistics


@dataclass(frozen=True, slots=True)
class BinnedReading:
    """One layer at one epoch of which only a histogram is known.

    The values of all rows and units are pooled: the distance is that of a single number drawn from the layer, not the
    sliced distance of its rows. A layer whose units are all N(0, 1) has 0, however these depend on each other.

    Attributes:
        n: values that the bins count.
        bins: that hold a value.
        w1: their exact Wasserstein-1 distance to N(0, 1).
        pooled_mean, pooled_variance: of the values, the variance biased (ddof = 0).
    """

    n: int
    bins: int
    w1: Bounds
    pooled_mean: Bounds
    pooled_variance: Bounds

    @classmethod
    def of(cls, bins: ArrayLike) -> BinnedReading:
        """Of left edge, right edge and count of every bin, (k, 3); errors as of `binned_statistics`."""
        found = binned_statistics(bins)
        return cls(round(found.n), found.used_bins, found.w1, found.mean, found.variance)

    @property
    def root_mean_square(self) -> Bounds:
        """Bounds that follow from those of mean and variance: √(variance + mean²)."""
        low, high = self.pooled_mean.lower, self.pooled_mean.upper
        nearest = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
        return Bounds(
            math.hypot(math.sqrt(self.pooled_variance.lower), nearest),
            math.hypot(math.sqrt(self.pooled_variance.upper), max(abs(low), abs(high))),
        )
