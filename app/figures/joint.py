"""Joint densities with both marginals, side by side, as in Figure 1."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from analysis.density import JointDensity
from app.palette import EXACT, MUTED, REFERENCE, categorical, filled_contours

_LEVELS = 10
_GAP = 0.03
_HIGHEST_DENSITY = 1.2  # three times N(0, 1)'s: a narrow spike is cut off rather than flattening everything else
_SPLIT_Y = 0.8  # height of the joint density; the marginal is above


def joint_panels(
    densities: Mapping[str, JointDensity], *, units: tuple[str, str] = ("x", "y"), before: JointDensity | None = None
) -> go.Figure:
    """One panel per density: filled contours, the first unit's marginal above, the second's at the right.

    All panels share their axes; the dotted curves are N(0, 1), the dashed ones the marginals of `before`. Levels are
    tenths of each panel's own maximum.
    """
    figure = go.Figure()
    share = 1 / len(densities)
    highest = max(float(max(d.marginal_x.max(), d.marginal_y.max(), 0.4)) for d in densities.values())
    top = 1.05 * min(highest, _HIGHEST_DENSITY)
    for i, (title, density) in enumerate(densities.items()):
        left = i * share + (_GAP if i else 0) * 0.5
        right = (i + 1) * share - _GAP * 0.5
        _add_panel(figure, i, title, density, left, right, top, units, before)
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
    before: JointDensity | None,
) -> None:
    """Three pairs of axes: the joint density, the marginal above, the marginal at the right."""
    split_x = left + (right - left) * 0.82
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
    references = [("N(0, 1)", normal, normal, "dot")]
    if before is not None and before is not density:
        references.append(("before", before.marginal_x, before.marginal_y, "dash"))
    for name, of_x, of_y, dash in references:
        for x, y, axis in ((grid, of_x, above), (of_y, grid, beside)):
            figure.add_scatter(
                x=np.asarray(x, np.float32),
                y=np.asarray(y, np.float32),
                name=name,
                meta=title,
                mode="lines",
                line={"color": REFERENCE, "width": 1.2, "dash": dash},
                hoverinfo="skip",
                xaxis=f"x{axis}",
                yaxis=f"y{axis}",
            )

    _place_axes(figure, (joint, above, beside), left, split_x, right, limits, top, units, first=index == 0)
    figure.add_annotation(
        text=title, xref="paper", yref="paper", x=left, y=1, xanchor="left", yanchor="bottom", showarrow=False
    )


def _place_axes(
    figure: go.Figure,
    numbers: tuple[str, str, str],
    left: float,
    split: float,
    right: float,
    limits: list[float],
    top: float,
    units: tuple[str, str],
    *,
    first: bool,
) -> None:
    """All panels zoom together: every axis that shows a unit follows the first panel's."""
    joint, above, beside = numbers
    box = {"showline": True, "mirror": True, "linecolor": MUTED, "showgrid": False, "zeroline": False}
    of_x = {"range": limits, "matches": None if first else "x"}
    of_y = {"range": limits, "matches": None if first else "y", "domain": [0, _SPLIT_Y]}
    density = {"range": [0, top], "fixedrange": True, "visible": False}
    axes = {
        f"xaxis{joint}": {**box, **of_x, "domain": [left, split], "anchor": f"y{joint}", "title": units[0]},
        f"yaxis{joint}": {**box, **of_y, "anchor": f"x{joint}", "showticklabels": first},
        f"xaxis{above}": {**of_x, "matches": "x", "domain": [left, split], "anchor": f"y{above}", "visible": False},
        f"yaxis{above}": {**density, "domain": [_SPLIT_Y, 1], "anchor": f"x{above}"},
        f"xaxis{beside}": {**density, "domain": [split, right], "anchor": f"y{beside}"},
        f"yaxis{beside}": {**of_y, "matches": "y", "anchor": f"x{beside}", "visible": False},
    }
    if first:
        axes[f"yaxis{joint}"]["title"] = units[1]
    figure.update_layout(axes)
