import pytest
import torch
from torch import nn

from analysis.runs.spec import ModelSpec
from analysis.training.hidden_layer import AffineLayer
from analysis.training.models import CNN11, build_network, hidden_layers
from per_core.errors import InvalidInputError

NAMES = [f"layer {index}" for index in range(1, 11)]


def channels(network):
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    return [(c.kernel_size[0], c.out_channels) for c in convolutions]


def sizes_of_maps(network, shape):
    sizes = {}
    for name, layer in hidden_layers(network).items():
        layer.register_forward_hook(lambda _m, _i, out, name=name: sizes.update({name: tuple(out.shape[2:])}))
    network(torch.zeros(2, *shape))
    return list(sizes.values())


def test_the_network_of_the_paper_on_its_images():
    network = build_network(ModelSpec(), (3, 32, 32), 10, width=1.0, seed=0)
    assert list(hidden_layers(network)) == NAMES
    assert channels(network) == [layer for stage in CNN11 for layer in stage]
    assert sizes_of_maps(network, (3, 32, 32)) == [(s, s) for s in (32, 16, 16, 8, 8, 4, 4, 2, 2, 1)]
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_on_digits_pooling_stops_at_one_pixel_and_no_kernel_exceeds_the_map():
    network = build_network(ModelSpec(), (1, 8, 8), 10, width=0.125, seed=0)
    assert sizes_of_maps(network, (1, 8, 8)) == [(s, s) for s in (8, 4, 4, 2, 2, 1, 1, 1, 1, 1)]
    assert channels(network) == [
        (5, 24), (1, 48), (3, 60), (1, 60), (2, 65), (1, 65), (1, 70), (1, 70), (1, 75), (1, 75),
    ]  # fmt: skip


@pytest.mark.parametrize("side", [1, 5, 9, 48])
def test_images_of_any_size(side):
    network = build_network(ModelSpec(), (2, side, side), 3, width=0.05, seed=0)
    assert network(torch.zeros(4, 2, side, side)).shape == (4, 3)


def test_mlp():
    network = build_network(ModelSpec("mlp", "relu", depth=3), (1, 8, 8), 10, width=0.125, seed=0)
    assert list(hidden_layers(network)) == NAMES[:3]
    assert [tuple(m.weight.shape) for m in network.modules() if isinstance(m, nn.Linear)] == [
        (32, 64), (32, 32), (32, 32), (10, 32),
    ]  # fmt: skip
    assert isinstance(hidden_layers(network)["layer 2"].activation, nn.ReLU)
    assert network(torch.zeros(5, 1, 8, 8)).shape == (5, 10)
    plane = build_network(ModelSpec("mlp", "leaky_relu", depth=1), (2,), 3, width=1, seed=0)
    assert plane(torch.zeros(5, 2)).shape == (5, 3)


@pytest.mark.parametrize("name", ["mlp", "cnn11"])
def test_he_initialisation_keeps_the_scale_of_relu_layers(name):
    network = build_network(ModelSpec(name, "relu", depth=10), (3, 32, 32), 10, width=1.0, seed=0)
    inner = [m for m in network.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    for module in inner:
        fan_in = module.weight[0].numel()
        assert module.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.05)
        assert not module.bias.any()


def test_dropout_grows_with_depth_as_in_the_paper():
    def rates(spec, shape):
        return [m.p for m in build_network(spec, shape, 10, width=0.1, seed=0).modules() if isinstance(m, nn.Dropout)]

    assert rates(ModelSpec(dropout=0.5), (3, 32, 32)) == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert rates(ModelSpec("mlp", dropout=0.2, depth=2), (8,)) == pytest.approx([0.1, 0.2])
    assert rates(ModelSpec(dropout=0), (3, 32, 32)) == []
    assert ModelSpec().dropout == 0.5


def test_weights_depend_on_the_seed_alone():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, second, other = (
        build_network(ModelSpec(), (1, 8, 8), 10, width=0.125, seed=seed).state_dict() for seed in (3, 3, 4)
    )
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not torch.equal(first["layer 1.affine.weight"], other["layer 1.affine.weight"])


def test_points_are_not_images():
    with pytest.raises(InvalidInputError, match=r'takes images.*received samples of shape \(2,\).*"mlp"'):
        build_network(ModelSpec(), (2,), 3, width=1, seed=0)


def test_the_places_of_a_hidden_layer():
    layer = AffineLayer(nn.Identity(), nn.ReLU())
    layer.pre_activation.append(nn.Flatten(0))
    layer.output.append(nn.Unflatten(0, (1, -1)))
    assert layer(torch.tensor([[-1.0], [2.0]])).tolist() == [[0.0, 2.0]]
