"""How the arrays of a layer lie in the file of a record: each under its own name, or compact.

A compact layer has no projections, and values of units as halves of two bytes. A power of two is taken out of each
unit, so that its largest finite value lies in [1/2, 1): no value is too large for a half, zeros stay zeros and equal
values equal. What is read differs from what was recorded by at most 2⁻¹¹ of a value, or 2⁻²⁴ of the unit's largest
where values are smaller than 2⁻¹⁴ of that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from per_core.recording.layer_record import Float32Array, LayerArrays

EACH = ("norms", "projections", "tracked", "tracked_units", "rows", "row_units")
COMPACT = ("norms", "tracked", "tracked_exponents", "tracked_units", "rows", "row_exponents", "row_units")

Array = NDArray[Any]


def pack(arrays: LayerArrays, *, compact: bool) -> dict[str, Array]:
    """What the file holds of a layer."""
    if not compact:
        return {name: getattr(arrays, name) for name in EACH}
    tracked, tracked_exponents = _halves(arrays.tracked)
    rows, row_exponents = _halves(arrays.rows)
    return {
        "norms": arrays.norms,
        "tracked": tracked,
        "tracked_exponents": tracked_exponents,
        "tracked_units": arrays.tracked_units,
        "rows": rows,
        "row_exponents": row_exponents,
        "row_units": arrays.row_units,
    }


def part_names(*, compact: bool) -> tuple[str, ...]:
    """What the arrays of a layer are called in the file."""
    return COMPACT if compact else EACH


def unpack(parts: Mapping[str, Array], *, compact: bool, n: int, d: int, seed: int) -> LayerArrays:
    """The layer that was packed; n, d and seed as in `LayerArrays`."""
    if not compact:
        return LayerArrays(**parts, n=n, d=d, seed=seed)
    return LayerArrays(
        norms=parts["norms"],
        projections=np.empty((len(parts["rows"]), 0), np.float32),
        tracked=_floats(parts["tracked"], parts["tracked_exponents"]),
        tracked_units=parts["tracked_units"],
        rows=_floats(parts["rows"], parts["row_exponents"]),
        row_units=parts["row_units"],
        n=n,
        d=d,
        seed=seed,
    )


def _halves(values: Float32Array) -> tuple[NDArray[np.float16], NDArray[np.int16]]:
    """Values (m, s) without a power of two for each column, and the exponents (s,) of these."""
    largest = np.abs(values).max(axis=0, initial=0.0, where=np.isfinite(values))
    exponents = np.frexp(largest)[1].astype(np.int16)
    return np.ldexp(values, -exponents).astype(np.float16), exponents


def _floats(halves: NDArray[np.float16], exponents: NDArray[np.int16]) -> Float32Array:
    values: Float32Array = np.ldexp(halves.astype(np.float32), exponents)
    return values
