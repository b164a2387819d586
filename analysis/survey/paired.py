"""Scores at the end of a comparison, their differences by seed, and which member of a sweep validation chooses.

With the same seed all methods of a comparison begin with the same weights and see the same data in the same order. So
two methods are compared by the differences of their scores, one a seed: what a seed does to both is not in them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import stdtrit

from analysis.runs.comparison import Comparison
from analysis.runs.perplexity import perplexity
from analysis.runs.spec import VANILLA, Part, TrainingSpec
from analysis.runs.sweep import Sweep, references, sweeps
from per_core.recording.run_directory import Run

Measure = Literal["accuracy", "perplexity"]
LEVEL = 0.95  # of the intervals
BySeed = Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of all networks of a comparison on one part of the data, at the same epoch.

    Attributes:
        part: of the data.
        measure: "accuracy" is a share, of which more is better; "perplexity" is exp(loss), of which less is.
        epoch: the last one of which every network has a record that has not diverged.
        values: label of each method -> seed -> score, of networks that have not diverged.
        diverged: label of each method -> seeds of those that have; none if none.
    """

    part: Part
    measure: Measure
    epoch: float
    values: Mapping[str, BySeed]
    diverged: Mapping[str, tuple[int, ...]]

    def mean(self, label: str) -> float:
        """Over the seeds of a method, whatever their order; NaN if there are none."""
        scores = self.values[label].values()
        return math.fsum(scores) / len(scores) if scores else math.nan


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """How much a method's score is above that of its reference, seed by seed.

    Attributes:
        reference: label of the other method.
        by_seed: differences of the seeds that both have.
        mean: of these; NaN if there are none.
        low, high: ends of the interval for the mean, 95 %, of Student's t; NaN of fewer than two seeds.
    """

    reference: str
    by_seed: BySeed
    mean: float
    low: float
    high: float


def final_scores(comparison: Comparison, spec: TrainingSpec, part: Part) -> Scores | None:
    """The scores of a comparison, finished or not.

    Args:
        comparison: one that was trained here.
        spec: its own, read.
        part: of the data, "test" or "validation".

    Returns:
        None if no network has recorded one, as of a validation part that is not there.
    """
    measure: Measure = "perplexity" if spec.data.is_text else "accuracy"
    scalar = f"{part}_{'loss' if spec.data.is_text else 'accuracy'}"
    curves = {key: _curve(run, scalar) for key, run in comparison.runs.items() if key not in comparison.diverged}
    curves = {key: curve for key, curve in curves.items() if curve}
    epochs = set.intersection(*map(set, curves.values())) if curves else set()
    if not epochs:
        return None
    epoch = max(epochs)
    values: dict[str, dict[int, float]] = {method.label: {} for method in spec.methods}
    diverged: dict[str, list[int]] = {method.label: [] for method in spec.methods}
    for label, seed in comparison.diverged:
        diverged.setdefault(label, []).append(seed)
    for (label, seed), curve in curves.items():
        score = perplexity(curve[epoch]) if measure == "perplexity" else curve[epoch]
        if math.isfinite(score):
            values.setdefault(label, {})[seed] = score
        else:
            diverged.setdefault(label, []).append(seed)
    return Scores(part, measure, epoch, values, {label: tuple(sorted(seeds)) for label, seeds in diverged.items()})


def paired_differences(scores: Scores, spec: TrainingSpec) -> dict[str, PairedDifference]:
    """The difference of every method to its reference, see `references`; of what is one itself there is none."""
    pairs = references(spec).items()
    return {label: paired_difference(scores, label, reference) for label, reference in pairs if label != reference}


def paired_difference(scores: Scores, label: str, reference: str) -> PairedDifference:
    """The difference of two methods over the seeds s that both have, d_s = score_s - reference_s.

    The interval is mean(d) ± t √(var(d)/k): k seeds, var with k - 1 degrees of freedom, t the 0.975 quantile of
    Student's t with as many. It holds 95 % of the time where the differences are normal and the seeds independent.
    """
    own, other = scores.values[label], scores.values[reference]
    by_seed = {seed: own[seed] - other[seed] for seed in own if seed in other}
    differences = np.array(list(by_seed.values()))
    k = len(differences)
    mean = float(differences.mean()) if k else math.nan
    half = float(stdtrit(k - 1, (1 + LEVEL) / 2) * differences.std(ddof=1) / math.sqrt(k)) if k > 1 else math.nan
    return PairedDifference(reference, by_seed, mean, mean - half, mean + half)


def chosen(sweep: Sweep, validation: Scores) -> str | None:
    """The member of a sweep with the best mean score over the seeds; of equals, the one with the smaller numbers.

    A member of which a network has diverged is not chosen.

    Returns:
        Its label; None if every member has one that diverged, or none is recorded.
    """
    sign = -1.0 if validation.measure == "accuracy" else 1.0
    most = max(len(validation.values[label]) for label in sweep.members)
    whole = [label for label in sweep.members if most and len(validation.values[label]) == most]
    fit = [label for label in whole if not validation.diverged[label]]
    return min(fit, key=lambda label: (sign * validation.mean(label), *sweep.members[label].values()), default=None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a comparison says of one sweep, or of a method that is alone.

    Attributes:
        sweep: its own.
        label: the member that speaks for it, the one that validation chooses; None if none can be chosen.
        difference: of its test score to that of the reference's outcome; None of the reference, and where there is
            nothing to compare.
    """

    sweep: Sweep
    label: str | None
    difference: PairedDifference | None


def outcomes(spec: TrainingSpec, test: Scores, validation: Scores | None) -> tuple[Outcome, ...]:
    """The outcomes of a comparison, in the order of the spec.

    The reference is the outcome of vanilla, or of the first method where there is none, chosen as the others are.
    Nothing is chosen by the test score: that would flatter whatever was lucky on it.

    Args:
        spec: of the comparison.
        test: its scores that are reported.
        validation: those that choose; without them a sweep of several has no outcome.
    """
    found = sweeps(spec)
    spoken = [_spokesman(sweep, validation) for sweep in found]
    vanilla = next((place for place, sweep in enumerate(found) if sweep.combination == VANILLA), 0)
    return tuple(
        Outcome(sweep, label, _difference_of(test, label, spoken[vanilla]))
        for sweep, label in zip(found, spoken, strict=True)
    )


def _spokesman(sweep: Sweep, validation: Scores | None) -> str | None:
    if len(sweep.members) == 1:
        return next(iter(sweep.members))
    return None if validation is None else chosen(sweep, validation)


def _difference_of(test: Scores, label: str | None, reference: str | None) -> PairedDifference | None:
    if label is None or reference is None or label == reference:
        return None
    return paired_difference(test, label, reference)


def _curve(run: Run, scalar: str) -> dict[float, float]:
    return {record.epoch: record.scalars[scalar] for record in run.records if scalar in record.scalars}
