"""Writes a report of a dump: one HTML file that needs nothing else.

It shows every layer at every epoch, worst first, holds aggregates only and stays below 3 MB.

exit status: 0 if everything was read, 1 if the report is written but some members were refused or could
not be read, 2 if nothing could be read or the report cannot be written. What the report says about the layers does not
change the status.
"""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path

from analysis.command_line import command
from analysis.commands.dump_arguments import add_dump_arguments, open_dump
from analysis.dumps import Inspection
from analysis.plain_text import message, plain
from analysis.progress import progress_line
from analysis.survey.cell import Unread
from analysis.survey.origin import Origin
from analysis.survey.report import write_report
from analysis.translations import ENGLISH, languages
from per_core.errors import InvalidInputError, PerError
from per_core.text import N_

OK, INCOMPLETE, UNUSABLE = 0, 1, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    add_dump_arguments(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="OUT.html", help="the file to write")
    parser.add_argument("--language", choices=languages(), default=ENGLISH, help="of the report; default en")
    parser.add_argument(
        "--date", type=_date, default=None, metavar="YYYY-MM-DD", help="that the report states; default today"
    )


def run(options: argparse.Namespace) -> int:
    """Write the report of a dump, return the exit status."""
    try:
        inspection = open_dump(options)
        _require_readable(inspection)
        origin = Origin(
            str(options.path),
            str(options.out),
            (options.date or date.today()).isoformat(),
            str(options.plan or ""),
            options.language,
        )
        seen = write_report(inspection, options.out, origin=origin, on_progress=progress_line("members"))
    except PerError as error:
        print(f"{command('report')}: {message(error)}", file=sys.stderr)
        return UNUSABLE
    read = sum(not isinstance(reading, Unread) for reading in seen.cells.values())
    left_out = len(inspection.members) - read
    size = options.out.stat().st_size / 1e3
    print(f"wrote {plain(options.out)} ({size:.0f} kB): {read} members read, {left_out} not", file=sys.stderr)
    if read == 0:
        return UNUSABLE
    return INCOMPLETE if left_out else OK


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a day, 2026-11-29 for example; received {plain(text)!r}") from None


def _require_readable(inspection: Inspection) -> None:
    if inspection.readable:
        return
    first = inspection.members[0]
    raise InvalidInputError(
        N_("A report needs a member that can be read; none of the {count} can. {name}: {reason} See {inspect}."),
        count=len(inspection.members),
        name=first.name,
        reason=first.reason,
        inspect=command("inspect"),
    )
