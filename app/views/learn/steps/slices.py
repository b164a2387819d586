"""Step 5: many one-dimensional distances, and their mean."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from analysis.fields import Range
from analysis.samples import CASE_TITLES, CASES, Case, SampleSpec, draw
from analysis.statistics.density import unit_density
from app.charts.chart import show_chart
from app.charts.slices import AllDirections, slice_panels
from app.session import caches
from app.session.batch_fields import DEFAULT, sample_query
from app.session.fields import Field, OneOf, Slider, Values
from app.text.language import _, translated
from app.views.learn.cloud import LIMITS, cloud_density
from app.views.learn.step import Onward, Options, Step
from per_core.text import N_

if TYPE_CHECKING:
    from analysis.lesson.slices import Slices

SeenSlices = tuple["Slices", Case, int]  # the cloud, its case, and the direction in degrees


def spec_of(values: Values) -> SampleSpec:
    """What the cloud is drawn by."""
    return replace(DEFAULT, case=values["case"])


def _fields() -> tuple[Field[Any], ...]:
    case = OneOf(
        path="case",
        key="learn_slices_case",
        label=_("Cloud"),
        default="b",
        options=CASES,
        show=lambda case: f"({case})",
        look="buttons",
    )
    direction = Slider(
        path="degrees",
        key="learn_slices_degrees",
        label=_("Direction"),
        default=20.0,
        range=Range(0, 175),
        step=5.0,
        form="%d°",
    )
    return case, direction


def _see(values: Values) -> "SeenSlices":
    from analysis.lesson.slices import see_slices  # brings torch

    slices = caches.shared(see_slices, caches.shared(draw, spec_of(values)))
    return slices, values["case"], round(values["degrees"])


def _ask(seen: "SeenSlices") -> Options:
    from analysis.lesson.slices import CLOSE, FAR

    slices = seen[0]
    return Options(
        text=_("SW1 is the mean of W1 over all directions. How far from it is the mean of six random slices, usually?"),
        options={
            "close": _("by less than {low}").format(low=CLOSE),
            "near": _("by {low} to {high}").format(low=CLOSE, high=FAR),
            "far": _("by more than {high}").format(high=FAR),
        },
        right=slices.verdict,
        because=_(
            "SW1 is {sw1:.3f}. The mean of six random slices is off by {random:.2g} (root mean square), that of six"
            " evenly spaced ones by {even:.1g}."
        ).format(sw1=slices.sw1, random=slices.random, even=slices.even),
    )


def _show(seen: "SeenSlices", revealed: bool) -> None:
    from analysis.lesson.slices import FEW

    slices, case, degrees = seen
    w1 = float(slices.w1[degrees])
    titles = (
        f"({case}) {translated(CASE_TITLES[case])}",
        _("slice at {degrees}°: W1 = {w1:.3f}").format(degrees=degrees, w1=w1),
        _("W1 over the direction"),
    )
    hidden = AllDirections(slices.w1.astype("float32"), slices.sw1, slices.random, FEW)
    show_chart(
        partial(
            slice_panels,
            cloud_density(slices.batch),
            unit_density(slices.along(degrees), limits=LIMITS)[1],
            degrees,
            w1,
            max(0.1, 1.15 * float(slices.w1.max())),
            titles,
            hidden if revealed else None,
        ),
        key="learn_slices",
        height=340,
        alt=_("A cloud with a direction at {degrees}°, the density of its slice, and W1 over the direction.").format(
            degrees=degrees
        ),
    )


def _onward(values: Values) -> Onward:
    return Onward("bound", _("All directions of the same cloud"), sample_query(spec_of(values)))


SLICES: "Step[SeenSlices]" = Step(
    key="slices",
    title=N_("What does a slice say of a cloud?"),
    invitation=N_("Turn the direction, and watch the distance W1 of the slice."),
    explanation=N_(
        "SW1 is the mean of W1 over all directions, a number of the batch alone. Random slices only estimate it: their"
        " mean scatters around it, which is noise and no information. More slices scatter less; where all slices are"
        " alike, any will do."
    ),
    misconception=N_("Random slices add information."),
    minutes=5,
    fields=_fields,
    see=_see,
    ask=_ask,
    show=_show,
    onward=_onward,
    wide=True,
)
