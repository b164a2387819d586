import pytest
import torch
from torch import nn

from analysis.runs.spec import MethodSpec, ModelSpec
from analysis.training.layer_methods import Penalty, compiled, penalties, penalty, put_in, rows
from analysis.training.models import MODELS, build_network, hidden_layers
from per_core import PER, VCL, list_methods, per_gradient
from per_core.errors import InvalidInputError
from per_core.normalisation import BatchNorm
from per_core.whitening import DecorrelatedBatchNorm

SHAPE = (1, 8, 8)


def network_with(method, *, layers=(), model="mlp", shape=SHAPE):
    normalised = any(one.kind == "normaliser" for one in method.methods)
    network = build_network(
        ModelSpec(model, depth=3, dropout=0.0), shape, 10, width=0.125, seed=0, normalised=normalised
    )
    put_in(network, method, layers=layers, shape=shape)
    return network


def added(network):
    return {
        name: [*layer.pre_activation, *layer.output]
        for name, layer in hidden_layers(network).items()
        if len(layer.pre_activation) + len(layer.output)
    }


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # the compiler looks at it
def test_a_compiled_network_leaves_its_penalties_as_written(monkeypatch):
    network = build_network(ModelSpec("mlp", depth=2, dropout=0.0), (6,), 3, width=0.1, seed=0)
    put_in(network, MethodSpec("vcl"), layers=(), shape=(6,))
    inputs = torch.randn(20, 6, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(1)  # VCL draws subsets
    expected, added = network.train()(inputs), penalty(penalties(network))
    graphs = []

    def count(graph, _inputs):
        graphs.append(graph)
        return graph.forward

    compile_network = torch.compile
    monkeypatch.setattr(torch, "compile", lambda module: compile_network(module, backend=count))
    torch.manual_seed(1)
    torch.testing.assert_close(compiled(network)(inputs), expected)
    torch.testing.assert_close(penalty(penalties(network)), added)
    assert len(graphs) > 1  # it was compiled, in pieces between the penalties


def test_vanilla_adds_nothing():
    network = network_with(MethodSpec())
    assert added(network) == {}
    network(torch.ones(4, *SHAPE))
    assert penalty(penalties(network)) == 0.0


def test_at_all_layers_or_at_chosen_ones():
    assert list(added(network_with(MethodSpec("bn")))) == ["layer 1", "layer 2", "layer 3"]
    assert list(added(network_with(MethodSpec("bn"), layers=("layer 2",)))) == ["layer 2"]
    with pytest.raises(InvalidInputError, match="layer 1, layer 2, layer 3; received layer 9, output"):
        network_with(MethodSpec("bn"), layers=("layer 1", "layer 9", "output"))


def test_each_kind_in_its_place():
    layer = hidden_layers(network_with(MethodSpec("dbn+bn+per+vcl", {"dbn.group_size": 4, "vcl.beta": 2.0})))["layer 2"]
    whitening, norm, vcl = layer.pre_activation
    assert isinstance(whitening, DecorrelatedBatchNorm)
    assert (whitening.group_size, whitening.num_features) == (4, 32)
    assert isinstance(norm, BatchNorm)
    assert isinstance(vcl, Penalty)
    assert isinstance(vcl.loss, VCL)
    assert isinstance(vcl.loss.beta, nn.Parameter)
    assert (vcl.weight, vcl.loss.beta.tolist()) == (0.01, [2.0] * 32)
    (per,) = layer.output
    assert isinstance(per, PER)


def test_per_as_it_was_set():
    method = MethodSpec("per_sampled", {"per_sampled.weight": 0.5, "per_sampled.slices": 7}, "sum", "position")
    per = hidden_layers(network_with(method, model="cnn11"))["layer 2"].output[0]
    assert (per.weight, per.slices, per.reduction, per.layout) == (0.5, 7, "sum", "position")
    exact = hidden_layers(network_with(MethodSpec("per")))["layer 1"].output[0]
    assert (exact.weight, exact.slices, exact.reduction) == (1e-4, None, "mean")


@pytest.mark.parametrize("layout", ["sample", "position"])
def test_a_penalty_is_the_loss_of_the_layer_times_its_weight(layout):
    network = network_with(MethodSpec("l2", {"l2.weight": 0.3}, layout=layout), model="cnn11")
    outputs = []
    for layer in hidden_layers(network).values():
        layer.register_forward_hook(lambda _m, _i, out: outputs.append(out))
    inputs = torch.randn(6, *SHAPE, generator=torch.Generator().manual_seed(1))
    network(inputs)
    dimensions = (1, 2, 3) if layout == "sample" else (1,)
    expected = sum(0.3 * out.square().sum(dimensions).mean() for out in outputs)
    torch.testing.assert_close(penalty(penalties(network)), expected)
    network.eval()(inputs)
    assert penalty(penalties(network)) == 0.0


def test_what_adds_a_gradient_by_itself_is_handed_out():
    """Of which a loss scale has to multiply λ; a penalty is multiplied with the task loss."""
    network = network_with(MethodSpec())
    gradients = put_in(network, MethodSpec("bn+per+l2"), layers=("layer 1", "layer 3"), shape=SHAPE)
    assert gradients == [module for module in network.modules() if isinstance(module, PER)]
    assert [layer.weight for layer in gradients] == [1e-4, 1e-4]
    assert put_in(network_with(MethodSpec()), MethodSpec("vcl"), layers=(), shape=SHAPE) == []


def test_vcl_of_a_convolution_has_a_beta_for_every_unit_of_its_rows():
    def sizes(layout):
        network = network_with(MethodSpec("vcl", layout=layout), model="cnn11")
        return [layer.pre_activation[0].loss.beta.numel() for layer in hidden_layers(network).values()][:3]

    assert sizes("position") == [24, 48, 60]
    assert sizes("sample") == [24 * 64, 48 * 16, 60 * 16]


def test_rows():
    h = torch.arange(24.0).view(1, 2, 3, 4)
    assert rows(h, "sample").tolist() == [list(range(24))]
    assert rows(h, "position")[1].tolist() == [1, 13]
    assert rows(h.view(2, 12), "position").shape == (2, 12)


def test_per_pulls_on_the_layer_it_is_put_on():
    weight = 0.7
    plain, pulled = (
        network_with(MethodSpec()),
        network_with(MethodSpec("per", {"per.weight": weight}), layers=("layer 3",)),
    )
    inputs = torch.randn(5, *SHAPE, generator=torch.Generator().manual_seed(1))
    gradients, outputs = [], []
    for network in (plain, pulled):
        layer = hidden_layers(network)["layer 3"]
        layer.activation.register_full_backward_hook(lambda _m, _in, out: gradients.append(out[0]))
        layer.register_forward_hook(lambda _m, _i, out: outputs.append(out.detach()))
        network(inputs).logsumexp(dim=1).mean().backward()
    torch.testing.assert_close(gradients[1] - gradients[0], weight / 5 * per_gradient(outputs[1]))


@pytest.mark.parametrize("model", list(MODELS))
@pytest.mark.parametrize("key", [method.key for method in list_methods()])
def test_every_method_of_the_registry_in_every_model(key, model):
    generator = torch.Generator().manual_seed(1)
    if MODELS[model].takes == "words":
        inputs = torch.randint(10, (16, 5), generator=generator)
    else:
        inputs = torch.randn(64, *SHAPE, generator=generator)
    network = network_with(MethodSpec(key), model=model, shape=tuple(inputs.shape[1:]))
    loss = network(inputs).logsumexp(dim=1).mean() + penalty(penalties(network))
    loss.backward()
    assert loss.isfinite()
    learnt = [parameter for parameter in network.parameters() if parameter.requires_grad]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in learnt)
    assert network.eval()(inputs).isfinite().all()
