"""The parts of a batch's distance to N(0, I), and what each method removes of them."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from analysis.batch import ActivationBatch
from app.charts.chart import show_chart
from app.charts.methods import PART_TITLES, removed_parts
from app.session import caches
from app.session.null_bands import null_bands
from app.text.enumeration import enumerated
from app.text.language import _, translated

if TYPE_CHECKING:
    from analysis.distances.decomposition import DistanceParts, Part, Removal

Mapped = Mapping[str, tuple[ActivationBatch, ActivationBatch]]


def decompose_batch(batch: ActivationBatch) -> "DistanceParts":
    """The parts of a batch's distance to N(0, I)."""
    from analysis.distances.decomposition import PartDistances, decompose_distance

    return caches.result(decompose_distance, batch, null_bands(PartDistances(), batch.n, batch.d))


def removals_of(mapped: Mapped) -> "dict[str, Removal]":
    """What each method removes of the distance. `mapped` holds batches before and after, by method."""
    from analysis.distances.decomposition import Removal

    return {name: Removal(decompose_batch(before), decompose_batch(after)) for name, (before, after) in mapped.items()}


def show_removed(batch: ActivationBatch, mapped: Mapped, *, key: str) -> None:
    """How much of each part of the distance each method removes, see `removals_of`."""
    present = decompose_batch(batch)
    removals = removals_of(mapped)
    removed = {name: one.parts for name, one in removals.items()}
    show_chart(
        partial(removed_parts, present, removed),
        key=key,
        height=360,
        alt=_alt(present, removed),
        about=_about(present, removed),
        precise="\n\n".join([_precise(present), *_of_first_rows(batch, mapped, removals)]),
    )


def _about(present: "DistanceParts", removed: "Mapping[str, Mapping[Part, float]]") -> str:
    """How large the distance is and what each method removes of it."""
    changes = []
    for name, parts in removed.items():
        total = sum(parts.values())
        text = _("{method} removes {amount:.3f}") if total >= 0 else _("{method} adds {amount:.3f}")
        changes.append(text.format(method=name, amount=abs(total)))
    distance = _("SW1 to N(0, I) is {sw1:.3f}, {ratio:.1f} times the sampling floor").format(
        sw1=present.sw1, ratio=present.sw1 / present.values["floor"]
    )
    notice = _("A bar that reaches the outline removes that part whole.")
    return f"{': '.join([distance, enumerated(changes)] if changes else [distance])}. {notice}"


def _precise(present: "DistanceParts") -> str:
    """What the parts, the floor and the grey ranges are."""
    return _(
        "The parts are removed in the order shown; another order divides the distance differently. The sampling floor"
        " is the mean of {draws} Gaussian batches of this size, and grey is the range of each part among them. A bar"
        " below 0 adds distance. A unit that never changes cannot be scaled: what it lacks counts as shape."
    ).format(draws=present.bands["floor"].draws)


def _of_first_rows(batch: ActivationBatch, mapped: Mapped, removals: "Mapping[str, Removal]") -> list[str]:
    """Which methods saw only the first rows of the batch, and what was there in those; nothing if none did."""
    names = [name for name, (before, _after) in mapped.items() if before.n < batch.n]
    if not names:
        return []
    rows, there = mapped[names[-1]][0], removals[names[-1]].before
    return [
        _(
            "The bars of {methods} are of the first {rows:,} rows, in which SW1 is {sw1:.3f} ({parts}); outline and"
            " grey are of the whole batch."
        ).format(methods=enumerated(names), rows=rows.n, sw1=there.sw1, parts=_listed(there.values))
    ]


def _alt(present: "DistanceParts", removed: "Mapping[str, Mapping[Part, float]]") -> str:
    """The takeaway in words."""
    whole = _("SW1 to N(0, I) is {sw1:.3f}: {parts}.").format(sw1=present.sw1, parts=_listed(present.values))
    each = [
        _("{method} removes {parts}.").format(
            method=name, parts=_listed({part: value for part, value in parts.items() if part != "floor"})
        )
        for name, parts in removed.items()
    ]
    return " ".join([whole, *each])


def _listed(parts: "Mapping[Part, float]") -> str:
    """Parts with their values in a row."""
    return ", ".join(f"{translated(PART_TITLES[part])} {value:.3f}" for part, value in parts.items())
