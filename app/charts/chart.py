"""The one way a chart reaches the page: a component that updates plotly figures in place.

`st.plotly_chart` builds a new chart on every change of the data: it flickers and loses the zoom. This
component calls `Plotly.react` on the same node. Every chart has a text alternative, follows the theme, and can
be taken away as PNG, SVG and as the CSV of exactly what is drawn.

A page says what draws a chart and what it is drawn from. The figure is made once for the same content, for all
visitors, and kept as the browser gets it: a page that runs again without a change draws nothing.
"""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray
from plotly.io import to_json

from app.charts.palette import CLEAR, GRID, TEXT
from app.session import caches
from app.text.caption import show_caption
from app.text.language import _, language, translated
from per_core.text import N_

Figure: TypeAlias = go.Figure | dict[str, Any]

MAX_STATIC_BYTES = 300_000
MAX_ANIMATED_BYTES = 1_500_000

_TYPES = {"float32": "f4", "float64": "f8", "int8": "i1", "int16": "i2", "int32": "i4", "uint8": "u1"}
_TOOLS = (N_("Zoom"), N_("Pan"), N_("Zoom in"), N_("Zoom out"), N_("Autoscale"), N_("Reset axes"))  # of plotly
_AXIS = re.compile(r"[xy]axis\d*")
_FRONTEND = Path(__file__).parent / "frontend"
_COMPONENT = st.components.v2.component(
    "perscope_chart",
    css=(_FRONTEND / "chart.css").read_text(encoding="utf-8"),
    js="\n".join((_FRONTEND / name).read_text(encoding="utf-8") for name in ("panels.js", "chart.js")),
    isolate_styles=False,
)


def show_chart(
    draw: Callable[[], Figure],
    *,
    key: str,
    alt: str,
    height: int,
    aspect: float = 0.0,
    about: str = "",
    precise: str = "",
    on_point: Callable[..., None] | None = None,
) -> None:
    """Draw a plotly figure and update it in place on later runs: `show_chart(partial(scale, curve, 64), key=...)`.

    Args:
        draw: a `functools.partial` of a function of a module, which makes the figure of its arguments and the
            visitor's language alone. It is called if no visitor has had this chart yet; the whole content of the
            arguments says so, see `caches.encoded`: records, arrays, batches, numbers, texts. To read them takes about
            a millisecond a megabyte: of a large result give what is drawn. The figure has at most 300 kB as JSON: bins
            and curves, never all samples. With frames, named by what a visitor reads at the slider, at most 1.5 MB; a
            frame holds x and y of the traces it changes, and the figure shows the last. A dictionary with `data` and
            `layout` as plotly's JSON has them, arrays as numpy's, is made in a tenth of the time that graph objects
            take, which check every setting: of such a figure a test does.
            Panels that are too narrow to read side by side are laid in more rows, see `frontend/panels.js`.
        key: the chart's identity, and the stem of the files one downloads.
        alt: the takeaway in words, for people who do not see the picture.
        height: pixels.
        aspect: where the height should grow with the width: height / width, between `height` and 1.6 times that.
        about: at most two sentences under the chart: what is drawn, what to notice. Markdown.
        precise: what exactly was computed, shown on request. Markdown.
        on_point: called with x and y of a field of a heatmap that is clicked, or chosen by arrow keys and Enter, before
            the page runs again.
    """
    if not alt.strip():
        raise ValueError(f"Chart {key!r} needs a text alternative: say what the picture shows.")
    figure = caches.encoded(lambda: _encode(draw(), key, height), draw, height, language())
    callbacks: dict[str, Any] = {}
    if on_point is not None:
        choose = on_point
        callbacks["on_point_change"] = lambda: choose(**st.session_state[key]["point"])
    words = {"alt": alt, "height": height, "aspect": aspect, "name": key, "clicks": bool(callbacks), "texts": _texts()}
    message = b'{"figure":%b,%b' % (figure, json.dumps(words).encode()[1:])
    _COMPONENT(key=key, data=message, **callbacks)
    if about:
        show_caption(about, precise)


def _encode(figure: Figure, key: str, height: int) -> bytes:
    """A figure as the browser gets it: JSON, in UTF-8."""
    styled = style(figure, height)
    plain = isinstance(figure, dict)
    text = json.dumps(styled, default=_typed, allow_nan=False) if plain else to_json(styled, validate=False)
    encoded: bytes = text.encode()
    limit = MAX_ANIMATED_BYTES if styled.get("frames") else MAX_STATIC_BYTES
    if len(encoded) > limit:
        raise ValueError(
            f"Chart {key!r} would send {len(encoded):,} bytes to the browser; the limit is "
            f"{limit:,}. Bin or thin its data on the server."
        )
    return encoded


def _typed(array: NDArray[Any]) -> dict[str, str]:
    """A numpy array as plotly.js takes it: its type, its bytes in base64, and the shape of a matrix."""
    typed = {"dtype": _TYPES[str(array.dtype)], "bdata": base64.b64encode(array.tobytes()).decode("ascii")}
    return typed if array.ndim == 1 else typed | {"shape": ", ".join(map(str, array.shape))}


def _texts() -> dict[str, str]:
    """What the component itself says, and plotly's tools by their English names."""
    return {
        "PNG": _("Download this picture as PNG"),
        "SVG": _("Download this picture as SVG"),
        "CSV": _("Download the drawn data as CSV"),
        "step": _("Step"),
        "play": _("Play"),
        "pause": _("Pause"),
        **{tool: translated(tool) for tool in _TOOLS},
        "failed": _("The chart could not be drawn. Check the connection and reload the page."),
    }


def style(figure: Figure, height: int) -> dict[str, Any]:
    """A figure as the browser gets it, with the house look; whatever the figure itself says wins.

    Plain dictionaries: the figure checked its own settings when they were made, and to check them again takes longer
    than all the rest.
    """
    styled: dict[str, Any] = figure if isinstance(figure, dict) else figure.to_dict()
    house = {
        "height": height,
        "autosize": True,
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "font": {"color": TEXT, "size": 13},
        "margin": {"l": 56, "r": 16, "t": 32, "b": 48},
        "hoverlabel": {"font": {"size": 13}},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "uirevision": "keep",
        "uniformtext": {"mode": "hide", "minsize": 9},
    }
    layout = _merged(house, styled["layout"])
    layout.pop("template", None)
    axis = {"gridcolor": GRID, "zerolinecolor": GRID, "linecolor": GRID, "automargin": True}
    for name in {"xaxis", "yaxis", *filter(_AXIS.fullmatch, layout)}:
        own = layout.get(name, {})
        # What a visitor has zoomed stays, but not from a given range to one that plotly finds: it would keep the first
        # that it has found, of an empty chart perhaps, for good.
        layout[name] = axis | {"uirevision": "given" if "range" in own else "found"} | own
    return styled | {"layout": layout}


def _merged(house: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Both, and where both say something, what is `own`; settings within settings one by one."""
    both = {
        key: _merged(house[key], value) if isinstance(house.get(key), dict) and isinstance(value, dict) else value
        for key, value in own.items()
    }
    return house | both
