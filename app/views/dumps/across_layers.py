"""What the views across the layers share: the epoch that is looked at, and what can be read there."""

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from analysis.survey.cell import Epoch
from analysis.survey.layer_reading import LayerReading
from analysis.survey.overview import Overview
from app.sections.export import offer_table
from app.session.controls import choose_offered
from app.session.keys import DUMPS_EPOCH
from app.text.language import _
from app.views.dumps.dump_map import column

MOST_LISTED = 8  # rows of a table before it scrolls
MOST_ACROSS = 200  # layers of a chart
TICK = 24  # characters of a name below a chart


def show_listed(table: pd.DataFrame, numbers: Mapping[str, str], *, title: str, alt: str, key: str) -> None:
    """A table of layers that scrolls where it is long, and can be taken away.

    Args:
        table: to be shown.
        numbers: column -> how its numbers are written.
        title: what the files are called.
        alt: what the table is, for who does not see it.
        key: of the buttons.
    """
    st.dataframe(
        table,
        hide_index=True,
        height="auto" if len(table) <= MOST_LISTED else 320,
        column_config={name: st.column_config.NumberColumn(format=written) for name, written in numbers.items()},
        alt=alt,
    )
    offer_table(table, title, st.columns(5)[:2], key=key)


def choose_epoch(epochs: Sequence[Epoch]) -> Epoch:
    """The epoch to look at, the last of these until somebody chooses; not asked for if there is one."""
    options = {column(epoch): epoch for epoch in epochs}
    if len(options) == 1:
        return epochs[0]
    choose_offered(DUMPS_EPOCH, list(options), list(options)[-1])
    index = 0 if DUMPS_EPOCH in st.session_state else len(options) - 1  # a default beside a value is warned of
    return options[
        st.selectbox(_("Epoch"), list(options), index=index, key=DUMPS_EPOCH, bind="query-params", width=240)
    ]


def choose_layers(found: Overview) -> tuple[Epoch, dict[str, LayerReading]]:
    """An epoch, and what can be read there, in the order of the dump. Ends the page if nothing can at any epoch."""
    readable = [epoch for epoch in found.epochs if layers_at(found, epoch)]
    if not readable:
        st.info(_("No layer has a finite value: the map above says why."))
        st.stop()
    epoch = choose_epoch(readable)
    return epoch, layers_at(found, epoch)


def layers_at(found: Overview, epoch: Epoch) -> dict[str, LayerReading]:
    """What can be read at an epoch, in the order of the dump."""
    return {
        layer: reading
        for layer in found.layers
        if isinstance(reading := found.cells.get((layer, epoch)), LayerReading) and reading.finite_rows
    }
