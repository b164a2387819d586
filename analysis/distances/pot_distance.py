"""Sliced W1 computed by POT (Python Optimal Transport): the independent check of the closed form.

POT is loaded where it computes, not where its results are shown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from analysis.batch import ActivationBatch
from analysis.distances.directions import mean_over_slices, shared_directions
from per_core import gaussian_w1, sliced_w1

Float64Array = NDArray[np.float64]

GRID_POINTS = 4096
FLOAT32_ERROR = 1e-6
_BLOCK_VALUES = 2_000_000  # POT keeps about 13 arrays of (n + m) x slices


@dataclass(frozen=True, slots=True)
class GridDistance:
    """Sliced W1 against a grid of Gaussian quantiles.

    Attributes:
        value: POT's distance, averaged over the directions.
        grid_error: W1 between the grid and N(0, 1). By the triangle inequality the exact sliced W1 is within this of
            `value`.
        points: of the grid.
    """

    value: float
    grid_error: float
    points: int


@dataclass(frozen=True, slots=True)
class PotCheck:
    """Sliced W1 in closed form beside POT's, on the same directions."""

    exact: float
    by_pot: GridDistance

    @property
    def agrees(self) -> bool:
        """Whether they differ by no more than the grid's error and the rounding of float32."""
        return abs(self.by_pot.value - self.exact) <= self.by_pot.grid_error + FLOAT32_ERROR


def check_by_pot(batch: ActivationBatch, *, slices: int, points: int = GRID_POINTS) -> PotCheck:
    """The closed form beside POT on a quantile grid: a finite batch (n, d), on `slices` shared directions.

    Every direction is checked for itself: more of them check more data, not more closely.
    """
    exact = float(sliced_w1(batch.tensor, directions=shared_directions(batch.d, slices)).value)
    return PotCheck(exact, pot_against_grid(batch, slices=slices, points=points))


def pot_against_grid(batch: ActivationBatch, *, slices: int, points: int) -> GridDistance:
    """Sliced W1 to the measure on the quantiles Φ⁻¹((j − 1/2)/m), j = 1..m, by `ot.wasserstein_1d`.

    Args:
        batch: finite, (n, d).
        slices: number of shared directions.
        points: m, at least 1.
    """
    import ot

    grid = gaussian_grid(points)
    projections = batch.values.astype(np.float64) @ _vectors(batch.d, slices)  # (n, k)
    block = max(1, _BLOCK_VALUES // (batch.n + points))
    distances = [
        ot.wasserstein_1d(part, np.broadcast_to(grid[:, None], (points, part.shape[1])), p=1)
        for part in np.split(projections, range(block, projections.shape[1], block), axis=1)
    ]
    return GridDistance(float(np.concatenate(distances).mean()), grid_error(points), points)


def pot_against_sample(batch: ActivationBatch, *, slices: int, seed: int) -> float:
    """Sliced W1 to a sample of N(0, I) of the same size, by `ot.sliced_wasserstein_distance` with p = 1.

    Biased upwards, by as much as √2 when the batch is Gaussian itself, and different for every seed.

    Args:
        batch: finite, (n, d).
        slices: number of shared directions.
        seed: of the reference sample.
    """
    import ot

    reference = np.random.default_rng([seed, 0x907]).standard_normal((batch.n, batch.d))
    vectors = _vectors(batch.d, slices)  # (d, k)
    block = max(1, _BLOCK_VALUES // (2 * batch.n))
    parts = np.split(vectors, range(block, vectors.shape[1], block), axis=1)
    distances = [
        ot.sliced_wasserstein_distance(batch.values.astype(np.float64), reference, projections=part, p=1)
        for part in parts
    ]
    return float(np.average(distances, weights=[part.shape[1] for part in parts]))


def pot_between(batch: ActivationBatch, other: ActivationBatch, *, slices: int) -> tuple[float, float]:
    """SW1 between two batches (n, d) and (m, d) by `ot.wasserstein_1d` on the shared directions.

    Returns:
        The mean over the directions and its margin of error, see `mean_over_slices`.
    """
    import ot

    vectors = _vectors(batch.d, slices)  # (d, k)
    block = max(1, _BLOCK_VALUES // (batch.n + other.n))
    distances = [
        ot.wasserstein_1d(batch.values.astype(np.float64) @ part, other.values.astype(np.float64) @ part, p=1)
        for part in np.split(vectors, range(block, vectors.shape[1], block), axis=1)
    ]
    return mean_over_slices(np.concatenate(distances), batch.d)


def _vectors(d: int, slices: int) -> Float64Array:
    """The shared directions as columns (d, k)."""
    vectors: Float64Array = shared_directions(d, slices).double().numpy().T
    return vectors


def gaussian_grid(points: int) -> Float64Array:
    """The m quantiles Φ⁻¹((j − 1/2)/m) of N(0, 1)."""
    grid: Float64Array = ndtri((np.arange(points) + 0.5) / points)
    return grid


def grid_error(points: int) -> float:
    """W1 between the grid of m quantiles and N(0, 1), exactly."""
    return float(gaussian_w1(gaussian_grid(points)[:, None]))
