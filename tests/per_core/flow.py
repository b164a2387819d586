"""Gradient flows: where a loss takes a batch that follows its gradient."""

from collections.abc import Callable

import torch
from torch import Tensor


def follow(loss: Callable[[Tensor], Tensor], h: Tensor, *, steps: int, rate: float) -> Tensor:
    """The batch after `steps` steps of gradient descent."""
    for _ in range(steps):
        leaf = h.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(leaf), leaf)
        h = h - rate * gradient
    return h


def skewed_batch(n: int) -> Tensor:
    """(n, 2), float64: a standardised Gamma of shape 2 beside N(0, 1)."""
    generator = torch.Generator().manual_seed(0)
    uniform = torch.rand(n, 2, generator=generator, dtype=torch.float64)
    gamma = -uniform.log().sum(dim=1)
    normal = torch.randn(n, generator=generator, dtype=torch.float64)
    return torch.stack([(gamma - 2) / 2**0.5, normal], dim=1)
