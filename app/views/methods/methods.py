"""Methods: what normalisers make of a batch and where regularisers pull it, side by side."""

import streamlit as st

from analysis.batch import ActivationBatch, first_rows
from analysis.statistics.density import AxisPair, pair_axes, pair_density, pair_limits
from app.charts.chart import show_chart
from app.charts.flow import ALONE
from app.charts.joint import joint_panels, precise_joint
from app.sections.decomposition import Mapped, show_removed
from app.sections.pair import axis_names, choose_pair
from app.sections.statistics_table import not_finite
from app.session import caches
from app.session.batch_choice import Choice
from app.session.keys import CHOICE
from app.text.enumeration import enumerated
from app.text.language import _, translated
from app.text.plain import escaped
from app.views.methods.affine_map import AffineMap, choose_affine_map
from app.views.methods.change_table import show_changes
from app.views.methods.flow_section import Flow, FlowSettings, choose_flow, follow_method, show_flow
from app.views.methods.method_choice import ChosenMethod, choose_methods
from app.views.methods.overlay_section import show_overlay
from app.views.methods.small_batch_section import show_small_batches, warn_of_whitening
from per_core.errors import PerError
from per_core.method import MethodKind
from per_core.methods import opening_methods

MOVED, STILL = (1.5, 1.0), (1.0, 0.0)  # scale and shift: Figure 1 has nothing for BN to remove, a recording has
FIELD_ROWS = 50


Flows = dict[str, dict[str, Flow]]  # of the regularisers, alone and with the task


def apply_methods(batch: ActivationBatch, chosen: list[ChosenMethod], settings: FlowSettings) -> tuple[Mapped, Flows]:
    """The batch before and after each method, and the flows of the regularisers; a refusal is shown and left out."""
    from analysis.methods.flow import MOST_ROWS
    from analysis.methods.normalisation import normalise

    mapped: dict[str, tuple[ActivationBatch, ActivationBatch]] = {}
    flows = {}
    for one in chosen:
        name = one.method.short
        try:
            if one.method.kind == "normaliser":
                mapped[name] = batch, caches.shared(normalise, batch, one.method.key, dict(one.parameters))
            else:
                rows = caches.shared(first_rows, batch, MOST_ROWS)
                flows[name] = follow_method(rows, one, settings)
                end = flows[name][settings.left].frames[-1]
                title = _("{batch}, after {method} {flow}").format(
                    batch=batch.name, method=name, flow=translated(settings.left)
                )
                mapped[name] = rows, ActivationBatch(end, title)
        except PerError as error:
            st.error(f"{translated(one.method.title)}: {escaped(error)}")
    return mapped, flows


def show_densities(batch: ActivationBatch, mapped: Mapped, flows: Flows, pair: AxisPair) -> None:
    """The batch and what each method makes of it, on shared axes; on a regulariser's, where it pulls."""
    before = _("before")
    shown = {before: batch} | {name: after for name, (_, after) in mapped.items()}
    low, high = caches.result(pair_limits, batch, pair)
    limits = min(low, -4.0), max(high, 4.0)
    densities = {
        name: caches.shared(pair_density, one, pair, limits, onto=batch) for name, one in shown.items() if one.is_finite
    }
    axes = pair_axes(batch, pair).T
    starts = {name: flow[ALONE].start for name, flow in flows.items()}
    fields = {name: (start.rows[:FIELD_ROWS] @ axes, start.pull[:FIELD_ROWS] @ axes) for name, start in starts.items()}
    about = _("Joint densities and their marginals on the same axes; dotted is N(0, 1), dashed the batch before.")
    arrows = _("Arrows show where a regulariser pulls single rows of the batch before.")
    show_chart(
        joint_panels(densities, units=axis_names(pair, batch.d), before=densities[before], fields=fields),
        key="methods_joint",
        height=256,
        aspect=1.2 / len(densities),
        alt=_("Joint density of the batch before, and after {methods}, on the same axes.").format(
            methods=enumerated(list(mapped))
        ),
        about=f"{about} {arrows}" if flows else about,
        precise=precise_joint(densities),
    )


def about_page(name: str, affine: AffineMap, kinds: set[MethodKind]) -> str:
    """What the page shows, of the kinds of methods that are chosen."""
    moved = (affine.scale, affine.shift) != (1, 0)
    text = _("{name}, multiplied by {scale:g} and shifted by {shift:g}.") if moved else _("{name}.")
    said = [text.format(name=name, scale=affine.scale, shift=affine.shift)]
    if "normaliser" in kinds:
        said.append(_("A normaliser maps the batch in one step."))
    if "regulariser" in kinds:
        said.append(_("A regulariser moves it along its gradient; shown is where the flow ends."))
    return " ".join(said)


choice: Choice = st.session_state[CHOICE]
st.title(_("What the methods do to a distribution"))
lead = st.container()
if not choice.batch().is_finite:
    st.error(not_finite(choice.batch().name, choice.batch()))
    st.stop()
affine = choose_affine_map(*(MOVED if choice.spec else STILL))
batch = affine.move(choice.batch())
chosen = choose_methods()
if not chosen:
    good = enumerated([method.short for method in opening_methods()])
    st.info(_("Choose at least one method above; {methods} are a good start.").format(methods=good))
    st.stop()
lead.markdown(about_page(batch.name, affine, {one.method.kind for one in chosen}))
regularisers = [one for one in chosen if one.method.kind == "regulariser"]
settings = choose_flow() if regularisers else FlowSettings(1.0, 120, "")
warn_of_whitening(chosen, batch.n, batch.d)
mapped, flows = apply_methods(batch, chosen, settings)
st.subheader(_("How much of the distance to N(0, I) each method removes"))
with st.skeleton(height=360):
    show_removed(batch, mapped, key="methods_parts")
st.subheader(_("Before and after"))
pair = choose_pair(batch.d, "methods")
with st.skeleton(height=256):
    show_densities(batch, mapped, flows, pair)
show_changes(batch, mapped)
if flows:
    st.subheader(_("Where the regularisers lead"))
    for one in regularisers:
        if one.method.short in flows:
            show_flow(mapped[one.method.short][0], batch, pair, one, flows[one.method.short])
show_small_batches(batch, chosen)
show_overlay(choice, affine, batch, mapped, pair)
