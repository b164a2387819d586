"""A regulariser's part of the Methods page: its flow, computed once in pieces, watched in the browser."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from analysis.batch import ActivationBatch
from analysis.statistics import density
from analysis.statistics.density import AxisPair
from app.charts.chart import show_chart
from app.charts.flow import ALONE, WITH_TASK, Course, Reference, flow_panels, radial_pull
from app.sections.pair import axis_names
from app.session import caches
from app.session.controls import one_of
from app.session.null_bands import null_bands
from app.session.progress import in_chunks
from app.text import method_words
from app.views.methods.method_choice import ChosenMethod

if TYPE_CHECKING:
    from analysis.methods.flow import FlowReadings, FlowSpec, FlowStart

STEPS = [60, 120, 240]
PIECE = 12  # steps that are followed at once
GAUSSIAN = "N(0, I) of this size"
_READINGS = {"SW1": "sw1", "PER": "per", "variance": "variance", "excess kurtosis": "kurtosis"}
_OWN_READINGS = {"modes": "modes", "batch variances": "batch_variances"}


@dataclass(frozen=True, slots=True)
class Pull:
    """How regularisers are followed: chosen once for all of them."""

    strength: float
    steps: int
    left: str


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """One flow that has been followed: every kept batch and what happened on the way."""

    spec: "FlowSpec"
    start: "FlowStart"
    frames: NDArray[np.float32]
    readings: "FlowReadings"


def choose_pull() -> Pull:
    """The controls that all regularisers share."""
    left, middle, right = st.columns([2, 2, 1])
    end = one_of(
        "What a regulariser leaves",
        [WITH_TASK, ALONE],
        WITH_TASK,
        key="methods_left",
        hint=method_words.HELP_LEFT,
        place=left,
    )
    strength = middle.slider(
        "Strength against the task",
        0.1,
        4.0,
        1.0,
        0.1,
        key="methods_strength",
        bind="query-params",
        help=method_words.HELP_STRENGTH,
    )
    steps = right.select_slider("Steps", STEPS, value=120, key="methods_steps", bind="query-params")
    return Pull(strength, steps, end)


def follow_method(batch: ActivationBatch, chosen: ChosenMethod, pull: Pull) -> dict[str, Flow]:
    """The flows of a regulariser alone and with the task, with progress where they are new."""
    from analysis.methods.flow import FlowSpec

    flows = {}
    for name, strength in ((ALONE, None), (WITH_TASK, pull.strength)):
        spec = FlowSpec(chosen.method.key, chosen.parameters, strength, pull.steps)
        flows[name] = _follow(batch, spec, f"{chosen.method.short} {name}")
    return flows


def _follow(batch: ActivationBatch, spec: "FlowSpec", name: str) -> Flow:
    from analysis.methods.flow import start_flow

    pieces = in_chunks(
        spec.steps // PIECE,
        1,
        lambda piece, _: caches.shared(follow_piece, batch, spec, piece),
        f"Following {name}, in pieces of {PIECE} steps",
    )
    start = caches.shared(start_flow, batch, spec)
    frames = np.concatenate([start.rows[None], *pieces])
    return Flow(spec, start, frames, caches.result(read_flow, batch, spec))


def follow_piece(batch: ActivationBatch, spec: "FlowSpec", piece: int) -> NDArray[np.float32]:
    """The batches of one piece of a flow, counted from 1; the pieces before it are followed first."""
    from analysis.methods.flow import follow, start_flow

    start = caches.shared(start_flow, batch, spec)
    rows = start.rows if piece == 1 else caches.shared(follow_piece, batch, spec, piece - 1)[-1]
    return follow(start, rows, spec, (piece - 1) * PIECE + 1, PIECE)


def read_flow(batch: ActivationBatch, spec: "FlowSpec") -> "FlowReadings":
    """What happens to a batch on its way along a flow."""
    from analysis.methods.flow import read_frames, start_flow

    pieces = [caches.shared(follow_piece, batch, spec, piece) for piece in range(1, spec.steps // PIECE + 1)]
    return read_frames(np.concatenate([caches.shared(start_flow, batch, spec).rows[None], *pieces]))


def show_flow(
    batch: ActivationBatch,
    onto: ActivationBatch,
    pair: AxisPair,
    chosen: ChosenMethod,
    flows: dict[str, Flow],
) -> None:
    """The field, both flows and the curves over the steps."""
    from analysis.methods.flow import EVERY, FlowStatistics

    method = chosen.method
    st.markdown(f"**{method.short}: where its gradient leads**")
    axes = density.pair_axes(onto, pair)
    clouds = {name: flow.frames @ axes.T for name, flow in flows.items()}
    limits = density.robust_limits(np.concatenate([c[:: max(1, len(c) // 4)].reshape(-1) for c in clouds.values()]))
    own = {title: field for title, field in _OWN_READINGS.items() if field in method.judged_by}
    wanted = _READINGS | own
    gaussian = null_bands(FlowStatistics(), batch.n, batch.d)
    courses = {
        name: Course(
            clouds[name],
            [density.joint_density(*cloud.T, limits=limits) for cloud in clouds[name]],
            {title: getattr(flow.readings, field) for title, field in wanted.items()},
        )
        for name, flow in flows.items()
    }
    alone, task = flows[ALONE], flows[WITH_TASK]
    ends = " and ".join(f"{flow.readings.sw1[-1]:.3f} {name}" for name, flow in flows.items())
    show_chart(
        flow_panels(
            clouds[ALONE][0],
            alone.start.pull @ axes.T,
            courses,
            {title: Reference(gaussian[field].low, gaussian[field].high, GAUSSIAN) for title, field in wanted.items()},
            range(0, alone.spec.steps + 1, EVERY),
            limits=limits,
            units=axis_names(pair, batch.d),
        ),
        key=f"methods_flow_{method.key}",
        height=560,
        aspect=0.62,
        alt=f"The flow of {method.title} takes SW1 from {alone.readings.sw1[0]:.3f} to {ends}.",
        about=method_words.about_flow(method.short, alone.start, task.start, batch.n, batch.d),
    )
    if method.period is not None:
        show_radial_pull(alone.spec, method.period(**dict(alone.spec.parameters)))
    if alone.start.is_still:
        return
    if method.judged_by:
        for name, flow in flows.items():
            text = method_words.own_aim(f"{method.short} {name}", method.judged_by, flow.readings, gaussian)
            st.markdown(text)
        said = []
    else:
        said = [method_words.where_it_leads(name, flow.readings, gaussian) for name, flow in flows.items()]
    st.markdown(" ".join([*said, method.lesson]))


def show_radial_pull(spec: "FlowSpec", period: float) -> None:
    """How hard one row is pulled at distances beyond those of the field, where it repeats."""
    from analysis.methods.flow import pull_along

    distances = np.linspace(0, max(12.0, min(1.2 * period, 45.0)), 121)
    pull = pull_along(spec, distances)
    show_chart(
        radial_pull(distances, pull),
        key=f"methods_radial_{spec.method}",
        height=260,
        alt=f"The pull on one row over its distance from 0; it repeats after {period:.3g}.",
        about=method_words.RADIAL_PULL.format(period=period),
    )
