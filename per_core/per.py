"""PER: the projected error function regularisation of activations, as a loss, a gradient and a layer.

For a batch h of shape (n, d), directions θ uniform on the unit sphere and p = <θ, h>:

    loss      L = mean_i E_θ E|p_i − Z|,   E|p − Z| = p erf(p/√2) + √(2/π) exp(−p²/2),   Z ~ N(0, 1)
    gradient  n ∂L/∂h_i = E_θ[erf(p_i/√2) θ]

Without `slices` the expectation over θ is taken exactly (see `per_core.radial`); with `slices` it is a mean over
that many random directions, Algorithm 1 of the paper.

Reference: Joo, Kang and Kim, "Regularizing activations in neural networks via distribution matching with the
Wasserstein metric", ICLR 2020, arXiv 2002.05366, equations 5 and 6 and Algorithm 1.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn

from per_core.arguments import (
    Array,
    as_matrix,
    require_count,
    require_finite,
    require_weight,
    working_dtype,
)
from per_core.derivatives import batch_first, forward_rule, in_transform, positional, refuse_derivative
from per_core.directions import random_directions
from per_core.errors import InvalidInputError
from per_core.radial import SQRT_2_OVER_PI, radial_curvature, radial_loss, radial_slope
from per_core.text import N_

Reduction = Literal["mean", "sum"]
RowLayout = Literal["sample", "position"]
Options = tuple[float, int | None, Reduction, RowLayout, torch.Generator | None]  # the arguments of PER

SQRT_HALF = math.sqrt(0.5)
NO_THIRD_DERIVATIVE = N_(
    "per_loss can be differentiated twice and per_gradient once; received one more. Give `slices` for random"
    " directions, whose loss has every derivative, or detach what is not to be differentiated."
)
ONE_BACKWARD_PASS = N_(
    "PER can be passed backward once: it adds to every backward pass, so that a second one through the first would add"
    " twice. Use layer.eval() and add λ · per_loss to the loss, or torch.func.hessian, whose second pass is forward."
)
NORM_BLOCK = 8192  # units that float32 may sum by itself; beyond, blocks are summed in float64


def per_loss(activations: Array, *, slices: int | None = None, generator: torch.Generator | None = None) -> Tensor:
    """The PER loss, mean_i E_θ E|<θ, h_i> − Z|: at least √(2/π), 2/√π for a wide batch of N(0, I).

    Twice differentiable with respect to the activations, torch.func included; its gradient is
    `per_gradient(activations) / n`.

    Args:
        activations: (n, d), n and d at least 1, finite; any floating dtype. The check waits for a GPU.
        slices: number of random directions of the Monte-Carlo form; the exact expectation if None.
        generator: source of the random directions; torch's global one if None.

    Returns:
        Scalar, float64 for float64 and float32 for every shorter dtype.

    Raises:
        InvalidInputError: wrong rank, an empty batch, NaN or infinite values, slices below 1.

    Example:
        >>> per_loss(torch.zeros(4, 8))  # the minimum, √(2/π), is collapse to 0
        tensor(0.7979)
    """
    h = as_matrix(activations, "activations", "(n, d)")
    if slices is None:
        values: Tensor = _RadialLoss.apply(h)[0]  # type: ignore[no-untyped-call]
        return values.mean().to(working_dtype(h))
    require_finite(h, "activations")
    with torch.autocast(h.device.type, enabled=False):
        rows = h.to(working_dtype(h))
        theta = random_directions(slices, h.shape[1], generator=generator, device=h.device, dtype=rows.dtype)
        return projection_loss(rows @ theta.T).mean()


def per_gradient(activations: Array, *, slices: int | None = None, generator: torch.Generator | None = None) -> Tensor:
    """The gradient of PER with respect to every row, E_θ[erf(<θ, h_i>/√2) θ], without the factor 1/n.

    Arguments and errors as in `per_loss`. Differentiable once.

    Returns:
        (n, d) in the dtype of `activations`; the norm of a row lies in [0, 1).

    Example:
        >>> per_gradient(torch.tensor([[1.0], [-1.0], [0.0]]))  # one unit: erf(h/√2)
        tensor([[ 0.6827],
                [-0.6827],
                [ 0.0000]])
    """
    h = as_matrix(activations, "activations", "(n, d)")
    if slices is None:
        return _RadialGradient.apply(h, None)[0]  # type: ignore[no-untyped-call, no-any-return]
    require_finite(h, "activations")
    return _sampled_gradient(h, slices, generator).to(h.dtype)


def projection_loss(projections: Tensor) -> Tensor:
    """E|p − Z| = p erf(p/√2) + √(2/π) exp(−p²/2), element by element: PER of a single direction.

    Any shape, any real value; at least √(2/π), and |p| far from 0. Its derivative is erf(p/√2).
    """
    return projections * torch.erf(projections * SQRT_HALF) + SQRT_2_OVER_PI * torch.exp(-projections.square() / 2)


class PER(nn.Module):
    """A layer that leaves activations as they are and adds PER to their gradient.

    Put it after a non-linearity. The forward pass is the identity. In training mode the backward pass adds
    weight · per_gradient, and no loss is built: its value is never needed. In evaluation mode nothing is added.

    Args:
        weight: λ, finite and at least 0; published settings lie between 1e-7 and 3e-4.
        slices: number of random directions, drawn anew in every backward pass (Algorithm 1; 256 in the paper); the
            exact expectation, free of noise and faster, if None.
        reduction: "mean" divides by the number of rows (equation 6); "sum" does not (Algorithm 1 as printed). With a
            task loss averaged over the batch the two differ by that number in λ.
        layout: "sample" makes everything of one sample one row; "position" makes every location a row: (n, d) has n
            rows, (n, t, d) has n·t, (n, c, h, w) has n·h·w with d = c.
        generator: source of the random directions; torch's global one, which dropout uses as well, if None.

    Data-parallel training averages gradients over ranks. With equal batches "mean" then equals one process on the
    joined batch; "sum" comes out divided by the number of ranks: multiply λ by it.

    The term is added to the gradient that arrives. Whatever multiplies the task loss does not reach it: with
    torch.amp.GradScaler set `layer.weight = λ * scaler.get_scale()` before each backward pass, or add λ · per_loss to
    the loss instead; with k accumulated micro-batches divide λ of "mean" by k, and leave that of "sum". bfloat16 needs
    no scaler.

    Exact, the backward pass keeps the activation and uses O(rows) memory beside the gradient it returns (but for copies
    of activations that are shorter than float32, on a CPU, or of rows beyond 8192 units in pieces). It never
    waits for a GPU, so it does not look for NaN; a row whose squares overflow, values beyond 10¹⁸ in float32, is not
    pulled. It has first derivatives in reverse mode, also under `torch.func.vmap`; a backward pass through it raises a
    DerivativeError, since it would add PER a second time. Forward mode (`torch.func.jvp`) sees the identity: add
    λ · per_loss to the loss instead.

    Raises:
        InvalidInputError: weight, slices, reduction or layout out of range; in forward, activations that are not a
            floating tensor of a rank that the layout knows, or that are empty.

    Example:
        >>> net = nn.Sequential(nn.Linear(8, 64), nn.ELU(), PER(1e-4), nn.Linear(64, 10))
        >>> h = torch.ones(2, 1, requires_grad=True)
        >>> PER(0.5)(h).sum().backward()
        >>> h.grad  # 1 of the sum, and 0.5 · erf(1/√2) / 2 of PER
        tensor([[1.1707],
                [1.1707]])
    """

    def __init__(
        self,
        weight: float,
        *,
        slices: int | None = None,
        reduction: Reduction = "mean",
        layout: RowLayout = "sample",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if reduction not in ("mean", "sum"):
            raise InvalidInputError(
                N_(
                    'reduction must be "mean" (equation 6) or "sum" (Algorithm 1 as printed); received {reduction!r}.'
                    " Choose one of the two."
                ),
                reduction=reduction,
            )
        if layout not in ("sample", "position"):
            raise InvalidInputError(
                N_(
                    'layout must be "sample" or "position"; received {layout!r}. For convolutions "position" makes'
                    " every location a row of channels."
                ),
                layout=layout,
            )
        self.weight = require_weight(weight)
        self.slices = None if slices is None else require_count(slices, "slices")
        self.reduction = reduction
        self.layout = layout
        self.generator = generator
        self.noted: list[tuple[PER, Tensor]] | None = None  # where `JointPER` reads what passed, and checks it

    def forward(self, activations: Tensor) -> Tensor:
        """Return `activations` unchanged."""
        if self.noted is not None and self.training:
            self.noted.append((self, activations))
            return activations
        require_rows(activations.shape, activations.dtype, self.layout)
        if not self.training:
            return activations
        function = _AddGradientInTransforms if in_transform() else _AddGradient
        options: Options = self.weight, self.slices, self.reduction, self.layout, self.generator
        return function.apply(activations, options)  # type: ignore[no-untyped-call, no-any-return]

    def extra_repr(self) -> str:
        """The arguments, as in the call."""
        return f"{self.weight:g}, slices={self.slices}, reduction={self.reduction!r}, layout={self.layout!r}"


class _AddGradient(torch.autograd.Function):
    """Identity whose backward pass adds weight · per_gradient."""

    @staticmethod
    def forward(ctx: Any, activations: Tensor, options: Options) -> Tensor:
        ctx.options = options
        ctx.save_for_backward(activations)
        return activations.view_as(activations)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (activations,) = ctx.saved_tensors
        weight, slices, reduction, layout, generator = ctx.options
        dims = dimensions_of_a_row(activations.ndim, layout)
        d = math.prod([activations.shape[dim] for dim in dims])
        scale = weight * d / activations.numel() if reduction == "mean" else weight
        if slices is None and not torch.is_grad_enabled():
            slope = radial_slope(norms_along(activations, dims), d, dtype=working_dtype(activations))
            return torch.addcmul(grad, activations, slope, value=scale).to(grad.dtype), None
        channels_second = layout == "position" and activations.ndim == 4
        h = activations.flatten(1) if layout == "sample" else activations
        if channels_second:
            h = h.movedim(1, -1)  # (..., d)
        if slices is not None:
            gradient = _sampled_gradient(h.flatten(0, -2), slices, generator).view(h.shape)
        else:  # it will be differentiated
            wide = h.to(working_dtype(h))
            gradient, _ = _RadialGradient.apply(wide, norms_along(wide.detach()))  # type: ignore[no-untyped-call]
        gradient = gradient.movedim(-1, 1) if channels_second else gradient.view(activations.shape)
        total = (grad + scale * gradient).to(grad.dtype)
        if torch.is_grad_enabled():
            total = refuse_derivative(total, total, ONE_BACKWARD_PASS, forward_mode=True)
        return total, None


class _AddGradientInTransforms(_AddGradient):
    """`_AddGradient` for `torch.func` and forward mode, where it is the identity. It takes twice as long to call."""

    generate_vmap_rule = True

    @staticmethod
    @positional
    def forward(activations: Tensor, options: Options) -> Tensor:  # type: ignore[override]
        del options
        return activations.view_as(activations)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        del output
        activations, ctx.options = inputs
        ctx.save_for_backward(activations)

    @staticmethod
    @forward_rule
    def jvp(ctx: Any, _saved: list[Tensor], tangent: Tensor, *_options: None) -> Tensor:
        del ctx
        return tangent.view_as(tangent)


class _RadialLoss(torch.autograd.Function):
    """ψ of every row, (..., d) to (..., 1), and the norms of the rows, which are checked."""

    @staticmethod
    @positional
    def forward(h: Tensor) -> tuple[Tensor, Tensor]:
        norms = _checked_norms(h)
        return radial_loss(norms, h.shape[-1]), norms

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: tuple[Tensor, Tensor]) -> None:
        _keep_rows_and_norms(ctx, inputs[0], output[1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _norms: Tensor) -> Tensor:
        h, norms = ctx.saved_tensors
        if torch.is_grad_enabled():  # the gradient will be differentiated
            gradient: Tensor = _RadialGradient.apply(h, norms)[0]  # type: ignore[no-untyped-call]
            return (grad.to(working_dtype(h)) * gradient).to(h.dtype)
        return _scale_rows(h, grad * radial_slope(norms, h.shape[-1]))

    @staticmethod
    @forward_rule
    def jvp(ctx: Any, saved: list[Tensor], tangent: Tensor) -> tuple[Tensor, None]:
        del ctx
        gradient, _ = _RadialGradient.apply(*saved)  # type: ignore[no-untyped-call]
        return (gradient * tangent).sum(dim=-1, keepdim=True).double(), None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int], h: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[int, int]]:
        del info
        return _RadialLoss.apply(*batch_first(in_dims, h)), (0, 0)  # type: ignore[no-untyped-call]


class _RadialGradient(torch.autograd.Function):
    """(ψ'(r)/r) h for every row h, and its norm r, which is found and checked where it is not given."""

    @staticmethod
    @positional
    def forward(h: Tensor, norms: Tensor | None) -> tuple[Tensor, Tensor]:
        found = _checked_norms(h) if norms is None else norms.clone()
        return _scale_rows(h, radial_slope(found, h.shape[-1], dtype=working_dtype(h))), found

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor | None], output: tuple[Tensor, Tensor]) -> None:
        _keep_rows_and_norms(ctx, inputs[0], output[1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _norms: Tensor) -> tuple[Tensor, None]:
        h, norms = ctx.saved_tensors
        return _curved(h, norms, grad), None

    @staticmethod
    @forward_rule
    def jvp(ctx: Any, saved: list[Tensor], tangent: Tensor, _norms: None) -> tuple[Tensor, None]:
        del ctx
        h, norms = saved
        return _curved(h, norms, tangent), None

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], h: Tensor, norms: Tensor | None
    ) -> tuple[tuple[Tensor, Tensor], tuple[int, int]]:
        del info
        return _RadialGradient.apply(*batch_first(in_dims, h, norms)), (0, 0)  # type: ignore[no-untyped-call]


def _keep_rows_and_norms(ctx: Any, h: Tensor, norms: Tensor) -> None:
    ctx.mark_non_differentiable(norms)
    ctx.save_for_backward(h, norms)
    ctx.save_for_forward(h, norms)


def _scale_rows(h: Tensor, factors: Tensor) -> Tensor:
    """Rows (..., d) times one factor (..., 1) each, computed in the working dtype."""
    return (h * factors.to(working_dtype(h))).to(h.dtype)


def _curved(h: Tensor, norms: Tensor, vectors: Tensor) -> Tensor:
    """The second derivative of ψ, a symmetric matrix for every row, times a vector for every row."""
    fixed = h.detach()
    slope = radial_slope(norms, h.shape[-1])
    curvature = radial_curvature(norms, h.shape[-1])
    along = (fixed.double() * vectors).sum(dim=-1, keepdim=True)
    product = (slope * vectors + 2 * curvature * along * fixed).to(h.dtype)
    return refuse_derivative(product, h, NO_THIRD_DERIVATIVE)


def _sampled_gradient(h: Tensor, slices: int, generator: torch.Generator | None) -> Tensor:
    """Algorithm 1: the mean of erf(p/√2) θ over random directions, in the working dtype."""
    with torch.autocast(h.device.type, enabled=False):
        rows = h.to(working_dtype(h))
        theta = random_directions(slices, rows.shape[1], generator=generator, device=rows.device, dtype=rows.dtype)
        return torch.erf((rows @ theta.T) * SQRT_HALF) @ theta / slices


def row_norms(h: Tensor) -> Tensor:
    """Norms over the last dimension, in float64, without a float64 copy of the batch.

    Blocks of a row are summed in the working dtype and their norms in float64. A row whose squares overflow has an
    infinite norm.

    Args:
        h: (..., d), any floating dtype.

    Returns:
        (...), float64; relative error below 1e-6 for float32.
    """
    return norms_along(h).squeeze(-1).double()


def require_rows(shape: torch.Size, dtype: torch.dtype, layout: RowLayout) -> None:
    """Refuse activations that a layout cannot divide into rows, or that are empty: `InvalidInputError`."""
    fits = len(shape) >= 2 and (layout == "sample" or len(shape) <= 4)
    if not fits or not dtype.is_floating_point or 0 in shape:
        raise InvalidInputError(
            N_(
                "activations must be a floating tensor, not empty, of shape {wanted} for layout {layout!r};"
                " received {dtype} of shape {shape}. Reshape it before this layer."
            ),
            wanted="(n, d), (n, t, d) or (n, c, h, w)" if layout == "position" else "(n, ...)",
            layout=layout,
            dtype=dtype,
            shape=tuple(shape),
        )


def dimensions_of_a_row(rank: int, layout: RowLayout) -> tuple[int, ...]:
    """The dimensions that the units of a row lie along, in activations of this rank."""
    if layout == "sample":
        return tuple(range(1, rank))
    return (1,) if rank == 4 else (rank - 1,)


def norms_along(h: Tensor, dims: tuple[int, ...] = (-1,)) -> Tensor:
    """`row_norms` with rows along `dims`, which stay with length 1, in the working dtype where it sums a row itself."""
    dtype = working_dtype(h)
    shape = h.shape
    d = math.prod([shape[dim] for dim in dims])
    if d <= NORM_BLOCK:
        norms: Tensor = torch.linalg.vector_norm(h, dim=dims, keepdim=True, dtype=dtype)
        return norms
    rows = h.flatten(dims[0]) if len(dims) > 1 else h.movedim(dims[0], -1)  # (..., d)
    whole = d // NORM_BLOCK * NORM_BLOCK
    blocks = rows[..., :whole].view(*rows.shape[:-1], -1, NORM_BLOCK)
    parts = [
        torch.linalg.vector_norm(blocks, dim=-1, dtype=dtype),  # (..., blocks)
        torch.linalg.vector_norm(rows[..., whole:], dim=-1, keepdim=True, dtype=dtype),
    ]
    joined: Tensor = torch.linalg.vector_norm(torch.cat(parts, dim=-1), dim=-1, dtype=torch.float64)
    for dim in dims if dims[0] >= 0 else (joined.ndim,):
        joined = joined.unsqueeze(dim)
    return joined


def _checked_norms(h: Tensor) -> Tensor:
    """`norms_along` of rows that must be finite: one pass finds the norms and what is not finite."""
    norms = norms_along(h)
    if math.isfinite(norms.max()):  # NaN is larger than all
        return norms
    require_finite(h, "activations")
    largest = h.abs().amax(dim=-1, keepdim=True)  # finite values whose squares overflow
    return largest.double() * norms_along(h / largest.clamp(min=1))
