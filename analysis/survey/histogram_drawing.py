"""The histogram of a layer as paths of an SVG, with the density of N(0, 1) on the same axes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from analysis.statistics.binned_histogram import BinnedHistogram, shared_range
from analysis.statistics.histogram import Histogram
from analysis.statistics.value_kind import ValueKind
from analysis.survey.cell import Epoch, Unread
from analysis.survey.layer_reading import LayerReading
from analysis.survey.overview import Overview

CURVE_POINTS = 65


@dataclass(frozen=True, slots=True)
class HistogramDrawing:
    """The values that were looked at of one layer, at the latest epoch that could be read.

    Attributes:
        layer, epoch: which.
        kind: of the values; None if unknown.
        counted: the histogram; of one whose bins are given the axis is the `shared_range`.
    """

    width: ClassVar[int] = 320
    height: ClassVar[int] = 110
    layer: str
    epoch: Epoch
    kind: ValueKind | None
    counted: Histogram | BinnedHistogram

    @classmethod
    def of(cls, seen: Overview, layer: str) -> HistogramDrawing:
        """That of a layer of an overview, which has its histogram."""
        epoch, reading = next(
            (epoch, reading) for epoch, reading in reversed(seen.history(layer)) if not isinstance(reading, Unread)
        )
        kind = reading.kind if isinstance(reading, LayerReading) else None
        return cls(layer, epoch, kind, seen.histograms[layer])

    @property
    def is_binned(self) -> bool:
        """Whether the bins were given."""
        return isinstance(self.counted, BinnedHistogram)

    @property
    def low(self) -> float:
        """The left end of the axis."""
        return self._limits[0]

    @property
    def high(self) -> float:
        """The right end of the axis."""
        return self._limits[1]

    @property
    def outside(self) -> float:
        """The share of the values of given bins beyond the axis."""
        assert isinstance(self.counted, BinnedHistogram)
        return 1 - self.counted.share_inside(self.low, self.high)

    @property
    def bars(self) -> str:
        """The outline of the density: up and down at every edge."""
        (low, high), top = self._limits, self._top
        if isinstance(self.counted, BinnedHistogram):
            edges, density = self.counted.steps(low, high)
        else:
            edges, density = self.counted.edges, self.counted.density
        x = (self.width * (edges - low) / (high - low)).tolist()
        y = (self.height * (1 - np.minimum(density / top, 1))).tolist()
        steps = [f"V{level:.1f}H{end:.1f}" for level, end in zip(y, x[1:], strict=True)]
        return f"M{x[0]:.4g},{self.height}{''.join(steps)}V{self.height}Z"

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
    def _limits(self) -> tuple[float, float]:
        if isinstance(self.counted, BinnedHistogram):
            return shared_range([self.counted])
        return float(self.counted.edges[0]), float(self.counted.edges[-1])

    @property
    def _top(self) -> float:
        """The density at the upper end of the picture; given bins that are narrow and higher than it are cut there."""
        if isinstance(self.counted, BinnedHistogram):
            cells = np.linspace(self.low, self.high, CURVE_POINTS)
            return float(self.counted.mean_density(cells).max()) or 1.0
        return float(self.counted.density.max()) or 1.0
