"""Input widgets that Streamlit's own do not quite cover."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator


def whole_number(
    label: str,
    low: int,
    high: int,
    default: int,
    *,
    key: str,
    place: DeltaGenerator | None = None,
    hint: str | None = None,
) -> int:
    """A number input for whole numbers, kept in the address.

    Streamlit's own integer input fails on a link that holds an infinite number; its floating-point input falls back
    to the default.
    """
    value = (place or st).number_input(
        label,
        float(low),
        float(high),
        float(default),
        step=1.0,
        format="%.0f",
        key=key,
        bind="query-params",
        help=hint,
    )
    return round(value)
