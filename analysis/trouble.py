"""Trouble in words: the rules that say what is wrong with a layer, and what usually helps.

A rule looks at one reading, and where it needs to at the layer's earlier ones. The thresholds are where a layer leaves
what trained networks ordinarily show, not where training fails: a trouble is a reason to look, and says so in numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isnan, sqrt
from typing import Literal

from analysis.dumps.inspection import NOTHING_FINITE
from analysis.overview import Epoch, LayerReading, Overview

Kind = Literal["NaN", "unread", "exploding", "collapsed", "dead", "saturated", "rank-deficient"]
Severity = Literal["severe", "mild"]
History = Sequence[LayerReading]

FEWEST_ROWS = 32  # a unit that is active in one row of ten is silent in all of 32 with a probability of 3 %
DEAD, MANY_DEAD = 0.2, 0.5  # of the units; up to a tenth or so is common in healthy ReLU networks
SATURATED, MANY_SATURATED = 0.25, 0.5  # of the units; gates have some at any time
LARGE, HUGE = 100.0, 1000.0  # root mean square; squares of 256 overflow float16, and N(0, I) has 1
GROWTH = 100.0  # of the variance since the first reading: a standard deviation ten times as large
COLLAPSED_SPREAD = 0.01  # standard deviation; a fifth of 0.05, with which networks still train
COLLAPSED_SHARE = 1e-4  # variance / mean square: two samples differ by about 1 % of their length
RANK_SHARE = 0.02  # of the rank that is possible; ten classes in 512 units, the tightest common case, still pass
LOWEST_RANK = 1.5  # below it one direction has nearly all of the variance
FEWEST_DIRECTIONS = 8  # in fewer, a low rank says little


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong with a layer.

    Attributes
    ----------
    kind : which rule found it.
    severity : "severe": the layer hardly does its work, or numbers are lost; "mild": worth a look.
    sentence : what is wrong, with the number, and what usually helps.
    """

    kind: Kind
    severity: Severity
    sentence: str


@dataclass(frozen=True, slots=True)
class LayerTrouble:
    """A trouble of a layer, and when it has it.

    Attributes
    ----------
    layer : its row in the overview.
    epochs : at which this kind of trouble was found, ascending.
    trouble : as it is at the last of them.
    """

    layer: str
    epochs: tuple[Epoch, ...]
    trouble: Trouble


def find_troubles(reading: LayerReading, history: History = ()) -> tuple[Trouble, ...]:
    """What is wrong with a layer, severe troubles first; nothing if it is well.

    Parameters
    ----------
    reading : of the layer now.
    history : readings of the same layer at earlier epochs, oldest first, if there are any.
    """
    found = [trouble for rule in RULES if (trouble := rule(reading, history)) is not None]
    return tuple(sorted(found, key=lambda trouble: trouble.severity != "severe"))


def unjudged(overview: Overview) -> tuple[str, ...]:
    """Layers that no rule has judged at any epoch, because they have fewer finite rows than the rules need."""
    return tuple(
        layer
        for layer in overview.layers
        if all(isinstance(one, LayerReading) and one.finite_rows < FEWEST_ROWS for _, one in overview.history(layer))
    )


def list_troubles(overview: Overview) -> tuple[LayerTrouble, ...]:
    """All that is wrong in a dump: each kind of trouble of each layer once, severe and recent ones first.

    A member that could not be read is a severe trouble of the kind "unread", or "NaN" if it holds nothing else, with
    the reason as its sentence.
    """
    found: dict[tuple[str, Kind], tuple[list[Epoch], Trouble]] = {}
    for layer in overview.layers:
        earlier: list[LayerReading] = []
        for epoch, reading in overview.history(layer):
            if isinstance(reading, str):
                kind: Kind = "NaN" if reading.startswith(NOTHING_FINITE) else "unread"
                troubles: tuple[Trouble, ...] = (Trouble(kind, "severe", reading),)
            else:
                troubles = find_troubles(reading, earlier)
                earlier.append(reading)
            for trouble in troubles:
                epochs, _ = found.get((layer, trouble.kind), ([], trouble))
                found[layer, trouble.kind] = ([*epochs, epoch], trouble)
    listed = [LayerTrouble(layer, tuple(epochs), trouble) for (layer, _), (epochs, trouble) in found.items()]
    age = {epoch: -position for position, epoch in enumerate(overview.epochs)}
    return tuple(sorted(listed, key=lambda one: (one.trouble.severity != "severe", age[one.epochs[-1]])))


def _lost(reading: LayerReading, _: History) -> Trouble | None:
    lost = reading.n_nan + reading.n_inf
    if lost == 0:
        return None
    rows = reading.n - reading.finite_rows
    return Trouble(
        "NaN",
        "severe",
        f"{reading.n_nan:,} values are NaN and {reading.n_inf:,} infinite, in {rows:,} of {reading.n:,} rows. Look for"
        " the first epoch and the first layer that have any; a lower learning rate, clipped gradients, or float32 or"
        " bfloat16 instead of float16 usually help.",
    )


def _exploding(reading: LayerReading, history: History) -> Trouble | None:
    size = reading.root_mean_square
    advice = "Normalisation, a smaller initialisation, a lower learning rate or a penalty on activations usually help."
    if size > LARGE:
        severity: Severity = "severe" if size > HUGE else "mild"
        return Trouble("exploding", severity, f"The root mean square is {size:,.4g}; that of N(0, I) is 1. {advice}")
    first = next((earlier.variance for earlier in history if earlier.variance > 0), None)
    if first is not None and reading.variance > max(1.0, GROWTH * first):
        return Trouble(
            "exploding",
            "mild",
            f"The variance has grown {reading.variance / first:,.0f}-fold since the first reading, from {first:.3g} to"
            f" {reading.variance:.3g}. {advice}",
        )
    return None


def _collapsed(reading: LayerReading, _: History) -> Trouble | None:
    if isnan(reading.dead) or reading.dead == 1:  # too few rows to tell, or dead rather than collapsed
        return None
    advice = "Check the initialisation, the weight decay and the strength of a penalty on activations."
    if reading.variance < COLLAPSED_SHARE * reading.mean_square:
        return Trouble(
            "collapsed",
            "severe",
            f"Only {reading.variance / reading.mean_square:.2g} of the mean square is variance: all samples look alike"
            f" here. {advice}",
        )
    spread = sqrt(reading.variance)
    if spread < COLLAPSED_SPREAD:
        return Trouble("collapsed", "mild", f"The standard deviation is {spread:.2g}; that of N(0, I) is 1. {advice}")
    return None


def _dead(reading: LayerReading, _: History) -> Trouble | None:
    if reading.finite_rows < FEWEST_ROWS or not reading.dead >= DEAD:
        return None
    return Trouble(
        "dead",
        "severe" if reading.dead >= MANY_DEAD else "mild",
        f"{reading.dead:.0%} of the {reading.d:,} units never change in {reading.finite_rows:,} rows. A lower learning"
        " rate, a smaller bias, a leaky non-linearity or normalisation usually help.",
    )


def _saturated(reading: LayerReading, _: History) -> Trouble | None:
    if reading.finite_rows < FEWEST_ROWS or not reading.saturated >= SATURATED:
        return None
    return Trouble(
        "saturated",
        "severe" if reading.saturated >= MANY_SATURATED else "mild",
        f"{reading.saturated:.0%} of the {reading.d:,} units sit at their smallest and largest values in most rows,"
        " where gradients vanish. Smaller weights or inputs, normalisation, or another non-linearity usually help.",
    )


def _rank_deficient(reading: LayerReading, _: History) -> Trouble | None:
    if reading.finite_rows < FEWEST_ROWS or isnan(reading.effective_rank):
        return None
    possible = min(round(reading.d * (1 - reading.dead)), reading.finite_rows - 1)
    if possible < FEWEST_DIRECTIONS or reading.effective_rank > max(LOWEST_RANK, RANK_SHARE * possible):
        return None
    return Trouble(
        "rank-deficient",
        "severe" if reading.effective_rank < LOWEST_RANK else "mild",
        f"The effective rank is {reading.effective_rank:.3g} where {possible:,} is possible: few directions have all of"
        " the variance. Decorrelating normalisation (DBN, IterNorm), a larger batch or less weight decay usually help.",
    )


RULES: tuple[Callable[[LayerReading, History], Trouble | None], ...] = (
    _lost,
    _exploding,
    _collapsed,
    _dead,
    _saturated,
    _rank_deficient,
)
