"""One comparison on the Train page, live or afterwards: Figure 2, progress, distances, distributions, results."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from analysis.plain_text import plain, plain_names
from analysis.runs.sweep import references
from analysis.statistics import density
from analysis.statistics.conditioning import Conditioning
from analysis.survey.history import (
    RecordedDistances,
    conditioning_history,
    layer_history,
    recorded_moments,
    unit_history,
    unit_values,
)
from analysis.survey.sentences import row_sentence
from app.charts import training as figures
from app.charts.chart import show_chart
from app.charts.epochs import ONE_EPOCH
from app.sections import layer_over_epochs
from app.session import caches
from app.session.batch_choice import member_name, run_query
from app.session.controls import one_of
from app.session.keys import VIEW_CLIP, VIEW_OWN
from app.session.null_bands import null_bands
from app.text.caption import show_caption
from app.text.language import _, translated, visitor_texts
from app.text.plain import escaped, harmless, label
from app.views.train.differences import NONE, about_differences, differences_on_test, precise_differences, read_spec
from app.views.train.progress import scores_on_test
from app.views.train.shown_runs import Network, Shown
from app.views.train.titles import method_title
from per_core.text import N_

if TYPE_CHECKING:
    from analysis.runs.comparison import Comparison
    from analysis.survey.history import ConditioningHistory, LayerHistory, UnitHistory
    from per_core.recording.rows import Rows
    from per_core.recording.run_directory import Record, Run

DRAWN_BINS = 36_000  # of all histograms of a chart together
READ_RECORDS = 1000  # of which second moments are computed, of all networks and seeds together
PAGES = {
    N_("Distributions"): "distributions",
    N_("Bound"): "bound",
    N_("Methods"): "methods",
}
LATEST = N_("latest")
ONE_UNIT, ALL_UNITS = N_("the tracked unit"), N_("all recorded units")


def show_awaited(comparison: "Comparison") -> None:
    """Figure 2 without a record yet; the browser loads what it draws with meanwhile."""
    methods = [method.get("name") or method["combination"] for method in comparison.spec.get("methods", [])]
    st.info(_("Waiting for the first record, which is made before training begins."))
    show_chart(
        partial(
            figures.awaited_figure2,
            [harmless(method_title(method)) for method in methods],
            comparison.status.epochs or 1,
        ),
        key="train_figure2",
        height=600,
        alt=_("Figure 2 without a record yet: it fills as the training goes on."),
    )


def show_lost(networks: Mapping[str, Network]) -> None:
    """Which networks hold NaN or infinite values, from when on."""
    for name, network in networks.items():
        for seed, reason in network.lost.items():
            which = _("{name}, seed {seed},").format(name=name, seed=seed) if len(network.runs) > 1 else name
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
    record = next(iter(shown.runs.values())).records[-1]
    rows = record.layers.get(shown.layers[0])
    ends = ", ".join(f"{name} {unit.variance[-1]:.3g}" for name, unit in top.items())
    show_chart(
        partial(
            figures.figure2,
            {label(row): by_name for row, by_name in histories.items()},
            shown.epochs,
            clip=figures.CLIPPED_VARIANCE if clipped else None,
            own_scales=own,
        ),
        key="train_figure2",
        height=180 * len(histories) + 70,
        alt=_("Median, band, mean and variance of a unit over the epochs; last variance in {row}: {variances}.").format(
            row=plain(row), variances=ends
        ),
        about=_about_movement(row, top),
        precise=_about_axes(
            0 if rows is None else rows.n, record.rows.get(shown.layers[0]), clipped=clipped, own_scales=own
        )
        + _about_missing({escaped(layer): _lacking(shown, layer) for layer in shown.layers}),
    )


def _about_movement(row: str, units: "Mapping[str, UnitHistory]") -> str:
    """What is drawn, and how much the units of a row move, which a single record does not say."""
    moves = [f"{name} {unit.movement:.3f}" for name, unit in units.items() if len(unit.epochs) > 1]
    if not moves:
        return _("One unit of each layer: median and quartiles, then mean and variance.")
    return _(
        "One unit of each layer: median and quartiles, then mean and variance. Mean step of the quartiles in {row}:"
        " {movements}."
    ).format(row=escaped(row), movements=", ".join(moves))


def _about_axes(rows: int, row: "Rows | None", *, clipped: bool, own_scales: bool) -> str:
    """How the panels of Figure 2 are drawn, and what they do not say."""
    said = [
        *_about_band(rows, row),
        _("Each panel has an axis of its own.") if own_scales else _("The panels of a row share one axis."),
        _("The axis of the variance ends at {clip:g}.").format(clip=figures.CLIPPED_VARIANCE) if clipped else "",
        _("The step is from one record to the next, a mean over the three quartiles."),
        _("One unit can contradict what most of its layer does."),
    ]
    return " ".join(filter(None, said))


def _about_band(rows: int, row: "Rows | None") -> list[str]:
    """What the band is of; without a word of what a row is, samples."""
    if row is None or row.kind == "samples":
        return [_("The band runs from the 0.25 to the 0.75 quantile of {rows:,} samples.").format(rows=rows)]
    band = _("The band runs from the 0.25 to the 0.75 quantile of {rows:,} rows.").format(rows=rows)
    return [band, row_sentence(row, visitor_texts())]


def _about_missing(lacking: Mapping[str, Sequence[str]]) -> str:
    """Which networks have no such layer, to be added to what a chart says."""
    without = _(" Without {layer}: {networks}.")
    return "".join(without.format(layer=layer, networks=", ".join(names)) for layer, names in lacking.items() if names)


def show_collapse(shown: Shown, layer: str) -> None:
    """The alarm when a layer collapses."""
    collapsing = [name for name, seeds in _histories(shown, layer).items() if any(one.collapses for one in seeds)]
    if collapsing:
        st.warning(
            _(
                "{names}: {layer} collapses towards 0. Its mean square is below half of what it was before training, "
                "and below 0.1 or still falling while SW1 rises. A lower PER does not mean N(0, I) here: try a smaller "
                "λ, or the energy-corrected PER."
            ).format(names=", ".join(collapsing), layer=escaped(layer))
        )


def _histories(shown: Shown, layer: str) -> "dict[str, list[LayerHistory]]":
    """One layer over the epochs, of each network that has it, one of each seed."""
    return {
        name: [layer_history(run, layer) for run in network.runs.values() if layer in run.layers]
        for name, network in shown.networks.items()
        if name in shown.having(layer)
    }


def show_distances(shown: Shown, layer: str) -> None:
    """SW1, PER and variance of one layer."""
    histories = _histories(shown, layer)
    seed = next(iter(shown.runs.values())).allowance.seed
    bands = _gaussian_bands([one for seeds in histories.values() for one in seeds], seed)
    layer_over_epochs.show_distances(
        histories,
        bands,
        layer,
        epochs=shown.epochs,
        key="train_distances",
        note=_about_missing({escaped(layer): _lacking(shown, layer)}),
    )


def _gaussian_bands(histories: "Sequence[LayerHistory]", seed: int) -> dict[str, dict[str, tuple[float, float]]]:
    """What N(0, I) gives at each size that occurs among the runs, of the mean that each has recorded."""
    sizes = dict.fromkeys((one.n, one.d, one.slices, one.controlled) for one in histories)
    both_means = len({controlled for *_size, controlled in sizes}) == 2
    bands: dict[str, dict[str, tuple[float, float]]] = {}
    for n, d, slices, controlled in sizes:
        found = null_bands(RecordedDistances(slices, seed, controlled), n, d, draws=layer_over_epochs.GAUSSIAN_DRAWS)
        name = _band_name(n, d, alone=len(sizes) == 1)
        if both_means and not controlled:
            name = _("{name}, plain mean").format(name=name)
        bands[name] = {key: (band.low, band.high) for key, band in found.items()}
    return bands


def show_conditioning(shown: Shown, layer: str) -> None:
    """Second moments of the recorded units of one layer, beside I."""
    most = READ_RECORDS // sum(len(network.runs) for network in shown.networks.values())
    histories = {
        name: [_conditioning(run, layer, most) for run in network.runs.values() if layer in run.layers]
        for name, network in shown.networks.items()
        if name in shown.having(layer)
    }
    sizes = dict.fromkeys((one.n, one.d) for seeds in histories.values() for one in seeds if one.n)
    bands: dict[str, dict[str, tuple[float, float]]] = {}
    for n, d in sizes:
        drawn = null_bands(Conditioning(), n, d, draws=layer_over_epochs.GAUSSIAN_DRAWS)
        bands[_band_name(n, d, alone=len(sizes) == 1)] = {key: (band.low, band.high) for key, band in drawn.items()}
    layer_over_epochs.show_conditioning(
        histories,
        bands,
        layer,
        units=max(run.layers[layer] for run in shown.having(layer).values()),
        epochs=shown.epochs,
        key="train_conditions",
        note=_about_missing({escaped(layer): _lacking(shown, layer)}),
    )


def _conditioning(run: "Run", layer: str, most: int) -> "ConditioningHistory":
    """One layer of a run, of at most about so many of its records."""
    records = _thinned([record for record in run.records if layer in record.layers], most)
    return conditioning_history(
        {record.epoch: caches.shared(recorded_moments, run, record.index, layer) for record in records}
    )


def _band_name(n: int, d: int, *, alone: bool) -> str:
    """What the range of N(0, I) is called, if it is of one size or of several."""
    return _("N(0, I) of this size") if alone else f"N(0, I), {n:,} × {d:,}"


def show_densities(shown: Shown, layer: str) -> None:
    """The distributions of one layer over the epochs, all networks on the same bins."""
    left, right = st.columns([2, 3])
    view = layer_over_epochs.choose_view(ONE_EPOCH, key="train_view_as", place=left)
    which = one_of(_("Values of"), [ONE_UNIT, ALL_UNITS], ONE_UNIT, key="train_view_of", place=right, show=translated)
    position = shown.unit if which == ONE_UNIT else None
    every = _("all recorded units of {layer}").format(layer=layer)
    name = shown.row_title(layer) if position is not None else every
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
        note=_about_missing({escaped(layer): _lacking(shown, layer)}),
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


def show_results(networks: Mapping[str, Network], comparisons: "Sequence[tuple[str, Comparison]]", layer: str) -> None:
    """The last record of every network of every run: accuracy, distances, variance, with the range over the seeds."""
    differences = {title: differences_on_test(comparison) for title, comparison in comparisons}
    rows = []
    for name, network in networks.items():
        runs = {seed: run for seed, run in network.runs.items() if layer in run.layers}
        histories = {seed: layer_history(run, layer) for seed, run in runs.items()}
        moving = {seed: run for seed, run in runs.items() if len(histories[seed].epochs) > 1 or seed in network.lost}
        scored = {seed: scores_on_test(run, is_text=network.is_text)[1] for seed, run in network.runs.items()}

        def cell(values: Mapping[int, float], form: str, lost: Mapping[int, object] = network.lost) -> str:
            """A network that is lost has no accuracy and no variance, whatever its last record says."""
            return _range_text([np.nan if seed in lost else one for seed, one in values.items()], form)

        rows.append(
            {
                _("Network"): name,
                _("Test perplexity") if network.is_text else _("Test accuracy"): cell(
                    {seed: float(y[-1]) for seed, y in scored.items() if len(y)}, ".2f" if network.is_text else ".1%"
                ),
                _("Difference on test (95 %)"): differences[network.comparison].get(network.label, NONE),
                _("SW1 of {layer}").format(layer=plain(layer)): cell(
                    {seed: float(one.sw1[-1]) for seed, one in histories.items()}, ".3f"
                ),
                "PER": cell({seed: float(one.per[-1]) for seed, one in histories.items()}, ".3f"),
                _("Variance"): cell({seed: float(one.variance[-1]) for seed, one in histories.items()}, ".3g"),
                _("Movement"): cell({seed: _movement(run, layer) for seed, run in moving.items()}, ".3f")
                if moving
                else _("from the second record on"),
            }
        )
    st.dataframe(
        pd.DataFrame(rows), hide_index=True, key="train_results", alt=_("Last record of every network, over the seeds")
    )
    said = [_about_seeds({name: len(network.runs) for name, network in networks.items()})]
    precise = [
        _(
            "Movement is the mean step of the quartiles from one record to the next, over the tracked units of the"
            " layer."
        )
    ]
    if (spec := read_spec(comparisons[0][1])) is not None:
        said.append(about_differences(set(references(spec).values()), is_text=spec.data.is_text))
        precise.append(precise_differences())
    show_caption(" ".join(said), " ".join(precise))


def _about_seeds(seeds: Mapping[str, int]) -> str:
    """How far the figures of the table go."""
    repeats = set(seeds.values())
    if repeats == {1}:
        return _("One seed each: such differences between methods can be chance. Repeat with more seeds.")
    if len(repeats) == 1:
        return _("Median and range over {seeds} seeds.").format(seeds=repeats.pop())
    counts = ", ".join(f"{name} {count}" for name, count in seeds.items())
    return _("Median and range over the seeds: {counts}.").format(counts=counts)


def _range_text(values: Sequence[float], form: str) -> str:
    """Median and range of the values of all seeds; NaN is one that diverged."""
    finite = [value for value in values if np.isfinite(value)]
    if not finite:
        return _("diverged") if values else _("not recorded")
    text = format(float(np.median(finite)), form)
    if len(finite) > 1:
        text += f" ({format(min(finite), form)} … {format(max(finite), form)})"
    if lost := len(values) - len(finite):
        text += _(", {lost} diverged").format(lost=lost)
    return text


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
    st.markdown(_("**Look at one layer at one epoch on another page**"))
    places = st.columns([3, 3, 2, 3, 2, 2], vertical_alignment="bottom")
    member = places[0].selectbox(_("Network"), list(runs), key="train_door_member")
    layers = plain_names(runs[member].layers)
    layer = places[1].selectbox(_("Layer"), list(layers), format_func=layers.__getitem__, key="train_door_layer")
    epochs = [str(record.epoch) for record in runs[member].records if layer in record.layers]
    epoch = places[2].selectbox(_("Epoch"), [LATEST, *reversed(epochs)], key="train_door_epoch", format_func=translated)
    query = run_query(run, title, member, layers[layer], epochs[-1] if epoch == LATEST else epoch)
    for place, (name, page) in zip(places[3:], PAGES.items(), strict=True):
        place.link_button(translated(name), f"{page}?{query}", width="stretch")
