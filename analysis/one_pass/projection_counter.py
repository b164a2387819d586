"""Counts projections on a grid as rows come."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from analysis.one_pass.grid import FIXED_BITS, Grid
from analysis.one_pass.projection import memory_of, project
from analysis.one_pass.projection_counts import ProjectionCounts

BLOCK_PROJECTIONS = 2**23  # held at once
PRODUCT_ROWS = 2**9  # whose projections stay in a core's cache while they are summed
COUNTED_AT_ONCE = 2**17  # projections that stay there while they become bins
COUNT_BITS = 19  # of a packed count: 2^19 rows fit before counts and sums are taken apart
SUM_BITS = FIXED_BITS + COUNT_BITS
EXPONENT = int(np.float32(2**FIXED_BITS).view(np.int32))  # the bits of 2^23: those of 2^23 + v are v more


class ProjectionCounter:
    """Counts and sums the projections of rows on k directions.

    Every projection becomes a whole number v of quanta above the lower tail, rounded once: added to 2^23, its bits are
    those of a float32. Its bin is v without the last bits. Count and sum of a bin are one number while they grow, the
    sum of 2^42 + v over its projections, so that each costs one addition; after 2^19 rows they are taken apart. Nothing
    of that rounds, so that the order of rows, parts and merges changes no bit.
    """

    def __init__(self, directions: Tensor, grid: Grid) -> None:
        """Start without rows, on unit directions (k, d), float32."""
        k = len(directions)
        self._grid = grid
        self._directions = (directions.double() / grid.quantum).float()
        self._packed = torch.zeros(k, grid.bins + 2, dtype=torch.int64)  # a tail, the bins, a tail
        self._packed_rows = 0
        self._buffer = torch.empty(k, min(max(PRODUCT_ROWS, BLOCK_PROJECTIONS // k), 2**COUNT_BITS))
        self._product_memory = torch.empty(memory_of(PRODUCT_ROWS, k))  # fresh memory would cost more than the products
        most = max(COUNTED_AT_ONCE, self._buffer.shape[1])
        self._memory = torch.empty(most), *torch.empty(2, most, dtype=torch.int64)
        self._waiting = 0  # rows whose projections are there, to be counted together
        self._found = ProjectionCounts.empty(k, grid)

    def add(self, rows: Tensor) -> None:
        """Count the projections of finite rows (n, d), n ≥ 0, float32 or float64."""
        for some in torch.split(rows, PRODUCT_ROWS) if len(rows) else ():
            if rows.dtype == torch.float64:  # beyond float32, perhaps: counted at once
                self._count(project(some, self._directions.double()))
                continue
            if self._waiting + len(some) > self._buffer.shape[1]:
                self._count_waiting()
            end = self._waiting + len(some)
            project(some, self._directions, out=self._buffer[:, self._waiting : end], memory=self._product_memory)
            self._waiting = end

    def result(self) -> ProjectionCounts:
        """What has been counted."""
        self._count_waiting()
        self._unpack()
        return self._found

    def _count_waiting(self) -> None:
        if self._waiting:
            self._count(self._buffer[:, : self._waiting])
        self._waiting = 0

    def _count(self, projections: Tensor) -> None:
        """Count projections (k, n), given in quanta."""
        n = projections.shape[1]
        if self._packed_rows + n > 2**COUNT_BITS:
            self._unpack()
        self._packed_rows += n
        precision = self._grid.precision
        end = self._grid.bins // 2 << precision
        shift = 2**FIXED_BITS + end + 2**precision
        tails = self._packed[:, [0, -1]]
        size = max(1, COUNTED_AT_ONCE // n)
        for some, packed in zip(torch.split(projections, size), torch.split(self._packed, size), strict=True):
            shifted, weights, bins = (memory[: some.numel()].view(some.shape) for memory in self._memory)
            shifted.copy_(some).clamp_(-end - 1, end)
            fixed = shifted.add_(shift).view(torch.int32).sub_(EXPONENT)
            weights.copy_(fixed).add_(2**SUM_BITS)
            bins.copy_(fixed.bitwise_right_shift_(precision))
            packed.scatter_add_(1, bins, weights)
        below, above = (self._packed[:, [0, -1]] != tails).T
        for found, reached, sign in ((self._found.below, below, -1), (self._found.above, above, 1)):
            if bool(reached.any()):
                found.add(reached.numpy(), projections[reached].mul_(sign).sub_(end), self._grid.quantum)

    def _unpack(self) -> None:
        """Take counts and sums apart, and start to pack anew."""
        packed = self._packed.numpy()
        counts = packed >> SUM_BITS
        packed &= 2**SUM_BITS - 1
        packed -= counts << self._grid.precision  # the lower tail is one bin wide
        self._found.counts[:] += counts[:, 1:-1]
        self._found.sums[:] += packed[:, 1:-1]
        self._found.below.counts[:] += counts[:, 0]
        self._found.above.counts[:] += counts[:, -1]
        packed[:] = 0
        self._packed_rows = 0
