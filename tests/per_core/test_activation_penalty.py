"""L1 and L2 penalties: their values by hand and their derivatives."""

import math

import numpy as np
import pytest
import torch

from per_core import InvalidInputError, l1_loss, l2_loss
from per_core.activation_penalty import l1_gradient, l2_gradient

LOSSES = [l1_loss, l2_loss]


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize(("loss", "order"), [(l1_loss, 1), (l2_loss, 2)])
def test_the_mean_of_norms_over_rows(loss, order):
    h = normal(20, 7)
    expected = np.mean(np.linalg.norm(h.numpy(), ord=order, axis=1) ** order)
    assert loss(h).item() == pytest.approx(expected)
    assert loss(h.numpy()).item() == pytest.approx(expected)


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients(loss):
    assert torch.autograd.gradcheck(loss, normal(5, 3).requires_grad_())
    zeros = torch.zeros(5, 3, requires_grad=True)
    (gradient,) = torch.autograd.grad(loss(zeros), zeros)
    assert gradient.abs().max() == 0


@pytest.mark.parametrize(("loss", "closed"), [(l1_loss, l1_gradient), (l2_loss, l2_gradient)])
def test_the_closed_gradient_is_that_of_the_loss_times_the_rows(loss, closed):
    h = normal(9, 4)
    h[0, 0] = 0
    leaf = h.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(leaf), leaf)
    torch.testing.assert_close(closed(h), 9 * gradient)
    assert closed(h.half()).dtype == torch.float32
    with pytest.raises(InvalidInputError, match="received 4 NaN"):
        closed(torch.full((2, 2), math.nan))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_short_dtypes_are_computed_in_float32(loss, dtype):
    h = normal(20, 4).to(dtype)
    assert torch.equal(loss(h), loss(h.float()))


@pytest.mark.parametrize(("loss", "expected"), [(l1_loss, 300.0 * 4096), (l2_loss, 300.0**2 * 4096)])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_sum_beyond_float16_is_finite(loss, expected, dtype):
    h = torch.full((8, 4096), 300.0, dtype=dtype).requires_grad_()
    value = loss(h)
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(expected, rel=1e-6)
    (gradient,) = torch.autograd.grad(value, h)
    assert gradient.isfinite().all()
    assert gradient.dtype == dtype


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    ("h", "message"),
    [
        (torch.zeros(4), r"shape \(n, d\); received shape \(4,\)"),
        (torch.full((2, 2), math.nan), "received 4 NaN"),
    ],
)
def test_refused(loss, h, message):
    with pytest.raises(InvalidInputError, match=message):
        loss(h)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("loss", LOSSES)
def test_cuda_parity(loss, dtype):
    h = normal(300, 20).to(dtype)
    torch.testing.assert_close(loss(h.cuda()).cpu(), loss(h))
