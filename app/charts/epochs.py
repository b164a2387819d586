"""Distributions over the epochs as heat maps, ridgelines and single epochs, and the look that tells names apart.

A method has one look everywhere: the colour that the registry gives it, or one that is free, and a dash and a symbol of
its own, so that nothing depends on colour alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from app.charts.normal import add_normal
from app.charts.palette import categorical, filled_contours
from app.text.language import _
from per_core.method import Baseline, Method
from per_core.methods import BASELINE, list_methods
from per_core.text import N_

_DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"]
GAUSSIAN_PEAK, HIGHEST = 0.46, 2.0  # where the axis of densities ends at the earliest and at the latest
RIDGES = 12  # curves of a panel
PANEL_CHARACTERS = 130  # of the titles of a row of panels together
_SYMBOLS = ["circle", "diamond", "square", "triangle-up", "x", "star"]


@dataclass(frozen=True, slots=True, eq=False)
class DensitySeries:
    """The histograms of one run over its own epochs, on bins that all runs of a chart share.

    Attributes:
        epochs: (e,), increasing.
        densities: (e, bins), ≥ 0.
    """

    epochs: Sequence[float]
    densities: NDArray[np.float64]

    @property
    def by_epoch(self) -> dict[float, NDArray[np.float64]]:
        """The density of every epoch, (bins,)."""
        return dict(zip(self.epochs, self.densities, strict=True))


@dataclass(frozen=True, slots=True)
class Look:
    """How one method is drawn."""

    colour: str
    band: str
    dash: str
    symbol: str


def looks(names: Sequence[str]) -> dict[str, Look]:
    """A look for each method: those with a colour of their own keep it, the others take what is left.

    What stands in brackets after a name, the run that it belongs to, does not count: two PERs have one colour, and tell
    themselves apart by dash and symbol.
    """
    methods = {name: name.partition(" (")[0].lower() for name in names}
    known: tuple[Baseline | Method, ...] = (BASELINE, *list_methods())
    colours = {one.short.lower(): one.colour for one in known if one.colour is not None}
    own = {name: colours[method] for name, method in methods.items() if method in colours}
    free = [i for i in range(6) if i not in own.values()] or list(range(6))
    others = [name for name in names if name not in own]
    given = {name: free[i % len(free)] for i, name in enumerate(others)}
    indices = {name: (own | given)[name] for name in names}
    return {
        name: Look(categorical(i), categorical(i, 0.3), _DASHES[number % 6], _SYMBOLS[number % 6])
        for number, (name, i) in enumerate(indices.items())
    }


def density_map(runs: Mapping[str, DensitySeries], centres: NDArray[np.float64], unit: str) -> go.Figure:
    """Densities over the epochs as colours, a panel a run; each run stands at its own epochs."""
    figure = _panels(runs)
    highest = max(float(np.nanquantile(run.densities, 0.99)) for run in runs.values()) or 1.0
    for column, (name, run) in enumerate(runs.items(), start=1):
        figure.add_heatmap(
            row=1,
            col=column,
            x=np.asarray(run.epochs, np.float64),
            y=centres.astype(np.float32),
            z=run.densities.T.astype(np.float32),
            name=name,
            meta=name,
            zmin=0,
            zmax=highest,
            colorscale=filled_contours(),
            showscale=column == len(runs),
            colorbar={"title": _("density"), "thickness": 10, "outlinewidth": 0},
            hovertemplate=_("epoch {epoch}").format(epoch="%{x}") + ", %{y:.2f}: %{z:.3f}<extra>" + name + "</extra>",
        )
    figure.update_xaxes(title=_("epoch"), nticks=5)
    figure.update_yaxes(title=unit, col=1)
    return figure


def ridgeline(runs: Mapping[str, DensitySeries], centres: NDArray[np.float64], unit: str) -> go.Figure:
    """Densities of some epochs as curves one above the other, the newest on top, a panel a run.

    A level is an epoch; a run that has no record of it leaves its level empty.
    """
    figure = _panels(runs)
    epochs = _all_epochs(runs)
    chosen = [epochs[i] for i in np.unique(np.linspace(0, len(epochs) - 1, min(len(epochs), RIDGES)).astype(int))]
    drawn = {name: run.by_epoch for name, run in runs.items()}
    highest = max(float(own[epoch].max()) for own in drawn.values() for epoch in chosen if epoch in own) or 1.0
    looked = looks(list(runs))
    for column, (name, own) in enumerate(drawn.items(), start=1):
        for level, epoch in enumerate(chosen):
            if epoch not in own:
                continue
            y = np.concatenate([level + 1.8 * own[epoch] / highest, np.full(len(centres), level)])
            figure.add_scatter(
                row=1,
                col=column,
                x=np.concatenate([centres, centres[::-1]]).astype(np.float32),
                y=y.astype(np.float32),
                name=_("epoch {epoch}").format(epoch=epoch),
                meta=name,
                mode="lines",
                fill="toself",
                fillcolor=looked[name].band,
                line={"color": looked[name].colour, "width": 1},
                hovertemplate=_("epoch {epoch}").format(epoch=epoch) + f"<extra>{name}</extra>",
                showlegend=False,
            )
    figure.update_xaxes(title=unit)
    figure.update_yaxes(
        tickvals=list(range(len(chosen))), ticktext=[str(epoch) for epoch in chosen], title=_("epoch"), col=1
    )
    return figure


def one_epoch(runs: Mapping[str, DensitySeries], centres: NDArray[np.float64], unit: str) -> go.Figure:
    """All runs on one axis at one epoch, a frame for every epoch that one of them has, with N(0, 1).

    A run that has no record of an epoch is not drawn at it.
    """
    figure = go.Figure()
    looked = looks(list(runs))
    epochs = _all_epochs(runs)
    x: NDArray[np.float32] = centres.astype(np.float32)
    nothing: list[float] = []
    drawn = {name: {epoch: y.astype(np.float32) for epoch, y in run.by_epoch.items()} for name, run in runs.items()}
    for name, own in drawn.items():
        figure.add_scatter(
            x=x if epochs[-1] in own else nothing,
            y=own.get(epochs[-1], nothing),
            name=name,
            mode="lines",
            line={"color": looked[name].colour, "dash": looked[name].dash, "width": 2.2, "shape": "hvh"},
            fill="tozeroy",
            fillcolor=looked[name].band,
        )
    add_normal(figure, centres)
    figure.frames = [
        go.Frame(
            name=_("epoch {epoch}").format(epoch=epoch),
            traces=list(range(len(runs))),
            data=[go.Scatter(x=x if epoch in own else nothing, y=own.get(epoch, nothing)) for own in drawn.values()],
        )
        for epoch in epochs
    ]
    peak = max(float(np.quantile(run.densities.max(axis=1), 0.9)) for run in runs.values())
    top = min(max(1.15 * peak, GAUSSIAN_PEAK), HIGHEST)  # one that collapses would flatten all others
    figure.update_xaxes(title=unit)
    figure.update_yaxes(
        title=_("density") if peak <= top else _("density, up to {peak:.2g}").format(peak=peak), range=[0, top]
    )
    return figure


def _all_epochs(runs: Mapping[str, DensitySeries]) -> list[float]:
    """The epochs of all runs together, increasing."""
    return sorted({epoch for run in runs.values() for epoch in run.epochs})


def _panels(runs: Mapping[str, DensitySeries]) -> go.Figure:
    """A panel for every run; what does not fit over it is cut."""
    titles = [shortened(name, PANEL_CHARACTERS // len(runs)) for name in runs]
    figure = make_subplots(rows=1, cols=len(runs), shared_yaxes=True, horizontal_spacing=0.02, column_titles=titles)
    return figure.update_annotations(font={"size": 12})


def shortened(name: str, characters: int) -> str:
    """A name that has no more than so many characters."""
    return name if len(name) <= characters else f"{name[: max(1, characters - 1)].rstrip()}…"


ONE_EPOCH, HEAT_MAP, RIDGELINE = N_("One epoch"), N_("Heat map"), N_("Ridgeline")
VIEWS = {ONE_EPOCH: one_epoch, HEAT_MAP: density_map, RIDGELINE: ridgeline}
