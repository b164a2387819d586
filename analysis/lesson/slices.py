"""Step 5: W1 along every direction of the plane, and how far the mean of few slices is from SW1."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analysis.batch import ActivationBatch
from analysis.distances.directions import circle_directions
from per_core import gaussian_w1

Float64Array = NDArray[np.float64]
Verdict = Literal["close", "near", "far"]
DEGREES = 180  # a half circle, one direction a degree: the other half is the same
FEW = 6  # slices
CLOSE, FAR = 0.01, 0.025  # how far off the mean of random slices is: less than the one, or more than the other


@dataclass(frozen=True, slots=True, eq=False)
class Slices:
    """A cloud (n, 2) along every direction.

    Attributes:
        batch: the cloud.
        w1: (180,) to N(0, 1), along the direction of as many degrees.
        sw1: their mean.
        random: root mean square error of the mean of six random slices.
        even: of six evenly spaced ones, over where they begin.
    """

    batch: ActivationBatch
    w1: Float64Array
    sw1: float
    random: float
    even: float

    @property
    def verdict(self) -> Verdict:
        """How far the mean of six random slices usually is from SW1."""
        if self.random < CLOSE:
            return "close"
        return "far" if self.random > FAR else "near"

    def along(self, degrees: int) -> NDArray[np.float32]:
        """The projection (n,) of the cloud on a direction."""
        _, directions = circle_directions(2 * DEGREES)
        projection: NDArray[np.float32] = self.batch.values @ directions[degrees].astype(np.float32)
        return projection


def see_slices(batch: ActivationBatch) -> Slices:
    """Measure a cloud (n, 2), finite, along every direction.

    Independent directions with W1 of variance v have means of variance v/6.
    """
    _, directions = circle_directions(2 * DEGREES)
    projections = batch.values @ directions[:DEGREES].T.astype(np.float32)
    w1 = gaussian_w1(projections).double().numpy()
    even = w1.reshape(FEW, -1).mean(axis=0)
    return Slices(batch, w1, float(w1.mean()), float(w1.std()) / math.sqrt(FEW), float(even.std()))
