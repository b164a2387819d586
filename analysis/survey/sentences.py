"""The sentences about layers: what a warning says and what a kind of values is called, in the language of `texts`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from gettext import NullTranslations
from typing import Any

from analysis.dumps.reasons import SharedReason
from analysis.statistics.value_kind import ValueKind
from per_core.recording.rows import Rows
from per_core.text import N_, say

Figures = Mapping[str, Any]

ENGLISH = NullTranslations()
MOST_NAMED = 3  # of the members that share a reason
SHOWN_RATIO = 2.0  # smaller ratios to a median are ordinary
TITLES = {
    "NaN": "NaN",
    "unread": N_("unread"),
    "beyond-float16": N_("beyond float16"),
    "beyond-float32": N_("beyond float32"),
    "exploding": N_("exploding"),
    "massive": N_("massive activations"),
    "collapsed": N_("collapsed"),
    "alike": N_("samples alike"),
    "dead": N_("dead"),
    "saturated": N_("saturated"),
    "rank-deficient": N_("rank-deficient"),
    "severe": N_("severe"),
    "mild": N_("mild"),
}


def warning_title(kind: str, texts: NullTranslations = ENGLISH) -> str:
    """What a person calls a kind of warning, or its severity."""
    return texts.gettext(TITLES[kind])


def warning_sentence(kind: str, figures: Figures, texts: NullTranslations = ENGLISH) -> str:
    """What is found, with numbers and a comparison, and what to try; the reason alone of what could not be read."""
    return say(figures["reason"], texts.gettext) if "reason" in figures else SENTENCES[kind](figures, texts)


def reason_title(shared: SharedReason, texts: NullTranslations = ENGLISH) -> str:
    """How many members a reason holds for, and the first of them by name."""
    count = len(shared.names)
    title = texts.ngettext("{n:,} member cannot be read: {names}", "{n:,} members cannot be read: {names}", count)
    return title.format(n=count, names=_first(shared.names, texts))


def left_out_title(shared: SharedReason, texts: NullTranslations = ENGLISH) -> str:
    """How many arrays are left out for a reason, and the first of them by name."""
    count = len(shared.names)
    title = texts.ngettext("{n:,} array is left out: {names}", "{n:,} arrays are left out: {names}", count)
    return title.format(n=count, names=_first(shared.names, texts))


def _first(names: Sequence[str], texts: NullTranslations) -> str:
    """The first names, and how many more there are."""
    first = ", ".join(names[:MOST_NAMED])
    more = len(names) - MOST_NAMED
    return texts.gettext("{names} and {n:,} more").format(names=first, n=more) if more > 0 else first


def kind_sentence(kind: ValueKind, texts: NullTranslations = ENGLISH) -> str:
    """What kind of values a layer has, in a phrase with numbers."""
    _ = texts.gettext
    low, high, zeros = f"{kind.low:,.4g}", f"{kind.high:,.4g}", kind.zeros
    match kind.name:
        case "constant":
            return _("one value, {value}").format(value=low)
        case "one-hot":
            return _("one-hot: each row has a single 1")
        case "binary":
            return _("binary: only {low} and {high}").format(low=low, high=high)
        case "probabilities" if kind.sums == 1:
            return _("probabilities: every row sums to 1 (softmax outputs, attention weights)")
        case "probabilities":
            return _("{sums:,} distributions in a row: every row sums to {sums:,} (attention weights)").format(
                sums=kind.sums
            )
        case "quantised":
            return _("quantised to {levels} levels from {low} to {high}").format(levels=kind.levels, low=low, high=high)
        case "clipped":
            return _("clipped to [{low}, {high}] ({zeros:.0%} zeros)").format(low=low, high=high, zeros=zeros)
        case "bounded":
            return _("bounded in [{low}, {high}] (sigmoid, tanh)").format(low=low, high=high)
        case "non-negative" if zeros < 0.005:  # 0 % of zeros are no sign of a ReLU: a gate of an LSTM has none
            return _("not negative, from {low} to {high}").format(low=low, high=high)
        case "non-negative":
            return _("not negative (ReLU-like, {zeros:.0%} zeros)").format(zeros=zeros)
    real = _("real, from {low} to {high}").format(low=low, high=high)
    return real + (_(" ({zeros:.0%} zeros)").format(zeros=zeros) if zeros >= 0.01 else "")


def row_sentence(row: Rows, texts: NullTranslations = ENGLISH) -> str:
    """What one row of a layer is."""
    _ = texts.gettext
    if row.kind == "samples":
        return _("A row is a sample.")
    if row.kind == "locations":
        return _("A row is one location of a sample; a sample has {each:,}.").format(each=row.each)
    if row.step == -1:
        return _("A row is the last time step of a sequence.")
    if row.step is not None and row.step < 0:
        return _("A row is time step {step} of a sequence, counted from its end.").format(step=row.step)
    if row.step is not None:
        return _("A row is time step {step} of a sequence, counted from 0.").format(step=row.step)
    if row.alike:
        return _("A row is one time step of a sequence; a sequence has {each:,}.").format(each=row.each)
    return _("A row is one time step of a sequence; a sequence has up to {each:,}.").format(each=row.each)


def _lost(found: Figures, texts: NullTranslations) -> str:
    _ = texts.gettext
    what = texts.ngettext(
        "{nan:,} value is NaN and {infinite:,} infinite, in {rows:,} of {of_rows:,} rows.",
        "{nan:,} values are NaN and {infinite:,} infinite, in {rows:,} of {of_rows:,} rows.",
        found["nan"],
    ).format(**found)
    advice = _(
        "Find the first layer and epoch that have any: a lower learning rate, clipped gradients, or bfloat16 instead of"
        " float16 usually help."
    )
    return f"{what} {advice}"


def _beyond_float32(found: Figures, texts: NullTranslations) -> str:
    _ = texts.gettext
    return _(
        "{count:,} values are finite but larger than float32 holds (3.4e38). They are measured in float64: check the"
        " units of the data, or store the activations in float32."
    ).format(**found)


def _beyond_float16(found: Figures, texts: NullTranslations) -> str:
    _ = texts.gettext
    return _(
        "{count:,} values are larger than float16 holds (65,504); the largest is {largest:,.4g}. They become infinite"
        " in float16 mixed precision: use bfloat16, or keep this layer in float32."
    ).format(**found)


def _exploding(found: Figures, texts: NullTranslations) -> str:
    _ = texts.gettext
    advice = _(
        "Normalisation, a smaller initialisation, a lower learning rate or a penalty on activations usually help."
    )
    if "root_mean_square" in found:
        what = _("The root mean square is {root_mean_square:,.4g}; that of N(0, I) is 1.").format(**found)
    elif "first_at_most" in found:
        what = _(
            "The variance of all values has grown at least {factor:,.0f}-fold since the first histogram, from at most"
            " {first_at_most:.3g} to at least {at_least:.3g}."
        ).format(**found)
    elif "at_least" in found:
        what = _("The root mean square of all values is at least {at_least:,.4g}; that of N(0, 1) is 1.").format(
            **found
        )
    else:
        first, now = found["first_variance"], found["variance"]
        what = _(
            "The variance has grown {factor:,.0f}-fold since the first reading, from {first:.3g} to {now:.3g}."
        ).format(factor=now / first, first=first, now=now)
    return f"{what} {advice}"


def _massive(found: Figures, texts: NullTranslations) -> str:
    _ = texts.gettext
    said = [_massive_values(found, texts), _("Outliers: {places}.").format(places=_places(found, texts))]
    for name, text in (
        ("row_ratio", _("The largest row norm is {ratio} times the median.")),
        ("unit_ratio", _("The largest magnitude of a unit is {ratio} times the median.")),
    ):
        if found[name] >= SHOWN_RATIO:
            said.append(text.format(ratio=_ratio(found[name])))
    if "onset" in found:
        begins = _("It begins in this layer.") if found["begins"] else _("It begins in {layer}.")
        said.append(begins.format(layer=found["onset"]))
    said.append(
        _(
            "Trained transformers commonly have them. Keep such units in higher precision when you quantise, and such"
            " rows out of statistics."
        )
    )
    return " ".join(said)


def _massive_values(found: Figures, texts: NullTranslations) -> str:
    """How many values are massive, and how large the largest is."""
    _ = texts.gettext
    if not found["massive"]:
        return _("Few rows or units are far larger than the others.")
    what = texts.ngettext(
        "{massive:,} value is massive: the largest magnitude is {largest:,.4g}",
        "{massive:,} values are massive: the largest magnitude is {largest:,.4g}",
        found["massive"],
    ).format(**found)
    if not found["typical"]:
        return f"{what}."
    ratio = found["largest"] / found["typical"]
    return what + _(", {ratio:,.0f} times the median magnitude.").format(ratio=ratio)


def _places(found: Figures, texts: NullTranslations) -> str:
    """Which units and rows are far larger, where they are few."""
    _ = texts.gettext
    names = {"units": _("units {numbers}"), "rows": _("rows {numbers}")}
    few = [
        text.format(numbers=_listed(found[name], found[f"n_{name}"], texts))
        for name, text in names.items()
        if 0 < found[f"n_{name}"] <= found[f"of_{name}"] / 2
    ]
    return "; ".join(few) or _("{n_rows:,} of {of_rows:,} rows and {n_units:,} of {of_units:,} units").format(**found)


def _collapsed(found: Figures, texts: NullTranslations) -> str:
    _ = texts.gettext
    if "at_most" in found:
        return _(
            "The root mean square of all values is at most {at_most:.2g}; that of N(0, 1) is 1. Check the"
            " initialisation, the weight decay and the strength of a penalty on activations."
        ).format(**found)
    return _(
        "The root mean square is {root_mean_square:.2g}; that of N(0, I) is 1. Check the initialisation, the weight"
        " decay and the strength of a penalty on activations."
    ).format(**found)


def _alike(found: Figures, texts: NullTranslations) -> str:
    _ = texts.gettext
    return _(
        "The standard deviation is {relative:.2%} of the root mean square: all samples look alike here. Check the"
        " initialisation, the bias, the weight decay and the strength of a penalty on activations."
    ).format(**found)


def _dead(found: Figures, texts: NullTranslations) -> str:
    _ = texts.gettext
    return _(
        "{share:.0%} of the {units:,} units never change in {rows:,} rows; other rows may still reach them. A lower"
        " learning rate, a smaller bias, a leaky non-linearity or normalisation usually help. Positions in the padding"
        " of a convolution never change."
    ).format(**found)


def _saturated(found: Figures, texts: NullTranslations) -> str:
    _ = texts.gettext
    return _(
        "{share:.0%} of the {units:,} units sit at their bounds in most rows: gradients vanish. Smaller weights or"
        " inputs, normalisation, or another non-linearity usually help. Sigmoid outputs of a trained classifier are"
        " meant to be there."
    ).format(**found)


def _rank_deficient(found: Figures, texts: NullTranslations) -> str:
    _ = texts.gettext
    return _(
        "The effective rank is {effective_rank:.3g} where {possible:,} is possible, and the rows form no groups as"
        " classes do. Decorrelating normalisation (DBN, IterNorm), a larger batch or less weight decay usually help."
    ).format(**found)


def _listed(numbers: tuple[int, ...], count: int, texts: NullTranslations) -> str:
    _ = texts.gettext
    named = ", ".join(str(number) for number in numbers)
    more = count - len(numbers)
    return _("{named} and {more:,} more").format(named=named, more=more) if more > 0 else named


def _ratio(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


SENTENCES: dict[str, Callable[[Figures, NullTranslations], str]] = {
    "NaN": _lost,
    "beyond-float32": _beyond_float32,
    "beyond-float16": _beyond_float16,
    "exploding": _exploding,
    "massive": _massive,
    "collapsed": _collapsed,
    "alike": _alike,
    "dead": _dead,
    "saturated": _saturated,
    "rank-deficient": _rank_deficient,
}
