"""Shards larger than memory: the pass against reading and multiplying alone, and the memory that it takes."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

import numpy as np
import torch

from analysis.one_pass import PassSpec, run_pass, take_batches
from tests.benchmarks.timing import Seconds, interleave

PASS, FLOOR = "one pass, everything", "reading and multiplying by the directions"
SHARD_BYTES = 2**27
READ_BYTES = 2**24
HEADER_BYTES = 128  # of numpy.save
POLL_SECONDS = 0.02
LAYERS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "Gaussian": lambda z: z,
    "ELU": torch.nn.functional.elu,
    "ReLU": torch.relu,
}
LAYER_ROWS, LAYER_BATCHES = 20_000, 10


@contextmanager
def shards(gigabytes: float, d: int) -> Iterator[Path]:
    """A folder of .npy files of 128 MiB, float32 (n, d), that is removed afterwards."""
    random = np.random.default_rng(0)
    with TemporaryDirectory(prefix="perscope-bench-") as name:
        for number in range(max(2, round(gigabytes * 1e9 / SHARD_BYTES))):
            np.save(Path(name) / f"part-{number}.npy", random.standard_normal((SHARD_BYTES // 4 // d, d), np.float32))
        yield Path(name)


def read_and_multiply(folder: Path, directions: torch.Tensor, workers: int) -> None:
    """The least that anything on these directions must do, on as many threads: float32, 16 MiB at a time."""
    d = directions.shape[1]

    def one(path: Path) -> None:
        for offset in range(HEADER_BYTES, path.stat().st_size, READ_BYTES):
            rows = np.fromfile(path, np.float32, READ_BYTES // 4, offset=offset).reshape(-1, d)
            torch.from_numpy(rows) @ directions.T

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(one, sorted(folder.iterdir())))


def pass_times(folder: Path, spec: PassSpec, d: int, workers: int, rounds: int) -> Seconds:
    """Seconds of both, one torch thread a worker."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        directions = spec.directions(d)
        functions = {
            PASS: lambda: run_pass(folder, spec, workers=workers),
            FLOOR: lambda: read_and_multiply(folder, directions, workers),
        }
        return interleave(functions, rounds=rounds, turn=0.0, device="cpu")
    finally:
        torch.set_num_threads(threads)


def interval_width(layer: str, d: int, spec: PassSpec) -> float:
    """By how much the bounds of SW1 differ for 200,000 rows (n, d) of N(0, I) behind an activation function."""
    generator = torch.Generator().manual_seed(0)
    draws = (torch.randn(LAYER_ROWS, d, generator=generator) for _ in range(LAYER_BATCHES))
    distance = take_batches((LAYERS[layer](draw).numpy() for draw in draws), d, spec).distance()
    return distance.upper - distance.lower


def measured_in_a_process(folder: Path, spec: PassSpec, workers: int) -> tuple[dict[str, Any], float]:
    """What `python -m analysis measure` says of the folder, and the most memory that it and its children held, in MB.

    Each process counts with the most that it ever held, even if not all held it at once.
    """
    command = [sys.executable, "-m", "analysis", "measure", str(folder), "--json"]
    command += ["--directions", str(spec.slices), "--workers", str(workers)]
    peaks: dict[int, int] = {}
    with TemporaryFile() as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
        while process.poll() is None:
            for pid in _tree(process.pid):
                peaks[pid] = max(peaks.get(pid, 0), _high_water(pid))
            time.sleep(POLL_SECONDS)
        out.seek(0)
        return json.load(out), sum(peaks.values()) / 1e6


def _tree(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it has ended meanwhile
        return []
    return [pid, *(below for child in children for below in _tree(int(child)))]


def _high_water(pid: int) -> int:
    """The most memory that a process has held so far, in bytes, as Linux counts it."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = status.partition("VmHWM:")[2].split()
    return int(found[0]) * 1024 if found else 0
