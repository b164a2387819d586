"""Scale and shift of every batch of the Methods page before the methods."""

from dataclasses import dataclass

import streamlit as st

from analysis.batch import ActivationBatch, moved
from app.session import caches
from app.session.keys import METHODS_BEGINNING, METHODS_SCALE, METHODS_SHIFT
from app.text.language import _


@dataclass(frozen=True, slots=True)
class AffineMap:
    """What happens to every batch of the page before the methods."""

    scale: float
    shift: float

    def move(self, batch: ActivationBatch) -> ActivationBatch:
        """shift + scale · h (cached)."""
        return caches.shared(moved, batch, self.shift, self.scale)


def choose_affine_map(scale: float, shift: float) -> AffineMap:
    """Scale and shift of the batch before the methods, whatever its source; both begin at what is given.

    A visitor who has not touched them and goes to another source goes to the beginning of that source as well.
    """
    beginning = {METHODS_SCALE: scale, METHODS_SHIFT: shift}
    before = st.session_state.get(METHODS_BEGINNING, beginning)
    for key, value in beginning.items():
        if before[key] != value and st.session_state.get(key) == before[key]:
            st.session_state[key] = value
    st.session_state[METHODS_BEGINNING] = beginning
    left, right = st.columns(2)
    return AffineMap(
        left.slider(_("Scale before the methods"), 0.1, 4.0, scale, 0.1, key=METHODS_SCALE, bind="query-params"),
        right.slider(_("Shift before the methods"), -4.0, 4.0, shift, 0.1, key=METHODS_SHIFT, bind="query-params"),
    )
