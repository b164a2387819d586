"""Prints what is in a dump and what is wrong with it. Nothing but headers is read.

exit status: 0 if every member can be read (or needs no more than a layout), 1 if some are refused, 2 if there is
nothing to read at all.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import asdict, replace
from typing import Literal

from analysis.dumps.inspection import Inspection, Member, inspect
from analysis.dumps.layout import Layout
from analysis.dumps.limits import in_words
from analysis.plain_text import message, plain
from per_core.errors import PerError

OK, REFUSED, UNUSABLE = 0, 1, 2
HEADINGS = ("member", "shape", "dtype", "declared", "stored", "layer", "epoch", "verdict")
LONGEST_CELL = 60
PATTERNS = {
    "epoch": "finds the epoch or step in names",
    "split": "finds train, val, ... in names",
    "drop": "what to leave out of names",
    "layer": "finds the layer in what is left of names",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    add_dump_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def add_dump_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of every command that opens a dump: where it is, and how it is to be read."""
    parser.add_argument("path", metavar="PATH", help="a file, a folder, a .zip or a run directory")
    parser.add_argument("--layout", choices=("sample", "position"), help="how arrays of three or more axes are meant")
    parser.add_argument(
        "--channel-axis", type=int, default=-1, metavar="AXIS", help="of the layout position; default -1"
    )
    parser.add_argument(
        "--layout-of",
        type=_layout_of,
        action="append",
        default=[],
        metavar="AXES=LAYOUT",
        help="how arrays of so many axes are meant, others aside: 3=position, 4=position:1, 4=sample",
    )
    for part, purpose in PATTERNS.items():
        parser.add_argument(f"--{part}-pattern", metavar="REGEX", help=purpose)


def open_dump(options: argparse.Namespace) -> Inspection:
    """The inspection of the dump that the arguments name; a `PerError` if there is none."""
    layout = None if options.layout is None else Layout(options.layout, options.channel_axis)
    inspection = inspect(options.path, layout=layout)
    given = {part: getattr(options, f"{part}_pattern") for part in PATTERNS}
    if any(given.values()):
        edited = {part: expression for part, expression in given.items() if expression}
        inspection = inspection.with_pattern(replace(inspection.pattern, **edited))
    for axes, kind, channel_axis in options.layout_of:
        inspection = inspection.with_layout(Layout(kind, channel_axis), axes=axes)
    return inspection


def _layout_of(text: str) -> tuple[int, Literal["sample", "position"], int]:
    found = re.fullmatch(r"(\d+)=(sample|position)(?::(-?\d+))?", text)
    if not found:
        raise argparse.ArgumentTypeError(f"a number of axes and a layout, like 4=position:1; received {text!r}")
    return int(found[1]), "sample" if found[2] == "sample" else "position", int(found[3] or -1)


def run(options: argparse.Namespace) -> int:
    """Inspect a dump, print the table, return the exit status."""
    try:
        inspection = open_dump(options)
    except PerError as error:
        print(f"python -m analysis inspect: {message(error)}", file=sys.stderr)
        return UNUSABLE
    print(_as_json(inspection) if options.json else _as_text(inspection))
    if not inspection.readable and not inspection.ambiguous:
        return UNUSABLE
    return REFUSED if inspection.refused else OK


def _as_json(inspection: Inspection) -> str:
    members = [asdict(member) for member in inspection.members]
    return json.dumps({"path": str(inspection.path), "members": members, "ignored": inspection.ignored}, indent=1)


def _as_text(inspection: Inspection) -> str:
    table = [HEADINGS, *(_cells(member) for member in inspection.members)]
    widths = [max(len(row[column]) for row in table) for column in range(len(HEADINGS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    for member in inspection.members:
        told = member.reason or member.note
        if told:
            lines.append(f"\n{plain(member.name)}: {message(told)}")
    counts = f"{len(inspection.readable)} ok, {len(inspection.ambiguous)} ambiguous, {len(inspection.refused)} refused"
    lines.append(f"\n{len(inspection.members)} members: {counts}; {len(inspection.ignored)} other files passed over")
    return "\n".join(lines)


def _cells(member: Member) -> tuple[str, ...]:
    return (
        _short(member.name),
        "?" if member.shape is None else " x ".join(map(str, member.shape)) or "()",
        _short(member.dtype) or "?",
        "?" if member.declared is None else in_words(member.declared),
        "?" if member.stored is None else in_words(member.stored),
        _short(member.layer or "-"),
        "-" if member.epoch is None else str(member.epoch),
        member.verdict,
    )


def _short(text: str) -> str:
    text = plain(text)
    return text if len(text) <= LONGEST_CELL else f"...{text[3 - LONGEST_CELL :]}"
