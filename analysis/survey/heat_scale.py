"""How the report colours a quantity: seven levels of fixed limits, so that reports compare."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from analysis.survey.binned_reading import BinnedReading
from analysis.survey.cell import Cell
from analysis.survey.quantity import Quantity, quantity_named
from per_core.text import N_


@dataclass(frozen=True, slots=True)
class HeatScale:
    """How one quantity is coloured; limits are fixed, so that no outlier hides other layers.

    Attributes:
        quantity: its name.
        meaning: what a person must know to read it, in two sentences at most; like the legend, to be translated.
        limits: of `Quantity.badness`, six; a value is coloured by how many of them it exceeds.
        legend: the limits in words.
        shown: the value as text.
    """

    quantity: str
    meaning: str
    limits: tuple[float, ...]
    legend: str
    shown: Callable[[float], str]

    @property
    def measured(self) -> Quantity:
        """The quantity."""
        return quantity_named(self.quantity)

    def level(self, cell: Cell) -> int:
        """How many limits the value of a cell exceeds, 0 to 6."""
        badness = self.measured.badness(self.measured.of(cell))
        return sum(badness > limit for limit in self.limits)

    def text(self, cell: Cell) -> str:
        """The value of a cell, its bounds if bins bound it, or "–" where it is not defined."""
        value = self.measured.of(cell)
        if math.isnan(value):
            return "–"
        if isinstance(cell, BinnedReading):
            bounds = getattr(cell, self.quantity)
            return f"{self.shown(bounds.lower)} … {self.shown(bounds.upper)}"
        return self.shown(value)


def _number(value: float) -> str:
    return f"{value:.3g}"


def _share(value: float) -> str:
    return f"{value:.1%}"


HEAT_SCALES = (
    HeatScale(
        "sw1_in_bands",
        N_(
            "The distance to N(0, I), divided by what Gaussian batches of the same size have. About 1 is as close as"
            " it gets."
        ),
        (1.5, 3, 6, 12, 25, 50),
        N_("above 1.5, 3, 6, 12, 25, 50"),
        _number,
    ),
    HeatScale(
        "per",
        N_("1.128 for N(0, I), 0.798 if everything is 0. It measures size and spread, not how Gaussian the layer is."),
        (0.9, 1.05, 1.2, 1.5, 2, 4),
        N_("above 0.9, 1.05, 1.2, 1.5, 2, 4"),
        _number,
    ),
    HeatScale(
        "variance",
        N_("The mean over the units; 1 for N(0, I)."),
        tuple(math.log(factor) for factor in (1.5, 3, 10, 30, 100, 1000)),
        N_("off 1 by a factor above 1.5, 3, 10, 30, 100, 1000, either way"),
        _number,
    ),
    HeatScale(
        "dead",
        N_("The share of the units that never change."),
        (0.01, 0.05, 0.1, 0.2, 0.5, 0.9),
        N_("above 1 %, 5 %, 10 %, 20 %, 50 %, 90 %"),
        _share,
    ),
    HeatScale(
        "effective_rank_share",
        N_("How many directions share the variance, divided by the number of units."),
        (-0.5, -0.25, -0.1, -0.05, -0.02, -0.01),
        N_("below 50 %, 25 %, 10 %, 5 %, 2 %, 1 %"),
        _share,
    ),
)
POOLED_HEAT_SCALES = (
    HeatScale(
        "w1",
        N_(
            "Binned: bounds of the distance of all values pooled to N(0, 1). It is not the sliced distance of rows,"
            " which bins do not tell."
        ),
        (0.05, 0.1, 0.2, 0.5, 1, 2),
        N_("middle of the bounds above 0.05, 0.1, 0.2, 0.5, 1, 2"),
        _number,
    ),
    HeatScale(
        "pooled_variance",
        N_("Binned: bounds of the variance of all values pooled, those between units included; 1 for N(0, 1)."),
        tuple(math.log(factor) for factor in (1.5, 3, 10, 30, 100, 1000)),
        N_("middle of the bounds off 1 by a factor above 1.5, 3, 10, 30, 100, 1000, either way"),
        _number,
    ),
)
