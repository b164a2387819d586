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
from per_core.text import N_

BETA_FLOOR = 1e-3
BLOCK_VALUES = 2**17  # of the rows of subsets, held at a time


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
        first, second = _subset_variances(h, subset, generator)
        ratio = first / (second + _as_beta(beta, h.shape[1], first))
        loss: Tensor = (1 - ratio).square().mean()
    return loss


def mean_vcl_gradient(
    activations: Array,
    *,
    subset: int = 5,
    beta: float = 1.0,
    draws: int = 1,
    generator: torch.Generator | None = None,
) -> Tensor:
    """n times the gradient of the mean of `vcl_loss` over the subsets it may draw, estimated without bias.

    `vcl_loss` looks at 2m rows, so its gradient is 0 at all others and mostly noise. Here the rows in random order are
    cut into S = ⌊n/m⌋ subsets, and every ordered pair of two of them counts (a U-statistic, Hoeffding 1948): with v the
    variances of a unit and w = 1/(v + β), the mean over s ≠ t of (1 − v_s w_t)² is

        1 + (q(v², w²) − 2 q(v, w)) / (S (S − 1)),    q(a, b) = Σa Σb − Σab,

    whose derivative by v_s is

        2 (v_s (Σw² − w_s²) − w_s³ (Σv² − v_s²) − (Σw − w_s) + w_s² (Σv − v_s)) / (S (S − 1)).

    Args:
        activations, subset, generator: as in `vcl_loss`; the generator chooses the orders.
        beta: β of every unit, greater than 0.
        draws: orders over which the estimate is averaged, at least 1.

    Returns:
        (n, d) in the dtype of `vcl_loss`; not differentiable.

    Raises:
        InvalidInputError: as `vcl_loss`, or draws below 1.
    """
    h = as_matrix(activations, "activations", "(n, d)").detach()
    (n, d), m = h.shape, subset
    _require_subsets(n, m)
    require_finite(h, "activations")
    _require_positive_beta(torch.tensor(float(beta)))
    with torch.autocast(h.device.type, enabled=False):
        rows, count = h.to(working_dtype(h)), n // m
        source = h.device if generator is None else generator.device
        orders = torch.stack(
            [torch.randperm(n, generator=generator, device=source) for _ in range(require_count(draws, "draws"))]
        ).to(h.device)[:, : count * m]
        gradient = torch.zeros_like(rows)
        for some in torch.split(orders, max(1, BLOCK_VALUES // rows.numel())):
            taken = some.view(-1, count, m).permute(2, 0, 1).flatten()  # the first of every subset, the second, …
            deviations = rows[taken].view(m, -1, count, d)
            deviations -= deviations.mean(dim=0)
            v = deviations.square().sum(dim=0) / (m - 1)  # (draws, S, d)
            w = 1 / (v + beta)
            others_v, others_w, others_v2, others_w2 = (
                values.sum(dim=1, keepdim=True) - values for values in (v, w, v.square(), w.square())
            )
            deviations *= v * others_w2 - w.pow(3) * others_v2 - others_w + w.square() * others_v
            gradient.index_add_(0, taken, deviations.view(-1, d))
        factor = 4 * n / (d * (m - 1) * count * (count - 1) * draws)  # 2 / (m − 1) of a variance by a deviation
    return gradient * factor


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
            N_("subset must be at least 2, which a variance needs; received {subset}. The paper uses 5."), subset=subset
        )
    return int(subset)


def _subset_variances(h: Tensor, subset: int, generator: torch.Generator | None) -> Tensor:
    """Variances (2, d) of two disjoint random subsets of the rows, in the working dtype."""
    source = h.device if generator is None else generator.device
    order = shared_draw(lambda: torch.randperm(len(h), generator=generator, device=source))
    chosen = h.to(working_dtype(h))[order[: 2 * subset].to(h.device)]
    return chosen.view(2, subset, h.shape[1]).var(dim=1)


def _require_subsets(n: int, subset: int) -> None:
    if n < 2 * _require_subset(subset):
        raise InvalidInputError(
            N_(
                "activations must have at least {rows} rows, two subsets of {subset}; received {n}. Use a larger"
                " batch or a smaller subset."
            ),
            rows=2 * subset,
            subset=subset,
            n=n,
        )


def _as_beta(beta: float | Tensor, d: int, rows: Tensor) -> Tensor:
    values = torch.as_tensor(beta, dtype=rows.dtype, device=rows.device)
    if values.shape not in ((), (d,)):
        raise InvalidInputError(
            N_(
                "beta must be one number or one for every unit, shape ({d},); received shape {shape}. Make it match"
                " the columns of the activations."
            ),
            d=d,
            shape=tuple(values.shape),
        )
    inspect(values, _require_positive_beta)
    return values


def _require_positive_beta(values: Tensor) -> None:
    if not bool((values > 0).all()):
        raise InvalidInputError(
            N_("beta must be greater than 0; received values down to {smallest:g}. The paper starts at 1."),
            smallest=values.min().item(),
        )
