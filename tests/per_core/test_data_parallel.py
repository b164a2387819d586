"""What averaging gradients over two real processes does to each reduction."""

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from per_core import PER
from tests.ranks import RANKS, train_together

pytestmark = pytest.mark.long


def network(weight: float, reduction: str) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.ELU(), PER(weight, reduction=reduction), nn.Linear(4, 1)).double()


def batch() -> torch.Tensor:
    return torch.randn(8, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def gradients(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    model.zero_grad()
    model(x).square().mean().backward()
    return torch.cat([p.grad.flatten() for p in model.parameters()])


def train_one_step(rank: int, folder: Path) -> None:
    share = batch().chunk(RANKS)[rank]
    found = {}
    for reduction in ("mean", "sum"):
        for weight in (0.0, 0.5):
            found[reduction, weight] = gradients(DistributedDataParallel(network(weight, reduction)), share)
    if rank == 0:
        torch.save(found, folder / "gradients.pt")


@pytest.fixture(scope="module")
def averaged(tmp_path_factory):
    folder: Path = tmp_path_factory.mktemp("ranks")
    train_together(train_one_step, folder)
    return torch.load(folder / "gradients.pt")


@pytest.mark.parametrize(("reduction", "factor"), [("mean", 1), ("sum", 1 / RANKS)])
def test_average_over_ranks(averaged, reduction, factor):
    """ "mean" gives what one process gives on the joined batch; "sum" gives that over the number of ranks."""
    alone = {weight: gradients(network(weight, reduction), batch()) for weight in (0.0, 0.5)}
    torch.testing.assert_close(averaged[reduction, 0.0], alone[0.0])
    term = alone[0.5] - alone[0.0]
    assert term.abs().max() > 1e-3
    torch.testing.assert_close(averaged[reduction, 0.5] - averaged[reduction, 0.0], factor * term)
