"""Writes the summaries of a run or of a comparison for other programs.

A table has one row a run, epoch and layer. Event files have the summaries and scalars as numbers, and histograms of the
values that were kept; each run of a comparison gets a folder of its own.

exit status: 0 if everything is written, 1 if runs of the comparison could not be read and are left out, 2 if something
could not be written.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from analysis.command_line import command
from analysis.plain_text import message, plain
from analysis.runs.comparison import Comparison, open_comparison
from analysis.runs.shipped import EXAMPLE, or_example
from per_core.errors import InvalidInputError, PerError
from per_core.recording.summary_table import COLUMNS, refuse_within, write_csv, write_parquet
from per_core.text import N_

OK, INCOMPLETE, UNWRITTEN = 0, 1, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument(
        "path",
        metavar="RUN",
        help=f"a run directory, or the folder of a comparison; {EXAMPLE}: the run that ships",
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the table as CSV")
    parser.add_argument("--parquet", type=Path, metavar="FILE", help="write the table as Parquet")
    parser.add_argument("--tensorboard", type=Path, metavar="FOLDER", help="write event files into a new folder")
    columns = COLUMNS | {"scalar_...": "every scalar that was recorded with the epoch"}
    width = max(map(len, columns))
    parser.epilog = "\n".join(["columns of a table:", *(f"  {name:<{width}}  {columns[name]}" for name in columns)])


def run(options: argparse.Namespace) -> int:
    """Write what was asked for, return the exit status."""
    try:
        found = open_comparison(Path(or_example(options.path)))
        _require_something(options, found)
        _require_elsewhere(options, found)
        runs = list(found.runs.values())
        if options.csv is not None:
            _told(write_csv(runs, options.csv))
        if options.parquet is not None:
            _told(write_parquet(runs, options.parquet))
        if options.tensorboard is not None:
            _write_events(found, options.tensorboard)
    except PerError as error:
        print(f"{command('export')}: {message(error)}", file=sys.stderr)
        return UNWRITTEN
    for name, problem in found.problems.items():
        print(f"left out: {plain(name)}: {message(problem)}", file=sys.stderr)
    return INCOMPLETE if found.problems else OK


def _require_something(options: argparse.Namespace, found: Comparison) -> None:
    if options.csv is None and options.parquet is None and options.tensorboard is None:
        raise InvalidInputError(
            N_(
                "An export needs a form to be written in; none is named. Add --csv FILE, --parquet FILE or"
                " --tensorboard FOLDER."
            )
        )
    if not found.runs:
        raise InvalidInputError(
            N_("An export needs a run that has begun; {path} has none. Wait for the first record."), path=found.path
        )


def _require_elsewhere(options: argparse.Namespace, found: Comparison) -> None:
    """Before anything is written: the folder of a comparison holds more than its runs."""
    for place in (options.csv, options.parquet, options.tensorboard):
        if place is not None:
            refuse_within([found.path], place)


def _write_events(found: Comparison, folder: Path) -> None:
    """The events of a single run right in the folder, those of several below it."""
    runs = list(found.runs.values())
    for one in runs:
        _told(one.to_tensorboard(folder if one.path == found.path else folder / one.path.name))


def _told(path: Path) -> None:
    print(f"wrote {plain(path)}", file=sys.stderr)
