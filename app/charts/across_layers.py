"""Charts across the layers of a dump: massive units and rows, what fewer bits do, and sizes over the width."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.charts.dumps import round_ratios
from app.charts.palette import ALARM, BOUND, MUTED, REFERENCE, categorical
from app.text.language import _

_DASHES = ["solid", "dash", "dot", "dashdot"]
_SYMBOLS = ["circle", "diamond", "square", "triangle-up", "x"]
_DOTS = [7, 5, 3]
MOST_TICKS = 40
MOST_NAMED = 12  # lines: with more of them, names would lie over each other
LARGE = 25.0  # over the median: from about there on a unit is massive
MARGIN, LEAST_SPAN = 1.3, 8.0  # ratios: above and below what is drawn, and of the ends of the axis
VERDICT_LOOKS = {  # colour, dash and symbol
    "flat": (MUTED, "solid", "circle"),
    "grows": (ALARM, "dash", "triangle-up"),
    "shrinks": (BOUND, "dot", "triangle-down"),
    "unclear": (categorical(0), "dashdot", "x"),
}


def massive_sizes(
    layers: Mapping[str, str],
    largest: Sequence[Sequence[float]],
    followed: Mapping[str, Mapping[str, float]],
    axis: str,
) -> go.Figure:
    """The largest units or rows over the median one, layer by layer, and the massive ones among them by name.

    Args:
        layers: names of the layers, and what stands at the axis.
        largest: of rank 1, 2 and 3, (ranks, layers).
        followed: by name, in the layers through which it is followed; NaN where it is not among the largest.
        axis: its title.
    """
    figure = go.Figure()
    for rank, (sizes, dot) in enumerate(zip(largest, _DOTS, strict=True), start=1):
        figure.add_scatter(
            x=list(layers),
            y=np.array(sizes),
            name=_("rank {rank}").format(rank=rank),
            mode="markers",
            marker={"color": MUTED, "size": dot},
            hovertemplate="%{x}: %{y:.4g}<extra>" + _("rank {rank}").format(rank=rank) + "</extra>",
        )
    for i, (name, ratios) in enumerate(followed.items()):
        figure.add_scatter(
            x=list(ratios),
            y=np.array(list(ratios.values())),
            name=name,
            mode="lines+markers",
            line={"color": categorical(i), "width": 2, "dash": _DASHES[i % 4]},
            marker={"symbol": _SYMBOLS[i % 5], "size": 9},
            hovertemplate="%{x}: %{y:.4g}<extra>" + name + "</extra>",
        )
    figure.add_hline(y=1, line={"color": REFERENCE, "width": 1.2, "dash": "dot"}, name=_("median"))
    _layer_axis(figure, layers)
    drawn = [size for sizes in (*largest, *(one.values() for one in followed.values())) for size in sizes if size > 0]
    _ratio_axis(figure, axis, min([1.0, *drawn]) / MARGIN, max([LARGE, *drawn]) * MARGIN)
    return figure


def precision_errors(
    layers: Mapping[str, str], errors: Mapping[str, Sequence[float]], gone: Mapping[str, Sequence[float]]
) -> go.Figure:
    """What number formats do to each layer: the error above, the share of values that are gone below.

    Args:
        layers: names of the layers, and what stands at the axis.
        errors: by format, relative errors (layers,).
        gone: by format, shares of the values that become 0 or infinite, (layers,).
    """
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.06, row_heights=[0.6, 0.4])
    for i, name in enumerate(errors):
        for row, values in enumerate((errors[name], gone[name]), start=1):
            figure.add_scatter(
                x=list(layers),
                y=np.array(values),
                name=name,
                meta=[_("relative error"), _("share gone")][row - 1],
                mode="lines+markers",
                line={"color": categorical(i), "width": 1.6, "dash": _DASHES[i % 4]},
                marker={"symbol": _SYMBOLS[i % 5], "size": 6},
                legendgroup=name,
                showlegend=row == 1,
                hovertemplate="%{x}: " + ("%{y:.3g}" if row == 1 else "%{y:.3%}") + f"<extra>{name}</extra>",
                row=row,
                col=1,
            )
    _layer_axis(figure, layers)
    figure.update_yaxes(type="log", title=_("relative error"), exponentformat="power", dtick=1, row=1)
    figure.update_yaxes(title=_("share gone"), tickformat=".2~p", rangemode="tozero", row=2)
    return figure


def sizes_over_width(
    lines: Mapping[str, tuple[Sequence[int], Sequence[float], str]], verdicts: Mapping[str, str]
) -> go.Figure:
    """A line a layer: its root mean square over the width of the network, both by ratio.

    Args:
        lines: by layer, widths and sizes and a name of `VERDICT_LOOKS`.
        verdicts: what a person calls each.
    """
    figure = go.Figure()
    named = set()
    for name, (widths, sizes, verdict) in lines.items():
        colour, dash, symbol = VERDICT_LOOKS[verdict]
        figure.add_scatter(
            x=list(widths),
            y=np.array([size if size > 0 else np.nan for size in sizes]),
            name=verdicts[verdict],
            meta=name,
            mode="lines+markers",
            line={"color": colour, "width": 1.8, "dash": dash},
            marker={"symbol": symbol, "size": 8},
            legendgroup=verdict,
            showlegend=verdict not in named,
            hovertemplate=f"{name}, %{{x:,}}: %{{y:.4g}}<extra>{verdicts[verdict]}</extra>",
        )
        named.add(verdict)
        if verdict != "flat" and len(lines) <= MOST_NAMED and sizes[-1] > 0:
            figure.add_annotation(
                x=math.log10(widths[-1]),
                y=math.log10(sizes[-1]),
                text=name,
                xanchor="right",
                yanchor="bottom",
                showarrow=False,
                font={"color": colour},
            )
    widths = sorted({width for own, _, _ in lines.values() for width in own})
    figure.update_xaxes(
        type="log", title=_("width of the network"), tickvals=widths, ticktext=[f"{width:,}" for width in widths]
    )
    drawn = [size for _, sizes, _ in lines.values() for size in sizes if size > 0]
    low, high = (min(drawn) / MARGIN, max(drawn) * MARGIN) if drawn else (0.5, 2.0)
    wider = max(1.0, math.sqrt(LEAST_SPAN * low / high))  # or else the noise of flat lines looks steep
    _ratio_axis(figure, _("root mean square"), low / wider, high * wider)
    return figure


def _ratio_axis(figure: go.Figure, title: str, low: float, high: float) -> None:
    """An axis of positive numbers by their ratio, with few round ones named."""
    ticks = round_ratios(low, high)
    figure.update_yaxes(
        type="log",
        title=title,
        range=[math.log10(low), math.log10(high)],
        tickvals=ticks,
        ticktext=[f"{tick:,.0f}" if 1000 <= tick < 1e6 else f"{tick:.4g}" for tick in ticks],
    )


def _layer_axis(figure: go.Figure, layers: Mapping[str, str]) -> None:
    """Names of the layers below the panels, not more than fit."""
    every = -(-len(layers) // MOST_TICKS)
    figure.update_xaxes(
        type="category",
        tickvals=list(layers)[::every],
        ticktext=list(layers.values())[::every],
        tickfont={"size": 11},
        tickangle=-45 if len(layers) > 8 else 0,
        showgrid=False,
    )
