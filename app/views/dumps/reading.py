"""The numbers of one layer at one epoch: the distance in a sentence, the others in a row."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import pandas as pd
import streamlit as st

from analysis.survey.sentences import kind_sentence, row_sentence
from app.text.caption import show_statement
from app.text.language import _, visitor_texts
from app.text.numbers import over_directions
from app.text.plain import escaped

if TYPE_CHECKING:
    from analysis.one_pass import PartialStatistics
    from analysis.survey.layer_reading import LayerReading
    from per_core.recording.rows import Rows

SHORT = 1e6  # larger values are written with a power of ten


def show_reading(reading: "LayerReading", row: "Rows | None") -> None:
    """What was read of a layer: SW1 with a comparison, a row of the other numbers, and what a row of it is."""
    from analysis.distances.shipped_bands import gaussian_ratios

    low, high = gaussian_ratios(reading.d)
    short = _("**SW1 {sw1} ± {margin}**, {ratio} times the mean of N(0, I).").format(
        sw1=_short(reading.sw1), margin=_short(reading.sw1_margin), ratio=_short(reading.sw1_in_bands, 1)
    )
    if reading.kind:
        short += " " + _("The values are {kind}.").format(kind=escaped(kind_sentence(reading.kind, visitor_texts())))
    precise = [
        _("± is the margin of the mean {over}.").format(over=over_directions(reading.d)),
        _("Batches of N(0, I) with {d:,} units have {low:.2f} to {high:.2f} times their mean.").format(
            d=reading.d, low=low, high=high
        ),
        _("Variance, kurtosis and shares are means over the units; the variance of N(0, I) is 1 and its PER 1.128."),
        _("Row norm and unit are the largest ones, divided by the median."),
    ]
    if reading.grouped:
        precise.append(_("The effective rank is low because the rows form few tight groups, as classes do."))
    show_statement(short, " ".join(precise))
    st.dataframe(_numbers(reading), hide_index=True, alt=_("The numbers of the layer"))
    st.caption(_rows(reading) + (f" {row_sentence(row, visitor_texts())}" if row else ""))


def _numbers(reading: "LayerReading") -> pd.DataFrame:
    """One row: everything but the distance."""
    numbers = {
        "PER": _short(reading.per),
        _("Mean"): _short(reading.mean),
        _("Variance"): f"{reading.variance:.3g}",
        _("Excess kurtosis"): f"{reading.kurtosis:.2f}",
        _("Dead units"): f"{reading.dead:.1%}",
        _("Saturated units"): "–" if math.isnan(reading.saturated) else f"{reading.saturated:.1%}",
        _("Effective rank"): _("{rank:.1f} of {d:,}").format(rank=reading.effective_rank, d=reading.d),
        _("Row norm ÷ median"): f"{reading.row_ratio:.3g}",
        _("Unit ÷ median"): f"{reading.unit_ratio:.3g}",
    }
    return pd.DataFrame([numbers])


def _rows(reading: "LayerReading") -> str:
    """How many rows were looked at."""
    lost = reading.n - reading.finite_rows
    if reading.n == reading.total and not lost:
        return _("{n:,} rows, all finite.").format(n=reading.n)
    if reading.n == reading.total:
        return _("{n:,} rows, {lost:,} of them not finite.").format(n=reading.n, lost=lost)
    return _("{n:,} of {total:,} rows, evenly spread; {lost:,} of them not finite.").format(
        n=reading.n, total=reading.total, lost=lost
    )


def _short(value: float, decimals: int = 3) -> str:
    """The value with so many decimals, or in three digits and a power of ten."""
    return f"{value:.{decimals}f}" if abs(value) < SHORT else f"{value:.3g}"


@dataclass(frozen=True, slots=True)
class AllRows:
    """What one pass over every row of a member has found.

    Attributes:
        n, left_out: rows that are finite, and that are not.
        low, high, margin: bounds of SW1 on the slices, and the margin for all directions (95 %).
        slices: how many.
        per, per_margin: PER and its margin (95 %, over rows).
    """

    n: int
    left_out: int
    low: float
    high: float
    margin: float
    slices: int
    per: float
    per_margin: float

    @classmethod
    def of(cls, found: "PartialStatistics") -> Self:
        """The few numbers of a pass that the page shows."""
        distance = found.distance()
        return cls(
            found.n,
            found.n_left_out,
            distance.lower,
            distance.upper,
            distance.margin_of_error,
            len(distance.lower_per_direction),
            found.per,
            found.per_margin,
        )

    def show(self) -> None:
        """The bounds, and on request what they are."""
        show_statement(
            _(
                "All {n:,} finite rows: **SW1 between {low:.5f} and {high:.5f}**, PER {per:.4f} ± {per_margin:.4f}."
            ).format(n=self.n, low=self.low, high=self.high, per=self.per, per_margin=self.per_margin),
            _(
                "The bounds hold for {slices} slices and are certified from counts and sums; for all directions add"
                " ± {margin:.4f} (95 %). The margin of PER is over rows (95 %). {left_out:,} rows are not finite and"
                " left out."
            ).format(slices=self.slices, margin=self.margin, left_out=self.left_out),
        )
