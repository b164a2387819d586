"""Where the gradient flows of PER, SW1 and the energy loss lead, from a skewed batch."""

import math

import pytest
import torch

from per_core import energy_loss, per_loss, sliced_w1
from tests.per_core.flow import follow, skewed_batch

N = 512


def circle(count: int) -> torch.Tensor:
    angle = (torch.arange(count, dtype=torch.float64) + 0.5) * math.pi / count
    return torch.stack([angle.cos(), angle.sin()], dim=1)


def distance(h: torch.Tensor) -> float:
    """SW1 on directions that no flow was given."""
    return sliced_w1(h, directions=circle(45)).value.item()


@pytest.fixture(scope="module")
def floor() -> torch.Tensor:
    """SW1 of batches that are N(0, I)."""
    generator = torch.Generator().manual_seed(1)
    batches = torch.randn(40, N, 2, generator=generator, dtype=torch.float64)
    return torch.tensor([distance(batch) for batch in batches])


def test_per_shrinks_the_batch_to_nothing():
    h = follow(per_loss, skewed_batch(N), steps=200, rate=0.3 * N)
    assert h.abs().max() < 1e-3


def test_sw1_reaches_the_standard_normal(floor):
    start = skewed_batch(N)
    assert distance(start) > floor.max()
    directions = circle(32)
    h = start
    for rate in (0.3, 0.03):  # the size of the gradient does not shrink at the target: the steps have to
        h = follow(lambda h: sliced_w1(h, directions=directions).value, h, steps=150, rate=rate * N)
    assert distance(h) < floor.min()


def test_energy_reaches_the_standard_normal(floor):
    start = skewed_batch(N)
    h = follow(energy_loss, start, steps=200, rate=0.5 * N)
    assert distance(h) < floor.min()
    assert energy_loss(h) < 0.1 / (N * math.sqrt(math.pi)) < energy_loss(start)
