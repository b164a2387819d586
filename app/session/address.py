"""What the address says of a visitor on every page.

When somebody goes to another page, Streamlit empties the address but for what the widgets there put into it. What is
kept here is taken from the address where it stands, held with the session and put back.
"""

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from app.session.keys import ADDRESS

LONGEST = 200  # letters of one value
_HISTORY = Path(__file__).with_name("frontend").joinpath("history.js").read_text(encoding="utf-8")


def keep_history() -> None:
    """Let the browser's Back lead to the page, or the step of the lesson, that was seen before."""
    st.html(f"<script>{_HISTORY}</script>", width="content", unsafe_allow_javascript=True)


def keep_in_address(first: str, *others: str) -> dict[str, str]:
    """What the address says under these names, or said before; that is put back.

    The names belong together: where the address says the first, it says all of them, and what it leaves out is gone.
    """
    held = _held()
    if first in st.query_params:
        values = {name: st.query_params.get(name, "") for name in (first, *others)}
        held[first] = {name: value for name, value in values.items() if 0 < len(value) <= LONGEST}
    elif held.get(first):
        st.query_params.update(held[first])
    return dict(held.get(first, {}))


def say_in_address(first: str, values: Mapping[str, str]) -> None:
    """Say something else under names that belong together, on this page and on the others; nothing takes them out."""
    held = _held()
    before = held.get(first, {})
    held[first] = dict(values)
    for name in before.keys() | {first}:
        if name not in values and name in st.query_params:
            del st.query_params[name]
    st.query_params.update(values)


def kept_in_address() -> dict[str, str]:
    """What a link to another page of this server says, so that its visitor stays who they are."""
    return {name: value for values in _held().values() for name, value in values.items()}


def _held() -> dict[str, dict[str, str]]:
    """The values by name, by the first of the names that belong together."""
    held: dict[str, dict[str, str]] = st.session_state.setdefault(ADDRESS, {})
    return held
