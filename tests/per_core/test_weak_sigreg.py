"""Weak SIGReg: the covariance against the identity, whole and through a sketch."""

import numpy as np
import pytest
import torch

from per_core import InvalidInputError, weak_sigreg_loss


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rows(n: int, d: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, d, generator=seeded(seed), dtype=torch.float64) @ torch.randn(
        d, d, generator=seeded(seed + 1), dtype=torch.float64
    )


@pytest.mark.parametrize(("n", "d"), [(2, 1), (50, 6), (200, 64)])
def test_up_to_64_units_it_is_the_norm_of_the_whole_covariance(n, d):
    h = rows(n, d)
    expected = np.linalg.norm(np.atleast_2d(np.cov(h.numpy().T)) - np.eye(d))
    assert weak_sigreg_loss(h).item() == pytest.approx(expected)


def test_of_more_units_a_sketch_is_seen():
    h = rows(200, 80)
    sketch = torch.randn(64, 80, generator=seeded(7), dtype=torch.float64) / 80**0.5
    expected = np.linalg.norm(np.cov((h @ sketch.T).numpy().T) - np.eye(64))
    assert weak_sigreg_loss(h, generator=seeded(7)).item() == pytest.approx(expected)


def test_the_mean_and_the_shape_are_not_seen():
    h = rows(100, 5)
    assert weak_sigreg_loss(h + 3).item() == pytest.approx(weak_sigreg_loss(h).item())
    signs = torch.randn(100_000, 4, generator=seeded(), dtype=torch.float64).sign()  # far from Gaussian, covariance I
    assert weak_sigreg_loss(signs).item() < 0.05


def test_at_its_minimum_the_derivative_is_zero():
    h = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]], dtype=torch.float64) * 0.75**0.5
    h.requires_grad_()
    loss = weak_sigreg_loss(h)
    assert loss.item() == pytest.approx(0, abs=1e-12)
    (gradient,) = torch.autograd.grad(loss, h)
    assert gradient.isfinite().all()


@pytest.mark.parametrize(
    ("h", "more", "message"),
    [
        (torch.zeros(1, 3), {}, "at least 2 rows to take statistics from; received 1. Use a larger batch.$"),
        (torch.full((4, 3), torch.nan), {}, "finite"),
        (torch.zeros(4, 3), {"sketch": 0}, "sketch must be"),
        (torch.zeros(4), {}, r"\(n, d\)"),
    ],
)
def test_refused(h, more, message):
    with pytest.raises(InvalidInputError, match=message):
        weak_sigreg_loss(h, **more)
