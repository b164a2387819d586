"""The server ends on SIGTERM, as a container or a service manager asks it to, and leaves word in every run."""

import signal
import socket
import subprocess
import sys
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.runs.library import RunLibrary
from analysis.runs.spec import MethodSpec
from app.session import services
from tests import processes
from tests.analysis.training.workers import TINY
from tests.waiting import wait_for

pytestmark = pytest.mark.long

SERVER = """
import sys
from app.session import services
from app.__main__ import main
spec, port = {spec!r}, sys.argv[1]
print(services.manager().submit(spec), services.manager().submit(spec), flush=True)
sys.argv[1:] = ["--port", port]
main()
"""


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health") as answer:
            return bool(answer.read() == b"ok")
    except OSError:
        return False


def test_sigterm_ends_the_trainings_and_says_so_in_those_that_wait(tmp_path: Path, monkeypatch) -> None:
    spec = replace(TINY, methods=(MethodSpec(),), epochs=10_000).as_dict()
    monkeypatch.setenv(services.RUNS_VARIABLE, str(tmp_path))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script = [sys.executable, "-c", SERVER.format(spec=spec), str(port)]
    with processes.running(script, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        training, waiting = server.stdout.readline().split()
        library = RunLibrary(tmp_path)
        wait_for(lambda: answers(port) and library.entry(training).epoch >= 1)
        server.send_signal(signal.SIGTERM)
        server.communicate()
    ended = library.entry(training)
    assert ended.message == f"interrupted at epoch {ended.epoch} of 10000: the server ended"
    reason = "the server ended while it waited in the queue"
    assert library.entry(waiting).message == f"interrupted at epoch 0 of 10000: {reason}"
