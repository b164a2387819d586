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
FAR = 64  # times its variance is the squared mean of a unit for which powers about 0 are not precise enough


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

        Powers are summed about 0 and then moved to the mean: terms n mean^p cancel, which costs a factor of
        (mean² / variance)^(p/2) in precision. Units for which that is much are summed once more, about their value in
        the first row: one that never changes deviates by exactly 0. That row is δ away from the mean and belongs to the
        data, so that Σ (x − mean)^p ≥ δ^p for p = 2 and 4, and the terms n δ^p cost at most a factor of n.

        Args:
            rows: finite, or nothing of the result is.
            norms: (n,), float64, where the norms of the rows are written on the way; both need the rows as float64.
        """
        n, d = rows.shape
        if n == 0:
            return cls.empty(d)
        with np.errstate(over="ignore", invalid="ignore"):  # powers beyond float64 are NaN
            found = _central_sums(rows, norms)
            mean, m2 = found[:2]
            far = ~(n * mean**2 <= FAR * m2)  # true for NaN
            if far.any():
                deviating = rows[:, torch.from_numpy(far)].double()
                first = deviating[0].clone()
                found[:, far] = _central_sums(deviating.sub_(first))
                mean[far] += first.numpy()
        return cls(n, *found)

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


def _central_sums(values: Tensor, norms: Tensor | None = None) -> Floats:
    """Mean and Σ (x − mean)^p of the columns of values (n, d), p = 2, 3, 4, as (4, d); norms of rows where wanted."""
    n, d = values.shape
    sums = torch.zeros(4, d, dtype=torch.float64)
    first, second, third, fourth = sums
    size = min(n, max(1, CACHED_VALUES // d))
    power, square = torch.empty(2, size, d, dtype=torch.float64)
    of_rows, of_units = torch.ones(size, dtype=torch.float64), torch.ones(d, dtype=torch.float64)
    for start in range(0, n, size):
        some = values[start : start + size]
        x, xx, ones = power[: len(some)], square[: len(some)], of_rows[: len(some)]
        x.copy_(some)
        torch.mul(x, x, out=xx)
        if norms is not None:
            torch.mv(xx, of_units, out=norms[start : start + size])
        first.addmv_(x.T, ones)
        second.addmv_(xx.T, ones)
        x.mul_(xx)
        third.addmv_(x.T, ones)
        xx.mul_(xx)
        fourth.addmv_(xx.T, ones)
    if norms is not None:
        norms.sqrt_()
    s1, s2, s3, s4 = sums.numpy()
    mean = s1 / n
    m2 = np.maximum(s2 - n * mean**2, 0.0)
    m3 = s3 - 3 * mean * s2 + 2 * n * mean**3
    m4 = np.maximum(s4 - 4 * mean * s3 + 6 * mean**2 * s2 - 3 * n * mean**4, 0.0)
    return np.stack([mean, m2, m3, m4])
