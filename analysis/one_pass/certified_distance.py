"""Sliced W1 to N(0, I) from counts and sums: an interval that holds the exact value.

On one direction, n projections sorted are the quantile function Q of their distribution, z = Φ⁻¹ is that of N(0, 1),
and W1 = ∫₀¹ |Q(u) − z(u)| du. The c projections of a bin [a, b) of width w are the piece of Q from u₀ to u₁, where
n u₀ is the count of everything below the bin and n u₁ = n u₀ + c. Of Q it is known that it grows, stays in [a, b] and
has the mean a + λw, λ from the sum of the projections. Each piece can be bounded by itself.

Let ẑ be z cut off at a and b, and a + ζw its mean over the piece. As Q is in [a, b], |Q − z| = |Q − ẑ| + |ẑ − z|, of
which the second part is known. With q and s the places of Q and ẑ within the bin, from 0 to 1, and p = c/n:

* Below: by Jensen's inequality the mean of |q − s| is at least |λ − ζ|. A growing Q that is nowhere below or nowhere
  above ẑ reaches it: the larger, or the smaller, of ẑ and a constant.
* Above: |q − s| = q + s − 2 min(q, s) and min(q, s) ≥ qs in [0, 1]. Both grow with u, so that the mean of qs is at
  least λζ (Chebyshev's inequality for sums), and the mean of |q − s| is at most λ + ζ − 2λζ.

Hence      ∫ (a − z)₊ + (z − b)₊ du + pw |λ − ζ|  ≤  W1 of the piece  ≤  ∫ (a − z)₊ + (z − b)₊ du + pw (λ + ζ − 2λζ),

2pw min(λ, ζ) (1 − max(λ, ζ)) apart: nothing where the quantiles of the piece are all to one side of the bin (ζ is 0
or 1), half its mass times its width at most. Only bins that hold quantiles of their own rank are uncertain, few
unless the data is nearly N(0, 1).

Beyond the last edge e the sum of x − e over the c projections is known, S, and the largest, s. With |x − z| ≤
(x − e) + |e − z| the piece is at most S/n + ∫ |e − z| du; by Jensen's inequality it is at least |S/n + ∫ (e − z) du|,
and as above at least ∫ (e − z)₊ + (z − e − s)₊ du. Where z stays below e, as it does unless a tail of the data lies
inside one of N(0, 1), all of these agree; at worst they are 2 ∫ (z − e)₊ du apart. The other tail is the mirror image.
Hence the interval is never wider than half a bin and 4 E(Z − e)₊, which is 2e-7 for e = 5.

All of this holds for the projections as they were counted. Those are within a quantum of the grid of what was
multiplied, and within `mean_rounding` of the exact ones on average; W1 moves no farther than the values do.

With φ and Φ of N(0, 1), ∫ z du from u to v is φ(z(u)) − φ(z(v)), which gives every integral in closed form.

References: Villani, "Topics in optimal transportation" (2003), theorem 2.18, for W1 of two quantile functions;
Hardy, Littlewood and Pólya, "Inequalities" (1934), section 2.17, for Chebyshev's. The bounds are derived above.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from analysis.one_pass.projection_counts import ProjectionCounts, Tails
from per_core.errors import InvalidInputError
from per_core.interval import margin_of_error
from per_core.text import N_

Floats = NDArray[np.float64]

ARITHMETIC = 1e-11  # more than the sums of some thousand terms of size 1, each off by 2^-53, can be wrong by


@dataclass(frozen=True, slots=True, eq=False)
class CertifiedDistance:
    """Bounds of the sliced W1 between N(0, I) and data of which only counts and sums in bins are known.

    Attributes:
        lower_per_direction, upper_per_direction: (k,), bounds of W1 on every slice, 0 ≤ lower ≤ upper.
        n: number of samples.
    """

    lower_per_direction: Floats
    upper_per_direction: Floats
    n: int

    @property
    def lower(self) -> float:
        """Sliced W1, the mean over the slices, is at least this."""
        return float(self.lower_per_direction.mean())

    @property
    def upper(self) -> float:
        """Sliced W1 is at most this."""
        return float(self.upper_per_direction.mean())

    @property
    def margin_of_error(self) -> float:
        """Half the width of a 95 % interval of the mean over all directions, see `per_core.SlicedDistance`."""
        return margin_of_error(self.standard_error, len(self.lower_per_direction))

    @property
    def standard_error(self) -> float:
        """Of the middle of the interval over slices; NaN for one slice. See `per_core.SlicedDistance`."""
        middle = (self.lower_per_direction + self.upper_per_direction) / 2
        return float(middle.std(ddof=1) / math.sqrt(len(middle))) if len(middle) > 1 else math.nan


def certified_distance(counted: ProjectionCounts, *, rounding: float | Floats = 0.0) -> CertifiedDistance:
    """The interval of sliced W1 that follows from counts and sums, see the module.

    Args:
        counted: at least one projection on every direction.
        rounding: how far the projections that were counted are from the true ones at most, on average over the rows,
            one number or (k,). The interval is as much wider on both sides, and by a quantum of the grid.

    Raises:
        InvalidInputError: If nothing was counted.
    """
    n = int(counted.counts[0].sum() + counted.below.counts[0] + counted.above.counts[0])
    if n == 0:
        raise InvalidInputError(N_("A distance needs at least one row of finite values; received none. Count some."))
    bounds = [_direction_bounds(counted, direction, n) for direction in range(len(counted.counts))]
    lower, upper = np.array(bounds).T
    slack = rounding + counted.grid.quantum + ARITHMETIC * (1 + upper)
    return CertifiedDistance(np.maximum(lower - slack, 0.0), upper + slack, n)


def _direction_bounds(counted: ProjectionCounts, direction: int, n: int) -> tuple[float, float]:
    grid = counted.grid
    filled = np.flatnonzero(counted.counts[direction])
    counts, sums = counted.counts[direction][filled], counted.sums[direction][filled]
    places = (sums - (filled * counts << grid.precision)) / (counts << grid.precision)
    below, above = counted.below.counts[direction], counted.above.counts[direction]
    pieces = _Pieces.between(np.cumsum(np.concatenate([[0, below], counts, [above]])), n)
    edges: Floats = filled.astype(np.float64) * grid.width - grid.limit
    lower, upper = _bin_bounds(pieces[1:-1], edges, grid.width, places)
    left = _tail_bounds(pieces[:1].mirrored, counted.below, direction, grid.limit, n)
    right = _tail_bounds(pieces[-1:], counted.above, direction, grid.limit, n)
    return lower + left[0] + right[0], upper + left[1] + right[1]


def _bin_bounds(pieces: _Pieces, left: Floats, width: float, places: Floats) -> tuple[float, float]:
    """Of bins from their left edges on, in which the mean projections have these places from 0 to 1."""
    mass = (pieces.u[1] - pieces.u[0]) * width
    beyond = pieces.above(left + width)
    outside = pieces.below(left) + beyond
    of_quantiles = np.clip((pieces.above(left) - beyond) / mass, 0, 1)
    lower = outside + mass * np.abs(places - of_quantiles)
    upper = outside + mass * (places + of_quantiles - 2 * places * of_quantiles)
    return float(lower.sum()), float(upper.sum())


def _tail_bounds(piece: _Pieces, tails: Tails, direction: int, edge: float, n: int) -> tuple[float, float]:
    """Of the upper tail; for the lower one everything is mirrored."""
    if tails.counts[direction] == 0:
        return 0.0, 0.0
    end = np.array([edge])
    mean_excess = tails.excess[direction] / n
    above, below = piece.above(end), piece.below(end)
    beyond_farthest = piece.above(end + tails.farthest[direction])
    lower = np.maximum(np.abs(mean_excess + below - above), below + beyond_farthest)
    return float(lower[0]), float((mean_excess + above + below)[0])


@dataclass(frozen=True, slots=True, eq=False)
class _Pieces:
    """Adjacent pieces of [0, 1] and what N(0, 1) does at their ends: arrays (m,), from and to."""

    u: tuple[Floats, Floats]
    z: tuple[Floats, Floats]
    density: tuple[Floats, Floats]

    @classmethod
    def between(cls, ranks: NDArray[np.int64], n: int) -> _Pieces:
        """Pieces from one of m + 1 ranks to the next, ranks from 0 to n."""
        u = ranks / n
        tail = ndtri(np.minimum(ranks, n - ranks) / n)  # the accurate side, mirrored
        z = np.where(2 * ranks > n, -tail, tail)
        density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
        return cls((u[:-1], u[1:]), (z[:-1], z[1:]), (density[:-1], density[1:]))

    def __getitem__(self, some: slice) -> _Pieces:
        return _Pieces(*((ends[0][some], ends[1][some]) for ends in (self.u, self.z, self.density)))

    @property
    def mirrored(self) -> _Pieces:
        """The pieces of the negative variable: z → −z and u → 1 − u, from and to exchanged."""
        return _Pieces((1 - self.u[1], 1 - self.u[0]), (-self.z[1], -self.z[0]), (self.density[1], self.density[0]))

    def above(self, c: Floats) -> Floats:
        """∫ (z − c)₊ du over every piece."""
        u, density = self._cut(c)
        return np.maximum(density - self.density[1] - c * (self.u[1] - u), 0.0)

    def below(self, c: Floats) -> Floats:
        """∫ (c − z)₊ du over every piece."""
        u, density = self._cut(c)
        return np.maximum(c * (u - self.u[0]) - (self.density[0] - density), 0.0)

    def _cut(self, c: Floats) -> tuple[Floats, Floats]:
        """Φ and φ at c, or at the end of the piece that is closest to it."""
        cases = [c <= self.z[0], c >= self.z[1]]
        density = np.exp(-(np.minimum(np.abs(c), 40.0) ** 2) / 2) / math.sqrt(2 * math.pi)  # 0 beyond
        return np.select(cases, self.u, ndtr(c)), np.select(cases, self.density, density)
