"""A unit's density, and how the variances of its small batches are spread."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.charts.clouds import panel_title
from app.charts.normal import LINE, normal_trace
from app.charts.palette import EXACT, categorical
from app.text.language import _

Figure = dict[str, Any]  # as plotly's JSON has it, see `show_chart`
LARGEST, BINS = 4.0, 32  # of the variances drawn; the rest is in the last bin


def density_and_variances(
    grid: NDArray[np.float64], density: NDArray[np.float64], variances: NDArray[np.float64], *, titles: tuple[str, str]
) -> Figure:
    """The density of a unit beside N(0, 1), and the variances of its batches of five beside those of N(0, 1).

    Args:
        grid, density: of the unit.
        variances: of the batches; none until the question is answered.
        titles: of both panels.
    """
    data: list[Figure] = [
        {
            "type": "scatter",
            "x": grid.astype(np.float32),
            "y": density.astype(np.float32),
            "name": _("this unit"),
            "mode": "lines",
            "fill": "tozeroy",
            "fillcolor": categorical(0, 0.25),
            "line": {"color": EXACT, "width": 3.5},
            "hovertemplate": "%{x:.2f}: %{y:.3f}<extra></extra>",
        },
        normal_trace(grid) | {"line": LINE | {"width": 2.5}},
        _gaussian_variances(),
    ]
    if variances.size:
        data.append(_histogram(variances))
    layout: Figure = {
        "margin": {"l": 16, "r": 16, "t": 30, "b": 76},
        "legend": {"x": 0, "y": -0.2, "yanchor": "top"},
        "bargap": 0.08,
        "xaxis": {"domain": [0, 0.47], "tickvals": [-3, 0, 3], "title": {"text": _("x"), "standoff": 0}},
        "xaxis2": {
            "domain": [0.53, 1],
            "anchor": "y2",
            "range": [0, LARGEST],
            "tickvals": [0, 1, 2, 3, 4],
            "title": {"text": _("variance of a batch of five"), "standoff": 0},
        },
        "annotations": [panel_title(titles[0], ""), panel_title(titles[1], "2")],
    }
    for axis in ("yaxis", "yaxis2"):
        layout[axis] = {"visible": False, "rangemode": "tozero", "fixedrange": True}
    layout["yaxis2"]["anchor"] = "x2"
    return {"data": data, "layout": layout}


def _gaussian_variances() -> Figure:
    """The variance v of five values of N(0, 1) is χ² of four degrees of freedom over 4, of density 4 v exp(−2 v)."""
    v = np.linspace(0, LARGEST, 121)
    return normal_trace(v) | {
        "y": (4 * v * np.exp(-2 * v)).astype(np.float32),
        "line": LINE | {"width": 2.5},
        "xaxis": "x2",
        "yaxis": "y2",
        "showlegend": False,
    }


def _histogram(variances: NDArray[np.float64]) -> Figure:
    """Bars of area 1."""
    counts, edges = np.histogram(variances.clip(max=LARGEST), bins=BINS, range=(0, LARGEST))
    return {
        "type": "bar",
        "x": ((edges[1:] + edges[:-1]) / 2).astype(np.float32),
        "y": (counts / (len(variances) * (edges[1] - edges[0]))).astype(np.float32),
        "name": _("this unit"),
        "marker": {"color": categorical(0, 0.55), "line": {"width": 0}},
        "xaxis": "x2",
        "yaxis": "y2",
        "showlegend": False,
        "hovertemplate": "%{x:.2f}: %{y:.3f}<extra></extra>",
    }
