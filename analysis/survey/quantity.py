"""Quantities: the numbers by which layers are compared, and how bad a value of each is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from operator import neg

from analysis.statistics.binned import Bounds
from analysis.survey.cell import Cell, Unread
from analysis.survey.layer_reading import LayerReading
from per_core.errors import InvalidInputError
from per_core.text import N_


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number of every reading by which layers are compared.

    Attributes:
        name: the attribute of `LayerReading`, or of `BinnedReading`.
        title: what a person calls it.
        badness: of a value, larger for what deserves a look sooner.
        scale: what a person calls the badness.
        at: the number that stands for a badness on that scale.
        is_pooled: whether it is one of all values of a histogram, which gives bounds of it.
    """

    name: str
    title: str
    badness: Callable[[float], float]
    scale: str
    at: Callable[[float], float] = float
    is_pooled: bool = False

    def of(self, cell: Cell | None) -> float:
        """Its value, half-way between its bounds if bins bound it; NaN where it is not defined or has no bound."""
        value = getattr(cell, self.name, math.nan)
        if isinstance(value, Bounds):
            return value.middle if math.isfinite(value.middle) else math.nan
        return float(value)


def _far_from_one(value: float) -> float:
    return abs(math.log(value)) if value > 0 else math.inf


QUANTITIES = {
    quantity.name: quantity
    for quantity in (
        Quantity("sw1_in_bands", N_("SW1 ÷ SW1 of N(0, I)"), float, N_("SW1 ÷ SW1 of N(0, I)")),
        Quantity("per", "PER", float, "PER"),
        Quantity("mean", N_("Mean"), abs, N_("|mean|")),
        Quantity("variance", N_("Variance"), _far_from_one, N_("variance, × or ÷"), math.exp),
        Quantity("kurtosis", N_("Excess kurtosis"), abs, N_("|excess kurtosis|")),
        Quantity("dead", N_("Dead units"), float, N_("share of dead units")),
        Quantity("saturated", N_("Saturated units"), float, N_("share of saturated units")),
        Quantity("effective_rank_share", N_("Effective rank / d"), neg, N_("effective rank / d"), abs),
    )
}

POOLED_QUANTITIES = {
    quantity.name: quantity
    for quantity in (
        Quantity("w1", N_("W1 of all values to N(0, 1)"), float, N_("W1 of all values"), is_pooled=True),
        Quantity("pooled_mean", N_("Mean of all values"), abs, N_("|mean|"), is_pooled=True),
        Quantity(
            "pooled_variance",
            N_("Variance of all values"),
            _far_from_one,
            N_("variance, × or ÷"),
            math.exp,
            is_pooled=True,
        ),
    )
}
"""What the bins of a histogram tell, in place of the others."""


def quantity_named(name: str) -> Quantity:
    """The quantity of a name, of rows or of bins; an `InvalidInputError` if there is none."""
    known = QUANTITIES | POOLED_QUANTITIES
    if name not in known:
        raise InvalidInputError(
            N_("A quantity is one of {known}; received {name!r}. Choose one of them."),
            known=", ".join(known),
            name=name,
        )
    return known[name]


def badness(reading: Cell, quantity: Quantity) -> float:
    """How bad a cell is by a quantity: endlessly where nothing could be read, not at all where it is not defined."""
    if isinstance(reading, Unread) or (isinstance(reading, LayerReading) and reading.finite_rows == 0):
        return math.inf
    found = quantity.badness(quantity.of(reading))
    return -math.inf if math.isnan(found) else found
