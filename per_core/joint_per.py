"""Exact PER of several layers of a network, whose gradients are found together."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from per_core.arguments import working_dtype
from per_core.errors import DerivativeError, InvalidInputError
from per_core.per import PER, Reduction, RowLayout, dimensions_of_a_row, norms_along, require_rows
from per_core.radial import radial_slopes
from per_core.text import N_


class JointPER:
    """A term of the loss that does what exact `PER` layers do, in fewer and larger operations.

    From now on the layers only note what passes through them in training mode, and add nothing by themselves: every
    forward pass has to be followed by `term`. What multiplies the loss multiplies the term, so that a loss scale needs
    no further care. Its backward pass holds the gradients of all layers at a time.

    Args:
        layers: without `slices`.

    Raises:
        InvalidInputError: If one has `slices`.

    Example:
        >>> network = torch.nn.Sequential(torch.nn.Linear(8, 4), PER(1e-4), torch.nn.Linear(4, 2), PER(1e-4))
        >>> joint = JointPER(module for module in network if isinstance(module, PER))
        >>> (network(torch.randn(3, 8)).square().mean() + joint.term()).backward()
    """

    def __init__(self, layers: Iterable[PER]) -> None:
        self._noted: list[tuple[PER, Tensor]] = []
        for layer in layers:
            if layer.slices is not None:
                raise InvalidInputError(
                    N_("The layers must be exact; received one with {slices} slices. Leave slices out, or this layer."),
                    slices=layer.slices,
                )
            layer.noted = self._noted

    def term(self) -> Tensor | float:
        """0, with the gradient λ · per_gradient of every layer that was passed since the last call, over n for "mean".

        It can be passed backward once; create_graph=True is refused then, `DerivativeError`.

        Raises:
            InvalidInputError: If a layer was passed what it cannot take, see `PER`.
        """
        noted, self._noted[:] = list(self._noted), []
        if not noted:
            return 0.0
        plan = _plan(tuple([(h.shape, h.dtype, own.layout, own.weight, own.reduction) for own, h in noted]))
        term: Tensor = _Term.apply(plan, *[h for _layer, h in noted])  # type: ignore[no-untyped-call]
        return term


class _Alike(NamedTuple):
    """What layers have in common whose slopes are found together.

    Attributes:
        rows: the shape of their norms.
        dims: along which the units of a row lie.
        scale: λ, over the number of rows for "mean".
        dtype: of their activations.
    """

    rows: tuple[int, ...]
    dims: tuple[int, ...]
    scale: float
    dtype: torch.dtype


_Group = tuple[_Alike, tuple[int, ...], tuple[int, ...]]  # what is alike, the places, and the units of a row of each


@lru_cache(maxsize=64)
def _plan(passed: tuple[tuple[torch.Size, torch.dtype, RowLayout, float, Reduction], ...]) -> list[_Group]:
    """Which of the layers are alike: their places among all, and how many units a row of each has."""
    groups: dict[_Alike, dict[int, int]] = {}
    for place, (shape, dtype, layout, weight, reduction) in enumerate(passed):
        require_rows(shape, dtype, layout)
        dims = dimensions_of_a_row(len(shape), layout)
        rows = tuple(1 if dim in dims else size for dim, size in enumerate(shape))
        n = math.prod(rows)
        alike = _Alike(rows, dims, weight / n if reduction == "mean" else weight, dtype)
        groups.setdefault(alike, {})[place] = shape.numel() // n
    return [(alike, tuple(units), tuple(units.values())) for alike, units in groups.items()]


class _Term(torch.autograd.Function):
    """0, whose gradient is that of all layers.

    Other operations come between two backward passes, so that each of ours finds nothing of itself in the processor's
    caches: what costs is how many different operations and lines there are, more than what they compute.
    """

    @staticmethod
    def forward(ctx: Any, plan: list[_Group], *activations: Tensor) -> Tensor:
        ctx.plan = plan
        ctx.save_for_backward(*activations)
        return activations[0].new_zeros((), dtype=working_dtype(activations[0]))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise DerivativeError(
                N_(
                    "The term of several PER layers can be passed backward once; received create_graph=True. Let the"
                    " layers act by themselves, or add λ · per_loss to the loss."
                )
            )
        activations: tuple[Tensor, ...] = ctx.saved_tensors
        gradients: dict[int, Tensor] = {}
        for (_rows, dims, scale, dtype), places, ds in ctx.plan:
            norms = torch.stack([norms_along(activations[place], dims) for place in places], dim=-1)
            factors = radial_slopes(norms, ds, dtype=working_dtype(activations[places[0]])).mul_(grad * scale)
            for place, factor in zip(places, factors.unbind(-1), strict=True):
                gradients[place] = (activations[place] * factor).to(dtype)
        return None, *[gradients[place] for place in range(len(activations))]
