"""Whether a process that left its number behind still runs."""

from __future__ import annotations

import os
import time
from pathlib import Path

TOLERANCE = 1.0  # seconds; clocks are read one after the other, and stamps are rounded


def is_running(pid: int, seen: float) -> bool:
    """Whether the process `pid` runs and is the one that ran at the time `seen`.

    Systems give the numbers of dead processes to new ones, at once in a container that was started anew. A process
    that was started after `seen` is therefore another one. Where there is no /proc to say when it was started, any
    process of that number counts.

    Parameters
    ----------
    pid : number of a process of this machine.
    seen : seconds since 1970, when the process left its number.
    """
    if pid <= 0:
        return False
    if not Path("/proc/self/stat").exists():
        return _answers(pid)
    try:
        # After the name, which may hold anything but ends at the last parenthesis: see proc(5).
        values = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return False
    state, ticks = values[0], int(values[19])
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    return state not in "ZX" and time.time() - age <= seen + TOLERANCE


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
