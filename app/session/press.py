"""Buttons that act on what the page says when they are pressed, however soon that is after a change.

Streamlit calls a callback with the arguments of the last picture that was drawn as far as its button: who moves a
slider and presses a button at once would act on what the slider said before. Here the press is noted, the page is drawn
until the button is there again, and what it does is done with the arguments of that moment, as the first thing of
another run.
"""

import time
from collections.abc import Callable
from typing import Any, TypeVarTuple

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.session.keys import PRESS_DUE, PRESSED

Arguments = TypeVarTuple("Arguments")

LONGEST_SECONDS = 60.0  # after which a button that comes back, in a part of a page, is no longer pressed


def acting_button(
    label: str,
    do: Callable[[*Arguments], object],
    *args: *Arguments,
    key: str,
    place: DeltaGenerator | None = None,
    disabled: bool = False,
    **look: Any,
) -> None:
    """A button that does `do(*args)` once it is pressed; it may set widgets and the address, as a callback may.

    Args:
        label: what stands on it. Markdown.
        do: what it does.
        args: what for, from the widgets that were drawn before it.
        key: of the button.
        place: where it stands; None for here.
        disabled: whether it cannot be pressed; a press on what has become so does nothing.
        **look: what else `st.button` takes.
    """
    (place or st).button(label, key=key, on_click=_note, args=(key,), disabled=disabled, **look)
    pressed, when = st.session_state.get(PRESSED, ("", 0.0))
    if pressed == key:
        del st.session_state[PRESSED]
        if not disabled and time.monotonic() - when < LONGEST_SECONDS:
            st.session_state[PRESS_DUE] = do, args
            st.rerun()


def do_pressed() -> None:
    """Do what is due; before anything is drawn."""
    if PRESS_DUE in st.session_state:
        do, args = st.session_state.pop(PRESS_DUE)
        do(*args)


def forget_press() -> None:
    """Forget a press whose button is not there any more; once the whole page is drawn."""
    st.session_state.pop(PRESSED, None)


def _note(key: str) -> None:
    st.session_state[PRESSED] = key, time.monotonic()
