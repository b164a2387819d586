"""Charts of the Dumps page: all layers at all epochs at a glance, and one layer's honest histogram."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from analysis.histogram import Histogram
from app.palette import ALARM, REFERENCE, categorical, filled_contours

_DASHES = ["solid", "dash"]


def overview_map(table: NDArray[np.float64], layers: Sequence[str], epochs: Sequence[str], title: str) -> go.Figure:
    """A row a layer, a column an epoch; what could not be read stays empty."""
    finite = table[np.isfinite(table)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    figure = go.Figure()
    figure.add_heatmap(
        x=list(epochs),
        y=list(layers),
        z=np.where(np.isfinite(table), table, np.nan).astype(np.float32),
        name=title,
        zmin=low,
        zmax=high if high > low else low + 1,
        colorscale=[[0.0, filled_contours()[2][1]], *filled_contours()[3:]],
        xgap=1,
        ygap=1,
        colorbar={"title": title, "thickness": 12, "outlinewidth": 0},
        hovertemplate="%{y}, %{x}: %{z:.4g}<extra></extra>",
        hoverongaps=False,
    )
    figure.update_yaxes(autorange="reversed", type="category", showgrid=False)
    figure.update_xaxes(type="category", showgrid=False, side="top")
    figure.update_layout(margin={"t": 60, "b": 16})
    return figure


def honest_histograms(histograms: Mapping[str, Histogram], *, log_density: bool, log_values: bool) -> go.Figure:
    """Densities in equal bins with what lies beyond them drawn as bars of their own at both ends, and N(0, 1)."""
    figure = go.Figure()
    for i, (name, one) in enumerate(histograms.items()):
        centres = (one.edges[:-1] + one.edges[1:]) / 2
        figure.add_scatter(
            x=centres.astype(np.float32),
            y=one.density.astype(np.float32),
            name=name,
            mode="lines",
            line={"color": categorical(i), "width": 2, "shape": "hvh", "dash": _DASHES[i % 2]},
            fill="tozeroy",
            fillcolor=categorical(i, 0.2),
            hovertemplate="%{x:.3g}: %{y:.4g}<extra>" + name + "</extra>",
        )
        width = float(one.edges[1] - one.edges[0])
        finite = max(one.n - one.n_nan - one.n_inf, 1)
        beyond = [one.n_below / finite / width, one.n_above / finite / width]
        if any(beyond):
            figure.add_bar(
                x=[float(one.edges[0]) - width, float(one.edges[-1]) + width],
                y=beyond,
                width=width,
                name=f"{name}, beyond the axis",
                marker={"color": ALARM, "pattern": {"shape": "/"}},
                text=[f"{one.n_below:,}" if one.n_below else "", f"{one.n_above:,}" if one.n_above else ""],
                textposition="outside",
                hovertemplate="%{text} values<extra>beyond the axis</extra>",
            )
    edges = next(iter(histograms.values())).edges
    grid = np.linspace(edges[0], edges[-1], 161)
    figure.add_scatter(
        x=grid.astype(np.float32),
        y=(np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi)).astype(np.float32),
        name="N(0, 1)",
        mode="lines",
        line={"color": REFERENCE, "width": 1.4, "dash": "dot"},
        hoverinfo="skip",
    )
    figure.update_xaxes(title="activation", type="log" if log_values else "linear")
    figure.update_yaxes(title="density", type="log" if log_density else "linear")
    return figure
