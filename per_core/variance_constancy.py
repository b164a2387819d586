"""VCL, the variance constancy loss: the variance of a unit should not depend on which samples it is taken from.

With v1 and v2 the unbiased variances of a unit over two disjoint random subsets of the batch:

    loss = mean over units of (1 − v1/(v2 + β))²

The variance of a sample variance grows with kurtosis, so the loss lowers kurtosis: it drives a unit towards a few
modes, not towards a Gaussian. It acts on pre-activations, and is differentiated through both variances.

Reference: Littwin and Wolf, "Regularizing by the variance of the activations' sample-variances", NeurIPS 2018, arXiv
1811.08764; β is learned for every unit from 1 on. To keep it at or above 1e-3 is ours: the code published with the
paper has no such bound, and β below 0 can make the loss infinite.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from per_core.arguments import Array, as_matrix, require_count, require_finite, require_weight, working_dtype
from per_core.derivatives import inspect, shared_draw
from per_core.errors import InvalidInputError

BETA_FLOOR = 1e-3


def vcl_loss(
    activations: Array,
    *,
    subset: int = 5,
    beta: float | Tensor = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """The variance constancy loss of two disjoint random subsets of the batch.

    Args:
        activations: (n, d), n at least 2 · subset, d at least 1, finite; any floating dtype.
        subset: samples in each subset, at least 2; 5 in the paper.
        beta: β, greater than 0; one number, or a tensor (d,) with one for every unit.
        generator: chooses the subsets; torch's global one if None.

    Returns:
        Scalar, at least 0; float64 for float64 and float32 for every shorter dtype.

    Raises:
        InvalidInputError: wrong rank, fewer rows than two subsets hold, NaN or infinite values, a subset below 2, a β
            that is not greater than 0 or not one for every unit.

    Example:
        >>> vcl_loss(torch.zeros(10, 4))  # constant units: v1 = v2 = 0
        tensor(1.)
    """
    h = as_matrix(activations, "activations", "(n, d)")
    _require_subsets(len(h), subset)
    require_finite(h, "activations")
    with torch.autocast(h.device.type, enabled=False):
        first, second = _subset_variances(h, subset, 2, generator)
        ratio = first / (second + _as_beta(beta, h.shape[1], first))
        loss: Tensor = (1 - ratio).square().mean()
    return loss


def mean_vcl_loss(
    activations: Array,
    *,
    subset: int = 5,
    beta: float | Tensor = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """The mean of `vcl_loss` over the subsets it may draw, estimated without bias from all rows at once.

    `vcl_loss` looks at 2m rows, so its gradient is 0 at all others and mostly noise. Here the rows in random order are
    cut into S = ⌊n/m⌋ subsets, and every ordered pair of two of them counts (a U-statistic, Hoeffding 1948): with v the
    variances of a unit and w = 1/(v + β),

        mean over s ≠ t of (1 − v_s w_t)² = 1 − 2 P(v, w) + P(v², w²),    P(a, b) = (Σa Σb − Σab) / (S (S − 1)).

    Args: as `vcl_loss`; the generator chooses the order.

    Returns:
        Scalar, at least 0 up to rounding; float64 for float64 and float32 for every shorter dtype.

    Raises:
        InvalidInputError: as `vcl_loss`.

    Example:
        >>> mean_vcl_loss(torch.zeros(10, 4))
        tensor(1.)
    """
    h = as_matrix(activations, "activations", "(n, d)")
    _require_subsets(len(h), subset)
    require_finite(h, "activations")
    with torch.autocast(h.device.type, enabled=False):
        count = len(h) // subset
        v = _subset_variances(h, subset, count, generator)
        w = 1 / (v + _as_beta(beta, h.shape[1], v))

        def over_pairs(a: Tensor, b: Tensor) -> Tensor:
            return (a.sum(dim=0) * b.sum(dim=0) - (a * b).sum(dim=0)) / (count * (count - 1))

        loss: Tensor = (1 - 2 * over_pairs(v, w) + over_pairs(v.square(), w.square())).mean()
    return loss


class VCL(nn.Module):
    """The variance constancy loss with its weight and a learnable β for every unit.

    Put it on pre-activations and add what it returns to the task loss, in training. Give β to the optimiser with the
    parameters of the network.

    Args:
        num_features: number of units d.
        weight: factor of the loss, finite and at least 0; 0.01 in the paper.
        subset: samples in each of the two subsets, at least 2.
        beta: β of every unit at first, greater than 0; 1 in the paper.

    Raises:
        InvalidInputError: an argument out of range; in forward, as `vcl_loss`.

    Example:
        >>> VCL(64)(torch.zeros(128, 64))
        tensor(0.0100, grad_fn=<MulBackward0>)
    """

    def __init__(self, num_features: int, weight: float = 0.01, *, subset: int = 5, beta: float = 1.0) -> None:
        super().__init__()
        _require_positive_beta(torch.tensor(float(beta), device="cpu"))
        self.beta = nn.Parameter(torch.full((require_count(num_features, "num_features"),), float(beta)))
        self.weight = require_weight(weight)
        self.subset = _require_subset(subset)

    def forward(self, activations: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """weight · vcl_loss of `activations`, (n, d)."""
        with torch.no_grad():
            self.beta.copy_(self.beta.clamp(min=BETA_FLOOR))  # where a step of the optimiser took it lower
        return self.weight * vcl_loss(activations, subset=self.subset, beta=self.beta, generator=generator)

    def extra_repr(self) -> str:
        """The arguments, for print."""
        return f"{self.beta.numel()}, weight={self.weight:g}, subset={self.subset}"


def _require_subset(subset: int) -> int:
    if require_count(subset, "subset") < 2:
        raise InvalidInputError(
            f"subset must be at least 2, which a variance needs; received {subset}. The paper uses 5."
        )
    return int(subset)


def _subset_variances(h: Tensor, subset: int, count: int, generator: torch.Generator | None) -> Tensor:
    """Variances (count, d) of `count` disjoint random subsets of the rows, in the working dtype."""
    source = h.device if generator is None else generator.device
    order = shared_draw(lambda: torch.randperm(len(h), generator=generator, device=source))
    chosen = h.to(working_dtype(h))[order[: count * subset].to(h.device)]
    return chosen.view(count, subset, h.shape[1]).var(dim=1)


def _require_subsets(n: int, subset: int) -> None:
    if n < 2 * _require_subset(subset):
        raise InvalidInputError(
            f"activations must have at least {2 * subset} rows, two subsets of {subset}; received {n}."
            " Use a larger batch or a smaller subset."
        )


def _as_beta(beta: float | Tensor, d: int, rows: Tensor) -> Tensor:
    values = torch.as_tensor(beta, dtype=rows.dtype, device=rows.device)
    if values.shape not in ((), (d,)):
        raise InvalidInputError(
            f"beta must be one number or one for every unit, shape ({d},); received shape {tuple(values.shape)}."
            " Make it match the columns of the activations."
        )
    inspect(values, _require_positive_beta)
    return values


def _require_positive_beta(values: Tensor) -> None:
    if not bool((values > 0).all()):
        raise InvalidInputError(
            f"beta must be greater than 0; received values down to {values.min().item():g}. The paper starts at 1."
        )
