"""Charts of the Methods page: what a method removes of the distance, small batches, and two batches on one axis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from analysis.distances.decomposition import PARTS, DistanceParts, Part
from analysis.statistics.density import JointDensity
from analysis.statistics.null_band import NullBand
from app.charts.normal import add_normal
from app.charts.palette import MUTED, REFERENCE, TEXT, categorical, theme_colour
from app.text.language import _, translated
from per_core.text import N_

PART_TITLES: dict[Part, str] = {
    "location": N_("location"),
    "scale": N_("scale"),
    "correlation": N_("correlation"),
    "shape": N_("shape"),
    "floor": N_("sampling floor"),
}
_PATTERNS = ["", "/", ".", "x"]
_SYMBOLS = ["circle", "diamond", "square", "triangle-up"]
_DASHES = ["solid", "dash", "dot", "dashdot"]


@dataclass(frozen=True, slots=True, eq=False)
class SmallBatchCurve:
    """A normaliser's SW1 to N(0, I) over the rows its statistics come from.

    Attributes:
        rows: (sizes,).
        seen, held_out: (sizes, splits) of those rows, and of as many that were held out.
    """

    rows: Sequence[int]
    seen: NDArray[np.float64]
    held_out: NDArray[np.float64]


def removed_parts(present: DistanceParts, removed: Mapping[str, Mapping[Part, float]]) -> go.Figure:
    """For each part of the distance: what there is, and beside it what each method removes; below 0 it adds."""
    figure = go.Figure()
    titles = [translated(PART_TITLES[part]) for part in PARTS]
    bands = [present.bands[part] for part in PARTS]
    width = 0.94
    figure.add_bar(
        x=titles,
        y=[band.high - band.low for band in bands],
        base=[band.low for band in bands],
        name=_("sampling range of N(0, I)"),
        width=width,
        offset=-width / 2,
        marker={"color": theme_colour("gray", 0.3), "line": {"width": 0}},
        hovertemplate=_("N(0, I): from %{base:.4f}, %{y:.4f} wide") + "<extra></extra>",
    )
    figure.add_bar(
        x=titles,
        y=[present.values[part] for part in PARTS],
        name=_("in the batch"),
        marker={"color": theme_colour("gray", 0.12), "line": {"color": TEXT, "width": 1.6}},
        text=_labels([present.values[part] for part in PARTS]),
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{x}: %{y:.4f}<extra>" + _("in the batch") + "</extra>",
    )
    for i, (name, parts) in enumerate(removed.items()):
        by_method = _("removed by {method}").format(method=name)
        figure.add_bar(
            x=titles,
            y=[parts[part] for part in PARTS],
            name=by_method,
            marker={
                "color": categorical(i),
                "pattern": {
                    "shape": _PATTERNS[i],
                    "fillmode": "overlay",
                    "fgcolor": theme_colour("background", 0.75),
                    "size": 7,
                    "solidity": 0.3,
                },
            },
            text=_labels([parts[part] for part in PARTS]),
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{x}: %{y:.4f}<extra>" + by_method + "</extra>",
        )
    figure.update_layout(barmode="group", bargap=0.12, bargroupgap=0.08)
    figure.update_yaxes(title=_("part of SW1 to N(0, I)"), zeroline=True, zerolinecolor=MUTED)
    return figure


def _labels(values: Sequence[float]) -> list[str]:
    """Numbers over the bars, where there is a bar to see."""
    return [f"{value:.2f}" if abs(value) >= 0.005 else "" for value in values]


def small_batches(curves: Mapping[str, SmallBatchCurve], gaussian: Sequence[NullBand], mark: int) -> go.Figure:
    """SW1 of the rows that gave the statistics and of held-out rows, over their number: median and range of splits.

    `gaussian` holds what N(0, I) itself has at each number of rows, of the same numbers as the curves.
    """
    figure = go.Figure()
    ticks = list(next(iter(curves.values())).rows)
    for name, bound, fill in (
        (_("lower end of the sampling range"), [b.low for b in gaussian], None),
        (_("sampling range of N(0, I)"), [b.high for b in gaussian], "tonexty"),
    ):
        figure.add_scatter(
            x=ticks,
            y=np.array(bound, np.float32),
            name=name,
            mode="lines",
            fill=fill,
            fillcolor=theme_colour("gray", 0.25),
            line={"color": REFERENCE, "width": 1, "dash": "dot"},
            showlegend=fill is not None,
            hoverinfo="skip",
        )
    for i, (name, curve) in enumerate(curves.items()):
        for part, values, filled in (
            (_("{method}, held-out rows"), curve.held_out, True),
            (_("{method}, the rows themselves"), curve.seen, False),
        ):
            title = part.format(method=name)
            middle = np.median(values, axis=1)
            figure.add_scatter(
                x=list(curve.rows),
                y=middle.astype(np.float32),
                error_y={
                    "type": "data",
                    "array": (values.max(axis=1) - middle).astype(np.float32),
                    "arrayminus": (middle - values.min(axis=1)).astype(np.float32),
                    "thickness": 1,
                    "width": 3,
                },
                name=title,
                mode="lines+markers",
                line={"color": categorical(i), "dash": "solid" if filled else "dot", "width": 1.8},
                marker={"symbol": _SYMBOLS[i] + ("" if filled else "-open"), "size": 9, "color": categorical(i)},
                hovertemplate=_("%{x} rows: %{y:.4f}") + "<extra>" + title + "</extra>",
            )
    figure.add_vline(x=mark, line={"color": MUTED, "width": 1, "dash": "dash"})
    figure.update_xaxes(
        title=_("rows b that give the statistics"), type="log", tickvals=ticks, ticktext=[str(t) for t in ticks]
    )
    figure.update_yaxes(title=_("SW1 to N(0, I)"), type="log", dtick="D2")
    return figure


def overlaid(densities: Mapping[str, JointDensity], unit: str) -> go.Figure:
    """The densities of one unit in several batches on one axis, with N(0, 1)."""
    figure = go.Figure()
    for i, (name, density) in enumerate(densities.items()):
        figure.add_scatter(
            x=density.grid.astype(np.float32),
            y=density.marginal_x.astype(np.float32),
            name=name,
            mode="lines",
            fill="tozeroy",
            fillcolor=categorical(i, 0.18),
            line={"color": categorical(i), "width": 2.2, "dash": _DASHES[i]},
            hovertemplate="%{x:.2f}: %{y:.3f}<extra>" + name + "</extra>",
        )
    grid = next(iter(densities.values())).grid
    add_normal(figure, grid)
    figure.update_xaxes(title=unit)
    figure.update_yaxes(title=_("density"), rangemode="tozero")
    return figure
