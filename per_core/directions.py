"""Directions: points of the unit sphere on which activations are projected."""

from __future__ import annotations

import torch
from torch import Tensor

from per_core.arguments import require_count
from per_core.derivatives import shared_draw


def random_directions(
    slices: int,
    d: int,
    *,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Directions drawn uniformly from the unit sphere of R^d: v/‖v‖ with v ~ N(0, I) (Muller 1959).

    Inside `torch.func.vmap` all instances share them, whatever its `randomness`.

    Args:
        slices: number of directions k, at least 1.
        d: number of units, at least 1.
        generator: source of randomness; torch's global one if not given. Its device is where the numbers are drawn.
        device: where the result is put; the generator's device if not given.
        dtype: float32 or float64.

    Returns:
        (k, d), unit rows.

    Raises:
        InvalidInputError: slices or d below 1.
    """
    shape = require_count(slices, "slices"), require_count(d, "d")
    source = device if generator is None else generator.device
    normal = shared_draw(lambda: torch.randn(shape, generator=generator, device=source, dtype=dtype))  # (k, d)
    if d == 1:  # a draw of exactly 0 has no direction
        unit = torch.copysign(torch.ones_like(normal), normal)
    else:
        unit = normal / torch.linalg.vector_norm(normal, dim=1, keepdim=True)
    return unit.to(device if device is not None else unit.device)
