"""PER, projected error function regularisation: its loss, its gradient, and a layer that adds the gradient.

For a batch h of n rows, p = <θ, h> with θ uniform on the unit sphere and Z ~ N(0, 1):

    L_per = mean_i E_θ[p_i erf(p_i/√2) + √(2/π) exp(−p_i²/2)] = mean_i E_θ E|p_i − Z|          (equation 5)
    ∇_{h_i} L_per = (1/n) E_θ[erf(p_i/√2) θ]                                                   (equation 6)

The expectation over θ depends on the norm of a row only and has a closed form (`per_core.radial`). It is smallest at
collapse, h = 0, where it is √(2/π) = 0.798; at N(0, I) it is 2/√π = 1.128.

Reference: Joo, Kang and Kim, "Regularizing activations in neural networks via distribution matching with the
Wasserstein metric", ICLR 2020.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from per_core.arguments import as_matrix, require_choice, require_slices, require_weight
from per_core.directions import random_directions
from per_core.errors import InvalidInputError
from per_core.radial import radial_curvature, radial_loss, radial_slope

Reduction = Literal["mean", "sum"]
Layout = Literal["sample", "position"]


def per_loss(
    activations: Tensor | ArrayLike, *, slices: int | None = None, generator: torch.Generator | None = None
) -> Tensor:
    """PER of a batch (Joo et al. 2020, equation 5), exact unless `slices` are asked for.

    Args:
        activations: h (n, d), one row a sample; any floating-point dtype and device.
        slices: None for the exact expectation over directions; else the number of random directions, at least 1.
        generator: source of randomness of the directions.

    Returns:
        Scalar tensor, at least √(2/π) when exact; twice differentiable. Relative error 1e-7 in float64 or better.

    Raises:
        InvalidInputError: if the activations are not a finite floating-point matrix, or `slices` is below 1.

    Example:
        >>> per_loss(torch.zeros(10, 3))  # collapse, the smallest value there is
        tensor(0.7979)
    """
    batch = as_matrix(activations, "activations", "(n, d)")
    if slices is None:
        per_row: Tensor = _RowLoss.apply(batch)
        return per_row.mean().to(batch.dtype)
    wide = _wide(batch)
    return projected_loss(wide @ _thetas(batch, slices, generator).T).mean().to(batch.dtype)


def per_gradient(
    activations: Tensor | ArrayLike, *, slices: int | None = None, generator: torch.Generator | None = None
) -> Tensor:
    """E_θ[erf(p_i/√2) θ] of every row: n times the gradient of `per_loss` (Joo et al. 2020, equation 6).

    Args:
        activations: h (n, d), one row a sample; any floating-point dtype and device.
        slices: None for the exact expectation, ψ'(r) h/r of a row of norm r; else the number of random directions
            of Algorithm 1. Their noise is large: the cosine to the exact gradient is about 1/√(1 + d/slices).
        generator: source of randomness of the directions.

    Returns:
        Tensor (n, d) of rows shorter than √(2/π); differentiable once when exact.

    Raises:
        InvalidInputError: if the activations are not a finite floating-point matrix, or `slices` is below 1.

    Example:
        >>> per_gradient(torch.tensor([[1.0]]))  # one unit: erf(1/√2)
        tensor([[0.6827]])
    """
    batch = as_matrix(activations, "activations", "(n, d)")
    if slices is None:
        gradient: Tensor = _RowGradient.apply(batch)
        return gradient
    return _projected_gradient(_wide(batch), _thetas(batch, slices, generator)).to(batch.dtype)


def projected_loss(projections: Tensor) -> Tensor:
    """E|p − Z| = p erf(p/√2) + √(2/π) exp(−p²/2) of every value, Z ~ N(0, 1): PER of one projection."""
    return projections * torch.erf(projections / math.sqrt(2)) + math.sqrt(2 / math.pi) * torch.exp(
        -projections.square() / 2
    )


class PER(nn.Module):
    """A layer that leaves activations as they are and adds PER's gradient on the way back.

    Put it after a non-linearity. The forward pass is the identity; the backward pass adds weight · ∇L_per without ever
    building the loss. In evaluation mode it adds nothing. Beyond the saved activation and the gradient it returns, the
    exact form needs memory for one number a row. Activations are not checked here: NaN stays NaN, and nothing waits
    for the device.

    Args:
        weight: λ, finite and at least 0. Published: 1e-5 to 3e-4 with ELU, 1e-7 to 3e-6 with ReLU on CIFAR-100.
        slices: None for the exact expectation, else the number of random directions a step (Algorithm 1 of Joo et al.
            2020; published: 256), drawn from torch's global generator.
        reduction: "mean" divides by the number of rows (equation 6); "sum" does not (Algorithm 1 as printed). With a
            batch-mean loss the two differ by the number of rows in the weight.
        layout: what one row is. "sample": everything of a sample, flattened. "position": one place of a sample; of
            (n, t, d) the last axis holds the units, of (n, c, h, w) the channels do. (n, d) is the same in both.

    Data-parallel training averages gradients over ranks. With equal batches "mean" then gives what one process gives on
    the joined batch, and "sum" gives that divided by the number of ranks.

    With a gradient scaler (float16) the added term is not scaled with the loss and would be divided away: use bfloat16,
    or add weight · `per_loss` to the loss instead.

    Example:
        >>> layer = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ELU(), PER(1e-4))
        >>> layer(torch.randn(4, 8)).mean().backward()
    """

    def __init__(
        self,
        weight: float,
        *,
        slices: int | None = None,
        reduction: Reduction = "mean",
        layout: Layout = "sample",
    ) -> None:
        """Check and keep the settings."""
        super().__init__()
        self.weight = require_weight(weight)
        self.slices = None if slices is None else require_slices(slices)
        self.reduction = require_choice(reduction, "reduction", ("mean", "sum"))
        self.layout = require_choice(layout, "layout", ("sample", "position"))

    def forward(self, activations: Tensor) -> Tensor:
        """Return the activations unchanged; any rank from 2 to 4."""
        if not 2 <= activations.ndim <= 4:
            raise InvalidInputError(
                "PER takes activations (n, d), (n, t, d) or (n, c, h, w); received shape "
                f"{tuple(activations.shape)}. Reshape them first."
            )
        if not self.training or self.weight == 0:
            return activations
        unchanged: Tensor = _AddGradient.apply(
            activations, self.weight, self.slices, self.reduction == "mean", self.layout == "position"
        )
        return unchanged

    def extra_repr(self) -> str:
        """The settings, as `print(model)` shows them."""
        return f"weight={self.weight:g}, slices={self.slices}, reduction={self.reduction!r}, layout={self.layout!r}"


class _AddGradient(torch.autograd.Function):
    """Identity forward; backward adds weight · PER's gradient of the saved activation."""

    @staticmethod
    def forward(ctx: Any, activations: Tensor, weight: float, slices: int | None, mean: bool, position: bool) -> Tensor:
        ctx.save_for_backward(activations)
        ctx.settings = weight, slices, mean, position
        return activations.view_as(activations)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None, None, None, None]:  # type: ignore[override]
        (activations,) = ctx.saved_tensors
        weight, slices, mean, position = ctx.settings
        units = _unit_axes(activations.ndim, position)
        d = math.prod(activations.shape[axis] for axis in units)
        rows = activations.numel() // max(d, 1)
        strength = weight / max(rows, 1) if mean else weight
        wide = _wide(activations)
        if slices is None:
            slope = radial_slope(_norms(activations, units), d) * strength
            added = torch.addcmul(grad_output.to(wide.dtype), wide, slope.to(wide.dtype))
        else:
            first = units[0]
            matrix = wide.movedim(first, -1).reshape(rows, d) if position else wide.reshape(rows, d)
            noisy = _projected_gradient(matrix, random_directions(slices, d, device=wide.device, dtype=wide.dtype))
            shape = wide.movedim(first, -1).shape if position else wide.shape
            noisy = noisy.reshape(shape).movedim(-1, first) if position else noisy.reshape(shape)
            added = torch.add(grad_output.to(wide.dtype), noisy, alpha=strength)
        return added.to(grad_output.dtype), None, None, None, None


class _RowLoss(torch.autograd.Function):
    """ψ of the norm of every row, (n, d) -> (n,) float64."""

    @staticmethod
    def forward(ctx: Any, batch: Tensor) -> Tensor:
        ctx.save_for_backward(batch)
        return radial_loss(_norms(batch, (1,)).squeeze(1), batch.shape[1])

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:  # type: ignore[override]
        (batch,) = ctx.saved_tensors
        gradient: Tensor = _RowGradient.apply(batch)
        return gradient * grad_output[:, None].to(gradient.dtype)


class _RowGradient(torch.autograd.Function):
    """ψ'(r) h/r of every row, and the product with its symmetric Jacobian s I + 2 s' h hᵀ, s = ψ'/r, s' = ds/dr²."""

    @staticmethod
    def forward(ctx: Any, batch: Tensor) -> Tensor:
        ctx.save_for_backward(batch)
        wide = _wide(batch)
        return (wide * radial_slope(_norms(batch, (1,)), batch.shape[1]).to(wide.dtype)).to(batch.dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:  # type: ignore[override]
        (batch,) = ctx.saved_tensors
        d = batch.shape[1]
        wide, incoming = _wide(batch), grad_output.to(_wide(batch).dtype)
        norms = _norms(batch, (1,))
        along = (wide * incoming).sum(dim=1, keepdim=True, dtype=torch.float64)
        straight = radial_slope(norms, d).to(wide.dtype) * incoming
        turned = (2 * radial_curvature(norms, d) * along).to(wide.dtype) * wide
        return (straight + turned).to(batch.dtype)


def _unit_axes(ndim: int, position: bool) -> tuple[int, ...]:
    """The axes that make up a row: one for a position, all but the first for a sample."""
    if position:
        return (1,) if ndim == 4 else (ndim - 1,)
    return tuple(range(1, ndim))


def _norms(values: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Norms over the axes, kept as size 1, accumulated in float64 without a float64 copy of the values."""
    return torch.linalg.vector_norm(values, dim=axes, keepdim=True, dtype=torch.float64)


def _wide(values: Tensor) -> Tensor:
    """float32 and float64 as they are, half precision as float32."""
    return values if values.dtype in (torch.float32, torch.float64) else values.float()


def _thetas(batch: Tensor, slices: int, generator: torch.Generator | None) -> Tensor:
    device = batch.device if generator is None else generator.device
    drawn = random_directions(slices, batch.shape[1], generator=generator, device=device, dtype=_wide(batch).dtype)
    return drawn.to(batch.device)


def _projected_gradient(rows: Tensor, thetas: Tensor) -> Tensor:
    """Mean over directions of erf(p/√2) θ: (n, d), (k, d) -> (n, d)."""
    return torch.erf(rows @ thetas.T / math.sqrt(2)) @ thetas / len(thetas)
