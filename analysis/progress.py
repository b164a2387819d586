"""Progress in one line: how much of something that takes a while is done."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

BAR = 30
Progress = Callable[[int, int], None]
"""Called with how much is done, and how much there is in all."""


def progress_line(what: str) -> Progress:
    """A line that is written anew in place in a terminal and in a notebook; in a log there is one at every tenth.

    In a notebook it is an output of the cell, of which the saved file keeps the last state. Elsewhere it goes to
    standard error.

    Args:
        what: is counted, in the plural: "members".

    Example:
        >>> np.savez("epoch_1.npz", fc1=np.zeros((100, 8)), fc2=np.ones((100, 8)))
        >>> seen = overview(inspect("epoch_1.npz"), on_progress=progress_line("members"))
    """
    display: Any = None

    def show(done: int, total: int) -> None:
        nonlocal display
        if not total:
            return
        line = f"[{'#' * (BAR * done // total):.<{BAR}}] {done}/{total} {what}"
        if not _is_notebook():
            _print(line, done, total)
        elif display is None:
            display = _display(line)
        else:
            display.update({"text/plain": line}, raw=True)

    return show


def progress_or_line(on_progress: Progress | None, what: str) -> Progress:
    """What was asked for; if nothing was, a line in a notebook or an interactive session, and silence elsewhere."""
    return on_progress or (progress_line(what) if _is_interactive() else _silent)


def _print(line: str, done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{line}", end="\n" if done == total else "", file=sys.stderr, flush=True)
    elif done == total or done * 10 // total != (done - 1) * 10 // total:
        print(line, file=sys.stderr, flush=True)


def _display(line: str) -> Any:
    """An output of the cell that can be updated."""
    from IPython.display import display

    return display({"text/plain": line}, raw=True, display_id=True)


def _is_interactive() -> bool:
    return hasattr(sys, "ps1")  # the prompt, of IPython and its notebooks too


def _is_notebook() -> bool:
    return _is_interactive() and "ipykernel" in sys.modules


def _silent(done: int, total: int) -> None:
    """Take the place of a callback that nobody gave."""
