"""What Methods says first: which method removes most of the distance, what of it, and what the others do."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from app.charts.methods import PART_TITLES
from app.text.enumeration import enumerated
from app.text.language import _, ngettext, translated
from app.text.numbers import span
from per_core.method import MethodKind

if TYPE_CHECKING:
    from analysis.distances.decomposition import DistanceParts, Extent, Part, Removal


def methods_statement(present: "DistanceParts", removals: "Mapping[str, Removal]") -> str:
    """One statement of a batch with these parts and of what each method removes of them. Markdown."""
    from analysis.distances.decomposition import ALIKE, most_removed

    best = most_removed(removals)
    rest = {name: one.amount for name, one in removals.items()}
    if present.bands["floor"].side(present.sw1) != "above":
        said = [
            _(
                "**SW1 to N(0, I) is {sw1:.3f}, within the sampling range of {range}: there is nothing to remove.**"
            ).format(sw1=present.sw1, range=span(present.bands["floor"]))
        ]
        rest = {name: one.amount for name, one in removals.items() if one.is_away}
    elif not removals:  # none has ended yet, or all were refused
        said = [
            _("**SW1 to N(0, I) is {sw1:.3f}, {times:.1f} times the largest of Gaussian batches.**").format(
                sw1=present.sw1, times=present.bands["floor"].times(present.sw1)
            )
        ]
    elif not best:
        said = [
            _("**No method removes more than {share:.0%} of the distance of {sw1:.3f} to N(0, I).**").format(
                share=ALIKE, sw1=present.sw1
            )
        ]
    else:
        first = removals[best[0]]
        said = [_said_of_best(best, first, alone=len(removals) == 1), _said_of_rest(first)]
        rest = {name: amount for name, amount in rest.items() if name not in best}
    if rest:
        said.append(_said_of_others(rest))
    return " ".join(said)


def about_statement(present: "DistanceParts", kinds: Collection[MethodKind]) -> str:
    """What the figures of the statement are, where these kinds of methods are compared. Markdown."""
    said = [_("SW1 is the mean of W1 to N(0, 1) along 64 fixed directions.")]
    if "normaliser" in kinds:
        said.append(_("A normaliser maps the batch in one step."))
    if "regulariser" in kinds:
        said.append(_("A regulariser moves its first rows along its gradient; the figure is that of the end."))
    said.append(
        _(
            "All of a part is removed where what is left lies within the range of {draws} Gaussian batches of this"
            " size. The sampling range of SW1 is {range}."
        ).format(draws=present.bands["floor"].draws, range=span(present.bands["floor"]))
    )
    return " ".join(said)


def _said_of_best(names: Sequence[str], removal: "Removal", *, alone: bool) -> str:
    """How much the best methods remove, and of which parts."""
    if alone:
        text = _("**{methods} removes {amount:.3f} of the distance of {sw1:.3f} to N(0, I){extents}.**")
    else:
        text = ngettext(
            "**{methods} removes the most, {amount:.3f} of the distance of {sw1:.3f} to N(0, I){extents}.**",
            "**{methods} remove the most, {amount:.3f} of the distance of {sw1:.3f} to N(0, I){extents}.**",
            len(names),
        )
    extents = _extents(removal.extents)
    return text.format(
        methods=enumerated(names),
        amount=removal.amount,
        sw1=removal.before.sw1,
        extents=f": {extents}" if extents else "",
    )


def _extents(extents: "Mapping[Part, Extent]") -> str:
    """As in "all of the location and scale, none of the shape"."""
    texts = {
        "all": _("all of the {parts}"),
        "some": _("some of the {parts}"),
        "none": _("none of the {parts}"),
        "more": _("adding to the {parts}"),
    }
    said = []
    for extent, text in texts.items():
        parts = [translated(PART_TITLES[part]) for part, own in extents.items() if own == extent]
        if parts:
            said.append(text.format(parts=enumerated(parts)))
    return ", ".join(said)


def _said_of_rest(removal: "Removal") -> str:
    """What is left of the distance, beside Gaussian batches."""
    if removal.is_away:
        left = removal.after.sw1
        return _("What is left, {left:.3f}, is {times:.1f} times the largest of Gaussian batches.").format(
            left=left, times=removal.after.bands["floor"].times(left)
        )
    return _("What is left cannot be told from N(0, I).")


def _said_of_others(amounts: Mapping[str, float]) -> str:
    """How much the other methods remove or add."""
    said = []
    for name, amount in amounts.items():
        text = _("{method} removes {amount:.3f}") if amount >= 0 else _("{method} adds {amount:.3f}")
        said.append(text.format(method=name, amount=abs(amount)))
    return f"{enumerated(said)}."
