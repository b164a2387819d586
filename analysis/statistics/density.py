"""Kernel density estimates of one unit and of a pair of units, on a grid small enough to draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from analysis.batch import ActivationBatch
from analysis.statistics.principal import principal_axes
from per_core.errors import InvalidInputError
from per_core.text import N_

Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]
AxisView = Literal["units", "principal"]
AxisPair = tuple[AxisView, int, int]  # two columns of a view of the batch, counted from 0
Limits = tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class JointDensity:
    """The estimated joint density of two units and their marginals on common axes.

    Attributes:
        grid: (m,) the grid of both axes, equally spaced.
        joint: (m, m) density; joint[i, j] is at y = grid[i], x = grid[j].
        marginal_x, marginal_y: (m,) densities.
        n: how many finite pairs the estimate is made of.
        n_outside: how many of those lie outside the grid; they still count in n, so the drawn density then integrates
            to less than 1.
    """

    grid: Float64Array
    joint: Float64Array
    marginal_x: Float64Array
    marginal_y: Float64Array
    n: int
    n_outside: int


def joint_density(
    x: ArrayLike, y: ArrayLike, *, limits: tuple[float, float] = (-4.0, 4.0), points: int = 81
) -> JointDensity:
    """Estimate the joint density of two units with a Gaussian kernel.

    Counts on the grid are smoothed with a Gaussian of bandwidth s · n^(-1/6) for the joint density and
    s · n^(-1/5) for the marginals, s being the smaller of the standard deviation and IQR / 1.349 of each unit
    (Scott 1992), so that a few outliers do not flatten the picture.

    Args:
        x, y: (n,) values of the two units; pairs with a NaN or an infinity are left out.
        limits: both axes' range.
        points: grid points per axis, 8..512.

    Raises:
        InvalidInputError: If the lengths differ, the range is empty or `points` is out of range.
    """
    first, second = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if first.shape != second.shape or first.ndim != 1:
        raise InvalidInputError(
            N_(
                "x and y must be vectors of one length; received shapes {first} and {second}. Pass two columns of one"
                " batch."
            ),
            first=first.shape,
            second=second.shape,
        )
    grid, edges = _grid(limits, points)
    finite = np.isfinite(first) & np.isfinite(second)
    first, second = first[finite], second[finite]
    n = int(first.size)
    step = grid[1] - grid[0]
    counts, _, _ = np.histogram2d(second, first, bins=[edges, edges])
    scale_x, scale_y = (_robust_scale(v) if n else 0.0 for v in (first, second))
    joint = gaussian_filter(
        counts / (max(n, 1) * step**2),
        sigma=[_cells(s, n, 6, step) for s in (scale_y, scale_x)],
        mode="constant",
    )
    marginals = [_smoothed(values, scale, edges) for values, scale in ((first, scale_x), (second, scale_y))]
    inside = int(counts.sum())
    return JointDensity(grid, joint, marginals[0], marginals[1], n, n - inside)


def unit_density(
    values: ArrayLike, *, limits: tuple[float, float] = (-4.0, 4.0), points: int = 81
) -> tuple[Float64Array, Float64Array]:
    """A grid (m,) and the density of one unit on it, as the marginals of `joint_density`; values (n,) finite."""
    given = np.asarray(values, dtype=np.float64)
    grid, edges = _grid(limits, points)
    return grid, _smoothed(given, _robust_scale(given), edges)


def pair_axes(batch: ActivationBatch, pair: AxisPair) -> Float32Array:
    """Two directions (2, d) in which to look at a batch (n, d): two of its units, or two principal directions.

    With these, `values @ axes.T` are the coordinates (n, 2), not centred, so that a shift stays visible.

    Args:
        batch: finite, if the directions are principal ones.
        pair: "units" or "principal", and two numbers that count from 0; principal direction 0 has the largest variance.

    Raises:
        InvalidInputError: If a number is not below d.
    """
    view, first, second = pair
    if not (0 <= first < batch.d and 0 <= second < batch.d):
        raise InvalidInputError(
            N_(
                "Both must lie in 0..{last} for a batch of {d} units; received {first} and {second}. Choose two that"
                " exist."
            ),
            last=batch.d - 1,
            d=batch.d,
            first=first,
            second=second,
        )
    axes = np.eye(batch.d) if view == "units" else principal_axes(batch)
    return axes[[first, second]].astype(np.float32)


def project_pair(
    batch: ActivationBatch, pair: AxisPair, *, onto: ActivationBatch | None = None
) -> tuple[Float32Array, Float32Array]:
    """The batch (n, d) in the two directions of `pair_axes`: two vectors (n,).

    Args:
        onto: the batch that gives the directions, so that several share their axes; the batch itself if not given.

    Raises:
        InvalidInputError: If a number is not below d.
    """
    axes = pair_axes(onto or batch, pair)
    return batch.values @ axes[0], batch.values @ axes[1]


def pair_limits(batch: ActivationBatch, pair: AxisPair) -> Limits:
    """The range that shows the bulk of both coordinates, see `robust_limits`."""
    return robust_limits(np.concatenate(project_pair(batch, pair)))


def pair_density(
    batch: ActivationBatch, pair: AxisPair, limits: Limits, *, onto: ActivationBatch | None = None
) -> JointDensity:
    """The joint density of both coordinates, see `project_pair`."""
    return joint_density(*project_pair(batch, pair, onto=onto), limits=limits)


def robust_limits(values: ArrayLike, *, at_least: tuple[float, float] = (-4.0, 4.0)) -> tuple[float, float]:
    """The range that shows the bulk of all values: the 1 and 99 % quantiles widened by a tenth, in whole numbers.

    Never narrower than `at_least`, so that N(0, 1) beside it always fits. Whole numbers keep the axes still while
    a control moves. Non-finite values are left out.
    """
    flat = np.asarray(values, dtype=np.float64).ravel()
    flat = flat[np.isfinite(flat)]
    if flat.size == 0:
        return at_least
    low, high = np.quantile(flat, [0.01, 0.99])
    margin = (high - low) / 10
    return float(min(np.floor(low - margin), at_least[0])), float(max(np.ceil(high + margin), at_least[1]))


def _grid(limits: tuple[float, float], points: int) -> tuple[Float64Array, Float64Array]:
    """Equally spaced points and the edges of the cells around them."""
    low, high = limits
    if not (np.isfinite(limits).all() and low < high and 8 <= points <= 512):
        raise InvalidInputError(
            N_(
                "A density needs limits low < high and 8 to 512 points; received {limits} and {points}. Widen the"
                " range or change the number of points."
            ),
            limits=limits,
            points=points,
        )
    grid = np.linspace(low, high, points)
    half = (grid[1] - grid[0]) / 2
    return grid, np.append(grid - half, grid[-1] + half)


def _smoothed(values: Float64Array, scale: float, edges: Float64Array) -> Float64Array:
    """The density of values whose scale is known, on the cells between edges."""
    n, step = values.size, float(edges[1] - edges[0])
    counts = np.histogram(values, bins=edges)[0]
    smoothed: Float64Array = gaussian_filter1d(
        counts / (max(n, 1) * step), sigma=_cells(scale, n, 5, step), mode="constant"
    )
    return smoothed


def _robust_scale(values: Float64Array) -> float:
    q25, q75 = np.quantile(values, [0.25, 0.75])
    spread = float(q75 - q25) / 1.349
    deviation = float(values.std())
    return min(deviation, spread) if spread > 0 else deviation


def _cells(scale: float, n: int, power: int, step: float) -> float:
    """Bandwidth in grid cells; at least half a cell, so that a point mass stays visible."""
    return float(max(scale * max(n, 1) ** (-1 / power) / step, 0.5))
