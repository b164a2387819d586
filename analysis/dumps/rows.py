"""Rows: what is read of the arrays that a member is made of."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from analysis.dumps.limits import ReadingLimits
from analysis.dumps.member import Part
from analysis.dumps.plan.axes import stored_range, to_matrix
from analysis.dumps.tree import Piece, read_pieces
from per_core.errors import InvalidInputError, PerError

PartRange = tuple[Part, int, int]
"""A part of a member, and the first and the end of its items."""

VALUES_AT_ONCE = 2**22  # of several arrays that are read in one go: 32 MiB of the largest type


def read_parts(path: Path, ranges: Sequence[PartRange], limits: ReadingLimits) -> Iterator[NDArray[Any]]:
    """The rows (n, d) of each range, in their order; short ones are read together.

    Raises:
        PerError: If one cannot be read, or is not what was inspected any more; its name comes first.
    """
    for some in _together(ranges):
        arrays = _read(path, [_stored(one) for one in some], limits)
        for (part, start, stop), (location, begin, end), values in zip(some, map(_stored, some), arrays, strict=True):
            if values.shape != (end - begin, *part.shape[1:]):
                raise InvalidInputError(
                    f"{_name(path, location)} must be as it was when inspected, {part.shape}; it has changed. Inspect"
                    " the dump again."
                )
            yield to_matrix(values, part.axes, part.layer, start=start, stop=stop)


def _read(path: Path, pieces: Sequence[Piece], limits: ReadingLimits) -> Sequence[NDArray[Any]]:
    try:
        return read_pieces(path, pieces, limits)
    except PerError as error:
        if len(pieces) == 1:
            raise type(error)(f"{_name(path, pieces[0][0])}: {error}") from error
    return [array for piece in pieces for array in _read(path, [piece], limits)]  # tells which of them it is


def _together(ranges: Sequence[PartRange]) -> Iterator[list[PartRange]]:
    """Ranges in their order, as many at once as have few values together; at least one."""
    some: list[PartRange] = []
    values = 0
    for one in ranges:
        part, (_, begin, end) = one[0], _stored(one)
        size = (end - begin) * math.prod(part.shape[1:])
        if some and values + size > VALUES_AT_ONCE:
            yield some
            some, values = [], 0
        some.append(one)
        values += size
    if some:
        yield some


def _stored(one: PartRange) -> Piece:
    """What is stored of a range."""
    part, start, stop = one
    return part.location, *stored_range(part.shape, part.axes, part.layer, start, stop)


def _name(path: Path, location: tuple[str, ...]) -> str:
    return "/".join(location) or path.name
