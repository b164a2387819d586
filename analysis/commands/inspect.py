"""Prints what is in a dump, how it is read and what is wrong with it. Nothing but headers is read.

A dump is a file or a folder of arrays (.npy .npz .pt .safetensors .h5 .mat .zarr), tables (.parquet .arrow .csv .json),
raw numbers with their shape in metadata.json, event files of TensorBoard, an archive of these, or a run directory.

Names and shapes of the whole set say how its arrays become layers over epochs. What could be something else is asked,
and --set answers. The answers are a plan, which --keep-plan writes to perscope.toml beside the dump:

  [[arrays]]
  name = "{split}/epoch_{epoch}.npz/act_{layer:fc*}"
  axes = ["sample", "unit"]

A name is the way to an array: folders, files, keys. Braces hold what a part of it is: layer, epoch, split, part,
sample, method, seed, ignored; * stands for any signs. Axes are sample, position, height and width, of which rows
consist; unit, channel and head, of which units do; layer, which is split; ignored. The first rule that fits the name
and the number of axes decides. `left_out = "labels"` in place of axes leaves an array out.

exit status: 0 if every array can be read or is no activation, 1 if some are refused, 2 if there is nothing to read at
all.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from analysis.command_line import command
from analysis.commands.dump_arguments import add_dump_arguments, open_dump
from analysis.commands.reasons import reasons_in_words
from analysis.dumps.inspection import Inspection, Member
from analysis.dumps.plan.plan_file import keep_plan
from analysis.dumps.summary import Summary
from analysis.plain_text import message, plain
from analysis.survey.sentences import left_out_title, reason_title
from per_core.errors import PerError
from per_core.recording.whole_file import write_whole

OK, REFUSED, UNUSABLE = 0, 1, 2
HEADINGS = ("layer", "epoch", "split", "rows x units", "parts", "array")
LONGEST_CELL = 60
MOST_LINES = 500  # of the table
MOST_NOTES = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    add_dump_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--keep-plan",
        nargs="?",
        type=Path,
        const=Path(),
        metavar="FILE",
        help="write the plan there; without FILE beside the dump, where it is found again",
    )


def run(options: argparse.Namespace) -> int:
    """Inspect a dump, print the table, return the exit status."""
    try:
        inspection = open_dump(options)
        if options.keep_plan is not None:
            _keep(inspection, options.keep_plan)
    except PerError as error:
        print(f"{command('inspect')}: {message(error)}", file=sys.stderr)
        return UNUSABLE
    print(_as_json(inspection) if options.json else _as_text(inspection))
    if not inspection.readable:
        return UNUSABLE
    return REFUSED if inspection.refused else OK


def _keep(inspection: Inspection, file: Path) -> None:
    if file == Path():
        file = keep_plan(inspection.path, inspection.plan)
    else:
        write_whole(file, inspection.plan.to_toml().encode())
    print(f"wrote the plan to {plain(file)}", file=sys.stderr)


def _as_json(inspection: Inspection) -> str:
    layers = [
        {
            "layer": member.layer,
            "epoch": member.epoch,
            "split": member.group,
            "rows": member.rows,
            "units": member.units,
            "parts": len(member.parts),
        }
        | ({"binned": True} if member.is_binned else {})
        for member in inspection.readable
    ]
    left_out = [{"name": one.name, "kind": one.kind, "reason": one.reason} for one in inspection.left_out]
    left_out += [{"name": one.name, "kind": "refused", "reason": one.reason} for one in inspection.refused]
    left_out += [
        {"name": name, "kind": "other file", "reason": "of no kind that is read"} for name in inspection.ignored
    ]
    questions = [asdict(question) for question in inspection.questions]
    return json.dumps({"layers": layers, "left_out": left_out, "questions": questions}, indent=1, ensure_ascii=False)


def _as_text(inspection: Inspection) -> str:
    lines = [Summary.of(inspection).sentence(), ""]
    members = inspection.readable
    table = [HEADINGS, *map(_cells, members[:MOST_LINES])]
    widths = [max(len(row[column]) for row in table) for column in range(len(HEADINGS))]
    lines += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    if len(members) > MOST_LINES:
        lines.append(f"... {len(members) - MOST_LINES:,} more, see --json")
    lines += reasons_in_words(((one.name, one.reason) for one in inspection.refused), reason_title)
    lines += reasons_in_words(((one.name, f"{one.kind}: {one.reason}") for one in inspection.left_out), left_out_title)
    lines += _notes([(one.name, one.note) for one in inspection.readable if one.note and len(one.parts) == 1])
    for question in inspection.questions:
        lines += [
            f"\n{question.about} of {plain(question.example)} {question.shape}: read as {question.chosen}, because"
            f" {message(question.reason)}",
            *(f"  --set '{question.id}={option}'" for option in question.options if option != question.chosen),
        ]
    if inspection.ignored:
        lines.append(f"\n{len(inspection.ignored)} other files passed over")
    return "\n".join(lines)


def _notes(told: Sequence[tuple[str, str]]) -> list[str]:
    """What is worth knowing of single arrays, once for all that share it."""
    shared: dict[str, list[str]] = {}
    for name, note in told:
        shared.setdefault(note, []).append(name)
    lines = [
        f"\nnote: {plain(names[0])}{f' and {len(names) - 1} more' if names[1:] else ''}: {message(note)}"
        for note, names in list(shared.items())[:MOST_NOTES]
    ]
    return lines + ([f"\nnote: {len(shared) - MOST_NOTES} more"] if len(shared) > MOST_NOTES else [])


def _cells(member: Member) -> tuple[str, ...]:
    return (
        _short(member.layer or "-"),
        "-" if member.epoch is None else str(member.epoch),
        _short(member.group or "-"),
        f"{member.rows} x {member.units}" + (" binned" if member.is_binned else ""),
        str(len(member.parts)),
        _short(member.name),
    )


def _short(text: str) -> str:
    text = plain(text)
    return text if len(text) <= LONGEST_CELL else f"...{text[3 - LONGEST_CELL :]}"
