"""Step 7: what the bound hides. PER is smallest where all samples are 0, not where the batch is Gaussian."""

from dataclasses import dataclass, replace
from functools import partial

from analysis.fields import Range
from analysis.lesson.collapse import LARGEST, ScaledCloud, see_scaled
from analysis.samples import CASE_TITLES, CASES, Case, SampleSpec
from app.charts.chart import show_chart
from app.charts.collapse import collapse
from app.session import caches
from app.session.batch_fields import DEFAULT, sample_query
from app.session.fields import Field, OneOf, Slider, Values
from app.text.language import _, translated
from app.views.learn.step import Onward, Place, Step
from per_core.text import N_

STEP = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Scaled:
    """A cloud, and the factor that is looked at."""

    cloud: ScaledCloud
    factor: float


def _spec(values: Values) -> SampleSpec:
    """What the batch is drawn by, as the full pages draw it."""
    return replace(DEFAULT, case=values["case"], n=512, scale=values["scale"])


def _fields() -> tuple[Field[Case], Field[float]]:
    return (
        OneOf(
            path="case",
            key="learn_collapse_case",
            label=_("Cloud h"),
            default="a",
            options=CASES,
            show=_title,
            look="buttons",
        ),
        Slider(
            path="scale",
            key="learn_collapse_scale",
            label=_("Factor c"),
            default=1.0,
            range=Range(0.0, LARGEST),
            step=STEP,
        ),
    )


def _title(case: Case) -> str:
    return translated(CASE_TITLES[case])


def _see(values: Values) -> Scaled:
    return Scaled(caches.shared(see_scaled, replace(_spec(values), scale=1.0)), values["scale"])


def _ask(seen: Scaled) -> Place:
    cloud = seen.cloud
    per, sw1 = cloud.per_is_least_at, cloud.sw1_is_least_at
    return Place(
        text=_("Training may multiply the cloud by any factor c. At which c is PER smallest?"),
        low=0.0,
        high=LARGEST,
        step=STEP,
        right=per,
        tolerance=0.1,
        because=_(
            "PER is {least:.3f} at c = {per:g}, and {one:.3f} at c = 1. SW1, the distance to N(0, I), is smallest at"
            " c = {sw1:g}."
        ).format(least=cloud.per(per), per=per, one=cloud.per(1.0), sw1=sw1),
    )


def _show(seen: Scaled, revealed: bool) -> None:
    show_chart(
        partial(collapse, seen.cloud, seen.factor, revealed=revealed),
        key="learn_collapse",
        height=420,
        alt=_("PER falls to its minimum at c = {per:.2f}; SW1 is smallest at c = {sw1:.2f}.").format(
            per=seen.cloud.per_is_least_at, sw1=seen.cloud.sw1_is_least_at
        )
        if revealed
        else _("One unit of the cloud times {factor:.2f}, beside N(0, 1).").format(factor=seen.factor),
    )


def _onward(values: Values) -> Onward:
    return Onward("bound", _("The same cloud with PER, SW1 and the gap"), sample_query(_spec(values)))


COLLAPSE: Step[Scaled] = Step(
    key="collapse",
    title=N_("What the bound hides"),
    invitation=N_("Shrink and stretch the cloud, and compare it with N(0, 1)."),
    explanation=N_(
        "PER is smallest at c = 0, where every sample is 0: 0.798 there, 1.128 at N(0, I). So a lower PER does not mean"
        " more Gaussian. In training the task holds the network back: from zeros alone it learns nothing. Read PER"
        " beside SW1."
    ),
    misconception=N_("A lower regulariser value means more Gaussian."),
    minutes=5,
    fields=_fields,
    see=_see,
    ask=_ask,
    show=_show,
    onward=_onward,
)
