"""The switch between the languages that the dashboard speaks, beside the navigation."""

import streamlit as st

from app.session.keys import LANGUAGE_CHOSEN
from app.text.language import _, choose_in_address, language, offered_languages

_NAMES = {"en": "English", "ko": "한국어"}  # each in itself, for who cannot read the other


def language_switch() -> None:
    """Draw the switch, and tell the browser which language the page is in: screen readers speak it."""
    st.session_state[LANGUAGE_CHOSEN] = language()
    st.segmented_control(
        _("Language"),
        offered_languages(),
        required=True,
        format_func=_NAMES.__getitem__,
        key=LANGUAGE_CHOSEN,
        label_visibility="collapsed",
        on_change=lambda: choose_in_address(st.session_state[LANGUAGE_CHOSEN]),
    )
    st.html(
        f"<script>document.documentElement.lang = {language()!r}</script>",
        width="content",
        unsafe_allow_javascript=True,
    )
