"""Which methods a visitor compares, and how they are set: driven by the registry of methods."""

from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.session.fields import parameter_field
from app.text.language import _, translated
from per_core.method import Method, MethodKind, Parameter, Place, Scope
from per_core.methods import find_method, list_methods, opening_methods
from per_core.text import N_

MOST_METHODS = 4
KINDS: dict[tuple[MethodKind, Scope], str] = {
    ("normaliser", "batch"): N_("A normaliser: it maps every row by statistics of the batch."),
    ("normaliser", "row"): N_("A normaliser: it maps every row by statistics of that row alone."),
    ("regulariser", "batch"): N_("A regulariser: its pull on a row depends on the whole batch."),
    ("regulariser", "row"): N_("A regulariser: its pull on a row depends on that row alone."),
}
PLACES: dict[Place, str] = {
    "output": N_("Acts on the output of a layer."),
    "pre-activation": N_("Acts on the pre-activation of a layer."),
}


@dataclass(frozen=True, slots=True)
class ChosenMethod:
    """A method of the registry and its parameters, as pairs of name and value."""

    method: Method
    parameters: tuple[tuple[str, float], ...]


def choose_methods() -> list[ChosenMethod]:
    """Draw the choice of up to four methods and a row of their settings, and return what it says."""
    keys = [method.key for method in list_methods()]
    chosen = st.multiselect(
        _("Methods, up to four"),
        keys,
        default=[method.key for method in opening_methods()[:MOST_METHODS]],
        max_selections=MOST_METHODS,
        format_func=lambda key: find_method(key).short,
        key="methods_chosen",
        bind="query-params",
        help=_("Each method has a description and its settings in the row below."),
    )[:MOST_METHODS]
    if not chosen:
        return []
    places = st.columns(MOST_METHODS)
    return [_set_method(find_method(key), place) for key, place in zip(chosen, places, strict=False)]


def _set_method(method: Method, place: DeltaGenerator) -> ChosenMethod:
    """A popover with what the method is and its parameters."""
    with place.popover(method.short, width="stretch"):
        st.markdown(f"**{translated(method.title)}.** {translated(method.summary)}")
        st.markdown(f"{translated(KINDS[method.kind, method.scope])} {translated(PLACES[method.acts_on])}")
        st.caption(method.reference)
        values = tuple(
            (parameter.name, _set_parameter(method.key, parameter))
            for parameter in method.parameters
            if parameter.role not in ("momentum", "noise")  # of training: one batch is mapped by itself, as it is
        )
    return ChosenMethod(method, values)


def _set_parameter(key: str, parameter: Parameter) -> float:
    return parameter_field(
        parameter,
        path=parameter.name,
        key=f"methods_{key}_{parameter.name}",
        label=translated(parameter.title),
        step=parameter.default / 10,
    ).draw()
