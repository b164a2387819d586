"""Step 2: what whitening makes of a cloud, and what it leaves: dependence, and the shape of the units."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from analysis.batch import ActivationBatch
from analysis.distances.directions import sliced_distance
from analysis.methods.normalisation import normalise
from analysis.statistics.moments import correlation
from analysis.statistics.null_band import NullBand, band_of

Float32Array = NDArray[np.float32]
PARTS = 3  # of the rows, by x
SHUFFLES = 199
SLICES = 64


@dataclass(frozen=True, slots=True, eq=False)
class Whitening:
    """A cloud (n, 2) before and after whitening.

    Attributes:
        before, after: the cloud.
        correlations: of x and y, before and after.
        parts: y of the whitened cloud, the rows in three equal parts: where x is small, middle and large.
        edges: the values of x between them.
        apart: the largest W1 between y of two parts; 0 in population if x and y are independent.
        shuffled: what it is when y is shuffled, so that x and y are independent.
        distance: SW1 of the whitened cloud to N(0, I).
        gaussian: SW1 of Gaussian batches of this size.
    """

    before: ActivationBatch
    after: ActivationBatch
    correlations: tuple[float, float]
    parts: tuple[Float32Array, ...]
    edges: tuple[float, float]
    apart: float
    shuffled: NullBand
    distance: float
    gaussian: NullBand

    @property
    def independent(self) -> bool:
        """Whether x and y of the whitened cloud cannot be told from independent ones."""
        return self.apart <= self.shuffled.high

    @property
    def normal(self) -> bool:
        """Whether the whitened cloud cannot be told from N(0, I)."""
        return self.distance <= self.gaussian.high


def see_whitening(batch: ActivationBatch, gaussian: NullBand) -> Whitening:
    """Whiten a cloud (n, 2) as decorrelated batch normalisation does, and compare what is left with chance.

    Args:
        batch: of two units, finite.
        gaussian: the sampling range of SW1 on 64 slices at this size.
    """
    after = normalise(batch, "dbn", {})
    x, y = after.values.T
    order = np.argsort(x, kind="stable")
    parts = _parts(y[order])
    rng = np.random.default_rng(0)
    shuffled = band_of(np.array([_apart(_parts(rng.permutation(y))) for _ in range(SHUFFLES)]))
    ends = x[order][[len(part) * (1 + i) for i, part in enumerate(parts[:-1])]]
    before, rest = (float(correlation(one.values)[0, 1]) for one in (batch, after))
    return Whitening(
        before=batch,
        after=after,
        correlations=(before, rest),
        parts=parts,
        edges=(float(ends[0]), float(ends[1])),
        apart=_apart(parts),
        shuffled=shuffled,
        distance=sliced_distance(after.tensor, SLICES)[0],
        gaussian=gaussian,
    )


def _parts(y: Float32Array) -> tuple[Float32Array, ...]:
    """Three parts of as many values each, sorted; at most two values are left out."""
    size = len(y) // PARTS
    return tuple(np.sort(y[size * i : size * (i + 1)]) for i in range(PARTS))


def _apart(parts: tuple[Float32Array, ...]) -> float:
    """The largest W1 between two of the sorted parts: the mean difference of values of the same rank."""
    return max(float(np.abs(one - other).mean(dtype=np.float64)) for one, other in combinations(parts, 2))
