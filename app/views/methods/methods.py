"""Methods: what normalisers make of a batch and where regularisers pull it, side by side."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st

from analysis.batch import ActivationBatch, first_rows, moved
from analysis.samples import CASE_TITLES, CASES
from analysis.statistics.density import AxisPair, pair_axes, pair_density, pair_limits
from app.charts.chart import show_chart
from app.charts.flow import ALONE
from app.charts.joint import about_joint, joint_panels, precise_joint
from app.charts.methods import SmallBatchCurve, overlaid, small_batches
from app.sections.decomposition import Mapped, show_removed
from app.sections.pair import axis_names, choose_pair
from app.sections.statistics_table import not_finite
from app.session import caches
from app.session.batch_choice import Choice
from app.session.controls import one_of
from app.session.keys import CHOICE, METHODS_BEGINNING, METHODS_SCALE, METHODS_SHIFT
from app.session.null_bands import null_bands
from app.session.progress import in_chunks
from app.text import method_words
from app.text.numbers import over_directions, plus_minus
from app.text.plain import escaped, harmless
from app.views.methods.change_table import show_changes
from app.views.methods.flow_section import Flow, Pull, choose_pull, follow_method, show_flow
from app.views.methods.method_choice import ChosenMethod, choose_methods
from per_core.errors import PerError
from per_core.methods import opening_methods

MOVED, STILL = (1.5, 1.0), (1.0, 0.0)  # scale and shift: Figure 1 has nothing for BN to remove, a recording has
ALONG = ["x", "y"]
BATCH_ROWS = [4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192]
BATCH_SPLITS = 5
BATCH_GAUSSIANS = 39  # batches of N(0, I)
AS_KNOWN = "as known"
SLICES = 64
FIELD_ROWS = 50


Flows = dict[str, dict[str, Flow]]  # of the regularisers, alone and with the task


@dataclass(frozen=True, slots=True)
class AffineMap:
    """What happens to every batch of the page before the methods."""

    scale: float
    shift: float

    def move(self, batch: ActivationBatch) -> ActivationBatch:
        """shift + scale · h (cached)."""
        return caches.shared(moved, batch, self.shift, self.scale)


def choose_affine_map(scale: float, shift: float) -> AffineMap:
    """Scale and shift of the batch before the methods, whatever its source; both begin at what is given.

    A visitor who has not touched them and goes to another source goes to the beginning of that source as well.
    """
    beginning = {METHODS_SCALE: scale, METHODS_SHIFT: shift}
    before = st.session_state.get(METHODS_BEGINNING, beginning)
    for key, value in beginning.items():
        if before[key] != value and st.session_state.get(key) == before[key]:
            st.session_state[key] = value
    st.session_state[METHODS_BEGINNING] = beginning
    left, right = st.columns(2)
    return AffineMap(
        left.slider("Scale before the methods", 0.1, 4.0, scale, 0.1, key=METHODS_SCALE, bind="query-params"),
        right.slider("Shift before the methods", -4.0, 4.0, shift, 0.1, key=METHODS_SHIFT, bind="query-params"),
    )


def apply_methods(batch: ActivationBatch, chosen: list[ChosenMethod], pull: Pull) -> tuple[Mapped, Flows]:
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
                flows[name] = follow_method(rows, one, pull)
                end = flows[name][pull.left].frames[-1]
                mapped[name] = rows, ActivationBatch(end, f"{batch.name}, after {name} {pull.left}")
        except PerError as error:
            st.error(f"{one.method.title}: {escaped(error)}")
    return mapped, flows


def warn_of_whitening(chosen: list[ChosenMethod], rows: int, d: int) -> None:
    """Say where so few rows whiten so many units that any batch comes out perfect."""
    for one in chosen:
        group = one.method.in_role("group")
        if group is not None:
            together = min(round(dict(one.parameters)[group.name]), d)
            warning = method_words.whitening_warning(one.method.short, rows, together, d)
            if warning:
                st.warning(warning)


def show_densities(batch: ActivationBatch, mapped: Mapped, flows: Flows, pair: AxisPair) -> None:
    """The batch and what each method makes of it, on shared axes; on a regulariser's, where it pulls."""
    shown = {"before": batch} | {name: after for name, (_, after) in mapped.items()}
    low, high = caches.result(pair_limits, batch, pair)
    limits = min(low, -4.0), max(high, 4.0)
    densities = {
        name: caches.shared(pair_density, one, pair, limits, onto=batch) for name, one in shown.items() if one.is_finite
    }
    axes = pair_axes(batch, pair).T
    starts = {name: flow[ALONE].start for name, flow in flows.items()}
    fields = {name: (start.rows[:FIELD_ROWS] @ axes, start.pull[:FIELD_ROWS] @ axes) for name, start in starts.items()}
    arrows = method_words.ABOUT_FIELD if flows else ""
    show_chart(
        joint_panels(densities, units=axis_names(pair, batch.d), before=densities["before"], fields=fields),
        key="methods_joint",
        height=256,
        aspect=1.2 / len(densities),
        alt=f"Joint density of the batch before, and after {', '.join(mapped)}, on the same axes.",
        about=f"{about_joint()} Dashed: the marginals before.{arrows}",
        precise=precise_joint(densities),
    )


def show_small_batches(batch: ActivationBatch, chosen: list[ChosenMethod]) -> None:
    """Statistics from few rows, applied to rows that were held out."""
    from analysis.distances.bound import Distances
    from analysis.methods.normalisation import normalise_held_out

    st.subheader(method_words.SMALL_BATCH_TITLE)
    sizes = [rows for rows in BATCH_ROWS if rows <= batch.n // 2]
    normalisers = [one for one in chosen if one.method.kind == "normaliser"]
    by_batch = [one for one in normalisers if one.method.scope == "batch"]
    if len(by_batch) < len(normalisers) or not normalisers:
        st.info(
            method_words.without_batch_effect([one.method.short for one in normalisers if one.method.scope == "row"])
        )
    if not by_batch or not sizes:
        return
    rows = st.select_slider(
        "Rows b that the statistics come from",
        sizes,
        value=min(16, sizes[-1]),
        key="methods_rows",
        bind="query-params",
        width=420,
    )
    work = [(one, size) for one in by_batch for size in sizes]
    results = in_chunks(
        len(work),
        1,
        lambda i, _: caches.result(
            normalise_held_out,
            batch,
            work[i - 1][0].method.key,
            dict(work[i - 1][0].parameters),
            rows=work[i - 1][1],
            splits=BATCH_SPLITS,
        ),
        "Statistics from few rows",
    )
    gaussian = [null_bands(Distances(SLICES), size, batch.d, draws=BATCH_GAUSSIANS)["sw1"] for size in sizes]
    warn_of_whitening(by_batch, rows, batch.d)
    curves = {}
    for i, one in enumerate(by_batch):
        own = results[i * len(sizes) : (i + 1) * len(sizes)]
        curves[one.method.short] = SmallBatchCurve(
            sizes, np.stack([result.seen for result in own]), np.stack([result.held_out for result in own])
        )
    show_chart(
        small_batches(curves, gaussian, rows),
        key="methods_trap",
        height=380,
        alt="SW1 to N(0, I) over the number of rows that statistics come from, on those rows and on as many others.",
        about=method_words.about_small_batches(curves, gaussian[sizes.index(rows)], rows, BATCH_SPLITS),
    )


def show_overlay(choice: Choice, affine: AffineMap, batch: ActivationBatch, mapped: Mapped, pair: AxisPair) -> None:
    """Two batches that a visitor picks, on one axis."""
    from analysis.distances.permutation import permutation_band
    from analysis.distances.pot_distance import pot_between

    st.subheader(method_words.OVERLAY_TITLE)
    others = _others(choice)
    names = ["before", *(f"after {name}" for name in mapped), *others]
    left, middle, right = st.columns([2, 2, 1])
    first = left.selectbox("First", names, index=0, key="methods_first", bind="query-params")
    second = middle.selectbox("Second", names, index=min(1, len(names) - 1), key="methods_second", bind="query-params")
    names_along = dict(zip(ALONG, axis_names(pair, batch.d), strict=True))
    axis = one_of("Along", ALONG, ALONG[0], show=names_along.__getitem__, key="methods_along", place=right)
    unit = names_along[axis]

    def find(name: str) -> ActivationBatch:
        if name == "before":
            return batch
        if name.startswith("after "):
            return mapped[name.removeprefix("after ")][1]
        return affine.move(others[name]())

    one, other = find(first), find(second)
    if not (one.is_finite and other.is_finite):
        st.error("One of the two batches holds values that are not finite. Choose another.")
        return
    along = pair if axis == ALONG[0] else (pair[0], pair[2], pair[1])
    spans = [caches.result(pair_limits, each, along) for each in (one, other)]
    limits = min(low for low, _ in spans), max(high for _, high in spans)
    densities = {name: caches.shared(pair_density, find(name), along, limits, onto=batch) for name in (first, second)}
    related = _share_inputs(choice, batch.n, {first: one, second: other})
    paired = _choose_pairing(related=related)
    rows = min(one.n, other.n)
    one, other = (caches.shared(first_rows, each, rows) if paired else each for each in (one, other))
    apart, margin = caches.result(pot_between, one, other, slices=SLICES)
    uncertainty = plus_minus(margin, over_directions(one.d))
    permuted = caches.result(permutation_band, one, other, slices=SLICES, paired=paired)
    moved = f" {method_words.about_move(affine.scale, affine.shift)}" if others.keys() & {first, second} else ""
    show_chart(
        overlaid(densities, unit),
        key="methods_overlay",
        height=320,
        alt=f"Densities of {unit} in {first} and in {second}; the batches are {apart:.3f} apart in SW1.",
        about=method_words.about_overlay((first, second), unit, apart, uncertainty, permuted, rows if paired else None)
        + moved,
    )


def _choose_pairing(*, related: bool) -> bool:
    """Whether row i of both batches is taken to belong to one input: as is known, or as the visitor says."""
    known = f"as known: {'in pairs' if related else 'independent'}"
    labels = {AS_KNOWN: known, "pairs": "in pairs", "independent": "independent"}
    chosen = one_of(
        "Rows of the two",
        list(labels),
        AS_KNOWN,
        show=labels.__getitem__,
        key="methods_pairing",
        hint=method_words.HELP_PAIRING,
    )
    return related if chosen == AS_KNOWN else chosen == "pairs"


def _share_inputs(choice: Choice, rows: int, compared: dict[str, ActivationBatch]) -> bool:
    """Whether row i of the batches by these names is known to come from one input.

    What a method makes of a batch has its rows, a regulariser's flow the first of them. Epochs of a layer have the rows
    of one probe, if its run has one; of a dump, which does not say, if they are as many. The other cases of Figure 1
    are drawn independently.
    """
    own_case = choice.spec and f"case ({choice.spec.case}) {CASE_TITLES[choice.spec.case]}"
    one_probe = choice.run is None or all(record.sampling == "probe" for record in choice.run.records)

    def shares(name: str, one: ActivationBatch) -> bool:
        if name in ("before", own_case) or name.startswith("after "):
            return True
        return choice.spec is None and one_probe and one.n == rows

    return all(shares(name, one) for name, one in compared.items())


def _others(choice: Choice) -> dict[str, Callable[[], ActivationBatch]]:
    """The other cases of Figure 1, or the other epochs of the layer, by what a visitor reads."""
    if choice.spec is None:
        return {f"{harmless(choice.layer)}, epoch {epoch}": partial(choice.at_epoch, epoch) for epoch in choice.epochs}
    return {f"case ({case}) {CASE_TITLES[case]}": choice.with_case(case).batch for case in CASES}


choice: Choice = st.session_state[CHOICE]
st.title("What the methods do to a distribution")
lead = st.container()
if not choice.batch().is_finite:
    st.error(not_finite(choice.batch().name, choice.batch()))
    st.stop()
affine = choose_affine_map(*(MOVED if choice.spec else STILL))
batch = affine.move(choice.batch())
chosen = choose_methods()
if not chosen:
    *shorts, last = (method.short for method in opening_methods())
    st.info(method_words.NOTHING_CHOSEN.format(start=f"{', '.join(shorts)} and {last}"))
    st.stop()
lead.markdown(method_words.lead(batch.name, affine.scale, affine.shift, {one.method.kind for one in chosen}))
regularisers = [one for one in chosen if one.method.kind == "regulariser"]
pull = choose_pull() if regularisers else Pull(1.0, 120, "")
warn_of_whitening(chosen, batch.n, batch.d)
mapped, flows = apply_methods(batch, chosen, pull)
st.subheader("How much of the distance to N(0, I) each method removes")
with st.skeleton(height=360):
    show_removed(batch, mapped, key="methods_parts")
st.subheader("Before and after")
pair = choose_pair(batch.d, "methods")
with st.skeleton(height=256):
    show_densities(batch, mapped, flows, pair)
show_changes(batch, mapped)
if flows:
    st.subheader("Where the regularisers pull")
    for one in regularisers:
        if one.method.short in flows:
            show_flow(mapped[one.method.short][0], batch, pair, one, flows[one.method.short])
show_small_batches(batch, chosen)
show_overlay(choice, affine, batch, mapped, pair)
