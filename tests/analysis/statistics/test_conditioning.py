"""Second moments against I: closed forms, numpy's condition number, and what a part of the units can say."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from analysis.batch import ActivationBatch
from analysis.statistics.conditioning import Conditioning, second_moments
from analysis.statistics.null_band import null_band, null_draws


def normal(n: int, d: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d))


@pytest.mark.parametrize("shape", [(50, 3), (300, 24), (12, 12), (7, 1)])
def test_it_is_what_numpy_says_of_the_second_moment_matrix(shape: tuple[int, int]) -> None:
    rows = normal(*shape) * np.linspace(0.5, 2, shape[1]) + 0.3
    matrix = rows.T @ rows / len(rows)
    found = second_moments(rows)
    assert (found.n, found.d) == shape
    assert found.distance == pytest.approx(np.linalg.norm(matrix - np.eye(shape[1])) / math.sqrt(shape[1]))
    assert found.condition == pytest.approx(np.linalg.cond(matrix), rel=1e-6)


@pytest.mark.parametrize("scale", [0.0, 0.5, 1.0, 3.0])
def test_orthogonal_units_of_equal_size(scale: float) -> None:
    """M = scale² I exactly: the distance is |scale² − 1| whatever the number of units."""
    orthogonal = np.linalg.qr(normal(40, 8))[0] * math.sqrt(40)
    found = second_moments(scale * orthogonal)
    assert found.distance == pytest.approx(abs(scale**2 - 1), abs=1e-12)
    assert found.condition == (pytest.approx(1) if scale else math.inf)


def test_a_mean_counts() -> None:
    """M = Σ + μ μᵀ, with eigenvalues 1 and 1 + |μ|²."""
    orthogonal = np.linalg.qr(np.hstack([np.ones((40, 1)), normal(40, 4)]))[0][:, 1:] * math.sqrt(40)
    found = second_moments(orthogonal + np.array([2.0, 1.0, 0.0, 0.0]))
    assert found.condition == pytest.approx(6)
    assert found.distance == pytest.approx(5 / 2)  # |μ|² / √d


@pytest.mark.parametrize(
    "rows",
    [
        normal(100, 4) * [1, 1, 0, 1],  # a dead unit
        normal(100, 4)[:, [0, 1, 2, 2]],  # a unit twice
        normal(3, 4),  # fewer rows than units
        np.ones((100, 2)),  # two constants
    ],
    ids=["dead", "twice", "few rows", "constants"],
)
def test_without_full_rank_the_condition_number_is_infinite_and_the_distance_is_not(rows: np.ndarray) -> None:
    found = second_moments(rows)
    assert found.condition == math.inf
    assert math.isfinite(found.distance)


def test_rows_that_are_not_finite_are_left_out_and_none_leaves_nothing() -> None:
    rows = normal(30, 3).astype(np.float32)
    spoilt = np.vstack([rows, [[np.nan, 0, 0], [0, np.inf, 0]]]).astype(np.float32)
    assert second_moments(spoilt) == second_moments(rows)
    nothing = second_moments(spoilt[-2:])
    assert nothing.n == 0
    assert math.isnan(nothing.distance)
    assert math.isnan(nothing.condition)


@pytest.mark.parametrize("seed", range(5))
def test_a_part_of_the_units_is_conditioned_no_worse_than_all(seed: int) -> None:
    rows = normal(80, 12, seed) @ normal(12, 12, seed + 100)
    whole = second_moments(rows).condition
    rng = np.random.default_rng(seed)
    assert all(second_moments(rows[:, rng.permutation(12)[:k]]).condition <= whole * (1 + 1e-9) for k in range(1, 13))


def test_what_gaussian_batches_give_is_what_is_known_of_them() -> None:
    """E‖M − I‖² = d (d + 1) / n; the extreme eigenvalues approach (1 ± √(d / n))², Marchenko and Pastur."""
    n, d, draws = 400, 20, 300
    found = null_draws(Conditioning(), n, d, 1, draws)
    squares = found["distance"] ** 2
    assert squares.mean() == pytest.approx((d + 1) / n, abs=4 * squares.std() / math.sqrt(draws))
    large = null_draws(Conditioning(), 4000, 400, 1, 1)
    ratio = math.sqrt(400 / 4000)
    assert large["condition"] == pytest.approx(((1 + ratio) / (1 - ratio)) ** 2, rel=0.03)


def test_the_null_band_tells_a_correlated_batch_and_a_shrunken_one() -> None:
    n, d = 200, 10
    band = null_band(Conditioning(), n, d, draws=39)
    assert band["distance"].low > 0
    assert band["condition"].low > 1
    mixed = normal(n, d) @ np.linalg.cholesky(np.full((d, d), 0.6) + 0.4 * np.eye(d)).T
    correlated, shrunken = (Conditioning().measure(ActivationBatch(rows, "a")) for rows in (mixed, 0.3 * normal(n, d)))
    assert [band[key].side(correlated[key]) for key in ("distance", "condition")] == ["above", "above"]
    assert [band[key].side(shrunken[key]) for key in ("distance", "condition")] == ["above", "within"]


def test_a_gradient_step_is_a_natural_one_where_the_second_moments_are_the_identity() -> None:
    """The Fisher matrix of W in softmax(W h), from its definition: where h and δ are independent, E[hhᵀ] ⊗ E[δδᵀ]."""
    generator = torch.Generator().manual_seed(0)
    d, classes = 3, 4
    signs = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * d).double()  # E[hhᵀ] = I exactly
    layer = nn.Linear(d, classes, bias=False).double()
    nn.init.zeros_(layer.weight)  # p(y | h) = 1 / classes for every h: h and δ are independent
    fisher = torch.zeros(d * classes, d * classes, dtype=torch.float64)
    for scale in (1.0, 2.0):
        h = signs * torch.tensor([scale, 1.0, 1.0])
        fisher.zero_()
        for row in h:
            for label in range(classes):
                (gradient,) = torch.autograd.grad(-torch.log_softmax(layer(row), 0)[label], layer.weight)
                flat = gradient.T.reshape(-1)  # h ⊗ δ
                fisher += torch.outer(flat, flat) / classes / len(h)
        delta = torch.eye(classes) / classes - 1 / classes**2
        expected = torch.kron(h.T @ h / len(h), delta.double())
        torch.testing.assert_close(fisher, expected)
        gradient = torch.randn(classes, d, generator=generator, dtype=torch.float64)
        gradient -= gradient.mean(dim=0)  # of a softmax: the classes sum to 0
        natural = torch.linalg.pinv(fisher) @ gradient.T.reshape(-1)
        parallel = torch.cosine_similarity(natural, gradient.T.reshape(-1), dim=0).item()
        assert (parallel == pytest.approx(1)) == (second_moments(h.numpy()).condition == pytest.approx(1))
