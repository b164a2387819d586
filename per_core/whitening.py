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
from torch.autograd.function import once_differentiable

from per_core.arguments import (
    require_count,
    require_eps,
    require_momentum,
    require_statistics,
    require_units,
    working_dtype,
)
from per_core.errors import InvalidInputError

Variant = Literal["zca", "pca"]


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
        return y.view(units.shape).movedim(0, 1).to(activations.dtype)

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
            _require_finite_covariance(covariance)
            matrices.append(self.whitening_matrix(covariance))
        if self.training:
            self._track(mean.detach().squeeze(1), [w.detach() for w in matrices])
        return self._map(centred, matrices)

    def _map(self, centred: Tensor, matrices: list[Tensor]) -> Tensor:
        pairs = zip(matrices, self._groups(centred), strict=True)
        return torch.cat([(w @ group).flatten(0, 1) for w, group in pairs])

    @torch.no_grad()
    def _track(self, mean: Tensor, matrices: list[Tensor]) -> None:
        if self.running_mean is None or self.running_whitening is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        share = self.momentum if self.momentum is not None else 1 / int(self.num_batches_tracked)
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), share)
        for running, matrix in zip(self._matrices(self.running_whitening), matrices, strict=True):
            running.lerp_(matrix.to(running.dtype), share)

    def _groups(self, per_unit: Tensor) -> list[Tensor]:
        """Views of a (units, k) tensor by groups: all whole ones, (g, c, k), then a shorter last one, (1, r, k)."""
        size = self.group_size
        whole = self.num_features // size * size
        groups = [per_unit[:whole].view(-1, size, per_unit.shape[1])]
        if whole < self.num_features:
            groups.append(per_unit[whole:].unsqueeze(0))
        return groups

    def _matrices(self, running_whitening: Tensor) -> list[Tensor]:
        """The same views of the running matrices, square: (g, c, c), (1, r, r)."""
        return [rows[..., : rows.shape[1]] for rows in self._groups(running_whitening)]


class DecorrelatedBatchNorm(_GroupWhitening):
    """Decorrelated batch normalisation: batch normalisation whose output has covariance I within every group of units.

    Arguments, buffers and modes are those of torch.nn.BatchNorm1d and BatchNorm2d, with a running whitening matrix in
    the place of the running variance. In a batch of few rows whitening makes any data look perfect: below 5 rows a
    unit of a group, judge it on rows it was not fitted to.

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
        >>> DecorrelatedBatchNorm(64)(torch.randn(128, 64, 8, 8)).shape
        torch.Size([128, 64, 8, 8])
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
        """See the class."""
        super().__init__(num_features, eps, momentum, affine, track_running_stats, group_size)
        if variant not in ("zca", "pca"):
            raise InvalidInputError(
                f'variant must be "zca" or "pca"; received {variant!r}. "zca" is the one to train with.'
            )
        self.variant = variant

    def whitening_matrix(self, covariance: Tensor) -> Tensor:
        """Σ^(−1/2), or Λ^(−1/2) Dᵀ with the largest eigenvalue first."""
        if self.variant == "zca":
            return _InverseSquareRoot.apply(covariance, self.eps)  # type: ignore[no-untyped-call, no-any-return]
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
        >>> IterativeNorm(64)(torch.randn(128, 64)).shape
        torch.Size([128, 64])
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
        """See the class."""
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
    """(A + eps I)^(−1/2) of symmetric matrices that are positive semi-definite up to rounding."""

    @staticmethod
    def forward(ctx: Any, matrices: Tensor, eps: float) -> Tensor:
        eigenvalues, vectors = torch.linalg.eigh(matrices)
        roots = (eigenvalues.clamp(min=0) + eps).sqrt()  # rounding can leave an eigenvalue of 0 below it
        ctx.save_for_backward(roots, vectors)
        inverse: Tensor = (vectors / roots.unsqueeze(-2)) @ vectors.mT
        return inverse

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        roots, vectors = ctx.saved_tensors
        row, column = roots.unsqueeze(-1), roots.unsqueeze(-2)
        differences = -1 / (row * column * (row + column))
        gradient: Tensor = vectors @ (differences * (vectors.mT @ grad @ vectors)) @ vectors.mT
        return gradient, None


class _Eigenbasis(torch.autograd.Function):
    """Eigenvalues, ascending, and eigenvectors, in columns, of symmetric matrices.

    The derivative of the vectors divides by the differences of the eigenvalues; where one is 0 up to rounding the two
    vectors may be turned into each other at will, and that turn is left out.
    """

    @staticmethod
    def forward(ctx: Any, matrices: Tensor) -> tuple[Tensor, Tensor]:
        eigenvalues, vectors = torch.linalg.eigh(matrices)
        ctx.save_for_backward(eigenvalues, vectors)
        return eigenvalues, vectors

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_values: Tensor, grad_vectors: Tensor) -> Tensor:
        eigenvalues, vectors = ctx.saved_tensors
        gaps = eigenvalues.unsqueeze(-2) - eigenvalues.unsqueeze(-1)  # λj − λi
        rounding = torch.finfo(gaps.dtype).eps * eigenvalues.abs().amax(-1)[..., None, None] * gaps.shape[-1]
        equal = gaps.abs() <= rounding
        turns = (vectors.mT @ grad_vectors / gaps.masked_fill(equal, 1)).masked_fill(equal, 0)
        gradient: Tensor = vectors @ (torch.diag_embed(grad_values) + turns) @ vectors.mT
        return gradient


def _require_finite_covariance(covariance: Tensor) -> None:
    values = int((~covariance.isfinite()).sum())
    if values:
        raise InvalidInputError(
            f"activations must be finite and so must their covariance; received {values} covariances that are not."
            " Look for NaN, infinite or very large values."
        )
