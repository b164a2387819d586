"""Charts of a training that is followed: Figure 2, and curves over the epochs."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from analysis.history import LayerHistory, UnitHistory
from app.figures.epochs import Look, looks
from app.palette import GRID, MUTED, REFERENCE, theme_colour

CLIPPED_VARIANCE = 5.0


def figure2(
    histories: Mapping[str, Mapping[str, UnitHistory]], epochs: int, *, clip: float | None = CLIPPED_VARIANCE
) -> go.Figure:
    """One unit of every layer over the epochs: a row a layer; a column a method, then mean and variance of all.

    Parameters
    ----------
    histories : by layer and method. epochs : of the whole training, the end of the axis. clip : of the variance.
    """
    layers = list(histories)
    names = list(next(iter(histories.values())))
    looked = looks(names)
    columns = [*names, "mean", "variance"]
    figure = make_subplots(
        rows=len(layers),
        cols=len(columns),
        shared_xaxes=True,
        horizontal_spacing=0.035,
        vertical_spacing=0.06,
        column_titles=[*(f"{name}: median, 0.25–0.75" for name in names), "mean", "variance"],
        row_titles=layers,
    )
    for row, (layer, by_name) in enumerate(histories.items(), start=1):
        for column, (name, unit) in enumerate(by_name.items(), start=1):
            _add_band(figure, row, column, layer, name, unit, looked[name])
            for place, y in ((len(names) + 1, unit.mean), (len(names) + 2, unit.variance)):
                drawn = np.minimum(y, clip) if clip is not None and y is unit.variance else y
                _add_line(figure, row, place, layer, name, unit.epochs, drawn, looked[name])
        _share_y(figure, row, list(by_name.values()))
    figure.update_xaxes(range=[0, max(epochs, 1)], nticks=4)
    figure.update_xaxes(title="epoch", row=len(layers))
    figure.update_layout(showlegend=False, margin={"l": 44, "r": 28, "t": 36, "b": 44})
    figure.update_annotations(font={"size": 12})
    return figure


def awaited_figure2(names: Sequence[str], epochs: int, rows: int = 3) -> go.Figure:
    """Figure 2 before its first record: the axes, so that it has its place and only fills."""
    titles = [*(f"{name}: median, 0.25–0.75" for name in names), "mean", "variance"]
    figure = make_subplots(
        rows=rows, cols=len(titles), shared_xaxes=True, horizontal_spacing=0.035, vertical_spacing=0.06,
        column_titles=titles,
    )  # fmt: skip
    for row in range(1, rows + 1):
        for column in range(1, len(titles) + 1):
            figure.add_scatter(row=row, col=column, x=[], y=[], name=titles[column - 1])
    figure.update_xaxes(range=[0, max(epochs, 1)], nticks=4)
    figure.update_xaxes(title="epoch", row=rows)
    figure.update_layout(showlegend=False, margin={"l": 44, "r": 28, "t": 36, "b": 44})
    figure.update_annotations(font={"size": 12})
    return figure


def distances(
    histories: Mapping[str, LayerHistory], bands: Mapping[str, tuple[float, float]], epochs: int
) -> go.Figure:
    """SW1, PER and the mean unit variance of a layer over the epochs, all methods, with the range of N(0, I)."""
    looked = looks(list(histories))
    figure = make_subplots(
        rows=1, cols=3, horizontal_spacing=0.07, subplot_titles=["SW1 to N(0, I)", "PER", "variance"]
    )
    for column, key in enumerate(("sw1", "per"), start=1):
        if key in bands:
            low, high = bands[key]
            figure.add_scatter(
                row=1,
                col=column,
                x=[0, epochs, epochs, 0],
                y=[low, low, high, high],
                name="N(0, I) of this size",
                meta=key,
                mode="lines",
                fill="toself",
                fillcolor=theme_colour("gray", 0.25),
                line={"color": REFERENCE, "width": 1, "dash": "dot"},
                hoverinfo="skip",
                legendgroup="gaussian",
                showlegend=column == 1,
            )
    for name, history in histories.items():
        for column, key in enumerate(("sw1", "per", "variance"), start=1):
            look = looked[name]
            figure.add_scatter(
                row=1,
                col=column,
                x=history.epochs.astype(np.float32),
                y=getattr(history, key).astype(np.float32),
                error_y={"type": "data", "array": history.sw1_error.astype(np.float32), "thickness": 0.8, "width": 0}
                if key == "sw1"
                else None,
                name=name,
                meta=key,
                mode="lines+markers",
                line={"color": look.colour, "dash": look.dash, "width": 1.8},
                marker={"symbol": look.symbol, "size": 5, "color": look.colour},
                legendgroup=name,
                showlegend=column == 1,
            )
    figure.update_xaxes(title="epoch", range=[0, max(epochs, 1)])
    figure.update_yaxes(rangemode="tozero")
    figure.update_layout(legend={"y": 1.12})
    return figure


def progress(
    scalars: Mapping[str, Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]], epochs: int
) -> go.Figure:
    """Loss, test accuracy and seconds an epoch. `scalars` holds (epochs, values) by title and method."""
    names = list(next(iter(scalars.values())))
    looked = looks(names)
    figure = make_subplots(rows=1, cols=len(scalars), horizontal_spacing=0.07, subplot_titles=list(scalars))
    for column, (title, by_name) in enumerate(scalars.items(), start=1):
        for name, (x, y) in by_name.items():
            look = looked[name]
            figure.add_scatter(
                row=1,
                col=column,
                x=x.astype(np.float32),
                y=y.astype(np.float32),
                name=name,
                meta=title,
                mode="lines+markers",
                line={"color": look.colour, "dash": look.dash, "width": 1.8},
                marker={"symbol": look.symbol, "size": 5, "color": look.colour},
                legendgroup=name,
                showlegend=column == 1,
            )
    figure.update_xaxes(title="epoch", range=[0, max(epochs, 1)])
    figure.update_layout(legend={"y": 1.12})
    return figure


def final_values(values: Mapping[str, Sequence[float]], title: str) -> go.Figure:
    """A value of every seed, by method, with the median: a single run deceives."""
    looked = looks(list(values))
    figure = go.Figure()
    for name, own in values.items():
        figure.add_scatter(
            x=[name] * len(own),
            y=list(own),
            name=name,
            mode="markers",
            marker={"symbol": looked[name].symbol, "size": 9, "color": looked[name].colour, "opacity": 0.7},
            showlegend=False,
        )
        figure.add_scatter(
            x=[name],
            y=[float(np.median(own))],
            name=f"{name}, median",
            mode="markers",
            marker={"symbol": "line-ew-open", "size": 34, "color": MUTED, "line": {"width": 2.5}},
            showlegend=False,
        )
    figure.update_yaxes(title=title, gridcolor=GRID)
    return figure


def _add_band(figure: go.Figure, row: int, column: int, layer: str, name: str, unit: UnitHistory, look: Look) -> None:
    x = unit.epochs.astype(np.float32)
    figure.add_scatter(
        row=row,
        col=column,
        x=np.concatenate([x, x[::-1]]),
        y=np.concatenate([unit.upper, unit.lower[::-1]]).astype(np.float32),
        name=f"{name}, 0.25 to 0.75",
        meta=layer,
        mode="lines",
        fill="toself",
        fillcolor=look.band,
        line={"width": 0},
        hoverinfo="skip",
    )
    _add_line(figure, row, column, layer, f"{name}, median", unit.epochs, unit.median, look)


def _add_line(
    figure: go.Figure,
    row: int,
    column: int,
    layer: str,
    name: str,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    look: Look,
) -> None:
    figure.add_scatter(
        row=row,
        col=column,
        x=x.astype(np.float32),
        y=y.astype(np.float32),
        name=name,
        meta=layer,
        mode="lines",
        line={"color": look.colour, "dash": look.dash, "width": 1.8},
        hovertemplate="epoch %{x}: %{y:.4f}<extra>" + name + "</extra>",
    )


def _share_y(figure: go.Figure, row: int, units: Sequence[UnitHistory]) -> None:
    """The methods' panels of one layer have one axis, so that widths can be compared."""
    low = min(float(np.nanmin(unit.lower)) for unit in units)
    high = max(float(np.nanmax(unit.upper)) for unit in units)
    margin = 0.06 * (high - low) or 1.0
    for column in range(1, len(units) + 1):
        figure.update_yaxes(range=[low - margin, high + margin], row=row, col=column)
