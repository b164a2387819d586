"""What PER has and SW1 has not, and the reverse: minima, parts, estimates, gradients and their cost."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from analysis.batch import ActivationBatch
from analysis.distances.bound import decompose, move_one, read_bound, scale_curve, slice_convergence
from app.charts import bound as figures
from app.charts.chart import show_chart
from app.session import caches
from app.session.controls import whole_number
from app.session.progress import in_chunks
from app.text.language import _

if TYPE_CHECKING:
    from analysis.distances.pot_distance import PotCheck

POT_GRIDS = (64, 256, 1024, 4096)
POT_SEEDS = 8
POT_SLICES = 16


def show_scale(batch: ActivationBatch, slices: int) -> None:
    """PER and SW1 of the scaled batch."""
    with st.skeleton(height=360):
        curve = caches.result(scale_curve, batch, slices=slices)
        per, sw1 = (float(curve.factors[int(np.argmin(y))]) for y in (curve.per, curve.sw1))
        show_chart(
            partial(figures.scale, curve, slices),
            key="bound_scale",
            height=360,
            about=_(
                "At c = 1 the batch is as it is. PER is smallest at collapse, c = {per:.1f}; SW1 at c = {sw1:.1f}."
            ).format(per=per, sw1=sw1),
            precise=_("PER and SW1 of the batch multiplied by c. Circles mark the smallest values."),
            alt=_("PER is smallest at c = {per:.1f}; SW1 at c = {sw1:.1f}.").format(per=per, sw1=sw1),
        )


def show_decomposition(batch: ActivationBatch, slices: int) -> None:
    """PER's three parts."""
    with st.skeleton(height=360):
        parts = caches.result(decompose, batch, slices=slices)
        show_chart(
            partial(figures.decomposition, parts),
            key="bound_parts",
            height=360,
            about=_("PER grows with the spread of the batch, which N(0, I) has and collapse has not."),
            precise=_(
                "PER on {slices} slices, {per:.4f}, is half the energy distance to N(0, I), plus half the spread of the"
                " batch, plus 1/√π. The parts are computed independently; their sum differs by {residual:.0e}."
            ).format(slices=slices, per=parts.per, residual=max(abs(parts.residual), 1e-16)),
            alt=_(
                "PER {per:.3f} is half the energy distance {energy:.3f} plus half the spread {spread:.3f} plus 0.564."
            ).format(per=parts.per, energy=parts.half_energy_distance, spread=parts.half_spread),
        )


def show_convergence(batch: ActivationBatch, slices: int) -> None:
    """Estimates against the number of slices."""
    with st.skeleton(height=360):
        curve = caches.computed(slice_convergence, batch)
        exact_per = caches.result(read_bound, batch, slices=slices).per
        show_chart(
            partial(figures.convergence, curve, exact_per),
            key="bound_convergence",
            height=360,
            about=_("From 32 slices on, control variates steady SW1. PER has a closed form that needs none (dotted)."),
            precise=_(
                "Estimates from the first k of 1,024 random directions, other ones than above, with 95 % intervals."
            ),
            alt=_("With {slices} slices SW1 is {sw1:.4f} and PER {per:.4f}; the exact PER is {exact:.4f}.").format(
                slices=curve.slices[-1], sw1=curve.sw1[-1], per=curve.per[-1], exact=exact_per
            ),
        )


def show_pot(batch: ActivationBatch) -> None:
    """POT beside the closed form."""
    from analysis.distances.pot_distance import check_by_pot, pot_against_sample

    with st.skeleton(height=360):
        checks = in_chunks(
            len(POT_GRIDS),
            1,
            lambda first, _count: caches.computed(check_by_pot, batch, slices=POT_SLICES, points=POT_GRIDS[first - 1]),
            _("POT with quantile grids"),
        )
        exact = checks[-1].exact
        grids = [check.by_pot for check in checks]
        sampled = in_chunks(
            POT_SEEDS,
            1,
            lambda first, _count: caches.computed(pot_against_sample, batch, slices=POT_SLICES, seed=first),
            _("POT with sampled references"),
        )
        about, precise = _said_of_pot(checks[-1], sampled)
        show_chart(
            partial(figures.pot_check, exact, sampled, grids, POT_SLICES),
            key="bound_pot",
            height=360,
            about=about,
            precise=precise,
            alt=_(
                "POT against sampled references gives {low:.4f} to {high:.4f}, the closed form {exact:.4f}, and against"
                " the finest quantile grid {grid:.4f}."
            ).format(low=min(sampled), high=max(sampled), exact=exact, grid=grids[-1].value),
        )


def _said_of_pot(finest: "PotCheck", sampled: Sequence[float]) -> tuple[str, str]:
    """What POT's numbers say, and how they are judged."""
    from per_core.interval import margin_of_error

    mean, spread = float(np.mean(sampled)), float(np.std(sampled, ddof=1))
    error = margin_of_error(spread / np.sqrt(len(sampled)), len(sampled))
    if finest.agrees:
        by_grid = _("POT with the finest grid agrees with the closed form.")
    else:
        by_grid = _("POT with the finest grid does NOT agree with the closed form.")
    if abs(mean - finest.exact) > error:
        by_sample = _("With a sampled reference it is off by {offset:+.4f} ± {error:.4f}.")
    else:
        by_sample = _("With a sampled reference no bias is seen: {offset:+.4f} ± {error:.4f}.")
    precise = _(
        "POT compares with a grid of quantiles of N(0, 1), here within {grid:.4f}, or with a sample of N(0, I), whose"
        " distance scatters by {spread:.4f} from seed to seed."
    )
    return (
        f"{by_grid} {by_sample.format(offset=mean - finest.exact, error=error)}",
        precise.format(grid=finest.by_pot.grid_error, spread=spread),
    )


def show_influence(batch: ActivationBatch) -> None:
    """Move one sample and see whose gradients change."""
    left, right = st.columns(2)
    sample = whole_number(_("Sample"), 1, batch.n, 1, key="bound_sample", place=left)
    distance = right.slider(
        _("Move it along the first unit by"), -8.0, 8.0, 3.0, 0.1, key="bound_move", bind="query-params"
    )
    with st.skeleton(height=360):
        effect = caches.result(move_one, batch, sample=sample - 1, distance=distance)
        counts = {"sw1": effect.sw1_changed, "per": effect.per_changed, "others": effect.others}
        show_chart(
            partial(figures.influence, effect),
            key="bound_influence",
            height=300,
            about=_("{sw1:,} of {others:,} SW1 gradients changed, and {per:,} of PER's.").format(**counts),
            precise=_(
                "How much the gradients of the other samples changed, most changed first. SW1 ranks the samples among"
                " each other. PER is a mean over samples, so it splits over batches and machines."
            ),
            alt=_(
                "Moving one sample changes the SW1 gradient of {sw1} of {others} other samples and the PER gradient of"
                " {per}."
            ).format(**counts),
        )


def show_cost(d: int) -> None:
    """What one gradient costs against n."""
    from analysis.distances.cost import REPEATS, SIZES, machine, time_gradients

    with st.skeleton(height=360):
        measured = in_chunks(
            len(SIZES),
            1,
            lambda first, _count: caches.result(time_gradients, SIZES[first - 1], d),
            _("Timing gradients on this machine"),
        )
        show_chart(
            partial(figures.cost, [timing for size in measured for timing in size]),
            key="bound_cost",
            height=376,
            about=_("Exact PER needs no slices; SW1 and Algorithm 1 use 256 here."),
            precise=_(
                "Median time of one gradient at d = {d}, with the range of {repeats} repeats, measured on this server"
                " ({machine})."
            ).format(d=d, repeats=REPEATS, machine=machine()),
            alt=_(
                "Milliseconds for one gradient of exact PER, of Algorithm 1 and of exact SW1 against the number of"
                " samples."
            ),
        )
