"""Which two columns of a batch of many units a page draws."""

import streamlit as st

from analysis.statistics.density import AxisPair, AxisView
from app.session.controls import one_of
from app.text.language import _

UNITS: AxisView = "units"
PRINCIPAL: AxisView = "principal"


def choose_pair(d: int, prefix: str) -> AxisPair:
    """The view ("units" or "principal") and two columns, counted from 0; of two units, those, without a choice.

    The controls keep their values in the address under `prefix`.
    """
    if d == 2:
        return UNITS, 0, 1
    left, middle, right = st.columns([2, 1, 1])
    names = {UNITS: _("units"), PRINCIPAL: _("principal directions")}
    view = one_of(_("View"), [UNITS, PRINCIPAL], UNITS, key=f"{prefix}_view", place=left, show=names.__getitem__)
    on_x, on_y = (_("Unit on x"), _("Unit on y")) if view == UNITS else (_("Direction on x"), _("Direction on y"))
    numbers = list(range(1, d + 1))
    x = middle.selectbox(on_x, numbers, index=0, key=f"{prefix}_x", bind="query-params")
    others = [number for number in numbers if number != x]
    y = right.selectbox(on_y, others, key=f"{prefix}_y", bind="query-params")
    return view, x - 1, y - 1


def axis_names(pair: AxisPair, d: int) -> tuple[str, str]:
    """What stands at the axes."""
    if d == 2:
        return "x", "y"
    name = _("unit {number}") if pair[0] == UNITS else _("principal direction {number}")
    return name.format(number=pair[1] + 1), name.format(number=pair[2] + 1)
