"""Which statistics tell a batch from a Gaussian one: the point of Figure 1, computed.

Normalisers and regularisers see a distribution through a few statistics. Here each of those is measured on a
batch and compared with what fresh draws of the null distribution, N(0, I) shifted and scaled alike, give at the same
n and d. A value outside the range of all draws differs; how often that happens to a batch of the null distribution
itself says the band (`NullBand`, a Monte-Carlo test: Barnard 1963).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from analysis.batch import ActivationBatch, Float32Matrix
from analysis.distances.directions import shared_directions
from analysis.distances.pot_distance import pot_against_grid
from analysis.samples import SampleSpec, draw
from analysis.statistics.modes import count_modes
from analysis.statistics.moments import batch_variance_spread, correlation, moments
from analysis.statistics.null_band import NullBand
from per_core import per_loss, sliced_w1

Float64Array = NDArray[np.float64]

Key = Literal[
    "mean",
    "variance",
    "correlation",
    "batch_variances",
    "per",
    "sw1",
    "sw1_pot",
    "skewness",
    "kurtosis",
    "modes",
]
KEYS: tuple[Key, ...] = get_args(Key)
SLICES = 64
POT_POINTS = 4096
VCL_SUBSET = 5


@dataclass(frozen=True, slots=True)
class Cell:
    """One statistic of one batch beside the null distribution's range.

    Attributes:
        value: the statistic; NaN where it is undefined (the skewness of a constant unit).
        null: what fresh draws of the null distribution gave.
        error: bound of the value's numerical error; above 0 for the distance by POT only (its grid).
    """

    key: Key
    value: float
    null: NullBand
    error: float = 0.0

    @property
    def differs(self) -> bool:
        """Whether the value lies outside the null range by more than its own error; undefined never does."""
        return bool(self.value + self.error < self.null.low or self.value - self.error > self.null.high)


def measure(values: Float32Matrix) -> dict[Key, float]:
    """The statistics of a batch (n, d), each as one number.

    Of a statistic that every unit has, the unit furthest from the value under N(0, I) is reported: mean from 0,
    variance from 1, correlation (of a pair) from 0, variance of the variances of batches of 5 from 1/2, skewness
    and excess kurtosis from 0; and the largest number of modes. PER is the exact expectation, sw1 the mean over
    64 shared directions. "sw1_pot" is not among them: `compare` adds it.
    """
    stats = moments(values)
    between = correlation(values)
    pairs = between[np.triu_indices(values.shape[1], k=1)]
    spread = batch_variance_spread(values, subset=VCL_SUBSET, seed=0)
    batch = torch.from_numpy(values.copy())
    return {
        "mean": _furthest(stats.mean, 0.0),
        "variance": _furthest(stats.variance, 1.0),
        "correlation": _furthest(pairs, 0.0),
        "batch_variances": _furthest(spread, 2 / (VCL_SUBSET - 1)),
        "per": float(per_loss(batch)),
        "sw1": float(sliced_w1(batch, directions=shared_directions(values.shape[1], SLICES)).value),
        "skewness": _furthest(stats.skewness, 0.0),
        "kurtosis": _furthest(stats.excess_kurtosis, 0.0),
        "modes": float(count_modes(values).max()),
    }


def null_distribution(spec: SampleSpec) -> SampleSpec:
    """The null distribution that belongs to a sample: its case (a), with the same n, d, shift and scale.

    The seed is fixed: the draws then serve every sample of that size. They are independent of all samples, which
    are replicate 0 of their seed.
    """
    return SampleSpec(n=spec.n, dim=spec.dim, shift=spec.shift, scale=spec.scale)


def measure_null(null: SampleSpec, first: int, count: int) -> dict[Key, Float64Array]:
    """Statistics of the fresh draws number first..first + count − 1 (counted from 1): arrays (count,)."""
    measured = [measure(draw(null, replicate=i).values) for i in range(first, first + count)]
    return {key: np.array([m[key] for m in measured]) for key in measured[0]}


def compare(batch: ActivationBatch, null: Mapping[Key, NullBand]) -> dict[Key, Cell]:
    """Every statistic of a batch beside the null distribution's range, in the order of `KEYS`.

    The distance by POT is judged by the exact distance's range: the two agree within the grid's error.
    """
    measured = measure(batch.values)
    cells = {key: Cell(key, value, null[key]) for key, value in measured.items()}
    by_pot = pot_against_grid(batch.values, shared_directions(batch.d, SLICES), points=POT_POINTS)
    exact = cells["sw1"]
    cells["sw1_pot"] = replace(exact, key="sw1_pot", value=by_pot.value, error=by_pot.grid_error)
    return {key: cells[key] for key in KEYS}


def _furthest(per_unit: Float64Array, target: float) -> float:
    """The entry furthest from the target; NaN if none is defined."""
    defined = per_unit[~np.isnan(per_unit)]
    return float(defined[np.abs(defined - target).argmax()]) if defined.size else float("nan")
