"""Bound: exact SW1, PER above it, and what the gap between them hides."""

from typing import Any

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from analysis.batch import ActivationBatch
from app.charts import bound as figures
from app.charts.chart import show_chart
from app.sections.statistics_table import not_finite
from app.sections.worst_directions import TABLE, show_worst, worst_table
from app.session import caches
from app.session.batch_choice import Choice
from app.session.controls import whole_number
from app.session.null_bands import distance_bands
from app.session.progress import in_chunks
from app.text import words
from app.text.numbers import over_directions, plus_minus, span

OPENING_SLICES = 256
SLICES = [16, 64, 256, 1024]
POT_GRIDS = (64, 256, 1024, 4096)
POT_SEEDS = 8
FEW_SLICES = 64
POT_SLICES = 32


def show_reading(batch: ActivationBatch, slices: int) -> tuple[DeltaGenerator, DeltaGenerator]:
    """The three numbers with their uncertainty; returns the places of the N(0, I) band and of the verdict."""
    reading = caches.bound_reading(batch, slices)
    slicing = over_directions(batch.d)
    columns = st.columns(4)
    for column, label, value, error, over, hint in (
        (columns[0], "SW1, exact", reading.sw1, reading.sw1_margin, slicing, words.HELP_SW1.format(slices=slices)),
        (columns[1], "PER, exact", reading.per, reading.per_margin, "(95 %, over samples)", words.HELP_PER),
        (columns[2], "Gap, PER − W1", reading.gap, reading.gap_margin, slicing, words.HELP_GAP),
    ):
        column.metric(label, f"{value:.4f}", help=hint, **_note(plus_minus(error, over)))
    return columns[3], st.container()


def show_band(place: DeltaGenerator, verdict: DeltaGenerator, batch: ActivationBatch, slices: int) -> None:
    """What SW1 is on Gaussian batches of this size, and what the numbers say together."""
    with place, st.skeleton(height=110):
        bands = distance_bands(batch.n, batch.d, slices)
        st.metric(
            "SW1 of N(0, I) itself",
            span(bands["sw1"]),
            help=words.HELP_BAND,
            **_note(f"{bands['sw1'].draws} draws, n = {batch.n}, d = {batch.d}"),
        )
    verdict.markdown(words.verdict(caches.bound_reading(batch, slices), bands["sw1"], bands["per"]))


def _note(text: str) -> dict[str, Any]:
    """Arguments that put a grey remark under a metric."""
    return {"delta": text, "delta_color": "off", "delta_arrow": "off"}


def show_directions(batch: ActivationBatch, slices: int) -> tuple[DeltaGenerator, DeltaGenerator]:
    """W1 and PER along single directions, the worst by name; returns the places of their table and of a note."""
    st.subheader("Direction by direction")
    left, right = st.columns([5, 4], gap="large")
    with left, st.skeleton(height=420):
        study = caches.direction_study(batch, slices)
        if batch.d == 2:
            figure = figures.polar_directions(*caches.around_the_circle(batch))
        else:
            figure = figures.sorted_directions(study.kinds, study.names, study.w1, study.per)
        worst = study.names[int(np.argmax(study.w1))]
        alt = f"W1 and PER along each direction; W1 is largest, {study.w1.max():.3f}, along {worst}."
        show_chart(
            figure,
            key="bound_directions",
            height=300 if batch.d == 2 else 380,
            about=words.about_directions(study),
            alt=alt,
        )
    with right:
        st.markdown("**The worst directions**")
        table, note = st.empty(), st.container()
        table.dataframe(worst_table(study, {}), **TABLE)
    return table, note


def show_scale(batch: ActivationBatch, slices: int) -> None:
    """PER and SW1 of the scaled batch."""
    st.markdown("**Scaling the batch: where each has its minimum**")
    with st.skeleton(height=360):
        curve = caches.scale_curve(batch, slices)
        best = curve.factors[int(np.argmin(curve.sw1))]
        show_chart(
            figures.scale(curve, slices),
            key="bound_scale",
            height=360,
            about=words.about_scale(curve),
            alt=f"PER is smallest at c = {curve.factors[int(np.argmin(curve.per))]:.1f}; SW1 at c = {best:.1f}.",
        )


def show_convergence(batch: ActivationBatch, exact_per: float) -> None:
    """Estimates against the number of slices."""
    st.markdown("**How many slices are enough**")
    with st.skeleton(height=360):
        curve = caches.slice_convergence(batch)
        show_chart(
            figures.convergence(curve, exact_per),
            key="bound_convergence",
            height=360,
            about=words.ABOUT_CONVERGENCE,
            alt=f"With {curve.slices[-1]} slices SW1 is {curve.sw1[-1]:.4f} and PER {curve.per[-1]:.4f}; the exact "
            f"PER is {exact_per:.4f}.",
        )


def show_pot(batch: ActivationBatch, slices: int) -> None:
    """POT beside the closed form."""
    st.markdown("**The same distance by POT**")
    with st.skeleton(height=360):
        exact = caches.bound_reading(batch, slices).sw1
        grids = [caches.pot_grid(batch, points, slices) for points in POT_GRIDS]
        chunks = in_chunks(
            POT_SEEDS,
            1,
            lambda first, _: caches.pot_sample(batch, first, slices),
            "POT with sampled references",
        )
        show_chart(
            figures.pot_check(exact, chunks, grids, slices),
            key="bound_pot",
            height=360,
            about=words.about_pot(exact, chunks, grids[-1]),
            alt=f"POT against sampled references gives {min(chunks):.4f} to {max(chunks):.4f}, the closed form "
            f"{exact:.4f}, and against the finest quantile grid {grids[-1].value:.4f}.",
        )


def show_decomposition(batch: ActivationBatch, slices: int) -> None:
    """PER's three parts."""
    st.markdown("**What PER is made of**")
    with st.skeleton(height=360):
        parts = caches.decomposition(batch, slices)
        show_chart(
            figures.decomposition(parts),
            key="bound_parts",
            height=360,
            about=words.about_parts(parts, slices),
            alt=f"PER {parts.per:.3f} is half the energy distance {parts.half_energy_distance:.3f} plus half the "
            f"spread {parts.half_spread:.3f} plus 0.564.",
        )


@st.fragment
def show_influence(batch: ActivationBatch) -> None:
    """Move one sample and see whose gradients change."""
    st.markdown("**Move one sample: whose gradient changes?**")
    left, right = st.columns(2)
    sample = whole_number("Sample", 1, batch.n, 1, key="bound_sample", place=left)
    distance = right.slider(
        "Move it along the first unit by", -8.0, 8.0, 3.0, 0.1, key="bound_move", bind="query-params"
    )
    with st.skeleton(height=360):
        effect = caches.influence(batch, sample - 1, distance)
        show_chart(
            figures.influence(effect),
            key="bound_influence",
            height=300,
            about=words.about_influence(effect),
            alt=f"Moving one sample changes the SW1 gradient of {effect.sw1_changed} of {effect.others} other samples "
            f"and the PER gradient of {effect.per_changed}.",
        )


def show_cost(d: int) -> None:
    """What one gradient costs against n."""
    from analysis.distances.cost import REPEATS, SIZES, machine

    st.markdown("**What a gradient costs**")
    with st.skeleton(height=360):
        measured = in_chunks(
            len(SIZES),
            1,
            lambda first, _: caches.timings(SIZES[first - 1], d),
            "Timing gradients on this machine",
        )
        timings = [timing for size in measured for timing in size]
        show_chart(
            figures.cost(timings),
            key="bound_cost",
            height=376,
            about=words.about_cost(machine(), d, REPEATS),
            alt="Milliseconds for one gradient of exact PER, of Algorithm 1 and of exact SW1 against the number of "
            "samples.",
        )


choice: Choice = st.session_state["choice"]
batch = choice.batch()
st.title("What PER bounds, and what the bound hides")
st.markdown(words.LEAD_BOUND.format(name=batch.name))
if not batch.is_finite:
    st.error(not_finite(batch.name, batch))
    st.stop()
slices = st.select_slider("Slices", SLICES, value=OPENING_SLICES, key="bound_slices", bind="query-params", width=320)
few = min(slices, FEW_SLICES)
band_place, verdict_place = show_reading(batch, slices)
table_place, note_place = show_directions(batch, slices)
st.subheader("What the bound hides")
left, right = st.columns(2, gap="large")
with left:
    show_scale(batch, few)
with right:
    show_decomposition(batch, few)
st.subheader("Checks")
left, right = st.columns(2, gap="large")
with left:
    show_convergence(batch, caches.bound_reading(batch, slices).per)
with right:
    show_pot(batch, min(slices, POT_SLICES))
st.subheader("Why one wants a bound at all")
left, right = st.columns(2, gap="large")
with left:
    show_influence(batch)
with right:
    show_cost(batch.d)
show_band(band_place, verdict_place, batch, slices)
show_worst(table_place, note_place, batch, slices)
