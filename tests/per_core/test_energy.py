"""The energy loss: against SciPy on slices, its derivatives, and its values at known places."""

import math

import pytest
import torch
from scipy import stats

from per_core import InvalidInputError, energy_loss, per_loss


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def half_energy_distance(values: torch.Tensor) -> float:
    """SciPy's root of ED/2, squared: ED of two laws on the line is 2 ∫ (F − G)², SciPy's distance √ED."""
    grid = stats.norm.ppf((torch.arange(20_000).numpy() + 0.5) / 20_000)
    return stats.energy_distance(values.numpy(), grid) ** 2 / 2


@pytest.mark.parametrize("values", [normal(1, 1), normal(30, 1) * 2 + 1, normal(300, 1).exp()], ids=["1", "30", "300"])
def test_one_unit_agrees_with_scipy(values):
    assert energy_loss(values).item() == pytest.approx(half_energy_distance(values[:, 0]), abs=2e-5)


@pytest.mark.parametrize("d", [2, 3])
def test_several_units_are_the_average_over_slices(d):
    h = normal(40, d) * 1.5 + 0.3
    if d == 2:
        angle = (torch.arange(64, dtype=torch.float64) + 0.5) * math.pi / 64
        directions, tolerance = torch.stack([angle.cos(), angle.sin()], dim=1), 2e-3
    else:
        directions = torch.nn.functional.normalize(normal(300, d, seed=1), dim=1)
        tolerance = 0.03
    average = sum(half_energy_distance(h @ theta) for theta in directions) / len(directions)
    assert energy_loss(h).item() == pytest.approx(average, rel=tolerance)


@pytest.mark.parametrize("d", [1, 2, 64])
def test_known_values(d):
    """Collapse costs √(2/π) − 1/√π; n rows of N(0, I) cost 1/(n √π) on average."""
    collapse = math.sqrt(2 / math.pi) - 1 / math.sqrt(math.pi)
    assert energy_loss(torch.zeros(3, d).double()).item() == pytest.approx(collapse)
    losses = torch.stack([energy_loss(normal(20, d, seed=seed)) for seed in range(400)])
    error = losses.std().item() / 20
    assert losses.mean().item() == pytest.approx(1 / (20 * math.sqrt(math.pi)), abs=4 * error)
    assert (losses > 0).all()


@pytest.mark.parametrize("shape", [(1, 3), (6, 1), (6, 4)])
def test_gradients(shape):
    assert torch.autograd.gradcheck(energy_loss, normal(*shape).requires_grad_())


def test_coincident_rows_have_a_finite_gradient():
    h = normal(5, 3)
    h[3] = h[1]
    h[4] = 0
    leaf = h.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(energy_loss(leaf), leaf)
    assert gradient.isfinite().all()
    torch.testing.assert_close(gradient[3], gradient[1])


def test_blocks_do_not_show(monkeypatch):
    h = normal(50, 4).requires_grad_()
    whole = energy_loss(h), torch.autograd.grad(energy_loss(h), h)[0]
    monkeypatch.setattr("per_core.energy.BLOCK_DISTANCES", 170)  # three rows a block
    torch.testing.assert_close((energy_loss(h), torch.autograd.grad(energy_loss(h), h)[0]), whole)


def test_float32_far_from_the_origin_and_for_close_rows():
    h = normal(100, 8) * 1e-3 + 100
    torch.testing.assert_close(energy_loss(h.float()).double(), energy_loss(h.float().double()), rtol=1e-6, atol=1e-5)


def test_agrees_with_distances_from_differences():
    """A wide cloud and a tight one, of 1e-5: neither value nor gradient loses the short distances."""
    h = torch.cat([normal(30, 5) * 3 + 1, normal(30, 5) * 1e-5 + 2]).requires_grad_()
    pairs = torch.cdist(h, h, compute_mode="donot_use_mm_for_euclid_dist").mean()
    mean_cosine = math.gamma(2.5) / math.gamma(3) / math.sqrt(math.pi)
    expected = per_loss(h) - mean_cosine / 2 * pairs - 1 / math.sqrt(math.pi)
    torch.testing.assert_close(energy_loss(h), expected)
    gradients = [torch.autograd.grad(loss, h)[0] for loss in (energy_loss(h), expected)]
    torch.testing.assert_close(*gradients, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_short_dtypes_are_computed_in_float32(dtype):
    h = normal(20, 4).to(dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = energy_loss(h)
    assert loss.dtype == torch.float32
    assert torch.equal(loss, energy_loss(h.float()))


@pytest.mark.parametrize(
    ("h", "message"),
    [
        (torch.zeros(4), r"shape \(n, d\); received shape \(4,\)"),
        (torch.zeros(0, 4), "at least one row and one column"),
        (torch.full((2, 2), math.inf), "received 0 NaN and 4 infinite values"),
    ],
)
def test_refused(h, message):
    with pytest.raises(InvalidInputError, match=message):
        energy_loss(h)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_cuda_parity(dtype):
    results = []
    for leaf in (normal(300, 20).to(dtype).requires_grad_(), normal(300, 20).to(dtype).cuda().requires_grad_()):
        loss = energy_loss(leaf)
        (gradient,) = torch.autograd.grad(loss, leaf)
        results.append((loss.detach().cpu(), gradient.cpu()))
    torch.testing.assert_close(results[1], results[0], atol=1e-6, rtol=1e-4)
