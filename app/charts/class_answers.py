"""Charts of a class: what it has predicted."""

from collections.abc import Sequence

from app.charts.chart import Figure
from app.charts.palette import EXACT, categorical
from app.text.language import _
from app.text.plain import label

BAR, BELOW = 0.4, 0.12  # height of a bar, and how far below the middle of its row it begins: of the row
THIN = 0.015  # width of a bar on a line of numbers, of the line
_FREE = 1.15  # the axis over the longest bar, for its number
_RIGHT = 2  # the colour of a right answer in the palette


def option_bars(options: Sequence[str], counts: Sequence[int], right: int | None) -> Figure:
    """A bar below the text of each option, the first on top; the right one stands out once it is known."""
    rows = range(len(options))
    texts = [f"<b>✓ {label(option)}</b>" if row == right else label(option) for row, option in enumerate(options)]
    bars = {
        "type": "bar",
        "orientation": "h",
        "x": list(counts),
        "y": list(rows),
        "offset": BELOW - BAR / 2,
        "width": BAR,
        "text": list(map(str, counts)),
        "textposition": "outside",
        "constraintext": "none",
        "cliponaxis": False,
        "marker": {"color": [categorical(_RIGHT) if row == right else EXACT for row in rows]},
        "customdata": list(options),
        "hovertemplate": "%{customdata}: %{x}<extra></extra>",
        "name": _("answers"),
    }
    annotations = [
        {"x": 0, "y": row + BELOW - BAR / 2, "text": text, "showarrow": False, "xanchor": "left", "yanchor": "bottom"}
        for row, text in enumerate(texts)
    ]
    layout = {
        "xaxis": {"range": [0, _FREE * max(1, *counts)], "visible": False, "fixedrange": True},
        "yaxis": {"range": [len(options) - 0.5, -0.5], "visible": False, "fixedrange": True},
        "margin": {"l": 4, "r": 24, "t": 4, "b": 4},
        "annotations": annotations,
    }
    return {"data": [bars], "layout": layout}


def number_bars(values: Sequence[float], counts: Sequence[int], low: float, high: float, right: float | None) -> Figure:
    """A bar for each number that was placed on a line, and a line at the right one once it is known."""
    width = THIN * (high - low)
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
