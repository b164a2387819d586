"""Shows a run in the terminal while it is trained: its layers, worst first, over the epochs, and warnings in words.

Follows the run until it ends, or Ctrl+C. The sparklines are what was recorded over the epochs, each from 0 to its
largest value; that of dead units from 0 to 100 %. Warnings are about the last record of every run; those of earlier
epochs stand in the report.

exit status: 0 if all is well, 1 if a warning is of what --fail-on names, or the training failed or was interrupted, 2
if there is nothing to read.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Any, get_args

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from analysis.command_line import command
from analysis.commands.standing_picture import StandingPicture, needs_ascii
from analysis.plain_text import message, plain
from analysis.runs.newest import newest_run
from analysis.runs.shipped import EXAMPLE, or_example
from analysis.survey.standing import Follower, LayerStanding, Standing
from analysis.survey.warnings import LayerWarning, WarningKind
from per_core.errors import InvalidInputError, PerError
from per_core.text import N_

WELL, FAILED, UNUSABLE, INTERRUPTED = 0, 1, 2, 130
KINDS = get_args(WarningKind)
CHOICES = ("severe", "any", "none", *KINDS)
EVERY = 1.0  # seconds from one look to the next
SHARE, LONGEST = 2.0, 5.0  # times as long as the look itself took, for what is watched has the processor; seconds
HINT = "Ctrl+C ends the view; the training goes on."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument(
        "path",
        type=Path,
        metavar="PATH",
        help=f"a run directory, a comparison, or a folder: the newest run below it; {EXAMPLE}: the run that ships",
    )
    parser.add_argument("--once", action="store_true", help="show it as it is now, and end")
    parser.add_argument("--json", action="store_true", help="print a line of JSON for every new state, for scripts")
    parser.add_argument(
        "--fail-on",
        type=_failing,
        default=("severe",),
        metavar="WARNING,...",
        help=f"warnings that make the exit status 1: {', '.join(CHOICES)}; default severe",
    )
    parser.add_argument("--ascii", action="store_true", help="draw with ASCII, for a terminal that has no Unicode")


def run(options: argparse.Namespace) -> int:
    """Show a run, follow it until it ends, and return the exit status."""
    console = Console(highlight=False, markup=False, emoji=False)
    is_ascii = options.ascii or needs_ascii(console.encoding)
    is_screen = console.is_terminal and not console.is_dumb_terminal
    try:
        follower = Follower(_chosen(options.path))
        if options.json:
            standing = _follow(follower, partial(_print_json, fail_on=options.fail_on), once=options.once)
        elif is_screen and not options.once:
            standing = _follow_on_screen(follower, console, is_ascii=is_ascii)
        else:
            log = _silent if options.once else partial(_print_line, is_ascii=is_ascii)
            standing = _follow(follower, log, once=options.once)
    except PerError as error:
        print(f"{command('watch')}: {message(error)}", file=sys.stderr)
        return UNUSABLE
    except KeyboardInterrupt:  # before there was anything to show
        return INTERRUPTED
    if not options.json:
        height = console.height - 1 if is_screen else None  # the prompt comes below
        console.print(StandingPicture(standing, height, is_ascii=is_ascii))
    return exit_status(standing, options.fail_on)


def exit_status(standing: Standing, fail_on: Collection[str]) -> int:
    """0 if all is well, 1 if the training or a warning of these severities or kinds says otherwise, 2 if nothing does.

    Args:
        standing: of the run.
        fail_on: of `CHOICES`.
    """
    if standing.has_failed or any(_is_failing(warning, fail_on) for warning in standing.warnings):
        return FAILED
    return WELL if standing.layers else UNUSABLE


def as_dict(standing: Standing, fail_on: Collection[str]) -> dict[str, Any]:
    """What is shown, as JSON can hold it; None stands for what is undefined. Names are as they were written."""
    status, comparison = standing.status, standing.comparison
    return {
        "path": str(comparison.path),
        "title": comparison.title,
        "state": status.state,
        "is_live": standing.is_live,
        "message": status.message,
        "epoch": standing.epoch,
        "epochs": status.epochs,
        "seconds": standing.seconds,
        "layers": [_layer_as_dict(layer) for layer in standing.layers],
        "runs": {name: _warning_as_dict(warning) for name, warning in standing.of_runs.items()},
        "exit_status": exit_status(standing, fail_on),
    }


def _layer_as_dict(layer: LayerStanding) -> dict[str, Any]:
    method, seed = layer.key
    history = layer.history
    numbers = {name: float(getattr(history, name)[-1]) for name in ("variance", "dead", "sw1", "sw1_margin", "per")}
    return {
        "method": method,
        "seed": seed,
        "layer": layer.layer,
        "epoch": float(history.epochs[-1]),
        **{name: value if math.isfinite(value) else None for name, value in numbers.items()},
        "warnings": [_warning_as_dict(warning) for warning in layer.warnings],
    }


def _warning_as_dict(warning: LayerWarning) -> dict[str, str]:
    return {"kind": warning.kind, "severity": warning.severity, "sentence": str(warning.sentence)}


def _is_failing(warning: LayerWarning, fail_on: Collection[str]) -> bool:
    return not {"any", warning.severity, warning.kind}.isdisjoint(fail_on)


def _chosen(path: Path) -> Path:
    """The run that is meant by a path.

    Raises:
        InvalidInputError: If there is none.
    """
    path = Path(or_example(str(path)))
    if not path.is_dir():
        raise InvalidInputError(
            N_("A run is a folder; there is none at {path}. Name a run, or the folder of all runs."), path=path
        )
    found = newest_run(path)
    if found is None:
        raise InvalidInputError(
            N_(
                "A run is a folder that a training or a Recorder wrote; there is none at or below {path}. Start one,"
                " {train}, or give a folder in it to per_core.Recorder in your own training."
            ),
            path=path.resolve(),
            train=command("train", "default", "--out", str(path / "first")),
        )
    return found


def _follow(follower: Follower, show: Callable[[Standing], None], *, once: bool) -> Standing:
    """Show every new state until the run ends or somebody presses Ctrl+C; return the last one."""
    start = time.monotonic()
    standing = follower.look()
    try:
        show(standing)
        while standing.is_live and not once:
            time.sleep(max(EVERY, min(LONGEST, SHARE * (time.monotonic() - start))))
            start = time.monotonic()
            new = follower.look()
            if new is not standing:
                show(standing := new)
    except KeyboardInterrupt:
        pass
    return standing


def _follow_on_screen(follower: Follower, console: Console, *, is_ascii: bool) -> Standing:
    """The same on the whole terminal, drawn anew every second: time passes, and windows change their size."""
    shown: list[Standing] = []

    def picture() -> RenderableType:
        if not shown:
            return Text("Reading the run ...")
        return StandingPicture(shown[-1], console.height, is_ascii=is_ascii, hint=HINT)

    with Live(console=console, screen=True, get_renderable=picture, refresh_per_second=1 / EVERY) as live:

        def show(standing: Standing) -> None:
            shown.append(standing)
            del shown[:-1]
            live.refresh()

        return _follow(follower, show, once=False)


def _print_json(standing: Standing, fail_on: Collection[str]) -> None:
    print(json.dumps(as_dict(standing, fail_on)), flush=True)


def _print_line(standing: Standing, is_ascii: bool) -> None:
    print(StandingPicture(standing, is_ascii=is_ascii).line(), flush=True)


def _silent(standing: Standing) -> None:
    """Show nothing: the last state is printed at the end."""


def _failing(text: str) -> tuple[str, ...]:
    """Names of severities and kinds, in whatever letters they are written."""
    known = {choice.lower(): choice for choice in CHOICES}
    words = [word.strip().lower() for word in text.split(",")]
    unknown = [word for word in words if word not in known]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"names of warnings, separated by commas, of {', '.join(CHOICES)}; received {plain(unknown[0])!r}"
        )
    return tuple(known[word] for word in words)
