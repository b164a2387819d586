"""The command line of the studies: `python -m analysis COMMAND`."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence

from analysis.commands import inspect as inspect_command
from analysis.commands import measure as measure_command
from analysis.commands import report as report_command
from analysis.distances import shipped_bands
from analysis.plain_text import message
from analysis.training import worker
from per_core.errors import PerError

COMMANDS = {
    "bands": (shipped_bands, "draw the Gaussian batches that the dashboard compares with, some minutes"),
    "train": (worker, "train methods side by side, each watched by a recorder"),
    "inspect": (inspect_command, "list what is in a dump of activations, and what is wrong with it"),
    "report": (report_command, "write what is wrong with which layer of a dump to one HTML file"),
    "measure": (
        measure_command,
        "distance, moments and PER of data of any size, in one pass, on this machine or on a cluster",
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status: 0, 1 after a message on stderr, or one of the command's own."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal that has no θ, or a name that is no UTF-8: spelt out
        sys.stdout.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except PerError as error:
        print(f"python -m analysis: {message(error)}", file=sys.stderr)
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m analysis", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (module, help_text) in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=help_text,
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.set_defaults(run=module.run)
        module.add_arguments(command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
