"""PER as a loss and as a gradient: exact against mpmath, sampled against exact, and its derivatives."""

import math

import hypothesis
import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from scipy import stats

from per_core import gaussian_w1, per_gradient, per_loss, sliced_w1
from per_core.directions import random_directions
from per_core.per import projection_loss, row_norms
from tests.per_core.test_radial import DIMENSIONS, FACTORS, mp_loss, mp_slope

COLLAPSE = math.sqrt(2 / math.pi)
AT_TARGET = 2 / math.sqrt(math.pi)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, generator=seeded(seed), dtype=dtype)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 2e-6)])
@pytest.mark.parametrize("d", DIMENSIONS)
def test_exact_loss_and_gradient_agree_with_mpmath(d, dtype, tolerance):
    directions = random_directions(len(FACTORS), d, generator=seeded(d), dtype=torch.float64)
    h = (directions * torch.tensor(FACTORS).double().unsqueeze(1) * math.sqrt(d)).to(dtype)
    norms = h.double().norm(dim=1).tolist()
    for row, r in zip(h, norms, strict=True):
        assert per_loss(row.unsqueeze(0)).item() == pytest.approx(mp_loss(r, d), rel=tolerance)
    slopes = torch.tensor([mp_slope(r, d) for r in norms], dtype=torch.float64)
    gradient = per_gradient(h).double()
    error = (gradient - slopes.unsqueeze(1) * h.double()).norm(dim=1)
    assert (error <= tolerance * slopes * torch.tensor(norms, dtype=torch.float64)).all()


def test_the_loss_is_the_mean_over_rows():
    h = normal(7, 5)
    assert per_loss(h).item() == pytest.approx(np.mean([per_loss(row.unsqueeze(0)).item() for row in h]))


def test_lowest_at_collapse_and_known_at_the_target():
    assert per_loss(torch.zeros(3, 9)).item() == pytest.approx(COLLAPSE)
    assert per_gradient(torch.zeros(3, 9)).abs().max() == 0
    h = normal(40_000, 3)
    assert per_loss(h).item() == pytest.approx(AT_TARGET, abs=0.01)


def slice_average(function, variance) -> float:
    """Mean of function(v_θ) over the angle, for a zero-mean Gaussian in two dimensions."""
    angle = (torch.arange(4096, dtype=torch.float64) + 0.5) * math.pi / 4096
    return float(function(variance(angle)).mean())


def gaussian_grid(n: int) -> torch.Tensor:
    return torch.special.ndtri((torch.arange(n, dtype=torch.float64) + 0.5) / n)


@pytest.mark.parametrize(
    ("rho", "loss", "distance"),
    [(0, AT_TARGET, 0), (0.5, 1.12391, 0.12990), (0.8, 1.11664, 0.21778), (1, 1.10958, 0.29755)],
)
def test_reference_values_of_correlated_gaussians(rho, loss, distance):
    """A fine grid of correlated quantiles, and the formula over slice variances, both give the table."""
    variance = lambda angle: 1 + rho * torch.sin(2 * angle)  # noqa: E731
    assert slice_average(lambda v: COLLAPSE * (1 + v).sqrt(), variance) == pytest.approx(loss, abs=6e-6)
    assert slice_average(lambda v: COLLAPSE * (v.sqrt() - 1).abs(), variance) == pytest.approx(distance, abs=6e-6)
    side = gaussian_grid(200)
    x, z = torch.meshgrid(side, side, indexing="ij")
    h = torch.stack([x, rho * x + math.sqrt(1 - rho**2) * z], dim=-1).reshape(-1, 2)
    angle = (torch.arange(64, dtype=torch.float64) + 0.5) * math.pi / 64
    directions = torch.stack([angle.cos(), angle.sin()], dim=1)
    assert per_loss(h).item() == pytest.approx(loss, abs=2e-3)
    assert sliced_w1(h, directions=directions).value.item() == pytest.approx(distance, abs=3e-3)


@pytest.mark.parametrize(
    ("scale", "loss", "distance"),
    [
        (0, 0.79788, 0.79788),
        (0.5, 0.89206, 0.39894),
        (1, 1.128379, 0),
        (1.5, 1.43841, 0.39894),
        (2, 1.78412, 0.79788),
        (4, 3.28976, 2.39365),
    ],
)
def test_reference_values_of_scaled_gaussians(scale, loss, distance):
    column = scale * gaussian_grid(20_000).unsqueeze(1)
    assert per_loss(column).item() == pytest.approx(loss, abs=1e-4)
    assert gaussian_w1(column).item() == pytest.approx(distance, abs=2e-4)


def test_the_decomposition_into_energy_distance_and_spread():
    """E|p − Z| = ED/2 + mean|p_i − p_j|/2 + 1/√π, with the energy distance by SciPy."""
    p = normal(60, 1) * 1.7 + 0.4
    spread = (p - p.T).abs().mean().item()
    quantiles = gaussian_grid(20_000).numpy()
    energy = stats.energy_distance(p.squeeze(1).numpy(), quantiles) ** 2
    assert per_loss(p).item() == pytest.approx(energy / 2 + spread / 2 + 1 / math.sqrt(math.pi), abs=1e-3)


@hypothesis.settings(deadline=None, max_examples=60)
@hypothesis.given(
    n=st.integers(1, 30),
    d=st.integers(1, 6),
    scale=st.floats(0, 50),
    shift=st.floats(-9, 9),
    seed=st.integers(0, 10**6),
)
def test_per_slice_w1_is_below_per_by_at_most_two_over_root_pi(n, d, scale, shift, seed):
    p = (scale * normal(n, d, seed=seed) + shift) @ random_directions(
        8, d, generator=seeded(seed), dtype=torch.float64
    ).T
    gap = projection_loss(p).mean(dim=0) - gaussian_w1(p)
    assert (gap >= -1e-12).all()
    assert (gap <= AT_TARGET + 1e-12).all()


@pytest.mark.parametrize("slices", [None, 16])
def test_invariances(slices):
    h = normal(9, 4)
    rotation = torch.linalg.qr(normal(4, 4, seed=1)).Q
    loss = per_loss(h, slices=slices, generator=seeded())
    torch.testing.assert_close(per_loss(h.flip(0), slices=slices, generator=seeded()), loss)
    torch.testing.assert_close(per_loss(-h, slices=slices, generator=seeded()), loss)
    if slices is None:
        torch.testing.assert_close(per_loss(h @ rotation), loss)
        torch.testing.assert_close(per_gradient(h @ rotation), per_gradient(h) @ rotation)


def test_projection_loss_is_the_loss_of_one_unit():
    p = torch.linspace(-30, 30, 601, dtype=torch.float64).requires_grad_()
    each = projection_loss(p)
    torch.testing.assert_close(per_loss(p.unsqueeze(1)), each.mean(), rtol=1e-11, atol=0)
    (slope,) = torch.autograd.grad(each.sum(), p)
    torch.testing.assert_close(slope, torch.erf(p / math.sqrt(2)))


@pytest.mark.parametrize("d", [1, 2, 5, 300])
@pytest.mark.parametrize("scale", [0, 1e-9, 1, 40])
def test_derivatives(d, scale):
    h = (scale * normal(3, d)).requires_grad_()
    (gradient,) = torch.autograd.grad(per_loss(h), h)
    torch.testing.assert_close(gradient, per_gradient(h) / 3)
    assert torch.autograd.gradcheck(per_loss, h, fast_mode=d == 300)
    assert torch.autograd.gradcheck(per_gradient, h, fast_mode=d == 300)
    assert torch.autograd.gradgradcheck(per_loss, h, fast_mode=d == 300)


def test_the_hessian_of_one_unit():
    """d²/dh² E|h − Z| = 2 φ(h)."""
    h = torch.linspace(-4, 4, 41, dtype=torch.float64).unsqueeze(1)
    hessian = torch.autograd.functional.hessian(per_loss, h).squeeze().diagonal() * len(h)
    torch.testing.assert_close(hessian, 2 * torch.exp(-h.squeeze().square() / 2) / math.sqrt(2 * math.pi))


def test_the_sampled_form_is_differentiable_and_agrees_with_its_gradient():
    h = normal(5, 3).requires_grad_()
    (gradient,) = torch.autograd.grad(per_loss(h, slices=7, generator=seeded()), h)
    torch.testing.assert_close(gradient, per_gradient(h, slices=7, generator=seeded()) / 5)
    assert torch.autograd.gradcheck(lambda t: per_loss(t, slices=7, generator=seeded()), h)


def test_the_sampled_form_is_unbiased():
    """Its mean over seeds agrees with the exact value within four of its standard errors, and the error is small."""
    h = normal(4, 6) * torch.tensor([0.2, 1, 3, 9], dtype=torch.float64).unsqueeze(1)
    seeds = range(150)
    losses = torch.stack([per_loss(h, slices=32, generator=seeded(s)) for s in seeds])
    gradients = torch.stack([per_gradient(h, slices=32, generator=seeded(s)) for s in seeds])
    for sampled, exact in ((losses, per_loss(h)), (gradients, per_gradient(h))):
        error = sampled.std(dim=0) / math.sqrt(len(seeds))
        assert ((sampled.mean(dim=0) - exact).abs() <= 4.5 * error).all()
        assert (error <= 0.02).all()


@pytest.mark.parametrize("d", [512, 8192])
def test_the_noise_of_algorithm_1(d):
    """Cosine to the exact gradient at r = √d: 0.57 for 512 units and 0.17 for 8192, at 256 slices."""
    h = normal(1, d, dtype=torch.float32)
    h *= math.sqrt(d) / h.norm()
    exact = per_gradient(h)
    cosines = [
        torch.cosine_similarity(per_gradient(h, slices=256, generator=seeded(s)), exact).item() for s in range(20)
    ]
    assert np.mean(cosines) == pytest.approx({512: 0.57, 8192: 0.17}[d], abs=0.02)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("slices", [None, 64])
def test_dtype_of_the_result(dtype, slices):
    h = normal(6, 10).to(dtype)
    loss = per_loss(h, slices=slices, generator=seeded())
    gradient = per_gradient(h, slices=slices, generator=seeded())
    wide = h if dtype == torch.float64 else h.float()
    assert gradient.dtype == dtype
    assert loss.dtype == wide.dtype
    torch.testing.assert_close(loss, per_loss(wide, slices=slices, generator=seeded()))
    torch.testing.assert_close(gradient, per_gradient(wide, slices=slices, generator=seeded()).to(dtype))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_short_dtypes_have_a_gradient(dtype):
    h = normal(6, 10).to(dtype).requires_grad_()
    per_loss(h).backward()
    torch.testing.assert_close(h.grad.float(), per_gradient(h.detach().float()) / 6, rtol=2e-2, atol=1e-3)


def test_autocast_does_not_shorten_the_projections():
    h = normal(6, 10, dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = per_loss(h, slices=8, generator=seeded()), per_gradient(h, slices=8, generator=seeded())
    torch.testing.assert_close(inside[0], per_loss(h, slices=8, generator=seeded()))
    torch.testing.assert_close(inside[1], per_gradient(h, slices=8, generator=seeded()))


@pytest.mark.parametrize(("dtype", "huge"), [(torch.float32, 1e30), (torch.float64, 1e200)])
def test_values_whose_squares_overflow(dtype, huge):
    """Rows far out are pulled with the limit of the slope, √(2/π) c/√d, towards 0."""
    h = torch.full((2, 4), huge, dtype=dtype).requires_grad_()
    limit = COLLAPSE / math.sqrt(4)
    loss = per_loss(h)
    assert (loss / huge).item() == pytest.approx((per_loss(torch.full((1, 4), 1e9)) / 1e9).item(), rel=1e-5)
    (gradient,) = torch.autograd.grad(loss, h)
    torch.testing.assert_close(gradient * 2, per_gradient(h.detach()))
    assert 0.9 < (per_gradient(h.detach())[0].norm() / limit).item() < 1.1


@pytest.mark.parametrize("shape", [(3, 1), (3, 100), (2, 8192), (2, 8193), (2, 20_000), (2, 3, 16_384)])
def test_row_norms(shape):
    h = normal(*shape)
    torch.testing.assert_close(row_norms(h), h.norm(dim=-1), rtol=1e-14, atol=0)
    single = row_norms(h.float())
    assert single.dtype == torch.float64
    torch.testing.assert_close(single, h.float().double().norm(dim=-1), rtol=1e-6, atol=0)
