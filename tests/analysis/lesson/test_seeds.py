"""Step 8 of the lesson: what one run of a comparison says, beside what all of them do."""

import json
from pathlib import Path

import numpy as np
import pytest

from analysis.lesson.seeds import see_training
from analysis.training.shipped_run import COMPARISON
from per_core.recording.run_directory import open_run

SHIPPED = Path(__file__).parents[3] / "assets" / "runs" / COMPARISON.name
METHODS, SEEDS = ("per", "vanilla", "bn"), (0, 1, 2)


def last_accuracies(seed: int) -> dict[str, float]:
    """As the last line of each run's records says."""
    lines = {
        method: (SHIPPED / "runs" / f"{method}-s{seed}" / "records.jsonl").read_text().splitlines()
        for method in METHODS
    }
    return {method: json.loads(own[-1])["scalars"]["test_accuracy"] for method, own in lines.items()}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("layer", COMPARISON.layers)
def test_the_best_of_a_seed_is_counted_over_all_of_them(layer: str, seed: int) -> None:
    best = [max(by_method := last_accuracies(other), key=by_method.__getitem__) for other in SEEDS]
    found = see_training(SHIPPED, layer, seed)
    assert found.seeds == SEEDS
    assert [found.best(other) for other in SEEDS] == best
    assert found.also_best == best.count(best[seed])
    assert {method: by_seed[seed] for method, by_seed in found.accuracy.items()} == last_accuracies(seed)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("layer", COMPARISON.layers)
def test_bn_moves_least_and_the_variance_ends_largest_without_a_method(layer: str, seed: int) -> None:
    """What the step explains holds for every unit that it can show, whichever layer and seed are chosen."""
    units = see_training(SHIPPED, layer, seed).units
    assert min(units, key=lambda method: units[method].movement) == "bn"
    assert units["per"].variance[-1] < units["vanilla"].variance[-1]
    assert units["bn"].variance[-1] < units["vanilla"].variance[-1]


def test_no_two_methods_are_best_at_once() -> None:
    """Otherwise the question of the step would have no one answer."""
    for seed in SEEDS:
        first, second, _ = sorted(last_accuracies(seed).values(), reverse=True)
        assert first > second


@pytest.mark.parametrize("method", METHODS)
def test_a_unit_is_drawn_by_the_quartiles_of_its_values(method: str) -> None:
    run = open_run(SHIPPED / "runs" / f"{method}-s1")
    unit = see_training(SHIPPED, "layer 6", 1).units[method]
    assert unit.epochs.tolist() == list(range(21))
    for place, record in enumerate(run.records):
        quartiles = np.quantile(run.arrays(record.index, ["layer 6"])["layer 6"].tracked[:, 0], [0.25, 0.5, 0.75])
        np.testing.assert_allclose([unit.lower[place], unit.median[place], unit.upper[place]], quartiles, atol=4e-3)
