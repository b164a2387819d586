"""Step 7 of the lesson: PER is smallest where all is 0, SW1 where the cloud is like N(0, I)."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.lesson.collapse import EDGES, LARGEST, ScaledCloud, see_scaled
from analysis.samples import CASES, Case, SampleSpec, draw

N = 512
CASES_ONE_BY_ONE = pytest.mark.parametrize("case", CASES)


def scaled(case: Case, seed: int = 5) -> ScaledCloud:
    return see_scaled(SampleSpec(case=case, n=N, seed=seed))


@given(st.sampled_from(CASES), st.integers(0, 30))
def test_per_grows_with_the_factor_from_collapse_on(case: Case, seed: int) -> None:
    """E|c·p − Z| is convex and even in c for every slice, so it is least at c = 0."""
    found = scaled(case, seed)
    assert (np.diff(found.curve.per) > 0).all()
    assert found.per_is_least_at == 0
    assert found.per(0) == pytest.approx(math.sqrt(2 / math.pi))


@CASES_ONE_BY_ONE
@pytest.mark.parametrize("factor", [0.35, 1.0, 1.7])
def test_per_is_the_mean_of_a_function_of_the_norms(case: Case, factor: float) -> None:
    """ψ₂(r) = √(2/π) ₁F₁(−1/2; 1; −r²/2), Kummer's function by mpmath."""
    norms = factor * np.linalg.norm(draw(SampleSpec(case=case, n=N, seed=5)).values.astype(float), axis=1)
    expected = np.mean([float(mpmath.sqrt(2 / mpmath.pi) * mpmath.hyp1f1(-0.5, 1, -(r**2) / 2)) for r in norms])
    assert scaled(case).per(factor) == pytest.approx(expected, rel=1e-6)


@CASES_ONE_BY_ONE
def test_sw1_is_least_where_a_grid_of_quantiles_says(case: Case) -> None:
    values = draw(SampleSpec(case=case, n=N, seed=5)).values.astype(float)
    angles = np.pi * np.arange(64) / 64
    ordered = np.sort(values @ np.array([np.cos(angles), np.sin(angles)]), axis=0)  # (n, slices)
    grid = stats.norm.ppf((np.arange(N) + 0.5) / N)[:, None]
    factors = np.linspace(0, LARGEST, 41)
    by_grid = np.array([np.abs(factor * ordered - grid).mean() for factor in factors])
    found = scaled(case)
    np.testing.assert_allclose(found.curve.factors, factors)
    np.testing.assert_allclose(found.curve.sw1, by_grid, atol=0.02)
    assert by_grid[np.argmin(found.curve.sw1)] <= by_grid.min() + 2e-3
    assert 0.8 <= found.sw1_is_least_at <= 1.1


@CASES_ONE_BY_ONE
def test_the_histogram_is_a_density_of_one_unit(case: Case) -> None:
    found = scaled(case)
    for factor in (0.0, 0.5, 1.0):
        density = found.density(factor)
        assert (density * np.diff(EDGES)).sum() == pytest.approx(1)
    assert found.density(0.0).argmax() == np.searchsorted(EDGES, 0.0)
