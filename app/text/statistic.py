"""The statistics of the tables: what each is called, what it is, which methods act on it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.text.language import _
from per_core.text import N_

if TYPE_CHECKING:
    from analysis.distances.batch_statistics import Key


@dataclass(frozen=True, slots=True)
class Statistic:
    """What a page says of one statistic, to be translated where it is shown.

    Attributes:
        title: its name.
        about: what it is and what to make of it, in two sentences at most.
        precise: what else there is to say, on request.
    """

    title: str
    about: str
    precise: str = ""


STATISTICS: "dict[Key, Statistic]" = {
    "mean": Statistic(
        N_("Mean"),
        N_("The unit whose mean is furthest from 0. BN sees the mean and the variance of single units only."),
    ),
    "variance": Statistic(
        N_("Variance"),
        N_("The unit whose variance is furthest from 1. BN sees the mean and the variance of single units only."),
        N_(
            "The variance of a sample scatters more under a heavy tail than under a Gaussian. A batch such as (c), of"
            " variance 1 in population, therefore leaves the range now and then: try another seed."
        ),
    ),
    "correlation": Statistic(
        N_("Correlation"),
        N_("The pair of units whose correlation is furthest from 0. DBN removes it, and sees nothing beyond it."),
    ),
    "batch_variances": Statistic(
        N_("Variance of batch variances"),
        N_("How much the variance of 5 samples varies from one such batch to the next. VCL lowers it."),
        N_("Shown is the unit furthest from 1/2, the value of N(0, 1). It grows with the kurtosis."),
    ),
    "per": Statistic(
        "PER",
        N_("1.128 at N(0, I), 0.798 at collapse. A lower PER is not a more Gaussian batch."),
        N_("The exact expectation of the penalty over all directions."),
    ),
    "sw1": Statistic(
        N_("SW1, exact"),
        N_("The sliced Wasserstein-1 distance to N(0, I). Only N(0, I) has distance 0."),
        N_(
            "The mean of W1 to N(0, 1) along 64 fixed directions, exact along each. In population and over all"
            " directions it is 0 for N(0, I) alone."
        ),
    ),
    "skewness": Statistic(N_("Skewness"), N_("The unit whose skewness is furthest from 0, the value of N(0, 1).")),
    "kurtosis": Statistic(
        N_("Excess kurtosis"),
        N_("The unit whose excess kurtosis is furthest from 0, the value of N(0, 1)."),
    ),
    "modes": Statistic(
        N_("Modes"),
        N_("The unit that has most modes. A mode counts where it exceeds the sampling noise of a kernel density."),
    ),
}


def seen_by(key: "Key") -> str:
    """Which methods of the registry act on a statistic."""
    from per_core.methods import list_methods

    directly = [method.short for method in list_methods() if key in method.sees]
    if directly:
        return ", ".join(directly)
    indirectly = [method.short for method in list_methods() if key in method.judged_by]
    if indirectly:
        return _("{methods}, indirectly").format(methods=", ".join(indirectly))
    return _("the distance itself") if key == "sw1" else _("none directly")
