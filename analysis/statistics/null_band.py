"""What a statistic does on Gaussian data of the same size: the yardstick of every value shown."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtr, xlog1py, xlogy
from scipy.special import gammaln as log_gamma

from analysis.batch import ActivationBatch

Float64Array = NDArray[np.float64]
Name = TypeVar("Name", bound=str)
Side = Literal["below", "within", "above"]
CERTAINTY = 0.999


@dataclass(frozen=True, slots=True)
class NullBand:
    """Smallest and largest value that fresh draws of the null distribution gave, their median and their mean.

    The mean is NaN where it was not kept.

    How often a further draw of it falls outside depends on the draws, which are made once and kept: of a
    continuous statistic the rate is a random number, Beta(2, draws − 1) distributed, and Beta(1, draws) for what lies
    above alone (Wilks 1941). Of a discrete one it is no larger. It is 2 / (draws + 1) on average over the draws
    (Barnard 1963) and below `level` for all but one band in a thousand.
    """

    low: float
    median: float
    high: float
    draws: int
    mean: float = math.nan

    def less(self, amount: float) -> NullBand:
        """The band of draws of each of which so much is subtracted."""
        return NullBand(self.low - amount, self.median - amount, self.high - amount, self.draws, self.mean - amount)

    @property
    def level(self) -> float:
        """How often a draw of the null distribution falls outside at most, with a certainty of 99.9 %."""
        return most_false_alarms(self.draws)

    def __contains__(self, value: float) -> bool:
        """Whether a value lies inside."""
        return self.low <= value <= self.high

    def side(self, value: float) -> Side:
        """On which side of the range a value lies; an undefined value or range tells nothing apart: "within"."""
        return "below" if value < self.low else "above" if value > self.high else "within"

    def times(self, value: float) -> float:
        """A value over the largest that the draws gave, of a statistic that is never below 0."""
        return value / self.high if self.high else math.inf


def mean_false_alarms(draws: int, *, sides: int = 2) -> float:
    """Mean rate at which a null draw lies outside the range of others; with sides = 1, above all of them."""
    return min(1.0, sides / (draws + 1))


def most_false_alarms(draws: int, *, sides: int = 2) -> float:
    """The rate that 99.9 % of the ranges stay below, see `NullBand`: 0.92 % for 999 draws, 4.6 % for 199."""
    return float(betaincinv(sides, draws + 1 - sides, CERTAINTY)) if draws >= sides else 1.0


def band_of(draws: Float64Array) -> NullBand:
    """The band that draws (m,) of a statistic span; undefined draws (NaN) are left out."""
    defined = draws[~np.isnan(draws)]
    if defined.size == 0:
        return NullBand(math.nan, math.nan, math.nan, 0)
    low, median, high = float(defined.min()), float(np.median(defined)), float(defined.max())
    return NullBand(low, median, high, defined.size, float(defined.mean()))


@lru_cache(maxsize=4096)
def expected_gaussian_w1(n: int) -> float:
    """The mean SW1 of Gaussian batches of n rows, whatever the number of units: about 1.28 / √n.

    Along every direction such a batch is a sample of N(0, 1), so the mean is that of one sample,

        E W1 = ∫ E|F_n(x) − Φ(x)| dx,    n E|F_n − p| = 2 v (1 − p) C(n, v) p^v (1 − p)^(n − v),  v = ⌊np⌋ + 1,

    with p = Φ(x) (De Moivre's mean absolute deviation of a binomial number).
    """
    x = np.linspace(-9.0, 9.0, 20_001)
    p, q = ndtr(x), ndtr(-x)
    v = np.floor(n * p).clip(max=n - 1) + 1
    log_choose = log_gamma(n + 1) - log_gamma(v + 1) - log_gamma(n - v + 1)
    deviation = 2 * v * q * np.exp(log_choose + xlogy(v, p) + xlog1py(n - v, -p)) / n
    return float(np.trapezoid(deviation, x))


@dataclass(frozen=True, slots=True)
class Statistic(ABC, Generic[Name]):
    """What is measured of a batch, as named values, and the null distribution that it is compared with.

    Statistics are frozen records: equal ones have the same band, so a statistic and a size are the key of a band,
    wherever bands are kept.

    Attributes:
        slices: directions over which a distance is averaged.
    """

    slices: int = 64

    @abstractmethod
    def measure(self, batch: ActivationBatch) -> Mapping[Name, float]:
        """The values of a finite batch by name; NaN where one is not defined."""

    def draw(self, n: int, d: int, number: int) -> ActivationBatch:
        """Batch (n, d) of this number of the null distribution, N(0, I) unless a statistic says otherwise."""
        return gaussian_batch(n, d, number)

    def draws_that_fit(self, n: int, d: int) -> int:
        """How many null draws are worth their time at this size while somebody waits: 199, 99 or 39.

        The time is that of drawing n·d values and sorting n·slices projections.
        """
        size = n * max(d, self.slices)
        return 199 if size <= 300_000 else 99 if size <= 1_200_000 else 39


def null_draws(statistic: Statistic[Name], n: int, d: int, first: int, count: int) -> dict[Name, Float64Array]:
    """A statistic of the batches (n, d) of its null distribution, numbers first..first + count − 1 (from 1).

    Batch k is the same in every call, so draws can be divided into calls and joined.

    Returns:
        An array (count,) by the name of each value.
    """
    measured = [statistic.measure(statistic.draw(n, d, number)) for number in range(first, first + count)]
    return {name: np.array([one[name] for one in measured], dtype=np.float64) for name in measured[0]}


def null_band(statistic: Statistic[Name], n: int, d: int, *, draws: int | None = None) -> dict[Name, NullBand]:
    """The band of every value of a statistic at (n, d), of as many draws as fit where no number is given."""
    return bands_of(null_draws(statistic, n, d, 1, draws or statistic.draws_that_fit(n, d)))


def bands_of(draws: Mapping[Name, Float64Array]) -> dict[Name, NullBand]:
    """The band that the draws of each value span."""
    return {name: band_of(values) for name, values in draws.items()}


def gaussian_batch(n: int, d: int, number: int) -> ActivationBatch:
    """Gaussian batch (n, d) of this number: the same for everybody, independent of every sample shown."""
    values = np.random.default_rng([0xBAD, number]).standard_normal((n, d), dtype=np.float32)
    return ActivationBatch(values, "N(0, I)")
