"""Step 7: PER and SW1 of a cloud that is made smaller or larger."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.distances.bound import ScaleCurve, scale_curve
from analysis.samples import SampleSpec, draw

Float64Array = NDArray[np.float64]

LARGEST = 2.0  # factor
STEPS = 40  # of the curve, 0.05 each
SLICES = 64
EDGES = np.linspace(-6, 6, 49)  # of the bins


@dataclass(frozen=True, slots=True, eq=False)
class ScaledCloud:
    """A cloud h, and what PER and SW1 make of c·h for every factor c.

    Attributes:
        unit: (n,) values of the first unit of h.
        curve: PER and SW1 of c·h for c from 0 to 2.
    """

    unit: Float64Array
    curve: ScaleCurve

    @property
    def per_is_least_at(self) -> float:
        """The factor at which PER is smallest."""
        return float(self.curve.factors[int(np.argmin(self.curve.per))])

    @property
    def sw1_is_least_at(self) -> float:
        """The factor at which SW1 is smallest."""
        return float(self.curve.factors[int(np.argmin(self.curve.sw1))])

    def per(self, factor: float) -> float:
        """PER of c·h."""
        return float(np.interp(factor, self.curve.factors, self.curve.per))

    def sw1(self, factor: float) -> float:
        """SW1 of c·h."""
        return float(np.interp(factor, self.curve.factors, self.curve.sw1))

    def density(self, factor: float) -> Float64Array:
        """(bins,), the histogram of the first unit of c·h on `EDGES`, as a density."""
        counts, _ = np.histogram(factor * self.unit, EDGES)
        density: Float64Array = counts / (len(self.unit) * np.diff(EDGES))
        return density


def see_scaled(spec: SampleSpec) -> ScaledCloud:
    """Draw the cloud of a spec and measure it at all factors."""
    batch = draw(spec)
    curve = scale_curve(batch, largest=LARGEST, points=STEPS + 1, slices=SLICES)
    return ScaledCloud(batch.values[:, 0].astype(np.float64), curve)
