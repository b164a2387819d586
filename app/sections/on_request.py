"""Sections that compute only when somebody asks for them."""

from collections.abc import Callable
from typing import TypeVarTuple

import streamlit as st

from app.session.progress import waits_shown

Arguments = TypeVarTuple("Arguments")


@st.fragment
def on_request(label: str, show: Callable[[*Arguments], object], *args: *Arguments, key: str) -> None:
    """A section under its heading, which `show(*args)` fills when a visitor opens it.

    Closed, it computes and sends nothing. Opening and closing it runs this section alone; what it needs of the page is
    in `args`, as the page has last drawn it. That it is open stands in the address, `?dist_pot=true`, so that a link
    shows it and a reload keeps it. Headings of sections stay on the page, so that a reader sees what there is to ask.

    Args:
        label: its heading. Markdown.
        show: draws what is in it. Inside of it, `st` writes into the section.
        args: what `show` is called with.
        key: whether it is open, in the session and in the address: `<page>_<name>`, public as those of all widgets.
    """
    section = st.expander(label, key=key, on_change="rerun", bind="query-params")
    if section.open:
        with section, waits_shown():
            show(*args)
