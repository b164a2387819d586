"""The dashboard as a process of its own, and what it takes of the machine."""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

import psutil

from tests import processes

T = TypeVar("T")
GRACE = 10.0  # seconds that the server has to end by itself
QUIET, LOOK = 0.03, 0.5  # it rests when it takes less than these seconds of a processor in those of the clock


class Memory(NamedTuple):
    """Resident bytes: of the server itself, and of all processes that it has started."""

    server: int
    others: int

    def __str__(self) -> str:
        """For a person: "312 + 95 MB"."""
        return f"{self.server / 1e6:.0f} + {self.others / 1e6:.0f} MB"


class Dashboard:
    """A running server with all that it has started."""

    def __init__(self, pid: int, port: int, log: Path, runs: Path) -> None:
        self.pid, self.port, self.runs = pid, port, runs
        self._server = psutil.Process(pid)
        self._log = log

    def processor_seconds(self) -> float:
        """What the server and all its processes have taken since they began, those included that have ended."""
        times = self._each(psutil.Process.cpu_times)
        return sum(t.user + t.system + t.children_user + t.children_system for t in times)

    def memory(self) -> Memory:
        """What the server and the processes that it has started hold now."""
        server, *others = self._each(psutil.Process.memory_info)
        return Memory(server.rss, sum(one.rss for one in others))

    async def watch(self, held: list[Memory]) -> None:
        """Note its memory every second, until the task is cancelled."""
        while True:
            held.append(self.memory())
            await asyncio.sleep(1)

    async def rest(self, most: float = 60.0) -> None:
        """Wait until it computes nothing any more."""
        end = time.monotonic() + most
        before = self.processor_seconds()
        while time.monotonic() < end:
            await asyncio.sleep(LOOK)
            now = self.processor_seconds()
            if now - before < QUIET:
                return
            before = now

    def is_listening(self) -> bool:
        """Whether it takes connections yet; an error if it has ended."""
        if not processes.is_alive(self._server.pid):
            raise RuntimeError(f"The server has ended. It said:\n{self._log.read_text()}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _each(self, measure: Callable[[psutil.Process], T]) -> Iterator[T]:
        for process in [self._server, *self._server.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):  # it has just ended
                yield measure(process)


@contextmanager
def serving(
    command: Sequence[str | Path] = (sys.executable, "-m", "app", "--no-browser", "--port"),
) -> Iterator[Dashboard]:
    """The dashboard, or another command that takes the port as its last word, until the block ends.

    Its runs are in a folder of their own. It does not listen yet when the block begins.
    """
    with tempfile.TemporaryDirectory() as folder:
        port, log, runs = _free_port(), Path(folder) / "log.txt", Path(folder) / "runs"
        environment = {**os.environ, "PERSCOPE_RUNS": str(runs)}
        with (
            log.open("w") as out,
            processes.running([*command, str(port)], env=environment, stdout=out, stderr=subprocess.STDOUT) as server,
        ):
            try:
                yield Dashboard(server.pid, port, log, runs)
            finally:
                _end(server)


def _end(server: "subprocess.Popen[bytes]") -> None:
    """Ask it to end; what is left of it and of its processes is killed."""
    if server.poll() is not None:
        return
    started = psutil.Process(server.pid).children(recursive=True)
    server.terminate()
    with suppress(subprocess.TimeoutExpired):
        server.wait(GRACE)
    server.kill()
    for process in started:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(started, timeout=GRACE)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
