"""The number of modes of a unit's distribution."""

from __future__ import annotations

from math import pi, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from analysis.statistics.moments import Float64Array, finite_values
from per_core.errors import InvalidInputError
from per_core.text import N_

STANDARD_ERRORS = 1.25
LOWEST_RISE = 0.03
IGNORED_SHARE = 0.005
CELLS_PER_BANDWIDTH = 4
MARGIN_BANDWIDTHS = 4
MOST_BANDWIDTHS = 512
KERNEL_ROUGHNESS = 1 / (2 * sqrt(pi))


def count_modes(values: ArrayLike) -> NDArray[np.int64]:
    """Count the modes of each unit's density that stand out of the sampling noise.

    The density is a Gaussian kernel estimate f with Silverman's bandwidth
    h = 0.9 min(std, IQR/1.349) n^(−1/5), on a grid of 4 cells per h. A peak of
    height f_p above its higher valley f_v is a mode if

        f_p − f_v > 1.25 sqrt((f_p + f_v) R / (n h)),    R = ∫K² = 1/(2 sqrt(π)),

    the right side being 1.25 standard errors of the difference of two distant points of f, and if it rises
    by at least 3 % of the highest peak, so that a few stray values in a tail are no mode. The highest peak
    always is one.

    Measured share of right answers, 5000 draws (2000 at n = 20000):

        density                              modes   n = 500     2000     4096    20000
        N(0, 1)                                1      1.000     1.000    1.000    1.000
        Gamma of shape 2                       1      0.996     1.000    1.000    1.000
        Student t, 3 degrees of freedom        1      0.980     1.000    1.000    1.000
        exponential                            1      0.990     1.000    1.000    1.000
        0.441 N(−0.926, 0.676²)
          + 0.559 N(0.731, 0.466²)             2      0.255     0.729    0.936    1.000

    Two shallow modes thus look like one in few samples. A flat density has no mode to speak of, and its noise
    is easily taken for some: a uniform unit has one mode in 0.84, 0.64, 0.51 and 0.23 of the draws.

    Args:
        values: array (n, d), n samples of d units.

    Returns:
        array (d,), int64, at least 1; a unit that never changes has 1 mode.

    Note:
        The grid spans the values without the smallest and the largest 0.5 %, plus 4 bandwidths on both sides; what lies
        outside is ignored for the shape, so one outlier neither coarsens the grid nor counts as a mode. The bandwidth
        is at least 1/512 of that span, which bounds the grid.

    Raises:
        InvalidInputError: If the values are not finite numbers of shape (n, d) with n, d ≥ 1.
        Source: Silverman (1986), "Density estimation for statistics and data analysis", sections 3.3 and 3.4.
    """
    finite = finite_values(values)
    if finite.ndim != 2:
        raise InvalidInputError(
            N_("Modes are counted in one batch (n, d); received shape {shape}. Pass the batches one by one."),
            shape=finite.shape,
        )
    ordered = np.sort(finite.T)  # (d, n)
    n = ordered.shape[-1]
    ignored = int(IGNORED_SHARE * n)
    low, high = ordered[:, ignored], ordered[:, n - 1 - ignored]
    bandwidths = np.maximum(_silverman(ordered), (high - low) / MOST_BANDWIDTHS)
    bandwidths[bandwidths == 0] = 1
    reach = int(np.ceil(((high - low) / bandwidths).max()))
    densities = _densities(ordered, low, bandwidths, reach)
    return np.array([_count_peaks(f, n * h) for f, h in zip(densities, bandwidths, strict=True)])


def _silverman(ordered: Float64Array) -> Float64Array:
    n = ordered.shape[-1]
    std = ordered.std(axis=-1)
    quarter, three_quarters = np.quantile(ordered, [0.25, 0.75], axis=-1)
    width = (three_quarters - quarter) / 1.349
    scale = np.where(width > 0, np.minimum(std, width), std)  # half the values equal: only std is left
    bandwidths: Float64Array = 0.9 * scale * n ** (-1 / 5)
    return bandwidths


def _densities(ordered: Float64Array, low: Float64Array, bandwidths: Float64Array, reach: int) -> Float64Array:
    # In units of its own bandwidth every unit shares one grid, so one filter smooths them all.
    d, n = ordered.shape
    cells = CELLS_PER_BANDWIDTH * (reach + 2 * MARGIN_BANDWIDTHS) + 1
    from_start = (ordered - low[:, None]) / bandwidths[:, None] + MARGIN_BANDWIDTHS
    cell = np.rint(CELLS_PER_BANDWIDTH * from_start)
    inside = (cell >= 0) & (cell < cells)
    flat = (cell + cells * np.arange(d)[:, None])[inside].astype(np.int64)
    counts = np.bincount(flat, minlength=d * cells).reshape(d, cells).astype(np.float64)
    smooth = gaussian_filter1d(counts, CELLS_PER_BANDWIDTH, mode="constant", truncate=MARGIN_BANDWIDTHS)
    densities: Float64Array = smooth * (CELLS_PER_BANDWIDTH / (n * bandwidths[:, None]))
    return densities


def _count_peaks(density: Float64Array, samples_per_kernel: float) -> int:
    peaks, found = find_peaks(density, prominence=LOWEST_RISE * density.max())
    rise = found["prominences"]
    peak = density[peaks]
    noise = np.sqrt((peak + (peak - rise)) * KERNEL_ROUGHNESS / samples_per_kernel)
    return max(1, int(np.count_nonzero(rise > STANDARD_ERRORS * noise)))
