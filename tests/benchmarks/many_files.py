"""What it takes to inspect a folder of 100,000 files: python -m tests.benchmarks.many_files [FILES]."""

import io
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from analysis.dumps import inspect
from analysis.dumps.summary import Summary

LAYERS = 1_000
ROWS, UNITS = 4, 16
MOST_SECONDS, MOST_MEGABYTES = 10, 500


def main() -> None:
    files = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    for name in (layer_at_epoch, vector):
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), files, name)
            start, used = time.perf_counter(), time.process_time()
            found = inspect(folder)
            seconds, used = time.perf_counter() - start, time.process_time() - used
            print(f"\n{Summary.of(found).sentence()}")
        print(f"    {seconds:.1f} s, of the processor {used:.1f} s   aim <= {MOST_SECONDS}")
        print(f"    peak memory {peak():.0f} MB   aim <= {MOST_MEGABYTES}")


def layer_at_epoch(number: int) -> tuple[str, tuple[int, ...]]:
    """Name and shape: a layer at an epoch each."""
    return f"epoch_{number // LAYERS}/layer_{number % LAYERS}.npy", (ROWS, UNITS)


def vector(number: int) -> tuple[str, tuple[int, ...]]:
    """Name and shape: samples of one layer."""
    return f"img_{number:08d}.npy", (UNITS,)


def write(folder: Path, files: int, name: Callable[[int], tuple[str, tuple[int, ...]]]) -> None:
    """So many files of zeros."""
    content = io.BytesIO()
    np.save(content, np.zeros(name(0)[1], np.float32))
    for number in range(files):
        file = folder / name(number)[0]
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content.getvalue())


def peak() -> float:
    """The most memory that this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    main()
