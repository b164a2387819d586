"""What the commands print while they work: a bar of progress."""

from __future__ import annotations

import sys

BAR = 30


def show_progress(done: int, total: int, what: str) -> None:
    """A bar on standard error: redrawn in place on a terminal, a line at every tenth elsewhere."""
    filled = BAR * done // total
    line = f"[{'#' * filled}{'.' * (BAR - filled)}] {done}/{total} {what}"
    if sys.stderr.isatty():
        print(f"\r{line}", end="\n" if done == total else "", file=sys.stderr, flush=True)
    elif done == total or done * 10 // total != (done - 1) * 10 // total:
        print(line, file=sys.stderr, flush=True)
