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
        return self.null.side(self.value) != "within"


def measure(batch: ActivationBatch) -> dict[Key, float]:
    """Every statistic of a batch, see `BatchStatistics.measure`."""
    return BatchStatistics().measure(batch)


@dataclass(frozen=True, slots=True)
class ToldApart:
    """Which of several batches are told from the null distribution.

    Attributes:
        by_moments: those whose mean or variance differs, which is all that BN sees.
        by_distance: SW1 to N(0, I) of those in which it differs.
        null: SW1 to N(0, I) of the null distribution.
    """

    by_moments: tuple[str, ...]
    by_distance: Mapping[str, float]
    null: NullBand


def told_apart(columns: Mapping[str, Mapping[Key, Cell]]) -> ToldApart:
    """What mean and variance tell, and what SW1 tells, of at least one batch by name."""
    distances = {name: cells["sw1"] for name, cells in columns.items()}
    return ToldApart(
        tuple(name for name, cells in columns.items() if cells["mean"].differs or cells["variance"].differs),
        {name: cell.value for name, cell in distances.items() if cell.differs},
        next(iter(distances.values())).null,
    )


def compare(measured: Mapping[Key, float], null: Mapping[Key, NullBand]) -> dict[Key, Cell]:
    """The statistics of a batch beside the range of the null distribution, in the same order."""
    return {key: Cell(key, value, null[key]) for key, value in measured.items()}
