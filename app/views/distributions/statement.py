"""What Distributions says first: which of the batches differ from the null distribution, and by what."""

from typing import TYPE_CHECKING

from app.text.enumeration import enumerated
from app.text.language import _
from app.text.numbers import by_chance, span

if TYPE_CHECKING:
    from analysis.distances.distinction import ToldApart


def cases_statement(told: "ToldApart", null_name: str) -> str:
    """One statement of the cases of Figure 1 beside the null distribution. Markdown."""
    if told.by_moments:
        moments = _("Mean or variance, which BN sees, tells {batches} from {null}.")
    else:
        moments = _("Mean and variance, which BN sees, tell no case from {null}.")
    if told.by_distance:
        distance = _("**SW1 tells {batches}: {values}, outside the sampling range {range}.**")
    else:
        distance = _("**SW1 tells no case: all are in the sampling range {range}.**")
    return " ".join(
        [
            moments.format(batches=enumerated(told.by_moments), null=null_name),
            distance.format(
                batches=enumerated(list(told.by_distance)),
                values=enumerated([f"{value:.3f}" for value in told.by_distance.values()]),
                range=span(told.null),
            ),
        ]
    )


def layer_statement(told: "ToldApart", layer: str) -> str:
    """One statement of a layer beside N(0, I). Markdown."""
    sw1 = told.by_distance.get(layer)
    if sw1 is None:
        text = _("**By SW1, {layer} cannot be told from N(0, I): it is in the sampling range {range}.**")
        return text.format(layer=layer, range=span(told.null))
    if told.null.side(sw1) == "below":
        text = _(
            "**SW1 of {layer} is {sw1:.3f}, below the sampling range {range}: samples of N(0, I) are further away.**"
        )
        return text.format(layer=layer, sw1=sw1, range=span(told.null))
    text = _("**SW1 of {layer} to N(0, I) is {sw1:.3f}, {times:.1f} times the largest of Gaussian batches.**")
    return text.format(layer=layer, sw1=sw1, times=told.null.times(sw1))


def about_statement(told: "ToldApart", null_name: str) -> str:
    """What the sampling range is. Markdown."""
    draws = told.null.draws
    return _(
        "The sampling range is that of {draws} batches of {null} of this size. A batch of {null} leaves it {by_chance}."
        " SW1 is the mean of W1 to N(0, 1) along 64 fixed directions, exact along each."
    ).format(draws=draws, null=null_name, by_chance=by_chance(draws))
