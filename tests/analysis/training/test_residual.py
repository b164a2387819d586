"""Residual networks: shapes, what they begin as, both ways of He et al. and of Fixup, and what they learn."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from analysis.runs.spec import DataSpec, MethodSpec, ModelSpec, TrainingSpec
from analysis.training.data_source import load
from analysis.training.layer_methods import put_in
from analysis.training.learner import Learner
from analysis.training.models import build_network, hidden_layers
from analysis.training.residual import FixupLayer, ResidualNetwork
from per_core import PER, BatchNorm, InvalidInputError

RELU = ModelSpec("resnet", "relu", dropout=0.0)
IMAGE = (3, 32, 32)


def images(n: int = 8, side: int = 32) -> torch.Tensor:
    return torch.randn(n, 3, side, side, generator=torch.Generator().manual_seed(0))


def residual(blocks: int = 3, *, normalised: bool = False, width: float = 1.0) -> ResidualNetwork:
    network = build_network(replace(RELU, blocks=blocks), IMAGE, 10, width=width, seed=1, normalised=normalised)
    assert isinstance(network, ResidualNetwork)
    return network


@pytest.mark.parametrize(("blocks", "depth"), [(3, 20), (9, 56), (18, 110)])
@pytest.mark.parametrize("normalised", [True, False])
def test_depth_and_parameters_are_the_published_ones(blocks, depth, normalised):
    """He et al. count 0.27, 0.85 and 1.7 million with the weights of BN, two a channel."""
    network = residual(blocks, normalised=normalised)
    weighted = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    assert len(weighted) == depth
    assert list(hidden_layers(network)) == [f"layer {number}" for number in range(1, depth)]
    count = sum(parameter.numel() for parameter in network.parameters())
    of_bn = 2 * sum(conv.out_channels for conv in weighted if isinstance(conv, nn.Conv2d))
    assert round((count + of_bn) / 1e6, 2 if depth < 110 else 1) == {20: 0.27, 56: 0.85, 110: 1.7}[depth]


@pytest.mark.parametrize("side", [8, 9, 32])
@pytest.mark.parametrize("normalised", [True, False])
def test_maps_halve_at_the_second_and_third_stage(side, normalised):
    network = residual(2, normalised=normalised, width=0.5)
    shapes: dict[str, tuple[int, ...]] = {}
    for name, layer in hidden_layers(network).items():
        layer.register_forward_hook(lambda _m, _i, out, name=name: shapes.update({name: tuple(out.shape[1:])}))
    assert network(images(side=side)).shape == (8, 10)
    half, quarter = (side + 1) // 2, ((side + 1) // 2 + 1) // 2
    expected = [(8, side, side)] * 5 + [(16, half, half)] * 4 + [(32, quarter, quarter)] * 4
    assert list(shapes.values()) == expected


def by_hand(network: ResidualNetwork, x: torch.Tensor) -> torch.Tensor:
    """The network without normalisation as its authors write it, block by block."""
    part = dict(network.named_parameters())

    def conv(name: str, values: torch.Tensor, stride: int = 1) -> torch.Tensor:
        return nn.functional.conv2d(values, part[f"{name}.affine.weight"], stride=stride, padding=1)

    x = torch.relu(conv("layer 1", x) + part["bias_first"])
    for block in range(6):
        a, b = f"layer {2 * block + 2}", f"layer {2 * block + 3}"
        stride = 2 if block in (2, 4) else 1
        identity = x
        out = torch.relu(conv(a, x + part[f"{a}.bias_before"], stride) + part[f"{a}.bias_after"])
        out = conv(b, out + part[f"{b}.bias_before"]) * part[f"{b}.scale"] + part[f"{b}.bias_after"]
        if stride == 2:
            pooled = nn.functional.avg_pool2d(x + part[f"{a}.bias_before"], 1, stride=2)
            identity = torch.cat([pooled, torch.zeros_like(pooled)], dim=1)
        x = torch.relu(out + identity)
    return (x.mean(dim=(2, 3)) + part["bias_last"]) @ part["output.weight"].T + part["output.bias"]


def test_fixup_is_what_its_authors_write():
    network = residual(2)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0, 0.2, generator=torch.Generator().manual_seed(parameter.numel()))
    torch.testing.assert_close(network(images()), by_hand(network, images()), rtol=1e-4, atol=1e-5)


def test_fixup_begins_by_its_rules():
    network = residual(9)
    blocks = 27
    for number in range(2, 56, 2):
        first, second = (network.get_submodule(f"layer {number + k}") for k in (0, 1))
        assert isinstance(first, FixupLayer)
        weight = first.affine.weight
        expected = math.sqrt(2 / weight[:, 0].numel()) * blocks**-0.5
        assert weight.std().item() == pytest.approx(expected, rel=0.1)
        assert second.affine.weight.count_nonzero() == 0
        assert [first.scale, second.scale.item()] == [None, 1.0]
    assert network.get_submodule("output").weight.count_nonzero() == 0
    scalars = {name: parameter.item() for name, parameter in network.named_parameters() if parameter.ndim == 0}
    assert set(scalars.values()) == {0.0, 1.0}
    assert all((value == 1) == name.endswith("scale") for name, value in scalars.items())


@pytest.mark.parametrize("blocks", [3, 9, 18])
def test_activations_do_not_grow_with_depth(blocks):
    """Every block begins as the identity: the output of the last is that of the first, but for every second pixel."""
    network = residual(blocks)
    found: list[torch.Tensor] = []
    for name, layer in hidden_layers(network).items():
        if int(name.split()[1]) % 2 == 1:  # ends a block
            layer.register_forward_hook(lambda _m, _i, out: found.append(out))
    network(images())
    last = found[-1]
    torch.testing.assert_close(last[:, : found[0].shape[1]], found[0][:, :, ::4, ::4])
    assert last[:, found[0].shape[1] :].count_nonzero() == 0
    assert all(out.square().mean() < 1.5 * found[0].square().mean() for out in found)


def test_he_without_normalisation_would_grow():
    """What Fixup is for: the same network with He's weights and no BN grows with every block."""
    network = residual(9, normalised=True)
    found: list[float] = []
    for name, layer in hidden_layers(network).items():
        if int(name.split()[1]) % 2 == 1:
            layer.register_forward_hook(lambda _m, _i, out: found.append(out.square().mean().item()))
    network(images())
    assert found[-1] > 1e3 * found[0]


def test_both_begin_with_the_same_draws():
    plain, fixup = (residual(2, normalised=normalised) for normalised in (True, False))
    first, other = (network.get_submodule("layer 2").affine.weight for network in (plain, fixup))
    torch.testing.assert_close(other / other.std(), first / first.std())
    torch.testing.assert_close(*(network.get_submodule("layer 1").affine.weight for network in (plain, fixup)))


def test_methods_stand_where_their_authors_put_them():
    network = residual(1, normalised=True)
    put_in(network, MethodSpec("bn+per"), layers=(), shape=IMAGE)
    for layer in hidden_layers(network).values():
        assert isinstance(layer.pre_activation[0], BatchNorm)
        assert isinstance(layer.output[0], PER)
    layer = network.get_submodule("layer 3")
    layer.activation, layer.output = nn.Identity(), nn.Identity()
    x = images(32)
    inner = network.get_submodule("layer 2")(network.get_submodule("layer 1")(x))
    normalised = layer(inner)
    torch.testing.assert_close(layer(inner, inner) - normalised, inner, atol=1e-5, rtol=1e-4)
    assert normalised.mean(dim=(0, 2, 3)).abs().max() < 1e-4, "BN comes before the sum"


def test_biases_and_scales_learn_at_a_tenth_of_the_rate():
    spec = TrainingSpec(
        data=DataSpec(limit=64), model=replace(RELU, blocks=1, width=0.5), methods=(MethodSpec(),), schedule="constant",
        momentum=0.0, learning_rate=0.1, batch_size=64,
    )  # fmt: skip
    data = load(spec.data)
    learner = Learner(spec, spec.methods[0], 0, data)
    before = {name: parameter.detach().clone() for name, parameter in learner.network.named_parameters()}
    learner.network.train()
    inputs, labels = next(learner.batches(1))
    for group in learner._optimizer.param_groups:
        group["lr"] = group["share"] * spec.learning_rate
    learner.step(inputs, labels)
    for name, parameter in learner.network.named_parameters():
        rate = 0.01 if parameter.ndim == 0 else 0.1
        torch.testing.assert_close(before[name] - rate * parameter.grad, parameter.detach())


@pytest.mark.parametrize("method", ["vanilla", "bn", "per", "bn+per"])
def test_two_epochs_learn(method):
    spec = TrainingSpec(
        data=DataSpec(limit=512), model=replace(RELU, blocks=1, width=0.5), methods=(MethodSpec(method),), epochs=2,
        learning_rate=0.05, batch_size=32,
    )  # fmt: skip
    learner = Learner(spec, spec.methods[0], 0, load(spec.data))
    first, second = learner.learn(1), learner.learn(2)
    assert second.loss < first.loss
    assert learner.diverged is None


@pytest.mark.parametrize("shape", [(64,), (1, 3, 8), (1, 2, 2)])
def test_only_images_of_some_size(shape):
    with pytest.raises(InvalidInputError, match=r"takes images, .* of 4 pixels a side at least; received"):
        build_network(RELU, shape, 10, width=1, seed=0)


@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("place", ["first", "second"])
def test_a_method_can_act_after_one_non_linearity_of_every_block(place, normalised):
    """After the first, what it sees goes into the second convolution; after the second, into the next block."""
    network = residual(2, normalised=normalised, width=0.25)
    put_in(network, MethodSpec("per"), layers=(place,), shape=IMAGE)
    seen: list[torch.Tensor] = []
    read: dict[str, torch.Tensor] = {}
    for module in network.modules():
        if isinstance(module, PER):
            module.register_forward_hook(lambda _m, _i, out: seen.append(out))
    for name, layer in hidden_layers(network).items():
        layer.register_forward_pre_hook(lambda _m, given, name=name: read.update({name: given[0]}))
    network.eval()(images())
    numbers = range(3, 14, 2) if place == "first" else range(4, 14, 2)
    readers = [read[f"layer {number}"] for number in numbers]
    assert len(seen) == 6
    assert all(torch.equal(one, reader) for one, reader in zip(seen, readers, strict=False))
    assert len(readers) == (6 if place == "first" else 5)  # the last block is read by the mean over the map


def test_both_places_and_the_first_convolution_are_all_layers_and_other_models_have_no_places():
    def acting(layers):
        network = residual(2, width=0.25)
        put_in(network, MethodSpec("per"), layers=layers, shape=IMAGE)
        return [name for name, layer in hidden_layers(network).items() if len(layer.output)]

    assert acting(("layer 1", "second", "first", "layer 2")) == acting(())
    assert acting(("second", "layer 2")) == ["layer 2", *(f"layer {number}" for number in range(3, 14, 2))]
    with pytest.raises(InvalidInputError, match="layer 13, first, second; received third"):
        acting(("third",))
    network = build_network(ModelSpec("mlp", depth=2), (6,), 3, width=0.1, seed=0)
    with pytest.raises(InvalidInputError, match="layer 1, layer 2; received first"):
        put_in(network, MethodSpec("per"), layers=("first",), shape=(6,))
