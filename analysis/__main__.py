"""The command line of the studies: `python -m analysis COMMAND`."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import signal
import sys
from collections.abc import Sequence

from analysis.command_line import PACKAGE, command
from analysis.plain_text import message
from per_core.errors import PerError

COMMANDS = {  # the module of each, imported when it is chosen, and its line in the help
    "bands": (
        ".distances.shipped_bands",
        "draw the Gaussian batches that the dashboard compares with; half an hour",
    ),
    "train": (".training.worker", "train methods side by side, each watched by a recorder"),
    "inspect": (".commands.inspect", "list what is in a dump of activations, and what is wrong with it"),
    "report": (".commands.report", "write what is wrong with which layer of a dump to one HTML file"),
    "watch": (".commands.watch", "show a run in the terminal while it is trained, and what is wrong with it"),
    "export": (".commands.export", "write the summaries of a run as CSV, Parquet or for TensorBoard"),
    "measure": (
        ".commands.measure",
        "distance, moments and PER of data of any size, in one pass, on this machine or on a cluster",
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status: 0, 1 after a message on stderr, 141 if nobody reads on, or its own."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal that has no θ, or a name that is no UTF-8: spelt out
        sys.stdout.reconfigure(errors="backslashreplace")
    words = sys.argv[1:] if arguments is None else list(arguments)
    chosen = next((word for word in words if not word.startswith("-")), "")
    options = _parser(chosen).parse_args(words)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except PerError as error:
        print(f"{command(chosen)}: {message(error)}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # who reads the output has enough of it, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python still writes at its end
        return 128 + signal.SIGPIPE
    return status


def _parser(chosen: str) -> argparse.ArgumentParser:
    """The parser of every command's name, and of the arguments of one."""
    parser = argparse.ArgumentParser(prog=command(), description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (place, help_text) in COMMANDS.items():
        one = commands.add_parser(name, help=help_text, formatter_class=argparse.RawDescriptionHelpFormatter)
        if name == chosen:
            module = importlib.import_module(place, PACKAGE)
            one.description = module.__doc__
            one.set_defaults(run=module.run)
            module.add_arguments(one)
    return parser


if __name__ == "__main__":
    sys.exit(main())
