"""What is kept has a total size, is made once at a time, and is let go."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from analysis.batch import ActivationBatch
from app.session import caches
from app.session.kept import Kept, size_in_memory

MADE: list[int] = []


def large(number: int, *, units: int = 1000) -> ActivationBatch:
    MADE.append(number)
    return ActivationBatch(np.full((1000, units), number), f"batch {number}")


def numbers(kept: Kept, keys: str) -> list[str]:
    """What has to be made anew for keys."""
    made: list[str] = []
    for key in keys:
        kept.get(key, lambda key=key: made.append(key), lambda _: 4)
    return made


def test_the_latest_used_stay_up_to_a_total_size() -> None:
    kept = Kept(12)
    assert numbers(kept, "abc") == ["a", "b", "c"]
    assert numbers(kept, "a") == []
    assert numbers(kept, "d") == ["d"]  # in place of b, which is longest unused
    assert kept.size == 12
    assert numbers(kept, "acd") == []
    kept.shrink(4)
    assert kept.size == 4
    assert numbers(kept, "dc") == ["c"]
    kept.shrink(0)
    assert kept.size == 0


def test_one_that_is_larger_than_all_may_be_is_kept_alone() -> None:
    kept = Kept(10)
    kept.get("small", lambda: 0, lambda _: 1)
    kept.get("large", lambda: 0, lambda _: 100)
    assert kept.size == 100


def test_who_asks_for_the_same_meanwhile_waits_for_it() -> None:
    kept, begun, go_on, made = Kept(10), threading.Event(), threading.Event(), []

    def make() -> str:
        begun.set()
        assert go_on.wait(60)
        made.append("made")
        return "result"

    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(kept.get, "key", make, len)
        assert begun.wait(60)
        second = threads.submit(kept.get, "key", lambda: pytest.fail("made twice"), len)
        assert threads.submit(kept.get, "other", lambda: "other", len).result(60) == "other"
        go_on.set()
        assert first.result(60) == second.result(60) == "result"
    assert made == ["made"]


def test_what_could_not_be_made_is_tried_again() -> None:
    kept = Kept(10)
    with pytest.raises(ZeroDivisionError):
        kept.get("key", lambda: 1 // 0, lambda _: 1)
    assert kept.get("key", lambda: "result", len) == "result"


def test_a_size_is_that_of_the_arrays_each_counted_once() -> None:
    values = np.zeros((1000, 500))
    assert 4e6 <= size_in_memory({"one": values, "same": values[:], "n": 3}) < 4.01e6
    batch = ActivationBatch(values, "batch")  # whose tensor has the same memory
    assert 2e6 <= size_in_memory(batch) < 2.01e6


def test_shared_results_are_bounded_by_bytes_and_few_are_left_when_nobody_is_here() -> None:
    batches = [caches.shared(large, number) for number in range(12)]
    assert caches.shared(large, 11) is batches[11]
    assert caches.shared(large, 11, units=10) is not batches[11]
    size = batches[0].values.nbytes
    MADE.clear()
    caches.let_go()
    for number in reversed(range(12)):
        caches.shared(large, number)
    assert 12 - len(MADE) <= caches.MOST_LEFT / size
    assert 11 not in MADE
