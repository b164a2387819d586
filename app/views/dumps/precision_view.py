"""Precision: what float16, bfloat16 and int8 would do to the layers."""

import math
from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd
import streamlit as st

from analysis.statistics.precision import FORMATS, Precision
from app.charts.across_layers import precision_errors
from app.charts.chart import show_chart
from app.sections.export import offer_table
from app.text.language import _
from app.text.plain import escaped, tick_labels
from app.views.dumps.across_layers import MOST_ACROSS, TICK, choose_layers
from app.views.dumps.dump_source import OpenDump

SIXTEEN_BITS = ("float16", "bfloat16")


def show_precision(dump: OpenDump) -> None:
    """Errors and lost values of each layer in each number format."""
    epoch, layers = choose_layers(dump.overview)
    found = {
        layer: {one.number_format: one for one in reading.precision}
        for layer, reading in list(layers.items())[:MOST_ACROSS]
    }
    names = {
        "float16": "float16",
        "bfloat16": "bfloat16",
        "int8": _("int8, one step a layer"),
        "int8-unit": _("int8, one step a unit"),
    }
    summary = pd.DataFrame([_summary(name, names[name], found) for name in FORMATS])
    st.table(summary.map(escaped), hide_index=True, alt=_("What each number format does to the layers"))
    types = {member.name: member.dtype for member in dump.inspection.members}
    stored = {layer: types[dump.overview.members[layer, epoch]] for layer in layers}
    _say_what_is_stored(list(stored.values()))
    show_chart(
        partial(
            precision_errors,
            tick_labels(list(found), TICK),
            {names[name]: [each[name].error for each in found.values()] for name in FORMATS},
            {names[name]: [_gone(each[name]) for each in found.values()] for name in FORMATS},
        ),
        key="dumps_precision",
        height=520,
        alt=_("Relative error and share of values gone, of {layers:,} layers in {formats} formats.").format(
            layers=len(found), formats=len(FORMATS)
        ),
        about=_("Above, the rounding error over the size of the layer; below, values that become 0 or infinite."),
        precise=_(
            "The error is the root mean square of the rounding errors over that of the values, where these stay finite."
            " float16 and bfloat16 round to the nearest, ties to even. int8 is symmetric: 127 steps up to the largest"
            " magnitude of the layer, or of each unit. Ranges are those of all rows read; about 32,768 values are"
            " rounded, whole rows evenly spread."
        ),
    )
    table = pd.DataFrame(
        [
            {
                _("Layer"): layer,
                _("Stored as"): stored[layer],
                _("Format"): name,
                _("Out of range"): one.out_of_range,
                _("Becomes 0"): one.lost,
                _("Subnormal"): one.subnormal,
                _("Relative error"): one.error,
            }
            for layer, each in found.items()
            for name, one in each.items()
        ]
    )
    with st.expander(_("Every layer in every format")):
        share = st.column_config.NumberColumn(format="percent")
        st.dataframe(
            table,
            hide_index=True,
            height=320,
            column_config={_("Out of range"): share, _("Becomes 0"): share, _("Subnormal"): share}
            | {_("Relative error"): st.column_config.NumberColumn(format="%.3g")},
            alt=_("Every layer in every number format"),
        )
    offer_table(table, _("Precision"), st.columns(5)[:2], key="dumps_precision_table")


def _summary(name: str, title: str, found: Mapping[str, Mapping[str, Precision]]) -> dict[str, str]:
    """One format over all layers."""
    of_layers = {layer: each[name] for layer, each in found.items()}
    overflows = sum(one.out_of_range > 0 for one in of_layers.values())
    least_kept = max(of_layers, key=lambda layer: of_layers[layer].lost)
    worst = max(of_layers, key=lambda layer: _or_0(of_layers[layer].error))
    return {
        _("Format"): title,
        _("Layers with values out of range"): _("{n:,} of {layers:,}").format(n=overflows, layers=len(of_layers)),
        _("Most values that become 0"): _in_layer(f"{of_layers[least_kept].lost:.2%}", least_kept)
        if of_layers[least_kept].lost
        else _("none"),
        _("Largest relative error"): _in_layer(f"{of_layers[worst].error:.2%}", worst),
    }


def _in_layer(number: str, layer: str) -> str:
    return _("{number} in {layer}").format(number=number, layer=layer)


def _gone(one: Precision) -> float:
    """Share of the values that become 0 or infinite."""
    return one.out_of_range + one.lost


def _or_0(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _say_what_is_stored(stored: Sequence[str]) -> None:
    """Say of how many layers the type is one of the formats already."""
    for name in SIXTEEN_BITS:
        if count := stored.count(name):
            st.caption(
                _("{n:,} of {layers:,} layers are stored as {name}: what it loses was lost before.").format(
                    n=count, layers=len(stored), name=name
                )
            )
