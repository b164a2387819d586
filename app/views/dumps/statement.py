"""What Dumps says first: the layer that is furthest from N(0, I), and the layer that has the first warning."""

from collections.abc import Sequence

from analysis.survey.cell import Epoch
from analysis.survey.furthest import FurthestLayer, furthest_cell
from analysis.survey.overview import Overview
from analysis.survey.sentences import warning_title
from analysis.survey.warnings import ListedWarning, unjudged
from app.text.language import _, ngettext, visitor_texts
from app.text.plain import escaped


def dump_statement(found: Overview, warnings: Sequence[ListedWarning]) -> str:
    """One statement of a dump and of the warnings about its layers, the first of them first. Markdown."""
    furthest = furthest_cell(found)
    if furthest is None:
        said = [_("**No layer has rows of finite values: {layers} in all.**").format(layers=_layers(len(found.layers)))]
    else:
        said = [_said_of_furthest(furthest)]
    if warnings:
        said.append(_said_of_warnings(warnings, len(found.layers)))
    elif len(unjudged(found)) < len(found.layers):
        said.append(_("There is no warning about any layer."))
    return " ".join(said)


def about_statement() -> str:
    """What is compared. Markdown."""
    return _(
        "Layers of different sizes are compared by SW1 over the mean SW1 of Gaussian batches of as many rows, at any of"
        " their epochs. A warning is a reason to look: severe ones come first, then recent ones."
    )


def _said_of_furthest(furthest: FurthestLayer) -> str:
    text = _(
        "**{layer} is furthest from N(0, I){epoch}: SW1 is {sw1}, {times:,.0f} times the mean of Gaussian batches.**"
    )
    return text.format(
        layer=escaped(furthest.layer), epoch=_at(furthest.epoch), sw1=f"{furthest.sw1:.3g}", times=furthest.times
    )


def _said_of_warnings(warnings: Sequence[ListedWarning], layers: int) -> str:
    first, texts = warnings[0], visitor_texts()
    concerned = len({one.layer for one in warnings})
    text = ngettext(
        "{concerned} of {layers} has warnings, first {layer}: {kind}, {severity}{epoch}.",
        "{concerned} of {layers} have warnings, first {layer}: {kind}, {severity}{epoch}.",
        concerned,
    )
    return text.format(
        concerned=concerned,
        layers=_layers(layers),
        layer=escaped(first.layer),
        kind=warning_title(first.warning.kind, texts),
        severity=warning_title(first.warning.severity, texts),
        epoch=_from(first.epochs[0]),
    )


def _layers(count: int) -> str:
    return ngettext("{n:,} layer", "{n:,} layers", count).format(n=count)


def _at(epoch: Epoch) -> str:
    return "" if epoch is None else _(" at epoch {epoch}").format(epoch=epoch)


def _from(epoch: Epoch) -> str:
    return "" if epoch is None else _(", from epoch {epoch} on").format(epoch=epoch)
