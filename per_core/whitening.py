"""Whitening layers: batch normalisation that removes correlation as well as location and scale.

Units are taken in groups. With x the units of one group, m rows and Σ = Cov(x) + eps I = D Λ Dᵀ (covariance divided by
m), a layer returns W (x − mean), then an affine map of every unit:

    ZCA        W = D Λ^(−1/2) Dᵀ = Σ^(−1/2), the whitening that moves the batch least
    PCA        W = Λ^(−1/2) Dᵀ, whose axes are in the order of the eigenvalues and swap from batch to batch
    IterNorm   W = P_T/√(tr Σ) ≈ Σ^(−1/2),  P_0 = I,  P ← (3P − P³ Σ/tr Σ)/2

The derivative of Σ^(−1/2) is taken from its divided differences, −1/(√λi √λj (√λi + √λj)): unlike the derivative of the
eigenvectors it is finite where eigenvalues are equal.

References: Huang, Yang, Lang and Deng, "Decorrelated batch normalization", CVPR 2018; Huang, Zhou, Zhu, Liu and Shao,
"Iterative normalization: beyond standardization towards efficient whitening", CVPR 2019; Kessy, Lewin and Strimmer,
"Optimal whitening and decorrelation" (2018), for ZCA among whitenings; Daleckii and Krein (1965), in Bhatia, "Matrix
analysis" (1997), theorem V.3.3, for the derivative.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Literal

import torch
from torch import Tensor, nn

from per_core.arguments import (
    require_count,
    require_eps,
    require_momentum,
    require_statistics,
    require_units,
    working_dtype,
)
from per_core.derivatives import batch_first, forward_rule, inspect, refuse_derivative
from per_core.errors import InvalidInputError
from per_core.text import N_

Variant = Literal["zca", "pca"]

NO_SECOND_DERIVATIVE = N_(
    "DecorrelatedBatchNorm can be differentiated once; received a second derivative. Use IterativeNorm, which has every"
    " derivative, or detach what is not to be differentiated."
)


class _GroupWhitening(nn.Module, ABC):
    """What the whitening layers share: groups, running statistics and the affine map."""

    running_mean: Tensor | None
    running_whitening: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        group_size: int,
    ) -> None:
        super().__init__()
        self.num_features = require_count(num_features, "num_features")
        self.group_size = min(require_count(group_size, "group_size"), self.num_features)
        self.eps = require_eps(eps)
        self.momentum = require_momentum(momentum)
        self.affine = affine
        self.track_running_stats = track_running_stats
        self.weight = nn.Parameter(torch.ones(num_features)) if affine else None
        self.bias = nn.Parameter(torch.zeros(num_features)) if affine else None
        # A row holds what its unit takes from the units of its group; a shorter last group fills the first columns.
        shape = self.num_features, self.group_size
        self.register_buffer("running_mean", torch.zeros(num_features) if track_running_stats else None)
        self.register_buffer("running_whitening", torch.zeros(shape) if track_running_stats else None)
        self.register_buffer("num_batches_tracked", torch.tensor(0) if track_running_stats else None)
        self.reset_running_stats()

    @abstractmethod
    def whitening_matrix(self, covariance: Tensor) -> Tensor:
        """W of every group, (g, c, c), from the covariances of the groups, (g, c, c), without eps."""

    def reset_running_stats(self) -> None:
        """Forget every batch: running mean 0 and running whitening matrix I."""
        if self.running_mean is None or self.running_whitening is None or self.num_batches_tracked is None:
            return
        self.running_mean.zero_()
        self.running_whitening.zero_()
        for matrices in self._matrices(self.running_whitening):
            matrices.diagonal(dim1=1, dim2=2).fill_(1)
        self.num_batches_tracked.zero_()

    def forward(self, activations: Tensor) -> Tensor:
        """Whiten `activations`, (n, c) or (n, c, h, w): by their own statistics in training, else by the running ones.

        Raises:
            InvalidInputError: not a floating tensor of these shapes, another number of units, fewer than 2 rows to take
                statistics from, a covariance that is not finite.
        """
        require_units(activations, self.num_features)
        with torch.autocast(activations.device.type, enabled=False):
            units = activations.to(working_dtype(activations)).movedim(1, 0)  # (c, n) or (c, n, h, w)
            x = units.flatten(1)  # (c, m)
            if self.training or self.running_mean is None or self.running_whitening is None:
                y = self._whiten_by_batch(x)
            else:
                centred = x - self.running_mean.to(x.dtype).unsqueeze(1)
                y = self._map(centred, self._matrices(self.running_whitening.to(x.dtype)))
            if self.weight is not None and self.bias is not None:
                y = torch.addcmul(self.bias.to(x.dtype).unsqueeze(1), y, self.weight.to(x.dtype).unsqueeze(1))
        # Laid out as other layers lay out theirs: dropout draws its mask in the order of memory.
        return y.view(units.shape).movedim(0, 1).to(activations.dtype).contiguous()

    def extra_repr(self) -> str:
        """The arguments, for print."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine},"
            f" track_running_stats={self.track_running_stats}, group_size={self.group_size}"
        )

    def _whiten_by_batch(self, x: Tensor) -> Tensor:
        m = x.shape[1]
        require_statistics(m)
        mean = x.mean(dim=1, keepdim=True)
        centred = x - mean
        matrices = []
        for group in self._groups(centred):  # (g, c, m)
            covariance = group @ group.mT / m
            inspect(covariance, _require_finite_covariance)
            matrices.append(self.whitening_matrix(covariance))
        if self.training:
            self._track(mean.squeeze(1), matrices)
        return self._map(centred, matrices)

    def _map(self, centred: Tensor, matrices: list[Tensor]) -> Tensor:
        pairs = zip(matrices, self._groups(centred), strict=True)
        return torch.cat([(w @ group).flatten(0, 1) for w, group in pairs])

    @torch.no_grad()
    def _track(self, mean: Tensor, matrices: list[Tensor]) -> None:
        if self.running_mean is None or self.running_whitening is None or self.num_batches_tracked is None:
            return
        _Track.apply(self.num_batches_tracked, self.num_batches_tracked.new_ones(()), None)  # type: ignore[no-untyped-call]
        share = self.momentum if self.momentum is not None else 1 / int(self.num_batches_tracked)
        _Track.apply(self.running_mean, mean, share)  # type: ignore[no-untyped-call]
        for running, matrix in zip(self._matrices(self.running_whitening), matrices, strict=True):
            _Track.apply(running, matrix, share)  # type: ignore[no-untyped-call]

    def _groups(self, per_unit: Tensor) -> list[Tensor]:
        """Views of a (units, k) tensor by groups: all whole ones, (g, c, k), then a shorter last one, (1, r, k)."""
        size = self.group_size
        whole = self.num_features // size * size
        groups = [per_unit[:whole].view(-1, size, per_unit.shape[1])]
        if whole < self.num_features:
            groups.append(per_unit[whole:].unsqueeze(0))
        return groups

    def _matrices(self, running_whitening: Tensor) -> list[Tensor]:
        """Views of the running matrices by groups as in `_groups`, square: (g, c, c), (1, r, r)."""
        return [rows[..., : rows.shape[1]] for rows in self._groups(running_whitening)]


class DecorrelatedBatchNorm(_GroupWhitening):
    """Decorrelated batch normalisation: batch normalisation whose output has covariance I within every group of units.

    Arguments, buffers and modes are those of torch.nn.BatchNorm1d and BatchNorm2d, with a running whitening matrix in
    the place of the running variance. The covariance of the rows it is fitted to is I by construction: below 5 rows a
    unit of a group most batches look closer to N(0, I) than N(0, I) itself; judge it on rows it was not fitted to.

    Args:
        num_features: number of units (channels) c.
        eps: added to the variance of every unit, greater than 0.
        momentum: share of the newest batch in the running statistics, in [0, 1]; their plain average if None.
        affine: whether every unit has a learnable weight (1 at first) and bias (0).
        track_running_stats: whether evaluation uses running statistics; if not, it uses those of its own batch.
        group_size: units whitened together, 16 in the paper (8 in its CIFAR ResNets); the last group may be smaller.
        variant: "zca", or "pca", the failing control: its axes swap from batch to batch and the running matrix is an
            average over swaps. Its backward pass leaves out the turns within equal eigenvalues, which have no
            derivative; "zca" is differentiated exactly, equal eigenvalues included.

    Raises:
        InvalidInputError: an argument out of range.

    Example:
        >>> x = torch.randn(1000, 2)
        >>> h = x @ torch.tensor([[2.0, 1.0], [0.0, 0.5]])  # correlated
        >>> covariance = DecorrelatedBatchNorm(2, affine=False)(h).T.cov(correction=0)
        >>> torch.allclose(covariance, torch.eye(2), atol=1e-3)
        True
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        group_size: int = 16,
        variant: Variant = "zca",
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, group_size)
        if variant not in ("zca", "pca"):
            raise InvalidInputError(
                N_('variant must be "zca" or "pca"; received {variant!r}. "zca" is the one to train with.'),
                variant=variant,
            )
        self.variant = variant

    def whitening_matrix(self, covariance: Tensor) -> Tensor:
        """Σ^(−1/2), or Λ^(−1/2) Dᵀ with the largest eigenvalue first."""
        if self.variant == "zca":
            root: Tensor = _InverseSquareRoot.apply(covariance, self.eps)[0]  # type: ignore[no-untyped-call]
            return root
        eigenvalues, vectors = _Eigenbasis.apply(covariance)  # type: ignore[no-untyped-call]
        scale = (eigenvalues.clamp(min=0) + self.eps).rsqrt()
        axes: Tensor = (vectors * scale.unsqueeze(1)).mT
        return axes.flip(1)

    def extra_repr(self) -> str:
        """The arguments, for print."""
        return f"{super().extra_repr()}, variant={self.variant!r}"


class IterativeNorm(_GroupWhitening):
    """Iterative normalisation: whitening by Newton's iteration, a product of matrices without eigenvectors.

    Few steps whiten strong directions fully and weak ones in part: after 5 steps eigenvalues of the covariance of
    (1, 0.1, 0.01) come out as (1.00, 0.99, 0.40).

    Arguments, modes and errors as in `DecorrelatedBatchNorm`, and:

    Args:
        iterations: steps T, 5 in the paper.
        group_size: units whitened together, 64 by default.

    Example:
        >>> rows = torch.diag(torch.tensor([3.0, 0.3, 0.03])).sqrt()
        >>> h = torch.cat([rows, -rows])  # of covariance diag(1, 0.1, 0.01)
        >>> IterativeNorm(3, affine=False)(h).var(dim=0, correction=0)
        tensor([1.0000, 0.9915, 0.4014])
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        group_size: int = 64,
        iterations: int = 5,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, group_size)
        self.iterations = require_count(iterations, "iterations")

    def whitening_matrix(self, covariance: Tensor) -> Tensor:
        """P_T/√(tr Σ), with Q = P Σ/tr Σ carried along.

        As published, from P³ Σ, the step amplifies rounding from one to the next; from P Q it is the same step in exact
        arithmetic and does not (Higham, "Functions of matrices", 2008, section 6.4).
        """
        identity = torch.eye(covariance.shape[-1], dtype=covariance.dtype, device=covariance.device)
        sigma = covariance + self.eps * identity
        trace = sigma.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None]
        p, q = identity.expand_as(sigma), sigma / trace
        for _ in range(self.iterations):
            step = (3 * identity - p @ q) / 2
            p, q = step @ p, q @ step
        return p * trace.rsqrt()

    def extra_repr(self) -> str:
        """The arguments, for print."""
        return f"{super().extra_repr()}, iterations={self.iterations}"


class _InverseSquareRoot(torch.autograd.Function):
    """(A + eps I)^(−1/2) of symmetric matrices that are positive semi-definite up to rounding, with √(λ + eps), D."""

    @staticmethod
    def forward(matrices: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        eigenvalues, vectors = torch.linalg.eigh(matrices)
        roots = (eigenvalues.clamp(min=0) + eps).sqrt()  # rounding can leave an eigenvalue of 0 below it
        return (vectors / roots.unsqueeze(-2)) @ vectors.mT, roots, vectors

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
        _, roots, vectors = output
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(roots, vectors)
        ctx.save_for_backward(inputs[0], roots, vectors)
        ctx.save_for_forward(inputs[0], roots, vectors)

    @staticmethod
    def backward(ctx: Any, grad: Tensor | None, *_grads: None) -> tuple[Tensor | None, None]:
        matrices, roots, vectors = ctx.saved_tensors
        return None if grad is None else _root_differential(matrices, roots, vectors, grad), None

    @staticmethod
    @forward_rule
    def jvp(ctx: Any, saved: list[Tensor], tangent: Tensor, _eps: None) -> tuple[Tensor, None, None]:
        del ctx
        matrices, roots, vectors = saved
        return _root_differential(matrices, roots, vectors, tangent), None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int, None], matrices: Tensor, eps: float) -> tuple[Any, tuple[int, int, int]]:
        del info
        return _InverseSquareRoot.apply(matrices.movedim(in_dims[0], 0), eps), (0, 0, 0)  # type: ignore[no-untyped-call]


def _root_differential(matrices: Tensor, roots: Tensor, vectors: Tensor, direction: Tensor) -> Tensor:
    """The derivative of the inverse root along symmetric directions, which is its own adjoint."""
    row, column = roots.unsqueeze(-1), roots.unsqueeze(-2)
    differences = -1 / (row * column * (row + column))
    product: Tensor = vectors @ (differences * (vectors.mT @ direction @ vectors)) @ vectors.mT
    return refuse_derivative(product, matrices, NO_SECOND_DERIVATIVE)


class _Eigenbasis(torch.autograd.Function):
    """Eigenvalues, ascending, and eigenvectors, in columns, of symmetric matrices.

    The derivative of the vectors divides by the differences of the eigenvalues; where one is 0 up to rounding the two
    vectors may be turned into each other at will, and that turn is left out.
    """

    @staticmethod
    def forward(matrices: Tensor) -> tuple[Tensor, Tensor]:
        eigenvalues, vectors = torch.linalg.eigh(matrices)
        return eigenvalues, vectors

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        ctx.save_for_backward(inputs[0], *output)
        ctx.save_for_forward(inputs[0], *output)

    @staticmethod
    def backward(ctx: Any, grad_values: Tensor, grad_vectors: Tensor) -> Tensor:
        matrices, eigenvalues, vectors = ctx.saved_tensors
        eigenvalues, vectors = eigenvalues.detach(), vectors.detach()
        turns = vectors.mT @ grad_vectors * _inverse_gaps(eigenvalues)
        gradient: Tensor = vectors @ (torch.diag_embed(grad_values) + turns) @ vectors.mT
        return refuse_derivative(gradient, matrices, NO_SECOND_DERIVATIVE)

    @staticmethod
    @forward_rule
    def jvp(ctx: Any, saved: list[Tensor], tangent: Tensor) -> tuple[Tensor, Tensor]:
        del ctx
        matrices, eigenvalues, vectors = saved
        along = refuse_derivative(vectors.mT @ tangent @ vectors, matrices, NO_SECOND_DERIVATIVE)
        return along.diagonal(dim1=-2, dim2=-1), vectors @ (along * _inverse_gaps(eigenvalues))

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int], matrices: Tensor) -> tuple[Any, tuple[int, int]]:
        del info
        return _Eigenbasis.apply(matrices.movedim(in_dims[0], 0)), (0, 0)  # type: ignore[no-untyped-call]


def _inverse_gaps(eigenvalues: Tensor) -> Tensor:
    """1/(λj − λi), 0 where the two are equal up to rounding."""
    gaps = eigenvalues.unsqueeze(-2) - eigenvalues.unsqueeze(-1)
    rounding = torch.finfo(gaps.dtype).eps * eigenvalues.abs().amax(-1)[..., None, None] * gaps.shape[-1]
    equal = gaps.abs() <= rounding
    return gaps.masked_fill(equal, torch.inf).reciprocal()


class _Track(torch.autograd.Function):
    """Nothing; running statistics move in place by a share of the way to those of a batch, or by a number if None."""

    @staticmethod
    def forward(running: Tensor, batch: Tensor, share: float | None) -> Tensor:
        if share is None:
            running.add_(batch)
        else:
            running.lerp_(batch.to(running.dtype), share)
        return running.new_empty(0)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        del inputs
        ctx.mark_non_differentiable(output)

    @staticmethod
    def backward(ctx: Any, *_grads: Tensor) -> tuple[None, None, None]:
        del ctx
        return None, None, None

    @staticmethod
    def jvp(ctx: Any, *_tangents: Tensor) -> None:
        del ctx

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, int | None, None], running: Tensor, batch: Tensor, share: float | None
    ) -> tuple[Tensor, None]:
        if in_dims[0] is None:
            raise InvalidInputError(
                N_(
                    "running statistics must belong to one batch; received {batch_size} by vmap. Use eval(),"
                    " track_running_stats=False, or torch.func.stack_module_state, which gives each instance its own."
                ),
                batch_size=info.batch_size,
            )
        return _Track.apply(*batch_first(in_dims[:2], running, batch), share), None  # type: ignore[no-untyped-call]


def _require_finite_covariance(covariance: Tensor) -> None:
    values = int((~covariance.isfinite()).sum())
    if values:
        raise InvalidInputError(
            N_(
                "activations must be finite and so must their covariance; received {values} covariances that are not."
                " Look for NaN, infinite or very large values."
            ),
            values=values,
        )
