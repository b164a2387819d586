"""VICReg's and Barlow's terms against NumPy, and what they leave alone."""

import numpy as np
import pytest
import torch

from per_core import InvalidInputError, barlow_loss, vicreg_loss


def rows(n: int = 80, d: int = 5, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(n, d, generator=generator, dtype=torch.float64)
    return mixed @ torch.randn(d, d, generator=generator, dtype=torch.float64) * 0.4 + 2


@pytest.mark.parametrize("d", [1, 2, 5, 70])
def test_vicreg_against_numpy(d):
    h = rows(d=d).numpy()
    covariance = np.atleast_2d(np.cov(h.T))
    variances = np.diag(covariance)
    expected = 25 * np.maximum(0, 1 - np.sqrt(variances + 1e-4)).mean()
    expected += ((covariance**2).sum() - (variances**2).sum()) / d
    assert vicreg_loss(torch.from_numpy(h)).item() == pytest.approx(expected)


@pytest.mark.parametrize("d", [1, 2, 5, 70])
def test_barlow_against_numpy(d):
    h = rows(d=d).numpy()
    deviations = np.sqrt(h.var(axis=0) + 1e-5)
    correlation = np.atleast_2d(np.cov(h.T, bias=True)) / np.outer(deviations, deviations)
    on_diagonal = np.diag(correlation)
    expected = ((1 - on_diagonal) ** 2).sum() + 0.0051 * ((correlation**2).sum() - (on_diagonal**2).sum())
    assert barlow_loss(torch.from_numpy(h)).item() == pytest.approx(expected)


def test_vicreg_lets_wide_units_be():
    wide = torch.randn(4000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 3
    wide.requires_grad_()
    loss = vicreg_loss(wide)
    assert loss.item() < 0.2, "uncorrelated, and wider than 1"
    narrow = (wide / 30).detach()
    assert vicreg_loss(narrow).item() == pytest.approx(25 * 0.9, rel=0.05)


def test_barlow_does_not_see_scale_and_mean():
    h = rows()
    moved = h * torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0], dtype=torch.float64) - 7
    assert barlow_loss(moved).item() == pytest.approx(barlow_loss(h).item(), rel=1e-2)


@pytest.mark.parametrize("loss", [vicreg_loss, barlow_loss])
@pytest.mark.parametrize("h", [torch.zeros(1, 3), torch.zeros(3), torch.full((3, 3), torch.inf)])
def test_refused(loss, h):
    with pytest.raises(InvalidInputError):
        loss(h)
