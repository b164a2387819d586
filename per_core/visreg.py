"""VISReg: location, scale and shape of a batch pulled towards N(0, I) by a term each.

With μ and σ the mean and the standard deviation (divided by n) of each unit, z = (h − μ)/σ in which σ counts as a
constant, and p_(i) the sorted projections of z on a random direction:

    centre = mean over units of μ²
    scale  = mean over units of (1 − σ)²
    shape  = mean over directions and ranks i of (p_(i) − Φ⁻¹(i/(n + 1)))²

The scale term keeps its gradient, 2(1 − σ)/d a unit, while a batch collapses. As σ is a constant of the shape term, the
gradient of that is not the derivative of its value: it has a part along the rows, 2(1 − mean p q) for a change of the
scale's logarithm, q the quantiles, which vary a little less than z. It leads inward, and outweighs the scale term where
σ(1 − σ) < 1 − mean p q: from σ = 0.02 down for 256 rows. A batch smaller than that is not led out.

Reference: Wu, Balestriero and Levine, "VISReg: variance-invariance-sketching regularization for JEPA training" (2026),
arXiv 2606.02572, and the code published with it; the invariance between views is not part of it here.
"""

from __future__ import annotations

import torch
from torch import Tensor

from per_core.arguments import (
    Array,
    as_directions,
    as_matrix,
    require_finite,
    require_statistics,
    require_weight,
    working_dtype,
)
from per_core.directions import random_directions
from per_core.text import N_

SMALLEST_DEVIATION = 1e-6  # σ that z is divided by, at least


def visreg_loss(
    activations: Array,
    *,
    slices: int = 256,
    scale: float = 1.0,
    shape: float = 1.0,
    centre: float = 1.0,
    generator: torch.Generator | None = None,
    directions: Array | None = None,
) -> Tensor:
    """scale · scale term + shape · shape term + centre · centre term.

    Args:
        activations: (n, d), n at least 2, d at least 1, finite; any floating dtype. The check waits for a GPU.
        slices: number of random directions, at least 1; 256 in the published code.
        scale, shape, centre: weights of the terms, finite and at least 0; 1 each in the published code.
        generator: source of the random directions; torch's global one if None.
        directions: (k, d) unit rows to use instead; `slices` and `generator` are then ignored.

    Returns:
        Scalar, at least 0; float64 for float64 and float32 for every shorter dtype.

    Raises:
        InvalidInputError: wrong rank, fewer than 2 rows, NaN or infinite values, slices below 1, a weight out of range,
            directions of the wrong size or not of unit norm.

    Example:
        >>> visreg_loss(torch.zeros(8, 4), shape=0.0)  # σ = 0 of every unit
        tensor(1.0000)
    """
    h = as_matrix(activations, "activations", "(n, d)")
    for name, weight in (("scale", scale), ("shape", shape), ("centre", centre)):
        require_weight(weight, name, N_("The published code has 1."))
    require_statistics(len(h), otherwise="")
    require_finite(h, "activations")
    with torch.autocast(h.device.type, enabled=False):
        rows = h.to(working_dtype(h))
        n, d = rows.shape
        if directions is None:
            theta = random_directions(slices, d, generator=generator, device=h.device, dtype=rows.dtype)
        else:
            theta = as_directions(directions, rows)
        mean = rows.mean(dim=0)
        centred = rows - mean
        deviation = torch.linalg.vector_norm(centred, dim=0) * n**-0.5
        deviation = deviation.clamp(min=SMALLEST_DEVIATION)
        projections = (centred / deviation.detach()) @ theta.T  # (n, k)
        ranks = torch.arange(1, n + 1, dtype=rows.dtype, device=rows.device) / (n + 1)
        quantiles = torch.special.ndtri(ranks).unsqueeze(1)
        loss: Tensor = (
            scale * (1 - deviation).square().mean()
            + shape * (projections.sort(dim=0).values - quantiles).square().mean()
            + centre * mean.square().mean()
        )
    return loss
