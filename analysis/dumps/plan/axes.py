"""Axes: how an array whose axes have roles becomes rows and units."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.dumps.plan.plan import ROW_AXES, UNIT_AXES, Axes

LAYER = "layer"


def layers_of(shape: tuple[int, ...], axes: Axes) -> int | None:
    """How many layers an array is split into; None if it has no axis of layers."""
    return shape[axes.index(LAYER)] if LAYER in axes else None


@lru_cache(maxsize=4096)  # arrays of one shape come by the thousand
def matrix_shape(shape: tuple[int, ...], axes: Axes) -> tuple[int, int]:
    """Rows and units (n, d) of one layer: products over the axes of each."""
    rows = math.prod(length for length, axis in zip(shape, axes, strict=True) if axis in ROW_AXES)
    units = math.prod(length for length, axis in zip(shape, axes, strict=True) if axis in UNIT_AXES)
    return rows, units


def items_axis(axes: Axes) -> int | None:
    """The axis by whose indices rows are read in parts: the first of rows; None if all is one row."""
    return next((number for number, axis in enumerate(axes) if axis in ROW_AXES), None)


@lru_cache(maxsize=4096)
def items_of(shape: tuple[int, ...], axes: Axes) -> int:
    """How many items an array can be read in, 1 or the length of `items_axis`; each has as many rows as the others."""
    axis = items_axis(axes)
    return 1 if axis is None else shape[axis]


def stored_range(shape: tuple[int, ...], axes: Axes, layer: int | None, start: int, stop: int) -> tuple[int, int]:
    """Which indices of the first stored axis are to be read for items `start` to `stop` − 1 of a layer."""
    if axes[0] == LAYER and layer is not None:
        return layer, layer + 1
    if items_axis(axes) == 0:
        return start, stop
    return (0, 1) if axes[0] == "ignored" else (0, shape[0])


def to_matrix(
    values: NDArray[Any], axes: Axes, layer: int | None = None, *, start: int = 0, stop: int | None = None
) -> NDArray[Any]:
    """The rows (n, d) of items `start` to `stop` − 1 of a layer, from what is stored at its `stored_range`.

    Args:
        values: with all axes.
        axes: their roles.
        layer: its index on the axis of layers, if there is one.
        start, stop: items, see `items_of`; all from `start` on if `stop` is None.
    """
    index: list[Any] = []
    rows: list[int] = []
    units: list[int] = []
    kept = 0
    first_item = items_axis(axes)
    for number, axis in enumerate(axes):
        if axis == LAYER:
            index.append(0 if number == 0 else layer)
            continue
        if axis == "ignored":
            index.append(0)
            continue
        index.append(slice(start, stop) if number == first_item and number > 0 else slice(None))
        (rows if axis in ROW_AXES else units).append(kept)
        kept += 1
    chosen = values[tuple(index)]
    lengths = [chosen.shape[axis] for axis in rows]
    return np.transpose(chosen, [*rows, *units]).reshape(math.prod(lengths), -1)
