"""What Bound says first: SW1 and PER of the batch, each beside what Gaussian batches of its size have."""

from typing import TYPE_CHECKING

from app.text.language import _
from app.text.numbers import by_chance, span

if TYPE_CHECKING:
    from analysis.distances.bound import BoundReading
    from analysis.statistics.null_band import NullBand


def bound_statement(reading: "BoundReading", sw1: "NullBand", per: "NullBand") -> str:
    """One statement of a reading and of the ranges that Gaussian batches have. Markdown."""
    distances = {
        "above": _(
            "**SW1 is {sw1:.3f}, {times:.1f} times the largest of Gaussian batches: the batch differs from N(0, I).**"
        ),
        "within": _("**SW1 is {sw1:.3f}, in the sampling range {range}: the batch cannot be told from N(0, I).**"),
        "below": _("**SW1 is {sw1:.3f}, below the sampling range {range}: samples of N(0, I) are further away.**"),
    }
    bounds = {
        "above": _("PER, the bound, is {gap:.3f} higher and above its range: larger norms."),
        "within": _("PER, the bound, is {gap:.3f} higher and in its range, which does not make the batch Gaussian."),
        "below": _(
            "PER, the bound, is {gap:.3f} higher and below its range: smaller or more unequal norms, not a more"
            " Gaussian batch."
        ),
    }
    distance = distances[sw1.side(reading.sw1)].format(sw1=reading.sw1, times=sw1.times(reading.sw1), range=span(sw1))
    bound = bounds[per.side(reading.per)].format(gap=reading.gap)
    if round(reading.gap, 3) <= 0:  # only a point mass has none
        bound = _("PER, the bound, is as large: all rows are one point.")
    return f"{distance} {bound}"


def about_statement(sw1: "NullBand", per: "NullBand") -> str:
    """What the ranges of the statement are. Markdown."""
    return _(
        "PER bounds SW1, the sliced Wasserstein-1 distance to N(0, I), from above. It is smallest at collapse, not at"
        " N(0, I). The ranges, {sw1} and {per}, are those of {draws} Gaussian batches of this size; such a batch leaves"
        " each {by_chance}."
    ).format(sw1=span(sw1), per=span(per), draws=sw1.draws, by_chance=by_chance(sw1.draws))
