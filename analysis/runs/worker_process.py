"""One process that trains, seen from the one that started it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path

from analysis.command_line import ROOT, module_command
from analysis.process import describe_exit
from analysis.runs.folder import ComparisonFolder
from analysis.runs.remark import Remark

OUTPUT_TAIL = 1 << 16  # bytes of output in which the last lines are looked for


class ExitStatus(IntEnum):
    """What the worker's exit says; STOPPED, ORPHANED and UNWRITABLE can go on from the last checkpoint."""

    FINISHED = 0
    FAILED = 1
    STOPPED = 3  # 2 is a wrong command line
    ORPHANED = 4  # its parent has gone
    UNWRITABLE = 5  # the disk is full, or its folder cannot be written for another reason


class WorkerProcess:
    """`python -m analysis train SPEC --out FOLDER`, started; it ends when the process that starts it has gone.

    What it prints is added to a file in the folder.

    Args:
        spec: file of the training's spec.
        folder: where it trains, there already.
        device: "cpu", or "cuda:0", ... of the GPUs that this process sees; the worker sees no other.
        arguments: further ones, "--resume" say.

    Raises:
        OSError: If the system cannot start it or the output cannot be written.
    """

    def __init__(self, spec: Path, folder: Path, device: str, arguments: Sequence[str] = ()) -> None:
        self._folder = folder
        self._kills_before = _kills_for_memory()
        command = module_command("__main__", "train", str(spec), "--out", str(folder))
        with ComparisonFolder(folder).output_file.open("ab") as output:
            self._process = subprocess.Popen(
                [*command, "--parent", str(os.getpid()), *arguments],
                cwd=ROOT,
                env={**os.environ, **_environment(device)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the server's terminal is the server's
            )

    @property
    def pid(self) -> int:
        """Number of the process in the operating system."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether it runs no longer."""
        return self._process.poll() is not None

    @property
    def exit_status(self) -> int | None:
        """How it ended, see `subprocess.Popen.returncode`; None while it runs."""
        return self._process.poll()

    def terminate(self) -> None:
        """Ask it to end, and all that it has started."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it, and all that it has started."""
        self._signal(signal.SIGKILL)

    def wait(self, seconds: float) -> bool:
        """Wait until it has ended, or the time is up; say whether it has."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self.has_ended

    def last_words(self) -> Remark:
        """How it ended."""
        code = self._process.returncode
        if code == -signal.SIGKILL and _kills_for_memory() > self._kills_before:
            return Remark("out of memory")
        lines = last_lines(self._folder, 1)
        if not lines:
            return Remark("died", {"exit": describe_exit(code)})
        return Remark("died speaking", {"exit": describe_exit(code), "words": lines[-1]})

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            if not self.has_ended:
                os.killpg(self.pid, number)


def last_lines(folder: Path, lines: int) -> tuple[str, ...]:
    """The last lines that workers printed in a folder, oldest first; none before the first."""
    file = ComparisonFolder(folder).output_file
    try:
        with file.open("rb") as output:
            output.seek(max(0, file.stat().st_size - OUTPUT_TAIL))
            text = output.read().decode(errors="replace")
    except OSError:  # none yet, or none that can be read
        return ()
    return tuple(text.splitlines()[-lines:]) if lines > 0 else ()


def _environment(device: str) -> dict[str, str]:
    """What a worker must be told to see its device and no other."""
    if device == "cpu":
        return {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    index = int(device.partition(":")[2])
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return {"CUDA_VISIBLE_DEVICES": visible.split(",")[index] if visible else str(index)}


def _kills_for_memory() -> int:
    """How many processes this system has killed for want of memory; 0 where it does not count."""
    # psutil does not tell.
    try:
        lines = Path("/proc/vmstat").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
