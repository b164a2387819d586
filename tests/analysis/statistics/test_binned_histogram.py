"""Histograms on given bins: areas are shares, gaps are empty, and no grid moves a value out of its bin."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.statistics.binned_histogram import MOST_STEPS, BinnedHistogram, shared_range
from analysis.statistics.histogram import histogram
from per_core.errors import InvalidInputError

BINS = np.array([[-2.0, -1.0, 3], [-1.0, -0.5, 0], [0.0, 0.0, 4], [0.0, 0.5, 1], [0.5, 4.5, 2]])


@st.composite
def bins(draw):
    """Bins of random widths, some of none, with gaps."""
    parts = draw(st.lists(st.tuples(st.floats(0, 3), st.sampled_from([0.0, 0.1, 2.0]), st.integers(0, 50)), min_size=1))
    edge, found = draw(st.floats(-5, 5)), []
    for gap, width, count in parts:
        found.append((edge + gap, edge + gap + width, count))
        edge = found[-1][1]
    return np.array([*found, (edge, edge + 1, 1)])


def area(edges, heights):
    return float(np.diff(edges) @ heights)


def test_the_outline_has_the_share_of_every_bin_as_its_area():
    one = BinnedHistogram.of(BINS)
    assert one.n == 10
    assert one.at_one_value == [(0.0, 0.4)]
    edges, heights = one.steps(-10, 10)
    np.testing.assert_allclose(edges, [-2, -1, 0, 0.5, 4.5])
    np.testing.assert_allclose(heights, [0.3, 0, 0.2, 0.05])
    edges, heights = one.steps(-1.5, 0.25)  # what lies beyond is cut, and no height changes
    np.testing.assert_allclose(edges, [-1.5, -1, 0, 0.25])
    np.testing.assert_allclose(heights, [0.3, 0, 0.2])


def test_equal_bins_have_the_density_of_a_histogram():
    values = np.random.default_rng(0).normal(size=500)
    counted = histogram(values, bins=20, range=(-4, 4))
    given_bins = np.stack([counted.edges[:-1], counted.edges[1:], counted.counts], axis=1)
    one = BinnedHistogram.of(given_bins)
    np.testing.assert_allclose(one.density, counted.density[counted.counts > 0])
    np.testing.assert_allclose(one.mean_density(counted.edges), counted.density, atol=1e-12)


@settings(deadline=None, max_examples=100)
@given(bins(), st.integers(1, 30), st.floats(0.01, 20))
def test_means_over_cells_are_those_of_values_spread_within_their_bins(found, cells, width):
    one = BinnedHistogram.of(found)
    low = float(found[0, 0]) - 1
    edges = np.linspace(low, low + width, cells + 1)
    each = np.zeros(cells)
    for left, right, count in found:  # cell by cell, bin by bin
        for i, (begin, end) in enumerate(pairwise(edges)):
            if right > left:
                each[i] += count * max(0.0, min(end, right) - max(begin, left)) / (right - left)
            elif begin <= left < end or (i == cells - 1 and left == end):
                each[i] += count
    np.testing.assert_allclose(one.mean_density(edges), each / found[:, 2].sum() / np.diff(edges), atol=1e-9)
    outline, heights = one.steps(edges[0], edges[-1])
    if heights.size:
        inside = [share for value, share in one.at_one_value if edges[0] <= value <= edges[-1]]
        assert area(outline, heights) + sum(inside) == pytest.approx(one.share_inside(edges[0], edges[-1]), abs=1e-9)


def test_bins_without_an_end_are_in_no_cell():
    one = BinnedHistogram.of([[-np.inf, -1, 2], [-1, 1, 6], [1, np.finfo(float).max, 2]])
    assert one.share_inside(-100, 100) == pytest.approx(0.6)
    assert shared_range([one]) == (-1.0, 1.0)
    assert area(*one.steps(-100, 100)) == pytest.approx(0.6)


def test_no_outlier_flattens_the_axis():
    exact = np.random.default_rng(1).normal(size=100_000)
    count, edges = np.histogram(np.append(exact, 1e6), np.append(np.linspace(-5, 5, 101), 2e6))
    one = BinnedHistogram.of(np.stack([edges[:-1], edges[1:], count], axis=1))
    low, high = shared_range([one])
    assert -6 < low < -4
    assert 4 < high < 12
    assert one.share_inside(low, high) > 0.999
    assert shared_range([one, BinnedHistogram.of([[9.0, 9.5, 5]])])[1] >= 9.5


@pytest.mark.parametrize(
    ("one", "limits"),
    [([[3.0, 3.0, 5]], (1.5, 4.5)), ([[0.0, 0.0, 5]], (-0.5, 0.5)), ([[-np.inf, np.inf, 5]], (-1, 1))],
)
def test_values_that_are_all_one_have_an_axis(one, limits):
    assert shared_range([BinnedHistogram.of(one)]) == limits


def test_very_many_bins_are_drawn_as_means():
    edges = np.linspace(0, 1, 3 * MOST_STEPS + 1)
    count = np.random.default_rng(2).integers(1, 9, len(edges) - 1)
    drawn, heights = BinnedHistogram.of(np.stack([edges[:-1], edges[1:], count], axis=1)).steps(0, 1)
    assert len(heights) == MOST_STEPS
    assert area(drawn, heights) == pytest.approx(1)


def test_bins_that_overlap_are_refused():
    with pytest.raises(InvalidInputError, match="do not overlap"):
        BinnedHistogram.of([[0, 2, 1], [1, 3, 1]])
