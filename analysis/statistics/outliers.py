"""Massive activations and outlier channels: few values, rows or units that are far larger than all others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float64Array = NDArray[np.float64]
IndexArray = NDArray[np.int64]

MASSIVE, MASSIVE_RATIO = 100.0, 1000.0  # magnitude, and over the median magnitude: Sun et al. (2024), section 2
CHANNEL, CHANNEL_ROWS = 6.0, 0.06  # magnitude, and share of the rows that have it: Dettmers et al. (2022), section 4
CHANNEL_RATIO = 20.0  # of the largest to the median channel: 60 to 3.5 in their section 4; trained layers here have 7
ROW_RATIO = 10.0  # of a row's norm to the median: outlier tokens of ViTs, Darcet et al. (2024); embeddings here have 2
FEWEST_UNITS = 8  # a median over fewer units says little
FEWEST_ROWS = 32
FEW = 0.1  # of the units or rows: more are no outliers
MOST_PEAKS = 8  # largest rows and units that are kept by number
MEDIAN_SAMPLE = 2**14  # values whose median stands for that of all: off by 1 % (standard error) for N(0, 1)


@dataclass(frozen=True, slots=True)
class Peak:
    """One of the largest rows or units.

    Attributes:
        number: which row or unit.
        size: norm of the row, or largest magnitude of the unit.
        ratio: size / median size of the rows or units that are not 0.
    """

    number: int
    size: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Outliers:
    """Which rows and units are far larger than the others.

    Attributes:
        largest: magnitude of the largest value.
        typical: median magnitude of the values other than 0, 0 if there is none; of 16,384 of them, drawn, if there are
            more values.
        row_ratio: largest row norm / median row norm, of the rows that are not 0. NaN if there is none.
        unit_ratio: largest / median of the units' largest magnitudes, of the units that are not 0. NaN if there is
            none.
        massive: values of magnitude above 100 and above 1,000 times `typical`.
        rows, units: which are outliers, ascending: they hold a massive value, or the row's norm is 10 times the median,
            or the unit reaches 20 times the median unit's largest magnitude and 6 or more in 6 % of the rows.
        positions: where these rows are among the n.
        top_rows, top_units: the largest ones, outliers or not, largest first: up to 8 that are not 0.

    Source: Sun et al. (2024), "Massive activations in large language models"; Dettmers et al. (2022), "LLM.int8()";
    Darcet et al. (2024), "Vision transformers need registers".
    """

    largest: float
    typical: float
    row_ratio: float
    unit_ratio: float
    massive: int
    rows: tuple[int, ...]
    units: tuple[int, ...]
    positions: tuple[int, ...]
    top_rows: tuple[Peak, ...] = ()
    top_units: tuple[Peak, ...] = ()


def find_outliers(magnitude: Float64Array, row_number: IndexArray) -> Outliers:
    """The outliers of magnitudes (n, d), finite and not negative, of rows with these numbers (n,)."""
    n, d = magnitude.shape
    of_unit = magnitude.max(axis=0)
    largest = float(of_unit.max())
    scale = 1.0 if largest < 1e150 else largest  # squares of larger values leave float64
    norms = np.sqrt(np.einsum("nd,nd->n", magnitude, magnitude)) if scale == 1 else _norms(magnitude, scale)
    typical = _typical(magnitude)
    row_median, unit_median = (float(np.median(x[x > 0])) if x.any() else np.nan for x in (norms, of_unit))
    limit = max(MASSIVE, MASSIVE_RATIO * typical)
    rows, units = np.zeros(n, dtype=bool), np.zeros(d, dtype=bool)
    massive = 0
    if largest > limit and n * d > 1:
        suspects = np.flatnonzero(of_unit > limit)
        found = magnitude[:, suspects] > limit
        massive = int(found.sum())
        rows |= found.any(axis=1)
        units[suspects] = True
    if d >= FEWEST_UNITS and n >= FEWEST_ROWS:
        suspects = np.flatnonzero((of_unit > CHANNEL_RATIO * unit_median) & (of_unit >= CHANNEL))
        if 0 < len(suspects) <= FEW * d:
            units[suspects[(magnitude[:, suspects] >= CHANNEL).mean(axis=0) >= CHANNEL_ROWS]] = True
        far = norms > ROW_RATIO * row_median
        if not massive and 0 < far.sum() <= FEW * n:
            rows |= far
    return Outliers(
        largest=largest,
        typical=typical,
        row_ratio=float(norms.max()) / row_median,
        unit_ratio=largest / unit_median,
        massive=massive,
        rows=tuple(row_number[rows].tolist()),
        units=tuple(np.flatnonzero(units).tolist()),
        positions=tuple(np.flatnonzero(rows).tolist()),
        top_rows=_peaks(norms, row_median, row_number, scale),
        top_units=_peaks(of_unit, unit_median, np.arange(d)),
    )


def _peaks(sizes: Float64Array, median: float, number: IndexArray, scale: float = 1.0) -> tuple[Peak, ...]:
    """The largest of sizes (m,) other than 0, given over `scale`; of equal ones the first comes first."""
    largest = np.argsort(-sizes, kind="stable")[:MOST_PEAKS]
    found = zip(number[largest].tolist(), sizes[largest].tolist(), strict=True)
    return tuple(Peak(one, scale * size, size / median) for one, size in found if size > 0)


def _norms(magnitude: Float64Array, scale: float) -> Float64Array:
    norms: Float64Array = np.linalg.norm(magnitude / scale, axis=1)
    return norms


def _typical(magnitude: Float64Array) -> float:
    flat = magnitude.ravel()
    if flat.size > MEDIAN_SAMPLE:
        flat = flat[np.random.default_rng(0).integers(flat.size, size=MEDIAN_SAMPLE)]
    flat = flat[flat > 0]
    return float(np.median(flat)) if flat.size else 0.0
