"""Long work in chunks: each chunk is cached, and between two of them progress is shown.

Because the page draws between chunks, a newer interaction interrupts the work there instead of stacking up
behind it; what was finished stays in the cache.
"""

import contextlib
import contextvars
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import streamlit as st

from analysis.dumps.reader.pool import FileWait
from analysis.waiting import Wait, waiting_told
from app.text.language import _, ngettext
from app.text.plain import escaped

_T = TypeVar("_T")
_QUIET_SECONDS = 0.4
_WAITED_SECONDS = 1.0


def in_chunks(total: int, size: int, run: Callable[[int, int], _T], label: str) -> list[_T]:
    """Results of `run(first, count)` over 1..total; once it takes noticeably long, a progress bar appears."""
    slot = st.empty()
    start = time.monotonic()
    results = []
    for first, count in spans(total, size):
        if time.monotonic() - start > _QUIET_SECONDS:
            done = _("{label}: {done} of {total}").format(label=label, done=first - 1, total=total)
            slot.progress((first - 1) / total, text=done)
        results.append(run(first, count))
    slot.empty()
    return results


def spans(total: int, size: int) -> Iterator[tuple[int, int]]:
    """First number (from 1) and length of the pieces of at most `size` that 1..total falls into."""
    for first in range(1, total + 1, size):
        yield first, min(size, total + 1 - first)


@contextlib.contextmanager
def waits_shown() -> Iterator[None]:
    """Where it stands, a line says what the page meanwhile waits for, from a second on.

    The line is drawn twice a second. A newer interaction, or the end of the session, gives up there what is waited for.
    """
    slot = st.empty()
    here = contextvars.copy_context()  # what is drawn within a cached function would be drawn again with its result

    def show(wait: Wait | None) -> None:
        if wait is None:
            here.run(slot.empty)
        elif wait.seconds >= _WAITED_SECONDS:
            here.run(slot.caption, waiting_line(wait))

    with waiting_told(show):
        yield


def waiting_line(wait: Wait) -> str:
    """What is being read or computed and for how long; or how much of others comes before it, never what."""
    if isinstance(wait, FileWait):
        return _reading_line(wait)
    seconds = int(wait.seconds)
    if not wait.ahead:
        return _("Computing: {seconds} s").format(seconds=seconds)
    return ngettext(
        "Waiting to compute: {seconds} s; {n:,} computation comes before it",
        "Waiting to compute: {seconds} s; {n:,} computations come before it",
        wait.ahead,
    ).format(seconds=seconds, n=wait.ahead)


def _reading_line(wait: FileWait) -> str:
    others = wait.files - 1
    name = ngettext("{name} and {n:,} other file", "{name} and {n:,} other files", others) if others else "{name}"
    named = name.format(name=escaped(wait.name), n=others)
    if wait.ahead is None:
        return _("Reading {name}: {seconds} s").format(name=named, seconds=int(wait.seconds))
    before = wait.ahead + len(wait.others)
    return ngettext(
        "Waiting to read {name}: {seconds} s; {n:,} file is read before it",
        "Waiting to read {name}: {seconds} s; {n:,} files are read before it",
        before,
    ).format(name=named, seconds=int(wait.seconds), n=before)
