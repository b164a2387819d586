"""Dumps: bring activation files, see what is in them, and which layer needs a look first."""

import streamlit as st

from analysis.dumps import Inspection
from app.session.keys import OPENED_DUMP
from app.text import dump_words as words
from app.views.dumps.dump_source import OpenDump, follow, open_dump, read_all, settle, show_members
from app.views.dumps.dump_view import choose_cell, show_code, show_layer, show_links, show_matched, show_overview


def open_other(first: Inspection) -> OpenDump | None:
    """A second dump to lay over the first."""
    with st.expander(words.OTHER_TITLE):
        inspection = open_dump("other")
        if inspection is None:
            return None
        inspection = settle(inspection, "other")
        show_members(inspection, "other")
        if not inspection.readable:
            return None
        same = inspection.title == first.title
        return OpenDump(inspection.title + (" (second)" if same else ""), inspection, read_all(inspection))


st.title(words.TITLE)
st.markdown(words.LEAD)
inspection = open_dump("dumps")
if inspection is None:
    st.info(words.EMPTY)
    st.session_state.pop(OPENED_DUMP, None)
    st.stop()
inspection = settle(inspection, "dumps")
st.session_state[OPENED_DUMP] = inspection
show_members(inspection, "dumps")
if inspection.runs:
    follow(inspection, inspection.written)
if not inspection.readable:
    st.stop()
dump = OpenDump(inspection.title, inspection, read_all(inspection))
show_overview(dump)
other = open_other(inspection)
if other is not None:
    show_matched(dump, other)
st.subheader("One layer")
layer, epoch = choose_cell(dump.overview)
show_links(dump, layer, epoch)
show_layer(dump, layer, epoch, other)
show_code(dump, layer, epoch)
