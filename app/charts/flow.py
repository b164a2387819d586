"""A regulariser's gradient field and flow: rows as particles, and what happens to the batch on their way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.null_band import NullBand
from app.charts.field import field_trace
from app.charts.palette import BOUND, EXACT, MUTED, REFERENCE, theme_colour
from app.text.language import _, translated
from per_core.text import N_

Figure = dict[str, Any]  # as plotly's JSON has it, see `show_chart`
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
        grid, marginals: (m,) and (frames, m), the density of the first coordinate.
        readings: what happens to the batch, by key of `READINGS`, arrays (frames,).
    """

    clouds: NDArray[np.float32]
    grid: NDArray[np.float64]
    marginals: NDArray[np.float64]
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
) -> Figure:
    """The field, the flows with a frame for each of the steps, and curves over the steps.

    Args:
        start, pull: (rows, 2) coordinates of the batch and of −n ∂R/∂h.
        trajectories: the flows, `ALONE` and `WITH_TASK`.
        gaussian: the sampling range of the readings at N(0, I), by key.
    """
    data = [field_trace(start[:_FIELD_ROWS], pull[:_FIELD_ROWS], limits, "x", "y")]
    lefts = [i * 0.345 for i in range(3)]
    layout: Figure = {
        "margin": {"l": 48, "r": 8, "t": 48, "b": 44},
        "legend": {"y": 1.05, "x": 1, "xanchor": "right"},
        "annotations": [_title(_("gradient field on the batch"), lefts[0], 1)],
    }
    layout |= _cloud_axes(1, lefts[0], limits, units)
    moving = []
    for number, (name, trajectory) in enumerate(trajectories.items(), start=2):
        data += _cloud_traces(number, name, trajectory)
        moving += [len(data) - 2, len(data) - 1]
        layout |= _cloud_axes(number, lefts[number - 1], limits, units)
        layout["annotations"].append(_title(translated(FLOWS[name]), lefts[number - 1], 1))
    keys = list(next(iter(trajectories.values())).readings)
    share = 1 / len(keys)
    for i, key in enumerate(keys):
        domain = [i * share + (0.05 if i else 0.0), (i + 1) * share - 0.01]
        data += _curve_traces(11 + i, key, trajectories, gaussian.get(key), steps)
        moving.append(len(data) - 1)
        layout |= _curve_axes(11 + i, key, trajectories, gaussian.get(key), domain)
        layout["annotations"].append(_title(translated(READINGS[key]), domain[0], _CURVES[1]))
    frames = [
        {
            "name": _("step {step} of {steps}").format(step=step, steps=steps[-1]),
            "traces": moving,
            "data": _frame_data(trajectories, keys, index, step),
        }
        for index, step in enumerate(steps)
    ]
    return {"data": data, "layout": layout, "frames": frames}


def _cloud_traces(number: int, name: str, trajectory: Trajectory) -> list[Figure]:
    """The rows at the last step and the marginal above, both of which move."""
    look = _LOOKS[name]
    last, marginal = trajectory.clouds[-1, :_PARTICLES], trajectory.marginals[-1]
    shared = {"meta": translated(FLOWS[name]), "hoverinfo": "skip", "showlegend": False, "xaxis": f"x{number}"}
    return [
        {
            "type": "scattergl",
            "x": last[:, 0],
            "y": last[:, 1],
            "name": _("rows, {flow}").format(flow=translated(name)),
            "mode": "markers",
            "marker": {"color": look["color"], "size": 4, "opacity": 0.55, "symbol": look["symbol"]},
            "yaxis": f"y{number}",
            **shared,
        },
        {
            "type": "scatter",
            "x": trajectory.grid.astype(np.float32),
            "y": marginal.astype(np.float32),
            "name": _("density, {flow}").format(flow=translated(name)),
            "mode": "lines",
            "line": {"color": look["color"], "width": 1.6},
            "yaxis": f"y{number + 5}",
            **shared,
        },
    ]


def _curve_traces(
    number: int,
    key: str,
    trajectories: Mapping[str, Trajectory],
    reference: NullBand | None,
    steps: Sequence[int],
) -> list[Figure]:
    """One reading over the steps of every flow; the last trace are the dots, which move."""
    title = translated(READINGS[key])
    shared = {"type": "scatter", "meta": title, "xaxis": f"x{number}", "yaxis": f"y{number}"}
    traces: list[Figure] = []
    if reference is not None:
        traces.append(
            {
                "x": [steps[0], steps[-1], steps[-1], steps[0]],
                "y": np.array([reference.low, reference.low, reference.high, reference.high]),
                "name": _("N(0, I) of this size"),
                "mode": "lines",
                "fill": "toself",
                "fillcolor": theme_colour("gray", 0.25),
                "line": {"color": REFERENCE, "width": 1, "dash": "dot"},
                "hoverinfo": "skip",
                "legendgroup": "reference",
                "showlegend": number == 11,
                **shared,
            }
        )
    for name, trajectory in trajectories.items():
        look = _LOOKS[name]
        shape = "hv" if key in COUNTS else "linear"
        traces.append(
            {
                "x": np.asarray(steps, np.int16),
                "y": trajectory.readings[key].astype(np.float32),
                "name": translated(name),
                "mode": "lines",
                "line": {"color": look["color"], "dash": look["dash"], "width": 2, "shape": shape},
                "legendgroup": name,
                "showlegend": number == 11,
                "hovertemplate": _("step %{x}: %{y:.4f}") + "<extra>" + translated(name) + "</extra>",
                **shared,
            }
        )
    traces.append(
        {
            **_heights(trajectories, key, -1, steps[-1]),
            "name": _("{reading} at the step shown").format(reading=title),
            "mode": "markers",
            "marker": {
                "color": [_LOOKS[name]["color"] for name in trajectories],
                "symbol": [_LOOKS[name]["symbol"] for name in trajectories],
                "size": 9,
            },
            "showlegend": False,
            "hoverinfo": "skip",
            **shared,
        }
    )
    return traces


def _curve_axes(
    number: int,
    key: str,
    trajectories: Mapping[str, Trajectory],
    reference: NullBand | None,
    domain: list[float],
) -> Figure:
    """The axes of one reading."""
    span = _range_of(key, trajectories, reference)
    own: Figure = {} if span is None else {"range": span}
    if key in COUNTS:
        own["dtick"] = 1
    step = {"text": _("step"), "standoff": 2}
    return {
        f"xaxis{number}": {"domain": domain, "anchor": f"y{number}", "title": step, "nticks": 4},
        f"yaxis{number}": {"domain": _CURVES, "anchor": f"x{number}", "nticks": 5, **own},
    }


def radial_pull(distances: NDArray[np.float64], pull: NDArray[np.float64]) -> Figure:
    """The pull on one row over its distance from 0, outward above 0."""
    curve = {
        "type": "scatter",
        "x": distances,
        "y": pull,
        "mode": "lines",
        "name": _("pull on one row"),
        "hovertemplate": "r = %{x:.2f}: %{y:.3g}<extra></extra>",
    }
    none = {"type": "line", "x0": 0, "x1": 1, "xref": "x domain", "y0": 0, "y1": 0, "yref": "y"}
    layout = {
        "showlegend": False,
        "xaxis": {"title": {"text": _("distance r along one direction")}},
        "yaxis": {"title": {"text": _("pull (outward above 0)")}},
        "shapes": [{**none, "line": {"color": MUTED, "width": 1}}],
    }
    return {"data": [curve], "layout": layout}


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
        data.append({"x": trajectory.grid.astype(np.float32), "y": marginal.astype(np.float32)})
    return data + [_heights(trajectories, key, index, step) for key in keys]


def _heights(trajectories: Mapping[str, Trajectory], key: str, index: int, step: int) -> Figure:
    """Where the dots of a reading stand at one frame."""
    values = [trajectory.readings[key][index] for trajectory in trajectories.values()]
    return {"x": [step] * len(values), "y": np.array(values, np.float64)}


def _cloud_axes(number: int, left: float, limits: tuple[float, float], units: tuple[str, str]) -> Figure:
    """A square for the rows, zooming with the first one, and a strip above it for the marginal."""
    own = "" if number == 1 else str(number)
    box = {"showline": True, "mirror": True, "linecolor": MUTED, "showgrid": False, "zeroline": False}
    x: Figure = {
        **box, "domain": [left, left + 0.31], "range": list(limits), "anchor": f"y{own}",
        "title": {"text": units[0], "standoff": 2}, "constrain": "domain", "constraintoward": "left",
    }  # fmt: skip
    y: Figure = {
        **box, "domain": _CLOUDS, "range": list(limits), "anchor": f"x{own}",
        "constrain": "domain", "constraintoward": "top",
    }  # fmt: skip
    if number == 1:
        return {"xaxis": x, "yaxis": y | {"scaleanchor": "x", "title": {"text": units[1]}}}
    strip = {"domain": _ABOVE, "anchor": f"x{own}", "range": [0, 1.2], "visible": False, "fixedrange": True}
    return {
        f"xaxis{own}": x | {"matches": "x"},
        f"yaxis{own}": y | {"matches": "y"},
        f"yaxis{number + 5}": strip,
    }


def _title(text: str, x: float, y: float) -> Figure:
    """What stands over a panel."""
    place = {"xref": "paper", "yref": "paper", "x": x, "y": y, "xanchor": "left", "yanchor": "bottom"}
    return {"text": text, "showarrow": False, **place}
