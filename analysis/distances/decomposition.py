"""The distance to N(0, I) decomposed: what is due to location, scale, correlation and shape.

A batch is normalised in stages, in this order, and SW1 to N(0, I) is read after each step:

    as it is → centred → every unit scaled to variance 1 → whitened (ZCA)

What a step takes away is its part; what is left after the last step is the shape. Even N(0, I) itself has some distance
at n samples, and each step takes some of that away, so from every part its mean over Gaussian batches of the same size
is subtracted: a part is 0 on average for N(0, I), and the sampling floor, the mean distance of those Gaussian batches,
is a part of its own. The parts sum to SW1. A part can be negative: scaling a heavy-tailed unit to variance 1 can take
it further away in W1. Another order would give other parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from analysis.batch import ActivationBatch
from analysis.distances.directions import sliced_distance
from analysis.statistics.moments import finite_values
from analysis.statistics.null_band import NullBand, Statistic

Float64Array = NDArray[np.float64]
Part = Literal["location", "scale", "correlation", "shape", "floor"]
PARTS: tuple[Part, ...] = get_args(Part)
Stage = Literal["as it is", "centred", "standardised", "whitened"]
Extent = Literal["all", "some", "none", "more"]
ALIKE = 0.01  # of the distance: methods that remove as much within this share of it are not ranked
_FLAT = 1e-10  # of the largest eigenvalue: what float32 values cannot tell from a unit that never changes


@dataclass(frozen=True, slots=True)
class DistanceParts:
    """SW1 of a batch to N(0, I) and its parts.

    Attributes:
        sw1: the distance of the batch as it is, mean over the shared directions.
        values: the parts by name, in the order in which they are removed; they sum to `sw1`.
        bands: what each part is on Gaussian batches of the same size; the floor's is that of their whole distance.
    """

    sw1: float
    values: dict[Part, float]
    bands: dict[Part, NullBand]


@dataclass(frozen=True, slots=True)
class Removal:
    """What a method takes away of the distance of a batch.

    Attributes:
        before, after: the parts of the batch, and of what the method makes of its rows.
    """

    before: DistanceParts
    after: DistanceParts

    @property
    def amount(self) -> float:
        """How much of SW1; negative where the method takes the batch further away."""
        return self.before.sw1 - self.after.sw1

    @property
    def is_away(self) -> bool:
        """Whether the batch is told from N(0, I) after the method."""
        return self.after.bands["floor"].side(self.after.sw1) == "above"

    @property
    def parts(self) -> dict[Part, float]:
        """How much of each part."""
        return {part: value - self.after.values[part] for part, value in self.before.values.items()}

    @property
    def extents(self) -> dict[Part, Extent]:
        """How far the method removes those parts that are above their range of N(0, I) before or after it.

        "all": what is left is not above the range. "none": it changes by less than the range is wide. "more": it grows.
        """
        found: dict[Part, Extent] = {}
        for part, taken in self.parts.items():
            there, left = (one.bands[part].side(one.values[part]) == "above" for one in (self.before, self.after))
            if part != "floor" and (there or left):
                band = self.before.bands[part]
                changed = abs(taken) > band.high - band.low
                found[part] = "all" if not left else "none" if not changed else "some" if taken > 0 else "more"
        return found


def most_removed(removals: Mapping[str, Removal]) -> tuple[str, ...]:
    """The methods that remove most of the distance, several where they do so alike; none if all do as doing nothing."""
    most = max((one.amount for one in removals.values()), default=0.0)
    return tuple(
        name
        for name, one in removals.items()
        if most - one.amount <= ALIKE * one.before.sw1 and one.amount > ALIKE * one.before.sw1
    )


@dataclass(frozen=True, slots=True)
class PartDistances(Statistic[Part]):
    """What each step takes away of SW1 on the shared directions, chance included; as the floor, all of SW1."""

    def measure(self, batch: ActivationBatch) -> dict[Part, float]:
        """The parts by name; those before the floor sum to it."""
        distances = [
            sliced_distance(torch.from_numpy(values).float(), self.slices)[0]
            for values in normalise_in_stages(batch).values()
        ]
        taken = [before - after for before, after in pairwise(distances)]
        return dict(zip(PARTS, [*taken, distances[-1], distances[0]], strict=True))


def normalise_in_stages(batch: ActivationBatch) -> dict[Stage, Float64Array]:
    """The batch as it is, centred, standardised and whitened: an array (n, d) by stage.

    A direction in which the batch never changes stays at 0 where it would have to be divided by 0.

    Raises:
        InvalidInputError: If some values are not finite.
    """
    as_it_is = finite_values(batch.values)
    centred = as_it_is - as_it_is.mean(axis=0)
    deviations = centred.std(axis=0)
    standardised = centred * _inverse(deviations, (_FLAT * np.abs(as_it_is).max(axis=0)))
    return {
        "as it is": as_it_is,
        "centred": centred,
        "standardised": standardised,
        "whitened": _whitened(standardised),
    }


def decompose_distance(batch: ActivationBatch, gaussian: Mapping[Part, NullBand]) -> DistanceParts:
    """The parts of a batch's distance.

    Args:
        batch: finite.
        gaussian: the bands of `PartDistances` at the batch's n and d.

    Raises:
        InvalidInputError: If some values are not finite.
    """
    found = PartDistances().measure(batch)
    expected = {part: 0.0 if part == "floor" else band.mean for part, band in gaussian.items()}
    values = {part: found[part] - expected[part] for part in PARTS}
    values["floor"] = gaussian["floor"].mean
    return DistanceParts(found["floor"], values, {part: gaussian[part].less(expected[part]) for part in PARTS})


def _whitened(standardised: Float64Array) -> Float64Array:
    """X (XᵀX / n)^(−1/2), or (XXᵀ / n)^(−1/2) X, the same by the singular values: the smaller matrix is taken."""
    n, d = standardised.shape
    gram = (standardised.T @ standardised if d <= n else standardised @ standardised.T) / n
    variances, axes = np.linalg.eigh(gram)
    roots = np.sqrt(variances.clip(min=0))
    inverse_root = (axes * _inverse(roots, np.sqrt(_FLAT) * roots.max())) @ axes.T
    whitened: Float64Array = standardised @ inverse_root if d <= n else inverse_root @ standardised
    return whitened


def _inverse(values: Float64Array, smallest: Float64Array | float) -> Float64Array:
    """1 / values, and 0 where a value is not above the smallest that counts."""
    counts = values > smallest
    return np.divide(1.0, values, out=np.zeros_like(values), where=counts)
