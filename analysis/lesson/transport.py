"""Step 4: how far the mass of one unit has to be moved until it is N(0, 1), which is W1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from analysis.batch import ActivationBatch
from per_core import gaussian_w1

Float64Array = NDArray[np.float64]
PARTS = 10  # of equal mass
ENDS = 0.001  # of the mass on either side, where parts end that have no end


@dataclass(frozen=True, slots=True, eq=False)
class Transport:
    """One unit beside N(0, 1): the i-th part of its mass moves to the i-th part of N(0, 1), which keeps the order.

    Attributes:
        values: (n,) of the unit, sorted.
        edges, target_edges: (11,) where the parts of equal mass begin and end, of the unit and of N(0, 1).
        middles, target_middles: (10,) their medians.
        w1: how far the mass moves on average, exactly.
    """

    values: NDArray[np.float32]
    edges: Float64Array
    target_edges: Float64Array
    middles: Float64Array
    target_middles: Float64Array
    w1: float

    @property
    def mean(self) -> float:
        """Of the unit: no transport is shorter than its distance from 0."""
        return float(self.values.mean(dtype=np.float64))


def see_transport(batch: ActivationBatch) -> Transport:
    """Move the first unit of a batch (n, d), finite, to N(0, 1).

    Source: Villani, "Topics in optimal transportation" (2003), theorem 2.18: on the line the coupling of equal
    quantiles is optimal.
    """
    values = np.sort(batch.values[:, 0])
    edges = np.linspace(0, 1, PARTS + 1).clip(ENDS, 1 - ENDS)
    middles = (np.arange(PARTS) + 0.5) / PARTS
    return Transport(
        values=values,
        edges=np.quantile(values, edges).astype(np.float64),
        target_edges=ndtri(edges),
        middles=np.quantile(values, middles).astype(np.float64),
        target_middles=ndtri(middles),
        w1=float(gaussian_w1(batch.tensor[:, :1].double())[0]),
    )
