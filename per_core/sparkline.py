"""A sparkline: a quantity over the epochs as one small line, on a scale of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Sparkline:
    """The line of values over epochs, as the path of an SVG. It has a gap where a value is not finite.

    Attributes:
        epochs: ascending, one at least.
        values: one of each epoch.
    """

    width: ClassVar[int] = 96
    height: ClassVar[int] = 22
    margin: ClassVar[int] = 3
    epochs: Sequence[float]
    values: Sequence[float]

    @property
    def finite(self) -> list[float]:
        """The values that are neither NaN nor infinite."""
        return [value for value in self.values if math.isfinite(value)]

    @property
    def path(self) -> str:
        """Of each column of pixels the least and the largest value, so that no peak is lost in many epochs."""
        columns: dict[int, list[Point | None]] = {}
        for point in self._points():
            columns.setdefault(-1 if point is None else round(point[0]), []).append(point)
        kept: set[Point | None] = set()
        for column in columns.values():
            there = [point for point in column if point is not None]
            kept |= {*there[:1], *there[-1:], *(f(there, key=lambda point: point[1]) for f in (min, max) if there)}
        steps, is_drawing = [], False
        for point in self._points():
            if point is None:
                is_drawing = False
            elif point in kept:
                steps.append(f"{'L' if is_drawing else 'M'}{point[0]:.1f},{point[1]:.1f}")
                is_drawing = True
        return "".join(steps)

    @property
    def end(self) -> Point | None:
        """Where the last finite value lies; None if there is none."""
        return next((point for point in reversed(self._points()) if point is not None), None)

    def _points(self) -> list[Point | None]:
        """Where each value lies; None of one that is not finite."""
        if not self.finite:
            return [None] * len(self.values)
        low, high = min(self.finite) / 2, max(self.finite) / 2  # the distance of two halves is finite
        first, length = self.epochs[0], self.epochs[-1] - self.epochs[0]
        wide, tall = self.width - 2 * self.margin, self.height - 2 * self.margin
        return [
            (
                self.margin + (wide * (epoch - first) / length if length else wide),
                self.margin + tall * ((high - value / 2) / (high - low) if high > low else 0.5),
            )
            if math.isfinite(value)
            else None
            for epoch, value in zip(self.epochs, self.values, strict=True)
        ]
