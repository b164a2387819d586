"""Rows: what is read of the arrays that a member is made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from analysis.dumps.axes import stored_range, to_matrix
from analysis.dumps.limits import ReadingLimits
from analysis.dumps.member import Part
from analysis.dumps.tree import read_rows
from per_core.errors import InvalidInputError, PerError

PartRange = tuple[Part, int, int]
"""A part of a member, and the first and the end of its items."""


def read_parts(path: Path, ranges: Sequence[PartRange], limits: ReadingLimits) -> Iterator[NDArray[Any]]:
    """The rows (n, d) of each range, in their order.

    Raises:
        PerError: If one cannot be read, or is not what was inspected any more; its name comes first.
    """
    for part, start, stop in ranges:
        begin, end = stored_range(part.shape, part.axes, part.layer, start, stop)
        name = "/".join(part.location) or path.name
        try:
            values = read_rows(path, part.location, begin, end, limits)
        except PerError as error:
            raise type(error)(f"{name}: {error}") from error
        if values.shape != (end - begin, *part.shape[1:]):
            raise InvalidInputError(
                f"{name} must be as it was when inspected, {part.shape}; it has changed. Inspect the dump again."
            )
        yield to_matrix(values, part.axes, part.layer, start=start, stop=stop)
