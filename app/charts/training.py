"""Charts of a training that is followed: Figure 2, and curves over the epochs."""

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from analysis.survey.history import ConditioningHistory, LayerHistory, UnitHistory, over_seeds
from app.charts.epochs import PANEL_CHARACTERS, Look, looks, shortened
from app.charts.palette import REFERENCE, theme_colour
from app.session import caches
from app.text.language import _

CLIPPED_VARIANCE = 5.0
DRAWN_NUMBERS = 36_000  # in the curves of a chart, which may take 300 kB
MOST_DECADES = 5  # with a label on a logarithmic axis
FALL = 3.0  # from which on a logarithmic axis shows more
PLAIN_DECADES = 4  # a label has as many zeros at most

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]  # epochs and values
Range = tuple[float, float]


def figure2(
    histories: Mapping[str, Mapping[str, UnitHistory]],
    epochs: float,
    *,
    clip: float | None = CLIPPED_VARIANCE,
    own_scales: bool = False,
) -> go.Figure:
    """One unit of every layer over the epochs: a row a layer; a column a network, then mean and variance of all.

    Args:
        histories: by the title of the row and the name of the network; a network may lack a layer.
        epochs: of the whole training, the end of the axis.
        clip: where the axis of the variance ends at the latest.
        own_scales: whether every network's panel has a vertical axis of its own, not one with the others of its row.
    """
    names = list(dict.fromkeys(name for by_name in histories.values() for name in by_name))
    looked = looks(names)
    figure = _panels(names, tuple(histories), epochs)
    most = DRAWN_NUMBERS // (10 * len(names) * len(histories))
    for row, (layer, by_name) in enumerate(histories.items(), start=1):
        for name, unit in by_name.items():
            kept = _thinned(len(unit.epochs), most)
            x = unit.epochs[kept]
            column, look = names.index(name) + 1, looked[name]
            band = unit.lower[kept], unit.upper[kept]
            _add_band(figure, row, column, _("{name}, 0.25 to 0.75").format(name=name), layer, x, band, look)
            _add_line(figure, row, column, _("{name}, median").format(name=name), layer, x, unit.median[kept], look)
            for place, y in enumerate((unit.mean, unit.variance), start=len(names) + 1):
                _add_line(figure, row, place, name, layer, x, y[kept], look)
        if all(len(unit.epochs) < 2 for unit in by_name.values()):  # networks that start alike differ by rounding
            means = _finite(np.concatenate([unit.mean for unit in by_name.values()]))
            _set_y(figure, row, len(names) + 1, means, margin=0.5)
        if not own_scales:
            _share_y(figure, row, list(by_name.values()), len(names))
        highest = max((_finite(unit.variance).max(initial=0.0) for unit in by_name.values()), default=0.0)
        if clip is not None and highest > clip:
            figure.update_yaxes(range=[0, clip], row=row, col=len(names) + 2)
        else:
            figure.update_yaxes(rangemode="tozero", row=row, col=len(names) + 2)
    return figure


def awaited_figure2(names: Sequence[str], epochs: float, rows: int = 3) -> go.Figure:
    """Figure 2 before its first record: the axes, so that it has its place and only fills."""
    figure = _panels(names, ("",) * rows, epochs)
    for row in range(1, rows + 1):
        for column in range(1, len(names) + 3):
            figure.add_scatter(row=row, col=column, x=[], y=[], name=[*names, _("mean"), _("variance")][column - 1])
    return figure


def distances(
    histories: Mapping[str, Sequence[LayerHistory]], bands: Mapping[str, Mapping[str, Range]], epochs: float
) -> go.Figure:
    """SW1, PER and the mean unit variance of a layer over the epochs, with the range of N(0, I).

    Args:
        histories: by network, one of each seed; of several seeds median and range are drawn.
        bands: name of the band -> "sw1" and "per" -> low and high, one of each size of batch.
        epochs: the end of the axis.
    """
    titles = {"sw1": _("SW1 to N(0, I)"), "per": "PER", "variance": _("variance")}
    curves = {
        name: {key: [(one.epochs, getattr(one, key)) for one in seeds] for key in titles}
        for name, seeds in histories.items()
    }
    errors = {name: {"sw1": seeds[0].sw1_margin} for name, seeds in histories.items() if len(seeds) == 1}
    return _beside_gaussian(titles, curves, bands, epochs, errors).update_yaxes(rangemode="tozero")


def conditioning(
    histories: Mapping[str, Sequence[ConditioningHistory]], bands: Mapping[str, Mapping[str, Range]], epochs: float
) -> go.Figure:
    """How far E[h hᵀ] of a layer is from I over the epochs, and its condition number, on logarithmic axes.

    An infinite condition number is drawn above all others, at a level called ∞.

    Args:
        histories: by network, one of each seed; of several seeds median and range are drawn.
        bands: name of the band -> "distance" and "condition" -> low and high, one of each size.
        epochs: the end of the axis.
    """
    titles = {"distance": _("‖E[h hᵀ] − I‖ / √d"), "condition": _("condition number of E[h hᵀ]")}
    every = {
        key: np.concatenate(
            [getattr(one, key) for seeds in histories.values() for one in seeds]
            + [np.array(by_key[key]) for by_key in bands.values()]
        )
        for key in titles
    }
    infinite = 10.0 ** (math.ceil(math.log10(_finite(every["condition"]).max(initial=1.0))) + 1)
    curves = {
        name: {
            "distance": [(one.epochs, one.distance) for one in seeds],
            "condition": [(one.epochs, np.minimum(one.condition, infinite)) for one in seeds],
        }
        for name, seeds in histories.items()
    }
    drawn = {
        name: {key: (min(low, infinite), min(high, infinite)) for key, (low, high) in by_key.items()}
        for name, by_key in bands.items()
    }
    figure = _beside_gaussian(titles, curves, drawn, epochs, {}).update_yaxes(type="log")
    for column, values in enumerate(every.values(), start=1):
        ticks = _logarithmic_ticks(values)
        if np.isposinf(values).any():
            ticks[infinite] = "∞"
        figure.update_yaxes(tickvals=list(ticks), ticktext=list(ticks.values()), col=column)
    for trace in figure.data:
        if trace.meta == "condition":
            trace.text = ["∞" if y == np.float32(infinite) else "" for y in trace.y]
            trace.hoverinfo = trace.hoverinfo or "x+y+name"  # where y is ∞ already
    return figure


def _logarithmic_ticks(values: NDArray[np.float64]) -> dict[float, str]:
    """Ticks and their labels for the finite values above 0, each written in full or as a power of ten.

    Plotly itself labels what lies between two powers of ten with a digit alone.
    """
    ticks: dict[float, str] = {}
    shown = values[np.isfinite(values) & (values > 0)]
    if not shown.size:
        return ticks
    low, high = math.log10(shown.min()), math.log10(shown.max())
    between = (1, 2, 5) if high - low <= 1 else (1, 3) if high - low <= 3 else (1,)
    step = max(1, math.ceil((high - low) / MOST_DECADES))
    for decade in range(math.floor(low), math.ceil(high) + 1, step):
        power = f"10<sup>{decade}</sup>"
        for factor in between:
            tick = factor * 10.0**decade
            far = power if factor == 1 else f"{factor} · {power}"
            ticks[tick] = f"{tick:g}" if abs(decade) <= PLAIN_DECADES else far
    return ticks


def _beside_gaussian(
    titles: Mapping[str, str],
    curves: Mapping[str, Mapping[str, Sequence[Curve]]],
    bands: Mapping[str, Mapping[str, Range]],
    epochs: float,
    errors: Mapping[str, Mapping[str, NDArray[np.float64]]],
) -> go.Figure:
    """Curves over the epochs beside what N(0, I) has, a panel a value.

    Args:
        titles: of the panels, by the key of the value.
        curves: by network and key, one of each seed.
        bands: by name and key.
        epochs: the end of the axis.
        errors: by network and key, those of a curve that stands for itself.
    """
    figure = make_subplots(
        rows=1, cols=len(titles), horizontal_spacing=0.2 / len(titles), subplot_titles=list(titles.values())
    )
    for name, ranges in bands.items():
        for column, key in enumerate(titles, start=1):
            if key in ranges:
                _add_reference(figure, column, name, key, ranges[key], epochs)
    looked = looks(list(curves))
    most = DRAWN_NUMBERS // (len(titles) * 8 * len(curves))
    for name, by_key in curves.items():
        for column, key in enumerate(titles, start=1):
            error = errors.get(name, {}).get(key)
            _add_seeds(figure, column, name, key, by_key[key], looked[name], most, error)
    figure.update_xaxes(title=_("epoch"), range=[0, epochs or 1])
    figure.update_layout(legend={"y": 1.14})
    return figure


def progress(
    scalars: Mapping[str, Mapping[str, Sequence[Curve]]], epochs: float, logarithmic: Collection[str] = ()
) -> go.Figure:
    """Loss, accuracy, time and whatever else was recorded beside the layers.

    Args:
        scalars: by title and network, one curve of each seed; of several seeds median and range are drawn.
        epochs: the end of the axis.
        logarithmic: titles of what has a logarithmic axis where the largest value is `FALL` times the smallest.
    """
    names = list(dict.fromkeys(name for by_name in scalars.values() for name in by_name))
    looked = looks(names)
    figure = make_subplots(rows=1, cols=len(scalars), horizontal_spacing=0.05, subplot_titles=list(scalars))
    most = DRAWN_NUMBERS // (8 * len(names) * len(scalars))
    for column, (title, by_name) in enumerate(scalars.items(), start=1):
        for name, curves in by_name.items():
            _add_seeds(figure, column, name, title, curves, looked[name], most)
        if title in logarithmic:
            values = _finite(np.concatenate([y for curves in by_name.values() for _x, y in curves]))
            if values.size and values.min() > 0 and values.max() >= FALL * values.min():
                ticks = _logarithmic_ticks(values)
                figure.update_yaxes(type="log", tickvals=list(ticks), ticktext=list(ticks.values()), col=column)
    if all(len(x) < 2 for by_name in scalars.values() for curves in by_name.values() for x, _y in curves):
        figure.update_yaxes(rangemode="tozero")  # the first values of networks that start alike differ by rounding
    figure.update_xaxes(title=_("epoch"), range=[0, epochs or 1])
    figure.update_layout(legend={"y": 1.14})
    return figure


def _panels(names: Sequence[str], layers: tuple[str, ...], epochs: float) -> go.Figure:
    """The empty panels of Figure 2, with titles in the visitor's language."""
    characters = PANEL_CHARACTERS // (len(names) + 2)
    band = _("median, 0.25–0.75")
    titles = (*(f"{shortened(name, characters)}<br>{band}" for name in names), _("mean"), _("variance"))
    return go.Figure(caches.shared(figure2_panels, titles, layers, _("epoch"), epochs))


def figure2_panels(titles: tuple[str, ...], layers: tuple[str, ...], epoch: str, epochs: float) -> go.Figure:
    """The empty panels, which plotly takes longer to lay out than to fill; to be copied.

    Args:
        titles: of the columns.
        layers: titles of the rows.
        epoch: title of the horizontal axes.
        epochs: their end.
    """
    figure = make_subplots(
        rows=len(layers),
        cols=len(titles),
        shared_xaxes=True,
        horizontal_spacing=0.2 / len(titles),
        vertical_spacing=0.06,
        column_titles=list(titles),
        row_titles=list(layers) if any(layers) else None,
    )
    figure.update_xaxes(range=[0, epochs or 1], nticks=4)
    figure.update_xaxes(title=epoch, row=len(layers))
    figure.update_layout(showlegend=False, margin={"l": 44, "r": 28, "t": 46, "b": 44})
    return figure.update_annotations(font={"size": 12})


def _add_seeds(
    figure: go.Figure,
    column: int,
    name: str,
    key: str,
    curves: Sequence[Curve],
    look: Look,
    most: int,
    error: NDArray[np.float64] | None = None,
) -> None:
    """The curve of one seed, with the error of its values, or the median of several on their range."""
    found = over_seeds(curves)
    kept = _thinned(len(found.epochs), most)
    x = found.epochs[kept]
    if len(curves) > 1:
        band = found.low[kept], found.high[kept]
        _add_band(
            figure,
            1,
            column,
            _("{name}, range of {seeds} seeds").format(name=name, seeds=len(curves)),
            key,
            x,
            band,
            look,
            group=name,
        )
    figure.add_scatter(
        row=1,
        col=column,
        x=x.astype(np.float32),
        y=found.median[kept].astype(np.float32),
        error_y=None
        if error is None
        else {"type": "data", "array": error[kept].astype(np.float32), "thickness": 0.8, "width": 0},
        name=name,
        meta=key,
        mode="lines+markers",
        line={"color": look.colour, "dash": look.dash, "width": 1.8},
        marker={"symbol": look.symbol, "size": 5, "color": look.colour},
        legendgroup=name,
        showlegend=column == 1,
    )


def _add_reference(figure: go.Figure, column: int, name: str, key: str, limits: Range, epochs: float) -> None:
    low, high = limits
    figure.add_scatter(
        row=1,
        col=column,
        x=[0, epochs, epochs, 0],
        y=[low, low, high, high],
        name=name,
        meta=key,
        mode="lines",
        fill="toself",
        fillcolor=theme_colour("gray", 0.25),
        line={"color": REFERENCE, "width": 1, "dash": "dot"},
        hoverinfo="skip",
        legendgroup=name,
        showlegend=column == 1,
    )


def _add_band(
    figure: go.Figure,
    row: int,
    column: int,
    name: str,
    meta: str,
    x: NDArray[np.float64],
    limits: tuple[NDArray[np.float64], NDArray[np.float64]],
    look: Look,
    *,
    group: str | None = None,
) -> None:
    low, high = limits
    there = np.isfinite(low) & np.isfinite(high)  # a gap would close the outline before its time
    x = x[there]
    figure.add_scatter(
        row=row,
        col=column,
        x=np.concatenate([x, x[::-1]]).astype(np.float32),
        y=np.concatenate([high[there], low[there][::-1]]).astype(np.float32),
        name=name,
        meta=meta,
        mode="lines",
        fill="toself",
        fillcolor=look.band,
        line={"width": 0} if len(x) > 1 else {"width": 3, "color": look.band},  # one epoch has no area
        hoverinfo="skip",
        legendgroup=group,
        showlegend=False,
    )


def _add_line(
    figure: go.Figure,
    row: int,
    column: int,
    name: str,
    meta: str,
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
        meta=meta,
        mode="lines" if len(x) > 1 else "markers",
        line={"color": look.colour, "dash": look.dash, "width": 1.8},
        marker={"symbol": look.symbol, "size": 6, "color": look.colour},
        hovertemplate=_("epoch {epoch}").format(epoch="%{x}") + ": %{y:.4f}<extra>" + name + "</extra>",
    )


def _share_y(figure: go.Figure, row: int, units: Sequence[UnitHistory], panels: int) -> None:
    """The networks' panels of one layer have one axis, labelled once, so that widths can be compared."""
    values = _finite(np.concatenate([[*unit.lower, *unit.upper] for unit in units]))
    if not values.size:
        return
    margin = 0.06 * (values.max() - values.min()) or 1.0
    for column in range(1, panels + 1):
        _set_y(figure, row, column, values, margin)
        figure.update_yaxes(showticklabels=column == 1, row=row, col=column)


def _set_y(figure: go.Figure, row: int, column: int, values: NDArray[np.float64], margin: float) -> None:
    """A panel's axis reaches so far beyond the values, if there are any."""
    if values.size:
        figure.update_yaxes(range=[values.min() - margin, values.max() + margin], row=row, col=column)


def _finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[np.isfinite(values)]


def _thinned(count: int, most: int) -> NDArray[np.int64]:
    """Which of `count` points are drawn, at most about `most`: every second, fourth, ..., and the last."""
    step = 1
    while count > most * step:
        step *= 2
    return np.unique([*range(0, count, step), *([count - 1] if count else [])]).astype(np.int64)
