"""Step 3: how much the variances of small batches differ, which VCL lowers, and the fourth moment that decides it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analysis.batch import ActivationBatch
from analysis.distances.batch_statistics import VCL_SUBSET
from analysis.statistics.modes import count_modes
from analysis.statistics.moments import batch_variances, moments
from analysis.statistics.null_band import NullBand

Float64Array = NDArray[np.float64]
Verdict = Literal["less", "same", "more"]


@dataclass(frozen=True, slots=True, eq=False)
class FourthMoment:
    """One unit, and the variances of its batches of five.

    Attributes:
        values: (n,) of the unit.
        variances: (n // 5,) of the small batches.
        spread: the variance of those.
        gaussian: its sampling range under N(0, 1).
        kurtosis: excess, of the unit.
        modes: how many it has.
    """

    values: NDArray[np.float32]
    variances: Float64Array
    spread: float
    gaussian: NullBand
    kurtosis: float
    modes: int

    @property
    def verdict(self) -> Verdict:
        """Whether the variances differ less than those of N(0, 1), more, or as much within chance."""
        if self.spread < self.gaussian.low:
            return "less"
        return "more" if self.spread > self.gaussian.high else "same"


def see_fourth_moment(batch: ActivationBatch, gaussian: NullBand) -> FourthMoment:
    """Measure the first unit of a batch (n, d).

    Args:
        batch: finite.
        gaussian: the sampling range of "batch_variances" of `BatchStatistics` at this size.
    """
    unit = batch.values[:, :1]
    variances = batch_variances(unit, subset=VCL_SUBSET, seed=0)[:, 0]
    return FourthMoment(
        values=unit[:, 0],
        variances=variances,
        spread=float(variances.var(ddof=1)),
        gaussian=gaussian,
        kurtosis=float(moments(unit).excess_kurtosis[0]),
        modes=int(count_modes(unit)[0]),
    )
