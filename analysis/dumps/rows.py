"""Rows: what is read of the arrays that a member is made of."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.dumps.files.file_stamp import is_settled
from analysis.dumps.kept_arrays import KeptArrays, Key
from analysis.dumps.limits import ReadingLimits
from analysis.dumps.member import Part
from analysis.dumps.pieces import Piece, read_pieces
from analysis.dumps.plan.axes import LAYER, stored_range, to_matrix
from analysis.dumps.tree import file_version, is_folder_of_files
from per_core.errors import InvalidInputError, PerError
from per_core.text import N_

PartRange = tuple[Part, int, int]
"""A part of a member, and the first and the end of its items."""

VALUES_AT_ONCE = 2**22  # of several arrays that are read in one go: 32 MiB of the largest type


def read_parts(
    path: Path, ranges: Sequence[PartRange], limits: ReadingLimits, kept: KeptArrays | None = None
) -> Iterator[NDArray[Any]]:
    """The rows (n, d) of each range, in their order; short ones are read together.

    Args:
        path: the dump.
        ranges: what is read of it.
        limits: within which it is read.
        kept: where what holds other layers as well is kept for these; None if they are not asked for soon.

    Raises:
        PerError: If one cannot be read, or is not what was inspected any more; its name comes first.
    """
    for some in _together(ranges):
        arrays = _read_some(path, some, limits, kept) if kept else _read(path, [_stored(one) for one in some], limits)
        for (part, start, stop), (location, begin, end), values in zip(some, map(_stored, some), arrays, strict=True):
            if values.shape != (end - begin, *part.shape[1:]):
                raise InvalidInputError(
                    N_("{name} must be as it was when inspected, {shape}; it has changed. Inspect the dump again."),
                    name=_name(path, location),
                    shape=part.shape,
                )
            rows = to_matrix(values, part.axes, part.layer, start=start, stop=stop)
            yield np.array(rows) if kept and _holds_others(part) else rows


def _holds_others(part: Part) -> bool:
    """Whether what is read for a layer holds the other layers of its array as well."""
    return part.layer is not None and part.axes[0] != LAYER


def _read_some(path: Path, ranges: Sequence[PartRange], limits: ReadingLimits, kept: KeptArrays) -> list[NDArray[Any]]:
    """What is stored of each range; where it holds other layers as well, it is kept for these."""
    keys = [_key(path, one, limits) if _holds_others(one[0]) else None for one in ranges]
    found = [None if key is None else kept.get(key) for key in keys]
    missing = [_stored(one) for one, values in zip(ranges, found, strict=True) if values is None]
    read = iter(_read(path, missing, limits) if missing else [])
    arrays = [next(read) if values is None else values for values in found]
    for key, values in zip(keys, arrays, strict=True):
        if key is not None:
            kept.put(key, values, limits.batch_bytes)
    return arrays


def _key(path: Path, one: PartRange, limits: ReadingLimits) -> Key | None:
    """By what an array is known; None if it is gone, or changes to it might not show."""
    location, start, stop = _stored(one)
    before = time.time_ns()
    version = file_version(path / location[0] if is_folder_of_files(path) else path, limits)
    return (path, location, start, stop, version) if version and is_settled(version, before) else None


def _read(path: Path, pieces: Sequence[Piece], limits: ReadingLimits) -> Sequence[NDArray[Any]]:
    try:
        return read_pieces(path, pieces, limits)
    except PerError as error:
        if len(pieces) == 1:
            raise type(error)(N_("{name}: {error}"), name=_name(path, pieces[0][0]), error=error) from error
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
