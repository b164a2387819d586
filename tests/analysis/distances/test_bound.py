"""The Bound page's numbers against population values, identities and independent computation."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from scipy.spatial.distance import pdist

from analysis.batch import ActivationBatch, first_rows, moved
from analysis.distances.bound import (
    PER_AT_COLLAPSE,
    PER_AT_GAUSSIAN,
    decompose,
    gaussian_energy_distance,
    move_one,
    read_bound,
    read_directions,
    scale_curve,
    slice_convergence,
    study_directions,
)
from analysis.samples import CASES, figure1

pytestmark = pytest.mark.long

CONSTANT = 1 / math.sqrt(math.pi)


def test_a_large_gaussian_batch_gives_the_population_values() -> None:
    n = 100_000
    reading = read_bound(figure1("a", n, dim=3), slices=64)
    assert reading.per == pytest.approx(PER_AT_GAUSSIAN, abs=5 * reading.per_margin)
    assert reading.sw1 == pytest.approx(1.288 / math.sqrt(n), rel=0.3)
    assert reading.gap == pytest.approx(reading.per - reading.sw1, abs=5 * reading.gap_margin + 0.01)


@pytest.mark.parametrize(
    ("rho", "per", "sw1"), [(0.5, 1.12391, 0.12990), (0.8, 1.11664, 0.21778), (1.0, 1.10958, 0.29755)]
)
def test_correlated_pairs_give_the_population_values(rho: float, per: float, sw1: float) -> None:
    reading = read_bound(figure1("b", 100_000, rho=rho), slices=128)
    assert reading.sw1_margin < 5e-4
    assert reading.per == pytest.approx(per, abs=5 * reading.per_margin)
    assert reading.sw1 == pytest.approx(sw1, abs=5 * reading.sw1_margin + 0.003)


@pytest.mark.parametrize("case", CASES)
def test_per_lies_between_w1_and_w1_plus_the_largest_gap_on_every_direction(case: str) -> None:
    study = study_directions(figure1(case, 400, dim=4), slices=32)
    assert (study.per >= study.w1 - 1e-6).all()
    assert (study.per <= study.w1 + PER_AT_GAUSSIAN + 1e-6).all()
    assert set(study.kinds) == {"random", "unit", "principal", "maximised"}
    assert study.kinds[0] == "random"


@pytest.mark.parametrize(("shift", "scale"), [(4.0, 1.0), (4.0, 0.1), (0.0, 0.0), (-2.0, 3.0)])
def test_the_gap_lies_between_its_bounds_however_few_the_slices(shift: float, scale: float) -> None:
    for slices in (2, 16, 256):
        reading = read_bound(figure1("c", 512, dim=4, shift=shift, scale=scale), slices=slices)
        assert -1e-6 <= reading.gap <= PER_AT_GAUSSIAN + 1e-6


def test_the_scale_curve_has_pers_minimum_at_collapse_and_sw1s_at_the_right_scale() -> None:
    curve = scale_curve(moved(figure1("a", 20_000), 0.0, 0.5))
    assert curve.per.argmin() == 0
    assert curve.per[0] == pytest.approx(PER_AT_COLLAPSE, abs=1e-9)
    assert curve.sw1[0] == pytest.approx(PER_AT_COLLAPSE, abs=1e-6)
    assert curve.factors[curve.sw1.argmin()] == pytest.approx(2.0, abs=0.15)
    assert (np.diff(curve.per) > 0).all()


def test_the_scale_curve_agrees_with_scaling_the_batch() -> None:
    batch = figure1("c", 500, dim=3)
    curve = scale_curve(batch, points=9)
    for factor, per, sw1 in zip(curve.factors, curve.per, curve.sw1, strict=True):
        reading = read_bound(moved(batch, 0.0, factor), slices=64)
        assert (per, sw1) == pytest.approx((reading.per, reading.sw1), abs=2e-6)


def test_more_slices_converge_to_the_exact_expectation_of_per() -> None:
    batch = figure1("b", 3000, rho=0.9)
    curve = slice_convergence(batch)
    exact = read_bound(batch, slices=1).per
    assert math.isnan(curve.per_margin[0])
    assert abs(curve.per[-1] - exact) < 5 * curve.per_margin[-1]
    assert curve.slices.tolist() == [2**i for i in range(11)]
    _, per = read_directions(batch, np.eye(2))
    assert per.shape == (2,)


@pytest.mark.parametrize("case", CASES)
def test_the_three_parts_sum_to_per(case: str) -> None:
    parts = decompose(figure1(case, 700, dim=5, shift=0.3, scale=1.7))
    assert abs(parts.residual) < 1e-9
    assert parts.half_energy_distance >= 0
    assert parts.half_spread >= 0


def test_the_parts_at_collapse_and_at_the_target() -> None:
    collapsed = decompose(ActivationBatch(np.zeros((50, 3)), "collapsed"))
    assert collapsed.half_spread == 0
    assert collapsed.half_energy_distance == pytest.approx(PER_AT_COLLAPSE - CONSTANT, abs=1e-12)
    gaussian = decompose(figure1("a", 50_000))
    assert gaussian.half_energy_distance == pytest.approx(0, abs=1e-4)
    assert gaussian.half_spread == pytest.approx(CONSTANT, abs=0.01)


def test_the_spread_is_the_mean_distance_of_pairs() -> None:
    """Averaged over directions, mean |p_i - p_j| is c_d times the mean distance; c_2 = 2/pi."""
    batch = figure1("d", 300)
    parts = decompose(batch, slices=4096)
    mean_distance = 2 * pdist(batch.values.astype(np.float64)).sum() / 300**2
    assert 2 * parts.half_spread == pytest.approx(2 / math.pi * mean_distance, rel=0.02)


@given(st.lists(st.floats(-6, 6), min_size=1, max_size=12))
@settings(max_examples=40, deadline=None)
def test_energy_distance_matches_quadrature(values: list[float]) -> None:
    ordered = np.sort(np.array(values))
    points = [-10.0, *ordered, 10.0]

    def squared_gap(x: float) -> float:
        return (np.searchsorted(ordered, x, side="right") / len(ordered) - stats.norm.cdf(x)) ** 2

    oracle = 2 * sum(integrate.quad(squared_gap, a, b)[0] for a, b in pairwise(points))
    assert gaussian_energy_distance(ordered[:, None])[0] == pytest.approx(oracle, abs=1e-8)


def test_energy_distance_agrees_with_scipys_on_a_fine_sample() -> None:
    x = figure1("c", 2000).values[:, :1].astype(np.float64)
    grid = stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    oracle = stats.energy_distance(x[:, 0], grid) ** 2
    assert gaussian_energy_distance(np.sort(x, axis=0))[0] == pytest.approx(oracle, rel=1e-3)


def test_moving_one_sample_changes_others_gradients_of_sw1_but_never_of_per() -> None:
    batch = figure1("a", 500)
    effect = move_one(batch, sample=0, distance=3.0)
    assert effect.others == 499
    assert effect.per_changed == 0
    assert (effect.per == 0).all()
    assert effect.sw1_changed > 0.1 * effect.others
    still = move_one(batch, sample=0, distance=0.0)
    assert (still.sw1_changed, still.per_changed) == (0, 0)


def test_reading_uses_every_row_once() -> None:
    batch = figure1("d", 64)
    doubled = ActivationBatch(np.concatenate([batch.values, batch.values]), "doubled")
    first, second = read_bound(batch, slices=16), read_bound(doubled, slices=16)
    assert second.per == pytest.approx(first.per, rel=1e-9)
    assert second.sw1 == pytest.approx(first.sw1, rel=1e-5)
    assert math.isnan(read_bound(first_rows(batch, 1), slices=4).per_margin)
    assert torch.get_default_dtype() == torch.float32
