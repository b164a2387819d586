"""A term for all layers at once does what each layer does by itself."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from per_core import PER, DerivativeError, InvalidInputError, per_gradient
from per_core.joint_per import JointPER
from per_core.radial import radial_slope, radial_slopes


def network_of(*layers):
    """Maps whose outputs pass through the layers."""
    torch.manual_seed(0)
    maps = (nn.Conv2d(3, 5, 3, padding=1), nn.Conv2d(5, 4, 3, stride=2, padding=1), nn.Conv2d(4, 6, 1))
    parts = [part for convolution, layer in zip(maps, layers, strict=True) for part in (convolution, nn.ELU(), layer)]
    return nn.Sequential(*parts, nn.Flatten(), nn.Linear(96, 2))


def gradients(network, inputs, term=lambda: 0.0, scale=1.0):
    network.zero_grad()
    (scale * (network(inputs).square().mean() + term())).backward()
    return [parameter.grad.clone() for parameter in network.parameters()]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("layout", ["sample", "position"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("n", [1, 7, 3000])
def test_it_is_the_gradient_of_the_layers(n, reduction, layout, dtype):
    layers = [PER(weight, reduction=reduction, layout=layout) for weight in (0.3, 0.0, 2.0)]
    each = network_of(*layers).to(dtype)
    network = copy.deepcopy(each)
    joint = JointPER(module for module in network if isinstance(module, PER))
    inputs = torch.randn(n, 3, 8, 8, dtype=dtype) if n < 3000 else torch.randn(n, 3, 8, 8, dtype=dtype) * 3
    expected = gradients(each, inputs)
    without = gradients(network.eval(), inputs)
    found = gradients(network.train(), inputs, joint.term)
    tolerance = 1e-11 if dtype == torch.float64 else 3e-6
    for one, other, bare in zip(found, expected, without, strict=True):
        assert (one - other).norm() <= tolerance * other.norm()
        assert torch.equal(one, bare) or (other - bare).norm() > 100 * tolerance * other.norm()


def test_its_value_is_0_and_its_gradient_the_closed_form():
    layers = PER(0.5), PER(2.0, reduction="sum")
    joint = JointPER(layers)
    first, second = torch.randn(9, 4, requires_grad=True), torch.randn(9, 10_000, requires_grad=True)
    layers[0](first)
    layers[1](second)
    term = joint.term()
    assert term == 0
    term.backward()
    torch.testing.assert_close(first.grad, 0.5 * per_gradient(first.detach()) / 9, rtol=1e-6, atol=0)
    torch.testing.assert_close(second.grad, 2.0 * per_gradient(second.detach()), rtol=1e-6, atol=0)


def test_a_loss_scale_multiplies_it():
    network = network_of(PER(0.3), PER(0.3), PER(0.3))
    joint = JointPER(module for module in network if isinstance(module, PER))
    inputs = torch.randn(6, 3, 8, 8)
    plain, scaled = gradients(network, inputs, joint.term), gradients(network, inputs, joint.term, scale=2.0**10)
    for one, other in zip(plain, scaled, strict=True):
        torch.testing.assert_close(other, 2.0**10 * one)


def test_a_layer_that_is_passed_twice_counts_twice_and_every_pass_once():
    layer = PER(1.0)
    joint = JointPER([layer])
    h = torch.randn(5, 3, requires_grad=True)
    assert joint.term() == 0.0
    layer.eval()(h)
    assert joint.term() == 0.0
    layer.train()(layer(h))
    joint.term().backward()
    torch.testing.assert_close(h.grad, 2 * per_gradient(h.detach()) / 5)
    assert joint.term() == 0.0


def test_shorter_floats_are_computed_in_the_working_dtype():
    layer = PER(1.0)
    joint = JointPER([layer])
    h = torch.randn(50, 20).bfloat16().requires_grad_()
    layer(h)
    joint.term().backward()
    assert h.grad.dtype == torch.bfloat16
    torch.testing.assert_close(h.grad.float(), per_gradient(h.detach().float()) / 50, rtol=1e-2, atol=0)


def test_random_directions_are_refused():
    with pytest.raises(InvalidInputError, match=r"must be exact; received one with 8 slices\. Leave slices out"):
        JointPER([PER(1.0), PER(1.0, slices=8)])


def test_its_gradient_cannot_be_differentiated():
    layer = PER(1.0)
    joint = JointPER([layer])
    h = torch.randn(5, 3, requires_grad=True)
    layer(h)
    with pytest.raises(DerivativeError, match="can be passed backward once; received create_graph=True"):
        torch.autograd.grad(joint.term(), h, create_graph=True)


def test_what_a_layer_cannot_take_is_refused_before_the_backward_pass():
    layer = PER(1.0, layout="position")
    joint = JointPER([layer])
    layer(torch.randn(2, 3, 4, 5, 6))
    with pytest.raises(InvalidInputError, match=r"for layout 'position'; received torch.float32 of shape"):
        joint.term()
    assert joint.term() == 0.0


def test_layers_with_other_numbers_of_rows_and_other_dtypes():
    layers = PER(0.5), PER(2.0), PER(0.5), PER(0.5, layout="position")
    joint = JointPER(layers)
    shapes = ((9, 4), (5, 40), (9, 70), (9, 70, 3))
    dtypes = (torch.float64, torch.float32, torch.float32, torch.float32)
    batches = [torch.randn(shape, dtype=dtype, requires_grad=True) for shape, dtype in zip(shapes, dtypes, strict=True)]
    for layer, batch in zip(layers, batches, strict=True):
        layer(batch)
    joint.term().backward()
    for layer, batch in zip(layers, batches, strict=True):
        rows = batch.detach() if layer.layout == "sample" else batch.detach().flatten(0, 1)
        expected = layer.weight * per_gradient(rows) / len(rows)
        rtol = 1e-12 if batch.dtype == torch.float64 else 1e-6
        torch.testing.assert_close(batch.grad.view_as(expected), expected, rtol=rtol, atol=0)


@given(
    ds=st.lists(st.integers(1, 600), min_size=1, max_size=5),
    n=st.integers(1, 40),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_slopes_of_several_batches_are_those_of_each(ds, n, dtype):
    generator = torch.Generator().manual_seed(n)
    norms = torch.rand(n, len(ds), generator=generator, dtype=dtype) * 3 * torch.tensor(ds, dtype=dtype).sqrt()
    found = radial_slopes(norms, tuple(ds), dtype=dtype)
    assert found.dtype == dtype
    for place, d in enumerate(ds):
        expected = radial_slope(norms[:, place], d)
        torch.testing.assert_close(
            found[:, place].double(), expected, rtol=1e-12 if dtype == torch.float64 else 2e-7, atol=0
        )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_slopes_at_the_ends_of_every_width(dtype):
    ds = (5, 6, 15, 64, 1536, 100_000)
    sizes = torch.cat([torch.zeros(1), torch.logspace(-6, 6, 500), torch.tensor([1e18, torch.inf])]).to(dtype)
    norms = sizes.unsqueeze(-1) * torch.tensor(ds, dtype=dtype).sqrt()
    for together in (ds, *((d,) for d in ds)):
        found = radial_slopes(norms[:, [ds.index(d) for d in together]], together, dtype=dtype)
        for place, d in enumerate(together):
            expected = radial_slope(norms[:, ds.index(d)], d)
            rtol = 1e-12 if dtype == torch.float64 else 2e-7
            torch.testing.assert_close(found[:, place].double(), expected, rtol=rtol, atol=1e-40)
