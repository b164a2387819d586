"""Charts of the Methods page: what a method removes of the distance, small batches, and two batches on one axis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.distances.decomposition import PARTS, DistanceParts, Part
from analysis.methods.collapse import CollapsePull, Way
from analysis.statistics.density import JointDensity
from analysis.statistics.null_band import NullBand
from app.charts.normal import normal_trace
from app.charts.palette import MUTED, REFERENCE, TEXT, categorical, theme_colour
from app.text.language import _, translated
from per_core.text import N_

Figure = dict[str, Any]  # as plotly's JSON has it, see `show_chart`
PART_TITLES: dict[Part, str] = {
    "location": N_("location"),
    "scale": N_("scale"),
    "correlation": N_("correlation"),
    "shape": N_("shape"),
    "floor": N_("sampling floor"),
}
_WAYS: dict[Way, str] = {"out": categorical(2), "fades": categorical(1), "in": categorical(3)}
_PATTERNS = ["", "/", ".", "x"]
_SYMBOLS = ["circle", "diamond", "square", "triangle-up"]
_DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"]


@dataclass(frozen=True, slots=True, eq=False)
class SmallBatchCurve:
    """A normaliser's SW1 to N(0, I) over the rows its statistics come from.

    Attributes:
        rows: (sizes,).
        seen, held_out: (sizes, splits) of those rows, and of as many that were held out.
    """

    rows: Sequence[int]
    seen: NDArray[np.float64]
    held_out: NDArray[np.float64]


def removed_parts(present: DistanceParts, removed: Mapping[str, Mapping[Part, float]]) -> Figure:
    """For each part of the distance: what there is, and beside it what each method removes; below 0 it adds."""
    titles = [translated(PART_TITLES[part]) for part in PARTS]
    bands = [present.bands[part] for part in PARTS]
    width = 0.94
    data: list[Figure] = [
        {
            "type": "bar",
            "x": titles,
            "y": [band.high - band.low for band in bands],
            "base": [band.low for band in bands],
            "name": _("sampling range of N(0, I)"),
            "width": width,
            "offset": -width / 2,
            "marker": {"color": theme_colour("gray", 0.3), "line": {"width": 0}},
            "hovertemplate": _("N(0, I): from %{base:.4f}, %{y:.4f} wide") + "<extra></extra>",
        },
        {
            "marker": {"color": theme_colour("gray", 0.12), "line": {"color": TEXT, "width": 1.6}},
            **_part_bars(titles, present.values, _("in the batch")),
        },
    ]
    for i, (name, parts) in enumerate(removed.items()):
        pattern = {
            "shape": _PATTERNS[i],
            "fillmode": "overlay",
            "fgcolor": theme_colour("background", 0.75),
            "size": 7,
            "solidity": 0.3,
        }
        data.append(
            {
                "marker": {"color": categorical(i), "pattern": pattern},
                **_part_bars(titles, parts, _("removed by {method}").format(method=name)),
            }
        )
    layout = {
        "barmode": "group",
        "bargap": 0.12,
        "bargroupgap": 0.08,
        "yaxis": {"title": {"text": _("part of SW1 to N(0, I)")}, "zeroline": True, "zerolinecolor": MUTED},
    }
    return {"data": data, "layout": layout}


def _part_bars(titles: Sequence[str], parts: Mapping[Part, float], name: str) -> Figure:
    """A bar a part, with its number where there is a bar to see."""
    values = [parts[part] for part in PARTS]
    return {
        "type": "bar",
        "x": titles,
        "y": values,
        "name": name,
        "text": [f"{value:.2f}" if abs(value) >= 0.005 else "" for value in values],
        "textposition": "outside",
        "cliponaxis": False,
        "hovertemplate": "%{x}: %{y:.4f}<extra>" + name + "</extra>",
    }


def small_batches(curves: Mapping[str, SmallBatchCurve], gaussian: Sequence[NullBand], mark: int) -> Figure:
    """SW1 of the rows that gave the statistics and of held-out rows, over their number: median and range of splits.

    `gaussian` holds what N(0, I) itself has at each number of rows, of the same numbers as the curves.
    """
    data: list[Figure] = []
    ticks = list(next(iter(curves.values())).rows)
    for name, bound, fill in (
        (_("lower end of the sampling range"), [b.low for b in gaussian], {"showlegend": False}),
        (_("sampling range of N(0, I)"), [b.high for b in gaussian], {"fill": "tonexty"}),
    ):
        data.append(
            {
                "type": "scatter",
                "x": ticks,
                "y": np.array(bound, np.float32),
                "name": name,
                "mode": "lines",
                "fillcolor": theme_colour("gray", 0.25),
                "line": {"color": REFERENCE, "width": 1, "dash": "dot"},
                "hoverinfo": "skip",
                **fill,
            }
        )
    for i, (name, curve) in enumerate(curves.items()):
        for part, values, filled in (
            (_("{method}, held-out rows"), curve.held_out, True),
            (_("{method}, the rows themselves"), curve.seen, False),
        ):
            title = part.format(method=name)
            middle = np.median(values, axis=1)
            data.append(
                {
                    "type": "scatter",
                    "x": list(curve.rows),
                    "y": middle.astype(np.float32),
                    "error_y": {
                        "type": "data",
                        "array": (values.max(axis=1) - middle).astype(np.float32),
                        "arrayminus": (middle - values.min(axis=1)).astype(np.float32),
                        "thickness": 1,
                        "width": 3,
                    },
                    "name": title,
                    "mode": "lines+markers",
                    "line": {"color": categorical(i), "dash": "solid" if filled else "dot", "width": 1.8},
                    "marker": {
                        "symbol": _SYMBOLS[i] + ("" if filled else "-open"),
                        "size": 9,
                        "color": categorical(i),
                    },
                    "hovertemplate": _("%{x} rows: %{y:.4f}") + "<extra>" + title + "</extra>",
                }
            )
    chosen = {"type": "line", "x0": mark, "x1": mark, "xref": "x", "y0": 0, "y1": 1, "yref": "y domain"}
    layout = {
        "xaxis": {
            "title": {"text": _("rows b that give the statistics")},
            "type": "log",
            "tickvals": ticks,
            "ticktext": [str(tick) for tick in ticks],
        },
        "yaxis": {"title": {"text": _("SW1 to N(0, I)")}, "type": "log", "dtick": "D2"},
        "shapes": [{**chosen, "line": {"color": MUTED, "width": 1, "dash": "dash"}}],
    }
    return {"data": data, "layout": layout}


def overlaid(densities: Mapping[str, JointDensity], unit: str) -> Figure:
    """The densities of one unit in several batches on one axis, with N(0, 1)."""
    data: list[Figure] = [
        {
            "type": "scatter",
            "x": density.grid.astype(np.float32),
            "y": density.marginal_x.astype(np.float32),
            "name": name,
            "mode": "lines",
            "fill": "tozeroy",
            "fillcolor": categorical(i, 0.18),
            "line": {"color": categorical(i), "width": 2.2, "dash": _DASHES[i]},
            "hovertemplate": "%{x:.2f}: %{y:.3f}<extra>" + name + "</extra>",
        }
        for i, (name, density) in enumerate(densities.items())
    ]
    data.append(normal_trace(next(iter(densities.values())).grid))
    layout = {
        "xaxis": {"title": {"text": unit}},
        "yaxis": {"title": {"text": _("density")}, "rangemode": "tozero"},
    }
    return {"data": data, "layout": layout}


def pull_near_collapse(pulls: Mapping[str, CollapsePull]) -> Figure:
    """The outward pull over the scale of the batch, of every regulariser by name, as a share of its largest."""
    dashes = {way: cycle(_DASHES) for way in _WAYS}
    data: list[Figure] = [
        {
            "type": "scatter",
            "x": pull.scales,
            "y": pull.share,
            "name": name,
            "mode": "lines",
            "line": {"color": _WAYS[pull.way], "dash": next(dashes[pull.way]), "width": 2},
            "hovertemplate": f"{name}: %{{y:.2f}}<extra></extra>",
        }
        for name, pull in pulls.items()
    ]
    none = {"type": "line", "x0": 0, "x1": 1, "xref": "x domain", "y0": 0, "y1": 0, "yref": "y"}
    layout: Figure = {
        "xaxis": {"type": "log", "exponentformat": "power", "dtick": 1, "title": {"text": _("scale of the batch")}},
        "yaxis": {"title": {"text": _("pull, of its largest (outward above 0)")}, "range": [-1.05, 1.05]},
        "hovermode": "x",
        "shapes": [{**none, "line": {"color": MUTED, "width": 1}}],
    }
    return {"data": data, "layout": layout}
