"""Peak memory of one workload, in a fresh process: python -m tests.benchmarks.memory WORKLOAD DEVICE [--quick]."""

import subprocess
import sys
from pathlib import Path

import torch

from tests.benchmarks.workloads import (
    DISTANCE,
    GRADIENT,
    QUICK_DISTANCE,
    Size,
    Workloads,
    distance_workloads,
    gradient_workloads,
)


def workloads(device: str, distance: Size) -> Workloads:
    """All of them by name."""
    return distance_workloads(distance, device) | gradient_workloads(GRADIENT, device)


def peak_of(name: str, device: str, *, quick: bool) -> float:
    """MiB that the workload adds to what its inputs take."""
    command = [sys.executable, "-m", "tests.benchmarks.memory", name, device, *(["--quick"] if quick else [])]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _measure(name: str, device: str, distance: Size) -> float:
    _warm(name, device)
    workload = workloads(device, distance)[name]
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        workload()
        torch.cuda.synchronize()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    before = _high_water()
    workload()
    return (_high_water() - before) / 2**10


def _warm(name: str, device: str) -> None:
    """Load the code a workload runs, on inputs too small to count."""
    small = Size(50, 256, 8)
    (distance_workloads(small, device) | gradient_workloads(Size(2, GRADIENT.d, 8), device))[name]()


def _high_water() -> int:
    """The most memory that this process has held, in KiB, as Linux counts it.

    getrusage would say the same but for processes that were started by a larger one.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


if __name__ == "__main__":
    print(_measure(sys.argv[1], sys.argv[2], QUICK_DISTANCE if "--quick" in sys.argv else DISTANCE))
