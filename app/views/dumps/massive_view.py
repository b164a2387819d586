"""Massive activations: which unit or row is far larger than the others, from which layer on."""

import math
from functools import partial

import pandas as pd
import streamlit as st

from analysis.plain_text import plain
from analysis.survey.massive import Massive, Part, list_massive, peaks_of
from app.charts.across_layers import massive_sizes
from app.charts.chart import show_chart
from app.session.controls import one_of
from app.text.caption import show_statement
from app.text.language import _
from app.text.plain import escaped, label, tick_labels
from app.views.dumps.across_layers import MOST_ACROSS, TICK, choose_layers, show_listed
from app.views.dumps.dump_source import OpenDump

RANKS = 3
MOST_FOLLOWED = 4  # drawn by name


def show_massive(dump: OpenDump) -> None:
    """The largest units or rows of every layer, and those that are massive."""
    epoch, layers = choose_layers(dump.overview)
    readings = dict(list(layers.items())[:MOST_ACROSS])
    titles: dict[Part, str] = {"unit": _("Units"), "row": _("Rows")}
    part = one_of(_("Largest"), list(titles), "unit", key="dumps_massive_of", show=titles.__getitem__)
    massive = list_massive(dump.overview, epoch, part)
    _say(massive, part)
    peaks = {layer: peaks_of(reading, part) for layer, reading in readings.items()}
    sizes = {layer: reading.d if part == "unit" else reading.total for layer, reading in readings.items()}
    followed = {
        _name(one, part): {
            label(layer): next((peak.ratio for peak in peaks[layer] if peak.number == one.number), math.nan)
            for layer in readings
            if sizes[layer] == one.of
        }
        for one in massive[:MOST_FOLLOWED]
    }
    largest = [
        [peaks[layer][rank].ratio if rank < len(peaks[layer]) else math.nan for layer in readings]
        for rank in range(RANKS)
    ]
    show_chart(
        partial(
            massive_sizes,
            tick_labels(list(readings), TICK),
            largest,
            followed,
            _("largest magnitude ÷ median unit") if part == "unit" else _("row norm ÷ median row"),
        ),
        key="dumps_massive",
        height=420,
        alt=_alternative(massive, part),
        about=_(
            "The three largest units of each layer, over its median unit. Massive ones have a colour and keep it across"
            " layers."
        )
        if part == "unit"
        else _(
            "The three largest row norms of each layer, over the median one. Massive rows have a colour and keep it"
            " across layers."
        ),
        precise=_(
            "Massive is what holds a value above 100 and above 1,000 times the median magnitude. So is a row of ten"
            " times the median norm, and a unit that reaches 20 times the median unit and 6 or more in 6 % of the rows."
            " Each is followed through the layers that have as many units, or rows; the eight largest of a layer are"
            " known."
        ),
    )
    if massive:
        _show_table(massive, part)


def _say(massive: tuple[Massive, ...], part: Part) -> None:
    """The takeaway in a sentence or two."""
    if not massive:
        st.success(
            _("No unit is far larger than the others at this epoch.")
            if part == "unit"
            else _("No row is far larger than the others at this epoch.")
        )
        return
    first = massive[0]
    said = _("**{name} is massive from {layer} on**, in {k:,} of {layers:,} layers.").format(
        name=_name(first, part), layer=escaped(first.onset), k=len(first.layers), layers=first.following
    )
    if first.peak is not None:
        said += " " + _("It reaches {size:,.4g}, {ratio:,.0f} times the median.").format(
            size=first.peak.size, ratio=first.peak.ratio
        )
    show_statement(
        said,
        _("The layers counted are those with {of:,} units, from there to the last.").format(of=first.of)
        if part == "unit"
        else _("The layers counted are those with {of:,} rows, from there to the last.").format(of=first.of),
    )


def _name(one: Massive, part: Part) -> str:
    """Unit 5 of 64."""
    text = _("Unit {number} of {of:,}") if part == "unit" else _("Row {number} of {of:,}")
    return text.format(number=one.number, of=one.of)


def _alternative(massive: tuple[Massive, ...], part: Part) -> str:
    if not massive:
        return _("The largest of each layer over the median; none is massive.")
    return _("The largest of each layer over the median. Massive: {names}.").format(
        names="; ".join(
            _("{name} from {layer} on").format(name=_name(one, part), layer=plain(one.onset))
            for one in massive[:MOST_FOLLOWED]
        )
    )


def _show_table(massive: tuple[Massive, ...], part: Part) -> None:
    table = pd.DataFrame(
        [
            {
                _("Unit") if part == "unit" else _("Row"): one.number,
                _("Of"): one.of,
                _("From layer"): one.onset,
                _("Massive in"): len(one.layers),
                _("Layers from there on"): one.following,
                _("Largest in"): one.peak_layer,
                _("Size there"): one.peak.size if one.peak else math.nan,
                _("Over the median"): one.peak.ratio if one.peak else math.nan,
            }
            for one in massive
        ]
    )
    show_listed(
        table,
        {_("Size there"): "%.4g", _("Over the median"): "%.4g"},
        title=_("Outliers"),
        alt=_("Massive units or rows, from which layer on, and how large they are"),
        key="dumps_massive_table",
    )
