"""A process of this machine: when it was born, whether it still runs, how it ended, how much memory it holds."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil

from per_core.text import N_, Phrase


def birth_of(pid: int) -> str:
    """When a process was started, in a form that does not depend on any clock; empty if the system does not say.

    It is the boot of the system and the ticks from there to the start: somebody who sets the clock changes neither.
    Systems give the numbers of dead processes to new ones, at once in a container that was started anew; number and
    birth together are one process only.
    """
    # Not psutil's create_time, which is a time of day: it moves when the clock is set.
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        boot = ""
    # After the name, which may hold anything but ends at the last parenthesis: see proc(5).
    return f"{boot}/{stat.rpartition(')')[2].split()[19]}"


def is_running(pid: int, birth: str) -> bool:
    """Whether the process `pid` runs and is the one that was born so.

    Where the system does not say when a process was started, any process of that number counts.

    Args:
        pid: number of a process of this machine.
        birth: what `birth_of` said of it then.
    """
    if pid <= 0:
        return False
    try:
        has_ended = psutil.Process(pid).status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        has_ended = False
    return not has_ended and birth_of(pid) == birth


def resident_memory() -> int:
    """Bytes of main memory that this process holds."""
    return int(psutil.Process().memory_info().rss)


def address_space() -> int:
    """Bytes of addresses that this process has, which is what RLIMIT_AS limits."""
    return int(psutil.Process().memory_info().vms)


def describe_exit(code: int) -> Phrase:
    """The exit code of a process in words: "was killed by signal 9 (SIGKILL)", "ended with exit status 1"."""
    if code >= 0:
        return Phrase(N_("ended with exit status {code}"), code=code)
    try:
        name = f" ({signal.Signals(-code).name})"
    except ValueError:  # one without a name
        name = ""
    return Phrase(N_("was killed by signal {signal}"), signal=f"{-code}{name}")
