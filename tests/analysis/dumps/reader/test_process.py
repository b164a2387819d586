"""The reading process: bounded in memory and time, restarted when it dies, and gone when nobody needs it."""

import os
import signal
import sys
import threading
import time

import h5py
import numpy as np
import pytest
import torch

from analysis.dumps import ReadingLimits, inspect
from analysis.dumps.formats import csv_format
from analysis.dumps.reader import worker
from analysis.dumps.reader.pool import READER, ReaderPool
from per_core.errors import BudgetError, InvalidInputError
from tests import processes
from tests.analysis.dumps.dump_files import FIRST, write
from tests.waiting import wait_for

pytestmark = pytest.mark.long


def test_one_process_serves_many_requests_and_is_restarted_after_its_death(tmp_path):
    path = write(tmp_path, "layers.pt")
    reader = ReaderPool()
    assert reader.pids == ()
    try:
        limits = ReadingLimits()
        reader.list_entries("torch_format", path, limits)
        (first,) = reader.pids
        reader.list_entries("torch_format", path, limits)
        assert reader.pids == (first,)
        os.kill(first, signal.SIGKILL)
        rows = reader.read_rows("torch_format", path, "activations/features.6", 0, 6, limits)
        np.testing.assert_array_equal(rows, FIRST)
        (second,) = reader.pids
        assert second != first
    finally:
        reader.close()
    assert reader.pids == ()


def test_a_file_that_kills_the_process_twice_is_refused(tmp_path):
    """Killed from outside whenever it lives, as no file is known that does it."""
    path, reader, is_over = write(tmp_path, "layers.pt"), ReaderPool(1), threading.Event()

    def kill():
        while not is_over.wait(0.01):
            for pid in reader.pids:
                os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    try:
        reader.list_entries("torch_format", path, ReadingLimits())
        os.kill(reader.pids[0], signal.SIGSTOP)  # so that it does not answer before it is killed
        killer.start()
        with pytest.raises(InvalidInputError, match=r"layers.pt was killed by signal 9 \(SIGKILL\)\. It is damaged"):
            reader.list_entries("torch_format", path, ReadingLimits())
        is_over.set()
        killer.join()
        assert len(reader.list_entries("torch_format", path, ReadingLimits())) == 2
    finally:
        is_over.set()
        reader.close()


def test_time_is_bounded(tmp_path):
    reader = ReaderPool(1)
    try:
        reader.list_entries("torch_format", write(tmp_path, "layers.pt"), ReadingLimits())
        os.kill(reader.pids[0], signal.SIGSTOP)
        with pytest.raises(BudgetError, match=r"layers.pt may take 0.5 s; it took longer and was stopped"):
            reader.list_entries("torch_format", tmp_path / "layers.pt", ReadingLimits(seconds=0.5))
        assert reader.pids == ()
    finally:
        reader.close()


def test_each_of_many_parts_has_its_time_and_no_watch_of_its_own(monkeypatch):
    """The process ends itself no earlier than its reader would end it, and at most the grace later."""
    now, ends = [100.0], []
    monkeypatch.setattr(worker.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(worker.faulthandler, "dump_traceback_later", lambda seconds, **_: ends.append(now[0] + seconds))
    watch = worker.Watch()
    for part in range(1000):
        now[0] = 100 + part / 100
        watch.begin(60.0)
        assert now[0] + 60 < ends[-1] <= now[0] + 60 + worker.GRACE
    assert len(ends) <= 11


def test_text_is_read_within_the_time_of_the_process_too(tmp_path):
    path = write(tmp_path, "layer.csv")
    assert inspect(path).readable
    for pid in READER.pids:
        os.kill(pid, signal.SIGSTOP)
    path.write_text("1;2\n" * 1000)
    (member,) = inspect(path, limits=ReadingLimits(seconds=0.5)).members
    assert "layer.csv may take 0.5 s; it took longer and was stopped" in member.reason


def test_text_is_parsed_once_while_the_file_is_as_it_was(tmp_path, monkeypatch):
    parsed = []
    candidates = csv_format.candidates
    monkeypatch.setattr(csv_format, "candidates", lambda path: parsed.append(path) or candidates(path))
    path, limits = write(tmp_path, "layer.csv"), ReadingLimits()
    time.sleep(0.1)  # the clock of the file system ticks
    csv_format.list_entries(path, limits)
    for start in range(4):
        np.testing.assert_allclose(csv_format.read_rows(path, "", start, start + 2, limits), FIRST[start : start + 2])
    assert len(parsed) == 1
    path.write_text(path.read_text().replace("a,b", "x,y"))
    for _ in range(2):  # of the same size, and written just now: nothing is taken for granted
        csv_format.list_entries(path, limits)
    assert len(parsed) == 3


def test_memory_is_bounded_and_the_next_file_is_read(tmp_path):
    with h5py.File(tmp_path / "large.h5", "w") as file:
        file.create_dataset("x", data=np.zeros((64, 2**20), np.float32), chunks=(64, 2**20), compression="gzip")
    torch.save({"x": torch.zeros(64, 2**20)}, tmp_path / "large.pt", _use_new_zipfile_serialization=False)
    limits = ReadingLimits(process_bytes=100_000_000)
    with pytest.raises(BudgetError, match=r"Reading large.h5 may take 100 MB of memory; it needs more"):
        inspect(tmp_path / "large.h5", limits=limits).load()
    (old,) = inspect(tmp_path / "large.pt", limits=limits).members
    assert "old format are read whole, up to 25 MB" in old.reason
    assert inspect(write(tmp_path, "layers.h5"), limits=limits).readable
    assert inspect(tmp_path / "large.h5").load(rows=range(2)).n == 2


def test_threads_take_turns(tmp_path):
    paths = [write(tmp_path, name) for name in ("layers.pt", "layers.h5", "layers.parquet")] * 3
    found = []
    threads = [threading.Thread(target=lambda path=path: found.append(len(inspect(path).readable))) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [2] * 9


def test_the_process_ends_with_the_one_that_started_it(tmp_path):
    script = (
        "import os, sys\n"
        "from analysis.dumps import inspect\n"
        "from analysis.dumps.reader.pool import READER\n"
        "inspect(sys.argv[1])\n"
        "print(*READER.pids, flush=True)\n"
        "os._exit(0)\n"  # no goodbye
    )
    path = write(tmp_path, "layers.pt")
    run = processes.run([sys.executable, "-c", script, path], check=True)
    wait_for(lambda: not processes.is_alive(int(run.stdout)))


def test_inspecting_numpy_and_safetensors_starts_no_process_and_loads_no_library(tmp_path):
    script = (
        "import sys\n"
        "from analysis.dumps import inspect, load\n"
        "from analysis.dumps.reader.pool import READER\n"
        "for path in sys.argv[1:]: inspect(path).members\n"
        "print(READER.pids, sorted({'h5py', 'pyarrow', 'streamlit'} & set(sys.modules)))\n"
    )
    paths = [str(write(tmp_path, name)) for name in ("layer.npy", "layers.npz", "layers.safetensors")]
    run = processes.run([sys.executable, "-c", script, *paths], check=True)
    assert run.stdout.strip() == "() []"


def test_the_process_starts_without_the_libraries_of_formats():
    script = (
        "import sys\n"
        "import analysis.dumps.reader.worker\n"
        "print(sorted({'torch', 'h5py', 'pyarrow', 'pandas', 'scipy', 'streamlit'} & set(sys.modules)))\n"
    )
    assert processes.run([sys.executable, "-c", script], check=True).stdout.strip() == "[]"


def test_the_shared_process_stays_usable(tmp_path):
    inspect(write(tmp_path, "layers.h5"))
    assert READER.pids
