"""Bound: exact SW1, PER above it, and what the gap between them hides."""

import streamlit as st

from app.sections.on_request import on_request
from app.sections.statistics_table import not_finite
from app.sections.worst_directions import show_worst
from app.session.batch_choice import Choice
from app.session.keys import CHOICE
from app.text.language import _
from app.views.bound.properties import (
    show_convergence,
    show_cost,
    show_decomposition,
    show_influence,
    show_pot,
    show_scale,
)
from app.views.bound.reading import show_band, show_directions, show_reading

OPENING_SLICES = 256
SLICES = [16, 64, 256, 1024]
FEW_SLICES = 64

choice: Choice = st.session_state[CHOICE]
batch = choice.batch()
st.title(_("What PER bounds, and what the bound hides"))
st.markdown(
    _(
        "{name}. PER bounds SW1, the sliced Wasserstein-1 distance to N(0, I), from above. It is smallest at collapse,"
        " not at N(0, I): read the two together."
    ).format(name=choice.title)
)
if not batch.is_finite:
    st.error(not_finite(choice.title, batch))
    st.stop()
slices = st.select_slider(_("Slices"), SLICES, value=OPENING_SLICES, key="bound_slices", bind="query-params", width=320)
few = min(slices, FEW_SLICES)
band_place, verdict_place = show_reading(batch, slices)
table_place, note_place = show_directions(batch, slices)
st.subheader(_("What the bound hides"))
left, right = st.columns(2, gap="large")
with left:
    show_scale(batch, few)
with right:
    show_decomposition(batch, few)
st.subheader(_("Checks"))
on_request(_("Estimates from few slices"), show_convergence, batch, slices, key="bound_estimates")
on_request(_("The same distance by POT"), show_pot, batch, key="bound_check")
st.subheader(_("What the bound is good for"))
on_request(_("Gradients that change when one sample moves"), show_influence, batch, key="bound_gradients")
on_request(_("Cost of one gradient"), show_cost, batch.d, key="bound_timing")
show_band(band_place, verdict_place, batch, slices)
show_worst(table_place, note_place, batch, slices)
