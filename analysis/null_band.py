"""What a statistic does on Gaussian data of the same size: the yardstick of every value shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from analysis.directions import maximised_direction, shared_directions
from per_core import gaussian_w1, sliced_w1

Float64Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class NullBand:
    """Smallest and largest value that fresh draws of the null law gave.

    A further draw of the null law falls outside with probability `level` = 2 / (draws + 1), a Monte-Carlo test
    (Barnard 1963); above `high` alone with half of that.
    """

    low: float
    median: float
    high: float
    draws: int

    @property
    def level(self) -> float:
        """Probability that one more draw of the null law falls outside."""
        return 2 / (self.draws + 1)

    def __contains__(self, value: float) -> bool:
        """Whether a value lies inside."""
        return self.low <= value <= self.high


def band_of(draws: Float64Array) -> NullBand:
    """The band that draws (m,) of a statistic span; undefined draws (NaN) are left out."""
    defined = draws[~np.isnan(draws)]
    if defined.size == 0:
        return NullBand(float("nan"), float("nan"), float("nan"), 0)
    return NullBand(float(defined.min()), float(np.median(defined)), float(defined.max()), defined.size)


def draws_that_fit(n: int, d: int, slices: int = 64) -> int:
    """How many null draws are worth their time at this size: 199 (level 1 %), 99 (2 %) or 39 (5 %).

    The time is that of drawing n·d values and sorting n·slices projections.
    """
    size = n * max(d, slices)
    return 199 if size <= 300_000 else 99 if size <= 1_200_000 else 39


def gaussian_sw1_draws(n: int, d: int, slices: int, first: int, count: int) -> Float64Array:
    """SW1 to N(0, I) of fresh Gaussian batches (n, d), numbers first..first + count − 1, on the shared directions.

    The same directions in every draw: the spread is that between data sets, which the standard error over
    slices does not see, because all slices share the data.
    """
    directions = shared_directions(d, slices)
    return np.array(
        [float(sliced_w1(_gaussian(n, d, i), directions=directions).value) for i in range(first, first + count)]
    )


def gaussian_maximised_draws(n: int, d: int, first: int, count: int) -> Float64Array:
    """W1 along the maximised direction of fresh Gaussian batches (n, d): what the search alone produces."""
    found = []
    for i in range(first, first + count):
        batch = _gaussian(n, d, i)
        direction = torch.from_numpy(maximised_direction(batch.numpy()).vector).to(batch.dtype)
        found.append(float(gaussian_w1((batch @ direction)[:, None])))
    return np.array(found)


def _gaussian(n: int, d: int, number: int) -> torch.Tensor:
    values = np.random.default_rng([0xBAD, number]).standard_normal((n, d), dtype=np.float32)
    return torch.from_numpy(values)
