"""Paired differences against SciPy's test of two related samples and simulated data, and what validation chooses."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.runs.comparison import Comparison
from analysis.runs.spec import TrainingSpec
from analysis.runs.status import RunStatus
from analysis.runs.sweep import sweeps
from analysis.survey.paired import (
    Measure,
    Scores,
    chosen,
    final_scores,
    outcomes,
    paired_difference,
    paired_differences,
)

WEIGHTS = [1e-3, 1e-4, 1e-5]
SPEC = TrainingSpec.from_dict(
    {"methods": ["vanilla", {"combination": "per", "settings": {"per.weight": WEIGHTS}}], "seeds": 3}
)
LABELS = [method.label for method in SPEC.methods]
ACCURACIES = st.lists(st.floats(0, 1), min_size=2, max_size=8)


def scores(
    values: dict[str, Any], diverged: dict[str, tuple[int, ...]] | None = None, measure: Measure = "accuracy"
) -> Scores:
    by_seed = {label: dict(enumerate(own)) if isinstance(own, list) else own for label, own in values.items()}
    return Scores("validation", measure, 5, by_seed, dict.fromkeys(by_seed, ()) | (diverged or {}))


@given(st.data())
def test_the_interval_is_that_of_a_test_of_related_samples(data: st.DataObject) -> None:
    own = data.draw(ACCURACIES)
    other = data.draw(st.lists(st.floats(0, 1), min_size=len(own), max_size=len(own)))
    found = paired_difference(scores({"a": own, "b": other}), "a", "b")
    difference = np.subtract(own, other)
    assert found.mean == pytest.approx(difference.mean(), abs=1e-12)
    if difference.std() > 1e-9:
        with np.errstate(over="ignore"):  # scipy divides by the mean, which may be next to nothing
            expected = stats.ttest_rel(own, other).confidence_interval(0.95)
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_the_interval_holds_the_true_difference_95_of_100_times(seeds: int) -> None:
    generator, times = np.random.default_rng(seeds), 4000
    seed_effect = generator.normal(0.9, 0.05, (times, seeds))
    method = seed_effect + generator.normal(0.01, 0.002, (times, seeds))
    found = [
        paired_difference(scores({"a": list(own), "b": list(other)}), "a", "b")
        for own, other in zip(method, seed_effect, strict=True)
    ]
    share = np.mean([one.low <= 0.01 <= one.high for one in found])
    assert share == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / times))
    assert np.median([one.high - one.low for one in found]) < (0.1 if seeds == 2 else 0.02), "seeds' own spread is out"


def test_one_seed_has_a_difference_and_no_interval_and_none_has_neither() -> None:
    found = paired_difference(scores({"a": [0.5], "b": [0.25]}), "a", "b")
    assert (found.mean, found.by_seed) == (0.25, {0: 0.25})
    assert math.isnan(found.low) and math.isnan(found.high)  # noqa: PT018
    assert math.isnan(paired_difference(scores({"a": {1: 0.5}, "b": {2: 0.5}}), "a", "b").mean)


def test_only_seeds_that_both_have_are_compared() -> None:
    found = paired_difference(scores({"a": {0: 0.9, 2: 0.7, 3: 0.1}, "b": {0: 0.8, 1: 0.1, 2: 0.5}}), "a", "b")
    assert found.by_seed == pytest.approx({0: 0.1, 2: 0.2})


def test_every_method_but_the_reference_has_a_difference() -> None:
    found = paired_differences(scores({label: [0.5, 0.6] for label in LABELS}), SPEC)
    assert list(found) == LABELS[1:]
    assert {one.reference for one in found.values()} == {"vanilla"}
    assert {(one.mean, one.low, one.high) for one in found.values()} == {(0.0, 0.0, 0.0)}


@pytest.mark.parametrize(("measure", "best"), [("accuracy", 2), ("perplexity", 3)])
def test_the_best_mean_is_chosen(measure: Measure, best: int) -> None:
    _, sweep = sweeps(SPEC)
    means = {"vanilla": [9.0] * 3, LABELS[1]: [0.5, 0.5, 0.5], LABELS[2]: [0.9, 0.2, 0.9], LABELS[3]: [0.1, 0.6, 0.1]}
    assert chosen(sweep, scores(means, measure=measure)) == LABELS[best]


@given(st.lists(st.sampled_from([0.1, 0.2, 0.7]), min_size=3, max_size=3), st.permutations(range(3)))
def test_of_equals_the_smaller_is_chosen_whatever_the_order_of_the_seeds(own: list[float], order: list[int]) -> None:
    _, sweep = sweeps(SPEC)
    equal = {LABELS[1]: own, LABELS[2]: [own[i] for i in order], LABELS[3]: own[::-1]}
    assert chosen(sweep, scores(equal)) == LABELS[3]


def test_what_has_diverged_is_not_chosen() -> None:
    _, sweep = sweeps(SPEC)
    values = {LABELS[1]: {0: 0.9, 1: 0.9}, LABELS[2]: [0.1] * 3, LABELS[3]: [0.2] * 3}
    assert chosen(sweep, scores(values, {LABELS[1]: (2,)})) == LABELS[3]
    gone: dict[str, Any] = {label: {} for label in LABELS[1:]}
    assert chosen(sweep, scores(gone, dict.fromkeys(LABELS[1:], (0, 1, 2)))) is None
    assert chosen(sweep, scores(gone)) is None


def test_a_sweep_speaks_by_the_member_that_validation_chooses() -> None:
    test = scores({"vanilla": [0.5, 0.6], LABELS[1]: [0.9, 0.9], LABELS[2]: [0.7, 0.8], LABELS[3]: [0.1, 0.1]})
    validation = scores({"vanilla": [0.5] * 2, LABELS[1]: [0.1] * 2, LABELS[2]: [0.3] * 2, LABELS[3]: [0.2] * 2})
    vanilla, per = outcomes(SPEC, test, validation)
    assert (vanilla.label, vanilla.difference) == ("vanilla", None)
    assert (per.label, per.difference) == (LABELS[2], paired_difference(test, LABELS[2], "vanilla"))
    assert [one.label for one in outcomes(SPEC, test, None)] == ["vanilla", None], "nothing is chosen by the test"


def test_the_reference_is_chosen_as_the_others_are() -> None:
    spec = TrainingSpec.from_dict({"methods": ["per", "vanilla"], "learning_rate": [0.1, 0.01]})
    labels = [method.label for method in spec.methods]
    values = scores(dict(zip(labels, ([0.1, 0.1], [0.2, 0.3], [0.4, 0.4], [0.3, 0.3]), strict=True)))
    per, vanilla = outcomes(spec, values, values)
    assert per.difference == paired_difference(values, labels[1], labels[2])
    assert vanilla.difference is None
    first, other = outcomes(
        TrainingSpec.from_dict({"methods": ["bn", "l2"]}), scores({"bn": [0.5], "l2": [0.25]}), None
    )
    assert first.difference is None
    assert other.difference is not None
    assert (other.difference.reference, other.difference.mean) == ("bn", -0.25)


def comparison(
    curves: dict[tuple[str, int], dict[int, float]], scalar: str, diverged: dict[str, Any] | None = None
) -> Comparison:
    """One that has recorded a scalar at some epochs."""
    runs: dict[Any, Any] = {
        (label, seed): SimpleNamespace(
            path=Path(f"{label}-s{seed}"),
            records=[SimpleNamespace(epoch=epoch, scalars={scalar: value}) for epoch, value in curve.items()],
        )
        for (label, seed), curve in curves.items()
    }
    status = RunStatus("running", 2, 5, None, "cpu", 0.0, diverged or {})
    return Comparison(Path("run"), SPEC.as_dict(), {}, status, runs, {})


def test_scores_are_of_the_last_epoch_that_all_have() -> None:
    found = final_scores(
        comparison(
            {
                ("vanilla", 0): {0: 0.1, 1: 0.2, 2: 0.3},
                (LABELS[1], 0): {0: 0.1, 1: 0.4},
                (LABELS[1], 1): {},
                (LABELS[2], 0): {0: 0.1},
                (LABELS[3], 0): {0: 0.1, 1: math.nan, 2: 0.3},
            },
            "test_accuracy",
            {f"{LABELS[2]}-s0": (1, "the training loss is not finite")},
        ),
        SPEC,
        "test",
    )
    assert found is not None
    assert (found.epoch, found.measure) == (1, "accuracy")
    assert found.values == {"vanilla": {0: 0.2}, LABELS[1]: {0: 0.4}, LABELS[2]: {}, LABELS[3]: {}}
    assert found.diverged == {"vanilla": (), LABELS[1]: (), LABELS[2]: (0,), LABELS[3]: (0,)}


def test_without_a_validation_part_there_are_no_scores() -> None:
    assert final_scores(comparison({("vanilla", 0): {0: 0.1}}, "test_accuracy"), SPEC, "validation") is None
    assert final_scores(comparison({}, "test_accuracy"), SPEC, "test") is None


def test_of_a_text_the_score_is_the_perplexity() -> None:
    text = TrainingSpec.from_dict({**SPEC.as_dict(), "data": {"name": "documentation"}})
    curves = {("vanilla", 0): {1: math.log(90)}, (LABELS[1], 0): {1: 1e6}}
    found = final_scores(comparison(curves, "test_loss"), text, "test")
    assert found is not None
    assert found.measure == "perplexity"
    assert found.values["vanilla"] == {0: pytest.approx(90)}
    assert found.diverged[LABELS[1]] == (0,)
