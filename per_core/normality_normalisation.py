"""Normality normalisation: batch normalisation followed by a power transform that makes every unit more Gaussian.

With x the standardised values of a unit and the transform of Yeo and Johnson,

    ψ(x; λ) = sgn(x) ((1 + |x|)^η − 1)/η,   η = 1 + sgn(x)(λ − 1),   sgn(x) log(1 + |x|) where η = 0,

λ is one step of Newton from λ = 1, where ψ is the identity, on the negative log-likelihood of normal values,

    L(λ) = log Var(ψ)/2 − (λ − 1) mean(sgn(x) log(1 + |x|)),   λ̂ = 1 − L'(1)/(L''(1) + √eps).

With d = (1 + |x|) log(1 + |x|) − |x|, the first derivative of ψ at λ = 1, and e its second, sgn(x) times
(1 + |x|) log²(1 + |x|) − 2d,

    L'(1) = mean(x d) − mean(sgn(x) log(1 + |x|)),   L''(1) = mean(x e) + Var(d) − 2 mean(x d)².

Training then adds normal noise, `noise` times the mean absolute deviation of the unit, and an affine map follows. The
transform changes the variance a little, which is not corrected, as published.

References: Eftekhari and Papyan, "On the importance of Gaussianizing representations", ICML 2025, arXiv 2505.00685, and
the code published with it; Yeo and Johnson, "A new family of power transformations to improve normality or symmetry"
(2000).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from per_core.arguments import require_units, require_weight, working_dtype
from per_core.normalisation import BatchNorm
from per_core.text import N_


class NormalityNorm(nn.Module):
    """Batch normalisation with a power transform of every unit, of (n, c) and (n, c, h, w).

    Arguments and errors as of `BatchNorm`; the root of `eps` is added to the curvature of the likelihood as well. And:

    Args:
        noise: standard deviation of the noise in training, in mean absolute deviations of the unit, at least 0. The
            authors train with 0.4; by default there is none, so that a batch is mapped the same way each time.
        generator: source of the noise; torch's global one if None.

    Example:
        >>> h = torch.randn(1000, 1).exp()  # log-normal, skewed to the right
        >>> y = NormalityNorm(1, affine=False)(h)
        >>> gaussian_w1(BatchNorm(1, affine=False)(h)) > gaussian_w1(y)  # nearer to N(0, 1)
        tensor([True])
    """

    running_power: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        noise: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.standardise = BatchNorm(num_features, eps, momentum, False, track_running_stats)
        self.num_features = num_features
        self.noise = require_weight(noise, "noise", N_("The authors train with 0.4."))
        self.generator = generator
        self.weight = nn.Parameter(torch.ones(num_features)) if affine else None
        self.bias = nn.Parameter(torch.zeros(num_features)) if affine else None
        self.register_buffer("running_power", torch.ones(num_features) if track_running_stats else None)

    @property
    def momentum(self) -> float | None:
        """Share of the newest batch in the running statistics."""
        return self.standardise.momentum

    def forward(self, activations: Tensor) -> Tensor:
        """Normalise `activations`, (n, c) or (n, c, h, w): by their own statistics in training."""
        require_units(activations, self.num_features)
        with torch.autocast(activations.device.type, enabled=False):
            x = self.standardise(activations.to(working_dtype(activations))).movedim(1, -1)  # (..., c)
            if self.training or self.running_power is None:
                power = fit_power(x.flatten(0, -2), self.standardise.eps)
                self._track(power)
            else:
                power = self.running_power.to(x.dtype)
            y = power_transform(x, power)
            if self.training and self.noise > 0:
                y = y + self._noise(y)
            if self.weight is not None and self.bias is not None:
                y = torch.addcmul(self.bias.to(y.dtype), y, self.weight.to(y.dtype))
            outputs: Tensor = y.movedim(-1, 1).to(activations.dtype)
        return outputs

    @torch.no_grad()
    def _track(self, power: Tensor) -> None:
        if not self.training or self.running_power is None:
            return
        seen = self.standardise.num_batches_tracked
        assert seen is not None  # as there is a running power
        share = 1 / int(seen) if self.momentum is None else self.momentum
        self.running_power.lerp_(power.to(self.running_power.dtype), share)

    @torch.no_grad()
    def _noise(self, y: Tensor) -> Tensor:
        """Normal noise, (..., c), as large as the unit is spread."""
        rows = y.flatten(0, -2)
        spread = (rows - rows.mean(dim=0)).abs().mean(dim=0)
        source = y.device if self.generator is None else self.generator.device
        normal = torch.randn(y.shape, generator=self.generator, device=source, dtype=y.dtype).to(y.device)
        noise: Tensor = self.noise * spread * normal
        return noise

    def extra_repr(self) -> str:
        """The arguments that are its own, for print."""
        return f"noise={self.noise:g}"


def fit_power(standardised: Tensor, eps: float) -> Tensor:
    """λ̂ of every unit, (c,): one step of Newton from 1 for standardised rows (m, c)."""
    magnitude = standardised.abs()
    logarithm = magnitude.log1p()
    d = (1 + magnitude) * logarithm - magnitude
    e = standardised.sign() * ((1 + magnitude) * logarithm.square() - 2 * d)
    along = (standardised * d).mean(dim=0)
    slope = along - (standardised.sign() * logarithm).mean(dim=0)
    curvature = (standardised * e).mean(dim=0) + d.var(dim=0, correction=0) - 2 * along.square()
    return 1 - slope / (curvature + math.sqrt(eps))


def power_transform(values: Tensor, power: Tensor) -> Tensor:
    """ψ(x; λ) of values (..., c) with one λ a unit, (c,); odd in x where λ is 1, and monotonic for every λ."""
    exponent = 1 + values.sign() * (power - 1)
    logarithm = values.abs().log1p()
    flat = exponent.abs() < torch.finfo(values.dtype).eps  # its limit, the logarithm
    divisor = exponent.masked_fill(flat, 1)
    return values.sign() * torch.where(flat, logarithm, torch.expm1(exponent * logarithm) / divisor)
