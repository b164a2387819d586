"""Long work in chunks: each chunk is cached, and between two of them progress is shown.

Because the page draws between chunks, a newer interaction interrupts the work there instead of stacking up
behind it; what was finished stays in the cache.
"""

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import streamlit as st

from app.text.language import _

_T = TypeVar("_T")
_QUIET_SECONDS = 0.4


def in_chunks(total: int, size: int, run: Callable[[int, int], _T], label: str) -> list[_T]:
    """Results of `run(first, count)` over 1..total; a progress bar appears once it takes noticeably long."""
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
