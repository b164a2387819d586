"""Marks of the lesson's pictures: few and large. Type has no size of its own, so that presenter mode can enlarge it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.charts.palette import TEXT

Figure = dict[str, Any]  # as plotly's JSON has it, see `show_chart`


def line(x: NDArray[Any], y: NDArray[Any], colour: str, xaxis: str, yaxis: str) -> Figure:
    """A curve."""
    return {
        "type": "scatter",
        "x": x.astype(np.float32),
        "y": y.astype(np.float32),
        "mode": "lines",
        "line": {"color": colour, "width": 3},
        "xaxis": xaxis,
        "yaxis": yaxis,
    }


def dots(x: NDArray[Any], y: NDArray[Any], colour: str, xaxis: str, yaxis: str, size: int) -> Figure:
    """Points."""
    return {
        "type": "scatter",
        "x": x.astype(np.float32),
        "y": y.astype(np.float32),
        "mode": "markers",
        "marker": {"color": colour, "size": size},
        "xaxis": xaxis,
        "yaxis": yaxis,
        "hovertemplate": "%{x:.2f}: %{y:.2f}<extra></extra>",
    }


def head(text: str, y: float, x: float = 0.0, colour: str = TEXT) -> Figure:
    """What stands above a panel: at its left, or over its middle."""
    return {
        "text": text,
        "xref": "paper",
        "yref": "paper",
        "x": x,
        "y": y,
        "xanchor": "left" if x == 0 else "center",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"color": colour},
    }
