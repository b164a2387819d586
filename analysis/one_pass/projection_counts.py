"""Counts of projections on a fixed grid, with explicit tails: all that the certified distance needs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from analysis.one_pass.grid import Grid

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

BLOCK_PROJECTIONS = 2**21  # held at once
FULL_ROWS, FULL_DIRECTIONS = 64, 16  # matrix products come in multiples of these
SUMMED = 256  # products that are summed in an order unknown to us
UNIT_ROUNDOFF = 2**-24  # of float32


def project(rows: Tensor, directions: Tensor) -> Tensor:
    """Projections (k, n) of rows (n, d) on directions (k, d) of their type, 256 units at a time; see `rounding_of`.

    A row's projections do not depend on the rows beside it, so that data may be cut anywhere. Matrix products are
    filled up with zeros for that: small ones are summed in another order.
    """
    n, k = len(rows), len(directions)
    rows, directions = _filled(rows, FULL_ROWS), _filled(directions, FULL_DIRECTIONS)
    total = directions[:, :SUMMED] @ rows[:, :SUMMED].T
    for start in range(SUMMED, rows.shape[1], SUMMED):
        total += directions[:, start : start + SUMMED] @ rows[:, start : start + SUMMED].T
    return total[:k, :n].contiguous()


def _filled(matrix: Tensor, multiple: int) -> Tensor:
    """The matrix with rows of zeros up to a multiple; itself if it has as many."""
    missing = -len(matrix) % multiple
    return torch.cat([matrix, matrix.new_zeros(missing, matrix.shape[1])]) if missing else matrix


def rounding_of(d: int) -> float:
    """How far a projection by `project` is from the exact one of the row as it was given at most, over its norm.

    A sum of m products has the error γ_m Σ|θ_i h_i| ≤ γ_m ‖θ‖‖h‖ at most in whatever order it is taken, with γ_m =
    m u/(1 − m u). Here m = min(d, 256) + ⌈d/256⌉ − 1, one more for ‖θ‖, which is 1 up to its own rounding, and one more
    for values that were rounded to float32.

    Source: Higham (2002), "Accuracy and stability of numerical algorithms", sections 3.1 and 4.2.
    """
    error = (min(d, SUMMED) + math.ceil(d / SUMMED) + 1) * UNIT_ROUNDOFF
    return error / (1 - error)


@dataclass(frozen=True, slots=True, eq=False)
class Tails:
    """What lies beyond one end of the grid, for each of k directions.

    Attributes:
        counts: (k,), how many projections.
        excess: (k,), the sum of their distances from the end of the grid, 0 or more.
        farthest: (k,), the largest of these distances; 0 where there is none.
    """

    counts: Counts
    excess: Floats
    farthest: Floats

    @classmethod
    def empty(cls, k: int) -> Tails:
        """Tails of k directions without any projection beyond the grid."""
        return cls(np.zeros(k, np.int64), np.zeros(k), np.zeros(k))

    @classmethod
    def of(cls, beyond: Tensor, counts: Counts, grid: Grid) -> Tails:
        """Tails of projections (k, n) in widths of a bin, of which those before the end are put to the end."""
        end = grid.bins // 2
        excess = beyond.sum(dim=1, dtype=torch.float64) - end * beyond.shape[1]
        farthest = (beyond.amax(dim=1) - end).double()
        return cls(counts, excess.numpy() * grid.width, farthest.numpy() * grid.width)

    def merge(self, other: Tails) -> Tails:
        """The tails of both data sets together."""
        return Tails(self.counts + other.counts, self.excess + other.excess, np.maximum(self.farthest, other.farthest))


@dataclass(frozen=True, slots=True, eq=False)
class ProjectionCounts:
    """How the projections on k directions spread over a grid.

    Attributes:
        grid: the bins.
        counts: (k, bins), exact.
        below, above: projections smaller than −limit; those of limit and larger.
    """

    grid: Grid
    counts: Counts
    below: Tails
    above: Tails

    @classmethod
    def empty(cls, k: int, grid: Grid) -> ProjectionCounts:
        """Counts of 0 in every bin of k directions, which change nothing when they are merged."""
        return cls(grid, np.zeros((k, grid.bins), np.int64), Tails.empty(k), Tails.empty(k))

    @classmethod
    def of(cls, scaled: Tensor, grid: Grid) -> ProjectionCounts:
        """Count projections (k, n), n ≥ 1, finite, given in widths of a bin; they are overwritten.

        Rounding down is exact in floating point, and so is the bin of every value.
        """
        k = len(scaled)
        end = grid.bins // 2
        low, high = (value.item() for value in torch.aminmax(scaled))
        beyond_left = (-scaled).clamp_(min=end) if low < -end else None
        beyond_right = scaled.clamp(min=end) if high >= end else None
        outer = grid.bins + 2  # one more at each end for what is beyond
        bins = scaled.floor_().clamp_(-end - 1, end).to(torch.int32)
        bins.add_((torch.arange(k, dtype=torch.int32) * outer + end + 1)[:, None])
        counts = torch.bincount(bins.view(-1), minlength=k * outer).view(k, outer).numpy()
        below = Tails.empty(k) if beyond_left is None else Tails.of(beyond_left, counts[:, 0].copy(), grid)
        above = Tails.empty(k) if beyond_right is None else Tails.of(beyond_right, counts[:, -1].copy(), grid)
        return cls(grid, counts[:, 1:-1], below, above)

    @classmethod
    def of_rows(cls, rows: Tensor, directions: Tensor, grid: Grid) -> ProjectionCounts:
        """Count the projections of finite rows (n, d) on directions (k, d), block by block."""
        whole = cls.empty(len(directions), grid)
        block = max(1, BLOCK_PROJECTIONS // len(directions))
        for start in range(0, len(rows), block):
            projections = project(rows[start : start + block], directions)
            whole._add(cls.of(projections.mul_(1 / grid.width), grid))  # a power of two: nothing is rounded
        return whole

    def _add(self, other: ProjectionCounts) -> None:
        """Merge in place: fresh memory for every block would cost more than the counting."""
        np.add(self.counts, other.counts, out=self.counts)
        for mine, others in ((self.below, other.below), (self.above, other.above)):
            np.add(mine.counts, others.counts, out=mine.counts)
            np.add(mine.excess, others.excess, out=mine.excess)
            np.maximum(mine.farthest, others.farthest, out=mine.farthest)

    def merge(self, other: ProjectionCounts) -> ProjectionCounts:
        """The counts of both data sets together; integers, so that no order changes them."""
        return ProjectionCounts(
            self.grid, self.counts + other.counts, self.below.merge(other.below), self.above.merge(other.above)
        )
