"""POT and the closed form agree: exactly where they must, within the grid's certified error elsewhere."""

import numpy as np
import ot
import pytest
from scipy import integrate, stats

from analysis.distances.directions import shared_directions
from analysis.distances.pot_distance import (
    GridDistance,
    PotCheck,
    check_by_pot,
    gaussian_grid,
    grid_error,
    pot_against_grid,
    pot_against_sample,
)
from analysis.samples import CASES, figure1
from per_core import sliced_w1


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dim", [2, 16])
def test_the_exact_distance_lies_within_the_grids_error_of_pots(case: str, dim: int) -> None:
    batch = figure1(case, 1500, dim=dim, fill="pairs", shift=0.2)
    exact = float(sliced_w1(batch.tensor, directions=shared_directions(dim, 32)).value)
    for points in (64, 1024):
        check = check_by_pot(batch, slices=32, points=points)
        assert check.exact == exact
        assert abs(check.by_pot.value - exact) <= check.by_pot.grid_error + 1e-6
        assert check.agrees


def test_at_the_opening_size_a_check_is_close() -> None:
    for case in CASES:
        check = check_by_pot(figure1(case, 4096, seed=5), slices=16)
        assert check.agrees
        assert 0 < check.by_pot.grid_error < 6e-4


def test_another_distance_does_not_agree() -> None:
    grid = GridDistance(0.1, grid_error=0.01, points=64)
    assert PotCheck(0.1099, grid).agrees
    assert not PotCheck(0.1101, grid).agrees
    assert not PotCheck(0.0899, grid).agrees


def test_the_grids_error_is_its_distance_to_the_normal() -> None:
    for points in (1, 7, 100):
        grid = gaussian_grid(points)

        def gap(x: float, grid: np.ndarray = grid) -> float:
            return abs(np.searchsorted(grid, x, side="right") / len(grid) - stats.norm.cdf(x))

        oracle = sum(
            integrate.quad(gap, a, b, limit=200)[0]
            for a, b in zip([-12, *grid], [*grid, 12], strict=True)
        )  # fmt: skip
        assert grid_error(points) == pytest.approx(oracle, abs=1e-8)
    errors = [grid_error(points) for points in (16, 64, 256, 1024)]
    assert errors == sorted(errors, reverse=True)


def test_all_directions_give_the_mean_of_their_quarters() -> None:
    """There are 3 million projections of the batch, 6 with those of the sample: too many to be taken at once."""
    batch = figure1("c", 30_000)
    values, quarters = batch.values.astype(np.float64), np.split(shared_directions(2, 100).double().numpy(), 4)
    grid, sample = gaussian_grid(128), np.random.default_rng([3, 0x907]).standard_normal((30_000, 2))
    by_grid = [ot.wasserstein_1d(values @ part.T, np.tile(grid[:, None], len(part)), p=1) for part in quarters]
    by_sample = [ot.wasserstein_1d(values @ part.T, sample @ part.T, p=1) for part in quarters]
    assert pot_against_grid(batch, slices=100, points=128).value == pytest.approx(np.mean(by_grid), rel=1e-12)
    assert pot_against_sample(batch, slices=100, seed=3) == pytest.approx(np.mean(by_sample), rel=1e-12)


def test_a_sampled_reference_is_biased_upwards_at_the_target_by_about_root_2() -> None:
    batch = figure1("a", 1024, dim=64)
    exact = float(sliced_w1(batch.tensor, directions=shared_directions(64, 64)).value)
    sampled = np.mean([pot_against_sample(batch, slices=64, seed=seed) for seed in range(5)])
    assert sampled / exact == pytest.approx(np.sqrt(2), rel=0.1)
