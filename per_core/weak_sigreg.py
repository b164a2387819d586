"""Weak SIGReg: how far the covariance of a random sketch of the activations is from the identity.

With S a random matrix (s, d) of entries N(0, 1/d), or the identity where d is at most s, and C the covariance of the
rows h Sᵀ, divided by n − 1:

    loss = ‖C − I‖_F

It sees second moments alone: skewness and modes leave it as it is, and so does the mean. Of N(0, I) itself a sketch of
d > s units has a covariance near S Sᵀ, which is the identity on average only, so the loss is not 0 there.

Reference: Akbar, "Weak-SIGReg: covariance regularization for stable deep learning" (2026), arXiv 2603.05924, and the
code published with it, whose training minimises (1 − α) task + α · loss, α from 0.01 to 0.1, averaged over layers.
"""

from __future__ import annotations

import torch
from torch import Tensor

from per_core.arguments import Array, as_matrix, require_count, require_finite, require_statistics, working_dtype
from per_core.derivatives import shared_draw

SKETCH = 64


def weak_sigreg_loss(activations: Array, *, sketch: int = SKETCH, generator: torch.Generator | None = None) -> Tensor:
    """‖Cov(h Sᵀ) − I‖_F with a random sketch S.

    Args:
        activations: (n, d), n at least 2, d at least 1, finite; any floating dtype. The check waits for a GPU.
        sketch: rows s of S, at least 1; nothing is drawn where d is not larger; 64 published.
        generator: source of S; torch's global one if None.

    Returns:
        Scalar, at least 0; float64 for float64 and float32 for every shorter dtype.

    Raises:
        InvalidInputError: wrong rank, fewer than 2 rows, NaN or infinite values, a sketch below 1.

    Example:
        >>> weak_sigreg_loss(torch.zeros(8, 4))  # a covariance of 0 is √4 from the identity
        tensor(2.)
    """
    h = as_matrix(activations, "activations", "(n, d)")
    require_count(sketch, "sketch")
    require_statistics(len(h), otherwise="")
    require_finite(h, "activations")
    with torch.autocast(h.device.type, enabled=False):
        rows = h.to(working_dtype(h))
        d = rows.shape[1]
        if d > sketch:
            source = h.device if generator is None else generator.device
            normal = shared_draw(lambda: torch.randn(sketch, d, generator=generator, device=source, dtype=rows.dtype))
            rows = rows @ (normal.to(h.device) * d**-0.5).T  # (n, s)
        centred = rows - rows.mean(dim=0)
        covariance = centred.T @ centred / (len(rows) - 1)
        identity = torch.eye(covariance.shape[0], dtype=rows.dtype, device=rows.device)
        distance: Tensor = torch.linalg.vector_norm(covariance - identity)  # whose derivative at 0 is 0
    return distance
