"""What a test starts ends with it, and with a test runner that is killed."""

import signal
import subprocess
import sys

import pytest

from tests import processes
from tests.waiting import wait_for

CHILD = "import time; print('ready', flush=True); time.sleep(1e6)"
RUNNER = f"""
import subprocess, sys
from tests import processes
child = processes.start([sys.executable, "-c", {CHILD!r}], stdout=subprocess.PIPE, text=True)
child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""


def test_a_process_ends_with_its_block_even_one_that_fails() -> None:
    with pytest.raises(ZeroDivisionError), processes.running([sys.executable, "-c", CHILD]) as process:
        1 / 0  # noqa: B018
    assert process.returncode == -signal.SIGKILL


def test_a_process_ends_when_the_runner_is_killed() -> None:
    with processes.running([sys.executable, "-c", RUNNER], stdout=subprocess.PIPE, text=True) as runner:
        child = int(runner.stdout.readline())
        assert processes.is_alive(child)
        runner.kill()
        runner.wait()
        wait_for(lambda: not processes.is_alive(child))
