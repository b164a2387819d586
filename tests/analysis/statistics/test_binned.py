"""Bounds from bins hold for every sample that was binned, are attained, and close as bins shrink."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from analysis.statistics.binned import Bounds, binned_statistics
from per_core.errors import InvalidInputError
from per_core.wasserstein import gaussian_w1

SMALLEST, GROWTH, LARGEST = 1e-12, 1.1, 1e20  # of the default buckets of TensorBoard's writers


def exponential_edges():
    edges = SMALLEST * GROWTH ** np.arange(np.ceil(np.log(LARGEST / SMALLEST) / np.log(GROWTH)))
    return np.concatenate([-edges[::-1], [0.0], edges])


def binned(values, edges):
    count, edges = np.histogram(values, edges)
    return np.stack([edges[:-1], edges[1:], count], axis=1)


def w1(values):
    return gaussian_w1(torch.from_numpy(np.asarray(values, float).reshape(-1, 1))).item()


def holds(bounds, value, scale=1.0):
    slack = 1e-9 * max(1.0, abs(value), scale)
    return bounds.lower - slack <= value <= bounds.upper + slack


samples = st.builds(
    lambda seed, n, mean, spread, tail: (
        mean + spread * np.sign(values := np.random.default_rng(seed).normal(size=n)) * np.abs(values) ** tail
    ),
    st.integers(0, 10**6),
    st.integers(1, 400),
    st.floats(-50, 50),
    st.floats(0, 20),
    st.floats(0.2, 4),
)


@settings(deadline=None, max_examples=150)
@given(samples, st.one_of(st.none(), st.integers(1, 60)))
def test_the_truth_lies_within(values, linear):
    """None: TensorBoard's exponential buckets, else so many linear ones."""
    edges = exponential_edges() if linear is None else np.linspace(values.min() - 1e-9, values.max() + 1e-9, linear + 1)
    found = binned_statistics(binned(values, edges))
    assert found.n == len(values)
    scale = np.abs(values).max() ** 2
    assert holds(found.mean, values.mean(), scale)
    assert holds(found.variance, values.var(), scale)
    assert holds(found.w1, w1(values))


@settings(deadline=None, max_examples=50)
@given(samples, st.floats(-3, 3), st.floats(0.1, 3))
def test_the_truth_lies_within_where_the_outer_bins_have_no_end(values, first, width):
    inner = first + width * np.arange(4)
    count = np.histogram(values, [-np.inf, *inner, np.inf])[0]
    for end in (np.inf, np.finfo(float).max):
        edges = np.array([-end, *inner, end])
        found = binned_statistics(np.stack([edges[:-1], edges[1:], count], axis=1))
        scale = np.abs(values).max() ** 2
        assert holds(found.mean, values.mean(), scale)
        assert holds(found.variance, values.var(), scale)
        assert holds(found.w1, w1(values))
        if count[0] or count[-1]:
            assert found.variance.upper == found.w1.upper == np.inf
            assert np.isfinite([found.variance.lower, found.w1.lower]).all()


def test_bins_of_no_width_leave_no_doubt():
    values = np.sort(np.random.default_rng(1).normal(2, 3, 200))
    found = binned_statistics(np.stack([values, values, np.ones(200)], axis=1))
    for bounds, truth in ((found.mean, values.mean()), (found.variance, values.var()), (found.w1, w1(values))):
        assert bounds.lower == pytest.approx(truth, rel=1e-9)
        assert bounds.upper == pytest.approx(truth, rel=1e-9)


def test_bounds_close_as_bins_shrink():
    values = np.random.default_rng(2).standard_t(5, 5000)
    widths = []
    for bins in (10, 100, 1000, 10_000):
        table = binned(values, np.linspace(values.min(), values.max(), bins + 1))
        found = binned_statistics(table)
        mean_width = (table[:, 1] - table[:, 0]) @ table[:, 2] / found.n
        assert found.mean.width == pytest.approx(mean_width)
        assert found.w1.width <= mean_width + 1e-12
        assert found.variance.width <= 4 * mean_width * (np.abs(values).max() + mean_width)
        widths.append((found.w1.width, found.variance.width))
    assert (np.diff(widths, axis=0) < 0).all()
    assert widths[-1][0] < 1e-2


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.floats(0, 2), st.floats(0, 1), st.integers(1, 9)), min_size=1, max_size=4), st.floats(-4, 2)
)
def test_bounds_are_attained(pieces, begin):
    """Among values at edges, bins split in tenths, some come near the upper bounds, the nearest near the lower."""
    table, edge = [], begin
    for width, gap, count in pieces:
        table.append((edge, edge + width, count))
        edge += width + gap
    bins = np.array(table)
    found = binned_statistics(bins)
    p = bins[:, 2] / bins[:, 2].sum()
    parts = np.linspace(0, 1, 11)
    corners = [np.array(choice) for choice in itertools.product(parts, repeat=len(bins))]
    at_right = np.array(corners)  # share of each bin that lies at its right edge
    mean = ((1 - at_right) * bins[:, 0] + at_right * bins[:, 1]) @ p
    square = ((1 - at_right) * bins[:, 0] ** 2 + at_right * bins[:, 1] ** 2) @ p
    largest = (square - mean**2).max()
    assert holds(found.variance, largest)
    reach = np.sqrt(found.variance.upper) + np.ptp(bins[:, :2])
    assert found.variance.upper - largest <= 0.05 * reach * np.ptp(bins[:, :2]) + 1e-9
    n = 4000
    repeats = np.diff(np.round(np.concatenate([[0], np.cumsum(p)]) * n).astype(int))
    z = norm.ppf((np.arange(n) + 0.5) / n)
    nearest = np.clip(z, np.repeat(bins[:, 0], repeats), np.repeat(bins[:, 1], repeats))
    assert w1(nearest) == pytest.approx(found.w1.lower, abs=2e-2)
    extreme = max(
        w1(np.concatenate([np.full(k, edge) for k, edge in zip(repeats, edges, strict=True)]))
        for edges in itertools.product(*bins[:, :2])
    )
    assert extreme == pytest.approx(found.w1.upper, abs=2e-2)
    centre = found.mean.lower
    for _ in range(2000):  # the fixed point of c = Σ p clip(c): each value as near to the mean as its bin allows
        centre = p @ np.clip(centre, bins[:, 0], bins[:, 1])
    nearest = np.clip(centre, bins[:, 0], bins[:, 1])
    assert p @ (nearest - p @ nearest) ** 2 == pytest.approx(found.variance.lower, abs=1e-3)


def test_one_bin_has_closed_forms():
    """All values in [−1, 1]: from N(0, 1) clipped there to all at one edge."""
    found = binned_statistics([[-1, 1, 7]])
    assert found.mean == Bounds(-1, 1)
    assert found.variance == Bounds(0, 1)
    beyond = 2 * (norm.pdf(1) - norm.sf(1))
    assert found.w1.lower == pytest.approx(beyond)
    at_edge = 2 * norm.pdf(1) + 2 * norm.cdf(1) - 1  # E|Z − 1|
    assert found.w1.upper == pytest.approx(at_edge)
    everywhere = binned_statistics([[-np.inf, np.inf, 7]])
    assert everywhere.w1 == Bounds(0, np.inf)
    assert everywhere.variance == Bounds(0, np.inf)


def test_a_narrow_layer_in_exponential_buckets_is_bounded_honestly():
    """Nearly all of N(0.97, 0.01) is in one bucket: its mean is known to a tenth only."""
    values = np.random.default_rng(3).normal(0.97, 0.01, 10_000)
    found = binned_statistics(binned(values, exponential_edges()))
    assert found.used_bins <= 3
    assert holds(found.mean, values.mean())
    assert 0.05 < found.mean.width < 0.1
    assert found.variance.lower < 0.01**2 < found.variance.upper < 0.005


@pytest.mark.parametrize(
    ("bins", "reason"),
    [
        ([1.0, 2.0, 3.0], "shape (k, 3)"),
        ([["a", "b", "c"]], "shape (k, 3)"),
        ([[0, 1, 0]], "one of them positive"),
        ([[0, 1, -1], [1, 2, 3]], "at least 0"),
        ([[0, 1, np.nan]], "at least 0"),
        (np.zeros((0, 3)), "one of them positive"),
        ([[1, 0, 2]], "ascend"),
        ([[0, 2, 2], [1, 3, 1]], "ascend"),
        ([[np.nan, 2, 2]], "ascend"),
        ([[np.inf, np.inf, 2]], "ascend"),
        ([[-np.inf, -np.inf, 2]], "ascend"),
    ],
)
def test_what_are_no_bins(bins, reason):
    with pytest.raises(InvalidInputError) as caught:
        binned_statistics(bins)
    assert reason in str(caught.value)
