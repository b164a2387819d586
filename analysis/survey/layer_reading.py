"""One layer at one epoch in numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch

from analysis.batch import ActivationBatch
from analysis.distances.directions import sliced_distance
from analysis.statistics.moments import Float64Array, moments
from analysis.statistics.null_band import expected_gaussian_w1
from analysis.statistics.outliers import IndexArray, Outliers, find_outliers
from analysis.statistics.precision import Precision, precisions
from analysis.statistics.row_groups import rows_are_grouped
from analysis.statistics.saturation import saturated_units
from analysis.statistics.spread import LOWEST_RANK, RANK_SHARE, Spread, centre, scale_of, spread_of, without_outliers
from analysis.statistics.value_kind import ValueKind, kind_of_values
from per_core import per_loss

SLICES = 64
MOST_ROWS = 2_000
MOST_VALUES = 2**23  # of one member, 32 MiB as float32
SAFE_IN_FLOAT32 = 1e30  # projections and sums of smaller values stay finite
FLOAT16_OVERFLOW = 65_520.0  # float16 rounds to infinity from here on; the largest it holds is 65,504


@dataclass(frozen=True, slots=True)
class LayerReading:
    """What one layer does at one epoch, in numbers.

    Everything after `n_coarse` is computed in float64 on the rows without NaN and infinite values, and NaN if it is not
    defined. Values beyond float32 are finite: they count in all of it.

    Attributes:
        n: rows that were looked at, spread evenly over the batch.
        finite_rows: those of them that are finite.
        total: rows of the batch, or of the member of a dump that the batch is a part of.
        d: units.
        n_nan, n_inf: values of the batch that are NaN, and that are infinite.
        n_beyond_float32: values that are finite and too large for float32, above 3.4e38.
        n_coarse: units whose values float32 moves by more than a thousandth of their range, see `ActivationBatch`.
        mean, variance: means over the units of their means and of their variances (ddof = 0).
        mean_square: mean of the squared values, the mean over the units of mean² + variance. Like the variance it is
            infinite where squares leave float64, above 1e154.
        root_mean_square: its root, which is not.
        kurtosis: mean over the units that change of their excess kurtosis, at least −2, 0 for Gaussian units.
        dead: share of units that never change.
        saturated: share of units of which at least half of the rows sit where a bounded non-linearity is flat, see
            `saturated_units`. NaN for values that are made of levels (`kind`): there it says nothing.
        effective_rank: exp(−Σ p log p) of p, the eigenvalues of the covariance divided by their sum: how many
            directions share the variance; 1 to min(d, n − 1). NaN if nothing changes but by rounding: constants have no
            rank.
        effective_rank_share: effective_rank / d.
        per: the exact PER, at least √(2/π).
        sw1, sw1_margin: the sliced distance to N(0, I) on the shared directions, and its margin of error, see
            `mean_over_slices`.
        sw1_in_bands: sw1 / the mean over Gaussian batches of as many rows, in closed form. N(0, I) itself has 1 on
            average and scatters, the more the fewer the units: see `shipped_bands.gaussian_ratios`.
        row_ratio, unit_ratio, massive: the largest row and unit over the median one, and massive values, see
            `Outliers`.
        beyond_float16: values that become infinite in float16, of magnitude above 65,504.
        grouped: whether the effective rank is low because the rows form few tight groups, see `rows_are_grouped`.
        kind: what kind of values they are.
        outliers: which rows and units are far larger than the others.
        bulk: size and spread without outlying units and rows; those of all units and rows if none is.
        precision: what number formats of fewer bits would do to the values.

    Source of the effective rank: Roy and Vetterli (2007), "The effective rank: a measure of effective dimensionality",
    who take the singular values of a matrix; here they are those of the covariance, shares of the variance.
    """

    n: int
    finite_rows: int
    total: int
    d: int
    n_nan: int
    n_inf: int
    n_beyond_float32: int = 0
    n_coarse: int = 0
    mean: float = math.nan
    variance: float = math.nan
    mean_square: float = math.nan
    root_mean_square: float = math.nan
    kurtosis: float = math.nan
    dead: float = math.nan
    saturated: float = math.nan
    effective_rank: float = math.nan
    effective_rank_share: float = math.nan
    per: float = math.nan
    sw1: float = math.nan
    sw1_margin: float = math.nan
    sw1_in_bands: float = math.nan
    row_ratio: float = math.nan
    unit_ratio: float = math.nan
    massive: int = 0
    beyond_float16: int = 0
    grouped: bool = False
    kind: ValueKind | None = None
    outliers: Outliers | None = None
    bulk: Spread | None = None
    precision: tuple[Precision, ...] = ()

    @property
    def has_outliers(self) -> bool:
        """Whether rows or units are outliers. Of values made of levels, one-hot ones say, none is."""
        of_levels = self.kind is not None and self.kind.name in ("probabilities", "one-hot", "binary")
        return self.outliers is not None and bool(self.outliers.rows or self.outliers.units) and not of_levels


def survey(
    batch: ActivationBatch, *, total: int | None = None, rows: IndexArray | None = None, measured: bool = True
) -> LayerReading:
    """Read one layer: at most 2,000 rows of the batch, spread evenly from the first to the last.

    Args:
        batch: of any values; NaN and infinite ones are counted and their rows left out. Where float32 does not hold
            them, its `exact` values are read.
        total: rows of the member that the batch is a part of; those of the batch if not given.
        rows: the number of each row of the batch in that member, by which rows are named; 0, 1, 2, ... if not given.
        measured: False leaves out SW1, PER and the precision, two thirds of the time; no warning needs them.
    """
    some = rows_looked_at(*batch.values.shape)
    looked_at = batch.precise[some]
    is_whole = np.isfinite(looked_at).all(axis=1)
    values = looked_at[is_whole].astype(np.float64)
    n, d = values.shape
    lost = (batch.n_nan, batch.n_inf, batch.n_beyond_float32, batch.n_coarse)
    seen = (len(looked_at), n, total or batch.n, d, *lost)
    if n == 0:
        return LayerReading(*seen)
    per_unit = moments(values)
    changes = per_unit.variance > 0
    magnitude = np.abs(values)
    outliers = find_outliers(magnitude, (some if rows is None else rows[some])[is_whole])
    largest = outliers.largest
    is_plain = batch.exact is None and largest < SAFE_IN_FLOAT32
    scale = scale_of(largest)
    centred = centre(values, per_unit, scale)
    whole = spread_of(values, per_unit, centred, scale, is_float32=is_plain)
    bulk, centred = without_outliers(values, outliers, whole, centred, is_float32=is_plain)
    rank = whole.effective_rank
    is_low = bulk.effective_rank <= max(LOWEST_RANK, RANK_SHARE * min(n - 1, round(float(changes.sum()))))
    kind = kind_of_values(values)
    reading = LayerReading(
        *seen,
        mean=float(per_unit.mean.mean()),
        variance=float(per_unit.variance.mean()),
        mean_square=whole.root_mean_square * whole.root_mean_square,
        root_mean_square=whole.root_mean_square,
        kurtosis=float(per_unit.excess_kurtosis[changes].mean()) if changes.any() else math.nan,
        dead=float(1 - changes.mean()) if n > 1 else math.nan,
        saturated=float(saturated_units(values).mean()) if n > 1 and not kind.is_made_of_levels else math.nan,
        effective_rank=rank,
        effective_rank_share=rank / d,
        row_ratio=outliers.row_ratio,
        unit_ratio=outliers.unit_ratio,
        massive=outliers.massive,
        beyond_float16=int((magnitude >= FLOAT16_OVERFLOW).sum()) if largest >= FLOAT16_OVERFLOW else 0,
        grouped=is_low and rows_are_grouped(centred, bulk.effective_rank),
        kind=kind,
        outliers=outliers,
        bulk=bulk,
    )
    return _measured(reading, values, torch.float32 if is_plain else torch.float64) if measured else reading


def _measured(reading: LayerReading, values: Float64Array, dtype: torch.dtype) -> LayerReading:
    """The reading of finite rows (n, d) with their distances, in a type that holds them, and their precision."""
    tensor = torch.from_numpy(values).to(dtype)
    sw1, margin = sliced_distance(tensor, SLICES)
    return replace(
        reading,
        per=float(per_loss(tensor)),
        sw1=sw1,
        sw1_margin=margin,
        sw1_in_bands=sw1 / expected_gaussian_w1(len(values)),
        precision=precisions(values),
    )


def rows_looked_at(n: int, d: int) -> IndexArray:
    """Which of n rows are looked at: at most 2,000, evenly from the first to the last."""
    most = max(1, min(MOST_ROWS, MOST_VALUES // d))
    return np.arange(n) if n <= most else np.linspace(0, n - 1, most).astype(np.int64)
