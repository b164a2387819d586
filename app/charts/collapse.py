"""A unit beside N(0, 1), and PER and SW1 over the scale of its batch."""

from typing import Any

import numpy as np

from analysis.lesson.collapse import EDGES, LARGEST, ScaledCloud
from app.charts.marks import Figure, dots, head, line
from app.charts.normal import normal_trace
from app.charts.palette import BOUND, CLEAR, EXACT, REFERENCE, TEXT, theme_colour
from app.text.language import _


def collapse(cloud: ScaledCloud, factor: float, *, revealed: bool) -> Figure:
    """Above, one unit of c·h beside N(0, 1); below, once it is answered, PER and SW1 over the factor c."""
    centres = (EDGES[:-1] + EDGES[1:]) / 2
    data: list[Figure] = [
        {
            "type": "bar",
            "x": centres.astype(np.float32),
            "y": cloud.density(factor).astype(np.float32),
            "name": _("one unit of c·h"),
            "marker": {"color": theme_colour("gray", 0.45)},
        },
        {**normal_trace(np.linspace(-4, 4, 81)), "line": {"color": TEXT, "width": 2.4, "dash": "dot"}},
    ]
    notes = [head(_("one unit of c·h, and N(0, 1) dotted"), 1.0)]
    if revealed:
        said = _("at c = {factor:.2f}: PER {per:.2f}, SW1 {sw1:.2f}")
        notes.append(head(said.format(factor=factor, per=cloud.per(factor), sw1=cloud.sw1(factor)), 0.47))
        data += _curve("PER", cloud, cloud.per(factor), factor, {"color": BOUND, "width": 3.4, "dash": "dash"})
        data += _curve("SW1", cloud, cloud.sw1(factor), factor, {"color": EXACT, "width": 3.4})
        notes += [
            _note("PER", LARGEST, cloud.per(LARGEST), BOUND),
            _note("SW1", LARGEST, cloud.sw1(LARGEST), EXACT),
            _note(_("PER is least"), cloud.per_is_least_at, cloud.per(cloud.per_is_least_at), BOUND),
            _note(_("SW1 is least"), cloud.sw1_is_least_at, cloud.sw1(cloud.sw1_is_least_at), EXACT, above=False),
        ]
    else:
        notes.append(head(_("PER and SW1 of c·h"), 0.47))
        data.append({**dots(np.array([factor]), np.array([0.0]), CLEAR, "x2", "y2", 1), "hoverinfo": "skip"})
    return {
        "data": data,
        "layout": {
            "showlegend": False,
            "bargap": 0,
            "margin": {"l": 48, "r": 16, "t": 30, "b": 44},
            "annotations": notes,
            "shapes": [_upright(factor)],
            "xaxis": {"range": [-4, 4], "anchor": "y"},
            "yaxis": {"range": [0, 1], "domain": [0.66, 0.98], "showticklabels": False, "fixedrange": True},
            "xaxis2": {
                "range": [-0.03, LARGEST + 0.03],
                "anchor": "y2",
                "title": {"text": _("factor c")},
            },
            "yaxis2": {"range": [-0.35, 2.2], "domain": [0, 0.44], "dtick": 0.5, "tick0": 0},
        },
    }


def _curve(name: str, cloud: ScaledCloud, here: float, factor: float, look: dict[str, Any]) -> list[Figure]:
    """PER or SW1 over the factor, a ring where it is least and a dot at the factor that is looked at."""
    values = cloud.curve.per if name == "PER" else cloud.curve.sw1
    lowest = int(np.argmin(values))
    ring = dots(cloud.curve.factors[lowest : lowest + 1], values[lowest : lowest + 1], look["color"], "x2", "y2", 15)
    ring["marker"] |= {"symbol": "circle-open", "line": {"width": 3}}
    return [
        {**line(cloud.curve.factors, values, look["color"], "x2", "y2"), "name": name, "line": look},
        ring,
        dots(np.array([factor]), np.array([here]), look["color"], "x2", "y2", 9),
    ]


def _note(text: str, x: float, y: float, colour: str, *, above: bool = True) -> Figure:
    """A word beside a point of the lower panel, inside of it at either end."""
    return {
        "text": text,
        "x": x,
        "y": y,
        "xref": "x2",
        "yref": "y2",
        "xanchor": "left" if x < LARGEST / 4 else "right" if x > 3 * LARGEST / 4 else "center",
        "yshift": 18 if above else -18,
        "showarrow": False,
        "font": {"color": colour},
    }


def _upright(x: float) -> Figure:
    """A line through the lower panel at the factor that is looked at."""
    return {
        "type": "line",
        "xref": "x2",
        "yref": "y2 domain",
        "x0": x,
        "x1": x,
        "y0": 0,
        "y1": 1,
        "line": {"color": REFERENCE, "width": 1.6, "dash": "dot"},
    }
