"""What a run directory or a dump says over the epochs: one unit, one layer, and the scalars beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analysis.batch import ActivationBatch
from analysis.statistics.conditioning import SecondMoments, second_moments
from analysis.statistics.null_band import Statistic
from analysis.survey.layer_reading import SLICES, LayerReading
from analysis.survey.overview import Overview
from per_core.errors import InvalidInputError
from per_core.per import row_norms
from per_core.radial import radial_loss
from per_core.recording.layer_record import LayerSummary, fixed_directions
from per_core.recording.run_directory import Run
from per_core.text import N_
from per_core.wasserstein import sliced_w1

Float64Array = NDArray[np.float64]
WINDOW = 3  # records over which a change counts
CHANGE = 0.02  # and how large it is, relative
VANISHED = 0.1  # mean square of a layer that has as good as collapsed: a root of a third of that of N(0, I)


@dataclass(frozen=True, slots=True, eq=False)
class UnitHistory:
    """One unit over the epochs, arrays (epochs,): what Figure 2 of the paper draws.

    Attributes:
        epochs: numbers of the epochs.
        lower, median, upper: quantiles 0.25, 0.5 and 0.75.
        mean, variance: of the unit.
    """

    epochs: Float64Array
    lower: Float64Array
    median: Float64Array
    upper: Float64Array
    mean: Float64Array
    variance: Float64Array

    @property
    def movement(self) -> float:
        """Mean step of the three quartiles from one record to the next, ≥ 0; NaN for fewer than two records."""
        if len(self.epochs) < 2:
            return float("nan")
        return float(np.abs(np.diff([self.lower, self.median, self.upper], axis=1)).mean())


@dataclass(frozen=True, slots=True, eq=False)
class LayerHistory:
    """One layer over the epochs, arrays (epochs,).

    Attributes:
        epochs: numbers of the epochs.
        sw1, sw1_margin: on the recorded slices, with half the width of a 95 % interval over directions.
        per: exact, of the full layer.
        mean, variance: means over the units.
        dead: share of units that never change.
        mean_square: of all values, the mean over the units of mean² + variance. Records of before it was kept give
            mean² + variance of the layer's two means, which is at most as large.
        n, d, slices: rows and slices that `sw1` is of, and the layer's units, of the last record.
        controlled: whether `sw1` of the last record is a mean with control variates.
    """

    epochs: Float64Array
    sw1: Float64Array
    sw1_margin: Float64Array
    per: Float64Array
    mean: Float64Array
    variance: Float64Array
    dead: Float64Array
    mean_square: Float64Array
    n: int
    d: int
    slices: int
    controlled: bool

    @property
    def collapses(self) -> bool:
        """Whether the layer shrinks towards 0, where PER has its minimum, instead of becoming Gaussian.

        Its mean square is less than half of what it was in the first record and its PER below that of N(0, I), and over
        the last three records the mean square was below 0.1, or PER and mean square fell while SW1 rose, all by 2 % or
        more. A layer that comes closer to N(0, I) while it becomes smaller does not shrink away, and one that settles
        away from 0 with a small variance has not shrunk.
        """
        size = self.mean_square
        if len(self.epochs) <= WINDOW or not size[-1] < size[0] / 2:
            return False
        if not self.per[-1] < _PER_OF_GAUSSIAN:
            return False
        if (size[-WINDOW:] < VANISHED).all():
            return True
        falls = all(y[-1] < (1 - CHANGE) * y[-1 - WINDOW] for y in (self.per - _PER_OF_ZERO, size))
        return bool(falls and self.sw1[-1] > (1 + CHANGE) * self.sw1[-1 - WINDOW])


@dataclass(frozen=True, slots=True, eq=False)
class ConditioningHistory:
    """The second moments of some units of a layer over the epochs, arrays (epochs,): see `SecondMoments`.

    Attributes:
        epochs: numbers of the epochs.
        distance, condition: of each; the condition number is infinite where the rank is not full.
        n, d: rows and units, of the last epoch.
    """

    epochs: Float64Array
    distance: Float64Array
    condition: Float64Array
    n: int
    d: int


@dataclass(frozen=True, slots=True, eq=False)
class SeedRange:
    """A value over the epochs, of several seeds: arrays (epochs,).

    Attributes:
        epochs: of any of the seeds, increasing.
        median, low, high: of the seeds that have a finite value there; NaN if none has.
    """

    epochs: Float64Array
    median: Float64Array
    low: Float64Array
    high: Float64Array


@dataclass(frozen=True, slots=True)
class RecordedDistances(Statistic[Literal["sw1", "per"]]):
    """SW1 and PER as a run records them.

    Attributes:
        slices, seed: of the directions that the run projects on.
        controlled: whether SW1 is the mean over them with control variates, or the plain one.
    """

    seed: int = 0
    controlled: bool = True

    def measure(self, batch: ActivationBatch) -> dict[Literal["sw1", "per"], float]:
        """SW1 and PER."""
        directions = fixed_directions(self.slices, batch.d, self.seed)
        return {
            "sw1": sliced_w1(batch.tensor, directions=directions, control_variates=self.controlled).value.item(),
            "per": radial_loss(row_norms(batch.tensor), batch.d).mean().item(),
        }


_PER_OF_ZERO = float(np.sqrt(2 / np.pi))  # of a batch collapsed to 0, the least there is
_PER_OF_GAUSSIAN = float(2 / np.sqrt(np.pi))


def unit_history(run: Run, layer: str, position: int = 0) -> UnitHistory:
    """The tracked unit number `position` (from 0) of a layer.

    Raises:
        InvalidInputError: If the run has no such layer, or tracks fewer units.
    """
    found = run.layer(layer)
    tracked = len(found.summaries[0].tracked)
    if not 0 <= position < tracked:
        raise InvalidInputError(
            N_("{layer} has {tracked} tracked units; received position {position}. Count from 0, or track more units."),
            layer=layer,
            tracked=tracked,
            position=position,
        )
    units = [summary.tracked[position] for summary in found.summaries]
    return UnitHistory(
        epochs=np.array(found.epochs, dtype=np.float64),
        lower=np.array([unit.lower for unit in units]),
        median=np.array([unit.median for unit in units]),
        upper=np.array([unit.upper for unit in units]),
        mean=np.array([unit.mean for unit in units]),
        variance=np.array([unit.variance for unit in units]),
    )


def read_history(found: Overview, layer: str) -> LayerHistory:
    """Distances and moments of a layer of a dump, at the epochs that have a number and could be read.

    Raises:
        InvalidInputError: If there is no such epoch.
    """
    pairs = [(epoch, one) for epoch, one in found.history(layer) if epoch is not None and isinstance(one, LayerReading)]
    if not pairs:
        raise InvalidInputError(
            N_("A history needs an epoch that could be read; {layer} of {source} has none. Edit the rule for names."),
            layer=layer,
            source=found.source,
        )

    last = pairs[-1][1]
    return _distances(pairs, n=last.n, d=last.d, slices=SLICES, controlled=last.d != 2)


def layer_history(run: Run, layer: str) -> LayerHistory:
    """Distances and moments of a layer; `InvalidInputError` if the run has no such layer."""
    found = run.layer(layer)
    last = found.last
    return _distances(
        list(zip(found.epochs, found.summaries, strict=True)),
        n=last.sw1_rows,
        d=last.d,
        slices=last.slices,
        controlled=last.sw1_controlled,
    )


def _distances(
    pairs: Sequence[tuple[float, LayerReading | LayerSummary]], *, n: int, d: int, slices: int, controlled: bool
) -> LayerHistory:
    """The history that epochs and what was read at them come to."""

    def column(name: str) -> Float64Array:
        return np.array([getattr(one, name) for _, one in pairs], dtype=np.float64)

    mean, variance, mean_square = (column(name) for name in ("mean", "variance", "mean_square"))
    return LayerHistory(
        epochs=np.array([epoch for epoch, _ in pairs], dtype=np.float64),
        sw1=column("sw1"),
        sw1_margin=column("sw1_margin"),
        per=column("per"),
        mean=mean,
        variance=variance,
        dead=column("dead"),
        mean_square=np.where(np.isnan(mean_square), np.square(mean) + variance, mean_square),
        n=n,
        d=d,
        slices=slices,
        controlled=controlled,
    )


def recorded_moments(run: Run, index: int, layer: str) -> SecondMoments:
    """Second moments of the recorded rows and units of a layer in the record of an index; errors as of `Run.arrays`."""
    return second_moments(run.arrays(index, [layer])[layer].rows)


def conditioning_history(found: Mapping[float, SecondMoments]) -> ConditioningHistory:
    """The history that second moments by epoch, of one at least, come to."""
    last = list(found.values())[-1]
    return ConditioningHistory(
        epochs=np.array(list(found), dtype=np.float64),
        distance=np.array([one.distance for one in found.values()]),
        condition=np.array([one.condition for one in found.values()]),
        n=last.n,
        d=last.d,
    )


def scalar_history(run: Run, name: str) -> tuple[Float64Array, Float64Array]:
    """Epochs and values of a scalar, of the records that have it: two arrays (epochs,)."""
    pairs = [(record.epoch, record.scalars[name]) for record in run.records if name in record.scalars]
    table = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def over_seeds(curves: Sequence[tuple[Float64Array, Float64Array]]) -> SeedRange:
    """Median and range at every epoch of curves (epochs, values), one of each seed; seeds may have different epochs."""
    epochs = np.unique(np.concatenate([x for x, _ in curves])) if curves else np.empty(0)
    table = np.full((len(curves), len(epochs)), np.nan)
    for row, (x, y) in zip(table, curves, strict=True):
        row[np.searchsorted(epochs, x)] = np.where(np.isfinite(y), y, np.nan)
    there = np.isfinite(table).any(axis=0)
    median, low, high = (np.full(len(epochs), np.nan) for _ in range(3))
    if there.any():
        known = table[:, there]
        median[there], low[there], high[there] = (f(known, axis=0) for f in (np.nanmedian, np.nanmin, np.nanmax))
    return SeedRange(epochs, median, low, high)


def not_finite_since(run: Run) -> tuple[float, str] | None:
    """The epoch of the first record that holds NaN or infinite values, and where; None if there is none."""
    for record in run.records:
        layers = [name for name, summary in record.layers.items() if summary.n_nan or summary.n_inf]
        scalars = [name for name, value in record.scalars.items() if not np.isfinite(value)]
        if layers or scalars:
            return record.epoch, (layers or scalars)[0]
    return None


def unit_values(run: Run, index: int, layer: str, position: int | None) -> NDArray[np.float32]:
    """The recorded values of a tracked unit, or, if `position` is None, of all kept units together: a vector."""
    arrays = run.arrays(index, [layer])[layer]
    return arrays.rows.ravel() if position is None else arrays.tracked[:, position]
