"""The pool of processes: long computations run beside the server, one thread each, so that no page waits for others'.

A few processes are started when they are first needed and end when nobody has needed them for a while. Each computes
with one thread: two computations of two threads on two cores wait for one another. A computation that nobody waits for
any more is dropped, if it has not begun.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from typing import Any, ParamSpec, TypeVar

from loky import ProcessPoolExecutor, cpu_count

from analysis.waiting import TELL_SECONDS, Wait, told
from per_core.errors import BudgetError, InvalidInputError

P = ParamSpec("P")
T = TypeVar("T")

PROCESSES_VARIABLE = "PERSCOPE_PROCESSES"
MOST_PROCESSES = 8  # each holds PyTorch: about 250 MB
IDLE_SECONDS = 600  # then a process ends
WATCH_SECONDS = 1.0
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
OURS = ("analysis.", "per_core.")


class ComputePool:
    """Processes that compute, started when they are first needed, and again when one has died."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._executor: ProcessPoolExecutor | None = None
        self._unanswered: dict[Future[Any], float] = {}  # what is asked for and since when, in this order

    def compute(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What a function returns, which a process computes; who waits is told, see `analysis.waiting`.

        Raises:
            BudgetError: If a process died of it twice: most often it took more memory than there is.
        """
        try:
            return self._answer(function, args, kwargs)
        except BrokenProcessPool:  # what another one was computing may be to blame
            pass
        try:
            return self._answer(function, args, kwargs)
        except BrokenProcessPool as error:
            raise BudgetError(
                "A computation must fit into the server's memory; the process that made this one was ended twice. Take"
                " fewer rows or units."
            ) from error

    def close(self) -> None:
        """End the processes at once; whoever waits for one has a `BrokenProcessPool`."""
        with self._lock:
            executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(kill_workers=True)

    def _answer(self, function: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
        future, asked, is_told = self._submitted(function, args, kwargs), time.monotonic(), False
        self._unanswered[future] = asked
        try:
            while True:
                try:
                    answer: T = future.result(TELL_SECONDS)
                    break
                except TimeoutError:
                    if future.done():  # the function's own
                        raise
                is_told = self._tell(future, time.monotonic() - asked) or is_told
        finally:
            future.cancel()
            del self._unanswered[future]
        tell = told()
        if tell is not None and is_told:
            tell(None)
        return answer

    def _submitted(self, function: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Future[T]:
        with self._lock:
            for _ in range(2):
                if self._executor is None:
                    self._executor = ProcessPoolExecutor(
                        process_count(),
                        timeout=IDLE_SECONDS,
                        env=THREADS,
                        initializer=_begin,
                        initargs=(os.getpid(),),
                    )
                try:
                    future: Future[T] = self._executor.submit(function, *args, **kwargs)
                    return future
                except BrokenProcessPool as error:
                    self._executor, broken = None, error
            raise broken

    def _tell(self, future: Future[Any], seconds: float) -> bool:
        """Say why there is no answer yet; whether there is anybody to say it to."""
        tell = told()
        if tell is None:
            return False
        earlier = list(self._unanswered)
        ahead = None if future.running() else sum(not one.running() for one in earlier[: earlier.index(future)])
        tell(Wait(seconds, ahead))
        return True


def compute(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What a function returns, computed in a process beside this one; in this one where the operator wants none.

    Args:
        function: of a module of `analysis` or `per_core`, which a process loads by its name.
        args, kwargs: its arguments, which are copied to the process as its result is copied back.

    Raises:
        InvalidInputError: If the function is another module's, or what the operator set is no number of processes.
        BudgetError: If a process died of it twice.
    """
    if not function.__module__.startswith(OURS):
        raise InvalidInputError(
            f"Only functions of analysis and per_core are computed beside the server; received {function.__qualname__}"
            f" of {function.__module__}. Move it there, or call it here."
        )
    return POOL.compute(function, *args, **kwargs) if process_count() else function(*args, **kwargs)


def warm_up() -> None:
    """Have the processes ready before somebody waits for one."""
    compute(process_count)


def process_count() -> int:
    """How many processes there may be: what the operator set, or one for each processor, at most eight.

    Raises:
        InvalidInputError: If the operator set what is no number of processes.
    """
    text = os.environ.get(PROCESSES_VARIABLE, "").strip()
    if not text:
        return min(int(cpu_count()), MOST_PROCESSES)
    if not text.isdecimal():
        raise InvalidInputError(
            f"{PROCESSES_VARIABLE} must be a whole number, 0 to compute in the server itself; received {text!r}. Set it"
            " anew, or unset it."
        )
    return int(text)


def _begin(parent: int) -> None:
    """In a new process: Ctrl-C in the server's terminal is the server's; when that has gone, this one ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, name="watch", daemon=True).start()
    import torch  # noqa: F401  what is asked first finds it loaded


POOL = ComputePool()
"""The one that all of this program shares."""
