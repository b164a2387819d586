"""Processes of the tests: each ends with its test, and at the latest with the process that runs the tests.

On Linux that holds even where the test runner is killed: the command is started by `tied_process.py`.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.waiting import LIMIT

ROOT = Path(__file__).parents[1]


def start(command: Sequence[str | Path], **options: Any) -> "subprocess.Popen[Any]":
    """Start a command in the project's folder, with the options of `subprocess.Popen`."""
    return subprocess.Popen(_tied(command), **{"cwd": ROOT} | options)


@contextmanager
def running(command: Sequence[str | Path], **options: Any) -> "Iterator[subprocess.Popen[Any]]":
    """A command that runs while the block does, at the longest."""
    with start(command, **options) as process:
        try:
            yield process
        finally:
            process.kill()


def run(command: Sequence[str | Path], **options: Any) -> "subprocess.CompletedProcess[Any]":
    """Run a command to its end, with the options of `subprocess.run`; what it prints is kept as text."""
    settings = {"cwd": ROOT, "capture_output": True, "text": True, "timeout": LIMIT}
    return subprocess.run(_tied(command), **settings | options)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has asked for its exit status does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (ProcessLookupError, FileNotFoundError):
        return False


def children(pid: int) -> list[int]:
    """The processes that a process's main thread has started and that it has not lost."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _tied(command: Sequence[str | Path]) -> list[str]:
    words = [str(word) for word in command]
    if sys.platform != "linux":
        return words
    shim = Path(__file__).with_name("tied_process.py")
    return [sys.executable, "-I", "-S", str(shim), str(os.getpid()), *words]
