"""What fresh null batches give: as shipped where that was computed beforehand, else drawn in chunks."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from analysis.samples import SampleSpec
from app.session import caches
from app.session.progress import CHUNK, in_chunks
from app.text.language import _

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analysis.distances.distinction import Key
    from analysis.statistics.null_band import NullBand

WORST_DRAWS = 19
_K = TypeVar("_K", bound=str)


def statistics_bands(null: SampleSpec, null_name: str) -> "dict[Key, NullBand]":
    """Of the statistics of the table. `null` is what `null_distribution` made; `null_name` is its name in words."""
    from analysis.distances.shipped_bands import shipped_bands, statistics_of
    from analysis.statistics.null_band import draws_that_fit

    unmoved = null == SampleSpec(n=null.n, dim=null.dim)
    shipped: Any = shipped_bands(statistics_of(null.n, null.dim)) if unmoved else None
    return shipped or _drawn(
        draws_that_fit(null.n, null.dim),
        CHUNK,
        lambda first, count: caches.null_chunk(null, first, count),
        _("Drawing batches of {null} for the sampling range").format(null=null_name),
    )


def distance_bands(n: int, d: int, slices: int) -> "dict[str, NullBand]":
    """Of "sw1" and "per" of Gaussian batches."""
    from analysis.distances.shipped_bands import distances_of, shipped_bands
    from analysis.statistics.null_band import draws_that_fit

    return shipped_bands(distances_of(n, d, slices)) or _drawn(
        draws_that_fit(n, d, slices),
        CHUNK,
        lambda first, count: caches.gaussian_chunk(n, d, slices, first, count),
        _("Drawing batches of {null} for the sampling range").format(null="N(0, I)"),
    )


def worst_bands(n: int, d: int, slices: int) -> "dict[str, NullBand]":
    """Of the largest W1 among each kind of direction. Slow where it was not computed beforehand."""
    from analysis.distances.shipped_bands import shipped_bands, worst_of

    return shipped_bands(worst_of(n, d, slices)) or _drawn(
        WORST_DRAWS,
        1,
        lambda first, count: caches.gaussian_worst_chunk(n, d, slices, first, count),
        _("Searching the worst directions of N(0, I)"),
    )


def _drawn(
    total: int, size: int, run: "Callable[[int, int], Mapping[_K, NDArray[np.float64]]]", label: str
) -> "dict[_K, NullBand]":
    from analysis.statistics.null_band import band_of

    chunks = in_chunks(total, size, run, label)
    return {key: band_of(np.concatenate([chunk[key] for chunk in chunks])) for key in chunks[0]}
