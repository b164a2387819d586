"""The form of a new comparison: widgets that make a training spec, and a spec that fills the widgets.

What it offers is in `training_fields`; here is how that is laid out. Widget keys are in the address: a spec is a link,
and "Again" asks for the same.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from analysis.runs.spec import TrainingSpec
from analysis.training.presets import MEASURED_ON, PRESETS
from app.session import permissions
from app.session.fields import draw_fields, held_values, link_fields
from app.session.keys import FORM_FILLED, FORM_FILLED_AGAIN
from app.text.language import _, ngettext, translated
from app.text.plain import escaped
from app.views.train.form_values import spec_of, values_of
from app.views.train.training_fields import training_fields
from per_core.errors import PerError
from per_core.text import N_

if TYPE_CHECKING:
    from analysis.training.plan import Plan


OUR_CHOICES = {
    "resnet": N_(
        "The paper does not say where PER acts in a residual block. After both non-linearities is our choice; for one"
        " of them, type first or second under “Only in layers”."
    ),
    "lstm": N_(
        "The paper does not say where PER acts in an LSTM. On the hidden states of every word and layer is our choice."
        " BN is the recurrent one, inside the cell, with statistics of each time step."
    ),
}


def choose_spec() -> TrainingSpec | None:
    """Draw the form and return the spec that it says; None, with the reason on the page, if it cannot be trained."""
    st.session_state.update(st.session_state.pop(FORM_FILLED_AGAIN, {}))
    _offer_presets()
    try:
        spec = _draw_form()
    except PerError as error:
        st.error(escaped(error))
        spec = None
    if FORM_FILLED in st.session_state:
        # A widget that appears only now takes what the address said when the page was opened: fill it once more.
        st.session_state[FORM_FILLED_AGAIN] = st.session_state.pop(FORM_FILLED)
        st.rerun()
    return spec


def fill_form(spec: TrainingSpec) -> None:
    """Put a spec into the widgets, all of it, and into the address."""
    values, fields = values_of(spec), list(training_fields().all())
    held = held_values(fields, values)
    st.session_state.update(held)
    st.session_state[FORM_FILLED] = held
    link_fields(fields, values)


def show_presets(start: Callable[[TrainingSpec], None], limits: str) -> None:
    """The presets, each with a button that trains it as it is."""
    presets = list(PRESETS.values())
    for first in range(0, len(presets), 3):
        texts, buttons = st.columns(3), st.columns(3)
        for text, button, preset in zip(texts, buttons, presets[first : first + 3], strict=False):
            text.markdown(f"**{translated(preset.title)}.** {translated(preset.description)}")
            button.button(
                _("Start"),
                on_click=start,
                args=(preset.spec,),
                key=f"train_start_{preset.key}",
                icon=":material/play_arrow:",
                help=limits,
            )
    st.caption(permissions.rule("train_anything"))


def _offer_presets() -> None:
    with st.container(horizontal=True):
        for preset in PRESETS.values():
            st.button(
                translated(preset.title),
                on_click=fill_form,
                args=(preset.spec,),
                help=translated(preset.description),
                key=f"train_preset_{preset.key}",
            )
    with st.expander(_("What the presets show, measured over several seeds")):
        for preset in PRESETS.values():
            st.markdown(
                f"**{translated(preset.title)}**: {translated(preset.description)} {translated(preset.measured)}"
            )
        st.caption(translated(MEASURED_ON))


def _draw_form() -> TrainingSpec | None:
    """The fields, and what they say; None where the form itself says what is still needed."""
    from analysis.training.plan import plan

    left, middle, right = st.columns(3, gap="large")
    training, rest = right.container(), right.container()
    fields = training_fields()
    with rest:
        values = draw_fields(fields.more)
        if more := values["more"]:
            st.caption(_("Taken from there, not from the fields: {names}.").format(names=escaped(", ".join(more))))
    with left:
        values |= draw_fields(fields.data, values)
        if values.get("data.folder") == "":
            st.info(_("These data need a folder on the server, with their files or to download them into."))
        values |= draw_fields(fields.model, values)
        with st.expander(_("Size of the model")):
            values |= draw_fields(fields.size, values)
    with training:
        values |= draw_fields(fields.training, values)
        with st.expander(_("Optimiser and device")):
            values |= draw_fields(fields.optimiser, values)
    with middle:  # the last, as somebody types numbers there: what cannot be read takes nothing else away
        values |= draw_fields(fields.methods, values)
        if "methods" in values:
            with st.expander(_("Settings of the methods")):
                values |= draw_fields(fields.settings, values)
        else:
            st.caption(_("The methods are those in “More settings”."))
            values |= draw_fields(fields.settings, values)
        if values["model.name"] in OUR_CHOICES:
            st.caption(translated(OUR_CHOICES[values["model.name"]]))
    if values.get("data.folder") == "":
        return None
    spec = spec_of(values)
    _show_plan(plan(spec), len(spec.methods), spec.seeds)
    return spec


def _show_plan(plan: "Plan", methods: int, seeds: int) -> None:
    """How many networks Start trains, and what it will leave behind."""
    size, networks = plan.disk_bytes, methods * seeds
    trained = ngettext(
        "{networks} network of {layers} hidden layers",
        "{networks} networks of {layers} hidden layers",
        networks,
    ).format(networks=networks, layers=len(plan.layers))
    if seeds > 1:
        trained += _(" ({methods} methods × {seeds} seeds)").format(methods=methods, seeds=seeds)
    st.caption(
        _("{trained}; records and checkpoint will take up to {size}.").format(
            trained=trained, size=f"{size / 1e6:,.0f} MB" if size < 1e9 else f"{size / 1e9:,.1f} GB"
        )
    )
