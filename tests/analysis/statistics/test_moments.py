import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from analysis.statistics.moments import batch_variance_spread, correlation, moments
from per_core.errors import InvalidInputError

MATRICES = arrays(
    np.float32,
    st.tuples(st.integers(1, 30), st.integers(1, 5)),
    elements=st.floats(-1e6, 1e6, width=32),
)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).gamma(2, size=shape)


def test_moments_are_those_of_scipy():
    values = draw(500, 7)
    found = moments(values)
    np.testing.assert_allclose(found.mean, values.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.variance, values.var(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.skewness, stats.skew(values), rtol=1e-10)
    np.testing.assert_allclose(found.excess_kurtosis, stats.kurtosis(values), rtol=1e-10)


def test_moments_reach_the_population():
    n = 200_000
    found = moments(np.random.default_rng(1).gamma(2, size=(n, 3)))
    # Gamma of shape 2: 2, 2, sqrt(2), 3; five standard errors, those of the shape ones from 400 repetitions.
    np.testing.assert_allclose(found.mean, 2, atol=5 * np.sqrt(2 / n))
    np.testing.assert_allclose(found.variance, 2, atol=5 * 2 * np.sqrt(5 / n))
    np.testing.assert_allclose(found.skewness, np.sqrt(2), atol=0.07)
    np.testing.assert_allclose(found.excess_kurtosis, 3, atol=0.5)


def test_leading_dimensions_are_separate_batches():
    values = draw(3, 4, 50, 2)
    together = moments(values)
    assert together.mean.shape == together.excess_kurtosis.shape == (3, 4, 2)
    alone = moments(values[2, 1])
    np.testing.assert_allclose(together.variance[2, 1], alone.variance, rtol=1e-13)
    np.testing.assert_allclose(together.skewness[2, 1], alone.skewness, rtol=1e-13)
    np.testing.assert_allclose(correlation(values)[2, 1], correlation(values[2, 1]), rtol=1e-13)
    np.testing.assert_allclose(
        batch_variance_spread(values, seed=3)[2, 1], batch_variance_spread(values[2, 1], seed=3), rtol=1e-12
    )


def test_float32_with_a_large_mean():
    values = (np.random.default_rng(2).normal(size=(20_000, 4)) + 1e4).astype(np.float32)
    found = moments(values)
    np.testing.assert_allclose(found.variance, 1, atol=0.06)
    np.testing.assert_allclose(found.variance, values.astype(np.longdouble).var(axis=0).astype(float), rtol=1e-12)
    np.testing.assert_allclose(found.excess_kurtosis, 0, atol=0.2)


@pytest.mark.parametrize("constant", [0.0, 0.1, -1e30, 1 / 3])
def test_a_constant_unit_has_no_shape(constant):
    values = np.column_stack([np.full(97, constant), draw(97)])
    found = moments(values)
    assert found.mean[0] == constant
    assert found.variance[0] == 0
    assert np.isnan(found.skewness[0])
    assert np.isnan(found.excess_kurtosis[0])
    assert np.isfinite(found.skewness[1])
    expected = [[np.nan, np.nan], [np.nan, 1.0]]
    np.testing.assert_allclose(correlation(values), expected, rtol=1e-12)


@given(MATRICES)
def test_moments_obey_their_bounds(values):
    found = moments(values)
    assert np.all(found.variance >= 0)
    # Pearson's inequality, where rounding of the inputs' mean leaves something to measure.
    shaped = found.variance > 1e-12 * (1 + found.mean**2)
    excess = found.excess_kurtosis[shaped] - (found.skewness[shaped] ** 2 - 2)
    assert np.all(excess >= -1e-3)


@given(MATRICES)
def test_correlation_is_symmetric_and_bounded(values):
    found = correlation(values)
    np.testing.assert_allclose(found, found.T, rtol=1e-12, atol=1e-15)
    assert np.all(np.isnan(found) | (np.abs(found) <= 1))


def test_correlation_is_that_of_numpy():
    values = draw(200, 5)
    values[:, 1] += values[:, 0]
    np.testing.assert_allclose(correlation(values), np.corrcoef(values.T), atol=1e-12)


@pytest.mark.parametrize(
    ("name", "variance", "kurtosis"),
    [("normal", 1.0, 0.0), ("uniform", 1 / 12, -1.2), ("exponential", 1.0, 6.0)],
)
@pytest.mark.parametrize("subset", [2, 5, 16])
def test_batch_variance_spread_reaches_the_population(name, variance, kurtosis, subset):
    values = getattr(np.random.default_rng(4), name)(size=(100_000, 16))
    expected = variance**2 * (2 / (subset - 1) + kurtosis / subset)
    found = batch_variance_spread(values, subset=subset, seed=0)
    standard_error = found.std(ddof=1) / np.sqrt(found.size)
    assert abs(found.mean() - expected) < 5 * standard_error
    assert standard_error < 0.05 * expected


def test_batch_variance_spread_depends_on_the_seed_alone():
    values = draw(103, 3)
    first = batch_variance_spread(values, seed=5)
    np.testing.assert_array_equal(first, batch_variance_spread(values, seed=5))
    assert np.all(first != batch_variance_spread(values, seed=6))


@pytest.mark.parametrize(("n", "subset"), [(9, 5), (1, 5), (10, 1), (10, 0)])
def test_too_few_rows_for_subsets(n, subset):
    with pytest.raises(InvalidInputError, match=f"received {n} rows and subset={subset}"):
        batch_variance_spread(draw(n, 2), subset=subset, seed=0)


@pytest.mark.parametrize("function", [moments, correlation, lambda v: batch_variance_spread(v, seed=0)])
def test_values_that_are_not_finite_are_counted(function):
    values = draw(20, 2)
    values[0, 0], values[1, 0], values[2, 1] = np.nan, np.inf, -np.inf
    with pytest.raises(InvalidInputError, match="1 NaN and 2 infinite among 40 values"):
        function(values)


@pytest.mark.parametrize("values", [np.zeros(3), np.zeros((0, 2)), np.zeros((2, 0)), np.array([["a"]]), 1.0])
def test_values_that_are_not_a_batch(values):
    with pytest.raises(InvalidInputError, match=r"real numbers of shape \(n, d\)"):
        moments(values)


@pytest.mark.parametrize("size", [1e39, 1e100, 1e300, 1e-60, 1e-200])
def test_powers_of_huge_and_tiny_values_stay_numbers(size: float) -> None:
    values = np.random.default_rng(3).normal(1, 2, (50, 2)) * [size, 1.0]
    found, plain = moments(values), moments(values / [size, 1.0])
    np.testing.assert_allclose(found.mean / [size, 1.0], plain.mean, rtol=1e-12)
    np.testing.assert_allclose(found.skewness, plain.skewness, rtol=1e-12)
    np.testing.assert_allclose(found.excess_kurtosis, plain.excess_kurtosis, rtol=1e-12)
    spread = math.sqrt(plain.variance[0]) * size  # whose square may be beyond float64
    expected = spread * spread
    assert found.variance[0] == pytest.approx(expected, rel=1e-12, abs=0)
    np.testing.assert_allclose(found.variance[1], plain.variance[1], rtol=1e-12)
