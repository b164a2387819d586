import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.statistics.modes import count_modes
from per_core.errors import InvalidInputError


def mixture(random, size):
    left = random.random(size) < 0.441
    return np.where(left, random.normal(-0.926, 0.676, size), random.normal(0.731, 0.466, size))


@pytest.mark.parametrize("n", [500, 2000, 4096, 20_000])
@pytest.mark.parametrize("shape", ["normal", "gamma"])
def test_one_mode_is_one_mode(shape, n):
    random = np.random.default_rng(0)
    values = random.normal(size=(n, 300)) if shape == "normal" else (random.gamma(2, size=(n, 300)) - 2) / 2**0.5
    assert np.mean(count_modes(values) == 1) >= 0.99


@pytest.mark.parametrize(("n", "least", "most"), [(500, 0, 0.4), (4096, 0.9, 1), (20_000, 0.99, 1)])
def test_two_shallow_modes_show_when_there_are_enough_samples(n, least, most):
    found = count_modes(mixture(np.random.default_rng(1), (n, 300)))
    assert least <= np.mean(found == 2) <= most
    assert np.mean(found > 2) <= 0.01


@pytest.mark.parametrize("modes", [2, 3, 5])
def test_clear_modes_are_counted_at_any_scale(modes):
    random = np.random.default_rng(2)
    values = 8.0 * random.integers(modes, size=(2000, 20)) + random.normal(size=(2000, 20))
    for scaled in (values, 1e-20 * values, 1e20 * values - 3e20):
        assert np.all(count_modes(scaled) == modes)


def test_a_small_far_mode_beside_a_narrow_one():
    random = np.random.default_rng(3)
    values = np.where(random.random((2000, 10)) < 0.2, 100.0, 0.0) + 0.1 * random.normal(size=(2000, 10))
    assert np.all(count_modes(values) == 2)


@pytest.mark.parametrize("outlier", [1000.0, -1e30])
def test_an_outlier_changes_nothing(outlier):
    values = np.random.default_rng(4).normal(size=(2000, 50))
    values[:, 1::2] += 6 * np.random.default_rng(5).integers(2, size=(2000, 25))
    expected = np.tile([1, 2], 25)
    np.testing.assert_array_equal(count_modes(values), expected)
    values[7] = outlier
    np.testing.assert_array_equal(count_modes(values), expected)


@pytest.mark.parametrize("n", [1, 2, 1000])
def test_a_constant_unit_has_one_mode(n):
    values = np.tile(np.array([0.0, 0.1, -1e30]), (n, 1))
    found = count_modes(values)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, [1, 1, 1])


def test_a_unit_that_is_mostly_silent():
    values = np.maximum(np.random.default_rng(6).normal(-1, 1, size=(4096, 5)), 0)  # 84 % exact zeros
    assert np.all(count_modes(values) == 1)


@given(
    arrays(
        np.float32,
        st.tuples(st.integers(1, 40), st.integers(1, 4)),
        elements=st.floats(allow_nan=False, allow_infinity=False, width=32),
    )
)
def test_any_finite_batch_has_a_count(values):
    found = count_modes(values)
    assert found.shape == values.shape[1:]
    assert np.all((found >= 1) & (found <= len(values)))


def test_columns_do_not_depend_on_each_other():
    values = mixture(np.random.default_rng(7), (1000, 30)) * np.logspace(-3, 3, 30)
    alone = [count_modes(values[:, [column]])[0] for column in range(30)]
    np.testing.assert_array_equal(count_modes(values), alone)


def test_it_is_quick():
    values = np.random.default_rng(8).normal(size=(4096, 400)).astype(np.float32)
    seconds = []
    for _ in range(3):
        start = time.process_time()
        count_modes(values)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.5  # about 0.1 s on an idle core


def test_values_that_are_not_finite_are_refused():
    with pytest.raises(InvalidInputError, match="1 NaN and 0 infinite among 4 values"):
        count_modes([[0.0, 1.0], [np.nan, 2.0]])


def test_a_vector_is_no_batch():
    with pytest.raises(InvalidInputError, match=r"shape \(3,\)"):
        count_modes(np.zeros(3))


def test_separate_batches_are_refused():
    with pytest.raises(InvalidInputError, match=r"one batch \(n, d\); received shape \(2, 5, 3\)"):
        count_modes(np.zeros((2, 5, 3)))
