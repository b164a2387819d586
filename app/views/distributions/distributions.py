"""Distributions: the cases of Figure 1, or a recorded layer beside N(0, I), and what tells them apart."""

import streamlit as st

from analysis.batch import ActivationBatch
from analysis.samples import CASE_TITLES, CASES, SampleSpec
from app.charts.chart import show_chart
from app.charts.joint import joint_panels
from app.sections.pair import axis_names, choose_pair
from app.sections.statistics_table import show_statistics
from app.session import caches
from app.session.batch_choice import Choice
from app.text import words
from app.text.plain import harmless


def show_densities(batches: dict[str, ActivationBatch], alt: str) -> None:
    """The joint densities side by side on the same axes."""
    d = next(iter(batches.values())).d
    pair = choose_pair(d, "dist")
    limits = [caches.pair_limits(batch, pair) for batch in batches.values()]
    shared = (min(low for low, _ in limits), max(high for _, high in limits))
    densities = {title: caches.pair_density(batch, pair, shared) for title, batch in batches.items()}
    show_chart(
        joint_panels(densities, units=axis_names(pair, d)),
        key="dist_joint",
        height=256 if len(batches) > 2 else 400,
        aspect=0.27 if len(batches) > 2 else 0.45,
        alt=alt,
        about=words.about_joint(densities),
    )


choice: Choice = st.session_state["choice"]
if choice.spec is not None:
    st.title("Four distributions that simple statistics cannot tell apart")
    moved = (choice.spec.shift, choice.spec.scale) != (0, 1)
    st.markdown(
        words.LEAD_MOVED.format(shift=choice.spec.shift, scale=choice.spec.scale) if moved else words.LEAD_FIGURE1
    )
    columns = {f"({case}) {CASE_TITLES[case]}": choice.with_case(case).batch() for case in CASES}
    null, null_name = choice.spec, "case (a)"
    alt = words.alt_figure1(choice.spec)
else:
    st.title("A trained network's activations beside N(0, I)")
    batch = choice.batch()
    st.markdown(words.LEAD_BATCH.format(name=batch.name))
    null, null_name = SampleSpec(n=batch.n, dim=batch.d), "N(0, I)"
    columns = {
        f"{harmless(choice.layer)}, epoch {choice.epoch}": batch,
        "N(0, I), same n and d": caches.drawn_batch(null),
    }
    alt = words.ALT_BATCH.format(name=batch.name)

show_densities(columns, alt)
show_statistics(columns, null, null_name)
