"""What the tests of the callbacks train, and how they look at what became of it."""

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, TensorDataset

from analysis.runs.library import RunEntry, RunLibrary
from per_core import open_run
from tests.per_core.recording.recorded import draw


def network() -> nn.Sequential:
    """With all that a pass can disturb: running statistics and random numbers."""
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2))


def samples() -> Dataset[tuple[Tensor, ...]]:
    return TensorDataset(draw(24, 4), torch.arange(24) % 2)


def are_the_same(one: nn.Module, other: nn.Module) -> bool:
    """Bit for bit."""
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(mine, yours) for mine, yours in pairs)


def entry(run: Path) -> RunEntry:
    """What the page Train lists."""
    return RunLibrary(run.parent).entry(run.name)


def epochs(run: Path) -> list[float]:
    return [record.epoch for record in open_run(run).records]


def scalars(run: Path) -> list[set[str]]:
    return [set(record.scalars) for record in open_run(run).records]


def means(run: Path, layer: str) -> Iterable[float]:
    return [record.layers[layer].mean for record in open_run(run).records]
