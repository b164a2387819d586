"""What a statistic does on Gaussian data of the same size: the yardstick of every value shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from analysis.bound import study_directions
from analysis.directions import shared_directions
from per_core import per_loss, sliced_w1

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


def gaussian_draws(n: int, d: int, slices: int, first: int, count: int) -> dict[str, Float64Array]:
    """SW1 and PER of fresh Gaussian batches (n, d), numbers first..first + count − 1, on the shared directions.

    The same directions in every draw: the spread is that between data sets, which the error over slices does not see,
    because all slices share the data.

    Returns
    -------
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

    Returns
    -------
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
