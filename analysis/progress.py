"""Progress in one line: how much of something that takes a while is done."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

BAR = 30
Progress = Callable[[int, int], None]
"""Called with how much is done, and how much there is in all."""


def progress_line(what: str) -> Progress:
    """A line that is written anew in place in a terminal and in a notebook; in a log there is one at every tenth.

    It goes to standard error. In an interactive session it goes to standard output, as notebooks colour the other one
    like an error.

    Args:
        what: is counted, in the plural: "members".

    Example:
        >>> np.savez("epoch_1.npz", fc1=np.zeros((100, 8)), fc2=np.ones((100, 8)))
        >>> seen = overview(inspect("epoch_1.npz"), on_progress=progress_line("members"))
    """
    return partial(_show, what=what)


def progress_or_line(on_progress: Progress | None, what: str) -> Progress:
    """What was asked for; if nothing was, a line in an interactive session or a notebook, and silence elsewhere."""
    return on_progress or (progress_line(what) if _is_interactive() else _silent)


def _show(done: int, total: int, what: str) -> None:
    if not total:
        return
    filled = BAR * done // total
    line = f"[{'#' * filled}{'.' * (BAR - filled)}] {done}/{total} {what}"
    stream = sys.stdout if _is_interactive() else sys.stderr
    if _is_interactive() or stream.isatty():
        print(f"\r{line}", end="\n" if done == total else "", file=stream, flush=True)
    elif done == total or done * 10 // total != (done - 1) * 10 // total:
        print(line, file=stream, flush=True)


def _is_interactive() -> bool:
    return hasattr(sys, "ps1")  # the prompt, of IPython and its notebooks too


def _silent(done: int, total: int) -> None:
    """Take the place of a callback that nobody gave."""
