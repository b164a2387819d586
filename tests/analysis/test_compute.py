"""Computations beside the server: the same answers and errors, told waits, dropped work, processes that die and end."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from analysis import compute as compute_module
from analysis.compute import PROCESSES_VARIABLE, ComputePool, compute, process_count
from analysis.distances.bound import read_bound
from analysis.process import resident_memory
from analysis.samples import SampleSpec, draw, figure1
from analysis.waiting import Wait, waiting_told
from per_core.errors import BudgetError, InvalidInputError
from tests import processes
from tests.waiting import wait_for

pytestmark = pytest.mark.long

CHILD = """
import os, signal, sys
import psutil
from analysis.compute import POOL, process_count
POOL.compute(process_count)
print(*[child.pid for child in psutil.Process().children(recursive=True)], flush=True)
if sys.argv[1] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
"""


class LeftError(Exception):
    """Whoever waited has moved on."""


@pytest.fixture(scope="module")
def shared_pool() -> Iterator[ComputePool]:
    """The pool of all tests: its processes take a second or two to start, and those that tests kill are replaced."""
    pool = ComputePool()
    yield pool
    pool.close()


@pytest.fixture
def pool(shared_pool: ComputePool, monkeypatch: pytest.MonkeyPatch) -> ComputePool:
    """It computes one thing at a time, so that what is asked second waits."""
    monkeypatch.setenv(PROCESSES_VARIABLE, "1")
    return shared_pool


def stopped(pool: ComputePool) -> psutil.Process:
    """The pool's process, which stands still."""
    process = psutil.Process(pool.compute(os.getpid))
    process.suspend()
    return process


def test_the_answer_and_the_error_are_those_of_the_function() -> None:
    batch = figure1("c", 500)
    assert compute(read_bound, batch, slices=16) == read_bound(batch, slices=16)
    with pytest.raises(InvalidInputError) as beside:
        compute(figure1, "e", 500)
    with pytest.raises(InvalidInputError) as here:
        figure1("e", 500)
    assert str(beside.value) == str(here.value)


def test_batches_are_the_same_on_the_other_side() -> None:
    batch = compute(draw, SampleSpec(n=100))
    assert batch.fingerprint == draw(SampleSpec(n=100)).fingerprint
    assert not batch.values.flags.writeable
    assert batch.tensor.shape == (100, 2)


def test_it_is_computed_elsewhere_with_one_thread(pool: ComputePool) -> None:
    assert pool.compute(os.getpid) != os.getpid()
    assert pool.compute(os.getenv, "OMP_NUM_THREADS") == "1"


def test_an_operator_may_want_no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROCESSES_VARIABLE, "0")
    monkeypatch.setattr(compute_module, "POOL", None)
    assert compute(resident_memory) > 0
    monkeypatch.setenv(PROCESSES_VARIABLE, "two")
    with pytest.raises(InvalidInputError, match=r"PERSCOPE_PROCESSES must be a whole number, 0 .*; received 'two'"):
        process_count()


def test_a_function_of_a_page_is_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"Only functions of analysis .*; received stopped of .*test_compute"):
        compute(stopped, ComputePool())


def test_who_waits_is_told_what_comes_before(pool: ComputePool) -> None:
    process, waits = stopped(pool), list[Wait | None]()
    threads = [threading.Thread(target=pool.compute, args=(os.getpid,)) for _ in range(4)]  # one of them begins
    for thread in threads:
        thread.start()
    wait_for(lambda: pool.waiting == len(threads) - 1)

    def tell(wait: Wait | None) -> None:
        waits.append(wait)
        if len(waits) == 2:
            process.resume()

    with waiting_told(tell):
        assert pool.compute(os.getpid) == process.pid
    assert [wait is None for wait in waits] == [False] * (len(waits) - 1) + [True]
    assert waits[0].ahead == len(threads) - 1
    assert 0.5 <= waits[0].seconds < waits[1].seconds
    for thread in threads:
        thread.join()


def test_what_nobody_waits_for_any_more_is_dropped_before_it_begins(pool: ComputePool, tmp_path) -> None:
    process = stopped(pool)
    running = [threading.Thread(target=pool.compute, args=(os.getpid,)) for _ in range(2)]
    for thread in running:
        thread.start()
    wait_for(lambda: pool.waiting == len(running) - 1)

    def leave(_: Wait | None) -> None:
        raise LeftError

    with pytest.raises(LeftError), waiting_told(leave):
        pool.compute(os.mkdir, str(tmp_path / "dropped"))
    assert pool.waiting == len(running) - 1
    process.resume()
    for thread in running:
        thread.join()
    assert pool.compute(os.getpid) == process.pid
    assert not (tmp_path / "dropped").exists()


def test_a_process_that_died_is_replaced(pool: ComputePool) -> None:
    first = pool.compute(os.getpid)
    os.kill(first, signal.SIGKILL)
    assert pool.compute(os.getpid) not in (first, os.getpid())


def test_what_kills_its_process_twice_is_an_error(pool: ComputePool) -> None:
    with pytest.raises(BudgetError, match=r"must fit into the server's memory; .* was ended twice\. Take fewer rows"):
        pool.compute(os._exit, 1)
    assert pool.compute(os.getpid) != os.getpid()


def test_what_kills_its_process_harms_no_other(pool: ComputePool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROCESSES_VARIABLE, "2")
    innocent = psutil.Process(pool.compute(os.getpid))
    innocent.suspend()
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(pool.compute, os.getpid)
        wait_for(lambda: pool._busy)
        with pytest.raises(BudgetError, match="ended twice"):
            pool.compute(os._exit, 1)
        innocent.resume()
        assert answer.result() == innocent.pid


def test_a_timeout_of_the_function_itself_is_its_answer(pool: ComputePool) -> None:
    with pytest.raises(TimeoutError, match="its own"):
        pool.compute(exec, 'raise TimeoutError("its own")')


@pytest.mark.parametrize("end", ["killed", "ended"])
def test_no_process_is_left_behind(end: str) -> None:
    with processes.running([sys.executable, "-c", CHILD, end], stdout=subprocess.PIPE, text=True) as parent:
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        parent.wait()
        assert pids
        wait_for(lambda: not any(processes.is_alive(pid) for pid in pids))
        parent.stdout.close()
