"""Warnings about layers: the rules that say what is found in a layer that trained networks ordinarily do not show.

A rule looks at one reading, and where it needs to at the layer's earlier ones. The thresholds are where a layer leaves
what trained networks ordinarily show, not where training fails: a warning is a reason to look, and says so in numbers.
What a rule finds is a kind, a severity and figures; `analysis.survey.sentences` makes sentences of them.

"Measured" beside a threshold means: on the networks of tests/analysis/survey/activation_cases.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan
from typing import Literal, get_args

from analysis.statistics.binned import Bounds
from analysis.statistics.spread import LOWEST_RANK, RANK_SHARE, Spread
from analysis.survey.binned_reading import BinnedReading
from analysis.survey.cell import Epoch, Unread
from analysis.survey.layer_reading import LayerReading
from analysis.survey.overview import Overview
from analysis.survey.sentences import Figures, warning_sentence

WarningKind = Literal[
    "NaN",
    "unread",
    "beyond-float32",
    "beyond-float16",
    "exploding",
    "massive",
    "collapsed",
    "alike",
    "dead",
    "saturated",
    "rank-deficient",
]
Severity = Literal["severe", "mild"]
History = Sequence[LayerReading]

FEWEST_ROWS = 32  # a unit that is active in one row of ten is silent in all of 32 with a probability of 3 %
DEAD, MANY_DEAD = 0.2, 0.5  # of the units; measured: 0 to 5 % in ReLU networks, 23 % with a weight decay of 0.1
SATURATED, MANY_SATURATED = 0.25, 0.5  # of the units; gates have some at any time; measured: 0 at usual initialisations
LARGE, HUGE = 100.0, 1000.0  # root mean square; squares of 256 overflow float16, and N(0, I) has 1
GROWTH = 100.0  # of the variance since the first reading: a standard deviation ten times as large
COLLAPSED = 0.01  # root mean square; a fifth of 0.05, with which networks still train
ALIKE = 0.01  # standard deviation over root mean square: two samples differ by about 1 % of their length
FEWEST_DIRECTIONS = 8  # in fewer, a low rank says little
MOST_NAMED = 6  # rows or units that a warning names


@dataclass(frozen=True, slots=True)
class LayerWarning:
    """One warning about a layer.

    Attributes:
        kind: which rule found it.
        severity: "severe": the layer hardly does its work, or numbers are lost; "mild": worth a look.
        figures: what was found, by name: numbers, and tuples of the numbers of rows and units.
    """

    kind: WarningKind
    severity: Severity
    figures: Figures

    @property
    def sentence(self) -> str:
        """What is found, with numbers and a comparison, and what to try."""
        return warning_sentence(self.kind, self.figures)

    @property
    def urgency(self) -> tuple[bool, int, float]:
        """Smaller for what deserves a look sooner: severe ones, then kind by kind, then the larger share of units."""
        return self.severity != "severe", get_args(WarningKind).index(self.kind), -float(self.figures.get("share", 0))


@dataclass(frozen=True, slots=True)
class ListedWarning:
    """A warning about a layer, and when there is reason for it.

    Attributes:
        layer: its row in the overview.
        epochs: at which this kind of warning was found, ascending.
        warning: as it is at the last of them.
    """

    layer: str
    epochs: tuple[Epoch, ...]
    warning: LayerWarning


def find_warnings(reading: LayerReading, history: History = ()) -> tuple[LayerWarning, ...]:
    """The warnings about a layer, severe ones first; none if it is well.

    Args:
        reading: of the layer now.
        history: readings of the same layer at earlier epochs, oldest first, if there are any.
    """
    found = [warning for rule in RULES if (warning := rule(reading, history)) is not None]
    return tuple(sorted(found, key=lambda warning: warning.severity != "severe"))


def find_binned_warnings(reading: BinnedReading, history: Sequence[BinnedReading] = ()) -> tuple[LayerWarning, ...]:
    """The warnings about a layer of which only a histogram is known: of its size, where its bounds leave no doubt.

    Args:
        reading: of the layer now.
        history: readings of bins of the same layer at earlier epochs, oldest first, if there are any.
    """
    size, variance = reading.root_mean_square, reading.pooled_variance
    if size.lower > LARGE:
        return (LayerWarning("exploding", "severe" if size.lower > HUGE else "mild", {"at_least": size.lower}),)
    if size.upper < COLLAPSED:
        return (LayerWarning("collapsed", "mild", {"at_most": size.upper}),)
    first: Bounds | None = next((one.pooled_variance for one in history if one.pooled_variance.lower > 0), None)
    if first is not None and variance.lower > max(1.0, GROWTH * first.upper):
        figures = {"first_at_most": first.upper, "at_least": variance.lower, "factor": variance.lower / first.upper}
        return (LayerWarning("exploding", "mild", figures),)
    return ()


def unjudged(overview: Overview) -> tuple[str, ...]:
    """Layers that no rule has judged at any epoch, because they have fewer finite rows than the rules need."""
    return tuple(
        layer
        for layer in overview.layers
        if all(isinstance(one, LayerReading) and one.finite_rows < FEWEST_ROWS for _, one in overview.history(layer))
    )


def list_warnings(overview: Overview) -> tuple[ListedWarning, ...]:
    """All warnings about a dump: each kind about each layer once, severe and recent ones first, then kind by kind.

    Of one kind, the layer comes first of which the largest share of the units is concerned, else the first of the dump.

    A member that could not be read is a severe warning of the kind "unread", or "NaN" if it holds nothing else, with
    the reason as its sentence. One of massive activations names the first layer, in the order of the dump, that has
    such rows or units at that epoch.

    Example:
        >>> np.savez("epoch_1.npz", fc1=np.random.default_rng(0).standard_normal((100, 8)), fc2=np.zeros((100, 8)))
        >>> [(one.layer, one.warning.kind, one.warning.severity) for one in list_warnings(overview(inspect(".")))]
        [('fc2', 'dead', 'severe')]
    """
    found: dict[tuple[str, WarningKind], tuple[list[Epoch], LayerWarning]] = {}
    onset: dict[Epoch, str] = {}
    for layer in overview.layers:
        earlier: list[LayerReading] = []
        earlier_bins: list[BinnedReading] = []
        for epoch, reading in overview.history(layer):
            if isinstance(reading, Unread):
                warnings: tuple[LayerWarning, ...] = (LayerWarning(reading.kind, "severe", {"reason": reading.reason}),)
            elif isinstance(reading, BinnedReading):
                warnings = find_binned_warnings(reading, earlier_bins)
                earlier_bins.append(reading)
            else:
                warnings = find_warnings(reading, earlier)
                earlier.append(reading)
            for warning in warnings:
                if warning.kind == "massive":
                    first = onset.setdefault(epoch, layer)
                    warning = replace(warning, figures={**warning.figures, "onset": first, "begins": first == layer})
                epochs, _ = found.get((layer, warning.kind), ([], warning))
                found[layer, warning.kind] = ([*epochs, epoch], warning)
    listed = [ListedWarning(layer, tuple(epochs), warning) for (layer, _), (epochs, warning) in found.items()]
    age = {epoch: -position for position, epoch in enumerate(overview.epochs)}

    def urgency(one: ListedWarning) -> tuple[bool, int, int, float]:
        is_mild, kind, share = one.warning.urgency
        return is_mild, age[one.epochs[-1]], kind, share

    return tuple(sorted(listed, key=urgency))


def _lost(reading: LayerReading, _: History) -> LayerWarning | None:
    if reading.n_nan + reading.n_inf == 0:
        return None
    rows = reading.n - reading.finite_rows
    return LayerWarning(
        "NaN", "severe", {"nan": reading.n_nan, "infinite": reading.n_inf, "rows": rows, "of_rows": reading.n}
    )


def _beyond_float32(reading: LayerReading, _: History) -> LayerWarning | None:
    if reading.n_beyond_float32 == 0:
        return None
    return LayerWarning("beyond-float32", "severe", {"count": reading.n_beyond_float32})


def _beyond_float16(reading: LayerReading, _: History) -> LayerWarning | None:
    if reading.beyond_float16 == 0 or reading.n_beyond_float32 or reading.outliers is None:
        return None
    return LayerWarning(
        "beyond-float16", "mild", {"count": reading.beyond_float16, "largest": reading.outliers.largest}
    )


def _exploding(reading: LayerReading, history: History) -> LayerWarning | None:
    bulk = reading.bulk
    if bulk is None:
        return None
    size = bulk.root_mean_square
    if size > LARGE:
        return LayerWarning("exploding", "severe" if size > HUGE else "mild", {"root_mean_square": size})
    variances = (earlier.bulk.variance for earlier in history if earlier.bulk is not None)
    first = next((variance for variance in variances if variance > 0), None)
    if first is not None and bulk.variance > max(1.0, GROWTH * first):
        return LayerWarning("exploding", "mild", {"first_variance": first, "variance": bulk.variance})
    return None


def _massive(reading: LayerReading, _: History) -> LayerWarning | None:
    found = reading.outliers
    if found is None or not reading.has_outliers:
        return None
    figures: Mapping[str, object] = {
        "largest": found.largest,
        "typical": found.typical,
        "row_ratio": found.row_ratio,
        "unit_ratio": found.unit_ratio,
        "massive": found.massive,
        "rows": found.rows[:MOST_NAMED],
        "of_rows": reading.finite_rows,
        "n_rows": len(found.rows),
        "units": found.units[:MOST_NAMED],
        "n_units": len(found.units),
        "of_units": reading.d,
    }
    return LayerWarning("massive", "mild", figures)


def _collapsed(reading: LayerReading, _: History) -> LayerWarning | None:
    bulk = _judged(reading)
    if bulk is None or not bulk.root_mean_square < COLLAPSED:
        return None
    return LayerWarning("collapsed", "mild", {"root_mean_square": bulk.root_mean_square})


def _alike(reading: LayerReading, _: History) -> LayerWarning | None:
    bulk = _judged(reading)
    if bulk is None or not bulk.relative < ALIKE:
        return None
    return LayerWarning("alike", "severe", {"relative": bulk.relative})


def _dead(reading: LayerReading, _: History) -> LayerWarning | None:
    if reading.finite_rows < FEWEST_ROWS or not reading.dead >= DEAD or _is_probability(reading):
        return None
    return LayerWarning(
        "dead",
        "severe" if reading.dead >= MANY_DEAD else "mild",
        {"share": reading.dead, "units": reading.d, "rows": reading.finite_rows},
    )


def _saturated(reading: LayerReading, _: History) -> LayerWarning | None:
    if reading.finite_rows < FEWEST_ROWS or not reading.saturated >= SATURATED:
        return None
    return LayerWarning(
        "saturated",
        "severe" if reading.saturated >= MANY_SATURATED else "mild",
        {"share": reading.saturated, "units": reading.d, "rows": reading.finite_rows},
    )


def _rank_deficient(reading: LayerReading, _: History) -> LayerWarning | None:
    bulk = _judged(reading)
    if bulk is None or reading.finite_rows < FEWEST_ROWS or isnan(bulk.effective_rank) or reading.grouped:
        return None
    possible = min(round(bulk.d * (1 - reading.dead)), bulk.n - 1)
    if possible < FEWEST_DIRECTIONS or bulk.effective_rank > max(LOWEST_RANK, RANK_SHARE * possible):
        return None
    return LayerWarning(
        "rank-deficient",
        "severe" if bulk.effective_rank < LOWEST_RANK else "mild",
        {"effective_rank": bulk.effective_rank, "possible": possible},
    )


def _judged(reading: LayerReading) -> Spread | None:
    """The spread of a layer of which size and directions can be judged: two rows, not all dead, no probabilities."""
    if isnan(reading.dead) or reading.dead == 1 or _is_probability(reading):
        return None
    return reading.bulk


def _is_probability(reading: LayerReading) -> bool:
    """Rows that sum to 1: units at 0 are masked or unlikely there, and small values no sign of collapse."""
    return reading.kind is not None and reading.kind.name in ("probabilities", "one-hot")


RULES: tuple[Callable[[LayerReading, History], LayerWarning | None], ...] = (
    _lost,
    _beyond_float32,
    _exploding,
    _alike,
    _collapsed,
    _dead,
    _saturated,
    _rank_deficient,
    _massive,
    _beyond_float16,
)
