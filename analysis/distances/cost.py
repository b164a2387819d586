"""What the exact distance and its bound cost on this machine."""

from __future__ import annotations

import platform
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from per_core import per_gradient, sliced_w1


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds that one gradient took: median, smallest and largest of the repeats."""

    method: str
    n: int
    median: float
    fastest: float
    slowest: float


SIZES = (256, 1024, 4096, 16384)
SLICES = 256
REPEATS = 5
_ALONE = threading.Lock()  # two timings at once would time each other


def time_gradients(n: int, d: int, *, repeats: int = REPEATS) -> list[Timing]:
    """Time the gradient of exact PER, of Algorithm 1 and of exact SW1 (both 256 slices) on a batch (n, d)."""
    batch = torch.randn(n, d, generator=torch.Generator().manual_seed(0))
    with _ALONE:
        return [
            _time("PER, exact", n, lambda: per_gradient(batch), repeats),
            _time("PER, Algorithm 1", n, lambda: per_gradient(batch, slices=SLICES), repeats),
            _time("SW1, exact", n, lambda: _sw1_gradient(batch), repeats),
        ]


def machine() -> str:
    """The processor and the number of threads that a timing was made with."""
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text(encoding="utf-8").splitlines() if listing.exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    name = model or platform.processor() or platform.machine()
    threads = torch.get_num_threads()
    return f"{name}, {threads} thread{'s' if threads > 1 else ''}"


def _sw1_gradient(batch: torch.Tensor) -> torch.Tensor:
    leaf = batch.detach().requires_grad_(True)
    return torch.autograd.grad(sliced_w1(leaf, slices=SLICES).value, leaf)[0]


def _time(method: str, n: int, run: Callable[[], torch.Tensor], repeats: int) -> Timing:
    run()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return Timing(method, n, statistics.median(seconds), min(seconds), max(seconds))
