"""Step 6: with what W1 and PER compare the samples of a slice, before and after one of them moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtri

from analysis.distances.bound import Influence, move_one
from analysis.samples import SampleSpec, draw
from per_core import gaussian_w1
from per_core.per import projection_loss

Float64Array = NDArray[np.float64]

SAMPLE = 0  # the row that moves
SLICES = 64


@dataclass(frozen=True, slots=True, eq=False)
class MovedSample:
    """One slice of a batch, the first unit, before and after one sample moves along it.

    Attributes:
        before, after: (n,) values along the slice; they differ in row `SAMPLE`.
        w1, per: of the slice after the move.
        distances: (n,) E|x − Z| of each value after the move, whose mean PER is.
        influence: what the move does to the gradients of the others, on 64 slices of the whole batch.
    """

    before: Float64Array
    after: Float64Array
    w1: float
    per: float
    distances: Float64Array
    influence: Influence

    @property
    def partners_before(self) -> Float64Array:
        """(n,), the middle of the part of N(0, 1) that W1 pairs each sample with."""
        return _partners(self.before)

    @property
    def partners_after(self) -> Float64Array:
        """The same after the move."""
        return _partners(self.after)

    @property
    def changed(self) -> NDArray[np.bool_]:
        """(n,), which samples have another partner after the move."""
        return np.not_equal(self.partners_before, self.partners_after)

    @property
    def others_changed(self) -> int:
        """How many of the samples that stay have another partner."""
        return int(np.delete(self.changed, SAMPLE).sum())


def see_moved(spec: SampleSpec, distance: float) -> MovedSample:
    """Draw a batch and move one sample along its first unit."""
    batch = draw(spec)
    before = batch.values[:, 0].astype(np.float64)
    after = before.copy()
    after[SAMPLE] += distance
    column = torch.from_numpy(after)[:, None]
    distances = projection_loss(column)
    return MovedSample(
        before,
        after,
        gaussian_w1(column).item(),
        distances.mean().item(),
        distances[:, 0].numpy(),
        move_one(batch, sample=SAMPLE, distance=distance, slices=SLICES),
    )


def _partners(values: Float64Array) -> Float64Array:
    """The i-th smallest of n values has the i-th of n parts of N(0, 1) that are equally likely; its middle, (n,)."""
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    middles: Float64Array = ndtri((ranks + 0.5) / len(values))
    return middles


def expected_distances(values: Float64Array) -> Float64Array:
    """E|x − Z| of every value x: what PER is a mean of."""
    distances: Float64Array = projection_loss(torch.from_numpy(values)).numpy()
    return distances
