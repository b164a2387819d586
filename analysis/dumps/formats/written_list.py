"""Lists of numbers as text: as Python, JSON and numpy write them into one cell of a table."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from per_core.text import N_, Phrase

GAPS = re.compile(r"[\s,]+")
MOST_AXES = 8
LEFT_OUT = Phrase(
    N_(
        "A list must be written whole; numpy left numbers out of this one: '...'. Write it with array.tolist()"
        " instead of str(array)."
    )
)
UNEVEN = Phrase(
    N_(
        "Lists in a column are equally long, one row as many units as another; here they are not, or one is"
        " missing. Pad or cut them."
    )
)


def numbers_of(cell: str) -> NDArray[Any] | None:
    """The numbers of a list, which may hold lists; None if the text is no such list. One with '...' is empty."""
    if not (cell.startswith("[") and cell.endswith("]")):
        return None
    try:
        return array_of(json.loads(cell))
    except ValueError:
        return _as_python_writes(cell)
    except RecursionError:
        return None


def array_of(values: object) -> NDArray[Any] | None:
    """Nested lists of numbers as an array, null as NaN; None if they hold something else or are of several lengths."""
    if not isinstance(values, list):
        return None
    try:
        array = np.array(values)
    except (ValueError, OverflowError, RecursionError):
        return None
    if array.dtype == object and set(map(type, array.ravel())) <= {int, float, bool, type(None)}:
        array = array.astype(np.float64)
    return array if array.dtype.kind in "iufb" and array.ndim <= MOST_AXES else None


def stacked(lists: Sequence[NDArray[Any]], rows: int) -> NDArray[Any] | str:
    """The lists of so many rows as one array, or why they are none."""
    if any(not values.size for values in lists):
        return LEFT_OUT if all(not values.size for values in lists) else UNEVEN
    if len(lists) != rows or len({values.shape for values in lists}) != 1:
        return UNEVEN
    return np.stack(lists)


def _as_python_writes(cell: str) -> NDArray[Any] | None:
    """A list that holds nan or inf, or one that numpy wrote, with spaces between the numbers."""
    inner = cell[1:-1].strip()
    if "..." in inner:
        return np.empty(0)
    if "[" in inner:
        with contextlib.suppress(ValueError, RecursionError):
            return array_of(json.loads(cell.replace("nan", "NaN").replace("inf", "Infinity")))
        return None
    try:
        return np.array([float(number) for number in GAPS.split(inner) if number]) if "_" not in inner else None
    except ValueError:
        return None
