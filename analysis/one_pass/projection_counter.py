"""Counts projections on a grid as rows come."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from analysis.one_pass.grid import FIXED_BITS, Grid
from analysis.one_pass.projection import project
from analysis.one_pass.projection_counts import ProjectionCounts

BLOCK_PROJECTIONS = 3 * 2**21  # held at once
LEAST_ROWS = 2**9  # of a block
COUNTED_AT_ONCE = 2**17  # projections that stay there while they become bins
EXPONENT = int(np.float32(2**FIXED_BITS).view(np.int32))  # the bits of 2^23: those of 2^23 + v are v more
PACKED_BITS = 30  # 2^30 is less than that


class ProjectionCounter:
    """Counts and sums the projections of rows on k directions.

    Every projection becomes a whole number v of quanta above the lower tail, rounded once: added to 2^23, its bits are
    those of a float32, e + v with e those of 2^23. Its bin is v without the last p bits. Count and sum of a bin are one
    number while they grow, the sum of e + v over its projections, so that each costs one addition. Of c projections in
    bin b that is c (e + 2^p b) and less than 2^p c more: as long as 2^p c stays below e, it tells c. After 2^30-p rows
    both are taken apart. Nothing of that rounds, so that the order of rows, parts and merges changes no bit.
    """

    def __init__(self, directions: Tensor, grid: Grid) -> None:
        """Start without rows, on unit directions (k, d), float32."""
        k = len(directions)
        self._grid = grid
        self._directions = (directions.double() / grid.quantum).float()
        self._packed = torch.zeros(k, grid.bins + 2, dtype=torch.int64)  # a tail, the bins, a tail
        self._packed_rows = 0
        self._most_rows = 2**PACKED_BITS >> grid.precision
        rows = min(max(LEAST_ROWS, BLOCK_PROJECTIONS // k), self._most_rows)
        self._buffer = torch.empty(k, rows, dtype=torch.float32)
        most = max(COUNTED_AT_ONCE, self._buffer.shape[1])
        self._memory = torch.empty(most, dtype=torch.float32), *torch.empty(2, most, dtype=torch.int64)
        self._waiting = 0  # rows whose projections are there, to be counted together
        self._found = ProjectionCounts.empty(k, grid)

    def add(self, rows: Tensor) -> None:
        """Count the projections of finite rows (n, d), n ≥ 0, float32 or float64."""
        if rows.dtype == torch.float64:  # beyond float32, perhaps: counted at once
            for some in torch.split(rows, self._buffer.shape[1]) if len(rows) else ():
                self._count(project(some, self._directions.double()))
            return
        while len(rows):
            left = self._buffer[:, self._waiting :]
            some, rows = rows[: left.shape[1]], rows[left.shape[1] :]
            project(some, self._directions, out=left[:, : len(some)])
            self._waiting += len(some)
            if self._waiting == self._buffer.shape[1]:
                self._count_waiting()

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
        if self._packed_rows + n > self._most_rows:
            self._unpack()
        self._packed_rows += n
        precision = self._grid.precision
        end = self._grid.bins // 2 << precision
        shift = end + 2**precision
        ends = EXPONENT + shift - end - 1, EXPONENT + shift + end  # what lies beyond the grid is counted there
        tails = self._packed[:, [0, -1]]
        size = max(1, COUNTED_AT_ONCE // n)
        for some, packed in zip(torch.split(projections, size), torch.split(self._packed, size), strict=True):
            shifted, weights, bins = (memory[: some.numel()].view(some.shape) for memory in self._memory)
            fixed = torch.add(some, 2**FIXED_BITS + shift, out=shifted).view(torch.int32).clamp_(*ends)
            weights.copy_(fixed)
            bins.copy_(fixed.sub_(EXPONENT).bitwise_right_shift_(precision))
            packed.scatter_add_(1, bins, weights)
        below, above = (self._packed[:, [0, -1]] != tails).T
        for found, reached, sign in ((self._found.below, below, -1), (self._found.above, above, 1)):
            if bool(reached.any()):
                found.add(reached.numpy(), projections[reached].mul_(sign).sub_(end), self._grid.quantum)

    def _unpack(self) -> None:
        """Take counts and sums apart, and start to pack anew."""
        width = 2**self._grid.precision
        least = EXPONENT + width * np.arange(self._grid.bins + 2)
        found = self._found
        for direction, packed in enumerate(self._packed.numpy()):  # one by one: fresh memory costs more
            counts = (packed / least).astype(np.int64)
            found.counts[direction] += counts[1:-1]
            found.sums[direction] += (packed - counts * (EXPONENT + width))[1:-1]  # the lower tail is one bin wide
            found.below.counts[direction] += counts[0]
            found.above.counts[direction] += counts[-1]
        self._packed.zero_()
        self._packed_rows = 0
