"""Projections in float32 whose rounding is bounded, and the same wherever the data is cut."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

FULL_ROWS, FULL_DIRECTIONS = 512, 16  # matrix products come in multiples of these; a core's cache holds such a product
SUMMED = 64  # products that are summed in an order unknown to us
UNIT_ROUNDOFF = 2**-24  # of float32


def project(rows: Tensor, directions: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Projections (k, n) of rows (n, d) on directions (k, d) of their type, 64 units at a time; see `mean_rounding`.

    A row's projections do not depend on the rows beside it, so that data may be cut anywhere. All matrix products are
    of one size for that, filled up with zeros: others may be summed in another order.

    Args:
        out: (k, n), where they are written.
    """
    k, n = len(directions), len(rows)
    out = rows.new_empty(k, n) if out is None else out
    thetas = [theta.contiguous() for theta in torch.split(_filled(directions, FULL_DIRECTIONS), SUMMED, dim=1)]
    for start in range(0, n, FULL_ROWS):
        projections = out[:, start : start + FULL_ROWS]
        values = torch.split(_filled(rows[start : start + FULL_ROWS], FULL_ROWS), SUMMED, dim=1)
        total = _product(thetas[0], values[0])
        for theta, value in zip(thetas[1:], values[1:], strict=True):
            total += _product(theta, value)
        projections.copy_(total[:k, : projections.shape[1]])
    return out


def _product(directions: Tensor, rows: Tensor) -> Tensor:
    """Directions times rows, (k, n): by oneDNN where PyTorch has it, which takes 0.6 times as long with AVX-512."""
    if directions.dtype == torch.float32 and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        found: Tensor = torch.ops.mkldnn._linear_pointwise(directions, rows.contiguous(), None, "none", [], "")
        return found
    return directions @ rows.T


def _filled(matrix: Tensor, multiple: int) -> Tensor:
    """The matrix with rows of zeros up to a multiple; itself if it has as many."""
    missing = -len(matrix) % multiple
    return torch.cat([matrix, matrix.new_zeros(missing, matrix.shape[1])]) if missing else matrix


def mean_rounding(directions: Tensor, norm: float, root_mean_squares: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far `project` is from the exact projections of rows as they were given at most, on average; (k,).

    A sum of m products has the error γ_m Σ|θ_i h_i| at most in whatever order it is taken, γ_m = m u/(1 − m u). Here
    m = min(d, 64) + ⌈d/64⌉ − 1, one more for values that were rounded to float32, one for directions that were scaled
    and rounded, and one for the sums below. By the inequality of Cauchy and Schwarz the mean of Σ|θ_i h_i| over rows
    is ‖θ‖ times the mean of ‖h‖ at most, and Σ|θ_i| √(mean of h_i²) at most; of units that are alike the second is
    0.8 times the first, and with heavy tails the first is the smaller.

    Args:
        directions: (k, d).
        norm: the mean norm of the rows.
        root_mean_squares: (d,), of every unit; NaN where unknown.

    Source: Higham (2002), "Accuracy and stability of numerical algorithms", sections 3.1 and 4.2.
    """
    d = directions.shape[1]
    error = (min(d, SUMMED) + math.ceil(d / SUMMED) + 2) * UNIT_ROUNDOFF
    theta = np.abs(directions.double().numpy())
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is not the smaller one
        most: NDArray[np.float64] = np.fmin(np.linalg.norm(theta, axis=1) * norm, theta @ root_mean_squares)
    return error / (1 - error) * most
