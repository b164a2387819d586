"""One layer of which a dump has histograms alone: bounds in words, its bins now and over the epochs."""

import math
from collections.abc import Mapping
from functools import partial

import numpy as np
import streamlit as st

from analysis.plain_text import plain
from analysis.statistics.binned import Bounds
from analysis.statistics.binned_histogram import BinnedHistogram, shared_range
from analysis.survey.binned_reading import BinnedReading
from analysis.survey.cell import Epoch
from app.charts.binned import bounds_over_epochs, density_end, given_histograms
from app.charts.chart import show_chart
from app.charts.epochs import HEAT_MAP, RIDGELINE, DensitySeries
from app.sections import layer_over_epochs
from app.session.controls import choose_offered
from app.session.dumped import DumpMember
from app.text.caption import show_statement
from app.text.language import _
from app.text.plain import escaped, label
from app.views.dumps.dump_map import epoch_name, evenly
from app.views.dumps.dump_source import OpenDump
from per_core.errors import PerError

MOST_EPOCHS = 200
SAID = 0.005  # share of the values in bins that are cut, from which on it is said


def show_binned(dump: OpenDump, layer: str, epoch: Epoch, reading: BinnedReading, other: OpenDump | None) -> None:
    """What the bins of a layer tell at one epoch and over the epochs, and what they cannot."""
    show_statement(
        _(
            "**Binned: W1 to N(0, 1) is {w1}**, the mean {mean}, the variance {variance}. The distance is that of all"
            " values pooled, not the sliced distance of the rows."
        ).format(
            w1=bounds_in_words(reading.w1),
            mean=bounds_in_words(reading.pooled_mean),
            variance=bounds_in_words(reading.pooled_variance),
        ),
        _(
            "The file has {bins:,} bins that count {n:,} values, of all rows and units together; the values themselves"
            " are gone. The bounds hold wherever the values lay in their bins. N(0, 1) has distance 0, mean 0 and"
            " variance 1."
        ).format(bins=reading.bins, n=reading.n),
    )
    st.caption(
        _(
            "Worst directions, parts of the distance, massive units, precision and a pass over all rows need values."
            " Record the layer with the Recorder, or save its activations."
        )
    )
    _show_histogram(dump, layer, epoch, other)
    _show_history({label(one.name): one for one in (dump, other) if one is not None}, layer)


def bounds_in_words(bounds: Bounds) -> str:
    """Bounds as a phrase: "between 0.17 and 0.25"."""
    low, high = (f"{one:.3g}" for one in (bounds.lower, bounds.upper))
    if math.isinf(bounds.lower) and math.isinf(bounds.upper):
        return _("not bounded")
    if math.isinf(bounds.upper):
        return _("at least {low}").format(low=low)
    if math.isinf(bounds.lower):
        return _("at most {high}").format(high=high)
    return low if low == high else _("between {low} and {high}").format(low=low, high=high)


def _show_histogram(dump: OpenDump, layer: str, epoch: Epoch, other: OpenDump | None) -> None:
    """The layer's bins, and beside them those of another epoch or layer, or of the same layer in another dump."""
    nothing = _("nothing")
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    cells = {
        f"{name}, {epoch_name(at)}": (name, at)
        for (name, at), one in dump.overview.cells.items()
        if (name, at) != (layer, epoch) and isinstance(one, BinnedReading)
    }
    ordered = sorted(cells, key=lambda label: cells[label][0] != layer)
    choose_offered("dumps_beside", [nothing, *ordered])
    beside = left.selectbox(_("Beside it"), [nothing, *ordered], key="dumps_beside", bind="query-params")
    log_density = right.toggle(_("Logarithmic density"), key="dumps_log_density", bind="query-params")
    mark = f"{dump.name}: " if other else ""
    chosen = {f"{mark}{layer}, {epoch_name(epoch)}": (dump, layer, epoch)}
    if beside != nothing:
        chosen[mark + beside] = (dump, *cells[beside])
    if other is not None and (there := _binned_epochs(other, layer)):
        at = epoch if epoch in there else there[-1]
        chosen[f"{other.name}: {layer}, {epoch_name(at)}"] = other, layer, at
    histograms = {}
    for name, (one, of_layer, at) in chosen.items():
        try:
            histograms[label(name)] = _bins(one, of_layer, at)
        except PerError as error:
            st.error(escaped(error))
    if not histograms:
        return
    limits = shared_range(histograms.values())
    top = density_end(histograms.values(), limits)
    cut = max(one.share_above(top) for one in histograms.values())
    about = _("The density on the bins of the file, beside N(0, 1), dotted.")
    if cut > SAID and not log_density:
        about += " " + _("Bins that reach the upper edge hold up to {cut:.0%} of the values.").format(cut=cut)
    show_chart(
        partial(given_histograms, histograms, limits, top, log_density=log_density),
        key="dumps_bins",
        height=340,
        alt=_("Histogram of {names}, on the bins of the file.").format(names=plain("; ".join(chosen))),
        about=about,
        precise=" ".join(
            [
                _(
                    "No bin is cut or joined: the height is the share of the values over the width of the bin. The axis"
                    " of densities ends where a narrow bin would flatten the others; the eight most frequent values of"
                    " bins without a width are lines. Of more than 2,000 bins, mean densities are drawn."
                ),
                *(
                    _("{name}: {outside:.1%} of the values lie beyond the axis.").format(
                        name=escaped(name), outside=1 - one.share_inside(*limits)
                    )
                    for name, one in histograms.items()
                ),
            ]
        ),
    )


def _show_history(dumps: Mapping[str, OpenDump], layer: str) -> None:
    """Bounds and densities over the epochs, if there are several."""
    readings = {name: _readings(one, layer) for name, one in dumps.items()}
    readings = {name: own for name, own in readings.items() if own}
    if all(len(own) < 2 for own in readings.values()):
        return
    show_chart(
        partial(bounds_over_epochs, readings),
        key="dumps_bounds",
        height=320,
        alt=_("Bounds of W1, mean and variance of {layer} over the epochs. Last W1: {ends}.").format(
            layer=plain(layer),
            ends=", ".join(f"{name} {bounds_in_words(own[-1][1].w1)}" for name, own in readings.items()),
        ),
        about=_(
            "{layer} over the epochs: the truth lies within the band. The distance is that of all values pooled, not"
            " the sliced distance of the rows."
        ).format(layer=escaped(layer)),
        precise=_("The variance is that of all values: differences between the means of units count in it."),
    )
    view = layer_over_epochs.choose_view(HEAT_MAP, key="dumps_as")
    try:
        histograms = {
            name: {epoch: _bins(dumps[name], layer, epoch) for epoch, _ in own} for name, own in readings.items()
        }
    except PerError as error:
        st.error(escaped(error))
        return
    every = [one for own in histograms.values() for one in own.values()]
    limits = shared_range(every)
    edges = np.linspace(*limits, layer_over_epochs.BINS + 1)
    top = density_end(every, limits) if view == RIDGELINE else math.inf
    precise = _(
        "Of each step of the axis the mean density of the bins that it covers, values spread evenly within a bin."
    )
    if any(one.mean_density(edges).max() > top for one in every):
        precise += " " + _("Ridges are cut at a density of {top:.3g}.").format(top=top)
    layer_over_epochs.show_series(
        {
            name: DensitySeries(list(own), np.stack([np.minimum(one.mean_density(edges), top) for one in own.values()]))
            for name, own in histograms.items()
        },
        edges,
        layer,
        view,
        outside=1 - sum(one.share_inside(*limits) for one in every) / len(every),
        key="dumps_bins_history",
        precise=precise,
    )


def _readings(dump: OpenDump, layer: str) -> list[tuple[float, BinnedReading]]:
    """What is binned of a layer, at epochs that have a number, not too many."""
    found = [
        (epoch, one)
        for epoch, one in dump.overview.history(layer)
        if epoch is not None and isinstance(one, BinnedReading)
    ]
    return evenly(found, MOST_EPOCHS) if found else []


def _binned_epochs(dump: OpenDump, layer: str) -> list[Epoch]:
    return [epoch for epoch, one in dump.overview.history(layer) if isinstance(one, BinnedReading)]


def _bins(dump: OpenDump, layer: str, epoch: Epoch) -> BinnedHistogram:
    return DumpMember(dump.inspection, dump.overview.members[layer, epoch]).bins()
