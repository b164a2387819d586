"""Times of several functions measured side by side, so that what disturbs one disturbs all."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class Spread:
    """A median, with the range of what was measured."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))

    def times(self, factor: float) -> "Spread":
        """All of it times a factor above 0."""
        return Spread(factor * self.median, factor * self.low, factor * self.high)


Seconds = dict[str, list[float]]  # one value a round
Clock = Callable[[], float]  # in seconds


def interleave(
    functions: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    turn: float,
    device: str,
    clock: Clock = time.perf_counter,
) -> Seconds:
    """Call the functions in turn, A B C A B C ...; one that is faster is repeated until its turn has lasted `turn`.

    On a CPU that others use too, `time.process_time` or `time.thread_time` say more than the clock on the wall; they do
    not see what a GPU does.
    """
    clock = time.perf_counter if device == "cuda" else clock
    repeats = {name: max(1, round(turn / _once(function, 1, device, clock))) for name, function in functions.items()}
    seconds: Seconds = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            seconds[name].append(_once(function, repeats[name], device, clock))
    return seconds


def ratio(seconds: Seconds, name: str, to: str) -> Spread:
    """How many times as long `name` takes as `to`, compared round by round."""
    return Spread.of([a / b for a, b in zip(seconds[name], seconds[to], strict=True)])


def _once(function: Callable[[], object], repeats: int, device: str, clock: Clock) -> float:
    function()  # warm: caches, threads, memory
    _synchronise(device)
    start = clock()
    for _ in range(repeats):
        function()
    _synchronise(device)
    return (clock() - start) / repeats


def _synchronise(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
