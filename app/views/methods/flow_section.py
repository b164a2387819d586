"""Flows on the Methods page: how regularisers are followed, and on request one flow, watched in the browser."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from analysis.batch import ActivationBatch
from analysis.statistics import density
from analysis.statistics.density import AxisPair
from app.charts.chart import show_chart
from app.charts.flow import ALONE, READINGS, WITH_TASK, Trajectory, flow_panels, radial_pull
from app.sections.pair import axis_names
from app.session import caches
from app.session.controls import one_of
from app.session.null_bands import null_bands
from app.session.progress import in_chunks
from app.text.language import _, ngettext, translated
from app.text.numbers import number, span
from app.views.methods.method_choice import ChosenMethod
from per_core.method import Method
from per_core.text import N_

if TYPE_CHECKING:
    from analysis.distances.batch_statistics import Key
    from analysis.methods.flow import FlowPath, FlowSpec
    from analysis.statistics.null_band import NullBand

STEPS = [60, 120, 240]
SAME = 0.9995  # a cosine that is shown as 1.00
COMMON: "tuple[Key, ...]" = ("sw1", "per", "variance", "kurtosis")  # of every flow; others as it is judged by
READING_TITLES: "dict[Key, str]" = {
    "sw1": "SW1",
    "per": "PER",
    "variance": N_("Variance, mean over the units"),
    "kurtosis": N_("Excess kurtosis, mean over the units"),
    "modes": N_("Modes of the unit that has most"),
    "batch_variances": N_("Variance of batch variances, relative to the squared variance"),
}
ENDS = {
    ALONE: N_("Alone, SW1 goes from {start:.3f} to {end:.3f}, {verdict}."),
    WITH_TASK: N_("With the task, SW1 goes from {start:.3f} to {end:.3f}, {verdict}."),
}
ENDS_OF_OWN_AIM = {
    ALONE: N_("Alone, the {reading} goes from {first} to {last}, and SW1 from {start:.3f} to {end:.3f}, {verdict}."),
    WITH_TASK: N_(
        "With the task, the {reading} goes from {first} to {last}, and SW1 from {start:.3f} to {end:.3f}, {verdict}."
    ),
}


@dataclass(frozen=True, slots=True)
class FlowSettings:
    """How regularisers are followed: chosen once for all of them."""

    strength: float
    steps: int
    end: str

    def spec(self, chosen: ChosenMethod, name: str) -> "FlowSpec":
        """What is followed of a regulariser: `ALONE` or `WITH_TASK`."""
        from analysis.methods.flow import FlowSpec

        strength = self.strength if name == WITH_TASK else None
        return FlowSpec(chosen.method.key, chosen.parameters, strength, self.steps)


def choose_flow() -> FlowSettings:
    """The controls that all regularisers share."""
    left, middle, right = st.columns([2, 2, 1])
    end = one_of(
        _("Where a regulariser ends"),
        [WITH_TASK, ALONE],
        WITH_TASK,
        key="methods_left",
        show=translated,
        hint=_(
            "Training never has a regulariser alone. The task here holds every row where it was: it minimises mean"
            " ‖h − h0‖² / 2 + λ · regulariser."
        ),
        place=left,
    )
    strength = middle.slider(
        _("Strength against the task"),
        0.1,
        4.0,
        1.0,
        0.1,
        key="methods_strength",
        bind="query-params",
        help=_(
            "At 1, the regulariser pulls at the start with the root mean square √d, as the task does on a row that was"
            " moved by √d. λ itself stands under each flow."
        ),
    )
    steps = right.select_slider(_("Steps"), STEPS, value=120, key="methods_steps", bind="query-params")
    return FlowSettings(strength, steps, end)


def show_flow(
    batch: ActivationBatch, onto: ActivationBatch, pair: AxisPair, chosen: ChosenMethod, settings: FlowSettings
) -> None:
    """The field, both flows and the curves over the steps."""
    from analysis.methods.flow import EVERY, FlowStatistics, watch_flow

    method = chosen.method
    st.markdown(translated(method.lesson))
    specs = {name: settings.spec(chosen, name) for name in (ALONE, WITH_TASK)}
    names = list(specs)
    paths = in_chunks(
        len(names),
        1,
        lambda first, _count: caches.computed(watch_flow, batch, specs[names[first - 1]]),
        _("Flows of {method}").format(method=method.short),
    )
    flows = dict(zip(names, paths, strict=True))
    axes = density.pair_axes(onto, pair)
    clouds = {name: flow.frames @ axes.T for name, flow in flows.items()}
    limits = density.robust_limits(np.concatenate([c[:: max(1, len(c) // 4)].reshape(-1) for c in clouds.values()]))
    wanted: list[Key] = list(dict.fromkeys([*COMMON, *method.judged_by]))
    gaussian = null_bands(FlowStatistics(), batch.n, batch.d)
    trajectories = {}
    for name, flow in flows.items():
        along_x = [density.unit_density(cloud[:, 0], limits=limits) for cloud in clouds[name]]
        readings: dict[str, NDArray[np.float64]] = {key: getattr(flow.readings, key) for key in wanted}
        trajectories[name] = Trajectory(clouds[name], along_x[0][0], np.stack([one for _, one in along_x]), readings)
    alone, task = flows[ALONE], flows[WITH_TASK]
    show_chart(
        partial(
            flow_panels,
            clouds[ALONE][0],
            alone.start.pull @ axes.T,
            trajectories,
            gaussian,
            range(0, settings.steps + 1, EVERY),
            limits=limits,
            units=axis_names(pair, batch.d),
        ),
        key=f"methods_flow_{method.key}",
        height=560,
        aspect=0.62,
        alt=_(
            "The flow of {method} takes SW1 from {start:.3f} to {alone:.3f} alone and to {task:.3f} with the task."
        ).format(
            method=translated(method.title),
            start=alone.readings.sw1[0],
            alone=alone.readings.sw1[-1],
            task=task.readings.sw1[-1],
        ),
        about=_about(method, flows, gaussian),
        precise="" if alone.start.is_still else _precise(method, batch, settings, flows, gaussian, wanted),
    )
    if method.period is not None:
        show_radial_pull(specs[ALONE], method.period(**dict(chosen.parameters)))


def _about(method: Method, flows: "Mapping[str, FlowPath]", gaussian: "Mapping[str, NullBand]") -> str:
    """Where the flows end, judged by Gaussian batches of the same size."""
    if flows[ALONE].start.is_still:
        return _("The gradient of {method} is 0 at each of the {rows:,} rows, so nothing moves.").format(
            method=method.short, rows=len(flows[ALONE].start.rows)
        )
    said = []
    for name, flow in flows.items():
        sw1, band = flow.readings.sw1, gaussian["sw1"]
        if sw1[-1] > band.high:
            verdict = _("above the sampling range")
        else:
            verdict = _("within the sampling range") if sw1[-1] >= band.low else _("below the sampling range")
        first, last, reading = "", "", ""
        if method.judged_by:
            aim = method.judged_by[0]
            first, last = (number(getattr(flow.readings, aim)[at], aim) for at in (0, -1))
            reading = translated(READINGS[aim])
        text = translated((ENDS_OF_OWN_AIM if method.judged_by else ENDS)[name])
        said.append(text.format(start=sw1[0], end=sw1[-1], verdict=verdict, first=first, last=last, reading=reading))
    return " ".join(said)


def _precise(
    method: Method,
    batch: ActivationBatch,
    settings: FlowSettings,
    flows: "Mapping[str, FlowPath]",
    gaussian: "Mapping[str, NullBand]",
    wanted: "Sequence[Key]",
) -> str:
    """How the flows were followed, and every reading at their ends."""
    from analysis.methods.flow import FIRST_MOVE

    alone, task = flows[ALONE], flows[WITH_TASK]
    how = _(
        "{rows:,} rows follow the gradient of {method} for {steps} steps: alone, with the step size η = {step:.3g}"
        " times n, and with a task that holds each row where it was, λ = {weight:.3g}. η falls to 0 over the second"
        " half, and no step moves the rows by more than {largest:.0%} of √d (root mean square)."
    ).format(
        rows=batch.n,
        method=method.short,
        steps=settings.steps,
        step=alone.start.step,
        weight=task.start.weight,
        largest=2 * FIRST_MOVE,
    )
    arrows = [_("Arrows show the pull on single rows, the longest tenth cut.")]
    if alone.start.agreement < SAME:
        drawn = ngettext(
            "The gradient is drawn at random in each step, so part of what they show is noise: two independent"
            " gradients have a cosine of {agreement:.2f}.",
            "The gradient is the mean of {draws} random draws in each step, so part of what they show is noise: two"
            " independent gradients have a cosine of {agreement:.2f}.",
            alone.start.draws,
        )
        arrows.append(drawn.format(draws=alone.start.draws, agreement=alone.start.agreement))
    readings = [
        _("SW1 is read on 64 evenly spaced angles.")
        if batch.d == 2
        else _("SW1 is read on 64 fixed random directions; the picture shows two coordinates only."),
        _("The axis of the kurtosis is cut where a collapse takes it far away."),
    ]
    titles = [_("Reading"), _("first step"), _("last step alone"), _("last step with the task"), _("sampling range")]
    rows = [titles, ["---"] + ["---:"] * 4]
    for key in wanted:
        ends = alone.readings, alone.readings, task.readings
        values = [number(getattr(of, key)[at], key) for of, at in zip(ends, (0, -1, -1), strict=True)]
        rows.append([translated(READING_TITLES[key]), *values, span(gaussian[key], key)])
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows).replace(" … ", "\u00a0…\u00a0")
    detail = [translated(method.detail)] if method.detail else []
    return "\n\n".join([*detail, how, " ".join(arrows), " ".join(readings), table])


def show_radial_pull(spec: "FlowSpec", period: float) -> None:
    """How hard one row is pulled at distances beyond those of the field, where it repeats."""
    from analysis.methods.flow import pull_along

    distances = np.linspace(0, max(12.0, min(1.2 * period, 45.0)), 121)
    pull = pull_along(spec, distances)
    show_chart(
        partial(radial_pull, distances, pull),
        key=f"methods_radial_{spec.method}",
        height=260,
        alt=_("The pull on one row over its distance from 0; it repeats after {period:.3g}.").format(period=period),
        about=_(
            "The pull on one row at distance r: outward above 0, inward below 0. It repeats after {period:.3g}, so rows"
            " beyond half of that are attracted to {period:.3g} instead of 0."
        ).format(period=period),
    )
