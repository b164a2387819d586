"""Shards: the members of a dump that are one data set, cut into pieces that are read and counted one by one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from analysis.dumps.inspection import FLOAT_BYTES, Inspection, Member
from analysis.dumps.layout import Layout
from analysis.dumps.limits import ReadingLimits
from analysis.dumps.tree import Location, read_rows
from analysis.one_pass.partial_statistics import PartialStatistics, PassSpec, take_statistics
from per_core.errors import InvalidInputError, PerError

PIECE_BYTES = 2**27  # of float32, that make one task: long enough for its result to be worth moving
READ_BYTES = 2**25  # of these, that are in memory at once: fewer merges than with less, more cache than with more


@dataclass(frozen=True, slots=True)
class Piece:
    """Adjacent samples of one member.

    Attributes:
        path, name, location: of the dump, and of the member in it.
        shape: of the member.
        start, stop: samples, the first axis of the member.
        layout: how samples become rows.
        limits: within which it is read.
    """

    path: Path
    name: str
    location: Location
    shape: tuple[int, ...]
    start: int
    stop: int
    layout: Layout
    limits: ReadingLimits


def choose_members(inspection: Inspection, names: Sequence[str] | None = None) -> tuple[Member, ...]:
    """The members of these names, or all that can be read, of one number of units.

    Raises:
        InvalidInputError: If there is none, one cannot be read, or their units differ.
    """
    members = inspection.readable if names is None else tuple(inspection.member(name) for name in names)
    if not members:
        reasons = "".join(f" {member.name}: {member.reason}" for member in inspection.members[:1])
        raise InvalidInputError(
            f"A pass needs a member that can be read; {inspection.title} has none.{reasons} Choose another dump"
            " or a layout."
        )
    for member in members:
        if member.verdict != "ok":
            raise InvalidInputError(f"{member.name}: {member.reason}")
        if member.units != members[0].units:
            raise InvalidInputError(
                f"Shards of one data set have the same units; {members[0].name} has {members[0].units},"
                f" {member.name} has {member.units}. Choose the members of one layer."
            )
    return members


def cut(inspection: Inspection, members: Sequence[Member], *, piece_bytes: int = PIECE_BYTES) -> list[Piece]:
    """Pieces of members that `choose_members` chose, in their order."""
    pieces: list[Piece] = []
    for member in members:
        assert member.shape is not None
        samples = member.shape[0]
        length = _fitting(member.shape, piece_bytes)
        pieces.extend(
            Piece(
                path=inspection.path,
                name=member.name,
                location=member.location,
                shape=member.shape,
                start=start,
                stop=min(start + length, samples),
                layout=inspection.layout_of(member) or Layout("sample"),
                limits=inspection.limits,
            )
            for start in range(0, samples, length)
        )
    return pieces


def take_piece(piece: Piece, spec: PassSpec) -> PartialStatistics:
    """Read a piece bit by bit and take its statistics.

    Raises:
        PerError: If it cannot be read, or is not what was inspected any more.
    """
    _, d = piece.layout.matrix_shape(piece.shape)
    directions = spec.directions(d)
    whole = PartialStatistics.empty(d, spec)
    length = _fitting(piece.shape, READ_BYTES)
    for start in range(piece.start, piece.stop, length):
        rows = _read(piece, start, min(start + length, piece.stop))
        whole = whole.merge(take_statistics(rows, spec, directions=directions))
    return whole


def _read(piece: Piece, start: int, stop: int) -> NDArray[Any]:
    # Not Inspection.load: it copies and hashes every batch, which costs more than counting it.
    try:
        values = read_rows(piece.path, piece.location, start, stop, piece.limits)
    except PerError as error:
        raise type(error)(f"{piece.name}: {error}") from error
    if values.shape != (stop - start, *piece.shape[1:]):
        raise InvalidInputError(
            f"{piece.name} must be as it was when inspected, {piece.shape}; it has changed. Inspect the dump again."
        )
    return piece.layout.to_matrix(values)


def _fitting(shape: tuple[int, ...], size: int) -> int:
    """Samples of this shape that fit into so many bytes, one at least."""
    return max(1, size // (math.prod(shape[1:]) * FLOAT_BYTES))
