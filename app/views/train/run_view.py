"""One comparison on the Train page, live or afterwards: Figure 2, progress, distances, distributions, results."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from analysis.plain_text import plain, plain_names
from analysis.statistics import density
from analysis.survey.history import RecordedDistances, layer_history, scalar_history, unit_history, unit_values
from app.charts import training as figures
from app.charts.chart import show_chart
from app.sections import layer_over_epochs
from app.session import caches
from app.session.batch_choice import member_name, run_query
from app.session.controls import one_of
from app.session.keys import VIEW_CLIP, VIEW_OWN
from app.session.null_bands import null_bands
from app.text import training_words as words
from app.text.plain import escaped, harmless, label
from app.views.train.shown_runs import Network, Shown
from app.views.train.training_fields import method_title

if TYPE_CHECKING:
    from analysis.runs.comparison import Comparison
    from analysis.survey.history import LayerHistory
    from per_core.recording.run_directory import Record, Run

DRAWN_BINS = 36_000  # of all histograms of a chart together
PAGES = {"Distributions": "./", "Bound": "bound", "Methods": "methods"}  # Distributions is the page without a name
LATEST = "latest"
MOST_SCALARS = 5
_SCALARS = {
    "loss": "training loss",
    "accuracy": "training accuracy",
    "test_accuracy": "test accuracy",
    "seconds": "seconds an epoch",
}
_BESIDE_THESE = ("test_loss",)  # recorded, and said by another of them


def show_awaited(comparison: "Comparison") -> None:
    """Figure 2 without a record yet; the browser loads what it draws with meanwhile."""
    methods = [method.get("name") or method["combination"] for method in comparison.spec.get("methods", [])]
    st.info(words.WAITING)
    show_chart(
        figures.awaited_figure2([harmless(method_title(method)) for method in methods], comparison.status.epochs or 1),
        key="train_figure2",
        height=600,
        alt="Figure 2 without a record yet: it fills as the training goes on.",
    )


def show_lost(networks: Mapping[str, Network]) -> None:
    """Which networks hold NaN or infinite values, from when on."""
    for name, network in networks.items():
        for seed, reason in network.lost.items():
            which = f"{name}, seed {seed}," if len(network.runs) > 1 else name
            st.warning(f"{which} {escaped(reason)}.")


def show_figure2(shown: Shown) -> None:
    """Figure 2 of the paper, as far as it has come."""
    histories = {
        shown.row_title(layer): {name: unit_history(run, layer, shown.unit) for name, run in having.items()}
        for layer in shown.layers
        if (having := shown.having(layer))
    }
    row, top = next(iter(histories.items()))
    clipped = bool(st.session_state.get(VIEW_CLIP, True))
    own = bool(st.session_state.get(VIEW_OWN, False))
    rows = next(iter(shown.runs.values())).records[-1].layers.get(shown.layers[0])
    ends = ", ".join(f"{name} {unit.variance[-1]:.3g}" for name, unit in top.items())
    show_chart(
        figures.figure2(
            {label(row): by_name for row, by_name in histories.items()},
            shown.epochs,
            clip=figures.CLIPPED_VARIANCE if clipped else None,
            own_scales=own,
        ),
        key="train_figure2",
        height=180 * len(histories) + 70,
        alt=f"Median, band, mean and variance of a unit over the epochs; last variance in {plain(row)}: {ends}.",
        about=words.about_figure2(escaped(row), top, 0 if rows is None else rows.n, clipped=clipped, own_scales=own)
        + words.about_missing({escaped(layer): _lacking(shown, layer) for layer in shown.layers}),
    )


def show_progress(shown: Shown, *, trained_here: bool) -> None:
    """Loss, accuracy and time of every network, or whatever a script recorded beside its layers."""
    recorded = {name: None for run in shown.runs.values() for record in run.records for name in record.scalars}
    others = [name for name in recorded if name not in _SCALARS and name not in _BESIDE_THESE]
    keys = [*(key for key in _SCALARS if key in recorded), *others][:MOST_SCALARS]
    if not keys:
        return
    scalars = {
        _SCALARS.get(key, key): {
            name: [scalar_history(run, key) for run in network.runs.values()]
            for name, network in shown.networks.items()
            if any(key in record.scalars for run in network.runs.values() for record in run.records)
        }
        for key in keys
    }
    ends = ", ".join(
        f"{name} {curves[0][1][-1]:.4g}" for name, curves in next(iter(scalars.values())).items() if len(curves[0][1])
    )
    show_chart(
        figures.progress({label(title): curves for title, curves in scalars.items()}, shown.epochs),
        key="train_progress",
        height=290,
        alt=plain(f"{', '.join(scalars)} over the epochs. Last {next(iter(scalars))}: {ends or 'none'}."),
        about=words.about_progress(
            [escaped(title) for title in scalars], _most_seeds(shown), trained_here=trained_here
        ),
    )


def show_distances(shown: Shown, layer: str) -> None:
    """SW1, PER and variance of one layer, and the alarm when a layer collapses."""
    histories = {
        name: [layer_history(run, layer) for run in network.runs.values() if layer in run.layers]
        for name, network in shown.networks.items()
        if name in shown.having(layer)
    }
    collapsing = [name for name, seeds in histories.items() if any(one.collapses for one in seeds)]
    if collapsing:
        st.warning(words.collapse_alarm(collapsing, escaped(layer)))
    seed = next(iter(shown.runs.values())).allowance.seed
    bands = _gaussian_bands([one for seeds in histories.values() for one in seeds], seed)
    layer_over_epochs.show_distances(
        histories,
        bands,
        layer,
        epochs=shown.epochs,
        key="train_distances",
        note=words.about_missing({escaped(layer): _lacking(shown, layer)}),
    )


def _gaussian_bands(histories: "Sequence[LayerHistory]", seed: int) -> dict[str, dict[str, tuple[float, float]]]:
    """What N(0, I) gives at each size that occurs among the runs."""
    sizes = dict.fromkeys((one.n, one.d, one.slices) for one in histories)
    bands: dict[str, dict[str, tuple[float, float]]] = {}
    for n, d, slices in sizes:
        found = null_bands(RecordedDistances(slices, seed), n, d, draws=layer_over_epochs.GAUSSIAN_DRAWS)
        name = "N(0, I) of this size" if len(sizes) == 1 else f"N(0, I), {n:,} × {d:,}"
        bands[name] = {key: (band.low, band.high) for key, band in found.items()}
    return bands


def show_densities(shown: Shown, layer: str) -> None:
    """The distributions of one layer over the epochs, all networks on the same bins."""
    left, right = st.columns([2, 3])
    view = layer_over_epochs.choose_view("One epoch", key="train_view_as", place=left)
    which = one_of(
        "Of", ["the tracked unit", "all recorded units"], "the tracked unit", key="train_view_of", place=right
    )
    position = shown.unit if which == "the tracked unit" else None
    name = shown.row_title(layer) if position is not None else f"all recorded units of {layer}"
    values = {title: _values(shown, title, layer, position) for title in shown.having(layer)}
    values = {title: own for title, own in values.items() if own}
    if not values:
        return
    some = np.concatenate([one[:: max(1, len(one) // 500)] for own in values.values() for one in own.values()])
    limits = density.robust_limits(some[np.isfinite(some)], at_least=(-3.0, 3.0))
    layer_over_epochs.show_densities(
        values,
        name,
        view,
        limits=limits,
        key="train_densities",
        note=words.about_missing({escaped(layer): _lacking(shown, layer)}),
    )


def _values(shown: Shown, name: str, layer: str, position: int | None) -> dict[float, np.ndarray]:
    """Values of a layer by epoch: of epochs that every method of the comparison has, and that hold a finite value."""
    run, complete = shown.runs[name], shown.networks[name].complete
    records = [record for record in run.records if layer in record.layers and record.epoch <= complete]
    found = {
        record.epoch: caches.shared(unit_values, run, record.index, layer, position)
        for record in _thinned(records, DRAWN_BINS // (layer_over_epochs.BINS * len(shown.networks)))
    }
    return {epoch: values for epoch, values in found.items() if np.isfinite(values).any()}


def _thinned(records: "Sequence[Record]", most: int) -> "list[Record]":
    """At most about so many records: every second, fourth, ..., which change seldom as a run grows, and the last."""
    step = 1
    while len(records) > most * step:
        step *= 2
    return [record for place, record in enumerate(records) if place % step == 0 or place == len(records) - 1]


def show_results(networks: Mapping[str, Network], layer: str) -> None:
    """The last record of every network of every run: accuracy, distances, variance, with the range over the seeds."""
    rows = []
    for name, network in networks.items():
        runs = {seed: run for seed, run in network.runs.items() if layer in run.layers}
        histories = {seed: layer_history(run, layer) for seed, run in runs.items()}
        tested = {seed: scalar_history(run, "test_accuracy")[1] for seed, run in network.runs.items()}

        def cell(values: Mapping[int, float], form: str, lost: Mapping[int, object] = network.lost) -> str:
            """A network that is lost has no accuracy and no variance, whatever its last record says."""
            return words.range_text([np.nan if seed in lost else one for seed, one in values.items()], form)

        rows.append(
            {
                "Network": name,
                "Test accuracy": cell({seed: float(y[-1]) for seed, y in tested.items() if len(y)}, ".1%"),
                f"SW1 of {plain(layer)}": cell({seed: float(one.sw1[-1]) for seed, one in histories.items()}, ".3f"),
                "PER": cell({seed: float(one.per[-1]) for seed, one in histories.items()}, ".3f"),
                "Variance": cell({seed: float(one.variance[-1]) for seed, one in histories.items()}, ".3g"),
                "Movement": cell({seed: _movement(run, layer) for seed, run in runs.items()}, ".3f"),
            }
        )
    st.dataframe(
        pd.DataFrame(rows), hide_index=True, key="train_results", alt="Last record of every network, over the seeds"
    )
    st.caption(words.final_table_note({name: len(network.runs) for name, network in networks.items()}))


def _movement(run: "Run", layer: str) -> float:
    """Mean movement of the layer's tracked units."""
    tracked = min(len(record.layers[layer].tracked) for record in run.records if layer in record.layers)
    return float(np.mean([unit_history(run, layer, unit).movement for unit in range(tracked)]))


def _lacking(shown: Shown, layer: str) -> list[str]:
    """Networks that are drawn and have no such layer."""
    return [name for name in shown.networks if name not in shown.having(layer)]


def _most_seeds(shown: Shown) -> int:
    return max(len(network.runs) for network in shown.networks.values())


def show_links(comparison: "Comparison", run: str, title: str) -> None:
    """Open a layer of one method at one epoch on the other pages."""
    runs = {member_name(key): run for key, run in comparison.runs.items() if run.records}
    if not runs:
        return
    st.markdown("**Look at one layer at one epoch on another page**")
    places = st.columns([3, 3, 2, 3, 2, 2], vertical_alignment="bottom")
    member = places[0].selectbox("Network", list(runs), key="train_door_member")
    layers = plain_names(runs[member].layers)
    layer = places[1].selectbox("Layer", list(layers), format_func=layers.__getitem__, key="train_door_layer")
    epochs = [str(record.epoch) for record in runs[member].records if layer in record.layers]
    epoch = places[2].selectbox("Epoch", [LATEST, *reversed(epochs)], key="train_door_epoch")
    query = run_query(run, title, member, layers[layer], epochs[-1] if epoch == LATEST else epoch)
    for place, (name, page) in zip(places[3:], PAGES.items(), strict=True):
        place.link_button(name, f"{page}?{query}", width="stretch")


def show_authors_results() -> None:
    """The tables of the paper, marked as what they are."""
    st.caption(words.ABOUT_AUTHORS)
    for title, rows in words.AUTHORS_TABLES.items():
        st.markdown(f"**{title}**")
        st.dataframe(pd.DataFrame(rows), hide_index=True, alt=title)
