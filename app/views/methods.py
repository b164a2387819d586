"""Methods: what normalisers make of a batch and where regularisers pull it, side by side."""

import numpy as np
import streamlit as st

from analysis.batch import ActivationBatch
from analysis.samples import CASE_TITLES, CASES
from app import cached, method_words, words
from app.change_table import show_changes
from app.chart import show_chart
from app.choice import Choice
from app.figures.joint import joint_panels
from app.figures.methods import TrapCurve, overlaid, small_batches
from app.flow_section import Flow, Pull, choose_pull, follow_method, show_flow
from app.method_choice import ChosenMethod, choose_methods
from app.pair import Pair, axis_names, choose_pair
from app.parts import Mapped, show_removed
from app.progress import in_chunks
from per_core.errors import PerError

FEW_ROWS_A_UNIT = 5
TRAP_ROWS = [4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192]
TRAP_SPLITS = 5
TRAP_GAUSSIANS = 39  # batches of N(0, I): level 5 %
SLICES = 64


def choose_place(batch: ActivationBatch) -> ActivationBatch:
    """Shift and scale of the batch before the methods, whatever its source."""
    left, right = st.columns(2)
    scale = left.slider("Scale before the methods", 0.1, 4.0, 1.5, 0.1, key="methods_scale", bind="query-params")
    shift = right.slider("Shift before the methods", -4.0, 4.0, 1.0, 0.1, key="methods_shift", bind="query-params")
    return cached.moved_batch(batch, shift, scale)


def apply_methods(batch: ActivationBatch, chosen: list[ChosenMethod], pull: Pull) -> tuple[Mapped, dict[str, Flow]]:
    """The batch before and after each method, and the flows of the regularisers; a refusal is shown and left out."""
    from analysis.flow import MOST_ROWS

    mapped: Mapped = {}
    flows = {}
    for one in chosen:
        name = one.method.short
        try:
            if one.method.kind == "normaliser":
                mapped[name] = batch, cached.normalised(batch, one.method.key, one.parameters)
            else:
                rows = cached.first_rows(batch, MOST_ROWS)
                flows[name] = follow_method(rows, one, pull)
                end = flows[name][pull.left].frames[-1]
                mapped[name] = rows, ActivationBatch(end, f"{batch.name}, after {name} {pull.left}")
        except PerError as error:
            st.error(f"{one.method.title}: {error}")
    return mapped, flows


def show_densities(batch: ActivationBatch, mapped: Mapped, pair: Pair) -> None:
    """The batch and what each method makes of it, on shared axes."""
    shown = {"before": batch} | {name: after for name, (_, after) in mapped.items()}
    low, high = cached.pair_limits(batch, pair)
    limits = min(low, -4.0), max(high, 4.0)
    densities = {
        name: cached.projected_density(one, batch, pair, limits) for name, one in shown.items() if one.is_finite
    }
    show_chart(
        joint_panels(densities, units=axis_names(pair, batch.d), before=densities["before"]),
        key="methods_joint",
        height=256,
        aspect=0.25,
        alt=f"Joint density of the batch before, and after {', '.join(mapped)}, on the same axes.",
        about=words.about_joint(densities) + " Dashed: the marginals before.",
    )


def show_trap(batch: ActivationBatch, chosen: list[ChosenMethod]) -> None:
    """Statistics from few rows, applied to rows that were held out."""
    from analysis.null_band import band_of

    st.subheader(method_words.TRAP_TITLE)
    sizes = [rows for rows in TRAP_ROWS if rows <= batch.n // 2]
    normalisers = [one for one in chosen if one.method.kind == "normaliser"]
    by_batch = [one for one in normalisers if one.method.scope == "batch"]
    if len(by_batch) < len(normalisers) or not normalisers:
        st.info(method_words.without_trap([one.method.short for one in normalisers if one.method.scope == "row"]))
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
        lambda i, _: cached.small_batch(
            batch, work[i - 1][0].method.key, work[i - 1][0].parameters, work[i - 1][1], TRAP_SPLITS
        ),
        "Statistics from few rows",
    )
    gaussian = [band_of(cached.gaussian_chunk(size, batch.d, SLICES, 1, TRAP_GAUSSIANS)["sw1"]) for size in sizes]
    curves = {}
    for i, one in enumerate(by_batch):
        own = results[i * len(sizes) : (i + 1) * len(sizes)]
        curves[one.method.short] = TrapCurve(
            sizes, np.stack([result.seen for result in own]), np.stack([result.held_out for result in own])
        )
    show_chart(
        small_batches(curves, gaussian, rows),
        key="methods_trap",
        height=380,
        alt="SW1 to N(0, I) over the number of rows that statistics come from, on those rows and on as many others.",
        about=method_words.about_trap(curves, gaussian[sizes.index(rows)], rows, TRAP_SPLITS),
    )


def show_overlay(choice: Choice, batch: ActivationBatch, mapped: Mapped, pair: Pair) -> None:
    """Two batches that a visitor picks, on one axis."""
    st.subheader(method_words.OVERLAY_TITLE)
    names = ["before", *(f"after {name}" for name in mapped)]
    if choice.spec is None:
        epochs = {f"{choice.layer}, epoch {epoch:g}": epoch for epoch in choice.epochs}
        names += list(epochs)
    else:
        names += [f"case ({case}) {CASE_TITLES[case]}" for case in CASES]
    left, right = st.columns(2)
    first = left.selectbox("First", names, index=0, key="methods_first", bind="query-params")
    second = right.selectbox("Second", names, index=min(1, len(names) - 1), key="methods_second", bind="query-params")

    def find(name: str) -> ActivationBatch:
        if name == "before":
            return batch
        if name.startswith("after "):
            return mapped[name.removeprefix("after ")][1]
        if choice.spec is None:
            return choice.at_epoch(epochs[name])
        return choice.with_case(name[6]).batch()

    batches = {first: find(first), second: find(second)}
    if not all(one.is_finite for one in batches.values()):
        st.error("One of the two batches holds values that are not finite. Choose another.")
        return
    spans = [cached.pair_limits(one, pair) for one in batches.values()]
    limits = min(low for low, _ in spans), max(high for _, high in spans)
    densities = {name: cached.projected_density(one, batch, pair, limits) for name, one in batches.items()}
    between, error = cached.distance_between(find(first), find(second), SLICES)
    unit = axis_names(pair, batch.d)[0]
    show_chart(
        overlaid(densities, unit),
        key="methods_overlay",
        height=320,
        alt=f"Densities of {unit} in {first} and in {second}; the batches are {between:.3f} apart in SW1.",
        about=method_words.about_overlay(first, second, unit, between, error),
    )


choice: Choice = st.session_state["choice"]
st.title("What the methods do to a distribution")
lead = st.container()
if not choice.batch().is_finite:
    st.error(words.not_finite(choice.batch()))
    st.stop()
batch = choose_place(choice.batch())
chosen = choose_methods()
if not chosen:
    st.info(method_words.NOTHING_CHOSEN)
    st.stop()
lead.markdown(
    method_words.LEAD.format(
        name=batch.name, scale=st.session_state["methods_scale"], shift=st.session_state["methods_shift"]
    )
)
regularisers = [one for one in chosen if one.method.kind == "regulariser"]
pull = choose_pull() if regularisers else Pull(1.0, 120, "")
whitening = [one.method.short for one in chosen if "group_size" in dict(one.parameters)]
if whitening and batch.n < FEW_ROWS_A_UNIT * batch.d:
    st.warning(method_words.whitening_warning(whitening, batch.n, batch.d))
mapped, flows = apply_methods(batch, chosen, pull)
st.subheader("How much of the distance to N(0, I) each method removes")
with st.skeleton(height=360):
    show_removed(batch, mapped, key="methods_parts")
st.subheader("Before and after")
pair = choose_pair(batch.d, "methods")
with st.skeleton(height=256):
    show_densities(batch, mapped, pair)
show_changes(batch, mapped)
if flows:
    st.subheader("Where the regularisers pull")
    for one in regularisers:
        if one.method.short in flows:
            show_flow(mapped[one.method.short][0], batch, pair, one, flows[one.method.short])
show_trap(batch, chosen)
show_overlay(choice, batch, mapped, pair)
