"""Which statistics tell a batch from a Gaussian one: the point of Figure 1, computed.

Normalisers and regularisers see a distribution through a few statistics. Here each of those is measured on a
batch and compared with what fresh draws of the null distribution, N(0, I) shifted and scaled alike, give at the same n
and d. A value outside the range of all draws differs; how often that happens to a batch of the null distribution itself
says the band (`NullBand`, a Monte-Carlo test: Barnard 1963).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.batch import ActivationBatch
from analysis.distances.batch_statistics import BatchStatistics, Key
from analysis.statistics.null_band import NullBand


@dataclass(frozen=True, slots=True)
class Cell:
    """One statistic of one batch beside the range of the null distribution.

    Attributes:
        value: the statistic; NaN where it is undefined (the skewness of a constant unit).
        null: what fresh draws of the null distribution gave.
    """

    key: Key
    value: float
    null: NullBand

    @property
    def differs(self) -> bool:
        """Whether the value lies outside the null range; undefined never does."""
        return bool(self.value < self.null.low or self.value > self.null.high)


def measure(batch: ActivationBatch) -> dict[Key, float]:
    """Every statistic of a batch, see `BatchStatistics.measure`."""
    return BatchStatistics().measure(batch)


def compare(measured: Mapping[Key, float], null: Mapping[Key, NullBand]) -> dict[Key, Cell]:
    """The statistics of a batch beside the range of the null distribution, in the same order."""
    return {key: Cell(key, value, null[key]) for key, value in measured.items()}
