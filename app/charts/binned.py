"""Charts of what is binned: densities on the bins that a file gives, and bounds over the epochs."""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis.statistics.binned import Bounds
from analysis.statistics.binned_histogram import BinnedHistogram
from analysis.survey.binned_reading import BinnedReading
from app.charts.epochs import looks
from app.charts.normal import add_normal
from app.charts.palette import categorical
from app.text.language import _

_DASHES = ["solid", "dash", "dot", "dashdot"]
CELLS = 64  # of the axis of values, by whose mean densities the axis of densities ends
USUAL, MOST_CUT = 0.95, 8.0  # quantile of these densities; by how much higher ones are cut at most
ROOM = 1.15
PEAK, SEEN = 0.4, 0.1  # of N(0, 1); from which part of it on the axis is made to hold it
MOST_LINES = 8  # of values that are all one


def density_end(histograms: Iterable[BinnedHistogram], limits: tuple[float, float]) -> float:
    """Where an axis of densities ends, so that one narrow bin, the zeros of a ReLU say, does not flatten all others."""
    cells = np.linspace(*limits, CELLS + 1)
    every = [one.mean_density(cells) for one in histograms]
    end = max(max(float(np.quantile(one, USUAL)), float(one.max()) / MOST_CUT) for one in every)
    return ROOM * (max(end, PEAK) if end > SEEN * PEAK else end or PEAK)


def given_histograms(
    histograms: Mapping[str, BinnedHistogram], limits: tuple[float, float], top: float, *, log_density: bool
) -> go.Figure:
    """Densities on the bins as they are, values that are all one as lines of their own, and N(0, 1).

    Args:
        histograms: by name; each has its own bins.
        limits: ends of the axis of values.
        top: end of the axis of densities, where that is not logarithmic.
        log_density: whether it is.
    """
    figure = go.Figure()
    outlines = {name: one.steps(*limits) for name, one in histograms.items()}
    peak = max((float(y.max()) for _, y in outlines.values() if y.size), default=0.0)
    for i, (name, (edges, heights)) in enumerate(outlines.items()):
        if heights.size:
            figure.add_scatter(
                x=np.append(edges[0], edges),
                y=np.concatenate([[0.0], heights, [0.0]]),
                name=name,
                mode="lines",
                line={"color": categorical(i), "width": 2, "shape": "hv", "dash": _DASHES[i % 4]},
                fill="tozeroy",
                fillcolor=categorical(i, 0.2),
                hovertemplate=_("from") + " %{x:.3g}: %{y:.4g}<extra>" + name + "</extra>",
            )
        for value, share in histograms[name].at_one_value[:MOST_LINES]:
            figure.add_scatter(
                x=[value, value],
                y=[0, max(top, peak)],
                name=_("{name}: {share:.1%} at {value:.3g}").format(name=name, share=share, value=value),
                mode="lines",
                line={"color": categorical(i), "width": 4, "dash": _DASHES[i % 4]},
                hovertemplate=_("{share:.1%} of the values").format(share=share) + f"<extra>{name}</extra>",
            )
    add_normal(figure, np.linspace(*limits, 201))
    figure.update_xaxes(title=_("activation"), range=limits)
    if log_density:
        drawn = np.concatenate([y[y > 0] for _, y in outlines.values()])
        low, high = (drawn.min(), drawn.max()) if drawn.size else (PEAK, PEAK)
        ends = [math.log10(low / 2), math.log10(max(high, PEAK) * 2)]
        figure.update_yaxes(title=_("density"), type="log", range=ends)
    else:
        title = _("density") if peak <= top else _("density, up to {peak:.2g}").format(peak=peak)
        figure.update_yaxes(title=title, range=[0, top])
    return figure


def bounds_over_epochs(readings: Mapping[str, Sequence[tuple[float, BinnedReading]]]) -> go.Figure:
    """W1, mean and variance of all values over the epochs: a band from the lower to the upper bound, a panel each."""
    titles = {
        "w1": _("W1 of all values to N(0, 1)"),
        "pooled_mean": _("Mean of all values"),
        "pooled_variance": _("Variance of all values"),
    }
    figure = make_subplots(rows=1, cols=3, horizontal_spacing=0.07, subplot_titles=list(titles.values()))
    looked = looks(list(readings))
    for name, own in readings.items():
        x = [epoch for epoch, _ in own]
        for column, key in enumerate(titles, start=1):
            bounds: list[Bounds] = [getattr(reading, key) for _, reading in own]
            for which, text in (("upper", _("upper bound")), ("lower", _("lower bound"))):
                y = np.array([getattr(one, which) for one in bounds], np.float64)
                figure.add_scatter(
                    row=1,
                    col=column,
                    x=x,
                    y=np.where(np.isfinite(y), y, np.nan),
                    name=name,
                    legendgroup=name,
                    mode="lines+markers",
                    marker={"size": 4, "symbol": looked[name].symbol},
                    line={"color": looked[name].colour, "width": 1.2, "dash": looked[name].dash},
                    fill="tonexty" if which == "lower" else None,
                    fillcolor=looked[name].band,
                    hovertemplate=_("epoch {epoch}").format(epoch="%{x}")
                    + f", {text}: %{{y:.4g}}<extra>{name}</extra>",
                    showlegend=column == 1 and which == "upper" and len(readings) > 1,
                )
    figure.update_xaxes(title=_("epoch"))
    figure.update_yaxes(rangemode="tozero", col=1)
    figure.update_yaxes(rangemode="tozero", col=3)
    figure.update_layout(legend={"y": 1.14})
    return figure
