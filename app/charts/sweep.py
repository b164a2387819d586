"""The score of methods along a number that is swept, λ for example: seeds as points, means as lines."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis.plain_text import written
from app.charts.epochs import Look, looks
from app.text.language import _

WIDE = 10.0  # largest over smallest value from which on their axis is logarithmic
MARGIN = 0.08  # of the axes, beyond the values
BySeed = Mapping[int, float]


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """The scores of one method along the number.

    Attributes:
        scores: value of the number -> seed -> score; values increasing.
        chosen: the value that validation chooses; None if there is none.
    """

    scores: Mapping[float, BySeed]
    chosen: float | None = None


@dataclass(frozen=True, slots=True)
class ScorePanel:
    """The scores on one part of the data.

    Attributes:
        lines: by name.
        across: name -> scores of the seeds of a method for which the number has one value, or none.
        reference: which of them the others are compared with; it has a band.
    """

    lines: Mapping[str, ScoreLine]
    across: Mapping[str, BySeed]
    reference: str


def score_along(panels: Mapping[str, ScorePanel], number: str, form: str) -> go.Figure:
    """Scores over a number, a panel for each part of the data.

    Args:
        panels: by title; of the same methods.
        number: the title of the horizontal axis.
        form: of a score, ".1%" for example.
    """
    figure = make_subplots(rows=1, cols=len(panels), horizontal_spacing=0.09, subplot_titles=list(panels))
    names = list(dict.fromkeys(name for panel in panels.values() for name in (*panel.across, *panel.lines)))
    looked = looks(names)
    values = sorted({value for panel in panels.values() for line in panel.lines.values() for value in line.scores})
    low, high = _ends(values)
    for column, (title, panel) in enumerate(panels.items(), start=1):
        for name, by_seed in panel.across.items():
            scores = list(by_seed.values())
            if name == panel.reference and len(scores) > 1:
                _add_band(figure, column, name, scores, (low, high), looked[name])
            if scores:
                _add_level(figure, column, name, scores, (low, high), looked[name], form)
        for name, line in panel.lines.items():
            _add_line(figure, column, name, line, looked[name], form)
        figure.update_traces(meta=title, col=column)
    logarithmic = _is_wide(values)
    figure.update_xaxes(
        title=number,
        type="log" if logarithmic else "linear",
        range=[math.log10(low), math.log10(high)] if logarithmic else [low, high],
        tickvals=values,
        ticktext=[written(value) for value in values],
    )
    figure.update_yaxes(tickformat=form)
    figure.update_layout(legend={"y": 1.14})
    return figure


def is_drawn(value: float, values: list[float]) -> bool:
    """Whether a value has a place on the axis of all of them: 0 has none on a logarithmic one."""
    return value > 0 or not _is_wide(values)


def _is_wide(values: list[float]) -> bool:
    positive = [value for value in values if value > 0]
    return bool(positive) and max(positive) >= WIDE * min(positive)


def _ends(values: list[float]) -> tuple[float, float]:
    """The ends of the axis, a little beyond the values."""
    if _is_wide(values):
        margin = (values[-1] / values[0]) ** MARGIN
        return values[0] / margin, values[-1] * margin
    margin = MARGIN * (values[-1] - values[0]) or 1.0
    return values[0] - margin, values[-1] + margin


def _add_band(
    figure: go.Figure, column: int, name: str, scores: list[float], ends: tuple[float, float], look: Look
) -> None:
    """The range of the seeds across the panel."""
    low, high = min(scores), max(scores)
    figure.add_scatter(
        row=1,
        col=column,
        x=[*ends, *ends[::-1]],
        y=[low, low, high, high],
        name=_("{name}, range of {seeds} seeds").format(name=name, seeds=len(scores)),
        mode="lines",
        fill="toself",
        fillcolor=look.band,
        line={"width": 0},
        hoverinfo="skip",
        legendgroup=name,
        showlegend=False,
    )


def _add_level(
    figure: go.Figure, column: int, name: str, scores: list[float], ends: tuple[float, float], look: Look, form: str
) -> None:
    """The mean over the seeds across the panel."""
    mean = float(np.mean(scores))
    figure.add_scatter(
        row=1,
        col=column,
        x=ends,
        y=[mean, mean],
        name=name,
        mode="lines",
        line={"color": look.colour, "dash": look.dash, "width": 1.8},
        hovertemplate=_("mean {mean}").format(mean=f"%{{y:{form}}}") + f"<extra>{name}</extra>",
        legendgroup=name,
        showlegend=column == 1,
    )


def _add_line(figure: go.Figure, column: int, name: str, line: ScoreLine, look: Look, form: str) -> None:
    """A point of every seed, the line of the means, and a star on the value that is chosen."""
    points = [(value, seed, score) for value, by_seed in line.scores.items() for seed, score in by_seed.items()]
    means = {value: float(np.mean(list(by_seed.values()))) for value, by_seed in line.scores.items() if by_seed}
    common: dict[str, Any] = {"row": 1, "col": column, "legendgroup": name}
    figure.add_scatter(
        **common,
        x=[value for value, *_ in points],
        y=[score for *_, score in points],
        text=[_("seed {seed}").format(seed=seed) for _value, seed, _score in points],
        name=_("{name}, seeds").format(name=name),
        mode="markers",
        marker={"symbol": f"{look.symbol}-open", "size": 7, "color": look.colour},
        hovertemplate=f"%{{text}}: %{{y:{form}}}<extra>{name}</extra>",
        showlegend=False,
    )
    figure.add_scatter(
        **common,
        x=list(means),
        y=list(means.values()),
        name=name,
        mode="lines+markers",
        line={"color": look.colour, "dash": look.dash, "width": 1.8},
        marker={"symbol": look.symbol, "size": 5, "color": look.colour},
        hovertemplate=_("mean {mean}").format(mean=f"%{{y:{form}}}") + f"<extra>{name}</extra>",
        showlegend=column == 1,
    )
    if line.chosen in means:
        figure.add_scatter(
            **common,
            x=[line.chosen],
            y=[means[line.chosen]],
            name=_("{name}, chosen").format(name=name),
            mode="markers",
            marker={"symbol": "star", "size": 16, "color": look.colour, "line": {"width": 1}},
            hovertemplate=f"%{{y:{form}}}<extra>" + _("{name}, chosen").format(name=name) + "</extra>",
            showlegend=False,
        )
