"""One comparison on the Train page, live or afterwards: Figure 2, progress, distances, distributions, seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from analysis import density
from analysis.histogram import histogram
from analysis.history import LayerHistory, layer_history, scalar_history, unit_history
from analysis.null_band import band_of
from analysis.runs import Comparison
from app import cached
from app import training_words as words
from app.chart import show_chart
from app.choice import member_name, run_query
from app.figures import epochs as epoch_figures
from app.figures import training as figures
from app.training_form import method_title
from per_core.run_directory import Run

BINS = 80
GAUSSIAN_DRAWS = 39
PAGES = {"Distributions": "distributions", "Bound": "bound", "Methods": "methods"}
VIEWS = list(epoch_figures.VIEWS)
_SCALARS = {"training loss": "loss", "test accuracy": "test_accuracy", "seconds an epoch": "seconds"}


@dataclass(frozen=True, slots=True)
class Shown:
    """What is looked at: the runs of one seed by the method's title, the chosen layers, unit and length."""

    runs: Mapping[str, Run]
    layers: list[str]
    unit: int
    epochs: int


def choose_shown(by_seed: Mapping[int, Mapping[str, Run]], epochs: int) -> Shown:
    """Seed, layers and unit; an early, a middle and a late layer to begin with."""
    left, middle, right, last = st.columns([3, 1, 1, 1])
    seeds = list(by_seed)
    seed = seeds[0]
    if len(seeds) > 1:
        seed = last.selectbox("Seed", seeds, key="train_view_seed", bind="query-params")
    runs = by_seed[seed]
    first = next(iter(runs.values()))
    names = list(first.layers)
    opening = [names[i] for i in sorted({min(1, len(names) - 1), len(names) // 2, max(0, len(names) - 2)})]
    layers = left.multiselect("Layers", names, default=opening, key="train_view_layers", max_selections=5) or opening
    tracked = min(len(first.records[0].layers[layer].tracked) for layer in layers)
    unit = middle.selectbox("Tracked unit", range(1, tracked + 1), key="train_view_unit", bind="query-params")
    right.toggle("Clip variance", value=True, key="train_view_clip", help=words.HELP_CLIP, bind="query-params")
    return Shown(runs, layers, unit - 1, epochs)


def show_awaited(comparison: Comparison) -> None:
    """Figure 2 without a record yet; the browser loads what it draws with meanwhile."""
    methods = [method.get("name") or method["combination"] for method in comparison.spec.get("methods", [])]
    st.info(words.WAITING)
    show_chart(
        figures.awaited_figure2([method_title(method) for method in methods], comparison.status.epochs or 1),
        key="train_figure2",
        height=600,
        alt="Figure 2 without a record yet: it fills as the training goes on.",
    )


def show_figure2(shown: Shown) -> None:
    """Figure 2 of the paper, as far as it has come."""
    histories = {
        layer: {name: unit_history(run, layer, shown.unit) for name, run in shown.runs.items()}
        for layer in shown.layers
    }
    clipped = bool(st.session_state.get("train_view_clip", True))
    top = histories[shown.layers[0]]
    rows = next(iter(shown.runs.values())).records[-1].layers[shown.layers[0]].n
    ends = ", ".join(f"{name} {unit.variance[-1]:.3g}" for name, unit in top.items())
    show_chart(
        figures.figure2(histories, shown.epochs, clip=figures.CLIPPED_VARIANCE if clipped else None),
        key="train_figure2",
        height=180 * len(shown.layers) + 60,
        alt=f"Median, band, mean and variance of a unit over the epochs; variance in {shown.layers[0]}: {ends}.",
        about=words.about_figure2(top, rows, clipped=clipped),
    )


def show_progress(runs: Mapping[str, Run], epochs: int) -> None:
    """Loss, accuracy and time of every method."""
    scalars = {title: {name: scalar_history(run, key) for name, run in runs.items()} for title, key in _SCALARS.items()}
    known = {title: by_name for title, by_name in scalars.items() if any(len(x) for x, _ in by_name.values())}
    if not known:
        return
    ends = ", ".join(
        f"{name} {y[-1]:.1%}" for name, (_, y) in scalars["test accuracy"].items() if len(y) and np.isfinite(y[-1])
    )
    show_chart(
        figures.progress(known, epochs),
        key="train_progress",
        height=290,
        alt=f"Loss, test accuracy and seconds an epoch. Test accuracy of the last record: {ends or 'none'}.",
        about=words.ABOUT_PROGRESS,
    )


def show_distances(runs: Mapping[str, Run], layer: str, epochs: int) -> None:
    """SW1, PER and variance of one layer, and the alarm when PER falls because a layer collapses."""
    histories = {name: layer_history(run, layer) for name, run in runs.items() if layer in run.layers}
    first = next(iter(histories.values()))
    seed = next(iter(runs.values())).allowance.seed
    draws = cached.gaussian_layer_chunk(first.n, first.d, first.slices, seed, 1, GAUSSIAN_DRAWS)
    bands = {key: band_of(values) for key, values in draws.items()}
    collapsing = [name for name, history in histories.items() if history.collapses]
    if collapsing:
        st.warning(words.collapse_alarm(collapsing, layer))
    show_chart(
        figures.distances(histories, {key: (band.low, band.high) for key, band in bands.items()}, epochs),
        key="train_distances",
        height=300,
        alt=f"SW1, PER and variance of {layer}. Last SW1: {_ends(histories)}.",
        about=words.about_distances(histories, GAUSSIAN_DRAWS),
    )


def _ends(histories: Mapping[str, LayerHistory]) -> str:
    return ", ".join(f"{name} {history.sw1[-1]:.3f}" for name, history in histories.items())


def show_densities(runs: Mapping[str, Run], layer: str, unit: int) -> None:
    """The distributions of one layer over the epochs, all methods on the same bins."""
    left, right = st.columns([2, 3])
    view = left.segmented_control(
        "Distributions as", VIEWS, default=VIEWS[0], required=True, key="train_view_as", bind="query-params"
    )
    which = right.segmented_control(
        "Of",
        ["the tracked unit", "all recorded units"],
        default="the tracked unit",
        required=True,
        key="train_view_of",
        bind="query-params",
    )
    position = unit if which == "the tracked unit" else None
    name = f"unit {unit + 1} of {layer}" if position is not None else f"all recorded units of {layer}"
    records = {title: [r for r in run.records if layer in r.layers] for title, run in runs.items()}
    values = {
        title: [
            cached.recorded_values(run, str(run.path), run.created, r.index, layer, position) for r in records[title]
        ]
        for title, run in runs.items()
    }
    some = np.concatenate([one[:: max(1, len(one) // 500)] for series in values.values() for one in series])
    limits = density.robust_limits(some, at_least=(-3.0, 3.0))
    tables, outside = {}, []
    for title, series in values.items():
        histograms = [histogram(one, bins=BINS, range=limits) for one in series]
        tables[title] = np.stack([h.density for h in histograms])
        outside += [(h.n_below + h.n_above) / max(h.n, 1) for h in histograms]
    edges = np.linspace(*limits, BINS + 1)
    epochs = [record.epoch for record in max(records.values(), key=len)]
    draw = epoch_figures.VIEWS[view]
    show_chart(
        draw(tables, (edges[:-1] + edges[1:]) / 2, epochs, name),
        key=f"train_densities_{VIEWS.index(view)}",
        height=340,
        alt=f"Distributions of {name} over {len(epochs)} records, of {', '.join(tables)}.",
        about=words.about_densities(view, name, float(np.mean(outside))),
    )


def show_results(by_seed: Mapping[int, Mapping[str, Run]], layer: str) -> None:
    """The last record of every method: accuracy, distances and variance, with the range over the seeds."""
    rows = []
    for name in next(iter(by_seed.values())):
        runs = [methods[name] for methods in by_seed.values()]
        layers = [layer_history(run, layer) for run in runs]
        best = [scalar_history(run, "test_accuracy")[1] for run in runs]
        rows.append(
            {
                "Method": name,
                "Test accuracy": words.range_text([float(y[-1]) for y in best if len(y)], ".1%"),
                f"SW1 of {layer}": words.range_text([float(h.sw1[-1]) for h in layers], ".3f"),
                "PER": words.range_text([float(h.per[-1]) for h in layers], ".3f"),
                "Variance": words.range_text([float(h.variance[-1]) for h in layers], ".3g"),
                "Movement": words.range_text([_movement(run, layer) for run in runs], ".3f"),
            }
        )
    st.dataframe(
        pd.DataFrame(rows), hide_index=True, key="train_results", alt="Last record of every method, over the seeds"
    )
    st.caption(words.final_table_note(len(by_seed)))


def _movement(run: Run, layer: str) -> float:
    """Mean movement of the layer's tracked units."""
    tracked = len(run.records[-1].layers[layer].tracked)
    return float(np.mean([unit_history(run, layer, unit).movement for unit in range(tracked)]))


def show_doors(comparison: Comparison, title: str) -> None:
    """Open a layer of one method at one epoch on the other pages; not part of what is drawn again every second."""
    runs = {member_name(key): run for key, run in comparison.runs.items() if run.records}
    if not runs:
        return
    st.markdown("**Look at one layer at one epoch on another page**")
    places = st.columns([3, 3, 2, 3, 2, 2], vertical_alignment="bottom")
    member = places[0].selectbox("Network", list(runs), key="train_door_member")
    layer = places[1].selectbox("Layer", list(runs[member].layers), key="train_door_layer")
    epochs = [f"{record.epoch:g}" for record in runs[member].records]
    epoch = places[2].selectbox("Epoch", epochs, index=len(epochs) - 1, key="train_door_epoch")
    query = run_query(comparison.path.name, title, member, layer, epoch)
    for place, (name, page) in zip(places[3:], PAGES.items(), strict=True):
        place.link_button(name, f"{page}?{query}", width="stretch")


def show_authors_results() -> None:
    """The tables of the paper, marked as what they are."""
    st.caption(words.ABOUT_AUTHORS)
    for title, rows in words.AUTHORS_TABLES.items():
        st.markdown(f"**{title}**")
        st.dataframe(pd.DataFrame(rows), hide_index=True, alt=title)


def by_seed(comparison: Comparison) -> dict[int, dict[str, Run]]:
    """The runs that have a record, by seed and by the method's title."""
    grouped: dict[int, dict[str, Run]] = {}
    for (label, seed), run in comparison.runs.items():
        if run.records:
            grouped.setdefault(seed, {})[method_title(label)] = run
    return grouped


def together(runs: Mapping[str, Run], beside: Sequence[Comparison]) -> dict[str, Run]:
    """The runs shown, and those of other comparisons under the name of theirs, for one axis."""
    joined = dict(runs)
    for comparison in beside:
        title = comparison.spec.get("title") or comparison.path.name[:15]
        for own in list(by_seed(comparison).values())[:1]:
            joined |= {f"{name} ({title})": run for name, run in own.items()}
    return joined
