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
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from per_core.arguments import Array, as_matrix, working_dtype
from per_core.regularizer import per_loss

BLOCK_DISTANCES = 2**20  # distances held at a time


def energy_loss(activations: Array) -> Tensor:
    """Half the energy distance to N(0, 1) of the projections, averaged over every direction.

    Differentiable once; coincident rows do not move each other. O(n² d) time, and memory that does not grow with n².

    Args:
        activations: (n, d), n and d at least 1, finite; any floating dtype. The check waits for a GPU.

    Returns:
        Scalar in the dtype of `activations`, at least 0 up to rounding; shorter dtypes than float32 are computed in
        float32.

    Raises:
        InvalidInputError: wrong rank, an empty batch, NaN or infinite values.

    Example:
        >>> energy_loss(torch.zeros(4, 8))  # collapse: √(2/π) − 1/√π
        tensor(0.2337)
    """
    h = as_matrix(activations, "activations", "(n, d)")
    with torch.autocast(h.device.type, enabled=False):
        rows = h.to(working_dtype(h))
        spread = _MeanDistance.apply(rows)  # type: ignore[no-untyped-call]
        loss: Tensor = per_loss(rows) - _mean_cosine(h.shape[1]) / 2 * spread - 1 / math.sqrt(math.pi)
        return loss.to(h.dtype)


def _mean_cosine(d: int) -> float:
    """E|θ_1| of a random direction in d dimensions."""
    return math.exp(math.lgamma(d / 2) - math.lgamma((d + 1) / 2)) / math.sqrt(math.pi)


class _MeanDistance(torch.autograd.Function):
    """mean_ij ‖h_i − h_j‖, a block of rows at a time."""

    @staticmethod
    def forward(ctx: Any, h: Tensor) -> Tensor:
        ctx.save_for_backward(h)
        total = torch.zeros((), dtype=torch.float64, device=h.device)
        for rows in _blocks(h):
            total += _distances(rows, h).sum(dtype=torch.float64)
        return (total / len(h) ** 2).to(h.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (h,) = ctx.saved_tensors
        pulls: list[Tensor] = []
        for rows in _blocks(h):
            with torch.enable_grad():
                leaf = rows.detach().requires_grad_()
                total = _distances(leaf, h).sum()
            pulls += torch.autograd.grad(total, leaf)  # 0 from coincident rows
        return torch.cat(pulls) * (2 * grad / len(h) ** 2)  # every pair counts twice


def _blocks(h: Tensor) -> tuple[Tensor, ...]:
    return torch.split(h, max(1, BLOCK_DISTANCES // len(h)))


def _distances(rows: Tensor, others: Tensor) -> Tensor:
    """From differences: the faster ‖a‖² + ‖b‖² − 2<a, b> loses the distance of rows that are close."""
    return torch.cdist(rows, others, compute_mode="donot_use_mm_for_euclid_dist")
