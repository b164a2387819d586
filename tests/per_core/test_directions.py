"""Random directions: unit, uniform, reproducible."""

import pytest
import torch

from per_core.directions import random_directions


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("d", [1, 2, 500])
def test_rows_are_unit(d, dtype):
    directions = random_directions(40, d, generator=seeded(), dtype=dtype)
    assert directions.shape == (40, d)
    assert directions.dtype == dtype
    torch.testing.assert_close(directions.norm(dim=1), torch.ones(40, dtype=dtype))


def test_one_unit_has_two_directions():
    assert set(random_directions(100, 1, generator=seeded()).flatten().tolist()) == {-1.0, 1.0}


def test_uniform_on_the_sphere():
    """Mean 0 and covariance I/d, within five standard errors."""
    k, d = 20_000, 5
    directions = random_directions(k, d, generator=seeded(), dtype=torch.float64)
    assert directions.mean(dim=0).abs().max() < 5 * (1 / d / k) ** 0.5
    assert (directions.T @ directions / k - torch.eye(d) / d).abs().max() < 5 * (0.1 / k) ** 0.5


def test_the_generator_decides_and_the_global_one_is_left_alone():
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first, again = (random_directions(3, 4, generator=seeded(7)) for _ in range(2))
    assert torch.equal(first, again)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(first, random_directions(3, 4))
    assert not torch.equal(torch.get_rng_state(), state)
