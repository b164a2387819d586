"""The layer of a network that is furthest from N(0, I), by its last record."""

from __future__ import annotations

import math
from dataclasses import dataclass

from analysis.statistics.null_band import expected_gaussian_w1
from per_core.recording.run_directory import Run


@dataclass(frozen=True, slots=True)
class FurthestLayer:
    """A layer and its distance.

    Attributes:
        layer: its name, as it is.
        epoch: of the record.
        sw1: SW1 to N(0, I), as recorded.
        times: over the mean of Gaussian batches of as many rows. By this layers of different sizes are compared.
    """

    layer: str
    epoch: float
    sw1: float
    times: float


def furthest_layer(run: Run) -> FurthestLayer | None:
    """The layer of the last record that is furthest; None if there is no record, or no layer of it is finite."""
    if not run.records:
        return None
    last = run.records[-1]
    found = [
        FurthestLayer(name, last.epoch, one.sw1, one.sw1 / expected_gaussian_w1(one.sw1_rows))
        for name, one in last.layers.items()
        if math.isfinite(one.sw1)
    ]
    return max(found, key=lambda one: one.times, default=None)
