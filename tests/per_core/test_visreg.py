"""VISReg: each term by NumPy, its gradient with the deviation held, and what becomes of it at collapse."""

import numpy as np
import pytest
import torch
from scipy.stats import norm

from per_core import InvalidInputError, sigreg_loss, visreg_loss
from per_core.directions import random_directions


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rows(n: int = 60, d: int = 4) -> torch.Tensor:
    return torch.randn(n, d, generator=seeded(), dtype=torch.float64).exp() * torch.arange(1, d + 1) + 0.5


def terms(h: np.ndarray, theta: np.ndarray) -> dict[str, float]:
    mean, deviation = h.mean(axis=0), h.std(axis=0)
    projections = np.sort((h - mean) / deviation @ theta.T, axis=0)
    quantiles = norm.ppf(np.arange(1, len(h) + 1) / (len(h) + 1))
    return {
        "centre": float((mean**2).mean()),
        "scale": float(((1 - deviation) ** 2).mean()),
        "shape": float(((projections - quantiles[:, None]) ** 2).mean()),
    }


@pytest.mark.parametrize("weights", [(1, 1, 1), (2, 0, 0), (0, 0.5, 0), (0, 0, 3), (1, 2, 3)])
def test_the_terms_against_numpy(weights):
    theta = random_directions(9, 4, generator=seeded(1), dtype=torch.float64)
    found = terms(rows().numpy(), theta.numpy())
    scale, shape, centre = weights
    loss = visreg_loss(rows(), directions=theta, scale=scale, shape=shape, centre=centre)
    expected = scale * found["scale"] + shape * found["shape"] + centre * found["centre"]
    assert loss.item() == pytest.approx(expected)


def test_the_deviation_is_a_constant_of_the_shape_term():
    """The shape term's gradient is that of the projections over σ, where σ is held; no scaling lies in it."""
    theta = random_directions(5, 4, generator=seeded(2), dtype=torch.float64)
    h = rows().requires_grad_()
    (gradient,) = torch.autograd.grad(visreg_loss(h, directions=theta, scale=0, centre=0), h)
    held = rows()
    deviation = held.std(dim=0, correction=0)

    def shape_term(values: torch.Tensor) -> torch.Tensor:
        projections = ((values - values.mean(dim=0)) / deviation @ theta.T).sort(dim=0).values
        quantiles = torch.from_numpy(norm.ppf(np.arange(1, 61) / 61)).unsqueeze(1)
        return (projections - quantiles).square().mean()

    leaf = held.clone().requires_grad_()
    (expected,) = torch.autograd.grad(shape_term(leaf), leaf)
    torch.testing.assert_close(gradient, expected)


def test_other_terms_have_the_gradients_of_their_values():
    h = rows(12, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda h: visreg_loss(h, shape=0), h)


@pytest.mark.parametrize("n", [64, 256, 1024])
@pytest.mark.parametrize("size", [1e-3, 5e-3, 2e-2, 5e-2, 0.2])
def test_from_how_small_a_batch_it_leads_out(n, size):
    """Outward where σ(1 − σ) > 1 − mean p q, as its two terms change with the logarithm of the scale."""
    h = torch.randn(n, 6, generator=seeded(), dtype=torch.float64)
    h = (size * (h - h.mean(dim=0)) / h.std(dim=0, correction=0)).requires_grad_()
    theta = random_directions(512, 6, generator=seeded(1), dtype=torch.float64)
    (gradient,) = torch.autograd.grad(visreg_loss(h, directions=theta, centre=0), h)
    along = -(gradient * h.detach()).sum().item()
    projections = np.sort((h.detach() / size @ theta.T).numpy(), axis=0)
    product = (projections * norm.ppf(np.arange(1, n + 1) / (n + 1))[:, None]).mean()
    square = (projections**2).mean()
    assert along == pytest.approx(2 * (size * (1 - size) - (square - product)), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("scale", [1e-1, 1e-2, 1e-3])
def test_the_gradient_outlives_a_collapse_and_that_of_sigreg_does_not(scale):
    """A batch about 0: SIGReg's outward pull shrinks with it, VISReg's does not."""
    batch = torch.randn(256, 8, generator=seeded(), dtype=torch.float64)
    batch -= batch.mean(dim=0)

    def pull(loss, size: float) -> float:
        h = (size * batch).requires_grad_()
        (gradient,) = torch.autograd.grad(loss(h, generator=seeded()), h)
        return gradient.norm().item()

    small, smaller = pull(visreg_loss, scale), pull(visreg_loss, scale / 10)
    assert smaller > 0.8 * small
    assert pull(sigreg_loss, scale / 10) < 0.2 * pull(sigreg_loss, scale)


def test_a_batch_that_has_collapsed_to_a_point_is_not_pulled():
    """Like all of them: nothing says where to go."""
    h = torch.zeros(16, 4, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(visreg_loss(h, generator=seeded(), shape=0), h)
    assert gradient.abs().max() == 0


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"scale": -1.0}, "scale must be a finite number of at least 0; received -1.0. The published code has 1."),
        ({"shape": float("nan")}, "shape must be"),
        ({"centre": "1"}, "centre must be"),
        ({"slices": 0}, "slices"),
    ],
)
def test_refused(more, message):
    with pytest.raises(InvalidInputError, match=message):
        visreg_loss(rows(), **more)
