"""Measures data of any size in one pass: all members of a dump, taken together as one set of rows of the same units.

Read once, in pieces, by threads of this process or by the workers of a Dask cluster. Prints the sliced W1 distance to
N(0, I) as two bounds of its value on the directions drawn, PER, and the moments of the units; every scheduler finds the
same. Choose the members of one layer, `--member 'layer_3/*'`, if units differ.

It takes 1 GB of memory at most. Plain .npy and .safetensors are read fastest; compressed archives are unpacked anew for
every piece.

exit status: 0 if everything was read, 1 if members could not be read or rows have values that are NaN or infinite, and
were left out, 2 if nothing can be measured, 3 if the result is printed and --out could not be written, 130 after
Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from analysis.batch import count_not_finite
from analysis.command_line import command
from analysis.commands.dump_arguments import add_dump_arguments, open_dump
from analysis.dumps.inspection import Inspection, Member
from analysis.dumps.limits import in_words
from analysis.one_pass.partial_statistics import PassSpec
from analysis.one_pass.scheduling import PassResult, run_pass
from analysis.one_pass.shards import require_one_layer
from analysis.plain_text import message, plain
from analysis.progress import progress_line
from per_core.errors import InvalidInputError, PerError, StorageError
from per_core.recording.whole_file import write_whole
from per_core.text import N_

OK, INCOMPLETE, UNUSABLE, UNWRITTEN, INTERRUPTED = 0, 1, 2, 3, 130
MOST_THREADS = 4  # by default; each takes about 100 MB
GAUSSIAN_SW1 = 1.288  # sliced W1 of n rows of N(0, I) is about this over √n
SHOWN_LEFT_OUT = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    add_dump_arguments(parser)
    parser.add_argument(
        "--member",
        nargs="+",
        default=[],
        metavar="NAME",
        help="only these members or layers, as one set of rows; * and ? stand for any signs; default all, of one layer",
    )
    parser.add_argument("--out", type=Path, metavar="RESULT.json", help="write the result there, as JSON")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.add_argument("--directions", type=int, default=256, metavar="K", help="random directions; default 256")
    parser.add_argument("--seed", type=int, default=0, help="of the directions; default 0")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parser.add_argument(
        "--workers", type=int, default=min(cores, MOST_THREADS), metavar="N", help="threads of this process"
    )
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask scheduler, to use its workers instead")


def run(options: argparse.Namespace) -> int:
    """Measure a dump, print what was found, return the exit status."""
    try:
        spec = PassSpec(slices=options.directions, seed=options.seed)
        _require_place(options.out)
        inspection = open_dump(options)
        readable, left_out = _chosen(inspection, options.member)
        start = time.monotonic()
        result = run_pass(
            inspection,
            spec,
            members=[member.name for member in readable],
            scheduler=options.scheduler,
            workers=options.workers,
            on_progress=progress_line("pieces"),
        )
        found = as_dict(result, left_out, seconds=time.monotonic() - start)
    except (PerError, OSError) as error:
        print(f"{command('measure')}: {message(error)}", file=sys.stderr)
        return UNUSABLE
    except KeyboardInterrupt:
        print(f"\n{command('measure')}: stopped", file=sys.stderr)
        return INTERRUPTED
    print(json.dumps(found, indent=1) if options.json else as_text(found))
    if options.out is not None:
        try:
            write_whole(options.out, f"{json.dumps(found, indent=1)}\n".encode())
        except StorageError as error:
            print(f"{command('measure')}: {message(error)}", file=sys.stderr)
            return UNWRITTEN
    return INCOMPLETE if left_out or result.statistics.n_left_out else OK


def as_dict(result: PassResult, left_out: list[Member], *, seconds: float) -> dict[str, Any]:
    """What was found, as JSON can hold it; None stands for what is undefined.

    Raises:
        InvalidInputError: If there was no row of finite values.
    """
    whole = result.statistics
    distance = whole.distance()
    moments = whole.moments.moments
    units = {name: getattr(moments, name) for name in ("mean", "variance", "skewness", "excess_kurtosis")}
    return {
        "rows": whole.n,
        "units": whole.d,
        "rows_left_out": whole.n_left_out,
        "directions": whole.spec.slices,
        "seed": whole.spec.seed,
        "sw1": {
            "lower": distance.lower,
            "upper": distance.upper,
            "standard_error": _defined(distance.standard_error),
            "margin_of_error": _defined(distance.margin_of_error),
            "of_gaussian_data": GAUSSIAN_SW1 / math.sqrt(whole.n),
        },
        "per": {
            "value": whole.per,
            "standard_error": _defined(whole.per_standard_error),
            "margin_of_error": _defined(whole.per_margin),
        },
        "mean_norm": whole.norm,
        "per_unit": {name: [_defined(value) for value in values.tolist()] for name, values in units.items()}
        | {
            "nan": whole.n_nan.tolist(),
            "infinite": whole.n_inf.tolist(),
            "beyond_float32": whole.n_beyond_float32.tolist(),
        },
        "members": [member.name for member in result.members],
        "members_left_out": {member.name: member.obstacle for member in left_out},
        "bytes": sum(member.declared or 0 for member in result.members),
        "seconds": seconds,
    }


def as_text(found: dict[str, Any]) -> str:
    """The result for a person."""
    sw1, per, unit = found["sw1"], found["per"], found["per_unit"]
    members = f"{len(found['members'])} member{'s' * (len(found['members']) != 1)}"
    lost = count_not_finite(*(sum(unit[kind]) for kind in ("nan", "infinite", "beyond_float32")))
    lines = [
        f"{found['rows']:,} rows of {found['units']:,} units in {members}; {found['rows_left_out']:,} rows left out",
        f"read {in_words(found['bytes'])} in {found['seconds']:.1f} s",
        "",
        f"SW1 to N(0, I)    between {sw1['lower']:.6g} and {sw1['upper']:.6g} on the {found['directions']} directions"
        " drawn",
        f"                  ± {_number(sw1['margin_of_error'])} for all directions (95 %)",
        f"                  about {sw1['of_gaussian_data']:.3g} for Gaussian data of as many rows",
        f"PER               {per['value']:.6g} ± {_number(per['margin_of_error'])} over rows (95 %)",
        f"norm of a row     {found['mean_norm']:.5g} on average",
        f"special values    {lost}",
        "",
        f"{'over units':<18}{'least':>12}{'median':>12}{'most':>12}",
    ]
    for name in ("mean", "variance", "skewness", "excess_kurtosis"):
        defined = [value for value in unit[name] if value is not None]
        cells = np.quantile(defined, [0, 0.5, 1]) if defined else [None] * 3
        lines.append(f"{name.replace('_', ' '):<18}" + "".join(f"{_number(cell):>12}" for cell in cells))
    reasons = list(found["members_left_out"].items())
    lines += [f"\nleft out: {plain(name)}: {message(reason)}" for name, reason in reasons[:SHOWN_LEFT_OUT]]
    if len(reasons) > SHOWN_LEFT_OUT:
        lines.append(f"\nleft out: {len(reasons) - SHOWN_LEFT_OUT} more, see {command('inspect')}")
    return "\n".join(lines)


def _chosen(inspection: Inspection, patterns: list[str]) -> tuple[list[Member], list[Member]]:
    """Members of these names that can be read, and those that cannot."""
    for pattern in patterns:
        if not any(_matches(member, pattern) for member in inspection.members):
            inspection.member(pattern)  # says what there is
    chosen = [m for m in inspection.members if not patterns or any(_matches(m, pattern) for pattern in patterns)]
    readable = [member for member in chosen if not member.obstacle]
    left_out = [member for member in chosen if member.obstacle]
    if not readable:
        raise InvalidInputError(
            N_("A pass needs a member that can be read; none of the {count} can. {name}: {reason}"),
            count=len(chosen),
            name=left_out[0].name,
            reason=left_out[0].obstacle,
        )
    if not patterns:
        require_one_layer(readable)
    return readable, left_out


def _matches(member: Member, pattern: str) -> bool:
    names = (member.name, member.layer or "")
    return pattern in names or any(fnmatchcase(name, pattern) for name in names)


def _require_place(out: Path | None) -> None:
    """Better now than after the pass."""
    if out is not None and (out.is_dir() or not out.absolute().parent.is_dir()):
        raise InvalidInputError(
            N_("A result is a file in a folder that exists; {out} cannot be one. Name another one."), out=out
        )


def _defined(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4g}"
