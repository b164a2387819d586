"""Charts of the Dumps page: all layers at all epochs at a glance, one layer's honest histogram, two dumps matched."""

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from analysis.statistics.histogram import Histogram
from analysis.survey.binned_reading import BinnedReading
from analysis.survey.cell import Cell, Unread
from analysis.survey.layer_reading import LayerReading
from analysis.survey.quantity import Quantity
from app.charts.normal import LINE, normal_density
from app.charts.palette import ALARM, BACKGROUND, MUTED, NEUTRAL, categorical, sequential
from app.text.language import _, translated

Field = tuple[Cell | None, int]

_DASHES = ["solid", "dash", "dot", "dashdot"]
_SYMBOLS = ["circle", "diamond"]
WIDE_RATIO = 20.0  # beyond which colours change by ratio
MARGINS, TOP, GROUP_PIXELS = 100, 60, 24  # pixels of a map beside its rows, above them, and for names of groups
LONGEST_BAR = 420  # pixels of a scale of colours
WELL_APART = 0.08  # of its length, from one number beside it to the next
GREY = 0.08  # of a scale of colours, below it
LAYER_PIXELS, FEW_LAYERS, TICK_SIZE = 22, 28, 12  # of a row of a map, how many have so much, and their names
DENSE_PIXELS, SMALL_TICK_SIZE = 14, 10  # where there are more
MOST_TICKS = 24  # columns with a name
MOST_MARKS = 1_000  # signs for what is not told


def overview_map(
    cells: Sequence[Sequence[Field]],
    layers: Mapping[str, str],
    epochs: Mapping[str, str],
    shown: Quantity,
    ordinary: Mapping[int, float] = MappingProxyType({}),
    groups: Mapping[str, int] = MappingProxyType({}),
    *,
    has_epochs: bool = True,
) -> go.Figure:
    """A row a layer, a column an epoch, group by group; the further up the colour scale, the worse.

    A "!" stands where a member could not be read, "–" where bins do not tell what is shown.

    Args:
        cells: (layers, epochs) readings, or why there is none, or None where there is no member; and how many arrays
            the member joins.
        layers: their names, and what stands at the axis.
        epochs: names of the columns, and what stands at the axis.
        shown: what is coloured.
        ordinary: number of units -> up to which badness nothing deserves a look: such fields are grey.
        groups: names of the groups, and how many columns each has.
        has_epochs: whether the columns are epochs; else nothing stands at their axis.
    """
    table = np.array([[_told(*cell, shown, ordinary) for cell in row] for row in cells], dtype=np.float64)
    badness = np.array([[shown.badness(value) for value in row] for row in table[..., 0].tolist()], dtype=np.float64)
    is_grey = badness <= table[..., 3]
    finite = np.append(badness[np.isfinite(badness) & ~is_grey], [*ordinary.values()])
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    by_ratio = low > 0 and high / low > WIDE_RATIO
    high = high if high > low else low + 1
    marked = round_ratios(low, high) if by_ratio else np.linspace(low, high, 5).tolist()
    if ordinary:
        place: Callable[[float], float] = math.log if by_ratio else float
        marked = [low, *(one for one in marked if place(one) - place(low) > WELL_APART * (place(high) - place(low)))]
    names = [_short(shown.at(one)) for one in marked]
    colours = np.log10(badness) if by_ratio else badness
    ticks, low, high = (
        (np.log10(marked).tolist(), math.log10(low), math.log10(high)) if by_ratio else (marked, low, high)
    )
    scale = [(at / 9, sequential(at)) for at in range(10)]
    if ordinary:
        scale = [(0.0, NEUTRAL), (GREY, NEUTRAL), *((GREY + (1 - GREY) * at, colour) for at, colour in scale[1:])]
        scale[2] = GREY, scale[2][1]
        foot = low - GREY / (1 - GREY) * (high - low)
        colours = np.where(is_grey, foot, colours)
        ticks, names, low = [foot, *ticks], ["N(0, I)", *names], foot
    figure = go.Figure()
    figure.add_heatmap(
        x=list(epochs),
        y=list(layers),
        z=np.where(np.isfinite(colours), colours, np.nan).astype(np.float32),
        customdata=_bounds(cells, shown) if shown.is_pooled else table if ordinary else table[..., :3],
        name=translated(shown.title),
        zmin=low,
        zmax=high,
        colorscale=scale,
        xgap=1,
        ygap=1,
        colorbar={
            "title": {"text": translated(shown.scale), "side": "right"},
            "thickness": 12,
            "outlinewidth": 0,
            "tickvals": ticks,
            "ticktext": names,
            "y": 1,
            "yanchor": "top",
        }
        | ({"lenmode": "pixels", "len": LONGEST_BAR} if map_height(len(layers)) > LONGEST_BAR + MARGINS else {}),
        hovertemplate="%{y}, %{x}: " + _hover(shown, has_ordinary=bool(ordinary)) + "<extra></extra>",
        hoverongaps=False,
    )
    places = [
        (epoch, name, cell)
        for name, row in zip(layers, cells, strict=True)
        for epoch, (cell, _) in zip(epochs, row, strict=True)
    ]
    _mark(figure, [(x, y) for x, y, cell in places if _is_unread(cell)], "!", ALARM, _("could not be read"))
    untold = [(x, y) for x, y, cell in places if _is_untold(cell, shown)]
    meaning = _("not binned, or without bounds") if shown.is_pooled else _("binned: bins do not tell it")
    _mark(figure, untold if len(untold) <= MOST_MARKS else [], "–", MUTED, meaning)
    figure.update_yaxes(
        range=[len(layers) - 0.5, -0.5],  # the signs would widen it
        type="category",
        showgrid=False,
        tickvals=list(layers),
        ticktext=list(layers.values()),
        tickfont={"size": TICK_SIZE if len(layers) <= FEW_LAYERS else SMALL_TICK_SIZE},
    )
    every = -(-len(epochs) // MOST_TICKS)
    figure.update_xaxes(
        range=[-0.5, len(epochs) - 0.5],
        type="category",
        showgrid=False,
        side="top",
        title=_("epoch") if has_epochs else "",
        showticklabels=has_epochs,
        tickvals=list(epochs)[::every],
        ticktext=list(epochs.values())[::every],
    )
    figure.update_layout(margin={"t": TOP, "b": 16})
    _divide(figure, groups)
    return figure


def _divide(figure: go.Figure, groups: Mapping[str, int]) -> None:
    """Group by group: a name above its columns, a gap before those of the next."""
    begin = 0
    for name, columns in groups.items():
        figure.add_annotation(
            x=begin + (columns - 1) / 2,
            y=1,
            yref="paper",
            text=f"<b>{name}</b>",
            showarrow=False,
            yanchor="bottom",
            yshift=24,
        )
        if begin:
            figure.add_vline(x=begin - 0.5, line={"color": BACKGROUND, "width": 8})
        begin += columns
    if groups:
        figure.update_xaxes(title={"standoff": 28})
        figure.update_layout(margin={"t": TOP + GROUP_PIXELS})


def map_height(layers: int, *, groups: int = 0) -> int:
    """Pixels that a map of so many layers needs, with names of groups above if there are any."""
    few = LAYER_PIXELS * min(layers, FEW_LAYERS)
    many = DENSE_PIXELS * layers if layers > FEW_LAYERS else 0
    return max(260, MARGINS + max(few, many)) + (GROUP_PIXELS if groups else 0)


def _mark(figure: go.Figure, places: Sequence[tuple[str, str]], sign: str, colour: str, meaning: str) -> None:
    """A sign in some fields, which says what it means when it is pointed at."""
    if places:
        figure.add_scatter(
            x=[x for x, _ in places],
            y=[y for _, y in places],
            name=meaning,
            mode="text",
            text=f"<b>{sign}</b>",
            textfont={"color": colour, "size": 15},
            hovertemplate="%{y}, %{x}: " + meaning + "<extra></extra>",
            showlegend=False,
        )


def _is_unread(cell: Cell | None) -> bool:
    return isinstance(cell, Unread) or (isinstance(cell, LayerReading) and cell.finite_rows == 0)


def _is_untold(cell: Cell | None, shown: Quantity) -> bool:
    """Whether a reading is of bins, or of rows, and what is shown needs the other, or a bound that there is not."""
    if cell is None or _is_unread(cell):
        return False
    is_binned = isinstance(cell, BinnedReading)
    return is_binned != shown.is_pooled or (is_binned and math.isnan(shown.of(cell)))


def _told(
    cell: Cell | None, arrays: int, shown: Quantity, ordinary: Mapping[int, float]
) -> tuple[float, float, float, float]:
    """The value, rows and arrays of the member, and up to which badness the value is ordinary."""
    if not isinstance(cell, LayerReading):
        return shown.of(cell), math.nan, arrays, math.nan
    return shown.of(cell), cell.total, arrays, ordinary.get(cell.d, math.nan)


def _bounds(cells: Sequence[Sequence[Field]], shown: Quantity) -> NDArray[np.float64]:
    """Lower and upper bound of what is shown, and how many values the bins count, (layers, epochs, 3)."""
    return np.array(
        [
            [
                (getattr(cell, shown.name).lower, getattr(cell, shown.name).upper, cell.n)
                if isinstance(cell, BinnedReading)
                else (math.nan,) * 3
                for cell, _ in row
            ]
            for row in cells
        ],
        dtype=np.float64,
    )


def _hover(shown: Quantity, *, has_ordinary: bool) -> str:
    """What a field says when it is pointed at, behind its name."""
    if shown.is_pooled:
        between = _("between {low} and {high}").format(low="%{customdata[0]:.4g}", high="%{customdata[1]:.4g}")
        return between + "<br>" + _("binned, values: {n}").format(n="%{customdata[2]:,}")
    most = _("N(0, I) of this width: up to {most}").format(most="%{customdata[3]:.3g}") + "<br>" if has_ordinary else ""
    rows = _("rows: {rows}, from arrays: {arrays}").format(rows="%{customdata[1]:,}", arrays="%{customdata[2]:,}")
    return "%{customdata[0]:.4g}<br>" + most + rows


def _short(value: float) -> str:
    return f"{value:,.0f}" if 1000 <= value < 1e6 else f"{value:.3g}"


def round_ratios(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten between two positive numbers, eight to fifteen at most."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    inside = [step for power in powers for factor in (1, 2, 5) if low <= (step := factor * 10.0**power) <= high]
    return inside[:: max(1, len(inside) // 8)]


def honest_histograms(histograms: Mapping[str, Histogram], *, log_density: bool, log_values: bool) -> go.Figure:
    """Densities in equal bins with what lies beyond them drawn as bars of their own at both ends, and N(0, 1).

    Args:
        histograms: on the same bins; of the decimal logarithms of the positive values where `log_values`.
    """
    figure = go.Figure()
    for i, (name, one) in enumerate(histograms.items()):
        edges = 10**one.edges if log_values else one.edges
        figure.add_scatter(
            x=edges.astype(np.float32),
            y=np.append(one.density, one.density[-1]).astype(np.float32),
            name=name,
            mode="lines",
            line={"color": categorical(i), "width": 2, "shape": "hv", "dash": _DASHES[i % 4]},
            fill="tozeroy",
            fillcolor=categorical(i, 0.2),
            hovertemplate=_("from") + " %{x:.3g}: %{y:.4g}<extra>" + name + "</extra>",
        )
        width = float(one.edges[1] - one.edges[0])
        finite = max(one.n - one.n_nan - one.n_inf, 1)
        beyond = [one.n_below / finite / width, one.n_above / finite / width]
        if any(beyond) and not log_values:
            figure.add_bar(
                x=[float(one.edges[0]) - (i + 1) * width, float(one.edges[-1]) + (i + 1) * width],
                y=beyond,
                width=width,
                name=_("{name}, beyond the axis").format(name=name),
                marker={"color": ALARM, "pattern": {"shape": "/\\x."[i % 4]}},
                text=[f"{one.n_below:,}" if one.n_below else "", f"{one.n_above:,}" if one.n_above else ""],
                textposition="outside",
                cliponaxis=False,
                hovertemplate="%{text}<extra>" + _("{name}, beyond the axis").format(name=name) + "</extra>",
            )
    limits = next(iter(histograms.values())).edges
    grid = np.linspace(limits[0], limits[-1], 201)
    values = 10**grid if log_values else grid
    normal = normal_density(values)
    figure.add_scatter(
        x=values.astype(np.float32),
        y=(2 * values * np.log(10) * normal if log_values else normal).astype(np.float32),
        name=_("N(0, 1), its positive half") if log_values else "N(0, 1)",
        mode="lines",
        line=LINE,
        hoverinfo="skip",
    )
    figure.update_xaxes(title=_("activation"), type="log" if log_values else "linear")
    figure.update_yaxes(
        title=_("density a decade") if log_values else _("density"), type="log" if log_density else "linear"
    )
    if log_density:
        drawn = np.concatenate([one.density[one.density > 0] for one in histograms.values()])
        figure.update_yaxes(range=[np.log10(drawn.min() / 2), np.log10(max(drawn.max(), 0.4) * 2)])
    return figure


def matched_layers(values: Mapping[str, Mapping[str, float]], title: str) -> go.Figure:
    """A quantity of the layers that two dumps share: a row a layer, a mark a dump, joined by a line.

    Args:
        values: by dump and layer, the same layers for both.
        title: of the quantity.
    """
    layers = list(next(iter(values.values())))
    figure = go.Figure()
    for layer in layers:
        figure.add_scatter(
            x=[own[layer] for own in values.values()],
            y=[layer] * len(values),
            name=layer,
            mode="lines",
            line={"color": MUTED, "width": 1.5},
            hoverinfo="skip",
            showlegend=False,
        )
    for i, (name, own) in enumerate(values.items()):
        figure.add_scatter(
            x=[own[layer] for layer in layers],
            y=layers,
            name=name,
            mode="markers",
            marker={"color": categorical(i), "symbol": _SYMBOLS[i % 2], "size": 10},
            hovertemplate="%{y}: %{x:.4g}<extra>" + name + "</extra>",
        )
    finite = np.array([value for own in values.values() for value in own.values() if np.isfinite(value)])
    if finite.size and finite.min() > 0 and finite.max() / finite.min() > WIDE_RATIO:
        figure.update_xaxes(type="log")
    figure.update_xaxes(title=title)
    figure.update_yaxes(type="category", autorange="reversed")
    return figure
