"""Charts of the Bound page: exact SW1 in one colour and PER in another, everywhere the same."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analysis.distances.bound import (
    PER_AT_COLLAPSE,
    PER_AT_GAUSSIAN,
    Decomposition,
    DirectionStudy,
    Influence,
    ScaleCurve,
    SliceConvergence,
)
from analysis.distances.cost import Timing
from app.charts.palette import (
    ALARM,
    BOUND,
    CHECK,
    CLEAR,
    EXACT,
    GRID,
    MUTED,
    OTHER,
    REFERENCE,
    TEXT,
    categorical,
    theme_colour,
)
from app.text.direction import KINDS, direction_name
from app.text.language import _, translated
from per_core.text import N_

if TYPE_CHECKING:
    from analysis.distances.pot_distance import GridDistance

SHOWN_WHOLE = 8  # directions; intervals of fewer may leave the chart
Figure = dict[str, Any]  # as plotly's JSON has it, see `show_chart`
_SW1 = {"color": EXACT, "width": 2.4}
_PER = {"color": BOUND, "width": 2.4, "dash": "dash"}
_SYMBOLS = {"random": "circle", "unit": "square", "principal": "diamond", "maximised": "star"}
_COLOURS = {"random": MUTED, "unit": EXACT, "principal": CHECK, "maximised": ALARM}


def polar_directions(degrees: NDArray[np.float64], w1: NDArray[np.float64], per: NDArray[np.float64]) -> Figure:
    """W1 and PER along every direction of the plane over the angle, each on its own scale."""
    data: list[Figure] = []
    layout: Figure = {"margin": {"l": 36, "r": 36, "t": 50, "b": 30}}
    axis = {"gridcolor": GRID, "linecolor": GRID}
    for name, r, line, place, domain in (
        (_("W1, exact"), w1, _SW1, "polar", [0, 0.41]),
        ("PER", per, _PER, "polar2", [0.59, 1]),
    ):
        data.append(
            {
                "type": "scatterpolar",
                "theta": np.append(degrees, degrees[0]),
                "r": np.append(r, r[0]).astype(np.float32),
                "name": name,
                "subplot": place,
                "mode": "lines",
                "line": line,
                "hovertemplate": "%{theta:.0f}°: %{r:.4f}<extra>" + name + "</extra>",
            }
        )
        layout[place] = {
            "domain": {"x": domain},
            "bgcolor": CLEAR,
            "radialaxis": {**axis, "rangemode": "tozero", "angle": 90, "tickangle": 90, "nticks": 4},
            "angularaxis": {**axis, "dtick": 45},
        }
    return {"data": data, "layout": layout}


def sorted_directions(study: DirectionStudy) -> Figure:
    """W1 of every direction sorted downwards, the kind of direction by symbol, and PER of the same directions."""
    kinds, names = study.kinds, [direction_name(name) for name in study.names]
    order = np.argsort(-study.w1, kind="stable")
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(1, len(order) + 1)
    data = [
        {
            "type": "scatter",
            "x": np.arange(1, len(order) + 1, dtype=np.int32),
            "y": study.per[order].astype(np.float32),
            "name": _("PER of the same direction"),
            "mode": "lines",
            "line": {**_PER, "width": 1.6},
        }
    ]
    for kind, symbol in _SYMBOLS.items():
        chosen = np.array([k == kind for k in kinds])
        if chosen.any():
            data.append(
                {
                    "type": "scatter",
                    "x": rank[chosen],
                    "y": study.w1[chosen].astype(np.float32),
                    "name": _("W1, {kind}").format(kind=translated(KINDS[kind])),
                    "mode": "markers",
                    "text": [n for n, c in zip(names, chosen, strict=True) if c],
                    "marker": {"symbol": symbol, "color": _COLOURS[kind], "size": 13 if kind == "maximised" else 6},
                    "hovertemplate": "%{text}: %{y:.4f}<extra></extra>",
                }
            )
    worst = order[0]
    note = {
        "x": 1,
        "y": float(study.w1[worst]),
        "text": _("worst: {direction}").format(direction=names[worst]),
        "showarrow": True,
        "ax": 70,
        "ay": -18,
        "xanchor": "left",
    }
    return {
        "data": data,
        "layout": {
            "annotations": [note],
            "xaxis": _titled(_("direction, sorted by W1")),
            "yaxis": _titled(_("distance along the direction"), rangemode="tozero"),
        },
    }


def scale(curve: ScaleCurve, slices: int) -> Figure:
    """PER and SW1 of c·h over c, the gap between them where the batch is as it is, and reference values of PER."""
    as_it_is = int(np.argmin(np.abs(curve.factors - 1)))
    data: list[Figure] = [
        {
            "type": "scatter",
            "x": [float(curve.factors[as_it_is])] * 2,
            "y": [float(curve.sw1[as_it_is]), float(curve.per[as_it_is])],
            "name": _("gap of this batch"),
            "mode": "lines+markers",
            "line": {"color": TEXT, "width": 1.5},
            "marker": {"color": TEXT, "size": 9, "symbol": "line-ew-open", "line": {"width": 1.5}},
        }
    ]
    of_slices = _("SW1, {slices} slices").format(slices=slices)
    for short, name, y, line in (("PER", "PER", curve.per, _PER), ("SW1", of_slices, curve.sw1, _SW1)):
        lowest = int(np.argmin(y))
        data += [
            {
                "type": "scatter",
                "x": curve.factors,
                "y": y.astype(np.float32),
                "name": name,
                "mode": "lines",
                "line": line,
            },
            {
                "type": "scatter",
                "x": [float(curve.factors[lowest])],
                "y": [float(y[lowest])],
                "name": _("smallest {value}").format(value=short),
                "mode": "markers",
                "marker": {"color": line["color"], "size": 11, "symbol": "circle-open", "line": {"width": 2.5}},
                "showlegend": False,
            },
        ]
    return {
        "data": data,
        "layout": {
            "shapes": [
                _reference_line(PER_AT_GAUSSIAN, _("PER at N(0, I), 2/√π = 1.128")),
                _reference_line(PER_AT_COLLAPSE, _("PER at collapse, √(2/π) = 0.798"), dash="dashdot"),
            ],
            "xaxis": _titled(_("factor c on the whole batch"), range=[0, float(curve.factors[-1])]),
            "yaxis": _titled(_("PER and SW1 of c·h"), rangemode="tozero"),
        },
    }


def convergence(curve: SliceConvergence, exact_per: float) -> Figure:
    """Estimates from ever more directions with 95 % intervals, PER above SW1, each on its own scale.

    Both axes show all estimates and the intervals from eight directions on: that of two is up to 13 standard errors
    long on either side, and would flatten all others.
    """
    ticks = curve.slices.tolist()[1::2]
    number = {"type": "log", "tickvals": ticks, "ticktext": [str(k) for k in ticks], "domain": [0, 1]}
    data: list[Figure] = []
    layout: Figure = {
        "xaxis": {**number, "anchor": "y", "matches": "x2", "showticklabels": False},
        "xaxis2": {**number, **_titled(_("number of slices")), "anchor": "y2"},
    }
    for end, short, name, y, error, colour, symbol, domain in (
        ("", "PER", _("PER, Monte Carlo"), curve.per, curve.per_margin, BOUND, "diamond", [0.54, 1]),
        ("2", "SW1", "SW1", curve.sw1, curve.sw1_margin, EXACT, "circle", [0, 0.46]),
    ):
        known = ~np.isnan(error)  # one direction has no interval
        data.append(
            {
                "type": "scatter",
                "xaxis": f"x{end}",
                "yaxis": f"y{end}",
                "x": curve.slices[known].astype(np.int32),
                "y": y[known].astype(np.float32),
                "error_y": {"type": "data", "array": error[known].astype(np.float32), "thickness": 1.4},
                "name": name,
                "mode": "lines+markers",
                "line": {"color": colour, "width": 1.4},
                "marker": {"color": colour, "symbol": symbol, "size": 8},
            }
        )
        reach = np.where(curve.slices >= SHOWN_WHOLE, error, 0)[known]
        low, high = float((y[known] - reach).min()), float((y[known] + reach).max())
        edge = max(0.05 * (high - low), 1e-4)
        layout[f"yaxis{end}"] = _titled(short, range=[low - edge, high + edge], domain=domain, anchor=f"x{end}")
    data.append(
        {
            "type": "scatter",
            "x": [int(curve.slices[1]), int(curve.slices[-1])],
            "y": [exact_per, exact_per],
            "name": _("exact PER, {per:.4f}").format(per=exact_per),
            "mode": "lines",
            "line": {"color": REFERENCE, "width": 1.4, "dash": "dot"},
        }
    )
    return {"data": data, "layout": layout}


def pot_check(exact: float, sampled: Sequence[float], grids: "Sequence[GridDistance]", slices: int) -> Figure:
    """The closed form beside POT with sampled references and with quantile grids, on the same directions."""
    grid, seeds = _("grid<br>{points:,}"), _("sampled<br>{seeds} seeds")
    labels = [*(grid.format(points=g.points) for g in grids), seeds.format(seeds=len(sampled))]
    closed = _("closed form on the same {slices} slices, {value:.4f}").format(slices=slices, value=exact)
    return {
        "data": [
            {
                "type": "scatter",
                "x": labels[:-1],
                "y": [g.value for g in grids],
                "error_y": {"type": "data", "array": [g.grid_error for g in grids], "thickness": 1.4},
                "name": _("POT, quantile grid ± grid error"),
                "mode": "markers",
                "marker": {"color": CHECK, "symbol": "diamond", "size": 9},
            },
            {
                "type": "scatter",
                "x": [labels[-1]] * len(sampled),
                "y": list(sampled),
                "name": _("POT, sampled reference, one point a seed"),
                "mode": "markers",
                "marker": {"color": OTHER, "symbol": "line-ew-open", "size": 18, "line": {"width": 2}},
            },
        ],
        "layout": {
            "shapes": [_reference_line(exact, closed, EXACT)],
            "xaxis": _titled(
                _("reference that POT compares with"), type="category", categoryorder="array", categoryarray=labels
            ),
            "yaxis": _titled(_("sliced W1")),
        },
    }


def decomposition(parts: Decomposition) -> Figure:
    """PER's three parts for the batch, for N(0, I) and for a batch collapsed to 0."""
    constant = 1 / math.sqrt(math.pi)
    bars = {
        _("collapse"): (PER_AT_COLLAPSE - constant, 0.0, constant),
        "N(0, I)": (0.0, constant, constant),
        _("this batch"): (parts.half_energy_distance, parts.half_spread, parts.constant),
    }
    looks = (
        (_("half the energy distance"), categorical(0, 0.45)),
        (_("half the spread"), categorical(1, 0.45)),
        ("1/√π", theme_colour("gray", 0.35)),
    )
    return {
        "data": [
            {
                "type": "bar",
                "y": list(bars),
                "x": list(values),
                "name": name,
                "orientation": "h",
                "marker": {"color": colour, "line": {"color": MUTED, "width": 1}},
                "text": [f"{v:.3f}" if v > 0.06 else "" for v in values],
                "textfont": {"color": TEXT},
                "textposition": "inside",
                "insidetextanchor": "middle",
            }
            for (name, colour), values in zip(looks, zip(*bars.values(), strict=True), strict=True)
        ],
        "layout": {
            "barmode": "stack",
            "bargap": 0.45,
            "legend": {"traceorder": "normal"},
            "xaxis": _titled(_("PER, the sum of the three")),
        },
    }


def influence(effect: Influence) -> Figure:
    """Change of the other samples' gradients when one sample moves, most changed first: SW1's and PER's."""
    return {
        "data": [
            {
                "type": "scatter",
                "x": 100 * effect.share,
                "y": (100 * y[::-1]).astype(np.float32),
                "name": _("gradient of {value}").format(value=name),
                "mode": "lines",
                "line": line,
            }
            for name, y, line in (("SW1", effect.sw1, _SW1), ("PER", effect.per, _PER))
        ],
        "layout": {
            "xaxis": _titled(_("other samples, most changed first (%)"), range=[0, 100]),
            "yaxis": _titled(_("change (% of a mean gradient)"), rangemode="tozero"),
        },
    }


def cost(timings: Sequence[Timing]) -> Figure:
    """Seconds for one gradient against n, median with the range of the repeats."""
    looks = {
        N_("PER, exact"): (BOUND, "diamond", "solid"),
        N_("PER, Algorithm 1"): (OTHER, "square", "dot"),
        N_("SW1, exact"): (EXACT, "circle", "solid"),
    }
    data = []
    for method, (colour, symbol, dash) in looks.items():
        own = [t for t in timings if t.method == method]
        data.append(
            {
                "type": "scatter",
                "x": [t.n for t in own],
                "y": [1000 * t.median for t in own],
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": [1000 * (t.slowest - t.median) for t in own],
                    "arrayminus": [1000 * (t.median - t.fastest) for t in own],
                    "thickness": 1.4,
                },
                "name": translated(method),
                "mode": "lines+markers",
                "line": {"color": colour, "dash": dash},
                "marker": {"symbol": symbol, "size": 8, "color": colour},
            }
        )
    sizes = sorted({t.n for t in timings})
    return {
        "data": data,
        "layout": {
            "xaxis": _titled(_("samples n"), type="log", tickvals=sizes, ticktext=[f"{n:,}" for n in sizes]),
            "yaxis": _titled(_("milliseconds for one gradient"), type="log", dtick=1),
        },
    }


def _titled(title: str, **settings: Any) -> Figure:
    """An axis."""
    return {"title": {"text": title}, **settings}


def _reference_line(y: float, name: str, colour: str = REFERENCE, dash: str = "dot") -> Figure:
    """A horizontal line with its meaning in the legend, where no point can hide it."""
    return {
        "type": "line",
        "xref": "x domain",
        "x0": 0,
        "x1": 1,
        "y0": y,
        "y1": y,
        "line": {"color": colour, "width": 1.4, "dash": dash},
        "name": name,
        "showlegend": True,
    }
