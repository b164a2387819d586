"""The registry: every method builds, over its whole range, and adding one takes one entry."""

import pytest
import torch
from torch import nn

from per_core import InvalidInputError, Method, Parameter, find_method, list_methods, methods, register_method

N, D = 160, 6
KEYS = ["bn", "layer_norm", "rms_norm", "dbn", "dbn_pca", "iter_norm"]
KEYS += ["per", "per_sampled", "vcl", "energy", "sw1", "sigreg", "l1", "l2"]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(dtype: torch.dtype = torch.float32) -> torch.Tensor:
    h = torch.randn(N, D, generator=seeded(), dtype=torch.float64)
    return (h @ torch.randn(D, D, generator=seeded(1), dtype=torch.float64) + 1).to(dtype)


def run(method: Method, h: torch.Tensor, **parameters: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The output of a method and the gradient of a weighted sum of it."""
    leaf = h.clone().requires_grad_()
    if method.kind == "normaliser":
        out = method.build(h.shape[1], **parameters).to(h)(leaf)
        assert out.shape == h.shape
    else:
        out = method.build(**parameters)(leaf, generator=seeded())
        assert out.shape == ()
    weights = torch.randn(out.shape, generator=seeded(2), dtype=torch.float64).to(h)
    (gradient,) = torch.autograd.grad((out * weights).sum(), leaf)
    return out.detach(), gradient


def settings(method: Method) -> list[dict[str, float]]:
    """The defaults, then each parameter at either end of its range."""
    ends = [(parameter.name, value) for parameter in method.parameters for value in (parameter.low, parameter.high)]
    return [method.defaults, *(method.defaults | {name: value} for name, value in ends)]


@pytest.mark.parametrize("key", KEYS)
def test_every_method_builds_over_its_whole_range(key):
    method = find_method(key)
    for parameters in settings(method):
        for dtype in (torch.float32, torch.float64):
            out, gradient = run(method, batch(dtype), **parameters)
            assert out.isfinite().all()
            assert gradient.isfinite().all()
            assert out.dtype == gradient.dtype == dtype
            assert gradient.abs().max() > 0


@pytest.mark.parametrize("key", KEYS)
def test_the_defaults_are_those_of_the_function(key):
    method = find_method(key)
    torch.testing.assert_close(run(method, batch()), run(method, batch(), **method.defaults), rtol=0, atol=0)


@pytest.mark.parametrize("key", KEYS)
def test_every_parameter_matters(key):
    method = find_method(key)
    plain = run(method, batch())[0]
    for parameter in method.parameters:
        changed = parameter.low if parameter.default != parameter.low else parameter.high
        if parameter.name == "momentum":  # of the running statistics alone
            assert method.build(D, momentum=changed).momentum == changed
        else:
            assert not torch.equal(run(method, batch(), **{parameter.name: changed})[0], plain)


@pytest.mark.parametrize("key", KEYS)
def test_every_method_is_described(key):
    method = find_method(key)
    assert method.key == key
    assert method.title
    assert method.reference[-4:].isdigit()
    assert all(parameter.title for parameter in method.parameters)
    assert key in repr(method)


@pytest.mark.parametrize("key", [key for key in KEYS if find_method(key).kind == "regulariser"])
def test_gradients_of_regularisers(key):
    """With float64 and a generator of its own in every call."""
    loss = find_method(key).build()
    h = torch.randn(12, 3, generator=seeded(), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda h: loss(h, generator=seeded()), h)


@pytest.mark.parametrize("key", [key for key in KEYS if find_method(key).kind == "normaliser"])
def test_gradients_of_normalisers(key):
    layer = find_method(key).build(3).double()
    assert torch.autograd.gradcheck(layer, torch.randn(6, 3, generator=seeded(), dtype=torch.float64).requires_grad_())


def test_the_generator_is_the_only_randomness():
    for method in list_methods("regulariser"):
        loss = method.build()
        torch.manual_seed(0)
        first = loss(batch(), generator=seeded())
        torch.manual_seed(1)
        assert torch.equal(first, loss(batch(), generator=seeded()))


def test_lists():
    assert [method.key for method in list_methods()][: len(KEYS)] == KEYS
    assert {method.kind for method in list_methods("normaliser")} == {"normaliser"}
    assert len(list_methods("normaliser")) + len(list_methods("regulariser")) == len(list_methods())


class Halve(nn.Module):
    def __init__(self, num_features: int, *, factor: float = 0.5) -> None:
        super().__init__()
        self.num_features, self.factor = num_features, factor

    def forward(self, activations: torch.Tensor) -> torch.Tensor:
        return self.factor * activations


def toy(**changes: object) -> Method:
    entry = {
        "key": "toy",
        "title": "Toy",
        "kind": "normaliser",
        "acts_on": "output",
        "reference": "Nobody, Nothing, 2000",
        "build": Halve,
        "parameters": (Parameter("factor", "Factor", 0.5, 0, 1),),
    }
    return Method(**{**entry, **changes})


def test_a_method_is_added_with_one_entry(monkeypatch):
    monkeypatch.setattr(methods, "_methods", dict(methods._methods))
    register_method(toy())
    assert find_method("toy") is list_methods()[-1] is list_methods("normaliser")[-1]
    assert torch.equal(run(find_method("toy"), batch(), factor=0.25)[0], batch() / 4)
    with pytest.raises(InvalidInputError, match="key must be unique among methods; received 'toy', which is 'Toy'"):
        register_method(toy())


def test_an_unknown_key():
    with pytest.raises(InvalidInputError, match=r"key must be one of bn, layer_norm, .*; received 'toy'"):
        find_method("toy")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "layer"}, "kind must be one of .*; received 'layer'"),
        ({"acts_on": "input"}, "acts_on must be one of .*; received 'input'"),
        ({"parameters": (Parameter("a", "A", 0, 0, 1), Parameter("a", "B", 0, 0, 1))}, "different names; received"),
    ],
)
def test_refused_methods(changes, message):
    with pytest.raises(InvalidInputError, match=message):
        toy(**changes)


@pytest.mark.parametrize(("default", "integer"), [(2, False), (-1, True), (0.5, True), (float("nan"), False)])
def test_refused_parameters(default, integer):
    with pytest.raises(InvalidInputError, match=r"the default of 'a' must be a .*number from 0 to 1; received"):
        Parameter("a", "A", default, 0, 1, integer=integer)


@pytest.mark.gpu
@pytest.mark.parametrize("key", KEYS)
def test_cuda_parity(key):
    method = find_method(key)
    h = batch(torch.float64)
    out, gradient = run(method, h)
    on_device, gradient_on_device = run(method, h.cuda())
    torch.testing.assert_close(on_device.cpu().abs(), out.abs(), atol=1e-8, rtol=1e-8)  # PCA's signs are free
    if key != "dbn_pca":
        torch.testing.assert_close(gradient_on_device.cpu(), gradient, atol=1e-8, rtol=1e-8)
