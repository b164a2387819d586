"""Methods: what normalisers make of a batch and where regularisers pull it, side by side."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from analysis.batch import ActivationBatch, first_rows
from analysis.methods.flow import MOST_ROWS
from analysis.statistics.density import AxisPair, pair_axes, pair_density, pair_limits
from app.charts.chart import show_chart
from app.charts.joint import joint_panels, precise_joint
from app.sections.decomposition import Mapped, decompose_batch, removals_of, show_removed
from app.sections.on_request import on_request, remembered
from app.sections.pair import axis_names, choose_pair
from app.sections.statistics_table import not_finite
from app.session import caches
from app.session.batch_choice import Choice
from app.session.keys import CHOICE, METHODS_FOLLOWED
from app.session.progress import in_chunks
from app.text.caption import show_statement
from app.text.enumeration import enumerated
from app.text.language import _, translated
from app.text.plain import escaped
from app.views.methods.affine_map import AffineMap, choose_affine_map
from app.views.methods.change_table import show_changes
from app.views.methods.collapse_section import show_collapse
from app.views.methods.flow_section import FlowSettings, choose_flow, show_flow
from app.views.methods.method_choice import ChosenMethod, choose_methods
from app.views.methods.overlay_section import show_overlay
from app.views.methods.slow_flows import follow_later, slow_flows
from app.views.methods.small_batch_section import show_small_batches, warn_of_whitening
from app.views.methods.statement import about_statement, methods_statement
from per_core.errors import PerError
from per_core.method import MethodKind
from per_core.methods import opening_methods

if TYPE_CHECKING:
    from analysis.methods.flow import FlowStart

MOVED, STILL = (1.5, 1.0), (1.0, 0.0)  # scale and shift: Figure 1 has nothing for BN to remove, a recording has
FIELD_ROWS = 50


@dataclass(frozen=True, slots=True, eq=False)
class Applied:
    """The batch before and after a method, and of a regulariser where its flow starts."""

    before: ActivationBatch
    after: ActivationBatch
    start: "FlowStart | None" = None


def apply_methods(
    batch: ActivationBatch, rows: ActivationBatch, chosen: list[ChosenMethod], settings: FlowSettings
) -> dict[str, Applied]:
    """What each method makes of the batch, by its short name; a refusal is shown and left out."""
    found = {}

    def apply_one(number: int, _count: int) -> None:
        one = chosen[number - 1]
        try:
            found[one.method.short] = _apply(batch, rows, one, settings)
        except PerError as error:
            st.error(f"{translated(one.method.title)}: {escaped(error)}")

    in_chunks(len(chosen), 1, apply_one, _("Applying the methods"))
    return found


def _apply(batch: ActivationBatch, rows: ActivationBatch, one: ChosenMethod, settings: FlowSettings) -> Applied:
    """A normaliser maps the whole batch, a regulariser moves its first rows."""
    from analysis.methods.flow import end_flow
    from analysis.methods.normalisation import normalise

    if one.method.kind == "normaliser":
        return Applied(batch, caches.shared(normalise, batch, one.method.key, dict(one.parameters)))
    end = caches.computed(end_flow, rows, settings.spec(one, settings.end))
    title = _("{batch}, after {method} {flow}").format(
        batch=batch.name, method=one.method.short, flow=translated(settings.end)
    )
    return Applied(rows, ActivationBatch(end.rows, title), end.start)


def show_densities(batch: ActivationBatch, applied: dict[str, Applied], pair: AxisPair) -> None:
    """The batch and what each method makes of it, on shared axes; on a regulariser's, where it pulls."""
    before = _("before")
    shown = {before: batch} | {name: one.after for name, one in applied.items()}
    low, high = caches.result(pair_limits, batch, pair)
    limits = min(low, -4.0), max(high, 4.0)
    densities = {
        name: caches.shared(pair_density, one, pair, limits, onto=batch) for name, one in shown.items() if one.is_finite
    }
    axes = pair_axes(batch, pair).T
    starts = {name: one.start for name, one in applied.items() if one.start is not None}
    fields = {name: (start.rows[:FIELD_ROWS] @ axes, start.pull[:FIELD_ROWS] @ axes) for name, start in starts.items()}
    about = _("Joint densities and their marginals on the same axes; dotted is N(0, 1), dashed the batch before.")
    arrows = _("Arrows show where a regulariser pulls single rows of the batch before.")
    show_chart(
        partial(joint_panels, densities, units=axis_names(pair, batch.d), before=densities[before], fields=fields),
        key="methods_joint",
        height=256,
        aspect=1.2 / len(densities),
        alt=_("Joint density of the batch before, and after {methods}, on the same axes.").format(
            methods=enumerated(list(applied))
        )
        if applied
        else _("Joint density of the batch before the methods."),
        about=f"{about} {arrows}" if starts else about,
        precise=precise_joint(densities),
    )


def name_of(name: str, affine: AffineMap) -> str:
    """The batch before the methods in a line."""
    moved = (affine.scale, affine.shift) != (1, 0)
    text = _("{name}, multiplied by {scale:g} and shifted by {shift:g}.") if moved else _("{name}.")
    return text.format(name=name, scale=affine.scale, shift=affine.shift)


def show_lead(batch: ActivationBatch, mapped: Mapped, kinds: set[MethodKind]) -> None:
    """What the methods remove of the distance, in a statement."""
    present = decompose_batch(batch)
    show_statement(methods_statement(present, removals_of(mapped)), about_statement(present, kinds))


choice: Choice = st.session_state[CHOICE]
st.title(_("What the methods do to a distribution"))
lead, name = st.container(), st.container()
if not choice.batch().is_finite:
    st.error(not_finite(choice.title, choice.batch()))
    st.stop()
chosen = choose_methods()
regularisers = [one for one in chosen if one.method.kind == "regulariser"]
with remembered(_("Scale and shift of the batch, and how regularisers are followed"), key="methods_settings"):
    affine = choose_affine_map(*(MOVED if choice.spec else STILL))
    settings = choose_flow() if regularisers else FlowSettings(1.0, 120, "")
batch = affine.move(choice.batch())
if not chosen:
    good = enumerated([method.short for method in opening_methods()])
    st.info(_("Choose at least one method above; {methods} are a good start.").format(methods=good))
    st.stop()
name.caption(name_of(choice.title, affine))
warn_of_whitening(chosen, batch.n, batch.d)
rows = caches.shared(first_rows, batch, MOST_ROWS)
slow = slow_flows(rows, chosen, settings)
due = [flow for flow in slow if flow not in st.session_state.get(METHODS_FOLLOWED, [])]
note = st.container()
applied = apply_methods(batch, rows, [one for one in chosen if one not in [flow.one for flow in due]], settings)
mapped: Mapped = {name: (one.before, one.after) for name, one in applied.items()}
pair = choose_pair(batch.d, "methods")
with st.skeleton(height=256):
    show_densities(batch, applied, pair)
with lead, st.skeleton(height=60):
    show_lead(batch, mapped, {one.method.kind for one in chosen})
label = _("How much of the distance to N(0, I) each method removes, part by part")
on_request(label, partial(show_removed, key="methods_parts"), batch, mapped, key="methods_removed")
on_request(_("Every statistic before and after each method"), show_changes, batch, mapped, key="methods_changes")
for one in regularisers:
    if one.method.short in applied:
        label = _("Where {method} leads: alone and with the task, step by step").format(method=one.method.short)
        on_request(label, show_flow, rows, batch, pair, one, settings, key=f"methods_follow_{one.method.key}")
on_request(_("The small-batch effect"), show_small_batches, batch, chosen, key="methods_small")
on_request(_("Near collapse: which regularisers lead out of it"), show_collapse, key="methods_near_collapse")
on_request(_("Two batches on one axis"), show_overlay, choice, affine, batch, mapped, pair, key="methods_compare")
if due:
    with note:
        follow_later(rows, due)
    st.session_state[METHODS_FOLLOWED] = slow
    st.rerun()
