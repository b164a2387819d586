"""Which statistics tell a batch from a Gaussian one: the point of Figure 1, computed.

Normalisers and regularisers see a distribution through a few statistics. Here each of those is measured on a
batch and compared with what fresh draws of the null distribution, N(0, I) shifted and scaled alike, give at the same n
and d. A value outside the range of all draws differs; how often that happens to a batch of the null distribution itself
says the band (`NullBand`, a Monte-Carlo test: Barnard 1963).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from analysis.batch import ActivationBatch
from analysis.distances.batch_statistics import BatchStatistics, Measured
from analysis.distances.pot_distance import pot_against_grid
from analysis.statistics.null_band import NullBand

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
POT_POINTS = 4096


@dataclass(frozen=True, slots=True)
class Cell:
    """One statistic of one batch beside the range of the null distribution.

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


def compare(batch: ActivationBatch, null: Mapping[Measured, NullBand]) -> dict[Key, Cell]:
    """Every statistic of a batch beside the range of the null distribution, in the order of `KEYS`.

    The distance by POT is judged by the exact distance's range: the two agree within the grid's error.
    """
    statistics = BatchStatistics()
    cells: dict[Key, Cell] = {key: Cell(key, value, null[key]) for key, value in statistics.measure(batch).items()}
    by_pot = pot_against_grid(batch, slices=statistics.slices, points=POT_POINTS)
    exact = cells["sw1"]
    cells["sw1_pot"] = replace(exact, key="sw1_pot", value=by_pot.value, error=by_pot.grid_error)
    return {key: cells[key] for key in KEYS}
