"""Bound: exact SW1, PER above it, and what the gap between them hides."""

import streamlit as st

from app.sections.on_request import on_request
from app.sections.statistics_table import not_finite
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
from app.views.bound.reading import show_band, show_directions, show_lead, show_reading

OPENING_SLICES = 256
SLICES = [16, 64, 256, 1024]
FEW_SLICES = 64

choice: Choice = st.session_state[CHOICE]
batch = choice.batch()
st.title(_("What PER bounds, and what the bound hides"))
lead = st.container()
st.caption(_("{name}.").format(name=choice.title))
if not batch.is_finite:
    st.error(not_finite(choice.title, batch))
    st.stop()
chart, numbers = st.container(), st.container()
with numbers:
    slices = st.select_slider(
        _("Slices"), SLICES, value=OPENING_SLICES, key="bound_slices", bind="query-params", width=320
    )
    band_place = show_reading(batch, slices)
few = min(slices, FEW_SLICES)
with chart:
    show_scale(batch, few)
with lead, st.skeleton(height=60):
    band = show_lead(batch, slices)
show_band(band_place, band)
on_request(_("Direction by direction: which are the worst"), show_directions, batch, slices, key="bound_worst")
on_request(_("What PER is made of: distance and spread"), show_decomposition, batch, few, key="bound_sum")
on_request(_("Check: estimates from few slices"), show_convergence, batch, slices, key="bound_estimates")
on_request(_("Check: the same distance by POT"), show_pot, batch, key="bound_check")
on_request(_("Use: gradients that change when one sample moves"), show_influence, batch, key="bound_gradients")
on_request(_("Use: cost of one gradient"), show_cost, batch.d, key="bound_timing")
