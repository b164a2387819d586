"""Counts and sums of projections on a fixed grid, with explicit tails: all that the certified distance needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from analysis.one_pass.grid import Grid

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


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

    def add(self, reached: NDArray[np.bool_], beyond: Tensor, quantum: float) -> None:
        """Add, in place, how far projections lie beyond the end, to directions that are reached, of which there are r.

        Args:
            reached: (k,), which directions have projections that were counted here.
            beyond: (r, n), in quanta; it is overwritten. What lies not even half of one beyond is at the end, or not
                beyond at all.
        """
        beyond.masked_fill_(beyond <= 0.5, 0)
        self.excess[reached] += quantum * beyond.sum(dim=1, dtype=torch.float64).numpy()
        self.farthest[reached] = np.maximum(self.farthest[reached], quantum * beyond.amax(dim=1).double().numpy())

    def merge(self, other: Tails) -> Tails:
        """The tails of both data sets together."""
        return Tails(self.counts + other.counts, self.excess + other.excess, np.maximum(self.farthest, other.farthest))


@dataclass(frozen=True, slots=True, eq=False)
class ProjectionCounts:
    """How the projections on k directions spread over a grid.

    Attributes:
        grid: the bins.
        counts: (k, bins), exact.
        sums: (k, bins), of the projections in quanta above −limit, each rounded to a whole number; exact.
        below, above: projections smaller than −limit; those of limit and larger.
    """

    grid: Grid
    counts: Counts
    sums: Counts
    below: Tails
    above: Tails

    @classmethod
    def empty(cls, k: int, grid: Grid) -> ProjectionCounts:
        """Counts of 0 in every bin of k directions, which change nothing when they are merged."""
        counts, sums = np.zeros((2, k, grid.bins), np.int64)
        return cls(grid, counts, sums, Tails.empty(k), Tails.empty(k))

    def merge(self, other: ProjectionCounts) -> ProjectionCounts:
        """The counts of both data sets together; integers, so that no order changes them."""
        return ProjectionCounts(
            self.grid,
            self.counts + other.counts,
            self.sums + other.sums,
            self.below.merge(other.below),
            self.above.merge(other.above),
        )
