"""The arguments of every command that opens a dump: where it is, and how it is read."""

from __future__ import annotations

import argparse
from pathlib import Path

from analysis.dumps.inspection import Inspection, inspect
from analysis.dumps.plan.plan_file import read_plan
from analysis.runs.shipped import EXAMPLE, or_example


def add_dump_arguments(parser: argparse.ArgumentParser) -> None:
    """Path, plan and answers."""
    parser.add_argument(
        "path",
        metavar="PATH",
        help=f"a file, a folder, an archive or a run directory; {EXAMPLE}: the run that ships, of a network that fails",
    )
    parser.add_argument(
        "--plan",
        type=Path,
        metavar="FILE",
        help="the reading plan, TOML; default: perscope.toml beside the dump, or the plan that is proposed",
    )
    parser.add_argument(
        "--set",
        type=_answer,
        action="append",
        default=[],
        metavar="QUESTION=ANSWER",
        help="answers a question that inspect shows, axes/conv=sample,channel,height,width; or gives a role to a number"
        " in names by the text before it, layer=block_#",
    )


def open_dump(options: argparse.Namespace) -> Inspection:
    """The inspection of the dump that the arguments name; a `PerError` if there is none."""
    plan = None if options.plan is None else read_plan(options.plan)
    return inspect(or_example(options.path), plan=plan, answers=dict(options.set))


def _answer(text: str) -> tuple[str, str]:
    question, mark, answer = text.rpartition("=") if text.startswith(("axes/", "names/")) else text.partition("=")
    if not mark or not question or not answer:
        raise argparse.ArgumentTypeError(f"a question and its answer, axes/conv=sample,unit; received {text!r}")
    return question, answer
