"""Histograms that lose no value and that no outlier can flatten."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from per_core.errors import InvalidInputError
from per_core.text import N_

Float = TypeVar("Float", np.float32, np.float64)

MAX_BINS = 512
TRIMMED_SHARE = 0.01
FLOAT32_MAX = float(np.finfo(np.float32).max)
FLOAT32_STEP = float(np.finfo(np.float32).smallest_subnormal)


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """Counts of values in adjacent bins, with everything outside the bins counted too.

    Attributes:
        edges: array (k + 1,), strictly increasing, in the unit of the values. A value on an inner edge belongs to the
            bin on its right; the last bin holds both its edges.
        counts: array (k,), int64.
        n: all values: counts.sum() + n_below + n_above + n_nan + n_inf, exactly.
        n_below, n_above: finite values left of the first and right of the last edge, those beyond float32 among them.
        n_nan, n_inf: values that are NaN, and values of either infinity.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    n: int
    n_below: int
    n_above: int
    n_nan: int
    n_inf: int

    @property
    def density(self) -> NDArray[np.float64]:
        """Counts / (finite values · bin width), (k,): it integrates to the share of finite values inside."""
        n_finite = self.n - self.n_nan - self.n_inf
        density: NDArray[np.float64] = self.counts / (max(n_finite, 1) * np.diff(self.edges))
        return density


def histogram(
    values: ArrayLike,
    *,
    bins: int | Literal["auto"] = "auto",
    range: tuple[float, float] | Literal["robust"] | None = "robust",
) -> Histogram:
    """Count values in bins of equal width.

    Args:
        values: array (n,), n ≥ 1, real numbers. NaN and infinities are counted apart; finite values beyond the range of
            float32 lie below or above the axis, which is for the others.
        bins: how many, or "auto": between 1 and 512, by the rule of Freedman and Diaconis, width 2 IQR n^(−1/3), or by
            that of Scott, 3.49 std n^(−1/3), where the IQR is 0. There are fewer where a bin would be narrower than
            twice the rounding step of the values' type: such bins would only show the rounding.
        range: (low, high), or None for all values within float32, or "robust": the smallest and the largest 1 % (one
            value at least) are set aside, the span of the others is extended by itself on both sides, and the range is
            that of the values inside. For a Gaussian the limit lies at ±7 standard deviations, so only real outliers
            fall outside. Where the others are all equal it is the range of all finite values.

    Returns:
        Histogram. A constant gives one bin around it. Without any finite value the counts are 0.

    Raises:
        InvalidInputError: If the values are not a non-empty vector of real numbers, `bins` < 1, or the range is not low
            < high.
        Source: Freedman and Diaconis (1981), "On the histogram as a density estimator: L2 theory"; Scott (1979),
        "On optimal and data-based histograms".
    """
    received = np.asarray(values)
    if received.dtype.kind not in "fiub" or received.ndim != 1 or received.size == 0:
        raise InvalidInputError(
            N_(
                "A histogram needs a non-empty vector of real numbers; received dtype {dtype}, shape {shape}. Pass"
                " one unit or flatten the values."
            ),
            dtype=received.dtype,
            shape=received.shape,
        )
    if bins != "auto" and bins < 1:
        raise InvalidInputError(
            N_("A histogram needs at least one bin; received bins={bins}. Use 'auto' or 1 to 512."), bins=bins
        )
    wide = received.astype(np.float64)
    is_finite = np.isfinite(wide)
    finite = np.sort(wide[np.abs(wide) <= FLOAT32_MAX])
    low, high = _limits(finite, range)
    inside = finite[(finite >= low) & (finite <= high)]
    wanted = _count_bins(inside, high - low) if bins == "auto" else bins
    precision = float(np.finfo(received.dtype if received.dtype.kind == "f" else np.float64).eps)
    rounding = max(precision * max(abs(low), abs(high)), FLOAT32_STEP)
    edges = np.linspace(low, high, 1 + max(1, int(min(wanted, (high - low) / (2 * rounding)))))
    cuts = np.searchsorted(finite, edges)
    cuts[-1] = np.searchsorted(finite, high, side="right")
    return Histogram(
        edges=edges,
        counts=np.diff(cuts).astype(np.int64),
        n=wide.size,
        n_below=int(cuts[0]) + int((is_finite & (wide < -FLOAT32_MAX)).sum()),
        n_above=int(finite.size - cuts[-1]) + int((is_finite & (wide > FLOAT32_MAX)).sum()),
        n_nan=int(np.isnan(wide).sum()),
        n_inf=int(np.isinf(wide).sum()),
    )


def thinned(values: NDArray[Float], most: int) -> NDArray[Float]:
    """All values as a vector, or `most` of them drawn at random, always the same ones.

    At random, because every k-th of the values of a matrix can be those of a few units only.
    """
    flat = values.ravel()
    if flat.size <= most:
        return flat
    drawn: NDArray[Float] = flat[np.random.default_rng(0).integers(0, flat.size, most)]
    return drawn


def _limits(finite: NDArray[np.float64], wanted: tuple[float, float] | Literal["robust"] | None) -> tuple[float, float]:
    if wanted is not None and wanted != "robust":
        low, high = map(float, wanted)
        if not (max(abs(low), abs(high)) <= FLOAT32_MAX and high - low >= FLOAT32_STEP):
            raise InvalidInputError(
                N_("A histogram's range must be finite with low < high; received {wanted}. Swap or widen it."),
                wanted=wanted,
            )
        return low, high
    if finite.size == 0:
        return -0.5, 0.5
    low, high = float(finite[0]), float(finite[-1])
    if wanted == "robust":
        trimmed = min(ceil(TRIMMED_SHARE * finite.size), (finite.size - 1) // 2)
        first, last = float(finite[trimmed]), float(finite[-1 - trimmed])
        if first < last:
            usual = finite[(finite >= first - (last - first)) & (finite <= last + (last - first))]
            low, high = float(usual[0]), float(usual[-1])
    if high - low < FLOAT32_STEP:
        half_width = abs(low) / 2 if abs(low) >= FLOAT32_STEP else 0.5
        return low - half_width, high + half_width
    return low, high


def _count_bins(inside: NDArray[np.float64], span: float) -> int:
    if inside.size == 0:
        return 1
    quarter, three_quarters = np.quantile(inside, [0.25, 0.75])
    width = (2 * (three_quarters - quarter) or 3.49 * inside.std()) * inside.size ** (-1 / 3)
    return 1 if width == 0 else ceil(min(span / float(width), MAX_BINS))
