"""The networks that training offers: fully connected, and the paper's convolutional, residual and recurrent ones.

Every hidden layer is a `HiddenLayer`: most are an affine map and a non-linearity, and all have two places where methods
can be put. A new architecture is a function that builds a network out of such layers, and one entry in `MODELS`.

References: Joo, Kang and Kim (ICLR 2020), section 4, for the 11-layer network, after Clevert, Unterthiner and
Hochreiter, "Fast and accurate deep network learning by exponential linear units", ICLR 2016, and Littwin and Wolf,
"Regularizing by the variance of the activations' sample-variances", NeurIPS 2018; He, Zhang, Ren and Sun, "Delving deep
into rectifiers", ICCV 2015, for the initial weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from analysis.runs.spec import Activation, ModelName, ModelSpec
from analysis.training.hidden_layer import AffineLayer, HiddenLayer
from analysis.training.recurrent import LanguageModel
from analysis.training.residual import CHANNELS, ResidualNetwork, require_images
from per_core.errors import InvalidInputError
from per_core.text import N_

Takes = Literal["numbers", "words"]
Shape = tuple[int, ...]  # of one sample, without the batch: (d,), (channels, height, width), or (words,)

ACTIVATIONS: dict[Activation, type[nn.Module]] = {"elu": nn.ELU, "relu": nn.ReLU, "leaky_relu": nn.LeakyReLU}

MLP_UNITS = 256  # of each hidden layer at width 1
LSTM_UNITS = 650  # of the embedding and each layer at width 1
NARROW, FULL = 0.125, 1.0  # width where none is given, on a CPU and on a GPU

# (kernel, channels at width 1) of the paper's ten hidden layers, two to a stage; a max-pool follows the first of each.
CNN11 = (
    ((5, 192), (1, 384)),
    ((3, 480), (1, 480)),
    ((2, 520), (1, 520)),
    ((2, 560), (1, 560)),
    ((2, 600), (1, 600)),
)


@dataclass(frozen=True, slots=True)
class Model:
    """One architecture.

    Attributes:
        key: its name in a spec.
        title: what a person reads.
        build: (spec, width, shape of one input, classes, whether a method normalises it) to a network whose weights are
            still to be drawn; the network takes (n, *shape) and gives logits (n, classes), and its hidden layers are
            called "layer 1", "layer 2", ...; of "words" it gives logits (n·words, classes), of the word after each.
        takes: what an input is: "numbers", or "words" of a text by their places in the vocabulary.
    """

    key: ModelName
    title: str
    build: Callable[[ModelSpec, float, Shape, int, bool], nn.Module]
    takes: Takes = "numbers"


def build_network(
    spec: ModelSpec, shape: Shape, classes: int, *, width: float, seed: int, normalised: bool = False
) -> nn.Module:
    """Build a network with He-initialised weights and biases of 0; a residual one that is not normalised by Fixup.

    A language model begins as `recurrent` says.

    The global random state is neither read nor changed; the weights depend on the seed, the architecture and the
    shapes alone, so that every method that is put in later starts from the same ones.

    Args:
        spec: which architecture.
        shape: of one input, (d,), (channels, height, width), or (words,).
        classes: number of logits, at least 2; of a language model, of words in its vocabulary.
        width: factor of the numbers of units, > 0.
        seed: 0 <= seed < 2^63.
        normalised: whether a method that is put in normalises its layers, as only a residual network has to know.

    Raises:
        InvalidInputError: If the network cannot take inputs of that shape.
    """
    network = outline(spec, shape, classes, width=width, normalised=normalised)
    initialise(network, torch.Generator().manual_seed(seed))
    return network


def outline(spec: ModelSpec, shape: Shape, classes: int, *, width: float, normalised: bool = False) -> nn.Module:
    """The network without memory for its weights, on torch's "meta" device; arguments as in `build_network`."""
    with torch.device("meta"):
        return MODELS[spec.name].build(spec, width, shape, classes, normalised)


def pass_nothing(network: nn.Module, shape: Shape) -> None:
    """Pass a batch of no samples through an outline, for hooks that look at the shapes of its layers' outputs.

    The weights have an address then and still no memory, as nobody writes to them or reads them. On the "meta" device
    a convolution would load sympy, which takes as long as torch itself.
    """
    network.to_empty(device="cpu").eval()(torch.empty(0, *shape))


def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Give an outline its weights: N(0, 2 / fan-in), drawn in the order of the layers; biases are 0.

    Those of a language model are drawn as `recurrent` says.
    """
    network.to_empty(device="cpu")
    if isinstance(network, LanguageModel):
        network.begin(generator)
        return
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    if isinstance(network, ResidualNetwork):
        network.begin()


def hidden_layers(network: nn.Module) -> dict[str, HiddenLayer]:
    """The hidden layers by their names, from input to output."""
    return {name: module for name, module in network.named_modules() if isinstance(module, HiddenLayer)}


def chosen_layers(network: nn.Module, asked: Sequence[str]) -> list[HiddenLayer]:
    """The hidden layers that are asked for, from input to output; all if none is.

    Args:
        network: of which.
        asked: names of hidden layers, and of a residual network's places, see `TrainingSpec.layers`.

    Raises:
        InvalidInputError: If there is no such layer.
    """
    layers = hidden_layers(network)
    places = network.places if isinstance(network, ResidualNetwork) else {}
    known = {name: (name,) for name in layers} | places
    unknown = [name for name in asked if name not in known]
    if unknown:
        raise InvalidInputError(
            N_(
                "layers must be hidden layers of the model, {known}; received {unknown}. Name some of these, or none"
                " for all."
            ),
            known=", ".join(known),
            unknown=", ".join(unknown),
        )
    chosen = {layer for name in asked or known for layer in known[name]}
    return [layer for name, layer in layers.items() if name in chosen]


def _mlp(spec: ModelSpec, width: float, shape: Shape, classes: int, _normalised: bool) -> nn.Module:
    network = nn.Sequential()
    if len(shape) > 1:
        network.add_module("flatten", nn.Flatten())
    inputs = int(torch.Size(shape).numel())
    units = _scaled(MLP_UNITS, width)
    for index in range(1, spec.depth + 1):
        network.add_module(f"layer {index}", AffineLayer(nn.Linear(inputs, units), ACTIVATIONS[spec.activation]()))
        _add_dropout(network, spec, index, share=index / spec.depth)
        inputs = units
    network.add_module("output", nn.Linear(inputs, classes))
    return network


def _cnn11(spec: ModelSpec, width: float, shape: Shape, classes: int, _normalised: bool) -> nn.Module:
    """The 11-layer network; on small images pooling ends with a map of one pixel, and no kernel exceeds the map."""
    if len(shape) != 3:
        raise InvalidInputError(
            N_(
                "The convolutional network takes images, (channels, height, width); received samples of shape"
                ' {shape}. Choose the model "mlp" or a data set of images.'
            ),
            shape=shape,
        )
    network = nn.Sequential()
    channels, height, width_of_map = shape
    index = 0
    for stage, layers in enumerate(CNN11, start=1):
        for place, (kernel, full) in enumerate(layers):
            index += 1
            outputs = _scaled(full, width)
            convolution = _same_convolution(channels, outputs, min(kernel, height, width_of_map))
            network.add_module(f"layer {index}", AffineLayer(convolution, ACTIVATIONS[spec.activation]()))
            channels = outputs
            if place == 0 and min(height, width_of_map) > 1:
                network.add_module(f"pool {index}", nn.MaxPool2d(2))
                height, width_of_map = height // 2, width_of_map // 2
        _add_dropout(network, spec, index, share=stage / len(CNN11))
    network.add_module("flatten", nn.Flatten())
    network.add_module("output", nn.Linear(channels * height * width_of_map, classes))
    return network


def _resnet(spec: ModelSpec, width: float, shape: Shape, classes: int, normalised: bool) -> nn.Module:
    require_images(shape)
    widths = [_scaled(channels, width) for channels in CHANNELS]
    activation = ACTIVATIONS[spec.activation]
    return ResidualNetwork(shape[0], widths, spec.blocks, classes, activation, fixup=not normalised)


def _lstm(spec: ModelSpec, width: float, shape: Shape, classes: int, _normalised: bool) -> nn.Module:
    if len(shape) != 1:
        raise InvalidInputError(
            N_(
                "The LSTM takes sequences of words, (words,); received samples of shape {shape}. Choose another"
                " model, or text as data."
            ),
            shape=tuple(shape),
        )
    units = _scaled(LSTM_UNITS, width)
    return LanguageModel(
        classes, units, spec.recurrent_layers, dropout=spec.dropout, tied=spec.tied, variational=spec.variational
    )


def _same_convolution(inputs: int, outputs: int, kernel: int) -> nn.Module:
    """A convolution whose map is as large as its input's; an even kernel looks one pixel further right and down."""
    before, after = (kernel - 1) // 2, kernel // 2
    if before == after:
        return nn.Conv2d(inputs, outputs, kernel, padding=before)
    return nn.Sequential(nn.ZeroPad2d((before, after, before, after)), nn.Conv2d(inputs, outputs, kernel))


def _add_dropout(network: nn.Sequential, spec: ModelSpec, index: int, *, share: float) -> None:
    if spec.dropout > 0:
        network.add_module(f"dropout {index}", nn.Dropout(spec.dropout * share))


def _scaled(units: int, width: float) -> int:
    return max(1, round(units * width))


MODELS: dict[ModelName, Model] = {
    model.key: model
    for model in (
        Model("mlp", N_("Fully connected"), _mlp),
        Model("cnn11", N_("Convolutional, 11 layers (Joo et al.)"), _cnn11),
        Model("resnet", N_("Residual (ResNet)"), _resnet),
        Model("lstm", N_("LSTM language model (Joo et al.)"), _lstm, takes="words"),
    )
}
