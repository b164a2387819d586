"""Partial statistics merge into those of the whole, wherever the data is cut."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.one_pass import Grid, PassSpec, merge_in_order, take_statistics
from analysis.one_pass.partial_statistics import PartialStatistics
from analysis.one_pass.projection import project
from analysis.statistics.moments import moments
from per_core import per_loss, sliced_w1
from per_core.errors import BudgetError, InvalidInputError

SPEC = PassSpec(slices=7)
RANDOM = np.random.default_rng(11)
ROWS = (RANDOM.standard_normal((1500, 5)) * [1, 3, 0.1, 1, 20] + [0, 1e4, 0, -2, 0]).astype(np.float32)
ROWS[100, 2], ROWS[900, 0], ROWS[901, 0] = np.nan, np.inf, -np.inf
GOOD = ROWS[np.isfinite(ROWS).all(axis=1)]


def taken(cuts: list[int], spec: PassSpec = SPEC, rows: np.ndarray = ROWS) -> list[PartialStatistics]:
    ends = [0, *sorted(cuts), len(rows)]
    return [take_statistics(rows[a:b], spec) for a, b in pairwise(ends)]


def integers(whole: PartialStatistics) -> list[np.ndarray]:
    counted = whole.projections
    return [
        counted.counts, counted.sums, counted.below.counts, counted.above.counts,
        counted.below.farthest, counted.above.farthest,
        whole.n_nan, whole.n_inf, np.array([whole.n, whole.n_left_out]),
    ]  # fmt: skip


def assert_identical(a: PartialStatistics, b: PartialStatistics) -> None:
    for one, other in zip(integers(a), integers(b), strict=True):
        np.testing.assert_array_equal(one, other)


@given(cuts=st.lists(st.integers(0, len(ROWS)), max_size=9), order=st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_integers_do_not_depend_on_the_cut_or_the_order(cuts, order):
    whole = take_statistics(ROWS, SPEC)
    parts = taken(cuts)
    order.shuffle(parts)
    merged = merge_in_order(parts, PartialStatistics.merge)
    assert_identical(merged, whole)
    np.testing.assert_allclose(merged.moments.m4, whole.moments.m4, rtol=1e-9)
    assert merged.per == pytest.approx(whole.per, rel=1e-12)
    assert merged.distance().lower == pytest.approx(whole.distance().lower, rel=1e-9)


@pytest.mark.parametrize(("d", "slices"), [(1, 1), (3, 1), (40, 256), (256, 256), (300, 5), (1030, 17)])
def test_projections_of_a_row_do_not_depend_on_its_neighbours(d, slices):
    rows = torch.randn(700, d, generator=torch.Generator().manual_seed(d))
    theta = PassSpec(slices=slices).directions(d)
    whole = project(rows, theta)
    for start, stop in [(0, 1), (5, 7), (13, 28), (1, 64), (100, 433), (699, 700)]:
        assert torch.equal(project(rows[start:stop].clone(), theta), whole[:, start:stop])


def test_merging_is_associative_in_all_that_is_counted():
    a, b, c = taken([200, 1000])
    assert_identical(a.merge(b).merge(c), a.merge(b.merge(c)))


def test_nothing_changes_nothing():
    whole = take_statistics(ROWS, SPEC)
    assert_identical(whole.merge(PartialStatistics.empty(5, SPEC)), whole)
    assert_identical(take_statistics(ROWS[:0], SPEC).merge(whole), whole)


def test_every_row_is_counted_once():
    whole = take_statistics(ROWS, SPEC)
    counted = whole.projections
    assert (counted.counts.sum(axis=1) + counted.below.counts + counted.above.counts == len(GOOD)).all()
    assert (whole.n, whole.n_left_out) == (len(GOOD), 3)
    assert (whole.n_nan.tolist(), whole.n_inf.tolist()) == ([0, 0, 1, 0, 0], [2, 0, 0, 0, 0])


def test_the_counts_and_sums_are_those_of_numpy():
    spec = PassSpec(slices=9, grid=Grid(2.0, 16))
    rows = RANDOM.standard_normal((4000, 3)).astype(np.float32) * 1.5
    counted = take_statistics(rows, spec).projections
    quantum, bin_size, end = spec.grid.quantum, 2**spec.grid.precision, 8 * 2**spec.grid.precision
    in_quanta = project(torch.from_numpy(rows), spec.directions(3) / quantum).double().numpy()
    for k, values in enumerate(in_quanta):
        whole = np.rint(values)
        inside = whole[(whole >= -end) & (whole < end)]
        edges = np.arange(-8, 9) * bin_size
        np.testing.assert_array_equal(counted.counts[k], np.histogram(inside, edges)[0])
        np.testing.assert_array_equal(counted.sums[k], np.histogram(inside, edges, weights=inside + end)[0])
        low, high = -end - values[whole < -end], values[whole >= end] - end
        assert (counted.below.counts[k], counted.above.counts[k]) == (len(low), len(high))
        for tails, beyond in ((counted.below, low * quantum), (counted.above, high * quantum)):
            assert tails.excess[k] == pytest.approx(beyond.sum(), rel=1e-6)
            assert tails.farthest[k] == pytest.approx(beyond.max(), rel=1e-6)


def test_more_rows_than_a_packed_count_holds():
    n = 2**21 + 5
    counted = take_statistics(np.full((n, 1), 4.9, np.float32), PassSpec(slices=2)).projections
    assert counted.counts.sum(axis=1).tolist() == [n, n]
    means = counted.sums.sum(axis=1) / n * Grid().quantum - Grid().limit
    np.testing.assert_allclose(np.abs(means), 4.9, atol=Grid().quantum)


@pytest.mark.parametrize("cuts", [[], [1], [700], [3, 500, 501, 1200]])
def test_moments_are_those_of_numpy_and_scipy(cuts):
    found = merge_in_order(taken(cuts), PartialStatistics.merge).moments.moments
    values = GOOD.astype(np.float64)
    np.testing.assert_allclose(found.mean, values.mean(axis=0), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.variance, values.var(axis=0), rtol=1e-10)
    np.testing.assert_allclose(found.skewness, stats.skew(values), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.excess_kurtosis, stats.kurtosis(values), rtol=1e-6, atol=1e-9)


def test_a_first_row_far_away_costs_little():
    rows = RANDOM.standard_normal((5000, 2)).astype(np.float32)
    rows[0] = 1e6
    expected = moments(rows)
    found = take_statistics(rows, SPEC).moments.moments
    np.testing.assert_allclose(found.variance, expected.variance, rtol=1e-9)
    np.testing.assert_allclose(found.excess_kurtosis, expected.excess_kurtosis, rtol=1e-9)


def test_a_unit_that_never_changes_has_no_variance_at_all():
    rows = np.full((999, 2), 0.1, np.float32)
    found = merge_in_order(taken([10, 500], rows=rows), PartialStatistics.merge).moments.moments
    assert found.variance.tolist() == [0.0, 0.0]
    assert np.isnan(found.skewness).all()


def test_per_and_norms_are_those_of_per_core():
    whole = merge_in_order(taken([77, 1400]), PartialStatistics.merge)
    values = torch.from_numpy(GOOD)
    assert whole.per == pytest.approx(per_loss(values.double()).item(), rel=1e-10)
    assert whole.norm == pytest.approx(float(values.double().norm(dim=1).mean()), rel=1e-12)
    each = np.array([per_loss(row[None]).item() for row in values[:400].double()])
    few = take_statistics(GOOD[:400], SPEC)
    assert few.per_standard_error == pytest.approx(each.std(ddof=1) / 20, rel=1e-9)
    assert math.isnan(take_statistics(GOOD[:1], SPEC).per_standard_error)
    assert math.isnan(take_statistics(GOOD[:0], SPEC).per)


def test_rows_that_float32_does_not_hold_are_measured_in_float64():
    wide = GOOD.astype(np.float64)
    rows = np.concatenate([wide, 1e31 * wide[:100], 1e45 * wide[100:200], [[np.inf] * 5]])
    whole = merge_in_order(taken([300, len(GOOD) + 50], rows=rows), PartialStatistics.merge)
    finite = rows[:-1]
    assert (whole.n, whole.n_left_out, whole.n_nan.tolist(), whole.n_inf.tolist()) == (len(finite), 1, [0] * 5, [1] * 5)
    beyond = np.abs(finite) > np.finfo(np.float32).max
    np.testing.assert_array_equal(whole.n_beyond_float32, beyond.sum(axis=0))
    np.testing.assert_allclose(whole.moments.moments.mean, finite.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(whole.moments.moments.variance, finite.var(axis=0), rtol=1e-10)
    np.testing.assert_allclose(whole.moments.moments.excess_kurtosis, stats.kurtosis(finite), rtol=1e-6)
    assert whole.norm == pytest.approx(np.linalg.norm(finite, axis=1).mean(), rel=1e-12)
    assert whole.per == pytest.approx(per_loss(torch.from_numpy(finite)).item(), rel=1e-10)
    exact = sliced_w1(torch.from_numpy(finite), directions=SPEC.directions(5).double()).value.item()
    assert whole.distance().lower <= exact <= whole.distance().upper


def test_the_interval_holds_the_exact_value_of_rows_in_float64():
    rows = 1e7 + RANDOM.standard_normal((500, 5))  # float32 moves them by up to 0.5
    exact = sliced_w1(torch.from_numpy(rows), directions=SPEC.directions(5).double()).value.item()
    whole = take_statistics(rows, SPEC)
    assert whole.distance().lower <= exact <= whole.distance().upper
    np.testing.assert_allclose(whole.moments.moments.variance, rows.var(axis=0), rtol=1e-9)


@pytest.mark.parametrize("size", [1e160, 1e300])
def test_powers_beyond_float64_are_undefined_and_nothing_else_is(size):
    rows = RANDOM.standard_normal((200, 2)) * size
    whole = merge_in_order(taken([10, 90], rows=rows), PartialStatistics.merge)
    assert (whole.n, whole.n_left_out) == (200, 0)
    np.testing.assert_allclose(whole.moments.moments.mean, rows.mean(axis=0), rtol=1e-11)
    assert np.isnan(whole.moments.moments.variance).all()
    assert whole.norm == pytest.approx(np.hypot(*rows.T).mean(), rel=1e-12)
    assert whole.distance().lower <= whole.distance().upper < 2 * size


@pytest.mark.parametrize("dtype", ["float16", "float64", ">f4", "int32", "uint8", "bool"])
def test_numbers_of_any_type(dtype):
    rows = RANDOM.integers(0, 2, (50, 3)).astype(dtype)
    assert_identical(take_statistics(rows, SPEC), take_statistics(rows.astype(np.float32), SPEC))


def test_the_rows_handed_over_stay_as_they_are():
    rows = ROWS.copy()
    take_statistics(rows, SPEC)
    np.testing.assert_array_equal(rows, ROWS)
    rows.setflags(write=False)
    assert_identical(take_statistics(rows, SPEC), take_statistics(ROWS, SPEC))


def test_parts_that_do_not_fit_are_refused():
    with pytest.raises(InvalidInputError, match="merge if they were taken in the same way"):
        take_statistics(ROWS, SPEC).merge(take_statistics(ROWS, PassSpec(slices=8)))
    with pytest.raises(InvalidInputError, match=r"of 5 units and .* of 4"):
        take_statistics(ROWS, SPEC).merge(take_statistics(ROWS[:, :4], SPEC))


@pytest.mark.parametrize("wrong", [{"slices": 0}, {"slices": 2.0}, {"seed": -1}, {"slices": True}, {"slices": 2**15}])
def test_specs_out_of_range_are_refused(wrong):
    with pytest.raises(InvalidInputError, match="is a whole number from"):
        PassSpec(**wrong)


def test_directions_beyond_the_budget_are_refused():
    with pytest.raises(BudgetError, match=r"256 of 1000000 units take 1\.02 GB\. Take 67 directions"):
        PassSpec().directions(10**6)
