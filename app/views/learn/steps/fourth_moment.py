"""Step 3: the variances of small batches, the fourth moment, and where VCL leads."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from analysis.distances.batch_statistics import BatchStatistics
from analysis.fields import Range
from analysis.lesson.fourth_moment import FourthMoment, see_fourth_moment
from analysis.samples import SampleSpec, draw
from analysis.statistics.density import unit_density
from app.charts.batch_variances import density_and_variances
from app.charts.chart import show_chart
from app.session import caches
from app.session.batch_fields import DEFAULT, sample_query
from app.session.fields import Field, Slider, Values
from app.session.null_bands import null_bands
from app.text.language import _, ngettext
from app.views.learn.step import Onward, Options, Step
from app.views.learn.steps.whitening import UNMOVED
from per_core.methods import find_method
from per_core.text import N_

WIDTH = 0.4  # of each mode, before the unit is standardised


def spec_of(values: Values) -> SampleSpec:
    """What the unit is drawn by: two modes of one width, then standardised."""
    half = values["distance"] / 2
    modes = {"left_mean": -half, "right_mean": half, "left_sd": WIDTH, "right_sd": WIDTH}
    return replace(DEFAULT, case="d", left_weight=values["share"], **modes)


def _fields() -> tuple[Field[Any], ...]:
    distance = Slider(
        path="distance",
        key="learn_vcl_distance",
        label=_("Distance of the modes, before standardising"),
        default=1.0,
        range=Range(0, 4),
        step=0.25,
    )
    share = Slider(
        path="share",
        key="learn_vcl_share",
        label=_("Share of the left mode"),
        default=0.5,
        range=Range(0.05, 0.95),
        step=0.05,
    )
    return distance, share


def _see(values: Values) -> FourthMoment:
    batch = caches.shared(draw, spec_of(values))
    band = null_bands(BatchStatistics(), batch.n, batch.d)["batch_variances"]
    return caches.shared(see_fourth_moment, batch, band)


def _ask(seen: FourthMoment) -> Options:
    modes = ngettext(
        "The unit has {modes} mode and excess kurtosis {kurtosis:.2f}.",
        "The unit has {modes} modes and excess kurtosis {kurtosis:.2f}.",
        seen.modes,
    )
    return Options(
        text=_(
            "VCL, the variance constancy loss, wants the variances of batches of five samples alike. How much do those"
            " of this unit differ?"
        ),
        options={
            "less": _("less than those of N(0, 1)"),
            "same": _("as much as those of N(0, 1), within chance"),
            "more": _("more than those of N(0, 1)"),
        },
        right=seen.verdict,
        because=_(
            "The variance of the batch variances is {spread:.2f}; under N(0, 1) it is between {low:.2f} and {high:.2f}."
        ).format(spread=seen.spread, low=seen.gaussian.low, high=seen.gaussian.high)
        + " "
        + modes.format(modes=seen.modes, kurtosis=seen.kurtosis),
    )


def _show(seen: FourthMoment, revealed: bool) -> None:
    spread = _("variances of batches of five: variance {spread:.2f}").format(spread=seen.spread)
    titles = (
        _("variance 1, excess kurtosis {kurtosis:.2f}").format(kurtosis=seen.kurtosis)
        if revealed
        else _("a unit of variance 1"),
        spread if revealed else _("variances of batches of five"),
    )
    show_chart(
        partial(
            density_and_variances,
            *unit_density(seen.values, points=161),
            seen.variances if revealed else np.empty(0),
            titles=titles,
        ),
        key="learn_vcl",
        height=340,
        alt=_("The density of a unit with up to two modes, and the variances of its batches of five samples."),
    )


def _onward(values: Values) -> Onward:
    vcl = find_method("vcl").short
    return Onward(
        "methods",
        _("Where {method} takes this unit").format(method=vcl),
        {"methods_chosen": vcl, **UNMOVED, **sample_query(spec_of(values))},
    )


FOURTH_MOMENT: Step[FourthMoment] = Step(
    key="vcl",
    title=N_("Where does VCL drive a unit?"),
    invitation=N_("Pull the two modes apart, and make one of them smaller."),
    explanation=N_(
        "For batches of five the variances have variance 1/2 + κ/5, with κ the excess kurtosis, a fourth moment. It is"
        " smallest for two equal, narrow modes. VCL drives a unit towards such modes, not towards a Gaussian."
    ),
    misconception=N_("A loss that keeps the variance constant makes a unit Gaussian."),
    minutes=5,
    fields=_fields,
    see=_see,
    ask=_ask,
    show=_show,
    onward=_onward,
    wide=True,
)
