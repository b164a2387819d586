"""The density of N(0, 1), with which every distribution is compared."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from app.charts.palette import REFERENCE

LINE = {"color": REFERENCE, "width": 1.4, "dash": "dot"}


def normal_density(values: NDArray[Any]) -> NDArray[np.float64]:
    """φ(z) = exp(−z²/2) / √(2π) at every value."""
    density: NDArray[np.float64] = np.exp(-(values**2) / 2) / np.sqrt(2 * np.pi)
    return density


def normal_trace(values: NDArray[Any]) -> dict[str, Any]:
    """It at every value as a trace of a figure, dotted."""
    return {
        "type": "scatter",
        "x": values.astype(np.float32),
        "y": normal_density(values).astype(np.float32),
        "name": "N(0, 1)",
        "mode": "lines",
        "line": LINE,
        "hoverinfo": "skip",
    }


def add_normal(figure: go.Figure, values: NDArray[Any]) -> None:
    """Draw it into a figure of graph objects."""
    figure.add_trace(normal_trace(values))
