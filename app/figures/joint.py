"""Joint densities with both marginals, side by side, as in Figure 1."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from analysis.density import JointDensity
from app.palette import CLEAR, EXACT, MUTED, REFERENCE, categorical, filled_contours

_LEVELS = 10
_GAP = 0.035


def joint_panels(densities: Mapping[str, JointDensity], *, units: tuple[str, str] = ("x", "y")) -> go.Figure:
    """One panel per density: filled contours, the first unit's marginal above, the second's at the right.

    All panels share their axes; the dotted curves are N(0, 1). Levels are tenths of each panel's own maximum.
    """
    figure = go.Figure()
    share = 1 / len(densities)
    top = max(float(max(d.marginal_x.max(), d.marginal_y.max(), 0.4)) for d in densities.values()) * 1.05
    for i, (title, density) in enumerate(densities.items()):
        left = i * share + (_GAP if i else 0) * 0.5
        right = (i + 1) * share - _GAP * 0.5
        _add_panel(figure, i, title, density, left, right, top, units)
    figure.update_layout(showlegend=False, margin={"l": 48, "r": 8, "t": 30, "b": 46})
    return figure


def _add_panel(
    figure: go.Figure,
    index: int,
    title: str,
    density: JointDensity,
    left: float,
    right: float,
    top: float,
    units: tuple[str, str],
) -> None:
    """Three pairs of axes: the joint density, the marginal above, the marginal at the right."""
    split_x, split_y = left + (right - left) * 0.82, 0.8
    joint, above, beside = (str(3 * index + k) if 3 * index + k > 1 else "" for k in (1, 2, 3))
    limits = [float(density.grid[0]), float(density.grid[-1])]
    grid = density.grid.astype(np.float32)
    normal = np.exp(-(density.grid**2) / 2) / np.sqrt(2 * np.pi)
    peak = float(density.joint.max()) or 1.0

    figure.add_contour(
        x=grid,
        y=grid,
        z=density.joint.astype(np.float32),
        name="joint density",
        meta=title,
        xaxis=f"x{joint}",
        yaxis=f"y{joint}",
        colorscale=filled_contours(),
        zmin=0,
        zmax=peak,
        showscale=False,
        contours={"start": 0.05 * peak, "end": peak, "size": 0.95 * peak / _LEVELS, "coloring": "fill"},
        line={"width": 0},
        hovertemplate="%{x:.2f}, %{y:.2f}: %{z:.3f}<extra></extra>",
    )
    for x, y, axis, fill, name in (
        (grid, density.marginal_x, above, "tozeroy", f"density of {units[0]}"),
        (density.marginal_y, grid, beside, "tozerox", f"density of {units[1]}"),
    ):
        figure.add_scatter(
            x=np.asarray(x, np.float32),
            y=np.asarray(y, np.float32),
            name=name,
            meta=title,
            mode="lines",
            fill=fill,
            line={"color": EXACT, "width": 1.6},
            fillcolor=categorical(0, 0.22),
            xaxis=f"x{axis}",
            yaxis=f"y{axis}",
            hovertemplate="%{x:.2f}, %{y:.3f}<extra></extra>",
        )
    for x, y, axis in ((grid, normal, above), (normal, grid, beside)):
        figure.add_scatter(
            x=np.asarray(x, np.float32),
            y=np.asarray(y, np.float32),
            name="N(0, 1)",
            meta=title,
            mode="lines",
            line={"color": REFERENCE, "width": 1.2, "dash": "dot"},
            hoverinfo="skip",
            xaxis=f"x{axis}",
            yaxis=f"y{axis}",
        )

    first = index == 0
    box = {"showline": True, "mirror": True, "linecolor": MUTED, "showgrid": False, "zeroline": False}
    bare = {"visible": False, "fixedrange": True}
    figure.layout[f"xaxis{joint}"] = {
        **box,
        "domain": [left, split_x],
        "anchor": f"y{joint}",
        "range": limits,
        "title": {"text": units[0]},
        "matches": None if first else "x",
    }
    figure.layout[f"yaxis{joint}"] = {
        **box,
        "domain": [0, split_y],
        "anchor": f"x{joint}",
        "range": limits,
        "title": {"text": units[1] if first else None},
        "matches": None if first else "y",
        "showticklabels": first,
        "ticklabelposition": "outside",
    }
    figure.layout[f"xaxis{above}"] = {
        **bare,
        "domain": [left, split_x],
        "anchor": f"y{above}",
        "matches": "x",
        "range": limits,
    }
    figure.layout[f"yaxis{above}"] = {
        **bare,
        "domain": [split_y, 1],
        "anchor": f"x{above}",
        "range": [0, top],
    }
    figure.layout[f"xaxis{beside}"] = {
        **bare,
        "domain": [split_x, right],
        "anchor": f"y{beside}",
        "range": [0, top],
    }
    figure.layout[f"yaxis{beside}"] = {
        **bare,
        "domain": [0, split_y],
        "anchor": f"x{beside}",
        "matches": "y",
        "range": limits,
    }
    figure.add_annotation(
        text=title,
        xref="paper",
        yref="paper",
        x=left,
        y=1.0,
        xanchor="left",
        yanchor="bottom",
        showarrow=False,
        bgcolor=CLEAR,
    )
