"""Residual networks for small images: with batch normalisation, or without any, by Fixup.

A first convolution, three stages of n blocks with 16, 32 and 64 channels, the mean over the map, a linear map: 6n + 2
layers, so that n = 3, 9 and 18 are ResNet-20, -56 and -110. A block is two layers; its input skips both,

    relu(BN(conv(relu(BN(conv(x)))))) + x)                                      He et al.
    relu(scale · conv(relu(conv(x + bias) + bias) + bias) + bias + x)           Fixup

where the second stage and the third begin with a stride of 2. There, as for CIFAR by their authors, the way round has
no weights: of x, with Fixup of x + bias, every second pixel is left out, and the new channels are zeros.

Fixup makes up for normalisation by how it begins: of L blocks the first convolution has weights of variance
2/(channels out · kernel²) divided by L, the second and the linear map are 0, biases are 0 and scales 1, so that every
block begins as the identity. The biases and scales are single numbers and learn at a tenth of the rate. What the
first convolution begins with is not part of the published rules: it is drawn as in the other networks.

References: He, Zhang, Ren and Sun, "Deep residual learning for image recognition", CVPR 2016, section 4.2; Zhang,
Dauphin and Ma, "Fixup initialization: residual learning without normalization", ICLR 2019, and the code published with
it for CIFAR.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from analysis.runs.spec import BLOCK_PLACES
from analysis.training.hidden_layer import AffineLayer
from per_core.errors import InvalidInputError
from per_core.text import N_

CHANNELS = (16, 32, 64)
SCALAR_RATE = 0.1  # of the learning rate, for the biases and scales of Fixup


class FixupLayer(AffineLayer):
    """A hidden layer whose affine map has a bias before it and one after it, and may have a scale, one number each."""

    def __init__(self, affine: nn.Module, activation: nn.Module, *, scaled: bool) -> None:
        super().__init__(affine, activation)
        self.bias_before = nn.Parameter(torch.zeros(()))
        self.scale = nn.Parameter(torch.ones(())) if scaled else None
        self.bias_after = nn.Parameter(torch.zeros(()))

    def map(self, inputs: Tensor) -> Tensor:
        """scale · affine(inputs + bias) + bias."""
        mapped: Tensor = self.affine(inputs + self.bias_before)
        if self.scale is None:
            return mapped + self.bias_after
        return torch.addcmul(self.bias_after, mapped, self.scale)


class ResidualNetwork(nn.Module):
    """A residual network of `AffineLayer`s, called "layer 1" (the first convolution), "layer 2", ...

    Args:
        channels: of the images.
        widths: channels of the three stages.
        blocks: n, of each stage.
        classes: number of logits.
        activation: makes the non-linearity.
        fixup: whether it does without normalisation.
    """

    def __init__(
        self,
        channels: int,
        widths: Sequence[int],
        blocks: int,
        classes: int,
        activation: type[nn.Module],
        *,
        fixup: bool,
    ) -> None:
        super().__init__()
        self.fixup = fixup
        self._blocks: list[tuple[str, str, int, int]] = []  # names of both layers, stride, new channels
        self.add_module("layer 1", AffineLayer(_convolution(channels, widths[0], 1), activation()))
        inputs = widths[0]
        for stage, outputs in enumerate(widths):
            for block in range(blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                first, second = (f"layer {2 * len(self._blocks) + place}" for place in (2, 3))
                for name, convolution in (
                    (first, _convolution(inputs, outputs, stride)),
                    (second, _convolution(outputs, outputs, 1)),
                ):
                    own = (convolution, activation())
                    self.add_module(name, FixupLayer(*own, scaled=name == second) if fixup else AffineLayer(*own))
                self._blocks.append((first, second, stride, outputs - inputs))
                inputs = outputs
        self.bias_first = nn.Parameter(torch.zeros(())) if fixup else None
        self.bias_last = nn.Parameter(torch.zeros(())) if fixup else None
        self.add_module("output", nn.Linear(inputs, classes))

    @property
    def places(self) -> dict[str, tuple[str, ...]]:
        """Names of the layers that end with the first and with the second non-linearity of each block."""
        layers = zip(*((first, second) for first, second, _stride, _new in self._blocks), strict=True)
        return dict(zip(BLOCK_PLACES, layers, strict=True))

    def forward(self, images: Tensor) -> Tensor:
        """Logits (n, classes) of images (n, channels, height, width)."""
        modules = self._modules
        x = modules["layer 1"](images, self.bias_first)  # type: ignore[misc]
        for first, second, stride, new in self._blocks:
            layer = modules[first]
            start = x + layer.bias_before if isinstance(layer, FixupLayer) and stride > 1 else x
            x = modules[second](layer(x), _way_round(start, stride, new))  # type: ignore[misc]
        x = x.mean(dim=(2, 3))
        logits: Tensor = modules["output"](x if self.bias_last is None else x + self.bias_last)  # type: ignore[misc]
        return logits

    @torch.no_grad()
    def begin(self) -> None:
        """Turn weights N(0, 2/fan-in) into those that Fixup begins with; nothing without Fixup."""
        if not self.fixup:
            return
        weights = dict(self.named_parameters())
        for first, second, _, _ in self._blocks:
            weight = weights[f"{first}.affine.weight"]
            fan_in, fan_out = weight[0].numel(), weight[:, 0].numel()
            weight.mul_((fan_in / fan_out / len(self._blocks)) ** 0.5)
            weights[f"{second}.affine.weight"].zero_()
        weights["output.weight"].zero_()
        for name, parameter in weights.items():
            if parameter.ndim == 0:
                parameter.fill_(float(name.endswith("scale")))


def require_images(shape: Sequence[int]) -> None:
    """Refuse what is no image, or too small for two strides of 2.

    Raises:
        InvalidInputError: If it is one of these.
    """
    if len(shape) != 3 or min(shape[1:]) < 4:
        raise InvalidInputError(
            N_(
                "The residual network takes images, (channels, height, width), of 4 pixels a side at least; received"
                ' samples of shape {shape}. Choose the model "mlp" or a data set of images.'
            ),
            shape=tuple(shape),
        )


def _convolution(inputs: int, outputs: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)


def _way_round(x: Tensor, stride: int, new: int) -> Tensor:
    """What skips a block: x itself, or every second pixel of it with new channels of zeros behind."""
    return x if stride == 1 else nn.functional.pad(x[:, :, ::stride, ::stride], (0, 0, 0, 0, 0, new))
