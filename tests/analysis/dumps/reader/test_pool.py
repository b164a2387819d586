"""Reading processes beside each other: slow files keep no others waiting, everybody gets a turn, who waits is told."""

import os
import signal
import threading
from contextlib import contextmanager, suppress

import numpy as np
import pytest
import torch

from analysis.dumps import ReadingLimits
from analysis.dumps.reader.pool import SMALL, ReaderPool
from analysis.waiting import waiting_told
from per_core.errors import InvalidInputError
from tests.analysis.dumps.dump_files import FIRST, write
from tests.waiting import wait_for

pytestmark = pytest.mark.long
LIMITS = ReadingLimits()


@pytest.fixture
def pool():
    pool = ReaderPool(1)
    yield pool
    for pid in pool.pids:
        os.kill(pid, signal.SIGCONT)
    pool.close()


def table(path, size=SMALL + 1):
    """A text file of more or less than what counts as small."""
    path.parent.mkdir(exist_ok=True)
    path.write_text("1.5;2.5\n" * (size // 8 + 1))
    return path


@contextmanager
def stopped(pool):
    """All processes of a pool stand still, as if each read a file that takes for ever."""
    pids = pool.pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    yield
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


class Asking(threading.Thread):
    """A thread that lists a file, and notes that it is done."""

    def __init__(self, pool, path, done, waits=None):
        super().__init__(daemon=True)
        self.pool, self.path, self.done, self.waits = pool, path, done, waits if waits is not None else []
        self.start()

    def run(self):
        with waiting_told(self.waits.append):
            self.pool.list_entries("csv_format", self.path, LIMITS)
        self.done.append(self.path.name)


def test_a_small_file_does_not_wait_for_large_ones(tmp_path, pool):
    done = []
    pool.list_entries("csv_format", table(tmp_path / "a.csv", 100), LIMITS)
    with stopped(pool):
        large = [Asking(pool, table(tmp_path / name), done) for name in ("large-1.csv", "large-2.csv")]
        wait_for(lambda: len(pool._running) == 1 and len(pool._waiting) == 1)
        Asking(pool, table(tmp_path / "small.csv", 100), done).join()
        assert done == ["small.csv"]
        assert len(pool.pids) == 2
    for thread in large:
        thread.join()
    assert done[0] == "small.csv"
    assert sorted(done[1:]) == ["large-1.csv", "large-2.csv"]


def test_dumps_take_turns_however_many_threads_read_one(tmp_path, pool, monkeypatch):
    begun, done, take = [], [], pool._take
    pool.list_entries("csv_format", table(tmp_path / "a.csv", 100), LIMITS)
    monkeypatch.setattr(pool, "_take", lambda request: begun.append(request.path.name) or take(request))
    names = ["many/1.csv", "many/2.csv", "many/3.csv", "few/a.csv", "other/x.csv"]
    threads = []
    with stopped(pool):
        for number, name in enumerate(names):
            threads.append(Asking(pool, table(tmp_path / name), done))
            wait_for(lambda number=number: len(pool._running) + len(pool._waiting) == number + 1)
    for thread in threads:
        thread.join()
    assert begun == ["1.csv", "a.csv", "x.csv", "2.csv", "3.csv"]


def test_who_waits_knows_for_what(tmp_path, pool):
    done, first, second, third = [], [], [], []
    pool.list_entries("csv_format", table(tmp_path / "a.csv", 100), LIMITS)
    with stopped(pool):
        threads = [Asking(pool, table(tmp_path / "slow.csv"), done, first)]
        wait_for(lambda: first)
        for name, waits in (("next.csv", second), ("last.csv", third)):
            threads.append(Asking(pool, table(tmp_path / name), done, waits))
            wait_for(lambda waits=waits: len(waits) > 1)
    for thread in threads:
        thread.join()
    assert (first[0].name, first[0].ahead, first[0].others) == ("slow.csv", None, ())
    for waits, name, ahead in ((second, "next.csv", 0), (third, "last.csv", 1)):
        assert (waits[0].name, waits[0].ahead) == (name, ahead)
        ((other, seconds),) = waits[1].others
        assert other == "slow.csv"
        assert seconds >= waits[1].seconds > waits[0].seconds > 0
    assert [waits.count(None) for waits in (first, second, third)] == [1, 1, 1]
    assert [waits[-1] for waits in (first, second, third)] == [None, None, None]


def test_a_request_is_given_up_where_its_teller_raises(tmp_path, pool):
    pool.list_entries("csv_format", table(tmp_path / "a.csv", 100), LIMITS)

    class LeftError(Exception):
        pass

    def leave(_):
        raise LeftError

    with stopped(pool):
        with pytest.raises(LeftError), waiting_told(leave):
            pool.list_entries("csv_format", table(tmp_path / "slow.csv"), LIMITS)
        assert pool.pids == ()
    assert pool.list_entries("csv_format", tmp_path / "slow.csv", LIMITS)[0].shape[1] == 2


def test_what_is_free_reads_the_file_that_it_knows(tmp_path):
    pool, done = ReaderPool(2), []
    paths = [write(tmp_path, "layers.pt"), table(tmp_path / "a.csv"), table(tmp_path / "b.csv")]
    try:
        pool.list_entries("csv_format", paths[1], LIMITS)
        (first,) = pool.pids
        with stopped(pool):
            slow = Asking(pool, paths[1], done)
            wait_for(lambda: pool._running)
            pool.list_entries("torch_format", paths[0], LIMITS)
            (second,) = set(pool.pids) - {first}
        slow.join()
        os.kill(second, signal.SIGSTOP)
        assert pool.list_entries("csv_format", paths[2], LIMITS)  # by the one that has the library
        os.kill(second, signal.SIGCONT)
        os.kill(first, signal.SIGSTOP)
        np.testing.assert_array_equal(
            pool.read_rows("torch_format", paths[0], "activations/features.6", 0, 6, LIMITS), FIRST
        )
        os.kill(first, signal.SIGCONT)
    finally:
        pool.close()


def test_what_one_of_many_files_does_harms_none_of_the_others(tmp_path, pool):
    paths = [tmp_path / f"{number}.pt" for number in range(7)]
    for number, path in enumerate(paths):
        torch.save({"x": torch.full((3, number + 1), 1.5)}, path)
    paths[2].write_bytes(paths[2].read_bytes()[:200])
    torch.save({"x": torch.zeros(64, 2**20)}, paths[4], _use_new_zipfile_serialization=False)
    found = pool.list_files("torch_format", paths, ReadingLimits(process_bytes=100_000_000))
    assert [None if isinstance(one, Exception) else one.entries[0].shape for one in found] == [
        (3, 1),
        (3, 2),
        None,
        (3, 4),
        None,
        (3, 6),
        (3, 7),
    ]
    assert "zip archive has a directory at its end" in str(found[2])
    assert "old format are read whole" in str(found[4])


def test_a_death_among_many_files_is_laid_to_the_one_that_was_read(tmp_path, pool):
    """The process is killed from outside whenever it opens the third file, as no file is known that does it."""
    paths = [table(tmp_path / f"{number}.csv", 40) for number in range(5)]
    pipe = tmp_path / "kills.csv"
    os.mkfifo(pipe)

    def kill_twice():
        for _ in range(2):
            with pipe.open("w"):  # comes back when somebody opens it to read
                (pid,) = pool.pids
                os.kill(pid, signal.SIGKILL)
                wait_for(lambda pid=pid: pid not in pool.pids)

    killer = threading.Thread(target=kill_twice)
    killer.start()
    found = pool.list_files("csv_format", [*paths[:2], pipe, *paths[2:]], LIMITS)
    killer.join()
    assert [isinstance(one, InvalidInputError) for one in found] == [False, False, True, False, False, False]
    assert "the process that read kills.csv was killed by signal 9" in str(found[2])
