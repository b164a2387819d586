"""PER regularisation and exact sliced Wasserstein distances to the standard normal, for PyTorch."""

from per_core.errors import BudgetError, InvalidInputError, PerError
from per_core.regularizer import PER, per_gradient, per_loss
from per_core.wasserstein import SlicedDistance, gaussian_w1, sliced_w1
from per_core.whitening import DecorrelatedBatchNorm, IterativeNorm

__all__ = [
    "PER",
    "BudgetError",
    "DecorrelatedBatchNorm",
    "InvalidInputError",
    "IterativeNorm",
    "PerError",
    "SlicedDistance",
    "gaussian_w1",
    "per_gradient",
    "per_loss",
    "sliced_w1",
]
