"""Joint densities with both marginals, side by side, as in Figure 1."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.density import JointDensity
from app.charts.field import field_trace
from app.charts.normal import normal_density
from app.charts.palette import EXACT, MUTED, REFERENCE, categorical, filled_contours
from app.text.language import _

Field = tuple[NDArray[np.float32], NDArray[np.float32]]
_LEVELS = 10
_GAP = 0.03
_HIGHEST_DENSITY = 1.2  # three times N(0, 1)'s: a narrow spike is cut off rather than flattening everything else
_SPLIT_Y = 0.8  # height of the joint density; the marginal is above


def joint_panels(
    densities: Mapping[str, JointDensity],
    *,
    units: tuple[str, str] = ("x", "y"),
    before: JointDensity | None = None,
    fields: Mapping[str, Field] | None = None,
) -> dict[str, Any]:
    """One panel per density: filled contours, the first unit's marginal above, the second's at the right.

    All panels are square and share their axes; the dotted curves are N(0, 1), the dashed ones the marginals of
    `before`. Levels are tenths of each panel's own maximum. `fields` holds, of some of the panels, rows (m, 2) of the
    batch before and the pull (m, 2) on them, drawn as arrows.
    """
    data: list[dict[str, Any]] = []
    layout: dict[str, Any] = {"showlegend": False, "margin": {"l": 48, "r": 8, "t": 30, "b": 46}, "annotations": []}
    width = (1 - _GAP * (len(densities) - 1)) / len(densities)
    highest = max(float(max(d.marginal_x.max(), d.marginal_y.max(), 0.4)) for d in densities.values())
    top = 1.05 * min(highest, _HIGHEST_DENSITY)
    for i, (title, density) in enumerate(densities.items()):
        left = i * (width + _GAP)
        data += _panel_traces(i, title, density, units, before)
        layout |= _panel_axes(i, density, left, left + width, top, units)
        layout["annotations"].append(
            {
                "text": title,
                "xref": "paper",
                "yref": "paper",
                "x": left,
                "y": 1,
                "xanchor": "left",
                "yanchor": "bottom",
                "showarrow": False,
            }
        )
        if fields and title in fields:
            limits = float(density.grid[0]), float(density.grid[-1])
            axis, _above, _beside = _axes(i)
            data.append(field_trace(*fields[title], limits, f"x{axis}", f"y{axis}"))
    return {"data": data, "layout": layout}


def about_joint() -> str:
    """What the panels are."""
    return _("Joint densities and their marginals on the same axes; dotted is N(0, 1).")


def precise_joint(densities: Mapping[str, JointDensity]) -> str:
    """How they are drawn, and how many samples lie beyond the axes."""
    drawn = _("Kernel densities in ten levels, from 5 % of the maximum of each panel.")
    beyond = [
        _("{outside:,} of {n:,} samples of {name} lie beyond the axes.").format(
            outside=one.n_outside, n=one.n, name=name
        )
        for name, one in densities.items()
        if one.n_outside
    ]
    return " ".join([drawn, *beyond])


def density_trace(name: str, density: JointDensity, end: str, levels: int = _LEVELS) -> dict[str, Any]:
    """A joint density as filled contours, in parts of its own maximum; `end` ends the names of its axes."""
    peak = float(density.joint.max()) or 1.0
    grid = density.grid.astype(np.float32)
    return {
        "type": "contour",
        "x": grid,
        "y": grid,
        "z": density.joint.astype(np.float32),
        "name": name,
        "xaxis": f"x{end}",
        "yaxis": f"y{end}",
        "colorscale": filled_contours(),
        "zmin": 0,
        "zmax": peak,
        "showscale": False,
        "contours": {"start": 0.05 * peak, "end": peak, "size": 0.95 * peak / levels, "coloring": "fill"},
        "line": {"width": 0},
        "hovertemplate": "%{x:.2f}, %{y:.2f}: %{z:.3f}<extra></extra>",
    }


def _axes(index: int) -> tuple[str, str, str]:
    """What ends the names of a panel's axes: the joint density's, those of the marginal above and at the right."""
    joint, above, beside = (str(3 * index + k) if 3 * index + k > 1 else "" for k in (1, 2, 3))
    return joint, above, beside


def _panel_traces(
    index: int, title: str, density: JointDensity, units: tuple[str, str], before: JointDensity | None
) -> list[dict[str, Any]]:
    """The joint density of a panel and its marginals, with what they are compared with."""
    joint, above, beside = _axes(index)
    on_top = {"xaxis": f"x{joint}", "yaxis": f"y{above}"}
    at_right = {"xaxis": f"x{beside}", "yaxis": f"y{joint}"}
    grid = density.grid.astype(np.float32)
    normal = normal_density(density.grid)
    traces: list[dict[str, Any]] = [density_trace(_("joint density"), density, joint) | {"meta": title}]
    traces += [
        {
            "type": "scatter",
            "x": x.astype(np.float32),
            "y": y.astype(np.float32),
            "name": _("density of {unit}").format(unit=unit),
            "meta": title,
            "mode": "lines",
            "fill": fill,
            "line": {"color": EXACT, "width": 1.6},
            "fillcolor": categorical(0, 0.22),
            **axes,
            "hovertemplate": "%{x:.2f}, %{y:.3f}<extra></extra>",
        }
        for x, y, axes, fill, unit in (
            (grid, density.marginal_x, on_top, "tozeroy", units[0]),
            (density.marginal_y, grid, at_right, "tozerox", units[1]),
        )
    ]
    references = [("N(0, 1)", normal, normal, "dot")]
    if before is not None and before is not density:
        references.append((_("before"), before.marginal_x, before.marginal_y, "dash"))
    traces += [
        {
            "type": "scatter",
            "x": x.astype(np.float32),
            "y": y.astype(np.float32),
            "name": name,
            "meta": title,
            "mode": "lines",
            "line": {"color": REFERENCE, "width": 1.2, "dash": dash},
            "hoverinfo": "skip",
            **axes,
        }
        for name, of_x, of_y, dash in references
        for x, y, axes in ((grid, of_x, on_top), (of_y, grid, at_right))
    ]
    return traces


def _panel_axes(
    index: int, density: JointDensity, left: float, right: float, top: float, units: tuple[str, str]
) -> dict[str, Any]:
    """All panels zoom together, and stay square: what one axis has too much of its domain is left empty."""
    joint, above, beside = _axes(index)
    split = left + (right - left) * 0.82
    box = {"showline": True, "mirror": True, "linecolor": MUTED, "showgrid": False, "zeroline": False}
    shared = {"range": [float(density.grid[0]), float(density.grid[-1])], "constrain": "domain"}
    marginal = {"range": [0, top], "fixedrange": True, "visible": False}
    x = {
        "domain": [left, split],
        "anchor": f"y{joint}",
        "title": {"text": units[0], "standoff": 4},
        "constraintoward": "right",
    }
    y: dict[str, Any] = {
        "domain": [0, _SPLIT_Y],
        "anchor": f"x{joint}",
        "showticklabels": index == 0,
        "constraintoward": "top",
    }
    if index == 0:
        y |= {"scaleanchor": "x", "title": {"text": units[1]}}
    else:
        x["matches"], y["matches"] = "x", "y"
    return {
        f"xaxis{joint}": {**box, **shared, **x},
        f"yaxis{joint}": {**box, **shared, **y},
        f"yaxis{above}": {**marginal, "domain": [_SPLIT_Y, 1], "anchor": f"x{joint}"},
        f"xaxis{beside}": {**marginal, "domain": [split, right], "anchor": f"y{joint}"},
    }
