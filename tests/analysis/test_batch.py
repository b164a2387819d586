"""ActivationBatch: validates, casts, freezes, counts and fingerprints."""

from dataclasses import FrozenInstanceError

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.batch import ActivationBatch, first_rows, moved
from per_core.errors import InvalidInputError, PerError

MATRICES = hnp.arrays(
    st.sampled_from([np.float16, np.float32, np.float64, np.int32, np.uint8]),
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=6),
)


@given(MATRICES)
def test_any_real_matrix_becomes_a_read_only_contiguous_float32_copy(values: np.ndarray) -> None:
    batch = ActivationBatch(values, "any")
    assert batch.values.dtype == np.float32
    assert batch.values.flags.c_contiguous
    assert not batch.values.flags.writeable
    assert not np.shares_memory(batch.values, values)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(batch.values, values.astype(np.float32))
    assert (batch.n, batch.d) == values.shape


@given(MATRICES)
def test_nothing_is_dropped_and_what_is_not_finite_is_counted(values: np.ndarray) -> None:
    batch = ActivationBatch(values, "any")
    assert batch.n_nan == np.isnan(batch.values).sum()
    assert batch.n_inf + batch.n_beyond_float32 == np.isinf(batch.values).sum()
    assert batch.n_inf == np.isinf(values).sum()
    assert batch.is_finite == bool(np.isfinite(batch.values).all())


def test_the_fingerprint_sees_every_value_and_the_shape_but_not_the_name() -> None:
    values = np.zeros((1000, 700), np.float32)
    base = ActivationBatch(values, "one").fingerprint
    assert ActivationBatch(values, "another", layer="3", epoch=1).fingerprint == base
    values[777, 333] = 1e-30
    assert ActivationBatch(values, "one").fingerprint != base
    flat = np.arange(6.0)
    assert ActivationBatch(flat.reshape(2, 3), "").fingerprint != ActivationBatch(flat.reshape(3, 2), "").fingerprint


def test_the_callers_array_can_change_without_changing_the_batch() -> None:
    values = np.ones((3, 2), np.float32)
    batch = ActivationBatch(values, "mine")
    values[:] = 7
    assert (batch.values == 1).all()
    with pytest.raises(ValueError, match="read-only"):
        batch.values[0, 0] = 2
    with pytest.raises(FrozenInstanceError):
        batch.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize("shape", [(3,), (2, 2, 2), (0, 3), (3, 0)])
def test_a_wrong_shape_is_refused_with_the_shape_that_came(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInputError, match=r"matrix \(n, d\).*received shape .*Reshape"):
        ActivationBatch(np.zeros(shape), "wrong")


@pytest.mark.parametrize("values", [np.array([["a", "b"]]), np.array([[1 + 2j]]), np.array([[None]])])
def test_what_is_not_a_real_number_is_refused(values: np.ndarray) -> None:
    with pytest.raises(PerError, match="must be real numbers; received dtype"):
        ActivationBatch(values, "wrong")


@pytest.mark.parametrize("size", [1e39, 1e300])
def test_finite_values_beyond_float32_are_not_infinities_of_the_network(size: float) -> None:
    values = np.array([[1.0, size], [-size, np.inf], [np.nan, 2.0]])
    batch = ActivationBatch(values, "any")
    assert (batch.n_nan, batch.n_inf, batch.n_beyond_float32) == (1, 1, 2)
    assert not batch.is_finite
    assert batch.not_finite == "1 NaN, 1 infinite, 2 finite beyond float32 (3.4e38)"
    np.testing.assert_array_equal(batch.precise, values)
    assert not batch.precise.flags.writeable
    assert batch.fingerprint != ActivationBatch(values / 2, "any").fingerprint  # the same as float32


def test_a_unit_that_float32_rounds_away_is_kept_as_it_was() -> None:
    random = np.random.default_rng(0)
    values = np.stack([random.normal(size=50), 1.7e9 + random.normal(size=50), 1e-60 * random.normal(size=50)], axis=1)
    batch = ActivationBatch(values, "any")
    assert (batch.n_coarse, batch.is_finite) == (2, True)
    np.testing.assert_array_equal(batch.precise, values)
    assert ActivationBatch(2**53 + np.arange(4).reshape(4, 1), "any").n_coarse == 1


@given(MATRICES)
def test_what_float32_holds_is_not_kept_twice(values: np.ndarray) -> None:
    with np.errstate(over="ignore"):
        batch = ActivationBatch(values.astype(np.float32).astype(np.float64), "any")
    assert (batch.n_beyond_float32, batch.n_coarse, batch.exact) == (0, 0, None)
    assert batch.precise is batch.values


@given(MATRICES)
def test_the_tensor_is_the_values_on_their_memory(values: np.ndarray) -> None:
    with np.errstate(over="ignore"):
        batch = ActivationBatch(values, "any")
    assert np.shares_memory(batch.tensor.numpy(), batch.values)
    np.testing.assert_array_equal(batch.tensor.numpy(), batch.values)
    assert not batch.tensor.requires_grad


def test_a_batch_is_moved_unit_by_unit_and_keeps_where_it_came_from() -> None:
    batch = ActivationBatch([[1.0, 2.0], [3.0, 4.0]], "two", layer="fc", epoch=3, source="a dump")
    there = moved(batch, -1.0, 2.0)
    np.testing.assert_array_equal(there.values, [[1, 3], [5, 7]])
    assert (there.name, there.layer, there.epoch, there.source) == ("two", "fc", 3, "a dump")


def test_the_first_rows_of_a_batch_of_fewer_are_the_batch() -> None:
    batch = ActivationBatch(np.arange(6.0).reshape(3, 2), "three")
    np.testing.assert_array_equal(first_rows(batch, 2).values, [[0, 1], [2, 3]])
    assert first_rows(batch, 3) is batch
