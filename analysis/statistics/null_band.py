"""What a statistic does on Gaussian data of the same size: the yardstick of every value shown."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtr, xlog1py, xlogy
from scipy.special import gammaln as log_gamma

from analysis.distances.bound import study_directions
from analysis.distances.directions import shared_directions
from per_core import per_loss, sliced_w1

Float64Array = NDArray[np.float64]
CERTAINTY = 0.999


@dataclass(frozen=True, slots=True)
class NullBand:
    """Smallest and largest value that fresh draws of the null distribution gave.

    How often a further draw of it falls outside depends on the draws, which are made once and kept: of a
    continuous statistic the rate is a random number, Beta(2, draws − 1) distributed, and Beta(1, draws) for what lies
    above alone (Wilks 1941). Of a discrete one it is no larger. It is 2 / (draws + 1) on average over the draws
    (Barnard 1963) and below `level` for all but one band in a thousand.
    """

    low: float
    median: float
    high: float
    draws: int

    @property
    def mean_level(self) -> float:
        """How often a draw of the null distribution falls outside, on average over bands of so many draws."""
        return mean_false_alarms(self.draws)

    @property
    def level(self) -> float:
        """How often a draw of the null distribution falls outside at most, with a certainty of 99.9 %."""
        return most_false_alarms(self.draws)

    def __contains__(self, value: float) -> bool:
        """Whether a value lies inside."""
        return self.low <= value <= self.high


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
        return NullBand(float("nan"), float("nan"), float("nan"), 0)
    return NullBand(float(defined.min()), float(np.median(defined)), float(defined.max()), defined.size)


def draws_that_fit(n: int, d: int, slices: int = 64) -> int:
    """How many null draws are worth their time at this size while somebody waits: 199, 99 or 39.

    The time is that of drawing n·d values and sorting n·slices projections.
    """
    size = n * max(d, slices)
    return 199 if size <= 300_000 else 99 if size <= 1_200_000 else 39


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


def gaussian_draws(n: int, d: int, slices: int, first: int, count: int) -> dict[str, Float64Array]:
    """SW1 and PER of fresh Gaussian batches (n, d), numbers first..first + count − 1, on the shared directions.

    The same directions in every draw: the spread is that between data sets, which the error over slices does not see,
    because all slices share the data.

    Returns:
        "sw1" and "per", arrays (count,).
    """
    directions = shared_directions(d, slices)
    batches = [gaussian_batch(n, d, number) for number in range(first, first + count)]
    return {
        "sw1": np.array([sliced_w1(batch, directions=directions).value.item() for batch in batches]),
        "per": np.array([per_loss(batch).item() for batch in batches]),
    }


def gaussian_worst_draws(n: int, d: int, slices: int, first: int, count: int) -> dict[str, Float64Array]:
    """The largest W1 among each kind of direction of fresh Gaussian batches: what looking for the worst produces.

    Returns:
        The kinds of `study_directions`, "unit", "principal", "maximised" and the slices', each an array (count,).
    """
    rows = []
    for number in range(first, first + count):
        study = study_directions(gaussian_batch(n, d, number).numpy(), slices=slices)
        rows.append(study.worst_of_each_kind())
    return {kind: np.array([row[kind] for row in rows]) for kind in rows[0]}


def gaussian_batch(n: int, d: int, number: int) -> torch.Tensor:
    """Gaussian batch (n, d), float32, of this number: the same for everybody, independent of every sample shown."""
    values = np.random.default_rng([0xBAD, number]).standard_normal((n, d), dtype=np.float32)
    return torch.from_numpy(values)
