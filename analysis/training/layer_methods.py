"""Methods in a network: normalisers and what adds a gradient by itself as layers, other regularisers as losses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from analysis.runs.spec import MethodSpec
from analysis.training.hidden_layer import HiddenLayer
from analysis.training.models import Shape, chosen_layers
from analysis.training.recurrent import RecurrentLayer
from per_core.method import GradientLayer, Loss, Method
from per_core.per import RowLayout
from per_core.recurrent_normalisation import Normaliser


class Penalty(nn.Module):
    """A layer that leaves activations as they are and keeps λ times their loss, in training, for `penalty`.

    Args:
        loss: takes rows (n, d) and returns a scalar.
        weight: λ.
        layout: what is a row, as in PER.
        generator: of whatever the loss draws; torch's global one if None.
    """

    def __init__(
        self, loss: Loss | nn.Module, weight: float, layout: RowLayout, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.generator = generator
        self.loss = loss
        self.weight = weight
        self.layout = layout
        self.term: Tensor | None = None

    def forward(self, activations: Tensor) -> Tensor:
        """Return `activations` unchanged."""
        self.term = None
        if self.training:
            self.term = self.weight * self.loss(rows(activations, self.layout), generator=self.generator)
        return activations


def compiled(network: nn.Module) -> Any:
    """The network compiled, without its penalties: their losses look at values, which breaks every graph."""
    for layer in penalties(network):
        layer.forward = torch.compiler.disable(layer.forward)  # type: ignore[method-assign, no-untyped-call]
    return torch.compile(network)


def rows(activations: Tensor, layout: RowLayout) -> Tensor:
    """Activations (n, ...) as rows (m, d): of layout "sample" m = n, of layout "position" d is the second dimension."""
    if layout == "sample" or activations.ndim == 2:
        return activations.flatten(1)
    return activations.movedim(1, -1).flatten(0, -2)


def penalties(network: nn.Module) -> list[Penalty]:
    """Those of its layers that are penalties, from input to output."""
    return [module for module in network.modules() if isinstance(module, Penalty)]


def penalty(layers: Iterable[Penalty]) -> Tensor | float:
    """The sum of what penalties kept in the forward pass before; 0.0 if there are none."""
    terms = [layer.term for layer in layers if layer.term is not None]
    return sum(terms[1:], start=terms[0]) if terms else 0.0


def put_in(
    network: nn.Module,
    spec: MethodSpec,
    *,
    layers: Sequence[str],
    shape: Shape,
    generator: torch.Generator | None = None,
) -> list[GradientLayer]:
    """Put the methods of a spec into a network, in their order.

    Each acts where its authors put it, on the output of a layer or between the affine map and the non-linearity, after
    those that are named before it. In a recurrent layer, what has a place inside an LSTM takes that one.

    Args:
        network: whose hidden layers are still without methods.
        spec: the methods and their settings.
        layers: names of hidden layers, see `chosen_layers`; all if empty.
        shape: of one input of the network.
        generator: of whatever the methods draw in training; torch's global one, which dropout uses as well, if None.

    Returns:
        Those that add a gradient of their own, beside the losses of `penalty`.

    Raises:
        InvalidInputError: If there is no such layer, or a method refuses its settings.
    """
    chosen = chosen_layers(network, layers)
    for layer in chosen:
        if isinstance(layer, RecurrentLayer) and any(method.acts_on == "pre-activation" for method in spec.methods):
            layer.unroll(*_normalisers(spec, steps=shape[0]))
    shapes = _shapes(network, chosen, shape)
    gradients: list[GradientLayer] = []
    for layer in chosen:
        for method in spec.methods:
            if isinstance(layer, RecurrentLayer) and method.recurrent is not None:
                continue
            place = layer.output if method.acts_on == "output" else layer.pre_activation
            module = _module(method, spec, shapes[place], generator)
            place.append(module)
            if method.layer is not None:
                gradients.append(module)
    return gradients


def _normalisers(spec: MethodSpec, *, steps: int) -> list[Normaliser]:
    """What makes the normalisers inside an LSTM, with defaults of their own for what the spec does not set."""

    def asked(method: Method) -> dict[str, float]:
        return {
            name: value for name, value in spec.parameters(method).items() if f"{method.key}.{name}" in spec.settings
        }

    return [
        partial(method.recurrent, steps=steps, **asked(method))
        for method in spec.methods
        if method.recurrent is not None
    ]


def _module(method: Method, spec: MethodSpec, shape: Shape, generator: torch.Generator | None) -> Any:
    """The nn.Module of a method for a layer whose samples have this shape; a `GradientLayer` where it has one."""
    settings = spec.parameters(method)
    if method.kind == "normaliser":
        layer = method.build(shape[0], **settings)
        if method.in_role("noise") is not None:
            layer.generator = generator
        return layer
    weight = settings.pop("weight")
    if method.layer is not None:
        return method.layer(weight, reduction=spec.reduction, layout=spec.layout, generator=generator, **settings)
    units = shape[0] if spec.layout == "position" else int(torch.Size(shape).numel())
    loss = method.build(**settings) if method.learnt is None else method.learnt(units, **settings)
    return Penalty(loss, weight, spec.layout, generator)


@torch.no_grad()
def _shapes(network: nn.Module, layers: Sequence[HiddenLayer], shape: Shape) -> dict[nn.Module, Shape]:
    """The shape of one sample at every place of hidden layers; in a recurrent layer, of one time step."""
    found: dict[nn.Module, Shape] = {}

    def note(place: nn.Module, _inputs: Sequence[Tensor], output: Tensor) -> None:
        found[place] = tuple(output.shape[1:])

    hooks = [place.register_forward_hook(note) for layer in layers for place in (layer.pre_activation, layer.output)]
    try:
        network.eval()
        network(torch.zeros(1, *shape))
    finally:
        network.train()
        for hook in hooks:
            hook.remove()
    return found
