"""What can end a training before its last epoch: someone who asks, a limit, a parent that has gone."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from analysis.process import resident_memory
from analysis.runs.remark import Remark
from per_core.errors import BudgetError
from per_core.text import N_

PERIOD = 0.25  # seconds between two looks


class StopRequested(Exception):  # noqa: N818  (it is no error)
    """Training ends here, and can go on from its last checkpoint.

    Attributes:
        remark: why.
    """

    def __init__(self, remark: Remark) -> None:
        """See the class."""
        super().__init__(remark.sentence())
        self.remark = remark


@dataclass(frozen=True, slots=True)
class TrainingLimits:
    """What training may take; None is no limit.

    Attributes:
        seconds: from the start of the process that trains, > 0.
        memory: bytes of main memory of that process, > 0.
        parent: id of the process that started it: when that has gone, so does this one.
    """

    seconds: float | None = None
    memory: int | None = None
    parent: int | None = None


class Watch:
    """Looks at everything a few times a second, in a thread; `check` tells the one who trains.

    Args:
        stop_file: a request to stop, when it is there.
        limits: see `TrainingLimits`.
        orphaned: called in the thread when the parent has gone; it ends the process.
    """

    def __init__(self, stop_file: Path, limits: TrainingLimits, orphaned: Callable[[], None]) -> None:
        self._stop_file = stop_file
        self._limits = limits
        self._orphaned = orphaned
        self._start = time.monotonic()
        self._reason: Exception | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._look_again_and_again, name="watch", daemon=True)

    def check(self) -> None:
        """Return at once, or raise.

        Raises:
            StopRequested: If someone asked to stop, or the time is up.
            BudgetError: If the process has more memory than it may.
        """
        if self._reason is not None:
            raise self._reason

    def request(self, remark: Remark) -> None:
        """Ask to stop, from this process."""
        self._reason = self._reason or StopRequested(remark)

    def __enter__(self) -> Self:
        self._look()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._thread.join()

    def _look_again_and_again(self) -> None:
        while not self._closed.wait(PERIOD):
            self._look()

    def _look(self) -> None:
        limits = self._limits
        if limits.parent is not None and os.getppid() != limits.parent:
            self._orphaned()
        if os.path.exists(self._stop_file):  # Path.exists raises where the folder cannot be read
            self.request(Remark("asked"))
        if limits.seconds is not None and time.monotonic() - self._start > limits.seconds:
            self.request(Remark("time limit", {"seconds": limits.seconds}))
        if limits.memory is not None and (used := resident_memory()) > limits.memory:
            self._reason = self._reason or BudgetError(
                N_("Training may take {most:,.0f} MB of memory, and the process has {used:,.0f} MB."),
                most=limits.memory / 1e6,
                used=used / 1e6,
            )
