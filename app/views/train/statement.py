"""What Train says first of a comparison: which layer of which network is furthest from N(0, I)."""

from collections.abc import Mapping

from analysis.survey.furthest import FurthestLayer
from app.text.enumeration import enumerated
from app.text.language import _
from app.text.plain import escaped


def train_statement(furthest: Mapping[str, FurthestLayer]) -> str:
    """One statement of the furthest layer of each network, by its name, which is fit for any place. Markdown."""
    if not furthest:
        return _("**No network has a finite layer in its last record.**")
    worst = max(furthest, key=lambda name: furthest[name].times)
    found = furthest[worst]
    said = [
        _(
            "At epoch {epoch}, **{layer} of {network} is furthest from N(0, I): SW1 is {sw1:.3f}, {times:.0f} times the"
            " mean of Gaussian batches.**"
        ).format(epoch=found.epoch, layer=escaped(found.layer), network=worst, sw1=found.sw1, times=found.times)
    ]
    others = [
        _("{layer} of {network} ({sw1:.3f})").format(layer=escaped(one.layer), network=name, sw1=one.sw1)
        for name, one in furthest.items()
        if name != worst
    ]
    if others:
        said.append(_("The furthest of the others: {layers}.").format(layers=enumerated(others)))
    return " ".join(said)


def about_statement() -> str:
    """What is compared. Markdown."""
    return _(
        "Networks that differ by one method only learn the same data, and their layers are recorded as they learn, as"
        " in Figure 2 of the paper. Initial weights, order of the data and dropout masks are the same in all networks"
        " of a comparison. Layers are recorded before training and after every epoch. Layers of different sizes are"
        " compared by SW1 over the mean SW1 of Gaussian batches of as many rows."
    )
