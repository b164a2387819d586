"""SIGReg: against the closed form of its integral, its mean at the target, and its derivatives."""

import math

import pytest
import torch

from per_core import InvalidInputError, sigreg_loss
from per_core.directions import random_directions
from per_core.sigreg import sigreg_period


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def closed_form(p: torch.Tensor) -> torch.Tensor:
    """The integral over the whole line, from pairwise differences: every factor under it is a Gaussian."""
    n = len(p)
    pairs = torch.exp(-(p.unsqueeze(1) - p).square() / 2).sum() * math.sqrt(2 * math.pi) / n
    cross = torch.exp(-p.square() / 4).sum() * 2 * math.sqrt(math.pi)
    return pairs - cross + n * math.sqrt(2 * math.pi / 3)


@pytest.mark.parametrize(("knots", "tolerance"), [(17, 1e-4), (16, 1e-4), (201, 1e-5)])
def test_agrees_with_the_closed_form(knots, tolerance):
    h = normal(50, 3) * 0.7 + 0.2
    directions = random_directions(7, 3, generator=seeded(1), dtype=torch.float64)
    expected = torch.stack([closed_form(h @ theta) for theta in directions]).mean()
    loss = sigreg_loss(h, knots=knots, directions=directions)
    torch.testing.assert_close(loss, expected, rtol=tolerance, atol=0)


@pytest.mark.parametrize("n", [1, 100])
def test_its_mean_at_the_target(n):
    target = math.sqrt(2 * math.pi) - math.sqrt(2 * math.pi / 3)
    assert target == pytest.approx(1.06, abs=1e-3)
    batches = normal(500, n, 4)
    losses = torch.stack([sigreg_loss(h, slices=8, generator=seeded()) for h in batches])
    assert losses.mean().item() == pytest.approx(target, abs=4 * losses.std().item() / math.sqrt(len(losses)))


def test_larger_away_from_the_target():
    at_target = sigreg_loss(normal(500, 4), generator=seeded())
    for other in (torch.zeros(500, 4), normal(500, 4) * 2, normal(500, 4) + 1, normal(500, 4).exp()):
        assert sigreg_loss(other, generator=seeded()) > 3 * at_target


def test_the_defaults_are_256_slices_and_17_knots():
    h = normal(20, 3)
    assert sigreg_loss(h, generator=seeded()) == sigreg_loss(h, slices=256, knots=17, generator=seeded())
    theta = random_directions(256, 3, generator=seeded(), dtype=torch.float64)
    assert sigreg_loss(h, generator=seeded()) == sigreg_loss(h, directions=theta)


@pytest.mark.parametrize(
    ("knots", "limit", "period"), [(17, 5.0, 10.053), (33, 3.0, 33.510), (9, 2.0, 4 * math.pi), (4, 3.0, 2 * math.pi)]
)
def test_the_statistic_is_periodic_in_every_projection(knots, limit, period):
    assert sigreg_period(knots=knots, limit=limit) == pytest.approx(period, abs=1e-3)
    h = normal(20, 1)
    moved = h.clone()
    moved[3] += sigreg_period(knots=knots, limit=limit)
    options = {"knots": knots, "limit": limit, "directions": torch.ones(1, 1, dtype=torch.float64)}
    torch.testing.assert_close(sigreg_loss(moved, **options), sigreg_loss(h, **options))
    moved[3] -= 0.4 * sigreg_period(knots=knots, limit=limit)
    assert abs(sigreg_loss(moved, **options) - sigreg_loss(h, **options)) > 1e-3


def test_where_rows_far_out_are_pulled():
    """17 knots on [−5, 5]: outward at 9, inward at 10.5. 33 on [−3, 3]: next to nothing at either, outward at 30."""

    def outward(r: float, **options: float) -> float:
        row = torch.tensor([[r]], dtype=torch.float64, requires_grad=True)
        loss = sigreg_loss(row, directions=torch.ones(1, 1), **options)
        return -torch.autograd.grad(loss, row)[0].item()

    present = {"knots": 33, "limit": 3.0}
    assert outward(2) == pytest.approx(outward(2, **present), rel=1e-4)
    assert outward(2) < -1
    assert outward(9) > 1
    assert outward(10.5) < -0.5
    for r in (9, 10.5):
        assert abs(outward(r, **present)) < 1e-3
    assert outward(30, **present) > 0.2 > 0 > outward(35, **present)


def test_33_knots_up_to_3_are_twice_17_knots_from_0_to_3():
    """As the authors' present code has it: the trapezoid rule on [0, 3], doubled."""
    h = normal(30, 1)
    t = torch.linspace(0, 3, 17, dtype=torch.float64)
    gaussian = torch.exp(-t.square() / 2)
    angles = h * t
    gap = (angles.cos().mean(dim=0) - gaussian).square() + angles.sin().mean(dim=0).square()
    expected = 30 * 2 * torch.trapezoid(gap * gaussian, t)
    torch.testing.assert_close(sigreg_loss(h, knots=33, limit=3.0, directions=torch.ones(1, 1)), expected)


@pytest.mark.parametrize("knots", [4, 17])
def test_gradients(knots):
    h = normal(6, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda h: sigreg_loss(h, slices=4, knots=knots, generator=seeded()), h)
    assert torch.autograd.gradgradcheck(lambda h: sigreg_loss(h, slices=2, knots=4, generator=seeded()), h)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_short_dtypes_are_computed_in_float32(dtype):
    h = normal(20, 4).to(dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = sigreg_loss(h, generator=seeded())
    assert loss.dtype == torch.float32
    assert torch.equal(loss, sigreg_loss(h.float(), generator=seeded()))


@pytest.mark.parametrize(
    ("h", "options", "message"),
    [
        (torch.zeros(4), {}, r"shape \(n, d\); received shape \(4,\)"),
        (torch.full((2, 2), math.nan), {}, "received 4 NaN"),
        (torch.zeros(4, 2), {"knots": 1}, "knots must be at least 2, both ends; received 1"),
        (torch.zeros(4, 2), {"knots": 2.5}, "knots must be an integer of at least 1; received 2.5"),
        (torch.zeros(4, 2), {"limit": 0}, "limit must be a finite number above 0; received 0"),
        (torch.zeros(4, 2), {"slices": 0}, "slices must be an integer of at least 1; received 0"),
        (torch.zeros(4, 2), {"directions": torch.eye(3)}, r"shape \(k, 2\); received shape \(3, 3\)"),
    ],
)
def test_refused(h, options, message):
    with pytest.raises(InvalidInputError, match=message):
        sigreg_loss(h, **options)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_cuda_parity(dtype):
    h = normal(300, 20).to(dtype)
    on_device = sigreg_loss(h.cuda(), generator=seeded())
    assert on_device.device.type == "cuda"
    torch.testing.assert_close(on_device.cpu(), sigreg_loss(h, generator=seeded()), atol=1e-4, rtol=1e-4)
