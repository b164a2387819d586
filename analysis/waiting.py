"""Who waits for another process is told so, in one way whatever is waited for."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass

TELL_SECONDS = 0.5  # how often somebody who waits is told so


@dataclass(frozen=True, slots=True)
class Wait:
    """Why there is no answer yet.

    Attributes:
        seconds: since it was asked for.
        ahead: what came earlier and has not begun; None once it is being worked at.
    """

    seconds: float
    ahead: int | None


Tell = Callable[[Wait | None], None]
_told: ContextVar[Tell | None] = ContextVar("told", default=None)


@contextlib.contextmanager
def waiting_told(tell: Tell) -> Iterator[None]:
    """Whatever this thread waits for meanwhile: `tell` is called twice a second with the reason.

    It is called in the waiting thread; after an answer for which somebody had to be told, with None. If it raises, what
    is waited for is given up.
    """
    token = _told.set(tell)
    try:
        yield
    finally:
        _told.reset(token)


def told() -> Tell | None:
    """Whom to tell of a wait of this thread, if anybody."""
    return _told.get()
