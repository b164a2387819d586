"""Become a command that Linux ends when the process that started it ends: tied_process.py PARENT COMMAND ARGUMENT..."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # see prctl(2); it stays over exec


def main() -> None:
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) was refused")
    if os.getppid() != parent:  # it has gone before we asked
        sys.exit(1)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # who runs the tests in the background ignores it, and so would this
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
