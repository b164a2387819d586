"""PER as a layer: identity forward, the gradient added backward, in every setting training puts it in."""

import contextlib
import math
import warnings

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from per_core import PER, per_gradient, per_loss
from tests.per_core.memory import PeakMemory


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def added(layer: PER, activations: torch.Tensor) -> torch.Tensor:
    """What the layer adds to an incoming gradient that is not 0."""
    leaf = activations.clone(memory_format=torch.preserve_format).requires_grad_()
    incoming = normal(*activations.shape, seed=9, dtype=activations.dtype)
    (gradient,) = torch.autograd.grad(layer(leaf), leaf, incoming)
    assert gradient.shape == activations.shape
    assert gradient.dtype == activations.dtype
    return gradient - incoming


def as_rows(h: torch.Tensor, layout: str) -> torch.Tensor:
    if layout == "sample":
        return h.reshape(len(h), -1)
    return h.permute(0, 2, 3, 1).reshape(-1, h.shape[1]) if h.ndim == 4 else h.reshape(-1, h.shape[-1])


@pytest.mark.parametrize("layout", ["sample", "position"])
@pytest.mark.parametrize("shape", [(6, 5), (6, 3, 5), (6, 4, 2, 3)])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_adds_the_gradient_of_its_rows(layout, shape, reduction):
    h = normal(*shape)
    rows = as_rows(h, layout)
    expected = 0.1 * per_gradient(rows) / (len(rows) if reduction == "mean" else 1)
    gradient = added(PER(0.1, layout=layout, reduction=reduction), h)
    torch.testing.assert_close(as_rows(gradient, layout), expected)


@pytest.mark.parametrize("layout", ["sample", "position"])
@pytest.mark.parametrize("slices", [None, 5])
def test_memory_layouts_do_not_matter(layout, slices):
    h = normal(4, 3, 2, 5)
    gradients = []
    for batch in (h, h.contiguous(memory_format=torch.channels_last), h.transpose(0, 3).contiguous().transpose(0, 3)):
        torch.manual_seed(3)
        gradients.append(added(PER(1, layout=layout, slices=slices), batch))
    torch.testing.assert_close(gradients[1], gradients[0])
    torch.testing.assert_close(gradients[2], gradients[0])


def test_forward_is_the_identity():
    h = normal(3, 4).requires_grad_()
    out = PER(1)(h)
    assert torch.equal(out, h)
    assert out.data_ptr() == h.data_ptr()


def test_sampled_draws_from_a_generator_of_its_own():
    h, generator = normal(6, 5), torch.Generator().manual_seed(5)
    layer = PER(2, slices=16, reduction="sum", generator=generator)
    torch.manual_seed(7)
    before = torch.get_rng_state()
    gradients = [added(layer, h) for _ in range(2)]
    assert torch.equal(torch.get_rng_state(), before)
    again = torch.Generator().manual_seed(5)
    for gradient in gradients:
        torch.testing.assert_close(gradient, 2 * per_gradient(h, slices=16, generator=again))


def test_sampled_draws_anew_from_the_global_generator():
    h = normal(6, 5)
    layer = PER(2, slices=16, reduction="sum")
    torch.manual_seed(5)
    first, second = added(layer, h), added(layer, h)
    torch.testing.assert_close(first, 2 * per_gradient(h, slices=16, generator=torch.Generator().manual_seed(5)))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("layer", [PER(1).eval(), PER(0)])
def test_adds_nothing_in_evaluation_or_without_weight(layer):
    assert added(layer, normal(3, 4)).abs().max() == 0


def test_needs_no_gradient():
    assert not PER(1)(normal(3, 4)).requires_grad
    with torch.no_grad():
        assert PER(1)(normal(3, 4).requires_grad_()).grad_fn is None


def test_repr_is_the_call():
    assert repr(PER(1e-4, slices=8)) == "PER(0.0001, slices=8, reduction='mean', layout='sample')"


def test_equals_adding_the_loss():
    h = normal(5, 7).requires_grad_()
    with_layer = torch.autograd.grad(PER(0.3)(h).square().mean(), h)
    with_loss = torch.autograd.grad(h.square().mean() + 0.3 * per_loss(h), h)
    torch.testing.assert_close(with_layer, with_loss)


def test_a_row_of_zeros_and_a_row_far_out():
    h = torch.stack([torch.zeros(4), torch.full((4,), 1e15), torch.full((4,), 1e30)])
    gradient = added(PER(1, reduction="sum"), h)
    assert gradient[0].abs().max() == 0
    torch.testing.assert_close(gradient[1], per_gradient(h)[1])
    assert gradient[2].abs().max() == 0  # as documented: its squares overflow


def test_nan_passes_through():
    h = normal(2, 3)
    h[0, 0] = math.nan
    gradient = added(PER(1), h)
    assert gradient[0].isnan().all()
    assert gradient[1].isfinite().all()


@pytest.mark.parametrize(
    ("layout", "shape", "rows"),
    [
        ("sample", (64, 4096), 64),
        ("sample", (16, 50_000), 16),
        ("sample", (64, 32, 8, 16), 64),
        ("position", (8, 40, 2048), 320),
        ("position", (4, 2048, 5, 7), 140),
    ],
)
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_memory_beyond_the_activation_and_the_gradient_is_one_number_a_row(layout, shape, rows, memory_format):
    """Counted over every operator of the backward pass; the copy of a batch would be 100 times the bound."""
    values = normal(*shape, dtype=torch.float32)
    if values.ndim == 4:
        values = values.contiguous(memory_format=memory_format)
    leaf = values.requires_grad_()
    out = PER(1, layout=layout)(leaf)
    incoming = torch.ones_like(leaf)
    PER(1, layout=layout)(leaf).backward(incoming)  # the series of this d is fitted here, once
    with PeakMemory() as memory:
        (gradient,) = torch.autograd.grad(out, leaf, incoming)
    assert memory.peak >= gradient.nbytes
    assert memory.peak - gradient.nbytes <= 20 * rows * 8


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("slices", [None, 32])
def test_under_autocast(dtype, slices):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), PER(0.5, slices=slices, reduction="sum"))
    x = normal(5, 6, dtype=torch.float32)
    with torch.autocast("cpu", dtype=dtype):
        out = net(x)
    assert out.dtype == dtype
    leaf = out.detach().clone().requires_grad_()
    torch.manual_seed(1)
    with torch.autocast("cpu", dtype=dtype):
        inside = net[2](leaf)
        (gradient,) = torch.autograd.grad(inside, leaf, torch.zeros_like(leaf))
    assert gradient.dtype == dtype
    generator = torch.Generator().manual_seed(1)
    expected = 0.5 * per_gradient(leaf.detach().float(), slices=slices, generator=generator)
    torch.testing.assert_close(gradient.float(), expected, rtol=2e-2, atol=2e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_short_dtypes_do_not_lose_small_factors(dtype):
    """λ ψ'(r)/(n r) is 2e-8, which float16 cannot hold; times the activation it can: the product is in float32."""
    h = torch.full((100, 64), 1000.0, dtype=dtype).requires_grad_()
    (gradient,) = torch.autograd.grad(PER(0.1)(h), h, torch.zeros_like(h))
    expected = per_gradient(h.detach().float()) * 1e-3
    torch.testing.assert_close(gradient.float(), expected, rtol=1e-2, atol=1e-7)


def test_on_tensors_without_values():
    """What a training would allocate can be found with fake tensors, before and after real ones."""
    layer = PER(1)
    for values in (contextlib.nullcontext(), FakeTensorMode(), contextlib.nullcontext(), FakeTensorMode()):
        with values:
            leaf = torch.ones(3, 5, requires_grad=True)
            (gradient,) = torch.autograd.grad(layer(leaf), leaf, torch.zeros(3, 5))
        assert gradient.shape == (3, 5)
    assert per_gradient(torch.ones(3, 5)).isfinite().all()


def test_with_checkpointing_and_hooks():
    linear, layer = nn.Linear(4, 4).double(), PER(0.3)
    x = normal(5, 4).requires_grad_()
    block = nn.Sequential(linear, nn.ELU(), layer)
    (plain,) = torch.autograd.grad(block(x).sum(), x)
    (again,) = torch.autograd.grad(torch.utils.checkpoint.checkpoint(block, x, use_reentrant=False).sum(), x)
    with torch.autograd.graph.save_on_cpu():
        (offloaded,) = torch.autograd.grad(block(x).sum(), x)
    torch.testing.assert_close(again, plain)
    torch.testing.assert_close(offloaded, plain)


@pytest.mark.parametrize("slices", [None, 8])
@pytest.mark.parametrize(("layout", "shape"), [("sample", (6, 5)), ("position", (2, 5, 3, 2))])
def test_compiled_equals_eager(layout, shape, slices):
    """Traced whole, without a graph break. The backend aot_eager needs no C compiler."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.ELU(), PER(0.3, layout=layout, slices=slices), nn.Tanh()).double()
    torch._dynamo.reset()
    with warnings.catch_warnings():
        # torch.compile itself still calls functions that torch has deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        compiled = torch.compile(net, backend="aot_eager", fullgraph=True)
        gradients = []
        for module in (net, compiled):
            x = normal(*shape).requires_grad_()
            torch.manual_seed(4)
            out = module(x)
            (gradient,) = torch.autograd.grad(out.square().sum(), x)
            gradients.append(gradient)
    torch.testing.assert_close(gradients[1], gradients[0])


def test_compiled_with_a_generator_equals_eager():
    """A generator breaks the graph, which costs speed and changes nothing else."""
    torch._dynamo.reset()
    gradients = []
    for compiled in (False, True):
        net = nn.Sequential(nn.ELU(), PER(0.3, slices=8, generator=torch.Generator().manual_seed(4))).double()
        x = normal(6, 5).requires_grad_()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch.compile calls what torch has deprecated
            out = (torch.compile(net, backend="aot_eager") if compiled else net)(x)
            gradients.append(torch.autograd.grad(out.square().sum(), x)[0])
    torch.testing.assert_close(*gradients)
