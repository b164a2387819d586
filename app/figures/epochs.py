"""Distributions over the epochs as heat maps, ridgelines and single epochs, and the look that tells names apart.

A method has one look everywhere: the paper's colours for PER, vanilla and BN, and a dash and a symbol of its own, so
that nothing depends on colour alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from app.palette import REFERENCE, categorical, filled_contours

_PAPER = {"per": 0, "vanilla": 1, "bn": 2}
_DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"]
_SYMBOLS = ["circle", "diamond", "square", "triangle-up", "x", "star"]


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


VIEWS = {"One epoch": one_epoch, "Heat map": density_map, "Ridgeline": ridgeline}
