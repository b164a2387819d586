"""A hidden layer: an affine map and a non-linearity, with two places where methods can be put."""

from __future__ import annotations

from torch import Tensor, nn


class HiddenLayer(nn.Module):
    """An affine map and a non-linearity, with a place for methods after each.

    Attributes:
        affine: linear or convolutional.
        pre_activation: what acts between the two; the identity until a method is put there.
        activation: the non-linearity.
        output: what acts after it; the identity until a method is put there.
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
