"""Moments of every unit that can be merged: sums of powers about the mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from analysis.statistics.moments import Moments

Floats = NDArray[np.float64]

CACHED_VALUES = 2**16  # of a part: float64, and their squares, that stay in a core's cache


@dataclass(frozen=True, slots=True, eq=False)
class UnitMoments:
    """Number, mean and central power sums of each of d units, in float64.

    Attributes:
        n: rows.
        mean: (d,); 0 without rows.
        m2, m3, m4: (d,), Σ (x − mean)^p.
    """

    n: int
    mean: Floats
    m2: Floats
    m3: Floats
    m4: Floats

    @classmethod
    def empty(cls, d: int) -> UnitMoments:
        """The moments of d units over no rows: n, mean and sums are 0, and merging them changes nothing."""
        return cls(0, *np.zeros((4, d)))

    @classmethod
    def of(cls, rows: Tensor, *, norms: Tensor | None = None) -> UnitMoments:
        """Moments of the units of rows (n, d), float32 or float64.

        Powers are summed about the first row and then moved to the mean: a unit that never changes deviates by exactly
        0. That row is δ away from the mean and belongs to the data, so that Σ (x − mean)^p ≥ δ^p for p = 2 and 4, and
        the terms n δ^p that cancel cost at most a factor of n in precision.

        Args:
            rows: finite, or nothing of the result is.
            norms: (n,), float64, where the norms of the rows are written on the way; both need the rows as float64.
        """
        n, d = rows.shape
        if n == 0:
            return cls.empty(d)
        shift = rows[0].double()
        sums = torch.zeros(4, d, dtype=torch.float64)
        size = max(1, CACHED_VALUES // d)
        rest = n - n % size
        _add_parts(rows[:rest].reshape(-1, size, d), shift, sums, None if norms is None else norms[:rest])
        _add_parts(rows[None, rest:], shift, sums, None if norms is None else norms[rest:])
        s1, s2, s3, s4 = sums.numpy()
        delta = s1 / n
        with np.errstate(over="ignore", invalid="ignore"):  # powers beyond float64 are NaN
            m2 = np.maximum(s2 - n * delta**2, 0.0)
            m3 = s3 - 3 * delta * s2 + 2 * n * delta**3
            m4 = np.maximum(s4 - 4 * delta * s3 + 6 * delta**2 * s2 - 3 * n * delta**4, 0.0)
        return cls(n, shift.numpy() + delta, m2, m3, m4)

    def merge(self, other: UnitMoments) -> UnitMoments:
        """The moments of both data sets together.

        Source: Pébay (2008), "Formulas for robust, one-pass parallel computation of covariances and arbitrary-order
        statistical moments", equations 2.1 and 3.1.
        """
        n = self.n + other.n
        if self.n == 0 or other.n == 0:
            return other if self.n == 0 else self
        a, b = self.n / n, other.n / n
        delta = other.mean - self.mean
        with np.errstate(over="ignore", invalid="ignore"):  # powers beyond float64 are NaN
            return UnitMoments(
                n=n,
                mean=self.mean + b * delta,
                m2=self.m2 + other.m2 + n * a * b * delta**2,
                m3=self.m3 + other.m3 + n * a * b * (a - b) * delta**3 + 3 * (a * other.m2 - b * self.m2) * delta,
                m4=self.m4 + other.m4 + n * a * b * (a * a - a * b + b * b) * delta**4
                + 6 * (a * a * other.m2 + b * b * self.m2) * delta**2 + 4 * (a * other.m3 - b * self.m3) * delta,
            )  # fmt: skip

    @property
    def root_mean_squares(self) -> Floats:
        """√(mean of x²), (d,); NaN without rows and for powers beyond float64."""
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            squares: Floats = self.m2 / np.float64(self.n) + self.mean**2
        return np.sqrt(squares)

    @property
    def moments(self) -> Moments:
        """Mean, variance, skewness and excess kurtosis; NaN without rows."""
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):  # 0 / 0 is the NaN of a constant unit
            mean = self.mean if self.n else self.mean * np.nan
            variance = self.m2 / np.float64(self.n)
            return Moments(mean, variance, self.m3 / self.n / variance**1.5, self.m4 / self.n / variance**2 - 3)


def _add_parts(parts: Tensor, shift: Tensor, sums: Tensor, norms: Tensor | None) -> None:
    """Add the sums of the first four powers of x − shift to sums (4, d), and write norms (m · size,) where wanted.

    Args:
        parts: (m, size, d), of which one stays in a core's cache, as float64, while its powers are summed.
        shift: (d,).
    """
    deviation = torch.empty(parts.shape[1:], dtype=torch.float64)
    square = torch.empty_like(deviation)
    by_unit, squares_by_unit = deviation.T, square.T
    ones = torch.ones(len(deviation), dtype=torch.float64)
    first, second, third, fourth = sums
    for number, part in enumerate(parts):
        deviation.copy_(part)
        if norms is not None:
            torch.linalg.vector_norm(deviation, dim=1, out=norms[number * len(part) : (number + 1) * len(part)])
        deviation.sub_(shift)
        torch.mul(deviation, deviation, out=square)
        first.addmv_(by_unit, ones)
        second.addmv_(squares_by_unit, ones)
        deviation.mul_(square)
        third.addmv_(by_unit, ones)
        square.mul_(square)
        fourth.addmv_(squares_by_unit, ones)
