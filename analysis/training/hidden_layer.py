"""A hidden layer: a place in a network whose activations are looked at, and where methods can be put."""

from __future__ import annotations

from torch import Tensor, nn


class HiddenLayer(nn.Module):
    """A layer with two places for methods.

    Attributes:
        pre_activation: what acts before the non-linearity; the identity until a method is put there.
        output: what acts after it; the identity until a method is put there.
    """

    pre_activation: nn.Sequential
    output: nn.Sequential


class AffineLayer(HiddenLayer):
    """An affine map and a non-linearity, with a place for methods after each.

    Attributes:
        affine: linear or convolutional.
        activation: the non-linearity.
    """

    def __init__(self, affine: nn.Module, activation: nn.Module) -> None:
        super().__init__()
        self.affine = affine
        self.pre_activation = nn.Sequential()
        self.activation = activation
        self.output = nn.Sequential()

    def forward(self, inputs: Tensor, skip: Tensor | None = None) -> Tensor:
        """The layer's output, (n, ...); what skipped the layers before is added ahead of the non-linearity."""
        values = self.pre_activation(self.map(inputs))
        activations: Tensor = self.output(self.activation(values if skip is None else values + skip))
        return activations

    def map(self, inputs: Tensor) -> Tensor:
        """The affine map alone."""
        mapped: Tensor = self.affine(inputs)
        return mapped
