"""Saturated units: those that sit where a bounded non-linearity is flat, so that hardly any gradient passes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.moments import Float64Array
from analysis.statistics.value_kind import AT_A_BOUND, NEAR_A_BOUND

NEAR_AN_EXTREME = 0.01  # of the unit's range
SATURATED_ROWS = 0.5  # of the rows at the bounds together: the median gradient is one of them
SATURATED_END = 0.01  # of the rows at each extreme, or an outlier makes the range and all others sit at its other end


def saturated_units(values: Float64Array) -> NDArray[np.bool_]:
    """Which units of finite values (n, d) sit where a bounded non-linearity is flat in half of the rows or more: (d,).

    Either the layer's values stay within −1 and 1 (tanh), or 0 and 1 without being 0 (sigmoid), or above −1 (ELU), and
    come within 0.01 of such a bound; then the unit sits within 0.01 of one or two of them, where the slope is below
    0.02. Or, whatever the bounds, it sits within 1 % of its own range of its smallest and of its largest value, with at
    least 1 % of the rows, two at least, at each of the two. A sparse ReLU unit sits at 0 alone, and is well.

    Source: Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks".
    """
    low, high = values.min(axis=0), values.max(axis=0)
    n = len(values)
    margin = NEAR_AN_EXTREME * (high - low)
    at_low, at_high = ((values <= low + margin).sum(axis=0), (values >= high - margin).sum(axis=0))
    at_each = np.minimum(at_low, at_high) >= max(2, SATURATED_END * n)
    saturated: NDArray[np.bool_] = at_each & (at_low + at_high >= SATURATED_ROWS * n)
    flat = [(values >= bound - NEAR_A_BOUND) & (values <= bound + NEAR_A_BOUND) for bound in _bounds(values, low, high)]
    if flat:
        saturated |= np.logical_or.reduce(flat).sum(axis=0) >= SATURATED_ROWS * n
    saturated &= high > low
    return saturated


def _bounds(values: Float64Array, low: Float64Array, high: Float64Array) -> list[float]:
    """The known bounds of non-linearities that the values come close to and do not cross."""
    lowest, highest = float(low.min()), float(high.max())
    found = []
    if -1 <= lowest <= NEAR_A_BOUND - 1:
        found.append(-1.0)
    if 1 - NEAR_A_BOUND <= highest <= 1:
        found.append(1.0)
        if 0 <= lowest <= NEAR_A_BOUND and float((values == 0).mean()) < AT_A_BOUND:
            found.append(0.0)
    return found
