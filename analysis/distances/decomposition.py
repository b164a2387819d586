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

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from analysis.distances.directions import shared_directions
from analysis.statistics.moments import finite_values
from analysis.statistics.null_band import NullBand, band_of, gaussian_batch
from per_core import sliced_w1
from per_core.errors import InvalidInputError

Float64Array = NDArray[np.float64]
Part = Literal["location", "scale", "correlation", "shape", "floor"]
PARTS: tuple[Part, ...] = get_args(Part)
SLICES = 64
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


def normalise_in_stages(values: ArrayLike) -> list[Float64Array]:
    """The batch (n, d) as it is, centred, standardised and whitened: four arrays (n, d).

    A direction in which the batch never changes stays at 0 where it would have to be divided by 0.

    Raises:
        InvalidInputError: If the values are not finite numbers of shape (n, d).
    """
    as_it_is = finite_values(values)
    if as_it_is.ndim != 2:
        raise InvalidInputError(
            f"A distance is decomposed for one batch (n, d); received shape {as_it_is.shape}. Pass one batch."
        )
    centred = as_it_is - as_it_is.mean(axis=0)
    deviations = centred.std(axis=0)
    standardised = centred * _inverse(deviations, (_FLAT * np.abs(as_it_is).max(axis=0)))
    return [as_it_is, centred, standardised, _whitened(standardised)]


def _whitened(standardised: Float64Array) -> Float64Array:
    """X (XᵀX / n)^(−1/2), or (XXᵀ / n)^(−1/2) X, the same by the singular values: the smaller matrix is taken."""
    n, d = standardised.shape
    gram = (standardised.T @ standardised if d <= n else standardised @ standardised.T) / n
    variances, axes = np.linalg.eigh(gram)
    roots = np.sqrt(variances.clip(min=0))
    inverse_root = (axes * _inverse(roots, np.sqrt(_FLAT) * roots.max())) @ axes.T
    whitened: Float64Array = standardised @ inverse_root if d <= n else inverse_root @ standardised
    return whitened


def measure_stages(values: ArrayLike) -> Float64Array:
    """SW1 to N(0, I) of the four stages of `normalise_in_stages`, an array (4,), on the shared directions."""
    stages = normalise_in_stages(values)
    directions = shared_directions(stages[0].shape[1], SLICES)
    return np.array([sliced_w1(torch.from_numpy(s).float(), directions=directions).value.item() for s in stages])


def measure_gaussian_stages(n: int, d: int, first: int, count: int) -> Float64Array:
    """`measure_stages` of the Gaussian batches (n, d) number first..first + count − 1: an array (count, 4)."""
    return np.stack([measure_stages(gaussian_batch(n, d, i).numpy()) for i in range(first, first + count)])


def decompose(distances: Float64Array, gaussian: Float64Array) -> DistanceParts:
    """The parts of a batch's distance.

    Args:
        distances: (4,) of the batch, from `measure_stages`.
        gaussian: (draws, 4) of Gaussian batches of the same n and d, from `measure_gaussian_stages`.
    """
    expected = gaussian.mean(axis=0)
    own = _raw_parts(distances) - _raw_parts(expected)
    null = _raw_parts(gaussian) - _raw_parts(expected)
    values = dict(zip(PARTS, [*own.tolist(), float(expected[0])], strict=True))
    bands = dict(zip(PARTS, [*map(band_of, null.T), band_of(gaussian[:, 0])], strict=True))
    return DistanceParts(float(distances[0]), values, bands)


def _raw_parts(distances: Float64Array) -> Float64Array:
    """Differences of successive stages and the last stage: (..., 4) to (..., 4)."""
    return np.concatenate([-np.diff(distances, axis=-1), distances[..., -1:]], axis=-1)


def _inverse(values: Float64Array, smallest: Float64Array | float) -> Float64Array:
    """1 / values, and 0 where a value is not above the smallest that counts."""
    counts = values > smallest
    return np.divide(1.0, values, out=np.zeros_like(values), where=counts)
