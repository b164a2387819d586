import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.statistics.histogram import histogram, thinned
from per_core.errors import InvalidInputError

ANY_FLOATS = st.sampled_from([np.float16, np.float32, np.float64]).flatmap(
    lambda dtype: arrays(
        dtype, st.integers(1, 60), elements=st.floats(width=np.dtype(dtype).itemsize * 8, allow_subnormal=True)
    )
)
RANGES = st.sampled_from(["robust", None, (-1.0, 1.0), (0.0, 1e-30), (-3e38, 3e38)])
BINS = st.sampled_from(["auto", 1, 2, 37])
LARGEST = float(np.finfo(np.float32).max)


@given(ANY_FLOATS, RANGES, BINS)
@example(np.array([LARGEST, -LARGEST], np.float32), None, "auto")
@example(np.array([0.0, 5e-324]), None, 37)
@example(np.array([1.0, np.nextafter(1.0, 2.0)]), "robust", 37)
@example(np.array([np.nan, np.inf, -np.inf, 1e300]), "robust", "auto")
def test_no_value_is_lost(values, limits, bins):
    found = histogram(values, bins=bins, range=limits)
    counted = found.counts.sum() + found.n_below + found.n_above + found.n_nan + found.n_inf
    assert counted == found.n == values.size
    assert found.n_nan == np.isnan(values).sum()
    assert found.n_inf == np.isinf(values).sum()
    assert found.counts.dtype == np.int64
    assert len(found.edges) == len(found.counts) + 1
    assert np.all(np.diff(found.edges) > 0)
    if limits is None:
        wide = values[np.isfinite(values)].astype(float)
        assert found.n_below == (wide < -LARGEST).sum()
        assert found.n_above == (wide > LARGEST).sum()
    assert np.all(np.isfinite(found.density))


@given(ANY_FLOATS, st.integers(1, 50))
def test_counts_are_those_of_the_edges(values, bins):
    found = histogram(values, bins=bins, range=(-1.0, 1.0))
    assert len(found.counts) == bins or values.dtype == np.float16
    inside = values[(values >= -1) & (values <= 1)].astype(float)
    for value in inside:
        position = min(np.searchsorted(found.edges, value, side="right") - 1, len(found.counts) - 1)
        assert found.counts[position] > 0
    assert found.counts.sum() == inside.size
    assert found.n_below == ((values < -1) & np.isfinite(values)).sum()


def test_it_agrees_with_numpy():
    values = np.random.default_rng(0).normal(size=5000)
    found = histogram(values, bins=64, range=(-4, 4))
    expected, edges = np.histogram(values, bins=64, range=(-4, 4))
    np.testing.assert_array_equal(found.counts, expected)
    np.testing.assert_allclose(found.edges, edges, atol=1e-14)


def test_density_is_the_normal_density():
    values = np.random.default_rng(1).normal(size=200_000)
    found = histogram(values, range=None)
    centres = (found.edges[:-1] + found.edges[1:]) / 2
    expected = np.exp(-(centres**2) / 2) / np.sqrt(2 * np.pi)
    width = np.diff(found.edges)[0]
    np.testing.assert_allclose(found.density, expected, atol=5 * np.sqrt(0.4 / (values.size * width)))
    assert (found.density * width).sum() == pytest.approx(1)


def test_density_counts_finite_values_outside_and_no_others():
    found = histogram([0.25, 0.75, 5.0, -5.0, np.nan, np.inf], bins=1, range=(0, 2))
    assert (found.n_below, found.n_above, found.n_nan, found.n_inf) == (1, 1, 1, 1)
    np.testing.assert_allclose(found.density, [2 / 4 / 2])


@pytest.mark.parametrize("n", [10, 50, 20_000])
def test_one_outlier_does_not_ruin_the_view(n):
    values = np.random.default_rng(2).normal(size=n).astype(np.float32)
    values[n // 2] = 1000
    found = histogram(values)
    assert found.edges[-1] < 5
    assert found.n_above == 1


def test_a_gaussian_lies_inside_its_robust_range():
    values = np.random.default_rng(3).normal(size=100_000)
    found = histogram(values)
    assert found.n_below == found.n_above == 0
    assert (found.edges[0], found.edges[-1]) == (values.min(), values.max())


def test_a_narrow_gaussian_is_not_flattened():
    values = np.random.default_rng(4).normal(0.97, 0.01, size=20_000)
    found = histogram(values)
    assert 50 < len(found.counts) < 200
    assert found.counts.max() < 0.05 * values.size


def test_a_healthy_small_layer_is_seen():
    found = histogram(np.random.default_rng(5).normal(0, 0.05, size=5000))
    assert np.count_nonzero(found.counts) > 30


@pytest.mark.parametrize("constant", [0.0, 3.0, -1e-45, LARGEST])
@pytest.mark.parametrize("limits", ["robust", None])
def test_a_constant_is_one_bin_around_it(constant, limits):
    found = histogram(np.full(7, constant), range=limits)
    np.testing.assert_array_equal(found.counts, [7])
    assert found.edges[0] < constant < found.edges[1]


def test_mostly_zeros_show_the_whole_range():
    values = np.r_[np.zeros(2000), 1.0, 2.0]
    found = histogram(values)
    assert (found.edges[0], found.edges[-1]) == (0, 2)
    assert found.counts[0] == 2000


@pytest.mark.parametrize("limits", ["robust", None, (0, 1)])
def test_nothing_finite_gives_empty_counts(limits):
    found = histogram([np.nan, np.inf, -np.inf], range=limits)
    assert found.counts.sum() == 0
    assert (found.n, found.n_nan, found.n_inf) == (3, 1, 2)
    np.testing.assert_array_equal(found.density, 0)


def test_bins_are_bounded_and_not_finer_than_rounding():
    assert len(histogram(np.random.default_rng(6).standard_cauchy(100_000), range=None).counts) == 512
    coarse = (1e6 + np.random.default_rng(7).normal(size=50_000)).astype(np.float32)  # steps of 1/16
    assert np.diff(histogram(coarse).edges)[0] >= 0.12


@pytest.mark.parametrize("values", [[1, 2, 3], [True, False], np.array([1, 2], np.uint8)])
def test_integers_are_numbers(values):
    assert histogram(values).n == len(values)


@pytest.mark.parametrize("values", [[], [[1.0]], ["a"], 3.0, [1j]])
def test_values_that_are_no_vector(values):
    with pytest.raises(InvalidInputError, match="non-empty vector of real numbers"):
        histogram(values)


@pytest.mark.parametrize("limits", [(1, 1), (2, 1), [3, 1], (0, np.inf), (np.nan, 1), (0, 1e-60)])
def test_ranges_that_are_none(limits):
    with pytest.raises(InvalidInputError, match="finite with low < high"):
        histogram([1.0], range=limits)


def test_no_bins():
    with pytest.raises(InvalidInputError, match="received bins=0"):
        histogram([1.0], bins=0)


def test_thinned_values_come_from_all_units_alike():
    matrix = np.tile(np.arange(10, dtype=np.float32), (20_000, 1))  # every tenth value is that of one unit
    few = thinned(matrix, 20_000)
    assert np.bincount(few.astype(int), minlength=10) == pytest.approx(np.full(10, 2000), rel=0.1)
    assert np.array_equal(few, thinned(matrix, 20_000))
    assert np.array_equal(thinned(matrix, 200_000), matrix.ravel())
