"""Two dumps side by side: the layers that both have."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from analysis.plain_text import plain
from analysis.survey.cell import Cell, Unread
from analysis.survey.overview import Overview
from analysis.survey.quantity import quantity_named
from app.charts.chart import show_chart
from app.charts.dumps import matched_layers
from app.session.keys import DUMPS_QUANTITY
from app.text.language import _, translated
from app.text.plain import escaped, label
from app.views.dumps.dump_source import OpenDump

LAYER_PIXELS, MOST_MATCHED = 22, 40
MOST_NAMED = 6  # of the layers in a sentence


def show_matched(dump: OpenDump, other: OpenDump) -> None:
    """Every layer that both dumps have, by the quantity that the overview shows."""
    quantity = quantity_named(st.session_state[DUMPS_QUANTITY])
    shared = [layer for layer in dump.overview.worst(quantity.name) if layer in set(other.overview.layers)]
    if not shared:
        st.warning(_("The two dumps have no layer of the same name. Edit the rule for names above until they agree."))
        return
    names = [label(dump.name), label(other.name)]
    values: dict[str, dict[str, float]] = {name: {} for name in names}
    for layer in shared[:MOST_MATCHED]:
        for name, reading in zip(names, _together(dump.overview, other.overview, layer), strict=True):
            values[name][label(layer)] = quantity.of(reading)
    title = translated(quantity.title)
    show_chart(
        partial(matched_layers, values, title),
        key="dumps_matched",
        height=110 + LAYER_PIXELS * min(len(shared), MOST_MATCHED),
        alt=_("{quantity} of {n:,} layers in {first} and in {second}.").format(
            quantity=title, n=len(shared), first=plain(dump.name), second=plain(other.name)
        ),
        about=_("{quantity} of the layers that both dumps have, worst first.").format(quantity=title),
        precise=_about_matched(dump, other, shared),
    )


def _about_matched(dump: OpenDump, other: OpenDump, shared: Sequence[str]) -> str:
    """At which epochs layers are compared, and which are not."""
    said = [_("Each at its latest epoch that both have, else at its latest.")]
    if (left_out := len(shared) - MOST_MATCHED) > 0:
        said.append(_("{n:,} layers that are better in the first dump are left out.").format(n=left_out))
    only = {one.name: [layer for layer in one.overview.layers if layer not in shared] for one in (dump, other)}
    missing = [
        _("only in {dump}: {layers}").format(dump=escaped(name), layers=", ".join(map(escaped, layers[:MOST_NAMED])))
        for name, layers in only.items()
        if layers
    ]
    if missing:
        said.append(_("Not compared, {missing}.").format(missing="; ".join(missing)))
    return " ".join(said)


def _together(first: Overview, second: Overview, layer: str) -> tuple[Cell | None, Cell | None]:
    """Readings of a layer at the latest epoch that both have, else at the latest of each."""
    readable = [{e: r for e, r in one.history(layer) if not isinstance(r, Unread)} for one in (first, second)]
    both = [epoch for epoch in readable[0] if epoch in readable[1]]
    if both:
        return readable[0][both[-1]], readable[1][both[-1]]
    latest = [next(reversed(one.values()), None) for one in readable]
    return latest[0], latest[1]
