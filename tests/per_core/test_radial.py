"""The closed form over norms against mpmath, and the reference values of the method."""

import functools
import math

import mpmath
import numpy as np
import pytest
import torch

from per_core.radial import FEW_WAVES, radial_curvature, radial_loss, radial_slope

DIMENSIONS = (1, 2, 3, 8, 64, 1000, 100_000)
# Norms over √d, from 0 to 1000, dense where 1F1 of the usual routines fails.
FACTORS = (0, 1e-8, 1e-3, 0.05, 0.3, 0.39, 0.5, 0.8, 1, 1.12, 1.5, 3, 7, 30, 100, 1000)


@functools.cache
def kummer(a: float, b: float, x: float) -> mpmath.mpf:
    """1F1(a; b; −x) to 20 digits; at d = 100000 its series needs many terms."""
    with mpmath.workdps(20):
        return mpmath.hyp1f1(a, b, -mpmath.mpf(x), maxterms=10**7)


def mp_loss(r: float, d: int) -> float:
    return float(mpmath.sqrt(2 / mpmath.pi) * kummer(-0.5, d / 2, r * r / 2))


def mp_slope(r: float, d: int) -> float:
    return float(mpmath.sqrt(2 / mpmath.pi) / d * kummer(0.5, d / 2 + 1, r * r / 2))


def mp_curvature(r: float, d: int) -> float:
    return float(-mpmath.sqrt(2 / mpmath.pi) / (2 * d * (d + 2)) * kummer(1.5, d / 2 + 2, r * r / 2))


def norms_of(d: int) -> torch.Tensor:
    return torch.tensor(FACTORS, dtype=torch.float64) * math.sqrt(d)


@pytest.mark.parametrize("d", DIMENSIONS)
@pytest.mark.parametrize(
    ("function", "oracle", "tolerance"),
    [(radial_loss, mp_loss, 1e-11), (radial_slope, mp_slope, 1e-11), (radial_curvature, mp_curvature, 1e-9)],
)
def test_float64_agrees_with_mpmath(function, oracle, tolerance, d):
    norms = norms_of(d)
    expected = [oracle(r, d) for r in norms.tolist()]
    np.testing.assert_allclose(function(norms, d).numpy(), expected, rtol=tolerance)


@pytest.mark.parametrize("d", DIMENSIONS)
@pytest.mark.parametrize("function", [radial_loss, radial_slope, radial_curvature])
def test_float32_rounds_the_float64_value(function, d):
    single = function(norms_of(d), d, dtype=torch.float32)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), function(norms_of(d), d), rtol=3e-7, atol=1e-37)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("d", DIMENSIONS)
@pytest.mark.parametrize("function", [radial_loss, radial_slope, radial_curvature])
def test_few_norms_and_many_have_the_same_values(function, d, dtype):
    """Few are summed as waves, many by Clenshaw's recurrence, also in the shape of a column."""
    norms = norms_of(d)
    many = norms.repeat(5000, 1)
    assert many.numel() > FEW_WAVES["cpu"]
    few = function(norms, d, dtype=dtype)
    tolerance = 1e-11 if dtype == torch.float64 else 2e-7
    torch.testing.assert_close(function(many, d, dtype=dtype)[-1], few, rtol=tolerance, atol=0)
    assert torch.equal(function(norms.unsqueeze(-1), d, dtype=dtype).squeeze(-1), few)


@pytest.mark.parametrize(
    ("d", "factor", "loss", "derivative"),
    [
        (1, 1, 1.166630941175, 0.682689492137),
        (2, 0.5, 0.894628357700, 0.265510827487),
        (2, 3, 2.777126718140, 0.618053496410),
        (2, 100, 90.033882434638, 0.636603856276),
        (16, 1, 1.132649681972, 0.143788175037),
        (16, 100, 81.047919693277, 0.202600805289),
        (256, 1, 1.128654143732, 0.035304885485),
        (256, 100, 79.870389978005, 0.049914021830),
        (4096, 3, 2.523257264321, 0.011828028324),
        (4096, 100, 79.797314722370, 0.012467084021),
    ],
)
def test_reference_values(d, factor, loss, derivative):
    r = torch.tensor(factor * math.sqrt(d), dtype=torch.float64)
    assert radial_loss(r, d).item() == pytest.approx(loss, rel=1e-12)
    assert (r * radial_slope(r, d)).item() == pytest.approx(derivative, abs=6e-13)


def test_one_unit_is_elementary():
    r = torch.linspace(0.01, 30, 500, dtype=torch.float64)
    torch.testing.assert_close(r * radial_slope(r, 1), torch.erf(r / math.sqrt(2)), rtol=1e-11, atol=0)


@pytest.mark.parametrize("d", [64, 4096])
def test_wide_rows_follow_pseudo_huber_of_the_norm(d):
    w = torch.linspace(0, 9, 50, dtype=torch.float64)
    pseudo_huber = math.sqrt(2 / math.pi) * (1 + w).sqrt()
    assert ((radial_loss((w * d).sqrt(), d) / pseudo_huber - 1).abs() <= 1 / (4 * d)).all()


@pytest.mark.parametrize("d", [1, 2, 17, 1000])
def test_is_the_mean_distance_to_a_gaussian_point(d):
    """ψ_d(0) is E|Z| in every dimension, ψ grows with the norm, and its slope falls."""
    r = torch.linspace(0, 100, 1000, dtype=torch.float64)
    loss, slope = radial_loss(r, d), radial_slope(r, d)
    assert loss[0].item() == pytest.approx(math.sqrt(2 / math.pi), rel=1e-12)
    assert (loss.diff() > 0).all()
    assert (slope.diff() < 0).all()
    assert (radial_curvature(r, d) < 0).all()


def test_the_largest_norms_stay_finite():
    r = torch.tensor([1e-300, 1e160, 1e300], dtype=torch.float64)
    torch.testing.assert_close(radial_loss(r, 8)[1:] / r[1:], (r * radial_slope(r, 8))[1:])
    assert radial_slope(r, 8).isfinite().all()
