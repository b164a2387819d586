"""The samples of a slice with their partners in N(0, 1), as W1 pairs them, and the distances that PER is a mean of."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.lesson.ranks import SAMPLE, MovedSample, expected_distances
from app.charts.marks import Figure, dots, head, line
from app.charts.palette import ALARM, BOUND, EXACT, MUTED
from app.text.language import _, ngettext

LOW, HIGH = -3.0, 3.0


def pairs(moved: MovedSample, *, revealed: bool) -> Figure:
    """Above, the samples of a slice and the part of N(0, 1) that W1 pairs each with; below, PER's distance of each.

    Until the answer the pairs are those before the move; below, a ring says where the moved sample was.
    """
    values, partners = (moved.after, moved.partners_after) if revealed else (moved.before, moved.partners_before)
    changed = moved.changed & revealed
    changed[SAMPLE] = False
    same = ~changed
    same[SAMPLE] = False
    red = np.arange(len(values)) == SAMPLE
    data = [
        *_links(values[same], partners[same], MUTED, _("same partner"), 1.4),
        *_links(values[changed], partners[changed], EXACT, _("another partner"), 2.6),
        *_links(values[red], partners[red], ALARM, _("the red sample"), 3.0),
    ]
    place = np.linspace(LOW, HIGH, 161)
    others = ~red
    data += [
        line(place, expected_distances(place), BOUND, "x2", "y2"),
        dots(moved.after[others], moved.distances[others], MUTED, "x2", "y2", 9),
        _ring(moved.before[red], expected_distances(moved.before[red])),
        dots(moved.after[red], moved.distances[red], ALARM, "x2", "y2", 15),
    ]
    return {
        "data": data,
        "layout": {
            "showlegend": False,
            "margin": {"l": 76, "r": 16, "t": 30, "b": 44},
            "annotations": [
                head(_above_w1(moved) if revealed else _("W1: each sample has one partner in N(0, 1)"), 1.0),
                head(_("PER {per:.2f}: mean distance to all of N(0, 1)").format(per=moved.per), 0.36),
                *([] if revealed else [_arrow(moved.before[SAMPLE], moved.after[SAMPLE])]),
            ],
            "xaxis": {"range": [LOW, HIGH], "anchor": "y", "showticklabels": False, "zeroline": False},
            "yaxis": {
                "range": [-0.15, 1.3],
                "domain": [0.46, 0.98],
                "tickvals": [0, 1],
                "ticktext": ["N(0, 1)", _("samples")],
                "zeroline": False,
            },
            "xaxis2": {"range": [LOW, HIGH], "anchor": "y2", "title": {"text": _("value along the slice")}},
            "yaxis2": {"range": [0.4, 3.2], "domain": [0, 0.34], "dtick": 1, "title": {"text": "E|x − Z|"}},
        },
    }


def _above_w1(moved: MovedSample) -> str:
    """How many of the others have another partner after the move."""
    return ngettext(
        "W1 {w1:.2f}: {count} other sample has another partner",
        "W1 {w1:.2f}: {count} others have another partner",
        moved.others_changed,
    ).format(count=moved.others_changed, w1=moved.w1)


def _ring(value: NDArray[Any], distance: NDArray[Any]) -> Figure:
    """Where the red sample was before the move, which the pairs above show until the answer."""
    ring = dots(value, distance, ALARM, "x2", "y2", 13)
    return {**ring, "marker": {**ring["marker"], "symbol": "circle-open", "line": {"width": 2}}}


def _links(values: NDArray[Any], partners: NDArray[Any], colour: str, name: str, width: float) -> list[Figure]:
    """Lines from samples, above, to their partners, with a mark at either end."""
    if not len(values):
        return []
    x = [place for pair in zip(values.tolist(), partners.tolist(), strict=True) for place in (*pair, None)]
    return [
        {
            "type": "scatter",
            "x": x,
            "y": [1, 0, None] * len(values),
            "name": name,
            "mode": "lines+markers",
            "line": {"color": colour, "width": width},
            "marker": {"color": colour, "size": 4 + 2 * width},
            "hoverinfo": "skip",
        }
    ]


def _arrow(start: float, end: float) -> Figure:
    """Along the samples, from where one is to where it goes."""
    return {
        "x": end,
        "y": 1.16,
        "ax": start,
        "ay": 1.16,
        "xref": "x",
        "yref": "y",
        "axref": "x",
        "ayref": "y",
        "text": "",
        "showarrow": True,
        "arrowhead": 2,
        "arrowsize": 1.2,
        "arrowwidth": 3,
        "arrowcolor": ALARM,
    }
