"""A thread that records while a training goes on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self


class Background:
    """Does one thing after another in a thread of its own, and nothing after one that failed.

    Leaving the with block waits for what was submitted, and raises what failed.

    Example:
        >>> with Background() as background:
        ...     waiting = background.submit(lambda: print("in order"))
        in order
    """

    def __init__(self) -> None:
        """Start no thread before there is something to do."""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="record")
        self._error: BaseException | None = None

    def submit(self, task: Callable[[], object]) -> Future[None]:
        """Do this after all before it; the future raises what it raised, or what one before it did."""
        return self._thread.submit(self._do, task)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()
        if self._error is not None and self._error is not error:
            raise self._error

    def _do(self, task: Callable[[], object]) -> None:
        if self._error is not None:
            raise self._error
        try:
            task()
        except BaseException as error:
            self._error = error
            raise
