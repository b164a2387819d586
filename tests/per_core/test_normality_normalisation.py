"""Normality normalisation: the power transform and its Newton step against SciPy, modes, noise."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from per_core import InvalidInputError, NormalityNorm
from per_core.normality_normalisation import fit_power, power_transform

EPS = 1e-5


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def skewed(n: int = 3000, shape: float = 2.0, seed: int = 0) -> torch.Tensor:
    values = torch.from_numpy(np.random.default_rng(seed).gamma(shape, size=n))
    return (values - values.mean()) / values.std(correction=0)


@given(st.floats(-3, 5), st.lists(st.floats(-50, 50), min_size=1, max_size=20))
def test_the_transform_is_that_of_yeo_and_johnson(power, values):
    ours = power_transform(torch.tensor(values, dtype=torch.float64).unsqueeze(1), torch.tensor([power]).double())
    theirs = stats.yeojohnson(np.array(values), lmbda=float(torch.tensor([power]).double()))
    np.testing.assert_allclose(ours.squeeze(1).numpy(), theirs, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("power", [0.0, 2.0])
def test_where_the_exponent_is_zero_it_is_a_logarithm(power):
    x = torch.tensor([[-3.0], [-0.5], [0.0], [0.5], [3.0]], dtype=torch.float64)
    y = power_transform(x, torch.tensor([power], dtype=torch.float64))
    on_the_side = x > 0 if power == 0 else x < 0
    torch.testing.assert_close(y[on_the_side], (x.sign() * x.abs().log1p())[on_the_side])
    assert torch.equal(power_transform(x, torch.ones(1).double()), x) or torch.allclose(
        power_transform(x, torch.ones(1).double()), x
    )


@pytest.mark.parametrize("shape", [0.5, 2.0, 9.0])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_power_is_one_newton_step_on_the_likelihood_of_scipy(shape, sign):
    x = sign * skewed(shape=shape)

    def loss(power: float) -> float:
        return float(-stats.yeojohnson_llf(power, x.numpy()) / len(x))

    h = 1e-4
    slope = (loss(1 + h) - loss(1 - h)) / (2 * h)
    curvature = (loss(1 + h) - 2 * loss(1) + loss(1 - h)) / h**2
    expected = 1 - slope / (curvature + math.sqrt(EPS))
    assert fit_power(x.unsqueeze(1), EPS).item() == pytest.approx(expected, rel=1e-4)


def test_units_become_less_skewed_and_gaussian_ones_stay():
    gaussian = torch.randn(3000, generator=seeded(), dtype=torch.float64)
    h = torch.stack([skewed(), -skewed(), gaussian], dim=1) * 3 + 7
    y = NormalityNorm(3).double()(h).detach().numpy()
    before, after = stats.skew(h.numpy()), stats.skew(y)
    assert (np.abs(after[:2]) < 0.3 * np.abs(before[:2])).all()
    np.testing.assert_allclose(y[:, 2], stats.zscore(gaussian.numpy()), atol=0.15)
    order = np.argsort(h[:, 0].numpy())
    assert (np.diff(y[order, 0]) > 0).all(), "the transform keeps the order"


def test_evaluation_uses_running_statistics():
    layer = NormalityNorm(1, momentum=1.0).double()
    h = skewed().unsqueeze(1) * 2 + 1
    seen = layer(h)
    layer.eval()
    torch.testing.assert_close(layer(h), seen, atol=1e-3, rtol=1e-3)  # the running variance is divided by n − 1
    assert layer.running_power.item() == pytest.approx(fit_power(skewed().unsqueeze(1), EPS).item(), rel=1e-3)


def test_the_plain_average_of_powers():
    layer = NormalityNorm(1, momentum=None).double()
    powers = [fit_power(skewed(seed=seed).unsqueeze(1), EPS).item() for seed in range(3)]
    for seed in range(3):
        layer(skewed(seed=seed).unsqueeze(1))
    assert layer.running_power.item() == pytest.approx(np.mean(powers), rel=1e-3)


def test_noise_is_as_large_as_the_unit_is_spread_and_only_in_training():
    layer = NormalityNorm(1, noise=0.4, generator=seeded()).double()
    h = skewed(20_000).unsqueeze(1)
    quiet = NormalityNorm(1).double()(h)
    added = layer(h) - quiet
    spread = (quiet - quiet.mean()).abs().mean().item()
    assert added.std().item() == pytest.approx(0.4 * spread, rel=0.05)
    assert added.mean().item() == pytest.approx(0, abs=4 * 0.4 * spread / math.sqrt(len(h)))
    layer.eval()
    assert torch.equal(layer(h), layer(h))


def test_noise_comes_from_the_generator_alone():
    h = skewed(50).unsqueeze(1)
    first = NormalityNorm(1, noise=1.0, generator=seeded(3)).double()(h)
    torch.manual_seed(5)
    assert torch.equal(NormalityNorm(1, noise=1.0, generator=seeded(3)).double()(h), first)


@pytest.mark.parametrize("noise", [-0.1, math.nan, math.inf, "0.4"])
def test_refused_noise(noise):
    with pytest.raises(InvalidInputError, match=r"noise must be a finite number of at least 0; .* with 0.4"):
        NormalityNorm(4, noise=noise)
