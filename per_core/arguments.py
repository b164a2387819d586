"""The rules that every argument of per_core obeys, each stated once, with its error."""

from __future__ import annotations

import math
from numbers import Real
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from per_core.derivatives import inspect
from per_core.errors import InvalidInputError
from per_core.text import N_, Phrase

Array: TypeAlias = Tensor | NDArray[np.floating]

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
UNIT_TOLERANCE = 1e-5  # what float32 leaves of a unit norm, with room for a sum over 10⁵ units


def as_matrix(values: Array, name: str, shape: str) -> Tensor:
    """`values` as a floating tensor of rank 2 with at least one row and one column.

    A NumPy array shares its memory with the tensor unless it is read-only, strided or of foreign byte order.
    """
    if isinstance(values, np.ndarray):
        native = np.require(values, values.dtype.newbyteorder("="), ["C", "W"])
        if native.dtype not in (np.float16, np.float32, np.float64):
            raise _not_floating(name, native.dtype)
        values = torch.from_numpy(native)
    if not isinstance(values, Tensor):
        raise InvalidInputError(
            N_(
                "{name} must be a torch tensor or a NumPy array of shape {shape}; received {kind}. Convert it with"
                " torch.as_tensor or numpy.asarray."
            ),
            name=name,
            shape=shape,
            kind=type(values).__name__,
        )
    if values.dtype not in FLOATS:
        raise _not_floating(name, values.dtype)
    if values.ndim != 2:
        raise InvalidInputError(
            N_(
                "{name} must have shape {shape}; received shape {received}. Reshape it to two dimensions: flatten(1)"
                " makes every sample one row."
            ),
            name=name,
            shape=shape,
            received=tuple(values.shape),
        )
    if 0 in values.shape:
        raise InvalidInputError(
            N_(
                "{name} must have shape {shape} with at least one row and one column; received shape {received}."
                " Check the selection that made it."
            ),
            name=name,
            shape=shape,
            received=tuple(values.shape),
        )
    return values


def working_dtype(values: Tensor) -> torch.dtype:
    """The dtype computed in: float64 for float64, float32 for every shorter one."""
    return torch.float64 if values.dtype == torch.float64 else torch.float32


def require_finite(values: Tensor, name: str) -> None:
    """Refuse NaN and infinite values, and say how many there are."""

    def rule(values: Tensor) -> None:
        if math.isfinite(values.sum()):  # one pass; a sum of finite values may overflow
            return
        nans = int(values.isnan().sum())
        infinities = int(values.isinf().sum())
        if nans or infinities:
            raise InvalidInputError(
                N_(
                    "{name} must be finite; received {nans} NaN and {infinities} infinite values among {count}. Drop"
                    " or repair these rows first."
                ),
                name=name,
                nans=nans,
                infinities=infinities,
                count=values.numel(),
            )

    inspect(values, rule)


def require_count(count: int, name: str) -> int:
    """A number of things, an integer of at least 1."""
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 1:
        raise InvalidInputError(
            N_("{name} must be an integer of at least 1; received {count!r}. Pass a whole number, 256 for example."),
            name=name,
            count=count,
        )
    return int(count)


def require_weight(
    weight: float, name: str = "weight", published: str = N_("The published settings lie between 1e-7 and 3e-4.")
) -> float:
    """A factor of a term, finite and not negative; that of the regularisation where no other name is given."""
    if not isinstance(weight, Real) or not math.isfinite(weight) or weight < 0:
        raise InvalidInputError(
            N_("{name} must be a finite number of at least 0; received {weight!r}. {published}"),
            name=name,
            weight=weight,
            published=Phrase(published),
        )
    return float(weight)


def require_units(activations: Tensor, num_features: int) -> None:
    """Refuse what a normaliser of `num_features` units does not take: it takes (n, c) and (n, c, h, w)."""
    if (
        activations.ndim not in (2, 4)
        or activations.dtype not in FLOATS
        or activations.shape[1] != num_features
        or 0 in activations.shape
    ):
        raise InvalidInputError(
            N_(
                "activations must be a floating tensor, not empty, of shape (n, {num_features}) or (n,"
                " {num_features}, h, w); received {dtype} of shape {shape}. Reshape it, or set num_features to its"
                " second dimension."
            ),
            num_features=num_features,
            dtype=activations.dtype,
            shape=tuple(activations.shape),
        )


def require_statistics(rows: int, otherwise: str = N_(", or eval() for the running statistics")) -> None:
    """Refuse a batch too small to have a variance, and say what to do instead."""
    if rows < 2:
        raise InvalidInputError(
            N_(
                "activations must have at least 2 rows to take statistics from; received {rows}. Use a larger"
                " batch{otherwise}."
            ),
            rows=rows,
            otherwise=Phrase(otherwise),
        )


def require_eps(eps: float) -> float:
    """What is added to a variance, greater than 0."""
    if not isinstance(eps, Real) or not math.isfinite(eps) or eps <= 0:
        raise InvalidInputError(
            N_("eps must be a finite number greater than 0; received {eps!r}. The usual value is 1e-5."), eps=eps
        )
    return float(eps)


def require_momentum(momentum: float | None) -> float | None:
    """The share of the newest batch in running statistics; None stands for their plain average."""
    if momentum is None:
        return None
    if not isinstance(momentum, Real) or not 0 <= momentum <= 1:
        raise InvalidInputError(
            N_(
                "momentum must be a number in [0, 1], or None for the plain average; received {momentum!r}. The usual"
                " value is 0.1."
            ),
            momentum=momentum,
        )
    return float(momentum)


def as_directions(directions: Array, activations: Tensor) -> Tensor:
    """`directions` as unit rows on the device and in the working dtype of `activations`."""
    matrix = as_matrix(directions, "directions", "(k, d)").detach()
    d = activations.shape[1]
    if matrix.shape[1] != d:
        raise InvalidInputError(
            N_(
                "directions must have one column per unit, shape (k, {d}); received shape {shape}. Transpose it, or"
                " draw it with random_directions(k, d)."
            ),
            d=d,
            shape=tuple(matrix.shape),
        )
    require_finite(matrix, "directions")
    inspect(matrix, _require_unit_rows)
    return matrix.to(activations.device, working_dtype(activations))


def _require_unit_rows(matrix: Tensor) -> None:
    norms = torch.linalg.vector_norm(matrix, dim=-1, dtype=torch.float64)
    if bool(((norms - 1).abs() > UNIT_TOLERANCE).any()):
        raise InvalidInputError(
            N_(
                "directions must be unit rows, norms within {unit_tolerance:g} of 1; received norms from {low:.6g} to"
                " {high:.6g}. Divide every row by its norm."
            ),
            unit_tolerance=UNIT_TOLERANCE,
            low=norms.min().item(),
            high=norms.max().item(),
        )


def _not_floating(name: str, dtype: object) -> InvalidInputError:
    return InvalidInputError(
        N_(
            "{name} must hold floating-point values (float16, bfloat16, float32 or float64); received {dtype}. Convert"
            " it to float32."
        ),
        name=name,
        dtype=dtype,
    )
