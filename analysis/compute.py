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
from concurrent.futures import Future, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, ParamSpec, TypeVar

from loky import ProcessPoolExecutor, cpu_count

from analysis.command_line import PACKAGE
from analysis.waiting import TELL_SECONDS, Wait, told
from per_core.errors import BudgetError, InvalidInputError
from per_core.text import N_

P = ParamSpec("P")
T = TypeVar("T")

PROCESSES_VARIABLE = "PERSCOPE_PROCESSES"
MOST_PROCESSES = 8  # each holds PyTorch: about 250 MB
IDLE_SECONDS = 600  # then a process ends
WATCH_SECONDS = 1.0
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
OURS = (f"{PACKAGE}.", "per_core.")


class ComputePool:
    """Processes that compute, started when they are first needed, and again when one has died.

    Who asks first is served first. Each process is an executor of its own: what one dies of harms no other's work, and
    nothing begins before there is a process for it.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._free: list[ProcessPoolExecutor] = []
        self._busy: list[ProcessPoolExecutor] = []
        self._waiting: list[object] = []

    @property
    def waiting(self) -> int:
        """How many computations have not begun."""
        with self._changed:
            return len(self._waiting)

    def compute(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What a function returns, which a process computes; who waits is told, see `analysis.waiting`.

        Raises:
            BudgetError: If two processes died of it: most often it took more memory than there is.
        """
        asked = time.monotonic()
        try:
            return self._answer(self._begun(asked, function, args, kwargs), asked)
        except BrokenProcessPool:  # what it did before may be to blame, or somebody ended it
            pass
        try:
            return self._answer(self._begun(asked, function, args, kwargs), asked)
        except BrokenProcessPool as error:
            raise BudgetError(
                N_(
                    "A computation must fit into the server's memory; the process that made this one was ended twice."
                    " Take fewer rows or units."
                )
            ) from error

    def close(self) -> None:
        """End the processes at once; whoever waits for one has a RuntimeError."""
        with self._changed:
            executors = [*self._free, *self._busy]
            self._free.clear()
        for executor in executors:
            executor.shutdown(kill_workers=True)

    def _begun(
        self, asked: float, function: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Future[T]:
        """A computation that a process has been given, once it was its turn."""
        executor = self._taken(asked)
        try:
            future: Future[T] = executor.submit(function, *args, **kwargs)
        except BaseException:
            self._give_back(executor, is_whole=False)
            raise
        # Also when nobody waits for it any more: until then the process is not free.
        future.add_done_callback(lambda done: self._give_back(executor, is_whole=not _died(done)))
        return future

    def _taken(self, asked: float) -> ProcessPoolExecutor:
        """A process, once those who came earlier have one."""
        turn = object()
        with self._changed:
            self._waiting.append(turn)
        try:
            while True:
                with self._changed:
                    if self._has_turn(turn) or (self._changed.wait(TELL_SECONDS) and self._has_turn(turn)):
                        executor = self._free.pop() if self._free else _started()
                        self._busy.append(executor)
                        return executor
                    ahead = self._waiting.index(turn)
                _tell(Wait(time.monotonic() - asked, ahead))
        finally:
            with self._changed:
                self._waiting.remove(turn)
                self._changed.notify_all()

    def _has_turn(self, turn: object) -> bool:
        return self._waiting[0] is turn and len(self._busy) < max(1, process_count())

    def _give_back(self, executor: ProcessPoolExecutor, *, is_whole: bool) -> None:
        with self._changed:
            self._busy.remove(executor)
            if is_whole:
                self._free.append(executor)
            self._changed.notify_all()

    def _answer(self, future: Future[T], asked: float) -> T:
        while not wait([future], TELL_SECONDS).done:
            _tell(Wait(time.monotonic() - asked, None))
        tell = told()
        if tell is not None and time.monotonic() - asked > TELL_SECONDS:
            tell(None)
        return future.result()


def _tell(why: Wait) -> None:
    tell = told()
    if tell is not None:
        tell(why)


def _started() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, timeout=IDLE_SECONDS, env=THREADS, initializer=_begin, initargs=(os.getpid(),))


def _died(done: Future[Any]) -> bool:
    """Whether a computation ended with its process."""
    return not done.cancelled() and isinstance(done.exception(), BrokenProcessPool)


def compute(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What a function returns, computed in a process beside this one; in this one where the operator wants none.

    Args:
        function: of a module of `analysis` or `per_core`, which a process loads by its name.
        args, kwargs: its arguments, which are copied to the process as its result is copied back.

    Raises:
        InvalidInputError: If the function is another module's, or what the operator set is no number of processes.
        BudgetError: If two processes died of it.
    """
    if not function.__module__.startswith(OURS):
        raise InvalidInputError(
            N_(
                "Only functions of analysis and per_core are computed beside the server; received {function} of"
                " {module}. Move it there, or call it here."
            ),
            function=function.__qualname__,
            module=function.__module__,
        )
    return POOL.compute(function, *args, **kwargs) if process_count() else function(*args, **kwargs)


def warm_up() -> None:
    """Have the processes ready before somebody waits for one."""
    count = process_count()
    with ThreadPoolExecutor(max(1, count)) as threads:  # at once, so that none of them gets the same as another
        list(threads.map(lambda _: compute(process_count), range(count)))


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
            N_(
                "{processes_variable} must be a whole number, 0 to compute in the server itself; received {text!r}."
                " Set it anew, or unset it."
            ),
            processes_variable=PROCESSES_VARIABLE,
            text=text,
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
