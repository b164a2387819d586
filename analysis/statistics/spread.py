"""How large the values of a layer are and how they spread, also without the units or rows that outweigh all others."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from analysis.statistics.moments import Float64Array, Moments, moments
from analysis.statistics.outliers import FEW, Outliers

FLOAT32_ROUNDING = 2.0**-22  # of the root mean square, four roundings: smaller deviations are no values of the network
RANK_SHARE = 0.02  # of the rank that is possible: what hidden layers of trained networks exceed (0.03 and more)
SMALLEST_SAFE, LARGEST_SAFE = 1e-100, 1e100  # squares of values of such a size, and their sums, stay within float64
LOWEST_RANK = 1.5  # below it one direction has nearly all of the variance


@dataclass(frozen=True, slots=True)
class Spread:
    """How large the values of a layer are, and how they spread.

    Attributes:
        n, d: rows and units.
        root_mean_square: of the values.
        variance: mean over the units of their variances (ddof = 0).
        effective_rank: see `effective_rank`; NaN if nothing changes but by rounding: constants have no rank.
    """

    n: int
    d: int
    root_mean_square: float
    variance: float
    effective_rank: float

    @property
    def relative(self) -> float:
        """Root of the variance over the root mean square, 0 to 1: 0 if all rows are alike. NaN for zeros."""
        return math.sqrt(self.variance) / self.root_mean_square if self.root_mean_square else math.nan


def scale_of(largest: float) -> float:
    """A size to divide by before squares are taken, which leave float64 for values of this magnitude; otherwise 1."""
    return 1.0 if SMALLEST_SAFE < largest < LARGEST_SAFE else largest or 1.0


def centre(values: Float64Array, per_unit: Moments, scale: float) -> Float64Array:
    """Values (n, d) less the mean of each unit, over `scale`."""
    centred: Float64Array = values - per_unit.mean
    if scale != 1:
        centred /= scale
    return centred


def spread_of(
    values: Float64Array, per_unit: Moments, centred: Float64Array, scale: float, *, is_float32: bool
) -> Spread:
    """The spread of finite values (n, d), with their moments and what `centre` gave; rounded to float32 or exact."""
    n, d = values.shape
    root_mean_square = scale * _root_mean_square(values if scale == 1 else values / scale)
    deviation = scale * _root_mean_square(centred)
    is_still = deviation <= (FLOAT32_ROUNDING * root_mean_square if is_float32 else 0)
    rank = math.nan if is_still else effective_rank(centred)
    return Spread(n, d, root_mean_square, float(per_unit.variance.mean()), rank)


def _root_mean_square(values: Float64Array) -> float:
    return math.sqrt(float(np.vdot(values, values)) / values.size)


def without_outliers(
    values: Float64Array, outliers: Outliers, whole: Spread, centred: Float64Array, *, is_float32: bool
) -> tuple[Spread, Float64Array]:
    """The spread without the outlying units if these are few, else without the rows of massive values if these are.

    Beside it what `centre` gives of the same values; the spread of the whole and `centred` if nothing is left out.
    """
    n, d = values.shape
    if 0 < len(outliers.units) <= FEW * d:
        rest = np.delete(values, outliers.units, axis=1)
    elif outliers.massive and 0 < len(outliers.positions) <= FEW * n:
        rest = np.delete(values, outliers.positions, axis=0)
    else:
        return whole, centred
    per_unit = moments(rest)
    scale = scale_of(float(np.abs(rest).max()))
    centred = centre(rest, per_unit, scale)
    return spread_of(rest, per_unit, centred, scale, is_float32=is_float32), centred


def effective_rank(centred: Float64Array) -> float:
    """How many directions share the variance of a centred batch (n, d), see `LayerReading`; NaN if it has none."""
    n, d = centred.shape
    gram = centred.T @ centred if d <= n else centred @ centred.T  # the same eigenvalues, other than 0
    eigenvalues = np.linalg.eigvalsh(gram).clip(min=0)
    if eigenvalues[-1] == 0:
        return math.nan
    shares = eigenvalues[eigenvalues > 0] / eigenvalues.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))
