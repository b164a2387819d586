"""Clouds of the lesson: few large panels, with the circle that mean and variance are."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.density import JointDensity
from app.charts.joint import density_trace
from app.charts.normal import normal_trace
from app.charts.palette import ALARM, MUTED, categorical

Figure = dict[str, Any]  # as plotly's JSON has it, see `show_chart`
_LEVELS = 8
_GAP = 0.03
_TICKS = [-3, 0, 3]
FOOT = 76  # pixels under a panel: its axis and two lines


class Circle(NamedTuple):
    """Mean and standard deviation of x and y."""

    means: tuple[float, float]
    deviations: tuple[float, float]


def cloud_panels(
    densities: Mapping[str, JointDensity],
    *,
    circles: Mapping[str, Circle] | None = None,
    notes: Mapping[str, str],
    count: int = 0,
) -> Figure:
    """A square panel for each density.

    Args:
        densities: by title.
        circles: by title, drawn two standard deviations wide around the mean, dashed.
        notes: by title, at most two lines under the panel.
        count: for how many panels there is room; as many as there are if 0.
    """
    count = count or len(densities)
    data: list[Figure] = []
    layout: Figure = {"showlegend": False, "margin": {"l": 30, "r": 20, "t": 30, "b": FOOT}, "annotations": []}
    layout["shapes"] = []
    for i, (title, density) in enumerate(densities.items()):
        end = str(i + 1) if i else ""
        data.append(density_trace(title, density, end, _LEVELS))
        layout |= square_axes(end, along(i, count), (0.0, 1.0), density)
        layout[f"yaxis{end}"]["showticklabels"] = i == 0
        layout["annotations"] += [panel_title(title, end), panel_note(notes.get(title, ""), end)]
        if circles:
            layout["shapes"].append(_circle(circles[title], end))
    return {"data": data, "layout": layout}


class Part(NamedTuple):
    """The rows of a cloud between two values of x: their name, the two values, and the density of their y."""

    name: str
    low: float
    high: float
    density: NDArray[np.float64]


def cloud_and_parts(densities: Mapping[str, JointDensity], title: str, parts: Sequence[Part] = ()) -> Figure:
    """Two clouds, the second in parts along x, and at the right the density of y in each part, beside N(0, 1).

    Args:
        densities: by title.
        title: of the panel at the right.
        parts: what is hidden until the question is answered.
    """
    figure = cloud_panels(densities, notes={}, count=3)
    grid = next(iter(densities.values())).grid
    colours = [categorical(i) for i in (1, 2, 3)]
    figure["data"] += [
        {
            "type": "scatter",
            "x": grid.astype(np.float32),
            "y": part.density.astype(np.float32),
            "name": part.name,
            "mode": "lines",
            "line": {"color": colour, "width": 3.5, "dash": dash},
            "xaxis": "x3",
            "yaxis": "y3",
            "hovertemplate": "%{x:.2f}: %{y:.3f}<extra>" + part.name + "</extra>",
        }
        for part, colour, dash in zip(parts, colours, ("solid", "dash", "dashdot"), strict=False)
    ]
    figure["data"].append(normal_trace(grid) | {"xaxis": "x3", "yaxis": "y3"})
    layout = figure["layout"]
    layout["margin"]["l"] = 46  # the name of y
    low, high = float(grid[0]), float(grid[-1])
    layout["xaxis3"] = {"domain": list(along(2, 3)), "anchor": "y3", "range": [low, high], "tickvals": _TICKS}
    for axis, unit in (("xaxis", "x"), ("yaxis", "y")):
        layout[axis]["title"] = {"text": unit, "standoff": 0}
    layout["yaxis3"] = {"anchor": "x3", "rangemode": "tozero", "visible": False, "fixedrange": True}
    layout["annotations"].append(panel_title(title, "3"))
    layout["shapes"] += [
        {
            "type": "rect",
            "xref": "x2",
            "yref": "y2",
            "x0": max(part.low, low),
            "x1": min(part.high, high),
            "y0": low,
            "y1": high,
            "layer": "below",
            "fillcolor": categorical(i, 0.22),
            "line": {"width": 0},
        }
        for i, part in enumerate(parts, start=1)
    ]
    layout |= {"showlegend": True, "legend": {"x": 1, "xanchor": "right", "y": -0.17, "yanchor": "top"}}
    return figure


def square_axes(end: str, x: tuple[float, float], y: tuple[float, float], density: JointDensity) -> Figure:
    """Axes with one unit length, in these parts of the figure."""
    box = {
        "range": [float(density.grid[0]), float(density.grid[-1])],
        "constrain": "domain",
        "automargin": False,
        "tickvals": _TICKS,
        "showline": True,
        "mirror": True,
        "linecolor": MUTED,
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
    }
    return {
        f"xaxis{end}": {
            **box,
            "domain": list(x),
            "anchor": f"y{end}",
        },
        f"yaxis{end}": {**box, "domain": list(y), "anchor": f"x{end}", "scaleanchor": f"x{end}"},
    }


def panel_title(title: str, end: str) -> Figure:
    """What stands above a panel."""
    return {
        "text": f"<b>{title}</b>",
        "xref": f"x{end} domain",
        "yref": f"y{end} domain",
        "x": 0,
        "y": 1,
        "xanchor": "left",
        "yanchor": "bottom",
        "showarrow": False,
    }


def panel_note(note: str, end: str) -> Figure:
    """What stands under a panel, in two lines at most."""
    middle = {"x": 0.5, "xanchor": "center", "y": 0, "yanchor": "top", "yshift": -26}
    return {"text": note, "xref": f"x{end} domain", "yref": f"y{end} domain", "showarrow": False, **middle}


def along(index: int, count: int) -> tuple[float, float]:
    """The part of the width that one of some panels has."""
    width = (1 - _GAP * (count - 1)) / count
    return index * (width + _GAP), index * (width + _GAP) + width


def _circle(circle: Circle, end: str) -> Figure:
    """Two standard deviations around the mean."""
    (mean_x, mean_y), (deviation_x, deviation_y) = circle
    return {
        "type": "circle",
        "xref": f"x{end}",
        "yref": f"y{end}",
        "x0": mean_x - 2 * deviation_x,
        "x1": mean_x + 2 * deviation_x,
        "y0": mean_y - 2 * deviation_y,
        "y1": mean_y + 2 * deviation_y,
        "line": {"color": ALARM, "width": 3, "dash": "dash"},
    }
