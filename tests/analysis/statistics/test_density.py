"""Kernel densities: they integrate to one, sit where the data sit, and match scipy's."""

import numpy as np
import pytest
from scipy import stats

from analysis.batch import ActivationBatch
from analysis.samples import figure1
from analysis.statistics.density import (
    AxisPair,
    joint_density,
    pair_axes,
    pair_density,
    pair_limits,
    project_pair,
    robust_limits,
    unit_density,
)
from per_core.errors import InvalidInputError


def test_joint_and_marginals_integrate_to_one_and_agree() -> None:
    density = joint_density(*figure1("d", 4000).values.T, limits=(-6, 6), points=161)
    step = density.grid[1] - density.grid[0]
    assert density.joint.sum() * step**2 == pytest.approx(1, abs=1e-6)
    assert density.marginal_x.sum() * step == pytest.approx(1, abs=1e-6)
    assert (density.joint >= 0).all()
    # x runs along the columns
    assert abs(density.joint.sum(axis=0) * step - density.marginal_x).max() < 0.03


def test_the_marginal_matches_scipys_estimate_of_the_same_bandwidth() -> None:
    x, y = figure1("c", 5000).values.astype(np.float64).T
    density = joint_density(x, y, limits=(-5, 7), points=301)
    scale = min(x.std(), np.subtract(*np.quantile(x, [0.75, 0.25])) / 1.349)
    oracle = stats.gaussian_kde(x, bw_method=scale * len(x) ** (-1 / 5) / x.std(ddof=1))
    np.testing.assert_allclose(density.marginal_x, oracle(density.grid), atol=4e-3)


def test_the_density_of_one_unit_is_the_marginal_of_two() -> None:
    x, y = figure1("d", 500).values.T
    both = joint_density(x, y, limits=(-3, 5), points=41)
    grid, density = unit_density(x, limits=(-3, 5), points=41)
    assert np.array_equal(grid, both.grid)
    assert density == pytest.approx(both.marginal_x, abs=1e-12)
    with pytest.raises(InvalidInputError, match="limits low < high"):
        unit_density(x, limits=(1, 1))


def test_values_outside_are_counted_and_still_weigh() -> None:
    x = np.random.default_rng(0).normal(0, 0.5, 1000)
    x[:50] = 100.0
    density = joint_density(x, x * 0, limits=(-4, 4), points=161)
    assert (density.n, density.n_outside) == (1000, 50)
    step = density.grid[1] - density.grid[0]
    assert density.joint.sum() * step**2 == pytest.approx(0.95, abs=0.001)
    assert joint_density(x[50:], x[50:] * 0).n_outside == 0


def test_pairs_that_are_not_finite_are_left_out() -> None:
    density = joint_density([0.0, np.nan, 1.0, np.inf], [0.0, 0.0, 1.0, 0.0])
    assert density.n == 2
    assert np.isfinite(density.joint).all()
    assert joint_density([np.nan], [np.nan]).n == 0


def test_limits_ignore_an_outlier_and_always_hold_a_normal() -> None:
    values = np.random.default_rng(0).standard_normal(10_000)
    values[0] = 1e6
    low, high = robust_limits(values)
    assert (low, high) == (-4, 4)
    assert robust_limits([np.nan]) == (-4, 4)
    assert robust_limits(10 * values)[1] > 20


def test_principal_scores_are_uncorrelated_and_sorted_by_variance() -> None:
    batch = figure1("b", 5000, dim=4, fill="pairs")
    first, last = project_pair(batch, ("principal", 0, 3))
    assert abs(np.corrcoef(first, last)[0, 1]) < 1e-6
    assert first.var() > last.var()
    x, y = project_pair(batch, ("units", 2, 1))
    np.testing.assert_array_equal(x, batch.values[:, 2])
    np.testing.assert_array_equal(y, batch.values[:, 1])


def test_another_batchs_directions_give_shared_axes() -> None:
    batch, other = figure1("b", 500, dim=3), figure1("d", 400, dim=3)
    pair: AxisPair = ("principal", 0, 2)
    x, y = project_pair(other, pair, onto=batch)
    np.testing.assert_allclose(np.stack([x, y], axis=1), other.values @ pair_axes(batch, pair).T, atol=1e-6)
    assert not np.allclose(x, project_pair(other, pair)[0], atol=0.01)
    low, high = pair_limits(batch, pair)
    drawn = pair_density(other, pair, (low, high), onto=batch)
    assert (drawn.grid[0], drawn.grid[-1], drawn.n) == (low, high, 400)


def test_bad_arguments_name_the_rule() -> None:
    with pytest.raises(InvalidInputError, match="one length"):
        joint_density([1.0], [1.0, 2.0])
    with pytest.raises(InvalidInputError, match="low < high"):
        joint_density([1.0], [1.0], limits=(1, 1))
    with pytest.raises(InvalidInputError, match=r"0\.\.1 for a batch of 2 units"):
        project_pair(ActivationBatch(np.zeros((3, 2)), "zeros"), ("units", 0, 2))
