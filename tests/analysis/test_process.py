import os
import signal
import subprocess
import sys

from analysis.process import birth_of, describe_exit, is_running
from tests import processes


def test_a_process_that_is_gone_or_another_one():
    born = birth_of(os.getpid())
    assert is_running(os.getpid(), born)
    assert not is_running(os.getpid(), "of an earlier process of that number")
    assert not is_running(0, born)
    assert not is_running(-1, born)
    process = processes.start([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    child = birth_of(process.pid)
    assert is_running(process.pid, child)
    assert (child == born, child.partition("/")[0] == born.partition("/")[0]) == (False, True)  # later, of one boot
    process.stdin.close()
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT) is None:
        pass
    assert not is_running(process.pid, child)  # a zombie: nobody has asked how it ended
    process.wait()
    assert not is_running(process.pid, child)


def test_exit_codes_in_words():
    assert describe_exit(2) == "ended with exit status 2"
    assert describe_exit(-signal.SIGSEGV) == "was killed by signal 11 (SIGSEGV)"
    assert describe_exit(-40) == "was killed by signal 40"
