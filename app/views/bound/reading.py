"""The numbers of the Bound page, what is said of them first, and the directions they are means of."""

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from analysis.batch import ActivationBatch
from analysis.distances.bound import Distances, read_bound, read_circle
from app.charts import bound as figures
from app.charts.chart import show_chart
from app.sections.worst_directions import show_table, show_worst, studied
from app.session import caches
from app.session.null_bands import null_bands
from app.text.caption import show_statement
from app.text.direction import direction_name
from app.text.language import _
from app.text.numbers import over_directions, plus_minus, span
from app.views.bound.statement import about_statement, bound_statement

if TYPE_CHECKING:
    from analysis.distances.bound import DirectionStudy
    from analysis.statistics.null_band import NullBand

ANGLES = 180  # around the circle


def show_reading(batch: ActivationBatch, slices: int) -> DeltaGenerator:
    """The three numbers with their uncertainty; returns the place of the sampling range."""
    reading = caches.result(read_bound, batch, slices=slices)
    slicing = over_directions(batch.d)
    help_sw1 = _(
        "W1 to N(0, 1), exact along each of {slices} fixed slices, and their mean, corrected by how large the batch is"
        " along them and over all directions (control variates). ± is half a 95 % interval for the mean over all"
        " directions, which at most one set of random slices in 20 misses. With two units the slices are evenly spaced"
        " angles, and ± is the largest difference to the mean of every fourth angle. What another data set would give"
        " is the sampling range at the right."
    ).format(slices=slices)
    help_per = _(
        "Exact expectation over all directions: 0.798 at collapse, 1.128 at N(0, I). ± is half a 95 % interval over"
        " samples."
    )
    help_gap = _(
        "Mean over the slices of PER − W1 of the same slice: 0 for a point mass, 2/√π = 1.128 at N(0, I), where the"
        " bound is loosest."
    )
    columns = st.columns(4)
    for column, label, value, error, over, hint in (
        (columns[0], _("SW1, exact"), reading.sw1, reading.sw1_margin, slicing, help_sw1),
        (columns[1], _("PER, exact"), reading.per, reading.per_margin, _("(95 %, over samples)"), help_per),
        (columns[2], _("Gap, PER − W1"), reading.gap, reading.gap_margin, slicing, help_gap),
    ):
        column.metric(label, f"{value:.4f}", help=hint, **_note(plus_minus(error, over)))
    return columns[3]


def show_band(place: DeltaGenerator, band: "NullBand") -> None:
    """What SW1 is on Gaussian batches of this size."""
    place.metric(
        _("SW1, sampling range"),
        span(band),
        help=_("Smallest and largest SW1 of Gaussian batches of the same size, on the same directions."),
        **_note(_("{draws} batches of N(0, I)").format(draws=band.draws)),
    )


def show_lead(batch: ActivationBatch, slices: int) -> "NullBand":
    """SW1 and PER beside Gaussian batches of this size, in a statement; returns the range of SW1."""
    reading = caches.result(read_bound, batch, slices=slices)
    bands = null_bands(Distances(slices), batch.n, batch.d)
    sw1, per = bands["sw1"], bands["per"]
    show_statement(bound_statement(reading, sw1, per), about_statement(sw1, per))
    return sw1


def _note(text: str) -> dict[str, Any]:
    """Arguments that put a grey remark under a metric."""
    return {"delta": text, "delta_color": "off", "delta_arrow": "off"}


def show_directions(batch: ActivationBatch, slices: int) -> None:
    """W1 and PER along single directions, and the worst by name beside Gaussian batches."""
    left, right = st.columns([5, 4], gap="large")
    with left, st.skeleton(height=420):
        study = studied(batch, slices)
        if batch.d == 2:
            draw = partial(figures.polar_directions, *caches.result(read_circle, batch, count=ANGLES))
        else:
            draw = partial(figures.sorted_directions, study)
        show_chart(
            draw,
            key="bound_directions",
            height=300 if batch.d == 2 else 380,
            about=_spread(study, caches.result(read_bound, batch, slices=slices).sw1),
            precise=_(
                "The exact W1 to N(0, 1) and the exact PER of the batch projected on one direction after the other. PER"
                " runs from {low:.3f} to {high:.3f}."
            ).format(low=study.per.min(), high=study.per.max()),
            alt=_("W1 and PER along each direction; W1 is largest, {w1:.3f}, along {direction}.").format(
                w1=study.w1.max(), direction=direction_name(study.names[int(np.argmax(study.w1))])
            ),
        )
    with right:
        st.markdown(_("**The worst directions**"))
        table, note = st.empty(), st.container()
        show_table(table, study, {})
    show_worst(table, note, batch, slices)


def _spread(study: "DirectionStudy", sw1: float) -> str:
    """How far apart the worst and the mean are."""
    return _("W1 runs from {low:.3f} to {high:.3f}, depending on the direction; SW1, the mean, is {mean:.3f}.").format(
        low=study.w1.min(), high=study.w1.max(), mean=sw1
    )
