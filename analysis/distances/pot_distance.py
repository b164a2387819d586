"""Sliced W1 computed by POT (Python Optimal Transport): the independent check of the closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import ot
from numpy.typing import NDArray
from scipy.special import ndtri
from torch import Tensor

from analysis.batch import Float32Matrix
from per_core import gaussian_w1

Float64Array = NDArray[np.float64]

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


def pot_against_grid(values: Float32Matrix, directions: Tensor, *, points: int) -> GridDistance:
    """Sliced W1 to the measure on the quantiles Φ⁻¹((j − 1/2)/m), j = 1..m, by `ot.wasserstein_1d`.

    Args:
        values: (n, d).
        directions: (k, d) unit rows.
        points: m, at least 1.
    """
    grid = gaussian_grid(points)
    projections = values.astype(np.float64) @ directions.double().numpy().T  # (n, k)
    block = max(1, _BLOCK_VALUES // (len(values) + points))
    distances = [
        ot.wasserstein_1d(part, np.broadcast_to(grid[:, None], (points, part.shape[1])), p=1)
        for part in np.split(projections, range(block, projections.shape[1], block), axis=1)
    ]
    return GridDistance(float(np.concatenate(distances).mean()), grid_error(points), points)


def pot_against_sample(values: Float32Matrix, directions: Tensor, *, seed: int) -> float:
    """Sliced W1 to a sample of N(0, I) of the same size, by `ot.sliced_wasserstein_distance` with p = 1.

    Biased upwards, by as much as √2 when the batch is Gaussian itself, and different for every seed.

    Args:
        values: (n, d).
        directions: (k, d) unit rows.
        seed: of the reference sample.
    """
    reference = np.random.default_rng([seed, 0x907]).standard_normal(values.shape)
    vectors = directions.double().numpy().T  # (d, k)
    block = max(1, _BLOCK_VALUES // (2 * len(values)))
    parts = np.split(vectors, range(block, vectors.shape[1], block), axis=1)
    distances = [
        ot.sliced_wasserstein_distance(values.astype(np.float64), reference, projections=part, p=1) for part in parts
    ]
    return float(np.average(distances, weights=[part.shape[1] for part in parts]))


def pot_between(values: Float32Matrix, others: Float32Matrix, directions: Tensor) -> Float64Array:
    """W1 between two batches along each direction, by `ot.wasserstein_1d`: an array (k,).

    Args:
        values: (n, d).
        others: (m, d).
        directions: (k, d) unit rows.
    """
    vectors = directions.double().numpy().T  # (d, k)
    block = max(1, _BLOCK_VALUES // (len(values) + len(others)))
    distances = [
        ot.wasserstein_1d(values.astype(np.float64) @ part, others.astype(np.float64) @ part, p=1)
        for part in np.split(vectors, range(block, vectors.shape[1], block), axis=1)
    ]
    return np.concatenate(distances)


def gaussian_grid(points: int) -> Float64Array:
    """The m quantiles Φ⁻¹((j − 1/2)/m) of N(0, 1)."""
    grid: Float64Array = ndtri((np.arange(points) + 0.5) / points)
    return grid


def grid_error(points: int) -> float:
    """W1 between the grid of m quantiles and N(0, 1), exactly."""
    return float(gaussian_w1(gaussian_grid(points)[:, None]))
