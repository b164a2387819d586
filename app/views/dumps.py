"""Dumps: bring activation files, see what is in them, and which layer needs a look first."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from analysis.batch import ActivationBatch
from analysis.dumps import DEFAULT_PATTERN, Inspection, Layout, NamePattern, Upload, inspect
from app import cached, service
from app import dump_words as words
from app.chart import show_chart
from app.choice import DUMP, OPENED, dump_key
from app.figures.dumps import honest_histograms, overview_map
from app.progress import CHUNK, in_chunks
from per_core.errors import PerError

if TYPE_CHECKING:
    from analysis.overview import Overview

LAYER_ROWS, MOST_ROWS = 22, 28  # pixels of a row of the map; rows without scrolling far
MAX_DETAIL_VALUES = 1_048_576


@st.cache_resource(scope="session", max_entries=1, show_spinner=False, on_release=Upload.release)
def keep_upload(_files: list[object], names: tuple[str, ...]) -> Upload:  # noqa: ARG001
    """Uploaded files in temporary ones, until others replace them or the session ends."""
    return Upload({file.name: file for file in _files})


def open_dump() -> Inspection | None:
    """The upload or the path that a visitor gives, inspected; None with a hint or an error on the page."""
    left, right = st.columns(2, gap="large")
    files = left.file_uploader("Files", accept_multiple_files=True, key="dumps_files")
    folders = service.dump_folders()
    path = right.text_input(
        "Or a path on the server",
        key="dumps_path",
        bind="query-params",
        help=words.HELP_PATH.format(folders=", ".join(map(str, folders))),
    )
    try:
        if files:
            upload = keep_upload(files, tuple(file.file_id for file in files))
            return inspect(upload)
        if path:
            return inspect(path, allowed=folders)
    except PerError as error:
        st.error(str(error))
        return None
    st.info(words.EMPTY)
    return None


def settle(inspection: Inspection) -> Inspection:
    """Names by an editable rule, and the layout that is asked for once."""
    with st.expander("How names are read"):
        st.caption(words.HELP_PATTERN)
        fields = {
            name: st.text_input(name.capitalize(), getattr(DEFAULT_PATTERN, name), key=f"dumps_pattern_{name}")
            for name in ("layer", "epoch", "split", "drop")
        }
    try:
        inspection = inspection.with_pattern(NamePattern(**fields))
    except PerError as error:
        st.error(str(error))
    if inspection.ambiguous:
        left, right = st.columns(2)
        kind = left.segmented_control(
            words.ASK_LAYOUT,
            list(words.LAYOUTS),
            format_func=words.LAYOUTS.__getitem__,
            key=f"dumps_layout_{inspection.path.name}",
        )
        axis = 1
        if kind == "position":
            axis = right.selectbox("Axis of the channels", [1, 2, 3, -1], key=f"dumps_axis_{inspection.path.name}")
        if kind is not None:
            inspection = inspection.with_layout(Layout(kind, axis))
    return inspection


def show_members(inspection: Inspection) -> None:
    """The inspection table: what there is and why something is refused."""
    rows = [
        {
            "Member": member.name,
            "Shape": " × ".join(map(str, member.shape)) if member.shape else "",
            "Type": member.dtype,
            "Declared": member.declared,
            "Stored": member.stored,
            "Layer": member.layer or "",
            "Epoch": member.epoch,
            "Verdict": member.verdict,
            "Reason": member.reason or member.note,
        }
        for member in inspection.members
    ]
    counts = f"{len(inspection.readable)} can be read, {len(inspection.ambiguous)} need a layout, "
    with st.expander(
        f"{len(inspection.members)} members: {counts}{len(inspection.refused)} are refused",
        expanded=not inspection.readable,
    ):
        table = pd.DataFrame(rows)
        st.dataframe(table, hide_index=True, height="auto" if len(rows) < 12 else 320, alt="All members of the dump")
        st.download_button("Table as CSV", table.to_csv(index=False), "members.csv", "text/csv", on_click="ignore")
    if inspection.ignored:
        st.caption(f"Passed over, of no kind that is read: {', '.join(inspection.ignored[:8])}.")


def read_all(inspection: Inspection) -> "Overview":
    """The overview, with progress where it is new."""
    from analysis.overview import overview

    known = cached.overviews()
    key = dump_key(inspection)
    if key not in known:
        bar = st.progress(0.0, text="Reading every layer")
        known[key] = overview(
            inspection,
            on_progress=lambda done, total: bar.progress(done / max(total, 1), f"Read {done} of {total} members"),
        )
        bar.empty()
        while len(known) > 8:
            known.pop(next(iter(known)))
    return known[key]


def show_overview(found: "Overview") -> None:
    """The map, worst layers first, and troubles in words."""
    from analysis.overview import MOST_ROWS as READ
    from analysis.overview import QUANTITIES, epoch_label
    from analysis.trouble import list_troubles

    quantity = st.selectbox(
        words.QUANTITY,
        list(QUANTITIES),
        format_func=lambda name: QUANTITIES[name].title,
        key="dumps_quantity",
        bind="query-params",
    )
    order = found.worst(quantity)
    table = found.table(quantity)
    position = {layer: i for i, layer in enumerate(found.layers)}
    show_chart(
        overview_map(
            table[[position[layer] for layer in order]],
            order,
            [epoch_label(epoch) for epoch in found.epochs],
            QUANTITIES[quantity].title,
        ),
        key="dumps_overview",
        height=100 + LAYER_ROWS * min(len(order), MOST_ROWS),
        alt=f"{QUANTITIES[quantity].title} of {len(order)} layers at {len(found.epochs)} epochs; worst is {order[0]}.",
        about=words.about_overview(QUANTITIES[quantity].title, READ),
    )
    troubles = list_troubles(found)
    if troubles:
        st.markdown("**Trouble**")
        rows = [
            {
                "Layer": one.layer,
                "Trouble": one.trouble.kind,
                "Severity": one.trouble.severity,
                "Epochs": ", ".join(epoch_label(epoch).removeprefix("epoch ") for epoch in one.epochs),
                "Why, and what helps": one.trouble.sentence,
            }
            for one in troubles
        ]
        st.dataframe(
            pd.DataFrame(rows),
            hide_index=True,
            height="auto" if len(troubles) < 8 else 280,
            alt="Troubles of the layers in words",
        )
    else:
        st.success(words.NO_TROUBLE)
    st.download_button(
        "Numbers as CSV",
        pd.DataFrame(found.as_rows()).to_csv(index=False),
        "overview.csv",
        "text/csv",
        on_click="ignore",
        key="dumps_numbers",
    )


def choose_member(found: "Overview") -> str:
    """The member to open: a layer, worst first, and an epoch."""
    from analysis.overview import epoch_label

    left, right = st.columns(2)
    layers = list(found.worst(st.session_state["dumps_quantity"]))
    layer = left.selectbox("Layer, worst first", layers, key="dumps_layer")
    epochs = [epoch for epoch, _ in found.history(layer)]
    labels = {epoch_label(epoch): epoch for epoch in epochs}
    label = right.selectbox("Epoch", list(labels), index=len(labels) - 1, key=f"dumps_epoch_{layer}")
    return found.members[layer, labels[label]]


def use_elsewhere(member: str) -> None:
    """Make a member the batch of the other pages."""
    st.session_state["data_source"] = DUMP
    st.session_state["data_dumped"] = member


def show_detail(inspection: Inspection, member: str, other: str | None) -> None:
    """One member: its histogram, the parts of its distance, and the way to the other pages."""
    from analysis.distance_parts import take_apart
    from analysis.histogram import histogram
    from analysis.null_band import draws_that_fit

    key = dump_key(inspection)

    def read(name: str) -> ActivationBatch:
        units = inspection.member(name).units or 1
        return cached.dump_batch(inspection, key, name, MAX_DETAIL_VALUES // units)

    batches = {name: read(name) for name in dict.fromkeys([member, *([other] if other else [])])}
    batch = batches[member]
    joined = np.concatenate([one.values.ravel()[:: max(1, one.values.size // 200_000)] for one in batches.values()])
    both = histogram(joined)
    limits = float(both.edges[0]), float(both.edges[-1])
    bins = min(len(both.counts), 200)
    histograms = {name: histogram(one.values.ravel(), bins=bins, range=limits) for name, one in batches.items()}
    left, right = st.columns(2)
    log_density = left.toggle("Logarithmic density", key="dumps_log_density", bind="query-params")
    log_values = right.toggle("Logarithmic axis, positive values only", key="dumps_log_values", bind="query-params")
    show_chart(
        honest_histograms(histograms, log_density=log_density, log_values=log_values),
        key="dumps_histogram",
        height=340,
        alt=f"Histogram of {member}: {batch.n} rows, {batch.d} units.",
        about=words.about_histogram(member, histograms[member]),
    )
    if not batch.is_finite:
        finite = np.isfinite(batch.values).all(axis=1)
        if finite.sum() < 2:
            return
        batch = ActivationBatch(batch.values[finite], batch.name)
    chunks = in_chunks(
        draws_that_fit(batch.n, batch.d),
        CHUNK,
        lambda first, count: cached.gaussian_mending_chunk(batch.n, batch.d, first, count),
        "Taking N(0, I) apart",
    )
    st.markdown(words.split_in_words(take_apart(cached.mending(batch), np.concatenate(chunks))), help=words.HELP_SPLIT)
    if st.session_state.get("data_source") != DUMP or st.session_state.get("data_dumped") != member:
        st.button("Look at it on the other pages", on_click=use_elsewhere, args=(member,), key="dumps_use")
    else:
        for place, view in zip(st.columns(3), ("distributions", "bound", "methods"), strict=True):
            place.page_link(f"views/{view}.py", label=f"{view.capitalize()} of this layer")
    with st.expander("The same in Python"):
        st.code(
            "from analysis.dumps import load\nfrom analysis.overview import survey\n\n"
            f"batch = load({str(inspection.path.name)!r}, {member!r})\nprint(survey(batch))",
            language="python",
        )


st.title(words.TITLE)
st.markdown(words.LEAD)
inspection = open_dump()
if inspection is not None:
    inspection = settle(inspection)
    st.session_state[OPENED] = replace(inspection)
    show_members(inspection)
    if inspection.readable:
        found = read_all(inspection)
        show_overview(found)
        st.subheader("One layer")
        member = choose_member(found)
        beside = st.selectbox(
            "Beside it", ["nothing", *(m.name for m in inspection.readable if m.name != member)], key="dumps_beside"
        )
        try:
            show_detail(inspection, member, None if beside == "nothing" else beside)
        except PerError as error:
            st.error(str(error))
