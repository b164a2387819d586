"""How far the second moments of a layer are from I: what stands between a gradient step and a natural one.

The Fisher matrix of the weights W of a fully connected layer W h is E[(h hᵀ) ⊗ (δ δᵀ)], where δ is the gradient with
respect to W h. Where h and δ are independent it is E[h hᵀ] ⊗ E[δ δᵀ]: at E[h hᵀ] = I the natural gradient has nothing
to correct on the side of h, and where E[δ δᵀ] is a multiple of I too, gradient and natural gradient are parallel.

Source: Desjardins, Simonyan, Pascanu and Kavukcuoglu, "Natural neural networks", NeurIPS 2015, section 2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analysis.batch import ActivationBatch
from analysis.statistics.null_band import Statistic

Key = Literal["distance", "condition"]


@dataclass(frozen=True, slots=True)
class SecondMoments:
    """M = E[h hᵀ] of n rows of d units against I, in two numbers. M is not centred: a mean counts.

    Attributes:
        n: rows that are finite.
        d: units.
        distance: ‖M − I‖_F / √d, the root mean square of λ − 1 over the eigenvalues λ of M: 0 at I, 1 at M = 0. Of
            N(0, I) the mean of its square is (d + 1) / n. NaN without a finite row.
        condition: the largest eigenvalue over the smallest, at least 1; infinite where M has not full rank, as with a
            unit that is always 0, or with fewer rows than units. NaN without a finite row. On the same rows, a part of
            the units has at most the condition number of all, as the eigenvalues of a principal submatrix lie between
            the extreme ones of the matrix (Cauchy's interlacing).
    """

    n: int
    d: int
    distance: float
    condition: float


@dataclass(frozen=True, slots=True)
class Conditioning(Statistic[Key]):
    """Distance and condition number as a statistic, for the null band. It has no slices."""

    def measure(self, batch: ActivationBatch) -> dict[Key, float]:
        """Both of a finite batch."""
        found = second_moments(batch.values)
        return {"distance": found.distance, "condition": found.condition}


def second_moments(values: NDArray[np.floating]) -> SecondMoments:
    """Second moments of rows (n, d), d ≥ 1; rows with NaN or infinite values are left out.

    The eigenvalues are the squared singular values of the rows over √n, in float64. The rank is counted as
    `numpy.linalg.matrix_rank` does.
    """
    rows = values[np.isfinite(values).all(axis=1)].astype(np.float64)
    n, d = rows.shape
    if n == 0:
        return SecondMoments(n, d, math.nan, math.nan)
    singular = np.zeros(d)
    singular[: min(n, d)] = np.linalg.svd(rows, compute_uv=False) / math.sqrt(n)  # decreasing
    rounding = singular[0] * max(n, d) * np.finfo(np.float64).eps
    with np.errstate(over="ignore"):
        distance = float(np.sqrt(np.mean(np.square(np.square(singular) - 1))))
        condition = float((singular[0] / singular[-1]) ** 2) if singular[-1] > rounding else math.inf
    return SecondMoments(n, d, distance, condition)
