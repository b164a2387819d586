"""A regulariser's gradient field and flow: rows as particles, and what happens to the batch on their way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from analysis.statistics.density import JointDensity
from analysis.statistics.null_band import NullBand
from app.charts.field import field_trace
from app.charts.palette import BOUND, EXACT, MUTED, REFERENCE, theme_colour
from app.text.language import _, translated
from per_core.text import N_

ALONE, WITH_TASK = N_("alone"), N_("with the task")
FLOWS = {ALONE: N_("flow alone"), WITH_TASK: N_("flow with the task")}
READINGS = {
    "sw1": "SW1",
    "per": "PER",
    "variance": N_("variance"),
    "kurtosis": N_("excess kurtosis"),
    "modes": N_("modes"),
    "batch_variances": N_("batch variances"),
}
_LOOKS: dict[str, dict[str, Any]] = {
    ALONE: {"color": BOUND, "dash": "solid", "symbol": "circle"},
    WITH_TASK: {"color": EXACT, "dash": "dash", "symbol": "diamond"},
}
COUNTS = {"modes"}
SHAPES = {"kurtosis", "batch_variances"}
_FIELD_ROWS = 120
_PARTICLES = 500
_CLOUDS, _ABOVE, _CURVES = [0.38, 0.88], [0.88, 0.98], [0.0, 0.22]


@dataclass(frozen=True, slots=True, eq=False)
class Trajectory:
    """One flow to draw.

    Attributes:
        clouds: (frames, rows, 2) coordinates of the rows.
        marginals: a density of the first coordinate for each frame.
        readings: what happens to the batch, by key of `READINGS`, arrays (frames,).
    """

    clouds: NDArray[np.float32]
    marginals: Sequence[JointDensity]
    readings: Mapping[str, NDArray[np.float64]]


def flow_panels(
    start: NDArray[np.float32],
    pull: NDArray[np.float32],
    trajectories: Mapping[str, Trajectory],
    gaussian: Mapping[str, NullBand],
    steps: Sequence[int],
    *,
    limits: tuple[float, float],
    units: tuple[str, str],
) -> go.Figure:
    """The field, the flows with a frame for each of the steps, and curves over the steps.

    Args:
        start, pull: (rows, 2) coordinates of the batch and of −n ∂R/∂h.
        trajectories: the flows, `ALONE` and `WITH_TASK`.
        gaussian: the sampling range of the readings at N(0, I), by key.
    """
    figure = go.Figure()
    lefts = [i * 0.345 for i in range(3)]
    figure.add_trace(field_trace(start[:_FIELD_ROWS], pull[:_FIELD_ROWS], limits, "x", "y"))
    _place_cloud(figure, 1, _("gradient field on the batch"), lefts[0], limits, units)
    moving = []
    for number, (name, trajectory) in enumerate(trajectories.items(), start=2):
        moving += _add_cloud(figure, number, name, trajectory)
        _place_cloud(figure, number, translated(FLOWS[name]), lefts[number - 1], limits, units)
    keys = list(next(iter(trajectories.values())).readings)
    share = 1 / len(keys)
    for i, key in enumerate(keys):
        domain = [i * share + (0.05 if i else 0.0), (i + 1) * share - 0.01]
        moving.append(_add_curves(figure, 11 + i, key, trajectories, gaussian.get(key), steps, domain))
    figure.frames = [  # plain dictionaries, which plotly copies and checks only once
        {
            "name": _("step {step} of {steps}").format(step=step, steps=steps[-1]),
            "traces": moving,
            "data": _frame_data(trajectories, keys, index, step),
        }
        for index, step in enumerate(steps)
    ]
    figure.update_layout(margin={"l": 48, "r": 8, "t": 48, "b": 44}, legend={"y": 1.05, "x": 1, "xanchor": "right"})
    return figure


def _add_cloud(figure: go.Figure, number: int, name: str, trajectory: Trajectory) -> list[int]:
    """The rows at the last step and the marginal above; returns the numbers of the traces that move."""
    look = _LOOKS[name]
    last = trajectory.clouds[-1, :_PARTICLES]
    figure.add_scattergl(
        x=last[:, 0],
        y=last[:, 1],
        name=_("rows, {flow}").format(flow=translated(name)),
        meta=translated(FLOWS[name]),
        mode="markers",
        marker={"color": look["color"], "size": 4, "opacity": 0.55, "symbol": look["symbol"]},
        hoverinfo="skip",
        showlegend=False,
        xaxis=f"x{number}",
        yaxis=f"y{number}",
    )
    marginal = trajectory.marginals[-1]
    figure.add_scatter(
        x=marginal.grid.astype(np.float32),
        y=marginal.marginal_x.astype(np.float32),
        name=_("density, {flow}").format(flow=translated(name)),
        meta=translated(FLOWS[name]),
        mode="lines",
        line={"color": look["color"], "width": 1.6},
        hoverinfo="skip",
        showlegend=False,
        xaxis=f"x{number}",
        yaxis=f"y{number + 5}",
    )
    count = len(figure.data)
    return [count - 2, count - 1]


def _add_curves(
    figure: go.Figure,
    number: int,
    key: str,
    trajectories: Mapping[str, Trajectory],
    reference: NullBand | None,
    steps: Sequence[int],
    domain: list[float],
) -> int:
    """One reading over the steps of every flow, with dots that move; returns the number of the dots' trace."""
    x, y, title = f"x{number}", f"y{number}", translated(READINGS[key])
    if reference is not None:
        figure.add_scatter(
            x=[steps[0], steps[-1], steps[-1], steps[0]],
            y=[reference.low, reference.low, reference.high, reference.high],
            name=_("N(0, I) of this size"),
            meta=title,
            mode="lines",
            fill="toself",
            fillcolor=theme_colour("gray", 0.25),
            line={"color": REFERENCE, "width": 1, "dash": "dot"},
            hoverinfo="skip",
            legendgroup="reference",
            showlegend=number == 11,
            xaxis=x,
            yaxis=y,
        )
    for name, trajectory in trajectories.items():
        look = _LOOKS[name]
        figure.add_scatter(
            x=np.asarray(steps, np.int16),
            y=trajectory.readings[key].astype(np.float32),
            name=translated(name),
            meta=title,
            mode="lines",
            line={
                "color": look["color"],
                "dash": look["dash"],
                "width": 2,
                "shape": "hv" if key in COUNTS else "linear",
            },
            legendgroup=name,
            showlegend=number == 11,
            hovertemplate=_("step %{x}: %{y:.4f}") + "<extra>" + translated(name) + "</extra>",
            xaxis=x,
            yaxis=y,
        )
    figure.add_scatter(
        x=[steps[-1]] * len(trajectories),
        y=[float(trajectory.readings[key][-1]) for trajectory in trajectories.values()],
        name=_("{reading} at the step shown").format(reading=title),
        meta=title,
        mode="markers",
        marker={
            "color": [_LOOKS[name]["color"] for name in trajectories],
            "symbol": [_LOOKS[name]["symbol"] for name in trajectories],
            "size": 9,
        },
        showlegend=False,
        hoverinfo="skip",
        xaxis=x,
        yaxis=y,
    )
    figure.update_layout(
        {
            f"xaxis{number}": {"domain": domain, "anchor": y, "title": {"text": _("step"), "standoff": 2}, "nticks": 4},
            f"yaxis{number}": {
                "domain": _CURVES,
                "anchor": x,
                "nticks": 5,
                "range": _range_of(key, trajectories, reference),
                "dtick": 1 if key in COUNTS else None,
            },
        }
    )
    figure.add_annotation(
        text=title, xref="paper", yref="paper", x=domain[0], y=_CURVES[1], xanchor="left", yanchor="bottom",
        showarrow=False,
    )  # fmt: skip
    return len(figure.data) - 1


def radial_pull(distances: NDArray[np.float64], pull: NDArray[np.float64]) -> go.Figure:
    """The pull on one row over its distance from 0, outward above 0."""
    figure = go.Figure(
        go.Scatter(
            x=distances,
            y=pull,
            mode="lines",
            name=_("pull on one row"),
            hovertemplate="r = %{x:.2f}: %{y:.3g}<extra></extra>",
        )
    )
    figure.add_hline(y=0, line={"color": MUTED, "width": 1})
    figure.update_layout(
        showlegend=False,
        xaxis={"title": _("distance r along one direction")},
        yaxis={"title": _("pull (outward above 0)")},
    )
    return figure


def _range_of(key: str, trajectories: Mapping[str, Trajectory], reference: NullBand | None) -> list[float] | None:
    """The range of a reading of the shape, as what is left of a collapse can have any; None if it fits by itself."""
    if key not in SHAPES:
        return None
    values = np.concatenate([trajectory.readings[key] for trajectory in trajectories.values()])
    usual = [trajectory.readings[key][0] for trajectory in trajectories.values()] + list(
        trajectories[WITH_TASK].readings[key]
    )
    if reference is not None:
        usual += [reference.low, reference.high]
    usual = [value for value in usual if np.isfinite(value)]
    if not usual or not np.isfinite(values).any():
        return None
    low, high = min(usual), max(usual)
    reach = 2 * max(high - low, 1.0)
    lowest, highest = max(float(np.nanmin(values)), low - reach), min(float(np.nanmax(values)), high + reach)
    margin = 0.06 * (max(highest, high) - min(lowest, low))
    return [min(lowest, low) - margin, max(highest, high) + margin]


def _frame_data(
    trajectories: Mapping[str, Trajectory], keys: Sequence[str], index: int, step: int
) -> list[dict[str, Any]]:
    """x and y of the moving traces at one frame, in the order in which they were added."""
    data: list[dict[str, Any]] = []
    for trajectory in trajectories.values():
        cloud, marginal = trajectory.clouds[index, :_PARTICLES], trajectory.marginals[index]
        data.append({"x": cloud[:, 0], "y": cloud[:, 1]})
        data.append({"x": marginal.grid.astype(np.float32), "y": marginal.marginal_x.astype(np.float32)})
    for key in keys:
        heights = [float(trajectory.readings[key][index]) for trajectory in trajectories.values()]
        data.append({"x": [step] * len(trajectories), "y": heights})
    return data


def _place_cloud(
    figure: go.Figure, number: int, title: str, left: float, limits: tuple[float, float], units: tuple[str, str]
) -> None:
    """A square for the rows, zooming with the first one, and a strip above it for the marginal."""
    own = "" if number == 1 else str(number)
    box = {"showline": True, "mirror": True, "linecolor": MUTED, "showgrid": False, "zeroline": False}
    axes = {
        f"xaxis{own}": {
            **box, "domain": [left, left + 0.31], "range": list(limits), "anchor": f"y{own}",
            "title": {"text": units[0], "standoff": 2},
            "matches": None if number == 1 else "x", "constrain": "domain", "constraintoward": "left",
        },
        f"yaxis{own}": {
            **box, "domain": _CLOUDS, "range": list(limits), "anchor": f"x{own}",
            "constrain": "domain", "constraintoward": "top",
            **({"scaleanchor": "x"} if number == 1 else {"matches": "y"}),
        },
    }  # fmt: skip
    if number == 1:
        axes["yaxis"]["title"] = units[1]
    else:
        axes[f"yaxis{number + 5}"] = {
            "domain": _ABOVE, "anchor": f"x{own}", "range": [0, 1.2], "visible": False, "fixedrange": True,
        }  # fmt: skip
    figure.update_layout(axes)
    figure.add_annotation(
        text=title, xref="paper", yref="paper", x=left, y=1, xanchor="left", yanchor="bottom", showarrow=False
    )
