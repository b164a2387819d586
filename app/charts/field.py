"""The gradient field of a regulariser: arrows that show where it pulls single rows of a batch."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.charts.palette import ALARM
from app.text.language import _

_LONGEST_ARROW = 0.14  # of the axis range
_HEAD = 8  # pixels, of the longest


def field_trace(
    rows: NDArray[np.float32], pull: NDArray[np.float32], limits: tuple[float, float], xaxis: str, yaxis: str
) -> dict[str, Any]:
    """Arrows from rows (m, 2) along the pull (m, 2): nine in ten to one scale, the others cut to the longest of those.

    A head is as large as its arrow is long, so that no pull is no arrow.
    """
    lengths = np.linalg.norm(pull, axis=1)
    longest = max(float(np.quantile(lengths, 0.9)), 1e-30)
    drawn = pull / np.maximum(lengths, longest)[:, None]
    tips = rows + drawn * (_LONGEST_ARROW * (limits[1] - limits[0]))
    gap = np.full(len(rows), np.nan, np.float32)
    x, y = (np.stack([rows[:, k], tips[:, k], gap], axis=1).ravel().astype(np.float32) for k in (0, 1))
    tails, heads, none = np.full(len(rows), 3), _HEAD * np.linalg.norm(drawn, axis=1), np.zeros(len(rows))
    return {
        "type": "scatter",
        "x": x,
        "y": y,
        "name": _("pull on a row"),
        "meta": _("gradient field"),
        "mode": "lines+markers",
        "line": {"color": ALARM, "width": 1.2},
        "marker": {
            "color": ALARM,
            "symbol": ["circle", "arrow", "circle"] * len(rows),
            "size": np.stack([tails, heads, none], axis=1).ravel().astype(np.float32),
            "angleref": "previous",
            "line": {"width": 0},
        },
        "hoverinfo": "skip",
        "showlegend": False,
        "xaxis": xaxis,
        "yaxis": yaxis,
    }
