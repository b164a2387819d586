"""Charts of a class: what it has predicted."""

from collections.abc import Sequence

from app.charts.chart import Figure
from app.charts.palette import EXACT, TEXT, categorical
from app.text.language import _

BAR, GAP = 0.62, 0.015  # of the height of a row; of the width of an axis of numbers
_HEAD = 2  # free places beside the longest bar, for its number
_RIGHT = 2  # the colour of a right answer in the palette


def option_bars(options: Sequence[str], counts: Sequence[int], right: int | None) -> Figure:
    """A bar for each option, the first on top; the right one stands out once it is known."""
    marked = ["✓ " + option if place == right else option for place, option in enumerate(options)]
    return {
        "data": [
            {
                "type": "bar",
                "orientation": "h",
                "x": list(counts),
                "y": marked,
                "width": BAR,
                "text": [str(count) for count in counts],
                "textposition": "outside",
                "cliponaxis": False,
                "textfont": {"size": 18, "color": TEXT},
                "marker": {"color": [categorical(_RIGHT) if place == right else EXACT for place in range(len(counts))]},
                "hovertemplate": "%{y}: %{x}<extra></extra>",
                "name": _("answers"),
            }
        ],
        "layout": {
            "xaxis": {"range": [0, max(counts, default=0) + _HEAD], "visible": False, "fixedrange": True},
            "yaxis": {"autorange": "reversed", "tickfont": {"size": 15}, "fixedrange": True, "showgrid": False},
            "margin": {"t": 8, "b": 8},
        },
    }


def number_bars(values: Sequence[float], counts: Sequence[int], low: float, high: float, right: float | None) -> Figure:
    """A bar for each number that was placed on a line, and a line at the right one once it is known."""
    width = GAP * (high - low)
    layout: Figure = {
        "xaxis": {"range": [low - width, high + width], "zeroline": False, "fixedrange": True},
        "yaxis": {"title": {"text": _("students")}, "rangemode": "tozero", "tickformat": "d", "fixedrange": True},
        "margin": {"t": 24, "b": 36},
    }
    if right is not None:
        layout["shapes"] = [
            {
                "type": "line",
                "x0": right,
                "x1": right,
                "y0": 0,
                "y1": 1,
                "yref": "paper",
                "line": {"color": categorical(_RIGHT), "width": 3, "dash": "dash"},
            }
        ]
    bars = {
        "type": "bar",
        "x": list(values),
        "y": list(counts),
        "width": width,
        "marker": {"color": EXACT},
        "hovertemplate": "%{x}: %{y}<extra></extra>",
        "name": _("answers"),
    }
    return {"data": [bars], "layout": layout}
