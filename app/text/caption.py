"""What stands under a picture or a table: the short statement, and the precise one on request."""

import streamlit as st

from app.text.language import _


def show_caption(short: str, precise: str = "") -> None:
    """Two sentences at most; what `precise` says opens on a click. Markdown."""
    if not precise:
        st.caption(short)
        return
    with st.container(horizontal=True, wrap=False, gap="small"):
        st.caption(short)
        with st.popover(_("More"), type="tertiary"):
            st.markdown(precise)
