"""Which two columns of a batch of many units a page draws."""

import streamlit as st

from app.session.controls import one_of

UNITS, PRINCIPAL = "units", "principal directions"
Pair = tuple[str, int, int]


def choose_pair(d: int, prefix: str) -> Pair:
    """The view ("units" or "principal") and two columns, counted from 0; of two units, those, without a choice.

    The controls keep their values in the address under `prefix`.
    """
    if d == 2:
        return "units", 0, 1
    left, middle, right = st.columns([2, 1, 1])
    view = one_of("View", [UNITS, PRINCIPAL], UNITS, key=f"{prefix}_view", place=left)
    name = "Unit" if view == UNITS else "Direction"
    numbers = list(range(1, d + 1))
    x = middle.selectbox(f"{name} on x", numbers, index=0, key=f"{prefix}_x", bind="query-params")
    others = [number for number in numbers if number != x]
    y = right.selectbox(f"{name} on y", others, key=f"{prefix}_y", bind="query-params")
    return "units" if view == UNITS else "principal", x - 1, y - 1


def axis_names(pair: Pair, d: int) -> tuple[str, str]:
    """What stands at the axes."""
    if d == 2:
        return "x", "y"
    name = "unit" if pair[0] == "units" else "principal direction"
    return f"{name} {pair[1] + 1}", f"{name} {pair[2] + 1}"
