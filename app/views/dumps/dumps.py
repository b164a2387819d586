"""Dumps: bring activation files, see what is in them, and which layer needs a look first."""

import time

import streamlit as st

from analysis.dumps import Inspection
from analysis.runs.growth import may_grow
from app.sections.on_request import when_open
from app.session import services
from app.session.controls import one_of
from app.session.keys import DUMPS_LAYER, DUMPS_LOOK, DUMPS_VIEW, OPENED_DUMP
from app.session.progress import waits_shown
from app.text.caption import show_statement
from app.text.language import _
from app.views.dumps.dump_map import LAYERS, show_overview
from app.views.dumps.dump_source import OpenDump, follow, open_dump, read_all, show_members
from app.views.dumps.layer_view import choose_cell, show_code, show_layer, show_links
from app.views.dumps.massive_view import show_massive
from app.views.dumps.matched_layers import show_matched
from app.views.dumps.plan_editor import settle
from app.views.dumps.precision_view import show_precision
from app.views.dumps.width_view import show_width


def open_other(first: Inspection) -> OpenDump | None:
    """A second dump to lay over the first."""
    with st.expander(_("A second dump beside it, matched by the names of layers")):
        inspection = open_dump("other")
        if inspection is None:
            return None
        inspection = settle(inspection, "other")
        show_members(inspection, "other")
        if not inspection.readable:
            return None
        same = inspection.title == first.title
        return OpenDump(inspection.title + (_(" (second)") if same else ""), inspection, read_all(inspection))


def show_one_layer(dump: OpenDump) -> None:
    """A layer of the dump, beside a second dump if there is one."""
    other = open_other(dump.inspection)
    if other is not None:
        show_matched(dump, other)
    st.header(_("One layer"))
    layer, epoch = choose_cell(dump.overview)
    show_links(dump, layer, epoch)
    with waits_shown():
        show_layer(dump, layer, epoch, other)
    show_code(dump, layer, epoch)


def show_views(dump: OpenDump) -> None:
    """Layer by layer, or all layers by one question."""
    if not dump.overview.has_rows and dump.overview.has_bins:
        show_one_layer(dump)
        return
    views = {
        LAYERS: _("Layers"),
        "massive": _("Massive activations"),
        "width": _("Width"),
        "precision": _("Precision"),
    }
    view = one_of(_("View"), list(views), LAYERS, key=DUMPS_VIEW, show=views.__getitem__)
    if view == "massive":
        show_massive(dump)
    elif view == "width":
        show_width(dump)
    elif view == "precision":
        show_precision(dump)
    else:
        show_one_layer(dump)


st.title(_("What is in a dump, and which layer to look at first"))
show_statement(
    _("Bring the activations of your own network, as files or as a path. Nothing in a file is ever executed."),
    _(
        "Read are arrays of NumPy, torch, safetensors, HDF5, MATLAB, Zarr, Parquet, Arrow, JSON and text, histograms"
        " of TensorBoard, folders and archives of them, and run directories. What cannot be read is listed with the"
        " reason."
    ),
)
inspection = open_dump("dumps", otherwise=services.EXAMPLE)
if inspection is None:
    st.info(_("Drop files above, or give the path of a file, a folder or a run directory."))
    st.session_state.pop(OPENED_DUMP, None)
    st.stop()
if inspection.path == services.EXAMPLE_DUMP:
    st.header(_("Example: a network that fails"))
    st.caption(_("A ReLU network learns digits with a learning rate of 0.14, which is too large for it."))
asked, first, views, read = st.container(), st.container(), st.container(), st.container()
with asked:
    inspection = settle(inspection, "dumps", below=read)
with asked if inspection.refused else read:
    show_members(inspection, "dumps")
st.session_state[OPENED_DUMP] = inspection
if any(may_grow(run, time.time()) for run in inspection.runs):
    follow(inspection, inspection.written)
if not inspection.readable:
    st.stop()
with first:
    dump = OpenDump(inspection.title, inspection, read_all(inspection))
    show_overview(dump)
is_said = DUMPS_LOOK in st.session_state or DUMPS_LOOK in st.query_params
if not is_said and not {DUMPS_LAYER, DUMPS_VIEW}.isdisjoint(st.query_params):
    st.session_state[DUMPS_LOOK] = True  # who follows a link to a layer sees it
with views:
    when_open(_("Layer by layer, and all layers by their size, width or precision"), show_views, dump, key=DUMPS_LOOK)
