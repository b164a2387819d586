"""What is wrong with which layer of a dump: the overview, one layer in full, and two dumps side by side."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import streamlit as st

from analysis.batch import ActivationBatch
from analysis.histogram import histogram
from analysis.null_band import band_of
from analysis.overview import BAND_DRAWS, MOST_ROWS, QUANTITIES, SLICES, Epoch, LayerReading, Overview, epoch_label
from app import cached
from app import dump_words as words
from app.chart import show_chart
from app.choice import LOOKED_AT
from app.dump_source import OpenDump
from app.export import offer_table
from app.figures import epochs as epoch_figures
from app.figures.dumps import honest_histograms, matched_layers, overview_map
from app.figures.training import distances
from app.parts import show_removed
from app.worst_directions import TABLE, show_worst, worst_table
from per_core.errors import PerError

LAYER_PIXELS, MOST_LAYERS = 22, 28  # of a row of the map, and rows without scrolling far
EPOCH_VALUES = 50_000
HISTOGRAM_BINS, EPOCH_BINS = 200, 80
WORST_SLICES = 64
MOST_MATCHED = 40
METHODS = {"BN": "bn", "DBN": "dbn"}
NOTHING = "nothing"


def show_overview(dump: OpenDump) -> None:
    """The map, worst layers first, and troubles in words."""
    found = dump.overview
    names = list(QUANTITIES)
    quantity = st.selectbox(
        words.QUANTITY,
        names,
        format_func=lambda name: QUANTITIES[name].title,
        key="dumps_quantity",
        bind="query-params",
        width=320,
    )
    order = found.worst(quantity)
    position = {layer: i for i, layer in enumerate(found.layers)}
    show_chart(
        overview_map(
            found.table(quantity)[[position[layer] for layer in order]],
            order,
            [_column(epoch) for epoch in found.epochs],
            QUANTITIES[quantity].title,
        ),
        key="dumps_overview",
        height=100 + LAYER_PIXELS * min(len(order), MOST_LAYERS),
        alt=f"{QUANTITIES[quantity].title} of {len(order)} layers at {len(found.epochs)} epochs; worst is {order[0]}.",
        about=words.about_overview(QUANTITIES[quantity].title, MOST_ROWS, BAND_DRAWS),
        on_point=_open_cell,
    )
    troubles = _show_troubles(found)
    places = st.columns(5)
    offer_table(pd.DataFrame(found.as_rows()), "Overview", places[:2], key="dumps_numbers")
    offer_table(troubles, "Troubles", places[2:4], key="dumps_troubles")
    with places[4]:
        _offer_report(dump)


def _offer_report(dump: OpenDump) -> None:
    """The whole dump as one file."""
    from analysis.report import report_html

    st.download_button(
        "Report as HTML",
        lambda: report_html(dump.inspection, dump.overview),
        f"{dump.inspection.path.stem}.html",
        "text/html",
        on_click="ignore",
        key="dumps_report",
        help=words.REPORT_HELP,
        width="stretch",
    )


def _show_troubles(found: Overview) -> pd.DataFrame:
    from analysis.trouble import list_troubles

    troubles = list_troubles(found)
    table = pd.DataFrame(
        [
            {
                "Layer": one.layer,
                "Trouble": f"{one.trouble.kind}, {one.trouble.severity}",
                "At epoch": words.span(one.epochs, len(found.epochs)),
                "Why, and what helps": one.trouble.sentence,
            }
            for one in troubles
        ]
    )
    if table.empty:
        st.success(words.NO_TROUBLE)
        return table
    st.markdown("**Trouble**")
    with st.container(height="content" if len(troubles) <= 8 else 420, border=False):
        st.table(table, hide_index=True, alt="Troubles of the layers in words")
    return table


def _open_cell(x: str, y: str) -> None:
    """A click on the map."""
    st.session_state["dumps_layer"], st.session_state["dumps_epoch"] = y, x


def _column(epoch: Epoch) -> str:
    return "none" if epoch is None else str(epoch)


def choose_cell(found: Overview) -> tuple[str, Epoch]:
    """The layer and the epoch to open: the worst at its latest, until somebody chooses."""
    left, right = st.columns(2)
    layers = list(found.worst(st.session_state["dumps_quantity"]))
    _forget("dumps_layer", layers)
    layer = left.selectbox("Layer, worst first", layers, key="dumps_layer", bind="query-params")
    epochs = {_column(epoch): epoch for epoch, _ in found.history(layer)}
    _forget("dumps_epoch", list(epochs))
    latest = 0 if "dumps_epoch" in st.session_state else len(epochs) - 1  # a default beside a value is warned of
    label = right.selectbox("Epoch", list(epochs), index=latest, key="dumps_epoch", bind="query-params")
    return layer, epochs[label]


def _forget(key: str, options: list[str]) -> None:
    """Drop what was chosen where it is not on offer any more."""
    if st.session_state.get(key, options[0]) not in options:
        del st.session_state[key]


def show_layer(dump: OpenDump, layer: str, epoch: Epoch, other: OpenDump | None) -> None:
    """One layer at one epoch: its numbers, distributions now and over the epochs, worst directions and parts."""
    reading = dump.overview.cells[layer, epoch]
    if isinstance(reading, str):
        st.error(words.NOT_READ.format(reason=reading))
        return
    st.markdown(words.about_reading(reading))
    batch = cached.dumped_batch(dump.inspection, dump.overview.members[layer, epoch])
    _show_histogram(dump, layer, epoch, batch, other)
    dumps = [one for one in (dump, other) if one is not None and one.overview.history(layer)]
    if any(len(one.overview.history(layer)) > 1 for one in dumps):
        _show_history(dumps, layer)
    rows = _looked_at(batch)
    if rows.n < 2:
        return
    left, right = st.columns([4, 3], gap="large")
    with left:
        st.markdown(f"**{words.SPLIT_TITLE}**")
        parts = st.container()
    with right:
        st.markdown(f"**{words.WORST_TITLE}**")
        table, note = st.empty(), st.container()
        table.dataframe(worst_table(cached.direction_study(rows, WORST_SLICES), {}), **TABLE)
    with parts:
        _show_parts(rows)
    show_worst(table, note, rows, WORST_SLICES)


def show_doors(dump: OpenDump, layer: str, epoch: Epoch) -> None:
    """The way to the other pages, which show the layer that is open here."""
    st.session_state[LOOKED_AT] = dump.overview.members[layer, epoch]
    st.markdown("**Look at this layer on another page**")
    for place, view in zip(st.columns(6)[:3], ("distributions", "bound", "methods"), strict=True):
        place.page_link(f"views/{view}.py", label=view.capitalize(), width="stretch")


def show_code(dump: OpenDump, layer: str, epoch: Epoch) -> None:
    """The lines of Python that give the numbers of one layer."""
    inspection = dump.inspection
    options = "" if inspection.layout is None else f", layout={inspection.layout!r}"
    name = dump.overview.members[layer, epoch]
    with st.expander("The same in Python"):
        st.code(
            "from analysis.dumps import Layout, inspect\n"
            "from analysis.overview import read_member, survey\n\n"
            f"dump = inspect({inspection.path.name!r}{options})\n"
            f"member = dump.member({name!r})\n"
            "print(survey(read_member(dump, member), total=member.rows))",
            language="python",
        )


def show_matched(dump: OpenDump, other: OpenDump) -> None:
    """Every layer that both dumps have, by the quantity that the overview shows."""
    quantity = QUANTITIES[st.session_state["dumps_quantity"]]
    shared = [layer for layer in dump.overview.worst(quantity.name) if layer in set(other.overview.layers)]
    if not shared:
        st.warning(words.NO_MATCH)
        return
    values: dict[str, dict[str, float]] = {dump.name: {}, other.name: {}}
    for layer in shared[:MOST_MATCHED]:
        for one, reading in zip((dump, other), _together(dump.overview, other.overview, layer), strict=True):
            values[one.name][layer] = getattr(reading, quantity.name) if reading else float("nan")
    only = {one.name: [layer for layer in one.overview.layers if layer not in shared] for one in (dump, other)}
    show_chart(
        matched_layers(values, quantity.title),
        key="dumps_matched",
        height=110 + LAYER_PIXELS * min(len(shared), MOST_MATCHED),
        alt=f"{quantity.title} of {len(shared)} layers in {dump.name} and in {other.name}.",
        about=words.about_matched(quantity.title, only, max(0, len(shared) - MOST_MATCHED)),
    )


def _together(first: Overview, second: Overview, layer: str) -> tuple[LayerReading | None, LayerReading | None]:
    """Readings of a layer at the latest epoch that both have, else at the latest of each."""
    readable = [{e: r for e, r in one.history(layer) if isinstance(r, LayerReading)} for one in (first, second)]
    both = [epoch for epoch in readable[0] if epoch in readable[1]]
    if both:
        return readable[0][both[-1]], readable[1][both[-1]]
    latest = [next(reversed(one.values()), None) for one in readable]
    return latest[0], latest[1]


def _show_histogram(dump: OpenDump, layer: str, epoch: Epoch, batch: ActivationBatch, other: OpenDump | None) -> None:
    """The layer's values, and beside them those of another epoch or layer, or of the same layer in another dump."""
    left, middle, right = st.columns([3, 2, 2], vertical_alignment="bottom")
    cells = {
        f"{name}, {epoch_label(at)}": (name, at) for name, at in dump.overview.cells if (name, at) != (layer, epoch)
    }
    ordered = sorted(cells, key=lambda label: cells[label][0] != layer)
    _forget("dumps_beside", [NOTHING, *ordered])
    beside = left.selectbox("Beside it", [NOTHING, *ordered], key="dumps_beside", bind="query-params")
    log_density = middle.toggle("Logarithmic density", key="dumps_log_density", bind="query-params")
    log_values = right.toggle(
        "Logarithmic values", key="dumps_log_values", bind="query-params", help=words.HELP_LOG_VALUES
    )
    mark = f"{dump.name}: " if other else ""
    batches = {f"{mark}{layer}, {epoch_label(epoch)}": batch}
    try:
        if beside != NOTHING:
            batches[mark + beside] = cached.dumped_batch(dump.inspection, dump.overview.members[cells[beside]])
        if other is not None and other.overview.history(layer):
            at = epoch if (layer, epoch) in other.overview.members else other.overview.history(layer)[-1][0]
            there = cached.dumped_batch(other.inspection, other.overview.members[layer, at])
            batches[f"{other.name}: {layer}, {epoch_label(at)}"] = there
    except PerError as error:
        st.error(str(error))
    some = np.concatenate([one.values.ravel()[:: max(1, one.values.size // 200_000)] for one in batches.values()])
    both = histogram(some)
    limits = float(both.edges[0]), float(both.edges[-1])
    bins = min(len(both.counts), HISTOGRAM_BINS)
    histograms = {name: histogram(one.values.ravel(), bins=bins, range=limits) for name, one in batches.items()}
    show_chart(
        honest_histograms(histograms, log_density=log_density, log_values=log_values),
        key="dumps_histogram",
        height=340,
        alt=f"Histogram of {' and '.join(histograms)}.",
        about=words.about_histogram(histograms),
    )


def _show_history(dumps: list[OpenDump], layer: str) -> None:
    """The layer over the epochs: distances with what N(0, I) has, and distributions."""
    from analysis.history import read_history

    histories = {one.name: read_history(one.overview, layer) for one in dumps}
    first = next(iter(histories.values()))
    draws = cached.gaussian_chunk(first.n, first.d, SLICES, 1, BAND_DRAWS)
    bands = {key: band_of(values) for key, values in draws.items()}
    last = max(float(history.epochs[-1]) for history in histories.values())
    show_chart(
        distances(
            {name: [history] for name, history in histories.items()},
            {"N(0, I) of this size": {key: (band.low, band.high) for key, band in bands.items()}},
            int(last),
        ),
        key="dumps_distances",
        height=300,
        alt=f"SW1, PER and variance of {layer} over the epochs.",
        about=words.about_distances(first.n, SLICES, BAND_DRAWS),
    )
    view = st.segmented_control(
        "Distributions as",
        list(epoch_figures.VIEWS),
        default="Heat map",
        required=True,
        key="dumps_as",
        bind="query-params",
    )
    series = {one.name: _values_over_epochs(one, layer) for one in dumps}
    some = np.concatenate([part[::10] for own in series.values() for part in own.values()])
    limits = histogram(some).edges[[0, -1]]
    drawn, outside = {}, []
    for name, own in series.items():
        counted = [histogram(part, bins=EPOCH_BINS, range=(limits[0], limits[1])) for part in own.values()]
        drawn[name] = epoch_figures.DensitySeries(list(own), np.stack([one.density for one in counted]))
        outside += [(one.n_below + one.n_above) / one.n for one in counted]
    edges = np.linspace(*limits, EPOCH_BINS + 1)
    show_chart(
        epoch_figures.VIEWS[view](drawn, (edges[:-1] + edges[1:]) / 2, "activation"),
        key=f"dumps_history_{list(epoch_figures.VIEWS).index(view)}",
        height=340,
        alt=f"Distributions of {layer} over {max(map(len, series.values()))} epochs.",
        about=words.about_history(view, float(np.mean(outside))),
    )


def _values_over_epochs(dump: OpenDump, layer: str) -> Mapping[float, np.ndarray]:
    """Values of the layer by epoch, of those that can be read."""
    found = {}
    for epoch, reading in dump.overview.history(layer):
        if epoch is None or isinstance(reading, str):
            continue
        values = cached.dumped_values(dump.inspection, dump.overview.members[layer, epoch], EPOCH_VALUES)
        if values.size:
            found[float(epoch)] = values
    return found


def _looked_at(batch: ActivationBatch) -> ActivationBatch:
    """At most as many rows as the overview takes, without those that are not finite."""
    values = batch.values if batch.is_finite else batch.values[np.isfinite(batch.values).all(axis=1)]
    rows = np.linspace(0, len(values) - 1, min(len(values), MOST_ROWS)).astype(int)
    return ActivationBatch(values[rows], batch.name)


def _show_parts(batch: ActivationBatch) -> None:
    mapped = {}
    for name, key in METHODS.items():
        try:
            mapped[name] = batch, cached.normalised(batch, key, ())
        except PerError as error:
            st.caption(f"{name}: {error}")
    show_removed(batch, mapped, key="dumps_parts")
