"""Checks of arguments: every rule that a public function states is tested here, and its breach explained."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from per_core.errors import InvalidInputError

_UNIT_TOLERANCE = 1e-3


def as_matrix(values: Any, name: str, axes: str) -> Tensor:
    """A finite floating-point matrix with at least one row and one column; numpy arrays are accepted.

    Parameters
    ----------
    values : tensor or array. name : of the argument. axes : what the two axes are, for example "(n, d)".

    Raises
    ------
    InvalidInputError
        If the rank, the size, the dtype or a value breaks the rule.
    """
    matrix = as_tensor(values, name)
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise InvalidInputError(
            f"{name} must be a matrix {axes} with at least one row and one column; received shape "
            f"{tuple(matrix.shape)}. Reshape to one row a sample."
        )
    require_finite(matrix, name)
    return matrix


def as_tensor(values: Any, name: str) -> Tensor:
    """A floating-point tensor; a numpy array shares its memory where it is writable and is copied where not."""
    if isinstance(values, np.ndarray) and not values.flags.writeable:
        values = values.copy()
    try:
        tensor = torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidInputError(
            f"{name} must be a tensor or a numeric array; received {type(values).__name__} ({error}). "
            "Convert it to a floating-point tensor first."
        ) from error
    if not tensor.is_floating_point():
        raise InvalidInputError(
            f"{name} must have a floating-point dtype; received {tensor.dtype}. Call .float() on it first."
        )
    return tensor


def require_finite(tensor: Tensor, name: str) -> None:
    """Refuse NaN and infinities with their counts. Waits for the device."""
    if not bool(torch.isfinite(tensor).all()):
        raise InvalidInputError(
            f"{name} must be finite; received {int(tensor.isnan().sum())} NaN and {int(tensor.isinf().sum())} "
            f"infinite values among {tensor.numel()}. Leave out the rows that hold them, or find where they arise."
        )


def require_slices(slices: int) -> int:
    """A number of slices, at least 1."""
    if isinstance(slices, bool) or not isinstance(slices, int | np.integer) or slices < 1:
        raise InvalidInputError(
            f"slices must be a whole number of at least 1; received {slices!r}. "
            "Choose 256, the published number, or more for less noise."
        )
    return int(slices)


def as_directions(directions: Any, like: Tensor) -> Tensor:
    """Unit rows (k, d) that fit activations `like` (n, d), on their device and in their dtype."""
    rows = as_matrix(directions, "directions", "(k, d)")
    d = like.shape[1]
    if rows.shape[1] != d:
        raise InvalidInputError(
            f"directions must have one column a unit, {d}; received shape {tuple(rows.shape)}. "
            "Pass one direction a row, of the activations' width."
        )
    lengths = torch.linalg.vector_norm(rows, dim=1, dtype=torch.float64)
    worst = float((lengths - 1).abs().max())
    if worst > _UNIT_TOLERANCE:
        raise InvalidInputError(
            f"directions must be unit vectors; received one whose length is off by {worst:.3g}. "
            "Divide every row by its norm."
        )
    return rows.to(device=like.device, dtype=like.dtype)


def require_weight(weight: float) -> float:
    """A regularisation weight: finite and at least 0."""
    if not (math.isfinite(weight) and weight >= 0):
        raise InvalidInputError(
            f"weight must be finite and at least 0; received {weight!r}. Published values are 1e-7 to 3e-4."
        )
    return float(weight)


def require_choice(value: str, name: str, allowed: tuple[str, ...]) -> str:
    """One of a few words."""
    if value not in allowed:
        raise InvalidInputError(
            f"{name} must be one of {', '.join(map(repr, allowed))}; received {value!r}. Choose one of these."
        )
    return value
