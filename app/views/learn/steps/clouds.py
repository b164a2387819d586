"""Step 1: four clouds with mean 0 and variance 1, and what batch normalisation sees of them."""

import math
from dataclasses import replace
from functools import partial

from analysis.distances.batch_statistics import BatchStatistics
from analysis.fields import Range
from analysis.lesson.clouds import FourClouds, SeenCloud, see_clouds
from analysis.samples import CASE_TITLES, SampleSpec
from app.charts.chart import show_chart
from app.charts.clouds import Circle, cloud_panels
from app.session import caches
from app.session.batch_fields import DEFAULT, sample_query
from app.session.fields import Field, Slider, Values
from app.session.null_bands import null_bands
from app.text.language import _, translated
from app.views.learn.cloud import cloud_density
from app.views.learn.step import Onward, Options, Step
from per_core.text import N_


def spec_of(values: Values) -> SampleSpec:
    """What the clouds are drawn by."""
    return replace(DEFAULT, n=2048, rho=values["rho"], scale=values["scale"])


def _fields() -> tuple[Field[float], ...]:
    tilt = Slider(
        path="rho",
        key="learn_clouds_rho",
        label=_("Correlation of cloud (b)"),
        default=0.7,
        range=Range(-0.95, 0.95),
        step=0.05,
    )
    scale = Slider(
        path="scale",
        key="learn_clouds_scale",
        label=_("Scale of all four"),
        default=1.0,
        range=Range(0.5, 1.5),
        step=0.25,
    )
    return tilt, scale


def _see(values: Values) -> FourClouds:
    spec = spec_of(values)
    return caches.shared(see_clouds, spec, null_bands(BatchStatistics(), spec.n, spec.dim))


def _ask(seen: FourClouds) -> Options:
    means = [abs(mean) for cloud in seen.clouds.values() for mean in cloud.means]
    variances = [variance for cloud in seen.clouds.values() for variance in cloud.variances]
    if seen.changed:
        because = _(
            "The variances lie between {low:.2f} and {high:.2f}; those of 999 Gaussian batches of this size lie between"
            " {least:.2f} and {most:.2f}."
        ).format(low=min(variances), high=max(variances), least=seen.variances.low, most=seen.variances.high)
    else:
        because = _(
            "All means lie within {mean:.2f} of 0 and all variances within {variance:.2f} of 1, as those of Gaussian"
            " batches of this size do."
        ).format(mean=max(means), variance=max(abs(variance - 1) for variance in variances))
    return Options(
        text=_("Batch normalisation is given each of the four clouds. How many does it change?"),
        options={"none": _("none of them"), "one": _("one"), "some": _("two or three"), "all": _("all four")},
        right=("none", "one", "some", "some", "all")[seen.changed],
        because=because,
    )


def _show(seen: FourClouds, revealed: bool) -> None:
    titles = {case: f"({case}) {translated(CASE_TITLES[case])}" for case in seen.clouds}
    densities = {titles[case]: cloud_density(cloud.batch) for case, cloud in seen.clouds.items()}
    circles = {titles[case]: _circle(cloud) for case, cloud in seen.clouds.items()}
    notes = {titles[case]: _note(cloud) for case, cloud in seen.clouds.items()}
    show_chart(
        partial(cloud_panels, densities, circles=circles, notes=notes)
        if revealed
        else partial(cloud_panels, densities, notes={}),
        key="learn_clouds",
        height=330,
        alt=_("Four clouds of points: isotropic, correlated, skewed and bimodal."),
        about=_("Dashed: all that mean and variance say, two standard deviations around the mean.") if revealed else "",
    )


def _circle(cloud: SeenCloud) -> Circle:
    x, y = cloud.variances
    return Circle(cloud.means, (math.sqrt(x), math.sqrt(y)))


def _note(cloud: SeenCloud) -> str:
    left, right = (round(mean, 2) + 0.0 for mean in cloud.means)  # no -0.00
    means = _("means {x:.2f}, {y:.2f}").format(x=left, y=right)
    variances = _("variances {x:.2f}, {y:.2f}").format(x=cloud.variances[0], y=cloud.variances[1])
    return f"{means}<br>{variances}"


def _onward(values: Values) -> Onward:
    return Onward("distributions", _("The same four clouds with all statistics"), sample_query(spec_of(values)))


CLOUDS: Step[FourClouds] = Step(
    key="clouds",
    title=N_("What can batch normalisation see?"),
    invitation=N_("Tilt cloud (b), scale all four, and watch."),
    explanation=N_(
        "Batch normalisation reads one mean and one variance of each unit, and nothing else. At means 0 and variances 1"
        " it leaves every cloud as it is: tilted, skewed or with two modes. A changed scale it undoes in all four. Mean"
        " 0 and variance 1 do not make a distribution Gaussian."
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
