"""Presenter mode: large type, high contrast, nothing but the page itself, for a projector or a slide."""

from pathlib import Path

import streamlit as st

from app.session.address import keep_in_address, say_in_address
from app.session.keys import PRESENTING, PRESENTING_SWITCH
from app.text.language import _

ADDRESS = "present"
_FRONTEND = Path(__file__).parent / "frontend"
_FRAMELESS, _LARGE = (_FRONTEND.joinpath(name).read_text(encoding="utf-8") for name in ("frameless.css", "present.css"))


def choose_presenting() -> None:
    """Take the mode from the address, ?present=1, keep it there on every page, and dress the page for it.

    A page in a slide, ?embed=true, is without its frame as well, in its usual type.
    """
    st.session_state[PRESENTING] = keep_in_address(ADDRESS).get(ADDRESS) == "1"
    if is_presenting():
        st.html(f"<style>{_FRAMELESS}{_LARGE}</style>")
    elif st.context.is_embedded:
        st.html(f"<style>{_FRAMELESS}</style>")


def is_presenting() -> bool:
    """Whether the page is shown to a room."""
    return bool(st.session_state.get(PRESENTING, False))


def show_switch() -> None:
    """The switch, where a page offers it."""
    st.session_state[PRESENTING_SWITCH] = is_presenting()
    st.toggle(
        _("Presenter mode"),
        key=PRESENTING_SWITCH,
        on_change=_switch,
        help=_("Large type without menus, for a projector. Next and back by arrow keys, page keys or a clicker."),
    )


def _switch() -> None:
    say_in_address(ADDRESS, {ADDRESS: "1"} if st.session_state[PRESENTING_SWITCH] else {})
