"""What it takes to inspect a folder of 100,000 files: python -m tests.benchmarks.many_files [FILES [SUFFIX ...]]."""

import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil

from analysis.dumps import inspect
from analysis.dumps.reader.pool import READER
from analysis.dumps.summary import Summary

LAYERS = 1_000
ROWS, UNITS = 4, 16
MOST_SECONDS, MOST_MEGABYTES = 10, 500
CORES = 2


def main() -> None:
    files = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    for suffix in sys.argv[2:] or WRITERS:
        for name in (layer_at_epoch, vector):
            with tempfile.TemporaryDirectory() as folder:
                write(Path(folder), files, suffix, name)
                one = multiprocessing.get_context("spawn").Process(target=measure, args=(Path(folder),))
                one.start()
                one.join()


def measure(folder: Path) -> None:
    """Inspect a folder in a process that has done nothing else, and print what it took."""
    start, used = time.perf_counter(), time.process_time()
    found = inspect(folder)
    seconds, used = time.perf_counter() - start, time.process_time() - used
    others, memory = of_readers()
    print(f"\n{Summary.of(found).sentence()}")
    print(f"    {seconds:.1f} s   aim <= {MOST_SECONDS} on {CORES} cores")
    print(f"    of the processor {used:.1f} s, and {others:.1f} s in reading processes")
    print(f"    peak memory {peak():.0f} MB, and {memory:.0f} MB in reading processes   aim <= {MOST_MEGABYTES}")


def layer_at_epoch(number: int) -> tuple[str, tuple[int, ...]]:
    """Name without suffix, and shape: a layer at an epoch each."""
    return f"epoch_{number // LAYERS}/layer_{number % LAYERS}", (ROWS, UNITS)


def vector(number: int) -> tuple[str, tuple[int, ...]]:
    """Name without suffix, and shape: samples of one layer."""
    return f"img_{number:08d}", (UNITS,)


def write(folder: Path, files: int, suffix: str, name: Callable[[int], tuple[str, tuple[int, ...]]]) -> None:
    """So many files, each of values of its own."""
    random = np.random.default_rng(0)
    for number in range(files):
        stem, shape = name(number)
        file = folder / f"{stem}{suffix}"
        file.parent.mkdir(exist_ok=True)
        WRITERS[suffix](file, random.standard_normal(shape, np.float32))


def write_torch(path: Path, values: np.ndarray) -> None:
    """A tensor."""
    import torch  # not of the process that is measured

    torch.save(torch.from_numpy(values), path)


def write_hdf5(path: Path, values: np.ndarray) -> None:
    """A dataset."""
    import h5py

    with h5py.File(path, "w") as file:
        file["activations"] = values


WRITERS: dict[str, Callable[[Path, np.ndarray], None]] = {
    ".npy": np.save,
    ".pt": write_torch,
    ".h5": write_hdf5,
}


def of_readers() -> tuple[float, float]:
    """Seconds of the processor and megabytes of all reading processes."""
    processes = [psutil.Process(pid) for pid in READER.pids]
    times = [process.cpu_times() for process in processes]
    memory = [process.memory_info().rss for process in processes]
    return sum(time.user + time.system for time in times), sum(memory) / 1e6


def peak() -> float:
    """The most memory that this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    main()
