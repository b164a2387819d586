"""What self-supervised losses ask of a batch's second moments: VICReg's two terms, and Barlow Twins'.

Both compare two views of the same samples; here there is one batch, so that the invariance between views is left out
and Barlow's correlation matrix is that of the batch with itself.

    VICReg    25 · mean over units of max(0, 1 − √(Var + 1e-4)) + Σ_{i≠j} Cov_ij² / d
    Barlow    Σ (1 − C_ii)² + 0.0051 Σ_{i≠j} C_ij²,   C = zᵀ z / n,   z = (h − mean)/√(variance + 1e-5)

The variance term is a threshold: units of a standard deviation of 1 or more are let be. Of a batch with itself C_ii is
1 but for units that hardly vary, so Barlow's is its redundancy term; it does not see scale.

References: Bardes, Ponce and LeCun, "VICReg: variance-invariance-covariance regularization for self-supervised
learning", ICLR 2022, whose covariance is divided by n − 1; Zbontar, Jing, Misra, LeCun and Deny, "Barlow twins:
self-supervised learning via redundancy reduction", ICML 2021, whose code standardises by batch normalisation.
"""

from __future__ import annotations

import torch
from torch import Tensor

from per_core.arguments import Array, as_matrix, require_finite, require_statistics, working_dtype

VARIANCE_WEIGHT, VARIANCE_EPS = 25.0, 1e-4
OFF_DIAGONAL, STANDARDISATION_EPS = 0.0051, 1e-5


def vicreg_loss(activations: Array) -> Tensor:
    """The variance and covariance terms of VICReg with their published weights, 25 and 1.

    Args:
        activations: (n, d), n at least 2, d at least 1, finite; any floating dtype. The check waits for a GPU.

    Returns:
        Scalar, at least 0; float64 for float64 and float32 for every shorter dtype.

    Raises:
        InvalidInputError: wrong rank, fewer than 2 rows, NaN or infinite values.

    Example:
        >>> vicreg_loss(torch.zeros(8, 4))  # 25 (1 − √1e-4)
        tensor(24.7500)
    """
    rows = _centred(activations)
    with torch.autocast(rows.device.type, enabled=False):
        covariance = rows.T @ rows / (len(rows) - 1)
        variances = covariance.diagonal()
        short = (1 - (variances + VARIANCE_EPS).sqrt()).relu()
        loss: Tensor = VARIANCE_WEIGHT * short.mean() + _off_diagonal(covariance) / len(covariance)
    return loss


def barlow_loss(activations: Array) -> Tensor:
    """The loss of Barlow Twins for two views that are the same, its redundancy term.

    Arguments, result and errors as in `vicreg_loss`.

    Example:
        >>> barlow_loss(torch.zeros(8, 4))  # C_ii = 0 of all four units
        tensor(4.)
        >>> barlow_loss(torch.tensor([[1.0, 1.0], [-1.0, -1.0]]))  # two units that say the same: 0.0051 · 2
        tensor(0.0102)
    """
    rows = _centred(activations)
    with torch.autocast(rows.device.type, enabled=False):
        standardised = rows * (rows.square().mean(dim=0) + STANDARDISATION_EPS).rsqrt()
        correlation = standardised.T @ standardised / len(rows)
        on_diagonal = (1 - correlation.diagonal()).square().sum()
        loss: Tensor = on_diagonal + OFF_DIAGONAL * _off_diagonal(correlation)
    return loss


def _centred(activations: Array) -> Tensor:
    h = as_matrix(activations, "activations", "(n, d)")
    require_statistics(len(h), otherwise="")
    require_finite(h, "activations")
    rows = h.to(working_dtype(h))
    return rows - rows.mean(dim=0)


def _off_diagonal(matrix: Tensor) -> Tensor:
    """The sum of the squares of what is not on the diagonal."""
    return matrix.square().sum() - matrix.diagonal().square().sum()
