"""Sparklines: a curve over the epochs in one line of text."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

BLOCKS, SIGNS = "▁▂▃▄▅▆▇█", "_.:-=+*#"  # the least and the largest of eight heights, with and without Unicode
LOST = "!"  # where a value is not finite


def sparkline(values: NDArray[np.float64], width: int, *, top: float | None = None, is_ascii: bool = False) -> str:
    """A curve from 0 upwards, one sign for each value, or for the largest of several where there are more than fit.

    Args:
        values: (epochs,), at least 0; what is NaN or infinite is drawn as "!".
        width: most signs, ≥ 1.
        top: the value of the highest sign; the largest of the values if not given.
        is_ascii: whether the signs are those of ASCII.
    """
    signs = SIGNS if is_ascii else BLOCKS
    if not len(values):
        return ""
    highest = np.array([part.max() for part in np.array_split(values, min(width, len(values)))])  # NaN stays NaN
    finite = highest[np.isfinite(highest)]
    limit = top or float(finite.max(initial=0.0)) or 1.0
    return "".join(signs[_level(value / limit)] if math.isfinite(value) else LOST for value in highest)


def _level(share: float) -> int:
    """Which of the eight signs stands for a share of the highest, 0 to 1."""
    return min(len(BLOCKS) - 1, max(0, math.ceil(share * len(BLOCKS)) - 1))
