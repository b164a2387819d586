"""Half the sliced energy distance between a batch and N(0, I), without projections.

The energy distance ED between the projections <θ, h_i> and N(0, 1), averaged over all directions θ, is a matter of
norms and distances alone:

    E_θ ED/2 = mean_i ψ(‖h_i‖) − (c_d/2) mean_ij ‖h_i − h_j‖ − 1/√π,   c_d = E|θ_1| = Γ(d/2)/(√π Γ((d+1)/2))

The first term is PER (`per_core.radial`); the second rewards spread, which PER lacks, so that the loss is lowest at
N(0, I) and not at collapse. Pairs i = j are included: of n rows of N(0, I) the mean is 1/(n √π), and no batch is
below 0.

References: Székely and Rizzo, "Energy statistics: a class of statistics based on distances" (2013), for ED; Joo, Kang
and Kim, "Regularizing activations in neural networks via distribution matching with the Wasserstein metric", ICLR 2020,
for the first term.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from per_core.arguments import Array, as_matrix, working_dtype
from per_core.derivatives import Evaluation, differentiable_once
from per_core.per import per_loss

BLOCK_DISTANCES = 2**18  # distances held at a time
NO_SECOND_DERIVATIVE = (
    "energy_loss can be differentiated once; received a second derivative. Use per_loss, which can be differentiated"
    " twice, or detach what is not to be differentiated."
)
COINCIDENT = 1e-7  # what float64 resolves of a distance that is taken from squares


def energy_loss(activations: Array) -> Tensor:
    """Half the energy distance to N(0, 1) of the projections, averaged over every direction.

    Differentiable once, torch.func included; coincident rows do not move each other. O(n² d) time, and memory that does
    not grow with n².

    Args:
        activations: (n, d), n and d at least 1, finite; any floating dtype. The check waits for a GPU.

    Returns:
        Scalar, at least 0 up to rounding; float64 for float64 and float32 for every shorter dtype.

    Raises:
        InvalidInputError: wrong rank, an empty batch, NaN or infinite values.

    Example:
        >>> energy_loss(torch.zeros(4, 8))  # collapse: √(2/π) − 1/√π
        tensor(0.2337)
    """
    h = as_matrix(activations, "activations", "(n, d)")
    with torch.autocast(h.device.type, enabled=False):
        rows = h.to(working_dtype(h))
        spread, _ = differentiable_once(rows, rows.new_empty(0), _mean_distance, NO_SECOND_DERIVATIVE)
        return per_loss(rows) - _mean_cosine(h.shape[1]) / 2 * spread - 1 / math.sqrt(math.pi)


def _mean_cosine(d: int) -> float:
    """E|θ_1| of a random direction in d dimensions."""
    return math.exp(math.lgamma(d / 2) - math.lgamma((d + 1) / 2)) / math.sqrt(math.pi)


def _mean_distance(h: Tensor, _parameter: Tensor, wanted: bool) -> Evaluation:
    """mean_ij ‖h_i − h_j‖, its gradient found along with it, a block of rows at a time.

    Distances are taken from scalar products, which is several times faster than from differences, in float64 and around
    the mean, so that only the distances of rows closer than COINCIDENT of their norms are lost: they count as 0.
    """
    n = len(h)
    x = h.double()
    x = x - x.mean(dim=0)
    squares = x.square().sum(dim=1)
    total = x.new_zeros(())
    pulls = []
    size = max(1, BLOCK_DISTANCES // n)
    for rows, row_squares in zip(torch.split(x, size), torch.split(squares, size), strict=True):
        sums = row_squares.unsqueeze(1) + squares  # (b, n)
        squared = torch.addmm(sums, rows, x.T, alpha=-2)
        distances = squared.masked_fill_(squared <= COINCIDENT**2 * sums, 0).sqrt_()
        total += distances.sum()
        if wanted:
            inverse = distances.reciprocal_()
            inverse.masked_fill_(inverse.isinf(), 0)
            pulls.append(torch.addmm(rows * inverse.sum(dim=1, keepdim=True), inverse, x, alpha=-1))
    gradient = (torch.cat(pulls) * (2 / n**2)).to(h.dtype) if wanted else None  # every pair counts twice
    return Evaluation((total / n**2).to(h.dtype), total.new_empty(0), gradient)
