"""A short statement, and the precise one on request."""

from collections.abc import Callable

import streamlit as st

from app.text.language import _


def show_caption(short: str, precise: str = "") -> None:
    """Small print under a picture or a table: two sentences at most; `precise` opens on a click. Markdown."""
    _show(st.caption, short, precise)


def show_statement(short: str, precise: str = "") -> None:
    """The same in the size of the text."""
    _show(st.markdown, short, precise)


def _show(write: Callable[[str], object], short: str, precise: str) -> None:
    if not precise:
        write(short)
        return
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="small"):
        write(short)
        with st.popover(_("More"), type="tertiary"):
            st.markdown(precise)
