"""The histogram of a layer as paths of an SVG, with the density of N(0, 1) on the same axes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from analysis.statistics.histogram import Histogram
from analysis.statistics.value_kind import ValueKind
from analysis.survey.overview import Epoch, LayerReading, Overview

CURVE_POINTS = 65


@dataclass(frozen=True, slots=True)
class HistogramDrawing:
    """The values that were looked at of one layer, at the latest epoch that could be read.

    Attributes:
        layer, epoch: which.
        kind: of the values; None if unknown.
        counted: the histogram.
    """

    width: ClassVar[int] = 320
    height: ClassVar[int] = 110
    layer: str
    epoch: Epoch
    kind: ValueKind | None
    counted: Histogram

    @classmethod
    def of(cls, seen: Overview, layer: str) -> HistogramDrawing:
        """That of a layer of an overview, which has its histogram."""
        epoch, kind = next(
            (epoch, reading.kind)
            for epoch, reading in reversed(seen.history(layer))
            if isinstance(reading, LayerReading)
        )
        return cls(layer, epoch, kind, seen.histograms[layer])

    @property
    def low(self) -> float:
        """The left end of the axis."""
        return float(self.counted.edges[0])

    @property
    def high(self) -> float:
        """The right end of the axis."""
        return float(self.counted.edges[-1])

    @property
    def bars(self) -> str:
        """The outline of the density: up and down at every edge."""
        width, top = self.width / len(self.counted.counts), self._top
        steps = [
            f"V{self.height * (1 - y / top):.1f}H{width * (i + 1):.1f}"
            for i, y in enumerate(self.counted.density.tolist())
        ]
        return f"M0,{self.height}{''.join(steps)}V{self.height}Z"

    @property
    def normal_curve(self) -> str:
        """The density of N(0, 1) where it fits into the picture."""
        path, drawing, top = [], False, self._top
        for i in range(CURVE_POINTS):
            share = i / (CURVE_POINTS - 1)
            z = self.low + share * (self.high - self.low)
            y = math.exp(-min(z * z / 2, 700.0)) / math.sqrt(2 * math.pi) / top
            if y <= 1:
                path.append(f"{'L' if drawing else 'M'}{self.width * share:.1f},{self.height * (1 - y):.1f}")
            drawing = y <= 1
        return "".join(path)

    @property
    def _top(self) -> float:
        """The density at the upper end of the picture."""
        return float(self.counted.density.max()) or 1.0
