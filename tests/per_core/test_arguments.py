"""Every bad argument raises InvalidInputError: the rule, what came, what to do."""

import numpy as np
import pytest
import torch

from per_core import PER, InvalidInputError, PerError, gaussian_w1, per_gradient, per_loss, sliced_w1
from per_core.directions import random_directions
from per_core.radial import radial_loss

ON_BATCHES = [per_loss, per_gradient, gaussian_w1, sliced_w1]
ON_SLICES = [per_loss, per_gradient, sliced_w1]


def test_the_tree_has_one_root():
    assert issubclass(InvalidInputError, PerError)
    assert issubclass(InvalidInputError, ValueError)


@pytest.mark.parametrize("function", ON_BATCHES)
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (torch.zeros(3), r"must have shape \(n, [dk]\); received shape \(3,\)\. Reshape"),
        (torch.zeros(2, 3, 4), r"received shape \(2, 3, 4\)\. Reshape"),
        (torch.zeros(0, 3), r"at least one row and one column; received shape \(0, 3\)\. Check"),
        (torch.zeros(3, 0), r"received shape \(3, 0\)\. Check"),
        (torch.zeros(3, 2, dtype=torch.int64), r"floating-point values .*; received torch.int64\. Convert"),
        (torch.zeros(3, 2, dtype=torch.complex64), r"received torch.complex64\. Convert"),
        (np.zeros((3, 2), dtype=int), r"floating-point values .*; received int64\. Convert"),
        (np.zeros((3, 2), dtype=object), r"received object\. Convert"),
        (np.zeros((3, 2), dtype=np.longdouble), r"floating-point values .* Convert"),
        ([[1.0, 2.0]], r"torch tensor or a NumPy array .*; received list\. Convert"),
        (torch.tensor([[1.0, float("nan")], [float("inf"), 0.0]]), "received 1 NaN and 1 infinite values among 4"),
        (np.array([[float("nan")] * 2]), "must be finite; received 2 NaN and 0 infinite values among 2. Drop"),
        (torch.tensor([[float("-inf")]], dtype=torch.float64), "received 0 NaN and 1 infinite"),
    ],
)
def test_batches(function, values, message):
    with pytest.raises(InvalidInputError, match=message):
        function(values)


@pytest.mark.parametrize("function", [per_loss, per_gradient])
def test_batches_of_the_sampled_form(function):
    with pytest.raises(InvalidInputError, match="received 1 NaN"):
        function(torch.tensor([[float("nan")]]), slices=3)


@pytest.mark.parametrize("function", ON_SLICES)
@pytest.mark.parametrize("slices", [0, -1, 1.5, True, "8"])
def test_slices(function, slices):
    with pytest.raises(InvalidInputError, match=r"slices must be an integer of at least 1; received .*\. Pass"):
        function(torch.zeros(2, 2), slices=slices)


@pytest.mark.parametrize("d", [0, -3, 2.5])
def test_units(d):
    with pytest.raises(InvalidInputError, match=r"d must be an integer of at least 1; received .*\. Pass"):
        random_directions(3, d)
    with pytest.raises(InvalidInputError, match="d must be an integer"):
        radial_loss(torch.ones(1, dtype=torch.float64), d)


def test_slices_may_be_a_numpy_integer():
    assert sliced_w1(torch.zeros(2, 2), slices=np.int64(3)).directions.shape == (3, 2)


@pytest.mark.parametrize(
    ("directions", "message"),
    [
        (torch.eye(2), r"one column per unit, shape \(k, 3\); received shape \(2, 2\)\. Transpose"),
        (torch.ones(1, 3), r"unit rows, norms within 1e-05 of 1; received norms from 1.73205 to 1.73205\. Divide"),
        (torch.zeros(3), r"directions must have shape \(k, d\)"),
        (torch.zeros(0, 3), "at least one row"),
        (torch.full((1, 3), float("nan")), "directions must be finite; received 3 NaN"),
        (np.eye(3, dtype=int), "directions must hold floating-point values"),
    ],
)
def test_directions(directions, message):
    with pytest.raises(InvalidInputError, match=message):
        sliced_w1(torch.zeros(4, 3), directions=directions)


@pytest.mark.parametrize("weight", [-1e-9, float("nan"), float("inf"), "1", None])
def test_weight(weight):
    with pytest.raises(InvalidInputError, match=r"weight must be a finite number of at least 0; received .*\. The"):
        PER(weight)


def test_choices_of_the_layer():
    with pytest.raises(InvalidInputError, match=r'reduction must be "mean" .* or "sum" .*; received .max.'):
        PER(1, reduction="max")
    with pytest.raises(InvalidInputError, match=r'layout must be "sample" or "position"; received .channel.'):
        PER(1, layout="channel")
    with pytest.raises(InvalidInputError, match="slices must be an integer"):
        PER(1, slices=0)


@pytest.mark.parametrize(
    ("layout", "activations"),
    [
        ("sample", torch.zeros(3)),
        ("sample", torch.zeros(0, 3)),
        ("sample", torch.zeros(2, 3, dtype=torch.int32)),
        ("position", torch.zeros(3)),
        ("position", torch.zeros(2, 3, 4, 5, 6)),
    ],
)
def test_activations_of_the_layer(layout, activations):
    with pytest.raises(
        InvalidInputError, match=r"activations must be a floating tensor, not empty, of shape .*Reshape"
    ):
        PER(1, layout=layout)(activations)


@pytest.mark.parametrize("function", [gaussian_w1, lambda h: sliced_w1(h).value])
def test_finite_values_that_overflow(function):
    with pytest.raises(
        InvalidInputError, match=r"within the range of torch.float32 .*; received values up to .*Rescale"
    ):
        function(torch.full((10, 10), 3e38))


@pytest.mark.parametrize("function", ON_BATCHES)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_numpy_arrays_of_any_layout(function, dtype):
    """Read-only, strided, Fortran-ordered and big-endian arrays give what the tensor gives, without a warning."""
    values = np.random.default_rng(0).standard_normal((6, 4)).astype(dtype)
    frozen = values.copy()
    frozen.flags.writeable = False
    arrays = [
        values,
        frozen,
        np.asfortranarray(values),
        values[::-1, ::-1],
        values.astype(np.dtype(dtype).newbyteorder()),
    ]
    tensors = [torch.tensor(values)] * 3 + [torch.tensor(values[::-1, ::-1].copy()), torch.tensor(values)]
    for array, tensor in zip(arrays, tensors, strict=True):
        results = []
        for batch in (array, tensor):
            torch.manual_seed(0)
            result = function(batch)
            results.append(result.value if hasattr(result, "value") else result)
        assert results[0].dtype == results[1].dtype
        assert torch.equal(*results)


def test_a_writable_array_is_not_copied_nor_changed():
    values = np.random.default_rng(0).standard_normal((50, 1))
    before = values.copy()
    gaussian_w1(values)
    sliced_w1(values)
    np.testing.assert_array_equal(values, before)
