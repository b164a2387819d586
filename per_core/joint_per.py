"""Exact PER of several layers of a network, whose gradients are found together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from per_core.arguments import working_dtype
from per_core.errors import DerivativeError, InvalidInputError
from per_core.per import PER, dimensions_of_a_row, norms_along
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
        layers, activations = zip(*noted, strict=True)
        for layer, h in noted:
            layer.check(h)
        term: Tensor = _Term.apply(layers, *activations)  # type: ignore[no-untyped-call]
        return term


class _Term(torch.autograd.Function):
    """0, whose gradient is that of all layers.

    Other operations come between two backward passes, so that each of ours finds nothing of itself in the processor's
    caches: what costs is how many different operations there are, more than what they compute.
    """

    @staticmethod
    def forward(ctx: Any, layers: tuple[PER, ...], *activations: Tensor) -> Tensor:
        ctx.options = [(layer.weight, layer.reduction, layer.layout) for layer in layers]
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
        norms: list[Tensor] = []
        alike: dict[tuple[torch.Size, torch.dtype, float], list[int]] = {}  # layers whose factors are found together
        for place, (h, (weight, reduction, layout)) in enumerate(zip(activations, ctx.options, strict=True)):
            own = norms_along(h, dimensions_of_a_row(h, layout))
            norms.append(own)
            scale = weight / own.numel() if reduction == "mean" else weight
            alike.setdefault((own.shape, h.dtype, scale), []).append(place)
        gradients: dict[int, Tensor] = {}
        for (shape, dtype, scale), places in alike.items():
            rows = torch.stack([norms[place] for place in places], dim=-1)  # (*shape, layers)
            ds = tuple([activations[place].numel() // shape.numel() for place in places])
            factors = radial_slopes(rows, ds, dtype=working_dtype(activations[places[0]])).mul_(grad * scale)
            for place, factor in zip(places, factors.unbind(-1), strict=True):
                gradients[place] = (activations[place] * factor).to(dtype)
        return None, *[gradients[place] for place in range(len(activations))]
