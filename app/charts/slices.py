"""A direction of the plane, the slice of a cloud along it, and W1 over all directions."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.density import JointDensity
from app.charts.clouds import along, cloud_panels, panel_title
from app.charts.normal import LINE, normal_trace
from app.charts.palette import ALARM, BOUND, EXACT, categorical
from app.text.language import _

Figure = dict[str, Any]  # as plotly's JSON has it, see `show_chart`
_LENGTH = 3.6  # of the direction, on axes to 4


@dataclass(frozen=True, slots=True, eq=False)
class AllDirections:
    """What is hidden until the question is answered.

    Attributes:
        w1: (180,) by degree.
        mean: SW1.
        error: of the mean of few random slices.
        few: how many.
    """

    w1: NDArray[np.float32]
    mean: float
    error: float
    few: int


def slice_panels(
    cloud: JointDensity,
    density: NDArray[np.float64],
    degrees: int,
    w1: float,
    highest: float,
    titles: tuple[str, str, str],
    revealed: AllDirections | None,
) -> Figure:
    """A cloud with a direction, the density of its slice beside N(0, 1), and W1 over the angle.

    Args:
        cloud: density of both units.
        density: of the slice, on the same grid.
        degrees, w1: the direction, and W1 along it.
        highest: where the axis of W1 ends.
        titles: of the panels.
        revealed: W1 along all directions and their mean; None shows the one direction alone.
    """
    figure = cloud_panels({titles[0]: cloud}, notes={}, count=3)
    grid = cloud.grid
    x, y = _LENGTH * math.cos(math.radians(degrees)), _LENGTH * math.sin(math.radians(degrees))
    in_slice = {"xaxis": "x2", "yaxis": "y2"}
    figure["data"] += [
        {
            "type": "scatter",
            "x": [-x, x],
            "y": [-y, y],
            "name": _("direction"),
            "mode": "lines+markers",
            "line": {"color": ALARM, "width": 4},
            "marker": {"color": ALARM, "symbol": "arrow", "size": [0, 18], "angleref": "previous", "opacity": 1},
            "hoverinfo": "skip",
            "showlegend": False,
        },
        {
            "type": "scatter",
            "x": grid.astype(np.float32),
            "y": density.astype(np.float32),
            "name": _("slice"),
            "mode": "lines",
            "fill": "tozeroy",
            "fillcolor": categorical(3, 0.2),
            "line": {"color": ALARM, "width": 3.5},
            "hovertemplate": "%{x:.2f}: %{y:.3f}<extra></extra>",
            **in_slice,
        },
        normal_trace(grid) | {"line": LINE | {"width": 2.5}, **in_slice},
        *_over_angle(degrees, w1, revealed),
    ]
    layout = figure["layout"]
    layout |= {
        "showlegend": True,
        "legend": {"x": 1, "xanchor": "right", "y": -0.17, "yanchor": "top"},
        "xaxis2": {"domain": list(along(1, 3)), "anchor": "y2", "tickvals": [-3, 0, 3], "fixedrange": True},
        "yaxis2": {"anchor": "x2", "rangemode": "tozero", "visible": False, "fixedrange": True},
        "xaxis3": {
            "domain": [along(2, 3)[0] + 0.03, 1],
            "anchor": "y3",
            "range": [0, 180],
            "tickvals": [0, 45, 90, 135, 180],
            "ticktext": ["0°", "45°", "90°", "135°", "180°"],
            "fixedrange": True,
        },
        "yaxis3": {"anchor": "x3", "range": [0, highest], "nticks": 5, "fixedrange": True},
    }
    layout["annotations"] += [panel_title(title, end) for title, end in zip(titles[1:], "23", strict=True)]
    if revealed is not None:
        layout["shapes"] = [_band(revealed)]
    return figure


def _over_angle(degrees: int, w1: float, revealed: AllDirections | None) -> list[Figure]:
    """W1 along the direction, and once revealed along all."""
    place = {"type": "scatter", "xaxis": "x3", "yaxis": "y3"}
    traces: list[Figure] = []
    if revealed is not None:
        angles = np.arange(len(revealed.w1) + 1, dtype=np.float32)
        mean = _("SW1, the mean: {mean:.3f}").format(mean=revealed.mean)
        traces = [
            {
                **place,
                "x": angles,
                "y": np.append(revealed.w1, revealed.w1[0]),
                "name": _("W1"),
                "mode": "lines",
                "line": {"color": EXACT, "width": 3.5},
                "hovertemplate": "%{x:.0f}°: %{y:.3f}<extra></extra>",
            },
            {
                **place,
                "x": [0, 180],
                "y": [revealed.mean] * 2,
                "name": mean,
                "mode": "lines",
                "line": {"color": BOUND, "width": 3, "dash": "dash"},
                "hoverinfo": "skip",
            },
        ]
    point = {"color": ALARM, "size": 14}
    traces.append({**place, "x": [degrees], "y": [w1], "mode": "markers", "marker": point, "showlegend": False})
    return traces


def _band(revealed: AllDirections) -> Figure:
    """Where the means of few random slices usually are."""
    return {
        "type": "rect",
        "xref": "x3",
        "yref": "y3",
        "x0": 0,
        "x1": 180,
        "y0": revealed.mean - revealed.error,
        "y1": revealed.mean + revealed.error,
        "layer": "below",
        "fillcolor": categorical(1, 0.25),
        "line": {"width": 0},
        "name": _("means of {few} random slices: ± {error:.3f}").format(few=revealed.few, error=revealed.error),
        "showlegend": True,
    }
