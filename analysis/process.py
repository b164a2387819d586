"""A process of this machine, seen from outside: when it was born, whether it still runs, how it ended."""

from __future__ import annotations

import os
import signal
from pathlib import Path


def birth_of(pid: int) -> str:
    """When a process was started, in a form that does not depend on any clock; empty if the system does not say.

    It is the boot of the system and the ticks from there to the start: somebody who sets the clock changes neither.
    Systems give the numbers of dead processes to new ones, at once in a container that was started anew; number and
    birth together are one process only.
    """
    found = _state_and_ticks(pid)
    if found is None:
        return ""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        boot = ""
    return f"{boot}/{found[1]}"


def is_running(pid: int, birth: str) -> bool:
    """Whether the process `pid` runs and is the one that was born so.

    Where there is no /proc to say when a process was started, any process of that number counts.

    Args:
        pid: number of a process of this machine.
        birth: what `birth_of` said of it then.
    """
    if pid <= 0:
        return False
    if not Path("/proc/self/stat").exists():
        return _answers(pid)
    found = _state_and_ticks(pid)
    return found is not None and found[0] not in "ZX" and birth_of(pid) == birth


def describe_exit(code: int) -> str:
    """The exit code of a process in words: "was killed by signal 9 (SIGKILL)", "ended with exit status 1"."""
    if code >= 0:
        return f"ended with exit status {code}"
    try:
        return f"was killed by signal {-code} ({signal.Signals(-code).name})"
    except ValueError:  # one without a name
        return f"was killed by signal {-code}"


def _state_and_ticks(pid: int) -> tuple[str, int] | None:
    """State of a process and the ticks from the boot to its start; None if there is no such process, or no /proc."""
    try:
        # After the name, which may hold anything but ends at the last parenthesis: see proc(5).
        values = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return values[0], int(values[19])


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
