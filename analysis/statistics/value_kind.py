"""What kind of values a layer has, told from the values: probabilities, one-hot, binary, quantised, clipped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Name = Literal[
    "constant", "one-hot", "binary", "quantised", "probabilities", "clipped", "bounded", "non-negative", "real"
]
Float64Array = NDArray[np.float64]

SUM_TOLERANCE = 0.005  # of a row of probabilities: bfloat16 rounds each by 0.2 % at most
MOST_LEVELS = 256  # of 8 bits
LEVEL_TOLERANCE = 0.05  # of a step, between a value and its level
SAMPLE = 1024  # values from which the step of a grid is estimated, before all are compared with it
REPEATED = 4  # values for each level, at least: fewer say little about a grid
AT_A_BOUND, FEWEST_AT_A_BOUND = 0.01, 8  # share and number of values exactly at a bound: chance puts one there
NEAR_A_BOUND = 0.01  # of the range
RAMP = 0.1  # of the values between the bounds near them: a ramp has about 2 %, tanh in bfloat16 26 %


@dataclass(frozen=True, slots=True)
class ValueKind:
    """What kind of values a layer has.

    Attributes:
        name: "constant", one value; "one-hot", a 1 and else 0 in each row; "binary", two values; "probabilities", none
            negative and every row sums to `sums`; "quantised", on an even grid of at most 256 levels; "clipped", at
            least 1 % of the values at each of two bounds, and between them no more near the bounds than elsewhere;
            "bounded", in [0, 1] or [−1, 1] and within 0.01 of one of these bounds, as sigmoid and tanh are;
            "non-negative"; "real".
        low, high: the smallest and the largest value; of "bounded" the bounds.
        zeros: share of values that are 0.
        levels: of a grid, from the lowest to the highest; 0 if there is none.
        sums: what the rows of probabilities sum to: 1, or the number of distributions that a row holds; 0 if none.
    """

    name: Name
    low: float
    high: float
    zeros: float
    levels: int = 0
    sums: int = 0

    @property
    def is_made_of_levels(self) -> bool:
        """Whether values at an extreme are what this kind is, and say nothing about saturation."""
        return self.name in ("one-hot", "binary", "quantised", "probabilities", "clipped")


def kind_of_values(values: Float64Array) -> ValueKind:
    """The kind of finite values (n, d), n, d ≥ 1: the first of `ValueKind.name` that fits, in the order given there."""
    low, high = float(values.min()), float(values.max())
    zeros = _share(values, 0.0) if low <= 0 <= high else 0.0
    if low == high:
        return ValueKind("constant", low, high, zeros, levels=1)
    at_low, at_high = _share(values, low), _share(values, high)
    if abs(at_low + at_high - 1) < 0.5 / values.size:
        is_one_hot = values.shape[1] > 1 and (low, high) == (0, 1) and bool((values.sum(axis=1) == 1).all())
        return ValueKind("one-hot" if is_one_hot else "binary", low, high, zeros, levels=2)
    if low >= 0 and high <= 1 + SUM_TOLERANCE and (sums := _row_sum(values)):
        return ValueKind("probabilities", low, high, zeros, sums=sums)
    if levels := _grid_levels(values, low, high):
        return ValueKind("quantised", low, high, zeros, levels=levels)
    at_both = min(at_low, at_high)
    if at_both >= AT_A_BOUND and at_both * values.size >= FEWEST_AT_A_BOUND and _is_ramp(values, low, high):
        return ValueKind("clipped", low, high, zeros)
    if low >= 0 and 1 - NEAR_A_BOUND <= high <= 1 and zeros < AT_A_BOUND:
        return ValueKind("bounded", 0.0, 1.0, zeros)
    if -1 <= low < 0 and high <= 1 and max(-low, high) >= 1 - NEAR_A_BOUND:
        return ValueKind("bounded", -1.0, 1.0, zeros)
    return ValueKind("non-negative" if low >= 0 else "real", low, high, zeros)


def _share(values: Float64Array, value: float) -> float:
    return int(np.count_nonzero(values == value)) / values.size


def _row_sum(values: Float64Array) -> int:
    """How many distributions of equal length every row holds side by side, each of sum 1 up to rounding; 0 if none."""
    n, d = values.shape
    count = round(float(values[0].sum()))
    if not 0 < count <= d / 2 or d % count:
        return 0
    sums = values.reshape(n, count, -1).sum(axis=2)
    return count if bool((np.abs(sums - 1) <= SUM_TOLERANCE).all()) else 0


def _grid_levels(values: Float64Array, low: float, high: float) -> int:
    """How many evenly spaced levels hold all values, up to 256; 0 if they are not on such a grid."""
    flat = values.ravel()
    some = flat if flat.size <= SAMPLE else flat[np.random.default_rng(0).integers(flat.size, size=SAMPLE)]
    width = high - low
    if not np.isfinite(width):
        return 0
    found = np.unique(some)
    gaps = np.diff(found)
    gaps = gaps[gaps > width / (2 * MOST_LEVELS)]
    if len(found) > 2 * MOST_LEVELS or not len(gaps):
        return 0
    steps = round(width / float(gaps.min()))
    if not 0 < steps < MOST_LEVELS or flat.size < REPEATED * len(found):
        return 0
    place = (some - low) * (steps / width)
    if np.abs(place - np.round(place)).max() > LEVEL_TOLERANCE:
        return 0
    place = (flat - low) * (steps / width)
    return steps + 1 if float(np.abs(place - np.round(place)).max()) <= LEVEL_TOLERANCE else 0


def _is_ramp(values: Float64Array, low: float, high: float) -> bool:
    """Whether the values between the bounds are as spread near them as elsewhere, which those of a sigmoid are not."""
    inside = values[(values > low) & (values < high)]
    margin = NEAR_A_BOUND * (high - low)
    near = (inside < low + margin) | (inside > high - margin)
    return not len(inside) or float(near.mean()) < RAMP
