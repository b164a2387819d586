"""L1 and L2 penalties on activations: the mean over rows of the sum over units of |h| or h².

Summed over units, what pulls on one activation does not depend on how many others there are. Where a published weight
belongs to a mean over units as well, as in the code of Merity et al., divide it by their number.

References: Glorot, Bordes and Bengio, "Deep sparse rectifier neural networks", AISTATS 2011, for L1; Merity, McCann and
Socher, "Revisiting activation regularization for language RNNs" (2017), arXiv 1708.01009, for L2.
"""

from __future__ import annotations

from torch import Tensor

from per_core.arguments import Array, as_matrix, require_finite, working_dtype


def l1_loss(activations: Array) -> Tensor:
    """mean_i Σ_u |h_iu|, which makes activations sparse; its derivative at 0 is 0.

    Args:
        activations: (n, d), n and d at least 1, finite; any floating dtype. The check waits for a GPU.

    Returns:
        Scalar, at least 0; float64 for float64 and float32 for every shorter dtype, whose range a sum can leave.

    Raises:
        InvalidInputError: wrong rank, an empty batch, NaN or infinite values.

    Example:
        >>> l1_loss(torch.tensor([[1.0, -2.0], [0.0, 3.0]]))
        tensor(3.)
    """
    return _mean_over_rows(activations, power=1)


def l2_loss(activations: Array) -> Tensor:
    """mean_i Σ_u h_iu², which makes activations small.

    Arguments, result and errors as in `l1_loss`.

    Example:
        >>> l2_loss(torch.tensor([[1.0, -2.0], [0.0, 3.0]]))
        tensor(7.)
    """
    return _mean_over_rows(activations, power=2)


def l1_gradient(activations: Array) -> Tensor:
    """n times the gradient of `l1_loss`, sign(h); arguments and errors as there, (n, d)."""
    return _finite(activations).sign()


def l2_gradient(activations: Array) -> Tensor:
    """n times the gradient of `l2_loss`, 2 h; arguments and errors as there, (n, d)."""
    return 2 * _finite(activations)


def _finite(activations: Array) -> Tensor:
    h = as_matrix(activations, "activations", "(n, d)")
    require_finite(h, "activations")
    return h.to(working_dtype(h))


def _mean_over_rows(activations: Array, *, power: int) -> Tensor:
    return _finite(activations).abs().pow(power).sum(dim=1).mean()
