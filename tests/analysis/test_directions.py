"""Directions: unit vectors, the same for everybody, and a search that finds what is planted."""

import numpy as np
import pytest
import torch

from analysis.directions import (
    AXES_SHOWN,
    axis_directions,
    circle_directions,
    mean_over_slices,
    named_directions,
    principal_directions,
    shared_directions,
)
from analysis.samples import figure1
from per_core import gaussian_w1


def w1_along(values: np.ndarray, vector: np.ndarray) -> float:
    return float(gaussian_w1(torch.from_numpy(values @ vector.astype(np.float32))[:, None]))


def test_shared_directions_are_unit_and_the_same_every_time() -> None:
    first = shared_directions(5, 7)
    assert first.shape == (7, 5)
    torch.testing.assert_close(first.norm(dim=1), torch.ones(7))
    shared_directions.cache_clear()
    assert torch.equal(first, shared_directions(5, 7))
    assert not torch.equal(first, shared_directions(5, 7, seed=1))


def test_the_circle_is_covered_evenly() -> None:
    degrees, vectors = circle_directions(8)
    np.testing.assert_allclose(np.diff(degrees), 45)
    np.testing.assert_allclose(vectors[2], [0, 1], atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1)


def test_in_the_plane_the_shared_directions_divide_the_half_circle() -> None:
    angles = np.rad2deg(np.arctan2(*shared_directions(2, 6).double().numpy().T[::-1]))
    np.testing.assert_allclose(angles, [7.5, 37.5, 67.5, 97.5, 127.5, 157.5], atol=1e-4)


@pytest.mark.parametrize("case", ["b", "d"])
def test_few_even_angles_agree_with_many_within_the_stated_error(case: str) -> None:
    values = figure1(case, 4096).values
    means = [
        mean_over_slices(np.array([w1_along(values, v.numpy()) for v in shared_directions(2, slices)]), 2)
        for slices in (16, 512)
    ]
    assert abs(means[0][0] - means[1][0]) <= means[0][1]
    assert means[1][1] < means[0][1] < 0.02


def test_the_error_over_random_slices_is_the_standard_error() -> None:
    mean, error = mean_over_slices(np.array([1.0, 2.0, 3.0]), 5)
    assert (mean, error) == (2.0, pytest.approx(1 / np.sqrt(3)))
    assert np.isnan(mean_over_slices(np.array([1.0]), 5)[1])


def test_named_directions_are_unit_and_named_once() -> None:
    named = named_directions(figure1("d", 300, dim=6).values)
    assert len({direction.name for direction in named}) == len(named) == 6 + 4 + 1
    np.testing.assert_allclose([np.linalg.norm(direction.vector) for direction in named], 1, rtol=1e-6)


def test_of_many_units_the_worst_axes_are_kept() -> None:
    values = figure1("a", 200, dim=AXES_SHOWN + 30).values.copy()
    values[:, 80] *= 3
    axes = axis_directions(values)
    assert len(axes) == AXES_SHOWN
    assert "unit 81" in {axis.name for axis in axes}


def test_wide_batches_have_named_directions_without_a_matrix_of_all_units() -> None:
    values = np.random.default_rng(3).standard_normal((6, 150_000)).astype(np.float32)
    found = named_directions(values)
    assert {direction.name.split()[0] for direction in found} == {"unit", "principal", "maximised"}
    for direction in found:
        assert np.linalg.norm(direction.vector) == pytest.approx(1, abs=1e-5)


def test_principal_directions_of_few_rows_are_those_of_the_covariance() -> None:
    values = np.random.default_rng(4).standard_normal((20, 50)).astype(np.float32) * np.linspace(1, 3, 50, dtype="f4")
    centred = values - values.mean(axis=0)
    expected = np.linalg.eigh((centred.T @ centred).astype(np.float64))[1][:, ::-1][:, :4].T
    found = np.stack([direction.vector for direction in principal_directions(values, 4)])
    assert np.abs((found * expected).sum(axis=1)) == pytest.approx(np.ones(4), abs=1e-4)


def test_the_leading_principal_direction_of_a_correlated_pair_is_its_diagonal() -> None:
    leading = principal_directions(figure1("b", 20_000).values)[0]
    np.testing.assert_allclose(leading.vector, [np.sqrt(0.5)] * 2, atol=0.01)


@pytest.mark.parametrize("seed", range(3))
def test_the_search_finds_a_planted_direction_that_no_axis_shows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((2000, 12))
    planted = rng.standard_normal(12)
    planted /= np.linalg.norm(planted)
    signs = np.sign(rng.standard_normal(2000))
    values += np.outer(signs - values @ planted, planted)  # ±1 along the planted direction
    found = named_directions(values.astype(np.float32))[-1]
    assert abs(found.vector @ planted) > 0.95
    others = [w1_along(values.astype(np.float32), d.vector) for d in axis_directions(values.astype(np.float32))]
    assert w1_along(values.astype(np.float32), found.vector) > 3 * max(others)


def test_the_search_is_never_worse_than_where_it_starts() -> None:
    for case in ("b", "c", "d"):
        values = figure1(case, 800, dim=4).values
        starts = [*axis_directions(values), *principal_directions(values)]
        best = max(w1_along(values, start.vector) for start in starts)
        assert w1_along(values, named_directions(values)[-1].vector) >= best - 1e-5


def test_in_the_plane_the_search_reaches_the_maximum_over_all_angles() -> None:
    values = figure1("b", 2000, rho=0.8).values
    _, vectors = circle_directions(720)
    exhaustive = max(w1_along(values, vector) for vector in vectors)
    assert w1_along(values, named_directions(values)[-1].vector) == pytest.approx(exhaustive, rel=2e-3)
