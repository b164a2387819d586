"""Torch's normalisation layers for units of either shape: batches (n, c), and convolutions (n, c, h, w).

A convolution is its positions: every location of every sample is a row of c units, as it is for the whitening layers
and for PER in layout "position". With mean and variance (divided by their number) of the values named,

    BatchNorm    (x − mean)/√(variance + eps) · weight + bias    of a unit, over the rows
    LayerNorm    (x − mean)/√(variance + eps) · weight + bias    of a row, over its units
    RMSNorm      x/√(mean(x²) + eps) · weight                    of a row, over its units

The mathematics and the names in a state_dict are torch's own, and what torch.nn.BatchNorm1d, BatchNorm2d, LayerNorm or
RMSNorm saved can be loaded. The other reading of layer normalisation for convolutions, over (c, h, w) of a sample, is
torch.nn.GroupNorm(1, c): it mixes locations, so that a row would be mapped differently with other rows beside it.

References: Ioffe and Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate
shift", ICML 2015; Ba, Kiros and Hinton, "Layer normalization" (2016); Zhang and Sennrich, "Root mean square layer
normalization", NeurIPS 2019; Liu et al., "A ConvNet for the 2020s", CVPR 2022, for layer normalisation by position.
"""

from __future__ import annotations

from torch import Tensor, nn

from per_core.arguments import require_count, require_eps, require_momentum, require_statistics, require_units


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation: torch.nn.BatchNorm1d of (n, c) and torch.nn.BatchNorm2d of (n, c, h, w) in one module.

    Args:
        num_features: number of units (channels) c.
        eps: added to the variance of every unit, greater than 0.
        momentum: share of the newest batch in the running statistics, in [0, 1]; their plain average if None.
        affine: whether every unit has a learnable weight (1 at first) and bias (0).
        track_running_stats: whether evaluation uses running statistics; if not, it uses those of its own batch.

    Raises:
        InvalidInputError: an argument out of range; in forward, not a floating tensor of these shapes, another number
            of units, fewer than 2 rows to take statistics from.

    Example:
        >>> BatchNorm(2, affine=False)(torch.tensor([[1.0, 0.0], [3.0, 4.0]]))  # every column: mean 0, variance 1
        tensor([[-1.0000, -1.0000],
                [ 1.0000,  1.0000]])
        >>> BatchNorm(64)(torch.randn(128, 64, 8, 8)).shape
        torch.Size([128, 64, 8, 8])
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
    ) -> None:
        super().__init__(
            require_count(num_features, "num_features"),
            require_eps(eps),
            require_momentum(momentum),
            affine,
            track_running_stats,
        )

    def _check_input_dim(self, activations: Tensor) -> None:
        """What torch asks of its subclasses: refuse what does not fit."""
        require_units(activations, self.num_features)
        if self.training or not self.track_running_stats:
            require_statistics(activations.numel() // self.num_features)


class LayerNorm(nn.LayerNorm):
    """Layer normalisation over the c units of every row; a convolution's rows are its positions.

    Args:
        num_features: number of units (channels) c.
        eps: added to the variance of every row, greater than 0.
        affine: whether every unit has a learnable weight (1 at first) and bias (0).

    Raises:
        InvalidInputError: an argument out of range; in forward, not a floating tensor of shape (n, c) or (n, c, h, w),
            another number of units.

    Example:
        >>> LayerNorm(2, affine=False)(torch.tensor([[1.0, 3.0], [0.0, 40.0]]))  # every row: mean 0, variance 1
        tensor([[-1.0000,  1.0000],
                [-1.0000,  1.0000]])
    """

    def __init__(self, num_features: int, eps: float = 1e-5, affine: bool = True) -> None:
        super().__init__(require_count(num_features, "num_features"), require_eps(eps), affine)
        self.num_features = num_features

    def forward(self, activations: Tensor) -> Tensor:
        """Normalise the rows of `activations`, (n, c) or (n, c, h, w)."""
        require_units(activations, self.num_features)
        return super().forward(activations.movedim(1, -1)).movedim(-1, 1)


class RMSNorm(nn.RMSNorm):
    """Root mean square normalisation over the c units of every row; a convolution's rows are its positions.

    Arguments and errors as in `LayerNorm`; there is no bias, and `eps` is 1e-8 as in the code of its authors.

    Example:
        >>> RMSNorm(2, affine=False)(torch.tensor([[3.0, 4.0]]))  # divided by √((9 + 16)/2): the norm is √2
        tensor([[0.8485, 1.1314]])
    """

    def __init__(self, num_features: int, eps: float = 1e-8, affine: bool = True) -> None:
        super().__init__(require_count(num_features, "num_features"), require_eps(eps), affine)
        self.num_features = num_features

    def forward(self, activations: Tensor) -> Tensor:
        """Normalise the rows of `activations`, (n, c) or (n, c, h, w)."""
        require_units(activations, self.num_features)
        return super().forward(activations.movedim(1, -1)).movedim(-1, 1)
