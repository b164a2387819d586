"""Massive activations across layers: which unit or row is far larger than the others, from which layer on."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

from analysis.statistics.outliers import Peak
from analysis.survey.cell import Epoch
from analysis.survey.layer_reading import LayerReading
from analysis.survey.overview import Overview

Part = Literal["unit", "row"]


@dataclass(frozen=True, slots=True)
class Massive:
    """A unit or a row that is an outlier in at least one layer, see `Outliers`.

    It is followed through the layers of its group that have as many units (for a row: as many rows), in the order of
    the dump: in a residual network they share their units.

    Attributes:
        part: "unit" or "row".
        number: which one.
        of: how many units, or rows, these layers have.
        layers: those in which it is an outlier, in the order of the dump.
        following: how many such layers there are from the first of these on.
        peak_layer: of `layers`, where it is largest over the median.
        peak: its size there. None if there are more than 8 larger ones.
    """

    part: Part
    number: int
    of: int
    layers: tuple[str, ...]
    following: int
    peak_layer: str
    peak: Peak | None

    @property
    def onset(self) -> str:
        """The first layer in which it is an outlier."""
        return self.layers[0]

    @property
    def stays(self) -> bool:
        """Whether it is one in every such layer from there on."""
        return len(self.layers) == self.following


def list_massive(found: Overview, epoch: Epoch, part: Part) -> tuple[Massive, ...]:
    """The massive units, or rows, of a dump at one epoch: those of most layers first, then the largest."""
    layers: dict[tuple[str, int], list[tuple[str, LayerReading]]] = defaultdict(list)
    for layer in found.layers:
        reading = found.cells.get((layer, epoch))
        if isinstance(reading, LayerReading) and reading.finite_rows:
            of = reading.d if part == "unit" else reading.total
            layers[found.group_of(layer)[0], of].append((layer, reading))
    listed = [
        _followed(part, number, of, alike)
        for (_, of), alike in layers.items()
        for number in sorted({number for _, reading in alike for number in _numbers(reading, part)})
    ]
    return tuple(sorted(listed, key=lambda one: (-len(one.layers), -(one.peak.ratio if one.peak else 0.0))))


def peaks_of(reading: LayerReading, part: Part) -> tuple[Peak, ...]:
    """The largest units, or rows, of a layer, largest first."""
    if reading.outliers is None:
        return ()
    return reading.outliers.top_units if part == "unit" else reading.outliers.top_rows


def _followed(part: Part, number: int, of: int, alike: list[tuple[str, LayerReading]]) -> Massive:
    has_it = {layer: reading for layer, reading in alike if number in _numbers(reading, part)}
    onset = next(at for at, (layer, _) in enumerate(alike) if layer in has_it)
    peaks = {layer: _peak(reading, part, number) for layer, reading in has_it.items()}
    peak_layer = max(peaks, key=lambda layer: one.ratio if (one := peaks[layer]) else 0.0)
    return Massive(part, number, of, tuple(has_it), len(alike) - onset, peak_layer, peaks[peak_layer])


def _numbers(reading: LayerReading, part: Part) -> tuple[int, ...]:
    """Which units, or rows, are outliers."""
    if reading.outliers is None or not reading.has_outliers:
        return ()
    return reading.outliers.units if part == "unit" else reading.outliers.rows


def _peak(reading: LayerReading, part: Part, number: int) -> Peak | None:
    return next((peak for peak in peaks_of(reading, part) if peak.number == number), None)
