"""One unit moved to N(0, 1): parts of equal mass joined by bands, and the area between the distribution functions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from analysis.lesson.transport import Transport
from app.charts.clouds import panel_title
from app.charts.normal import LINE, normal_density
from app.charts.palette import ALARM, CHECK, EXACT, TEXT, categorical
from app.text.language import _

Figure = dict[str, Any]  # as plotly's JSON has it, see `show_chart`
_HEIGHT = 2.0  # of a density 1, where the gap that is crossed is 1
_HIGHEST = 1.0  # density: a narrow spike is cut off rather than flattening everything else
_LENGTH_AT = -0.95  # where the mean move is drawn


def transport_panels(
    grid: NDArray[np.float64], density: NDArray[np.float64], seen: Transport, *, revealed: bool
) -> Figure:
    """The density of a unit above, N(0, 1) below, and once revealed where each tenth of the mass goes.

    Args:
        grid, density: of the unit.
        seen: what is drawn.
        revealed: whether bands, arrows, the mean move and the area between the distribution functions are drawn.
    """
    top = _HEIGHT * max(0.4, min(float(density.max()), _HIGHEST))
    data = [
        _area(grid, 1 + _HEIGHT * density.clip(max=_HIGHEST), 1.0, _("this unit"), EXACT, categorical(0, 0.3)),
        _area(grid, -_HEIGHT * normal_density(grid), 0.0, "N(0, 1)", CHECK, categorical(2, 0.3)),
        *_distribution_functions(grid, seen, revealed),
    ]
    if revealed:
        data = [*_bands(seen), *data, _arrows(seen), _mean_move(float(grid[0]) + 0.1, seen.w1)]
    titles = (
        _("mean move {w1:.2f}").format(w1=seen.w1) if revealed else _("from this unit to N(0, 1)"),
        _("area {w1:.2f}").format(w1=seen.w1) if revealed else _("share to the left"),
    )
    limits = [float(grid[0]), float(grid[-1])]
    horizontal = {"range": limits, "fixedrange": True, "tickvals": [-3, -2, -1, 0, 1, 2, 3], "zeroline": False}
    layout: Figure = {
        "showlegend": False,
        "margin": {"l": 16, "r": 20, "t": 30, "b": 36},
        "xaxis": {**horizontal, "domain": [0, 0.62]},
        "yaxis": {"range": [_LENGTH_AT - 0.2, 1.05 + top], "visible": False, "fixedrange": True},
        "xaxis2": {**horizontal, "domain": [0.7, 1], "anchor": "y2", "tickvals": [-3, 0, 3]},
        "yaxis2": {"range": [0, 1.02], "anchor": "x2", "tickvals": [0, 0.5, 1], "fixedrange": True},
        "annotations": [panel_title(title, end) for title, end in zip(titles, ("", "2"), strict=True)]
        + [_label(_("this unit"), limits[0], 1.06, "bottom"), _label("N(0, 1)", limits[0], -0.06, "top")],
    }
    if revealed:
        move = _label(f"<b>W1 = {seen.w1:.2f}</b>", limits[0] + 0.2 + seen.w1, _LENGTH_AT, "middle")
        layout["annotations"].append(move | {"font": {"color": ALARM}})
    return {"data": data, "layout": layout}


def _area(
    grid: NDArray[np.float64], edge: NDArray[np.float64], base: float, name: str, colour: str, filled: str
) -> Figure:
    """A density that stands on a line, or hangs from it."""
    x, y = np.concatenate([grid, grid[::-1]]), np.concatenate([edge, np.full_like(grid, base)])
    return {
        "type": "scatter",
        "x": x.astype(np.float32),
        "y": y.astype(np.float32),
        "name": name,
        "mode": "lines",
        "fill": "toself",
        "fillcolor": filled,
        "line": {"color": colour, "width": 3},
        "hoverinfo": "skip",
    }


def _bands(seen: Transport) -> list[Figure]:
    """Each tenth of the mass from where it lies to where it goes, every other one darker."""
    x = np.stack([seen.edges[:-1], seen.edges[1:], seen.target_edges[1:], seen.target_edges[:-1]], axis=1)  # (10, 4)
    x = np.column_stack([x, np.full(len(x), np.nan)])
    y = np.tile([1.0, 1.0, 0.0, 0.0, np.nan], (len(x), 1))
    return [
        {
            "type": "scatter",
            "x": x[first::2].ravel().astype(np.float32),
            "y": y[first::2].ravel().astype(np.float32),
            "name": _("a tenth of the mass"),
            "mode": "lines",
            "fill": "toself",
            "fillcolor": categorical(0, opacity),
            "line": {"width": 0},
            "hoverinfo": "skip",
        }
        for first, opacity in ((0, 0.45), (1, 0.2))
    ]


def _arrows(seen: Transport) -> Figure:
    """The median of each tenth."""
    none = np.full(len(seen.middles), np.nan)
    return {
        "type": "scatter",
        "x": np.stack([seen.middles, seen.target_middles, none], axis=1).ravel().astype(np.float32),
        "y": np.tile([1.0, 0.0, np.nan], len(none)).astype(np.float32),
        "name": _("median of a tenth"),
        "mode": "lines+markers",
        "line": {"color": TEXT, "width": 2},
        "marker": {
            "color": TEXT,
            "symbol": "arrow",
            "size": [0, 12, 0] * len(none),
            "angleref": "previous",
            "opacity": 1,
        },
        "hoverinfo": "skip",
    }


def _mean_move(left: float, w1: float) -> Figure:
    """Its length, to the scale of the axis."""
    return {
        "type": "scatter",
        "x": [left, left + w1],
        "y": [_LENGTH_AT] * 2,
        "name": _("mean move"),
        "mode": "lines",
        "line": {"color": ALARM, "width": 8},
        "hoverinfo": "skip",
    }


def _distribution_functions(grid: NDArray[np.float64], seen: Transport, revealed: bool) -> list[Figure]:
    """The share of the mass to the left of each place."""
    place = {"type": "scatter", "mode": "lines", "xaxis": "x2", "yaxis": "y2", "hoverinfo": "skip"}
    x = grid.astype(np.float32)
    share = np.searchsorted(seen.values, grid, side="right") / len(seen.values)
    normal = {**place, "x": x, "y": ndtr(grid).astype(np.float32), "name": "N(0, 1)", "line": LINE | {"width": 2.5}}
    between = {"fill": "tonexty", "fillcolor": categorical(3, 0.35)} if revealed else {}
    line = {"color": EXACT, "width": 3}
    return [normal, {**place, "x": x, "y": share.astype(np.float32), "name": _("this unit"), "line": line, **between}]


def _label(text: str, x: float, y: float, anchor: str) -> Figure:
    """A name at the left."""
    return {
        "text": text,
        "x": x,
        "y": y,
        "xref": "x",
        "yref": "y",
        "xanchor": "left",
        "yanchor": anchor,
        "showarrow": False,
    }
