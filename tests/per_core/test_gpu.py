"""The same numbers on a CUDA device as on the CPU, without waiting for it where training would."""

import pytest
import torch
from torch import nn

from per_core import PER, gaussian_w1, per_gradient, per_loss, sliced_w1
from per_core.directions import random_directions

pytestmark = pytest.mark.gpu

FLOATS = [torch.float32, torch.float64]


def normal(*shape: int, dtype: torch.dtype) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("d", [1, 2, 64, 20_000])
@pytest.mark.parametrize("function", [per_loss, per_gradient, gaussian_w1])
def test_parity(function, d, dtype):
    h = normal(50, d, dtype=dtype)
    on_device = function(h.cuda())
    assert on_device.device.type == "cuda"
    torch.testing.assert_close(on_device.cpu(), function(h))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", [1, 50, 20_000])
def test_sliced_parity_with_gradient(n, dtype):
    h = normal(n, 30, dtype=dtype)
    directions = random_directions(40, 30, generator=torch.Generator().manual_seed(1), dtype=dtype)
    results = []
    for leaf in (h.clone().requires_grad_(), h.cuda().requires_grad_()):
        distance = sliced_w1(leaf, directions=directions)
        (gradient,) = torch.autograd.grad(distance.value, leaf)
        results.append((distance.value.detach().cpu(), distance.per_direction.cpu(), gradient.cpu()))
    # Float32 projections differ in their last bits, and with them the ranks of near ties, each worth 2/n.
    torch.testing.assert_close(results[1][:2], results[0][:2], atol=2e-6, rtol=1e-5)
    torch.testing.assert_close(results[1][2], results[0][2], atol=2e-6 if n > 50 else 1e-5, rtol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("layout", ["sample", "position"])
def test_layer_parity_and_no_waiting(layout, dtype):
    h = normal(4, 6, 3, 5, dtype=torch.float32).to(dtype)
    gradients = []
    for leaf in (h.clone().requires_grad_(), h.cuda().requires_grad_()):
        incoming = torch.zeros_like(leaf)
        torch.cuda.set_sync_debug_mode("error")
        try:
            (gradient,) = torch.autograd.grad(PER(0.5, layout=layout)(leaf), leaf, incoming)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        gradients.append(gradient.cpu())
    torch.testing.assert_close(gradients[1], gradients[0])


def test_memory_of_the_layer():
    leaf = torch.randn(512, 65_536, device="cuda", requires_grad=True)
    incoming = torch.ones_like(leaf)
    torch.autograd.grad(PER(1)(leaf), leaf, incoming)  # fits the series and starts the libraries
    out = PER(1)(leaf)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    (gradient,) = torch.autograd.grad(out, leaf, incoming)
    assert torch.cuda.max_memory_allocated() - before - gradient.nbytes <= 2**20


def test_generator_on_either_device():
    h = torch.randn(20, 5, device="cuda")
    for device in ("cpu", "cuda"):
        values = [sliced_w1(h, generator=torch.Generator(device).manual_seed(0)).value for _ in range(2)]
        assert torch.equal(*values)


def test_autocast():
    net = nn.Sequential(nn.Linear(8, 16), nn.ELU(), PER(0.1)).cuda()
    with torch.autocast("cuda", dtype=torch.bfloat16):
        net(torch.randn(4, 8, device="cuda")).sum().backward()
    assert all(p.grad.isfinite().all() for p in net.parameters())
