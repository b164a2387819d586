"""Input widgets that Streamlit's own do not quite cover."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

T = TypeVar("T")


def whole_number(
    label: str,
    low: int,
    high: int,
    default: int,
    *,
    key: str,
    place: DeltaGenerator | None = None,
    hint: str | None = None,
) -> int:
    """A number input for whole numbers, kept in the address.

    Streamlit's own integer input fails on a link that holds an infinite number; its floating-point input falls back
    to the default.
    """
    value = (place or st).number_input(
        label,
        float(low),
        float(high),
        float(default),
        step=1.0,
        format="%.0f",
        key=key,
        bind="query-params",
        help=hint,
    )
    return round(value)


def choose_offered(key: str, options: Sequence[str], otherwise: str | None = None) -> None:
    """Where what was chosen is not on offer any more, choose the first option, or another one, in its place.

    Forgetting it would not do: the browser would go on to show the old choice.
    """
    if st.session_state.get(key, options[0]) not in options:
        st.session_state[key] = options[0] if otherwise is None else otherwise


def in_words(options: Sequence[T], show: Callable[[T], str]) -> Callable[[T], str]:
    """The words of options, in the language of the visitor for whom they are drawn, whoever asks later."""
    return {option: show(option) for option in options}.__getitem__


def one_of(
    label: str,
    options: Sequence[T],
    default: T,
    *,
    key: str,
    place: DeltaGenerator | None = None,
    show: Callable[[T], str] = str,
    hint: str | None = None,
) -> T:
    """Buttons side by side of which one is pressed, kept in the address.

    Streamlit's own gives None on a link that holds the name without a value.
    """
    chosen = (place or st).segmented_control(
        label,
        options,
        default=default,
        required=True,
        format_func=in_words(options, show),
        key=key,
        bind="query-params",
        help=hint,
    )
    return default if chosen is None else chosen
