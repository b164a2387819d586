"""What a regulariser does with a batch that has nearly collapsed to 0: whether its pull leads out of there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from analysis.methods.flow import DRAWS, FlowSpec, gradient_at

Float64Array = NDArray[np.float64]
Way = Literal["out", "fades", "in"]  # outward with much of its pull, outward with next to nothing, or inward

SCALES = np.logspace(-4, 0.5, 28)
DECADE = 7  # of the scales
ROWS, UNITS = 256, 8
STRONG = 0.1  # of the largest pull


@dataclass(frozen=True, slots=True, eq=False)
class CollapsePull:
    """How a regulariser pulls on the rows of N(0, I) times each of some scales.

    Attributes:
        scales: (k,), ascending.
        outward: (k,) mean over the rows of −n ⟨∂R/∂h, h/‖h‖⟩: above 0 it leads away from 0.
    """

    scales: Float64Array
    outward: Float64Array

    @property
    def largest(self) -> float:
        """The largest pull at any of the scales, in either direction."""
        return float(np.abs(self.outward).max())

    @property
    def share(self) -> Float64Array:
        """(k,) the outward pull as a share of the largest, −1 to 1."""
        return self.outward / (self.largest or 1.0)

    @property
    def way(self) -> Way:
        """Where it leads at the smallest scale."""
        if self.share[0] < -STRONG or self.share[:DECADE].max() <= 0:
            return "in"
        return "out" if self.share[0] > STRONG else "fades"


def pull_near_collapse(spec: FlowSpec, scales: Sequence[float] = tuple(SCALES)) -> CollapsePull:
    """The pull of a regulariser on `ROWS` rows of N(0, I) in `UNITS` units, times each scale.

    Args:
        spec: the regulariser, its parameters and the seed of the rows and of its draws.
        scales: above 0, ascending.
    """
    rows = torch.randn(ROWS, UNITS, generator=torch.Generator().manual_seed(spec.seed), dtype=torch.float64)
    outward = torch.nn.functional.normalize(rows, dim=1)
    pulls = []
    for scale in scales:
        generator = torch.Generator().manual_seed(spec.seed)
        gradient = gradient_at(scale * rows, spec, generator, draws=DRAWS)
        pulls.append(-(gradient * outward).sum(dim=1).mean().item())
    return CollapsePull(np.array(scales, dtype=np.float64), np.array(pulls))
