"""Random directions: points uniform on the unit sphere."""

from __future__ import annotations

import torch
from torch import Tensor

from per_core.arguments import require_slices


def random_directions(
    slices: int,
    d: int,
    *,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Draw unit vectors θ = v/‖v‖ with v ~ N(0, I), uniform on the sphere of R^d (Muller 1959).

    Args:
        slices: number k of directions, at least 1.
        d: number of units, at least 1. For d = 1 the directions are +1 and −1.
        generator: source of randomness; torch's global one of the device if not given.
        device: of the result; the generator's, or torch's default, if not given.
        dtype: of the result.

    Returns:
        Tensor (k, d) whose rows have length 1.

    Raises:
        InvalidInputError: if `slices` is below 1.

    Example:
        >>> random_directions(3, 5).norm(dim=1)
        tensor([1.0000, 1.0000, 1.0000])
    """
    if device is None and generator is not None:
        device = generator.device
    drawn = torch.randn(require_slices(slices), d, generator=generator, device=device, dtype=torch.float32)
    return torch.nn.functional.normalize(drawn.to(dtype), dim=1)
