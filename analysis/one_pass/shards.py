"""Shards: the members of a dump that are one data set, cut into pieces that are read and counted one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.dumps.cells import FLOAT_BYTES
from analysis.dumps.inspection import Inspection, Member
from analysis.dumps.limits import ReadingLimits
from analysis.dumps.member import Part
from analysis.dumps.plan.axes import items_of, matrix_shape
from analysis.dumps.rows import PartRange, read_parts
from analysis.one_pass.partial_statistics import PartialStatistics, PassSpec, take_batches
from per_core.errors import InvalidInputError
from per_core.text import N_, Phrase

PIECE_BYTES = 2**27  # of float32, that make one task: long enough for its result to be worth moving
NAMED = 8  # of the members in a message
READ_BYTES = 2**23  # of these, that are in memory at once


@dataclass(frozen=True, slots=True)
class Piece:
    """Adjacent rows of one member.

    Attributes:
        path: of the dump.
        ranges: parts of the member, and which of their items.
        units: of the rows.
        limits: within which they are read.
    """

    path: Path
    ranges: tuple[PartRange, ...]
    units: int
    limits: ReadingLimits


def choose_members(inspection: Inspection, names: Sequence[str] | None = None) -> tuple[Member, ...]:
    """The members of these names, or all that can be read, of one number of units.

    Raises:
        InvalidInputError: If there is none, one cannot be read, their units differ, or they are of several layers and
            none was named.
    """
    members = inspection.loadable if names is None else tuple(inspection.member(name) for name in names)
    if names is None:
        require_one_layer(members)
    if not members:
        reasons = [
            Phrase(N_(" {name}: {reason}"), name=one.name, reason=one.obstacle) for one in inspection.members[:1]
        ]
        raise InvalidInputError(
            N_(
                "A pass needs a member that can be read; {title} has none.{reasons} Choose another dump or another"
                " plan."
            ),
            title=inspection.title,
            reasons=reasons[0] if reasons else "",
        )
    for member in members:
        if member.obstacle:
            raise InvalidInputError(N_("{name}: {obstacle}"), name=member.name, obstacle=member.obstacle)
        if member.units != members[0].units:
            raise InvalidInputError(
                N_(
                    "Shards of one data set have the same units; {first_name} has {first_units}, {name} has {units}."
                    " Choose the members of one layer."
                ),
                first_name=members[0].name,
                first_units=members[0].units,
                name=member.name,
                units=member.units,
            )
    return members


def require_one_layer(members: Sequence[Member]) -> None:
    """Check that members are pieces of one layer at one moment; an `InvalidInputError` if they are not."""
    cells = list(dict.fromkeys((member.layer, member.epoch, member.group) for member in members))
    if len(cells) > 1:
        some = ", ".join(dict.fromkeys(member.name for member in members[:NAMED])) + (", ..." if cells[NAMED:] else "")
        raise InvalidInputError(
            N_(
                "One set of rows is measured, of one layer at one moment; these are {cells} layers or moments:"
                " {some}. Name the members, on the command line with --member; --member '*' takes all as one set."
            ),
            cells=len(cells),
            some=some,
        )


def cut(inspection: Inspection, members: Sequence[Member], *, piece_bytes: int = PIECE_BYTES) -> list[Piece]:
    """Pieces of members that `choose_members` chose, in their order."""
    return [
        Piece(inspection.path, tuple(ranges), member.units or 0, inspection.limits)
        for member in members
        for ranges in _bundles(((part, 0, part.items) for part in member.parts), piece_bytes)
    ]


def take_piece(piece: Piece, spec: PassSpec) -> PartialStatistics:
    """Read a piece bit by bit and take its statistics.

    Raises:
        PerError: If it cannot be read, or is not what was inspected any more.
    """
    return take_batches(_batches(piece), piece.units, spec)


def _batches(piece: Piece) -> Iterator[NDArray[Any]]:
    """The rows of a piece, some at a time."""
    for ranges in _bundles(piece.ranges, READ_BYTES):
        # Not Inspection.load: it copies and hashes every batch, which costs more than counting it.
        parts = list(read_parts(piece.path, ranges, piece.limits))
        yield parts[0] if len(parts) == 1 else np.concatenate(parts)


def _bundles(ranges: Iterable[PartRange], size: int) -> Iterator[list[PartRange]]:
    """Ranges of about so many bytes together: long ones are cut, short ones bundled."""
    bundle: list[PartRange] = []
    left = size
    for part, start, stop in ranges:
        item = _item_bytes(part)
        while start < stop:
            count = min(stop - start, max(1, left // item))
            bundle.append((part, start, start + count))
            start, left = start + count, left - count * item
            if left < item:
                yield bundle
                bundle, left = [], size
    if bundle:
        yield bundle


def _item_bytes(part: Part) -> int:
    """Bytes of one item as float32."""
    rows, units = matrix_shape(part.shape, part.axes)
    return rows // items_of(part.shape, part.axes) * units * FLOAT_BYTES
