"""What is kept of a layer in one record: summaries of all of it, and arrays of parts of it within a budget of bytes.

The norms of all rows are kept, which is all that exact PER needs; projections on directions that are the same for every
layer of as many units; and the values of some units. Directions, units and rows are drawn from one seed, so that they
are the same in every record and a reader can draw them again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from per_core.arguments import require_count, working_dtype
from per_core.control_variates import Controls, controlled_mean, controls_along, expected_controls
from per_core.directions import random_directions
from per_core.errors import BudgetError, InvalidInputError
from per_core.interval import margin_of_error
from per_core.per import row_norms
from per_core.radial import radial_loss
from per_core.text import N_
from per_core.wasserstein import gaussian_w1

FLOAT_BYTES, HALF_BYTES, EXPONENT_BYTES, INDEX_BYTES = 4, 2, 2, 8
HEADER_BYTES = 4096  # of the array file, for one layer: names, shapes and offsets
FEWEST_ROWS = 32  # a budget that does not keep as many rows is refused
DIRECTION_VALUES, FEWEST_SLICES = 2**22, 16  # wide layers: directions held in memory, and how few of them there may be
SQUARES_OVERFLOW = 1e15  # float32 rows with a larger norm are summed in float64

Float32Array = NDArray[np.float32]
IndexArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a record may keep of one layer of n rows and d units.

    A column is one number for every kept row: a projection, or the value of a unit. Up to half of the budget goes to
    the norms, in a compact record with the tracked units of the same rows; the columns share the rest, and where it
    does not hold n rows a fixed random subset of rows is kept.

    Attributes:
        slices: directions to project on; fewer for layers wider than 2²² / slices, 16 at least.
        units: units kept as they are, a random subset; all of them if d is smaller.
        tracked: units followed through training by their quantiles, mean and variance.
        budget: bytes that one layer may take in the array file of one record.
        seed: of the directions, units and rows.
        compact: keep no projections, values of units in half precision (see `packed_arrays`), and the tracked units of
            as many rows as have a norm.

    Raises:
        InvalidInputError: a count below 1, a seed that is negative or 2⁶³ and above.
        BudgetError: fewer than 32 rows of so many columns would fit.
    """

    slices: int = 64
    units: int = 64
    tracked: int = 4
    budget: int = 2_000_000
    seed: int = 0
    compact: bool = False

    def __post_init__(self) -> None:
        for name in ("slices", "units", "tracked", "budget"):
            require_count(getattr(self, name), name)
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**63:
            raise InvalidInputError(
                N_("seed must be an integer of at least 0 and below 2^63; received {seed!r}. Pass 0, for example."),
                seed=self.seed,
            )
        columns = self.slices + self.units + self.tracked
        row, once = self._row_bytes(columns), self._column_bytes(columns)  # of a layer that has all of them
        needed = 2 * (HEADER_BYTES + FEWEST_ROWS * max(row, self._norm_bytes) + once)
        if self.budget < needed:
            raise BudgetError(
                N_(
                    "budget must hold {fewest_rows} rows of {columns} columns (slices, units and tracked units),"
                    " {needed} bytes; received {budget}. Raise the budget, or lower slices or units."
                ),
                fewest_rows=FEWEST_ROWS,
                columns=columns,
                needed=needed,
                budget=self.budget,
            )

    def kept_slices(self, d: int) -> int:
        """Directions for a layer of d units."""
        return min(self.slices, max(FEWEST_SLICES, DIRECTION_VALUES // d))

    def kept_norms(self, n: int) -> int:
        """Rows whose norm is kept."""
        return min(n, (self.budget - HEADER_BYTES) // 2 // self._norm_bytes)

    def kept_rows(self, n: int, d: int) -> int:
        """Rows of which the columns are kept."""
        left = self.budget - HEADER_BYTES - self._norm_bytes * self.kept_norms(n) - self._column_bytes(d)
        return min(n, left // self._row_bytes(d))

    def array_bytes(self, n: int, d: int) -> int:
        """What the arrays take at most of a layer of n rows and d units, without their names and shapes."""
        norms = self._norm_bytes * self.kept_norms(n)
        return norms + self._row_bytes(d) * self.kept_rows(n, d) + self._column_bytes(d)

    @property
    def _norm_bytes(self) -> int:
        """Of a row whose norm is kept, with what is kept beside it."""
        return FLOAT_BYTES + (HALF_BYTES * self.tracked if self.compact else 0)

    def _row_bytes(self, d: int) -> int:
        """Of a row of columns."""
        if self.compact:
            return HALF_BYTES * min(self.units, d)
        return FLOAT_BYTES * (self.kept_slices(d) + min(self.units, d) + min(self.tracked, d))

    def _column_bytes(self, d: int) -> int:
        """Of what is kept once for a unit: which one it is, and the exponent of its halves."""
        each = INDEX_BYTES + (EXPONENT_BYTES if self.compact else 0)
        return each * (min(self.units, d) + min(self.tracked, d))


@dataclass(frozen=True, slots=True)
class TrackedUnit:
    """One unit over all finite rows: what Figure 2 of the paper draws.

    Attributes:
        unit: its index, 0 to d − 1.
        lower, median, upper: quantiles 0.25, 0.5 and 0.75, interpolated linearly.
        mean, variance: the variance is biased, mean((x − mean)²).
    """

    unit: int
    lower: float
    median: float
    upper: float
    mean: float
    variance: float


@dataclass(frozen=True, slots=True)
class LayerSummary:
    """A layer in a few numbers. Rows that hold a NaN or infinite value are counted and left out of all others.

    Attributes:
        n: rows of the layer.
        d: its units.
        n_finite: rows without a NaN or infinite value; if 0, every statistic is NaN.
        n_nan, n_inf: values among the n·d.
        kept_norms, kept_rows: of the n rows, those in the arrays: their norms, and their projections and units.
        slices: directions that `sw1` is a mean over.
        sw1_rows: of the n rows, those that `sw1` is of: the kept rows, in a compact record all that have a norm.
        mean, mean_low, mean_high: mean over units of the unit means, and the smallest and largest of them.
        variance, variance_low, variance_high: the same of the biased unit variances.
        dead: share of units with variance 0, from 0 to 1.
        mean_square: mean over units of mean² + variance, the mean of all squared values; NaN in records made before it
            was kept.
        per: exact PER, from the norms of all finite rows; at least √(2/π).
        sw1, sw1_error: sliced W1 to N(0, I) of the finite rows among `sw1_rows`, and its standard error over slices,
            see `per_core.control_variates`; the plain mean and its error in records made before it.
        sw1_controlled: whether `sw1` is the mean with control variates; False, the plain mean, in records that do not
            say so.
        tracked: the tracked units.
    """

    n: int
    d: int
    n_finite: int
    n_nan: int
    n_inf: int
    kept_norms: int
    kept_rows: int
    slices: int
    sw1_rows: int
    mean: float
    mean_low: float
    mean_high: float
    variance: float
    variance_low: float
    variance_high: float
    dead: float
    mean_square: float
    per: float
    sw1: float
    sw1_error: float
    sw1_controlled: bool
    tracked: tuple[TrackedUnit, ...]

    @property
    def sw1_margin(self) -> float:
        """Half the width of a 95 % interval of SW1 over all directions, see `SlicedDistance.margin_of_error`."""
        return margin_of_error(self.sw1_error, self.slices)

    def __repr__(self) -> str:
        return (
            f"<LayerSummary: {self.n} × {self.d}, variance {self.variance:.3g}, SW1 {self.sw1:.3g} ±"
            f" {self.sw1_margin:.2g}, PER {self.per:.3g}, dead {self.dead:.0%}>"
        )

    def _repr_html_(self) -> str:
        """The layer in a notebook."""
        from per_core.recording.notebook import summary_html

        return summary_html(self)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, see `from_json`."""
        plain = {name: to_json_number(getattr(self, name)) for name in _SUMMARY_NUMBERS}
        units = [{name: to_json_number(getattr(unit, name)) for name in _UNIT_NUMBERS} for unit in self.tracked]
        return {**plain, "tracked": units}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> LayerSummary:
        """The summary that `to_json` made plain; what older records lack is as the attributes say."""
        units = ({name: from_json_number(unit[name]) for name in _UNIT_NUMBERS} for unit in values["tracked"])
        known = {"sw1_rows": values["kept_rows"], **_ADDED, **values}
        numbers: dict[str, Any] = {name: from_json_number(known[name]) for name in _SUMMARY_NUMBERS}
        return cls(**numbers, tracked=tuple(TrackedUnit(**unit) for unit in units))


_ADDED = {"mean_square": "nan", "sw1_controlled": False}  # what older records do not have
_SUMMARY_NUMBERS = tuple(field.name for field in fields(LayerSummary) if field.name != "tracked")
_UNIT_NUMBERS = tuple(field.name for field in fields(TrackedUnit))


def to_json_number(value: float) -> float | str:
    """The number; "nan", "inf" or "-inf" for one that JSON does not know."""
    return value if math.isfinite(value) else str(value)


def from_json_number(value: Any) -> Any:
    """What `to_json_number` gave."""
    return float(value) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True, eq=False)
class LayerArrays:
    """Parts of a layer as they are, NaN and infinite values included. float32, of a compact record rounded to halves.

    Attributes:
        norms: (kept norms,), Euclidean norms of as many rows; `fixed_rows` says which.
        projections: (m, k), m rows on the directions, again those of `fixed_rows`; k = 0 in a compact record.
        tracked: (m, u), the tracked units of the same rows; in a compact record of the rows that have a norm.
        tracked_units: (u,), which units these are.
        rows: (m, s), a random subset of units of the same rows.
        row_units: (s,), which units these are, increasing.
        n, d: rows and units of the whole layer.
        seed: of the directions and rows.
    """

    norms: Float32Array
    projections: Float32Array
    tracked: Float32Array
    tracked_units: IndexArray
    rows: Float32Array
    row_units: IndexArray
    n: int
    d: int
    seed: int

    @property
    def directions(self) -> Float32Array:
        """(k, d), the unit directions of the projections, drawn again from the seed."""
        return np.asarray(fixed_directions(self.projections.shape[1], self.d, self.seed).numpy())


def fixed_directions(slices: int, d: int, seed: int) -> Tensor:
    """(slices, d), the directions of every layer of d units: the same wherever they are drawn."""
    return random_directions(slices, d, generator=torch.Generator().manual_seed(seed))


@lru_cache(maxsize=16)
def fixed_rows(n: int, kept: int, seed: int) -> Tensor:
    """(kept,), which of n rows are kept, increasing; all of them if kept = n."""
    if kept == n:
        return torch.arange(n)
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))[:kept].sort().values


class _Fixed(NamedTuple):
    """What is the same for all layers of d units in all records."""

    directions: Tensor  # (k, d)
    tracked: Tensor  # (u,)
    units: Tensor  # (s,)


class LayerDigest:
    """Turns activations into a summary and arrays. It remembers directions, so that records cost little.

    Example:
        >>> summary, arrays = LayerDigest(Allowance())(torch.zeros(10, 3))
        >>> summary.n, summary.d, summary.dead
        (10, 3, 1.0)
    """

    def __init__(self, allowance: Allowance) -> None:
        self.allowance = allowance
        self._fixed: dict[tuple[int, torch.device], _Fixed] = {}

    @torch.no_grad()
    def __call__(self, activations: Tensor) -> tuple[LayerSummary, LayerArrays]:
        """The summary and the arrays of activations (n, d), a floating tensor that is not empty. It is only read."""
        with torch.autocast(activations.device.type, enabled=False):
            h = activations.detach().to(working_dtype(activations))
            return self._digest(h)

    def _digest(self, h: Tensor) -> tuple[LayerSummary, LayerArrays]:
        n, d = h.shape
        seed, compact = self.allowance.seed, self.allowance.compact
        fixed = self._fixed_of(d, h.device)
        norms, finite = _norms(h)  # (n,) both
        whole = bool(finite.all())
        n_nan, n_inf = (0, 0) if whole else (int(h.isnan().sum()), int(h.isinf().sum()))
        if h.dtype == torch.float32 and bool((norms > SQUARES_OVERFLOW).any()):
            h = h.double()
        kept, kept_norms = self.allowance.kept_rows(n, d), self.allowance.kept_norms(n)
        some = _thin(h, kept, seed)  # (m, d)
        measured = kept_norms if compact else kept
        seen = _thin(h, measured, seed) if compact else some
        projections = seen @ fixed.directions.T.to(h.dtype)  # (measured, k)
        arrays = LayerArrays(
            norms=_to_numpy(_thin(norms, kept_norms, seed)),
            projections=_to_numpy(projections[:kept, :0] if compact else projections),
            tracked=_to_numpy(seen.index_select(1, fixed.tracked)),
            tracked_units=fixed.tracked.cpu().numpy(),
            rows=_to_numpy(some.index_select(1, fixed.units)),
            row_units=fixed.units.cpu().numpy(),
            n=n,
            d=d,
            seed=seed,
        )
        if not whole:
            seen_finite = _thin(finite, measured, seed)
            h, norms, seen, projections = h[finite], norms[finite], seen[seen_finite], projections[seen_finite]
        sw1, error = _sliced_distance(seen, projections)
        summary = LayerSummary(
            n=n,
            d=d,
            n_finite=len(h),
            n_nan=n_nan,
            n_inf=n_inf,
            kept_norms=kept_norms,
            kept_rows=kept,
            slices=len(fixed.directions),
            sw1_rows=measured,
            **_unit_moments(h),
            per=float(radial_loss(norms, d).mean()),
            sw1=sw1,
            sw1_error=error,
            sw1_controlled=True,
            tracked=_track(h, fixed.tracked),
        )
        return summary, arrays

    def _fixed_of(self, d: int, device: torch.device) -> _Fixed:
        if (d, device) not in self._fixed:
            a = self.allowance
            order = torch.randperm(d, generator=torch.Generator().manual_seed(a.seed))
            self._fixed[d, device] = _Fixed(
                fixed_directions(a.kept_slices(d), d, a.seed).to(device),
                order[: a.tracked].to(device),
                order.flip(0)[: a.units].sort().values.to(device),
            )
        return self._fixed[d, device]


def _thin(values: Tensor, kept: int, seed: int) -> Tensor:
    """The kept rows of `values`, (n, ...)."""
    if kept == len(values):
        return values
    return values.index_select(0, fixed_rows(len(values), kept, seed).to(values.device))


def _norms(h: Tensor) -> tuple[Tensor, Tensor]:
    """Norms of the rows, (n,) float64, and which are finite, in one pass if all are."""
    norms = row_norms(h)
    if not bool(norms.isfinite().all()):
        norms = torch.linalg.vector_norm(h, dim=1, dtype=torch.float64)  # finite float32 whose squares overflow
    return norms, norms.isfinite()


def _unit_moments(rows: Tensor) -> dict[str, Any]:
    """The fields of a summary from `mean` to `mean_square`."""
    names = ("mean", "mean_low", "mean_high", "variance", "variance_low", "variance_high", "dead", "mean_square")
    if not len(rows):
        return dict.fromkeys(names, math.nan)
    shifted = rows - rows[0]  # a unit that never changes comes out at exactly 0
    shift = shifted.mean(dim=0)
    variance = shifted.sub_(shift).square_().mean(dim=0)  # (d,)
    mean = shift + rows[0]
    dead = (variance == 0).to(mean.dtype).mean()
    square = (mean.square() + variance).mean()
    numbers = torch.stack([mean.mean(), *mean.aminmax(), variance.mean(), *variance.aminmax(), dead, square])
    return dict(zip(names, numbers.tolist(), strict=True))


def _track(rows: Tensor, units: Tensor) -> tuple[TrackedUnit, ...]:
    columns = np.sort(rows.index_select(1, units).double().cpu().numpy(), axis=0)  # (n, u)
    if len(columns):
        statistics = np.stack([*_quartiles(columns), columns.mean(axis=0), columns.var(axis=0)])
    else:
        statistics = np.full((5, len(units)), math.nan)
    return tuple(
        TrackedUnit(unit, *numbers) for unit, numbers in zip(units.tolist(), statistics.T.tolist(), strict=True)
    )


def _quartiles(ordered: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Quantiles 0.25, 0.5 and 0.75 of sorted columns; numpy's own function takes ten times as long on small ones."""
    quartiles = []
    for quantile in (0.25, 0.5, 0.75):
        position = quantile * (len(ordered) - 1)
        below, above = ordered[math.floor(position)], ordered[math.ceil(position)]
        quartiles.append(below + (position - math.floor(position)) * (above - below))
    return quartiles


def _sliced_distance(rows: Tensor, projections: Tensor) -> tuple[float, float]:
    """Sliced W1 of rows (m, d) with projections (m, k), and its standard error over slices."""
    if not len(rows):
        return math.nan, math.nan
    controls = Controls(controls_along(projections.T).cpu().numpy(), expected_controls(rows))
    mean = controlled_mean(gaussian_w1(projections).double().cpu().numpy(), controls)
    return mean.value, mean.standard_error


def _to_numpy(values: Tensor) -> Float32Array:
    return np.ascontiguousarray(values.float().cpu().numpy())
