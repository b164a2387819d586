"""The sentences about layers: what a warning says and what a kind of values is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from analysis.statistics.value_kind import ValueKind

Figures = Mapping[str, Any]

SHOWN_RATIO = 2.0  # smaller ratios to a median are ordinary
TITLES = {
    "alike": "samples alike",
    "massive": "massive activations",
    "beyond-float16": "beyond float16",
    "beyond-float32": "beyond float32",
}


def warning_title(kind: str) -> str:
    """What a person calls a kind of warning."""
    return TITLES.get(kind, kind)


def warning_sentence(kind: str, figures: Figures) -> str:
    """What is found, with numbers and a comparison, and what to try; the reason alone of what could not be read."""
    return str(figures["reason"]) if "reason" in figures else SENTENCES[kind](figures)


def kind_sentence(kind: ValueKind) -> str:
    """What kind of values a layer has, in a phrase with numbers."""
    low, high, zeros = f"{kind.low:,.4g}", f"{kind.high:,.4g}", f"{kind.zeros:.0%} zeros"
    match kind.name:
        case "constant":
            return f"one value, {low}"
        case "one-hot":
            return "one-hot: each row has a single 1"
        case "binary":
            return f"binary: only {low} and {high}"
        case "probabilities" if kind.sums == 1:
            return "probabilities: every row sums to 1 (softmax outputs, attention weights)"
        case "probabilities":
            return f"{kind.sums:,} distributions in a row: every row sums to {kind.sums:,} (attention weights)"
        case "quantised":
            return f"quantised to {kind.levels} levels from {low} to {high}"
        case "clipped":
            return f"clipped to [{low}, {high}] ({zeros})"
        case "bounded":
            return f"bounded in [{low}, {high}] (sigmoid, tanh)"
        case "non-negative":
            return f"not negative (ReLU-like, {zeros})"
    return f"real, from {low} to {high}" + (f" ({zeros})" if kind.zeros >= 0.01 else "")


def _lost(found: Figures) -> str:
    return (
        f"{found['nan']:,} values are NaN and {found['infinite']:,} infinite, in {found['rows']:,} of"
        f" {found['of_rows']:,} rows. Look for the first epoch and the first layer that have any. A lower learning"
        " rate, clipped gradients, or float32 or bfloat16 instead of float16 usually help."
    )


def _beyond_float32(found: Figures) -> str:
    return (
        f"{found['count']:,} values are finite but larger than float32 holds (3.4e38). They are counted apart from"
        " infinite ones and measured in float64. Check the units of the data, or store the activations in float32."
    )


def _beyond_float16(found: Figures) -> str:
    return (
        f"{found['count']:,} values are larger than float16 holds (65,504); the largest is {found['largest']:,.4g}."
        " They become infinite in float16 mixed precision. Use bfloat16, or keep this layer in float32."
    )


def _exploding(found: Figures) -> str:
    advice = "Normalisation, a smaller initialisation, a lower learning rate or a penalty on activations usually help."
    if "root_mean_square" in found:
        return f"The root mean square is {found['root_mean_square']:,.4g}; that of N(0, I) is 1. {advice}"
    first, now = found["first_variance"], found["variance"]
    return (
        f"The variance has grown {now / first:,.0f}-fold since the first reading, from {first:.3g} to {now:.3g}."
        f" {advice}"
    )


def _massive(found: Figures) -> str:
    if found["massive"]:
        ratio = f", {found['largest'] / found['typical']:,.0f} times the median magnitude" if found["typical"] else ""
        what = (
            f"{_counted(found['massive'], 'value is', 'values are')} massive: the largest magnitude is"
            f" {found['largest']:,.4g}{ratio}."
        )
    else:
        what = "Few rows or units are far larger than the others."
    few = [name for name in ("units", "rows") if 0 < found[f"n_{name}"] <= found[f"of_{name}"] / 2]
    places = [f"{name} {_listed(found[name], found[f'n_{name}'])}" for name in few]
    spread = f"{found['n_rows']:,} of {found['of_rows']:,} rows and {found['n_units']:,} of {found['of_units']:,} units"
    ratios = [
        f" The largest {text} is {_ratio(found[name])} times the median."
        for name, text in (("row_ratio", "row norm"), ("unit_ratio", "magnitude of a unit"))
        if found[name] >= SHOWN_RATIO
    ]
    onset = ""
    if "onset" in found:
        onset = " It begins in this layer." if found["begins"] else f" It begins in {found['onset']}."
    return (
        f"{what} Outliers: {'; '.join(places) or spread}.{''.join(ratios)}{onset} They are common in trained"
        " transformers. Keep such units in higher precision when you quantise, and such rows out of statistics."
    )


def _collapsed(found: Figures) -> str:
    return (
        f"The root mean square is {found['root_mean_square']:.2g}; that of N(0, I) is 1. The layer has shrunk towards"
        " 0. Check the initialisation, the weight decay and the strength of a penalty on activations."
    )


def _alike(found: Figures) -> str:
    return (
        f"The standard deviation is {found['relative']:.2%} of the root mean square: all samples look alike here."
        " Check the initialisation, the bias, the weight decay and the strength of a penalty on activations."
    )


def _dead(found: Figures) -> str:
    return (
        f"{found['share']:.0%} of the {found['units']:,} units never change in {found['rows']:,} rows. A lower learning"
        " rate, a smaller bias, a leaky non-linearity or normalisation usually help. Other rows may still reach them,"
        " and positions in the padding of a convolution never change."
    )


def _saturated(found: Figures) -> str:
    return (
        f"{found['share']:.0%} of the {found['units']:,} units sit at their bounds in most rows: gradients vanish."
        " Smaller weights or inputs, normalisation, or another non-linearity usually help. Sigmoid outputs of a trained"
        " classifier are meant to be there."
    )


def _rank_deficient(found: Figures) -> str:
    return (
        f"The effective rank is {found['effective_rank']:.3g} where {found['possible']:,} is possible: few directions"
        " have all of the variance, and the rows form no groups as classes do. Decorrelating normalisation (DBN,"
        " IterNorm), a larger batch or less weight decay usually help."
    )


def _counted(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"


def _listed(numbers: tuple[int, ...], count: int) -> str:
    named = ", ".join(str(number) for number in numbers)
    return f"{named} and {count - len(numbers):,} more" if count > len(numbers) else named


def _ratio(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


SENTENCES: dict[str, Callable[[Figures], str]] = {
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
