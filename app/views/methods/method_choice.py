"""Which methods a visitor compares, and how they are set: driven by the registry of methods."""

from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.session.controls import whole_number
from app.text import method_words
from per_core.methods import Method, Parameter, find_method, list_methods, opening_methods

MOST_METHODS = 4


@dataclass(frozen=True, slots=True)
class ChosenMethod:
    """A method of the registry and its parameters, as pairs of name and value."""

    method: Method
    parameters: tuple[tuple[str, float], ...]


def choose_methods() -> list[ChosenMethod]:
    """Draw the choice of up to four methods and a row of their settings, and return what it says."""
    keys = [method.key for method in list_methods()]
    chosen = st.multiselect(
        "Methods, up to four",
        keys,
        default=[method.key for method in opening_methods()[:MOST_METHODS]],
        max_selections=MOST_METHODS,
        format_func=lambda key: find_method(key).short,
        key="methods_chosen",
        bind="query-params",
        help=method_words.HELP_METHODS,
    )[:MOST_METHODS]
    if not chosen:
        return []
    places = st.columns(MOST_METHODS)
    return [_set_method(find_method(key), place) for key, place in zip(chosen, places, strict=False)]


def _set_method(method: Method, place: DeltaGenerator) -> ChosenMethod:
    """A popover with what the method is and its parameters."""
    with place.popover(method.short, width="stretch"):
        st.markdown(f"**{method.title}.** {method.summary}")
        st.markdown(method_words.KINDS[method.kind, method.scope])
        st.caption(f"{method.reference}. Acts on the {method.acts_on}.")
        values = tuple(
            (parameter.name, _set_parameter(method.key, parameter))
            for parameter in method.parameters
            if parameter.role != "momentum"  # a batch is mapped by its own statistics, not by running ones
        )
    return ChosenMethod(method, values)


def _set_parameter(key: str, parameter: Parameter) -> float:
    name = f"methods_{key}_{parameter.name}"
    if parameter.integer:
        return whole_number(parameter.title, int(parameter.low), int(parameter.high), int(parameter.default), key=name)
    return st.number_input(
        parameter.title,
        parameter.low,
        parameter.high,
        parameter.default,
        step=parameter.default / 10,
        format="%.3g",
        key=name,
        bind="query-params",
    )
