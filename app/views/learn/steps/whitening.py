"""Step 2: whitening removes correlation; dependence and shape are left."""

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from analysis.batch import ActivationBatch
from analysis.distances.batch_statistics import BatchStatistics
from analysis.drawing import DrawnSpec, draw_batch, shaped
from analysis.fields import Range
from analysis.samples import SampleSpec, draw
from analysis.statistics.density import unit_density
from app.charts.chart import show_chart
from app.charts.clouds import Part, cloud_and_parts
from app.session import caches
from app.session.batch_fields import DEFAULT, drawing_query, sample_query
from app.session.fields import Field, OneOf, Slider, Values
from app.session.keys import METHODS_SCALE, METHODS_SHIFT
from app.session.null_bands import null_bands
from app.text.language import _, translated
from app.views.learn.cloud import LIMITS, cloud_density
from app.views.learn.step import Onward, Options, Step
from per_core.methods import find_method
from per_core.text import N_

if TYPE_CHECKING:
    from analysis.lesson.whitening import Whitening

UNMOVED = {METHODS_SCALE: "1.0", METHODS_SHIFT: "0.0"}  # the batch on Methods as it is here
RING = "ring"
CLOUDS = ("b", "c", "d", RING)
_PARTS = (N_("where x is small"), N_("where x is medium"), N_("where x is large"))


def spec_of(values: Values) -> SampleSpec | DrawnSpec:
    """What the cloud is drawn by."""
    if values["cloud"] == RING:
        return DrawnSpec(shaped("cloud", "ring"), DEFAULT.n, DEFAULT.dim, DEFAULT.seed)
    return replace(DEFAULT, case=values["cloud"], rho=values.get("rho", DEFAULT.rho))


def _query(spec: SampleSpec | DrawnSpec) -> Mapping[str, str | list[str]]:
    return drawing_query(spec.drawing) if isinstance(spec, DrawnSpec) else sample_query(spec)


def _batch(spec: SampleSpec | DrawnSpec) -> ActivationBatch:
    return caches.shared(draw_batch, spec) if isinstance(spec, DrawnSpec) else caches.shared(draw, spec)


def _fields() -> tuple[Field[Any], ...]:
    cloud = OneOf(
        path="cloud",
        key="learn_whitening_cloud",
        label=_("Cloud"),
        default=RING,
        options=CLOUDS,
        show=lambda cloud: _("ring") if cloud == RING else f"({cloud})",
        look="buttons",
    )
    tilt = Slider(
        path="rho",
        key="learn_whitening_rho",
        label=_("Correlation"),
        default=0.7,
        range=Range(-0.95, 0.95),
        step=0.05,
        applies=lambda values: values["cloud"] == "b",
    )
    return cloud, tilt


def _see(values: Values) -> "Whitening":
    from analysis.lesson.whitening import see_whitening  # brings torch

    batch = _batch(spec_of(values))
    return caches.shared(see_whitening, batch, null_bands(BatchStatistics(), batch.n, batch.d)["sw1"])


def _ask(seen: "Whitening") -> Options:
    return Options(
        text=_("The whitened cloud has means 0, variances 1 and correlation 0. What else is true of x and y?"),
        options={
            "both": _("independent, and Gaussian"),
            "independent": _("independent, not Gaussian"),
            "neither": _("neither independent nor Gaussian"),
        },
        right=("both" if seen.normal else "independent") if seen.independent else "neither",
        because=_(
            "The three densities of y are up to {apart:.2f} apart; with y shuffled, at most {shuffled:.2f}."
            " The distance to N(0, I) is {distance:.3f}; Gaussian batches of this size reach {gaussian:.3f}."
        ).format(apart=seen.apart, shuffled=seen.shuffled.high, distance=seen.distance, gaussian=seen.gaussian.high),
    )


def _show(seen: "Whitening", revealed: bool) -> None:
    before, after = seen.correlations
    densities = {
        _("before: correlation {value:.2f}").format(value=round(before, 2) + 0.0): cloud_density(seen.before),
        _("whitened: correlation {value:.2f}").format(value=round(after, 2) + 0.0): cloud_density(seen.after),
    }
    show_chart(
        partial(cloud_and_parts, densities, _("y of the whitened cloud"), _parts(seen) if revealed else ()),
        key="learn_whitening",
        height=340,
        alt=_("A cloud of points before and after whitening, and the density of y for small, middling and large x."),
    )


def _parts(seen: "Whitening") -> list[Part]:
    """The density of y in each third of the cloud."""
    edges = pairwise((-math.inf, *seen.edges, math.inf))
    return [
        Part(translated(name), low, high, unit_density(values, limits=LIMITS)[1])
        for name, (low, high), values in zip(_PARTS, edges, seen.parts, strict=True)
    ]


def _onward(values: Values) -> Onward:
    dbn = find_method("dbn").short
    return Onward(
        "methods",
        _("The same cloud before and after {method}").format(method=dbn),
        {"methods_chosen": dbn, **UNMOVED, **_query(spec_of(values))},
    )


WHITENING: "Step[Whitening]" = Step(
    key="whitening",
    title=N_("What does whitening leave?"),
    invitation=N_("Choose a cloud: whitening turns and stretches it until the correlation is 0."),
    explanation=N_(
        "Correlation 0 says that no straight line predicts y from x. Any other dependence stays, as in a ring, and so"
        " does the shape of each unit. Whitening makes independent and Gaussian only what was Gaussian before."
    ),
    misconception=N_("Uncorrelated means independent; whitening makes a cloud Gaussian."),
    minutes=5,
    fields=_fields,
    see=_see,
    ask=_ask,
    show=_show,
    onward=_onward,
    wide=True,
)
