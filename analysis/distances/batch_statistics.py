"""The statistics through which normalisers and regularisers see a batch, each as one number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analysis.batch import ActivationBatch
from analysis.distances.directions import sliced_distance
from analysis.samples import SampleSpec, draw
from analysis.statistics.modes import count_modes
from analysis.statistics.moments import batch_variance_spread, correlation, moments
from analysis.statistics.null_band import Statistic
from per_core import per_loss

Float64Array = NDArray[np.float64]

Key = Literal[
    "mean",
    "variance",
    "correlation",
    "batch_variances",
    "per",
    "sw1",
    "skewness",
    "kurtosis",
    "modes",
]
VCL_SUBSET = 5


@dataclass(frozen=True, slots=True)
class BatchStatistics(Statistic[Key]):
    """The statistics of a batch, beside those of N(0, I) shifted and scaled.

    The null draws do not depend on the sample that they are compared with, whatever its case and seed: a sample is
    replicate 0 of its seed, the draws are the others of seed 0.

    Attributes:
        shift, scale: of every unit under the null distribution, h = shift + scale · N(0, 1).
    """

    shift: float = 0.0
    scale: float = 1.0

    def measure(self, batch: ActivationBatch) -> dict[Key, float]:
        """The statistics of a batch (n, d).

        Of a statistic that every unit has, the unit furthest from the value under N(0, I) is reported: mean from 0,
        variance from 1, correlation (of a pair) from 0, variance of the variances of batches of 5 from 1/2, skewness
        and excess kurtosis from 0; and the largest number of modes. PER is the exact expectation, sw1 the mean over
        the shared directions.
        """
        values = batch.values
        stats = moments(values)
        pairs = correlation(values)[np.triu_indices(batch.d, k=1)]
        spread = batch_variance_spread(values, subset=VCL_SUBSET, seed=0)
        return {
            "mean": _furthest(stats.mean, 0.0),
            "variance": _furthest(stats.variance, 1.0),
            "correlation": _furthest(pairs, 0.0),
            "batch_variances": _furthest(spread, 2 / (VCL_SUBSET - 1)),
            "per": float(per_loss(batch.tensor)),
            "sw1": sliced_distance(batch.tensor, self.slices)[0],
            "skewness": _furthest(stats.skewness, 0.0),
            "kurtosis": _furthest(stats.excess_kurtosis, 0.0),
            "modes": float(count_modes(values).max()),
        }

    def draw(self, n: int, d: int, number: int) -> ActivationBatch:
        """Case (a) of this size, shift and scale."""
        return draw(SampleSpec(n=n, dim=d, shift=self.shift, scale=self.scale), replicate=number)


def _furthest(per_unit: Float64Array, target: float) -> float:
    """The entry furthest from the target; NaN if none is defined."""
    defined = per_unit[~np.isnan(per_unit)]
    return float(defined[np.abs(defined - target).argmax()]) if defined.size else float("nan")
