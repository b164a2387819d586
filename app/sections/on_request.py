"""Sections that are closed until somebody opens them, and remembered: in the address, and from page to page."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVarTuple

import streamlit as st

from app.session.progress import waits_shown

if TYPE_CHECKING:
    from streamlit.elements.lib.mutable_expander_container import ExpanderContainer

Arguments = TypeVarTuple("Arguments")


def remembered(label: str, *, key: str) -> "ExpanderContainer":
    """A section under its heading, closed until a visitor opens it, for what is cheap or has to be known all the time.

    That it is open stands in the address, `?dist_pot=true`, so that a link shows it and a reload keeps it; who comes
    back from another page finds it as it was. Headings of sections stay on the page, so that a reader sees what there
    is to ask.

    Args:
        label: its heading. Markdown.
        key: whether it is open, in the session and in the address: `<page>_<name>`, public as those of all widgets.
    """
    return st.expander(label, key=key, on_change="rerun", bind="query-params")


def when_open(label: str, show: Callable[[*Arguments], object], *args: *Arguments, key: str) -> None:
    """A remembered section that `show(*args)` fills when it is open; closed, it computes and sends nothing.

    Opening it runs what it is part of: the page, or the fragment.
    """
    section = remembered(label, key=key)
    if section.open:
        with section, waits_shown():
            show(*args)


@st.fragment
def on_request(label: str, show: Callable[[*Arguments], object], *args: *Arguments, key: str) -> None:
    """The same as a fragment: opening and closing it runs this section alone.

    What it needs of the page is in `args`, as the page has last drawn it. Inside of `show`, `st` writes into the
    section.
    """
    when_open(label, show, *args, key=key)
