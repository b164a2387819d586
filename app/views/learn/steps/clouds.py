"""Step 1: four clouds with mean 0 and variance 1, and what batch normalisation sees of them."""

from dataclasses import replace
from functools import partial

from analysis.fields import Range
from analysis.lesson.clouds import FourClouds, see_clouds
from analysis.samples import CASE_TITLES
from analysis.statistics.density import AxisPair, pair_density
from app.charts.chart import show_chart
from app.charts.joint import about_joint, joint_panels
from app.session import caches
from app.session.batch_fields import DEFAULT
from app.session.fields import Field, Slider, Values
from app.text.language import _, translated
from app.views.learn.step import Onward, Options, Step
from per_core.text import N_

AXES: AxisPair = ("units", 0, 1)


def _fields() -> tuple[Field[float], ...]:
    return (
        Slider(
            path="rho", key="learn_clouds_rho", label=_("Correlation of cloud (b)"), default=0.7, range=Range(-1.0, 1.0)
        ),
    )


def _see(values: Values) -> FourClouds:
    return caches.shared(see_clouds, replace(DEFAULT, n=2048, rho=values["rho"]))


def _ask(seen: FourClouds) -> Options:
    variances = [statistics["variance"] for statistics in seen.statistics.values()]
    return Options(
        text=_("Batch normalisation is given each cloud. Which does it change?"),
        options={
            "none": _("none of them"),
            "b": _("(b) only"),
            "cd": _("(c) and (d)"),
            "bcd": _("(b), (c) and (d)"),
        },
        right="none",
        because=_("All variances lie between {low:.2f} and {high:.2f}.").format(
            low=min(variances), high=max(variances)
        ),
    )


def _show(seen: FourClouds, _revealed: bool) -> None:
    densities = {
        f"({case}) {translated(CASE_TITLES[case])}": caches.shared(pair_density, batch, AXES, (-4.0, 4.0))
        for case, batch in seen.batches.items()
    }
    show_chart(
        partial(joint_panels, densities),
        key="learn_clouds",
        height=256,
        aspect=0.27,
        alt=_("Joint densities of four clouds: isotropic, correlated, skewed and bimodal."),
        about=about_joint(),
    )


def _onward(values: Values) -> Onward:
    return Onward("distributions", _("The same four clouds with all statistics"), {"data_rho": f"{values['rho']:g}"})


CLOUDS: Step[FourClouds] = Step(
    key="clouds",
    title=N_("What can batch normalisation see?"),
    invitation=N_("Tilt the second cloud, and look at the four."),
    explanation=N_(
        "Batch normalisation reads one mean and one variance of each unit. All four clouds have mean 0 and variance 1,"
        " so it leaves them as they are."
    ),
    misconception=N_("Mean 0 and variance 1 means Gaussian."),
    minutes=4,
    fields=_fields,
    see=_see,
    ask=_ask,
    show=_show,
    onward=_onward,
    wide=True,
)
