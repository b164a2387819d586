"""How the commands are called: `perscope` where it is installed, modules of Python in a clone."""

import shlex
import sys
from pathlib import Path

PACKAGE = __name__.rpartition(".")[0]  # "analysis" in a clone, "perscope.analysis" where it is installed
ROOT = Path(__file__).parents[__name__.count(".")]  # the folder from which Python imports it
IS_INSTALLED = PACKAGE != "analysis"


def command(*arguments: str) -> str:
    """What to type for a command: "perscope inspect a.npz", or in a clone "python -m analysis inspect a.npz"."""
    return shlex.join(["perscope", *arguments] if IS_INSTALLED else ["python", "-m", "analysis", *arguments])


def dashboard(*arguments: str) -> str:
    """What to type to start the dashboard: "perscope --class", or in a clone "python -m app --class"."""
    return shlex.join(["perscope", *arguments] if IS_INSTALLED else ["python", "-m", "app", *arguments])


def module_command(module: str, *arguments: str) -> list[str]:
    """The arguments that start a module of this package as a process in the folder `ROOT`: "__main__", say."""
    return [sys.executable, "-m", f"{PACKAGE}.{module}", *arguments]
