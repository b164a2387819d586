"""Two batches that a visitor picks on one axis, and whether they can be told apart."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import streamlit as st

from analysis.batch import ActivationBatch, first_rows
from analysis.samples import CASE_TITLES, CASES
from analysis.statistics.density import AxisPair, pair_density, pair_limits
from analysis.statistics.null_band import NullBand
from app.charts.chart import show_chart
from app.charts.methods import overlaid
from app.sections.decomposition import Mapped
from app.sections.pair import axis_names
from app.session import caches
from app.session.batch_choice import Choice
from app.session.controls import one_of
from app.text.language import _, translated
from app.text.numbers import over_directions, plus_minus, span
from app.text.plain import harmless
from app.views.methods.affine_map import AffineMap

ALONG = ["x", "y"]
AS_KNOWN = "known"
SLICES = 64


@dataclass(frozen=True, slots=True)
class Candidate:
    """A batch that can be picked.

    Attributes:
        label: what a visitor reads.
        draw: makes it.
        own_rows: whether its rows are known to be those of the batch before the methods.
        moved: whether it is scaled and shifted here, as the batch before the methods was.
    """

    label: str
    draw: Callable[[], ActivationBatch]
    own_rows: bool
    moved: bool = False


def show_overlay(choice: Choice, affine: AffineMap, batch: ActivationBatch, mapped: Mapped, pair: AxisPair) -> None:
    """Two batches on one axis: before or after a method, another case or another epoch."""
    from analysis.distances.permutation import permutation_band
    from analysis.distances.pot_distance import pot_between

    candidates = _candidates(choice, affine, batch, mapped)
    names = list(candidates)
    labels = {name: one.label for name, one in candidates.items()}
    left, middle, right = st.columns([2, 2, 1])
    first = left.selectbox(
        _("First"), names, format_func=labels.__getitem__, index=0, key="methods_first", bind="query-params"
    )
    second = middle.selectbox(
        _("Second"),
        names,
        format_func=labels.__getitem__,
        index=min(1, len(names) - 1),
        key="methods_second",
        bind="query-params",
    )
    names_along = dict(zip(ALONG, axis_names(pair, batch.d), strict=True))
    axis = one_of(_("Along"), ALONG, ALONG[0], show=names_along.__getitem__, key="methods_along", place=right)
    picked = {name: candidates[name] for name in (first, second)}
    drawn = {name: one.draw() for name, one in picked.items()}
    if not all(one.is_finite for one in drawn.values()):
        st.error(_("One of the two batches holds values that are not finite. Choose another."))
        return
    along = pair if axis == ALONG[0] else (pair[0], pair[2], pair[1])
    lows, highs = zip(*(caches.result(pair_limits, one, along) for one in drawn.values()), strict=True)
    limits = min(lows), max(highs)
    densities = {
        labels[name]: caches.shared(pair_density, one, along, limits, onto=batch) for name, one in drawn.items()
    }
    related = all(_shares_inputs(choice, batch, one, drawn[name]) for name, one in picked.items())
    paired = _choose_pairing(related=related)
    one, other = drawn[first], drawn[second]
    rows = min(one.n, other.n)
    one, other = (caches.shared(first_rows, each, rows) if paired else each for each in (one, other))
    apart, margin = caches.computed(pot_between, one, other, slices=SLICES)
    permuted = caches.computed(permutation_band, one, other, slices=SLICES, paired=paired)
    uncertainty = plus_minus(margin, over_directions(one.d))
    about = _about((labels[first], labels[second]), apart, permuted)
    if any(candidate.moved for candidate in picked.values()):
        about += " " + _("Cases and epochs are multiplied by {scale:g} and shifted by {shift:g} as well.").format(
            scale=affine.scale, shift=affine.shift
        )
    show_chart(
        partial(overlaid, densities, names_along[axis]),
        key="methods_overlay",
        height=320,
        alt=_("Densities of {unit} in “{first}” and in “{second}”; the batches are {apart:.3f} apart in SW1.").format(
            unit=names_along[axis], first=labels[first], second=labels[second], apart=apart
        ),
        about=about,
        precise=_precise(names_along[axis], uncertainty, permuted, rows if paired else None) if apart else "",
    )


def _candidates(choice: Choice, affine: AffineMap, batch: ActivationBatch, mapped: Mapped) -> dict[str, Candidate]:
    """The batch before and after each method, and the other cases of Figure 1 or the other epochs of the layer."""

    def given(one: ActivationBatch) -> Callable[[], ActivationBatch]:
        return lambda: one

    found = {"before": Candidate(_("before"), given(batch), own_rows=True)}
    for name, (_rows, after) in mapped.items():
        label = _("after {method}").format(method=name)
        found[f"after {name}"] = Candidate(label, given(after), own_rows=True)
    moved = (affine.scale, affine.shift) != (1, 0)

    def add(name: str, label: str, draw: Callable[[], ActivationBatch], *, own_rows: bool) -> None:
        found[name] = Candidate(label, lambda: affine.move(draw()), own_rows=own_rows, moved=moved)

    if choice.spec is None:
        layer = harmless(choice.layer)
        for epoch in choice.epochs:
            label = _("{layer}, epoch {epoch}").format(layer=layer, epoch=epoch)
            add(f"{layer}, epoch {epoch}", label, partial(choice.at_epoch, epoch), own_rows=False)
        return found
    for case in CASES:
        label = _("case ({case}) {title}").format(case=case, title=translated(CASE_TITLES[case]))
        own = case == choice.spec.case
        add(f"case ({case}) {CASE_TITLES[case]}", label, choice.with_case(case).batch, own_rows=own)
    return found


def _shares_inputs(choice: Choice, batch: ActivationBatch, candidate: Candidate, one: ActivationBatch) -> bool:
    """Whether row i of a batch is known to come from the same input as that of the batch before the methods.

    What a method makes of a batch has its rows, a regulariser's flow the first of them. Epochs of a layer have the rows
    of one probe, if its run has one; of a dump, which does not say, if they are as many. The other cases of Figure 1
    are drawn independently.
    """
    one_probe = choice.run is None or all(record.sampling == "probe" for record in choice.run.records)
    return candidate.own_rows or (choice.spec is None and one_probe and one.n == batch.n)


def _choose_pairing(*, related: bool) -> bool:
    """Whether row i of both batches is taken to belong to one input: as is known, or as the visitor says."""
    labels = {
        AS_KNOWN: _("as known: in pairs") if related else _("as known: independent"),
        "pairs": _("in pairs"),
        "independent": _("independent"),
    }
    chosen = one_of(
        _("Rows of the two"),
        list(labels),
        AS_KNOWN,
        show=labels.__getitem__,
        key="methods_pairing",
        hint=_(
            "In pairs, row i of both is the same input, before and after a method or at two epochs. A permutation then"
            " swaps the two rows of a pair, which finds small changes; independent rows are pooled and dealt out anew."
            " A dump does not say: epochs with as many rows count as pairs."
        ),
    )
    return related if chosen == AS_KNOWN else chosen == "pairs"


def _about(names: tuple[str, str], apart: float, permuted: NullBand) -> str:
    """How far the batches are apart, beside what random permutations of their rows give."""
    if apart == 0:
        text = _("“{first}” and “{second}” are the same batch, so SW1 between them is 0.")
    elif apart <= permuted.high:
        text = _(
            "“{first}” and “{second}” are {apart:.4f} apart in SW1, no more than permuted rows are ({range}): they"
            " cannot be told apart."
        )
    else:
        text = _(
            "“{first}” and “{second}” are {apart:.4f} apart in SW1, more than permuted rows are ({range}): they differ"
            " (p = {p:.2g})."
        )
    p = 1 / (permuted.draws + 1)
    return text.format(first=names[0], second=names[1], apart=apart, range=span(permuted), p=p)


def _precise(unit: str, margin: str, permuted: NullBand, pairs: int | None) -> str:
    """What is drawn, how the distance was computed, `margin` in words, and what was permuted.

    `pairs` is how many rows were swapped pair by pair; None if the rows of both were pooled.
    """
    if pairs is None:
        how = _(
            "SW1 is by POT, {margin}. The rows of both were pooled and dealt out anew {draws} times; two samples of one"
            " distribution are further apart than all of these about once in {times} times."
        )
    else:
        how = _(
            "SW1 is by POT, {margin}, on the {pairs:,} rows that belong together. The two rows of each pair were"
            " swapped at random, {draws} times; two samples of one distribution are further apart than all of these"
            " about once in {times} times."
        )
    drawn = _("Curves are kernel densities of {unit}; dotted is N(0, 1).").format(unit=unit)
    permutation = how.format(margin=margin, pairs=pairs, draws=permuted.draws, times=permuted.draws + 1)
    return f"{drawn} {permutation}"
