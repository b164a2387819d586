"""Charts of a training that is followed: Figure 2, curves over the epochs, and distributions over the epochs.

A method has one look everywhere: the paper's colours for PER, vanilla and BN, and a dash and a symbol of its own, so
that nothing depends on colour alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from analysis.history import LayerHistory, UnitHistory
from app.palette import GRID, MUTED, REFERENCE, categorical, filled_contours, theme_colour

_PAPER = {"per": 0, "vanilla": 1, "bn": 2}
_DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"]
_SYMBOLS = ["circle", "diamond", "square", "triangle-up", "x", "star"]
CLIPPED_VARIANCE = 5.0


@dataclass(frozen=True, slots=True)
class Look:
    """How one method is drawn."""

    colour: str
    band: str
    dash: str
    symbol: str


def looks(names: Sequence[str]) -> dict[str, Look]:
    """A look for each method: the paper's three keep their colours, the others take what is left."""
    own = {name: _PAPER[name.lower()] for name in names if name.lower() in _PAPER}
    free = [i for i in range(6) if i not in own.values()]
    others = [name for name in names if name not in own]
    given = {name: free[i % len(free)] for i, name in enumerate(others)}
    indices = {name: (own | given)[name] for name in names}
    return {
        name: Look(categorical(i), categorical(i, 0.3), _DASHES[number % 6], _SYMBOLS[number % 6])
        for number, (name, i) in enumerate(indices.items())
    }


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


def density_map(
    densities: Mapping[str, NDArray[np.float64]], centres: NDArray[np.float64], epochs: Sequence[float], unit: str
) -> go.Figure:
    """Densities over the epochs as colours, a panel a method; `densities` holds (epochs, bins) by method."""
    figure = make_subplots(
        rows=1, cols=len(densities), shared_yaxes=True, horizontal_spacing=0.02, column_titles=list(densities)
    )
    highest = max(float(np.nanquantile(table, 0.99)) for table in densities.values()) or 1.0
    for column, (name, table) in enumerate(densities.items(), start=1):
        figure.add_heatmap(
            row=1,
            col=column,
            x=np.asarray(epochs, np.float32)[: len(table)],
            y=centres.astype(np.float32),
            z=table.T.astype(np.float32),
            name=name,
            meta=name,
            zmin=0,
            zmax=highest,
            colorscale=filled_contours(),
            showscale=column == len(densities),
            colorbar={"title": "density", "thickness": 10, "outlinewidth": 0},
            hovertemplate="epoch %{x}, %{y:.2f}: %{z:.3f}<extra>" + name + "</extra>",
        )
    figure.update_xaxes(title="epoch", nticks=5)
    figure.update_yaxes(title=unit, col=1)
    return figure


def ridgeline(
    densities: Mapping[str, NDArray[np.float64]], centres: NDArray[np.float64], epochs: Sequence[float], unit: str
) -> go.Figure:
    """Densities of some epochs as curves one above the other, the newest on top, a panel a method."""
    figure = make_subplots(
        rows=1, cols=len(densities), shared_yaxes=True, horizontal_spacing=0.02, column_titles=list(densities)
    )
    count = min(len(table) for table in densities.values())
    chosen = np.unique(np.linspace(0, count - 1, min(count, 12)).astype(int))
    highest = max(float(table[chosen].max()) for table in densities.values()) or 1.0
    looked = looks(list(densities))
    for column, (name, table) in enumerate(densities.items(), start=1):
        for level, index in enumerate(chosen):
            figure.add_scatter(
                row=1,
                col=column,
                x=np.concatenate([centres, centres[::-1]]).astype(np.float32),
                y=np.concatenate([level + 1.8 * table[index] / highest, np.full(len(centres), level)]).astype(
                    np.float32
                ),
                name=f"epoch {epochs[index]:g}",
                meta=name,
                mode="lines",
                fill="toself",
                fillcolor=looked[name].band,
                line={"color": looked[name].colour, "width": 1},
                hovertemplate=f"epoch {epochs[index]:g}<extra>{name}</extra>",
                showlegend=False,
            )
    figure.update_xaxes(title=unit)
    figure.update_yaxes(
        tickvals=list(range(len(chosen))), ticktext=[f"{epochs[i]:g}" for i in chosen], title="epoch", col=1
    )
    return figure


def one_epoch(
    densities: Mapping[str, NDArray[np.float64]], centres: NDArray[np.float64], epochs: Sequence[float], unit: str
) -> go.Figure:
    """All methods on one axis at one epoch, a frame for every epoch, with N(0, 1)."""
    figure = go.Figure()
    looked = looks(list(densities))
    count = min(len(table) for table in densities.values())
    x = centres.astype(np.float32)
    for name, table in densities.items():
        figure.add_scatter(
            x=x,
            y=table[count - 1].astype(np.float32),
            name=name,
            mode="lines",
            line={"color": looked[name].colour, "dash": looked[name].dash, "width": 2.2, "shape": "hvh"},
            fill="tozeroy",
            fillcolor=looked[name].band,
        )
    figure.add_scatter(
        x=x,
        y=(np.exp(-(centres**2) / 2) / np.sqrt(2 * np.pi)).astype(np.float32),
        name="N(0, 1)",
        mode="lines",
        line={"color": REFERENCE, "width": 1.4, "dash": "dot"},
        hoverinfo="skip",
    )
    traces = list(range(len(densities)))
    figure.frames = [
        go.Frame(
            name=f"epoch {epochs[i]:g}",
            traces=traces,
            data=[go.Scatter(x=x, y=table[i].astype(np.float32)) for table in densities.values()],
        )
        for i in range(count)
    ]
    top = max(float(np.quantile(table.max(axis=1), 0.9)) for table in densities.values())
    figure.update_xaxes(title=unit)
    figure.update_yaxes(title="density", range=[0, 1.15 * max(top, 0.4)])
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
