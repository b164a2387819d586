"""The same pass on a real Dask cluster: a scheduler and two workers, processes of this machine."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from analysis.__main__ import main
from analysis.one_pass import PassSpec, run_pass, scheduling
from per_core.errors import InvalidInputError
from tests import processes
from tests.analysis.one_pass.test_partial_statistics import assert_identical
from tests.waiting import wait_for

pytestmark = pytest.mark.long

SPEC = PassSpec(slices=16)


@dataclass
class Cluster:
    address: str
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]


def dask(*arguments: str, log: Path) -> subprocess.Popen[bytes]:
    local = ("--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0", "--no-dashboard")
    command = [sys.executable, "-m", "dask", *arguments, *local]
    environment = os.environ | {"PYTHONPATH": str(processes.ROOT), "OMP_NUM_THREADS": "1"}
    with log.open("wb") as file:
        return processes.start(command, cwd=log.parent, env=environment, stdout=file, stderr=file)


def end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.kill()
    for process in processes:
        process.wait()


@pytest.fixture
def start_cluster(tmp_path) -> Iterator:
    started: list[subprocess.Popen[bytes]] = []

    def start(workers: int) -> Cluster:
        log = tmp_path / "scheduler.log"
        scheduler = dask("scheduler", "--port", "0", log=log)
        started.append(scheduler)
        address = line_with("Scheduler at:", log, scheduler).split()[-1]
        running = []
        for number in range(workers):
            log = tmp_path / f"worker-{number}.log"
            options = ("--no-nanny", "--nthreads", "1", "--local-directory", str(tmp_path))
            running.append(dask("worker", address, *options, log=log))
            started.append(running[-1])
        for number, worker in enumerate(running):
            line_with("Registered to:", tmp_path / f"worker-{number}.log", worker)
        return Cluster(address, scheduler, running)

    yield start
    end(started)


def line_with(words: str, log: Path, process: subprocess.Popen[bytes]) -> str:
    """The line of a process's log that holds these words, once it is there."""

    def found() -> list[str]:
        return [line for line in log.read_text(errors="replace").splitlines() if words in line]

    wait_for(lambda: found() or process.poll() is not None)
    assert found(), log.read_text(errors="replace")
    return found()[0]


def shards(folder: Path, count: int = 7, rows: int = 300) -> Path:
    folder.mkdir()
    random = np.random.default_rng(2)
    for number in range(count):
        np.save(folder / f"part-{number}.npy", random.standard_t(3, (rows, 20)).astype(np.float32))
    return folder


def test_two_workers_find_what_threads_find_and_outlive_one_that_dies(start_cluster, tmp_path, capsys):
    cluster = start_cluster(2)
    folder = shards(tmp_path / "shards")
    alone = run_pass(folder, SPEC, workers=1, piece_bytes=80 * 64).statistics
    seen = []
    found = run_pass(
        folder, SPEC, scheduler=cluster.address, piece_bytes=80 * 64, on_progress=lambda *now: seen.append(now)
    ).statistics
    assert_identical(found, alone)
    for name in ("mean", "m2", "m3", "m4"):
        np.testing.assert_array_equal(getattr(found.moments, name), getattr(alone.moments, name))
        np.testing.assert_array_equal(getattr(found.row_moments, name), getattr(alone.row_moments, name))
    np.testing.assert_array_equal(found.projections.above.excess, alone.projections.above.excess)
    assert found.distance().lower == alone.distance().lower
    assert seen[0] == (0, 33)
    assert seen[-1] == (33, 33)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)

    assert main(["measure", str(folder), "--scheduler", cluster.address, "--directions", "16"]) == 0
    assert "2,100 rows of 20 units in 1 member" in capsys.readouterr().out

    (folder / "part-3.npy").write_bytes(b"\x93NUMPY damaged")
    assert main(["measure", str(folder), "--scheduler", cluster.address]) == 1
    captured = capsys.readouterr()
    assert "1,800 rows of 20 units in 1 member" in captured.out
    assert "left out: part-3.npy: A .npy file" in captured.out

    end(cluster.workers[:1])
    (folder / "part-3.npy").unlink()
    assert run_pass(folder, SPEC, scheduler=cluster.address).statistics.n == 1800


def test_a_cluster_whose_workers_have_died_is_an_error(start_cluster, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(scheduling, "PATIENCE_SECONDS", 1)
    cluster = start_cluster(1)
    folder = tmp_path / "large"
    folder.mkdir()
    with (folder / "zeros.npy").open("wb") as file:  # 4 GB that take no space
        header = {"descr": "<f4", "fortran_order": False, "shape": (2**22, 256)}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + 2**32)

    def kill(done: int, _total: int) -> None:
        if done:
            cluster.workers[0].send_signal(signal.SIGKILL)

    with pytest.raises(InvalidInputError, match=r"must last until the pass is over; .*it had no worker for 1 s"):
        run_pass(folder, SPEC, scheduler=cluster.address, on_progress=kill)
    end([cluster.scheduler])
    monkeypatch.setattr(scheduling, "CONNECT_SECONDS", 1)
    assert main(["measure", str(folder), "--scheduler", cluster.address]) == 2
    assert "does not answer" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["nonsense", "tcp://127.0.0.1:1", "smoke://127.0.0.1:80", ""])
def test_an_address_that_is_none(tmp_path, monkeypatch, address):
    monkeypatch.setattr(scheduling, "CONNECT_SECONDS", 1)
    with pytest.raises(InvalidInputError, match="A scheduler is the address of a running Dask scheduler"):
        run_pass(shards(tmp_path / "shards", 1), SPEC, scheduler=address)
