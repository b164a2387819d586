"""The layer that is furthest from N(0, I), of a network by its last record, and of a dump at any epoch."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from analysis.statistics.null_band import expected_gaussian_w1
from analysis.survey.cell import Epoch
from analysis.survey.layer_reading import LayerReading
from analysis.survey.overview import Overview
from per_core.recording.run_directory import Run


@dataclass(frozen=True, slots=True)
class FurthestLayer:
    """A layer and its distance.

    Attributes:
        layer: its name, as it is.
        epoch: at which it is that far.
        sw1: SW1 to N(0, I), as recorded or read.
        times: over the mean of Gaussian batches of as many rows. By this layers of different sizes are compared.
    """

    layer: str
    epoch: Epoch
    sw1: float
    times: float


def furthest_layer(run: Run) -> FurthestLayer | None:
    """The layer of the last record that is furthest; None if there is no record, or no layer of it is finite."""
    if not run.records:
        return None
    last = run.records[-1]
    return _furthest(
        FurthestLayer(name, last.epoch, one.sw1, one.sw1 / expected_gaussian_w1(one.sw1_rows))
        for name, one in last.layers.items()
    )


def furthest_cell(found: Overview) -> FurthestLayer | None:
    """The layer of a dump that is furthest at any epoch; None if no rows of it are finite."""
    return _furthest(
        FurthestLayer(layer, epoch, one.sw1, one.sw1_in_bands)
        for (layer, epoch), one in found.cells.items()
        if isinstance(one, LayerReading)
    )


def _furthest(layers: Iterable[FurthestLayer]) -> FurthestLayer | None:
    return max((one for one in layers if math.isfinite(one.sw1)), key=lambda one: one.times, default=None)
